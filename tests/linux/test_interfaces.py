"""The kernel's messages about links and addresses, taken apart."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from understudy.linux.interfaces import NEWADDR, NEWLINK, changes
from understudy.linux.netlink import dump, message


@given(st.binary(min_size=1, max_size=15).filter(lambda name: b"\0" not in name))
def test_a_link_may_have_any_name(name: bytes) -> None:
    """The kernel takes any bytes; one odd link must not be in the way of every address."""
    attribute = struct.pack("=HH", 4 + len(name) + 1, 3) + name + b"\0"
    body = struct.pack("=BxHiII", 0, 0, 7, 0, 0) + attribute.ljust((len(attribute) + 3) & ~3, b"\0")
    (change,) = changes(struct.pack("=IHHII", 16 + len(body), NEWLINK, 0, 0, 0) + body)
    assert change.link is not None
    assert (change.index, change.link.encode(errors="surrogateescape")) == (7, name)


def test_a_list_that_changes_meanwhile_is_asked_for_again() -> None:
    """A list that the kernel calls interrupted must not pass for a whole one: an address that is there would count as gone."""

    class Kernel:
        """Interrupted once, then whole."""

        def __init__(self) -> None:
            self.asked = 0

        def send(self, packet: bytes) -> None:
            self.asked += 1
            self.answers = [_message(NEWADDR, 0x10 if self.asked == 1 else 0), _message(3, 0)]

        def recv(self, size: int) -> bytes:
            if not getattr(self, "answers", []):
                raise BlockingIOError
            return self.answers.pop(0)

    kernel = Kernel()
    assert len(dump(kernel, message(22, 0, b""))) == 1  # type: ignore[arg-type]
    assert kernel.asked == 2


def _message(kind: int, flags: int) -> bytes:
    return struct.pack("=IHHII", 16, kind, flags, 1, 0)
