"""Half of all that arrives at a guard is copies, over another network: they are known by sight."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.guard.copies import Copies


def test_the_same_again_is_a_copy() -> None:
    copies = Copies()
    assert b"renew 1" not in copies
    copies.note(b"renew 1")
    assert b"renew 1" in copies
    assert b"renew 2" not in copies


@given(st.binary(min_size=40, max_size=200), st.data())
def test_what_differs_in_one_bit_is_no_copy(datagram: bytes, data: st.DataObject) -> None:
    """A message that somebody changed on its way has the same code at its end; it must be read, and refused."""
    copies = Copies()
    copies.note(datagram)
    changed = bytearray(datagram)
    bit = data.draw(st.integers(0, 8 * len(datagram) - 1))
    changed[bit // 8] ^= 1 << bit % 8
    assert bytes(changed) not in copies


@pytest.mark.parametrize("most", [1, 64])
def test_the_oldest_is_forgotten(most: int) -> None:
    """However many arrive, so many are kept."""
    copies, sent = Copies(most), [os.urandom(8) + bytes([number]) for number in range(most + 1)]
    for datagram in sent:
        copies.note(datagram)
    assert [datagram in copies for datagram in sent] == [False] + [True] * most


def test_noting_a_copy_again_forgets_nobody() -> None:
    copies = Copies(2)
    for datagram in (b"a", b"b", b"b", b"b"):
        copies.note(datagram)
    assert b"a" in copies
    assert b"b" in copies
