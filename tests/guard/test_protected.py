"""Addresses behind the gate, in memory that guards leave to each other: what the cluster has no longer takes no room."""

from understudy.guard.gate import CLUSTER, STORAGE
from understudy.guard.notes import Notes
from understudy.guard.protected import Protected

STANDING, SHARE = "10.77.0.1", "10.77.0.200"


def held(room: int) -> tuple[Protected, memoryview]:
    memory = memoryview(bytearray(room))
    return Protected(Notes(memory)), memory


def test_addresses_that_came_and_went_take_no_room() -> None:
    """Instances of virtual machines, each with an address of its own: 40,000 of them passed through a server in its keeper's life, and the
    next one found no room."""
    protected, _ = held(room=8 << 10)
    assert protected.protect(STANDING)
    assert protected.open(STANDING)
    assert protected.protect(SHARE, STORAGE)
    for number in range(40_000):
        address = f"fd99::{number:x}" if number % 3 else f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        assert protected.protect(address), number
        protected.forget(address)
    assert protected.all() == [(STANDING, CLUSTER), (SHARE, STORAGE)]
    assert protected.passing() == [STANDING, SHARE]


def test_what_is_forgotten_and_comes_back_is_shut() -> None:
    """Also where it was open once: nobody has started it here since."""
    protected, memory = held(room=1 << 10)
    assert protected.protect(STANDING)
    assert protected.open(STANDING)
    protected.shut([STANDING])
    protected.forget(STANDING)
    assert protected.protect(STANDING)
    assert not protected.is_open(STANDING)
    assert protected.cluster() == {STANDING}
    successor = Protected(Notes(memory))
    assert successor.cluster() == {STANDING}
    assert successor.passing() == []
