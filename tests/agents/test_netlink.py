"""The kernel's messages about links and addresses, taken apart."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from understudy.agents.netlink import NEWLINK, changes


@given(st.binary(min_size=1, max_size=15).filter(lambda name: b"\0" not in name))
def test_a_link_may_have_any_name(name: bytes) -> None:
    """The kernel takes any bytes; one odd link must not be in the way of every address."""
    attribute = struct.pack("=HH", 4 + len(name) + 1, 3) + name + b"\0"
    body = struct.pack("=BxHiII", 0, 0, 7, 0, 0) + attribute.ljust((len(attribute) + 3) & ~3, b"\0")
    (change,) = changes(struct.pack("=IHHII", 16 + len(body), NEWLINK, 0, 0, 0) + body)
    assert (change.index, change.link.encode(errors="surrogateescape")) == (7, name)
