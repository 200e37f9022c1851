"""Chance in the false world: numbers that depend on the seed, on whose luck it is and on the instant, and on nothing that happened before.

A queue of random numbers would be shifted by everything that is left out of a run; this is not. So the same seed gives the same run byte
for byte; a run whose quiet time is passed over meets the same luck afterwards (`sim/quiet.py`), and so does one from which some faults
were taken out (`sim/shrink.py`). Called by everything in `sim/`. Must never: depend on the hash of a string, or on the platform.
"""

from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import Protocol, TypeVar

Item = TypeVar("Item")
GRAIN = 100_000
"""Instants per second that are distinguished: coarser than the rounding of floats, finer than anything that takes time."""
_SPREAD = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_UNIT = 2.0**-53


class HasTime(Protocol):
    """Whoever knows the instant."""

    now: float


class Chance:
    """The luck of one thing. Several draws at one instant differ."""

    __slots__ = ("_at", "_clock", "_count", "_own")

    def __init__(self, clock: HasTime, seed: int, name: str) -> None:
        self._clock = clock
        self._own = int.from_bytes(sha256(f"{seed}/{name}".encode()).digest()[:7], "big")
        self._at = -1
        self._count = 0

    def random(self) -> float:
        """0 <= x < 1."""
        at = int(self._clock.now * GRAIN)
        if at == self._at:
            self._count += 1
        else:
            self._at, self._count = at, 0
        # the hash of a tuple of integers is fixed in CPython (only strings are salted); its upper bits are spread by the multiplication
        mixed = (hash((self._own, at, self._count)) * _SPREAD) & _MASK
        return (((mixed ^ (mixed >> 32)) * _SPREAD & _MASK) >> 11) * _UNIT

    def of(self, what: int) -> float:
        """0 <= x < 1, by a number instead of the instant: for what comes round on a grid of its own."""
        return ((hash((self._own, what)) * _SPREAD & _MASK) >> 11) * _UNIT

    def steady(self) -> float:
        """0 <= x < 1, and the same for everything at this instant: for what happens most often, and to one at a time."""
        return ((hash((self._own, int(self._clock.now * GRAIN))) * _SPREAD & _MASK) >> 11) * _UNIT

    def uniform(self, low: float, high: float) -> float:
        """low <= x < high."""
        return low + (high - low) * self.random()

    def choice(self, items: Sequence[Item]) -> Item:
        """One of them."""
        return items[int(self.random() * len(items))]

    def randbytes(self, count: int) -> bytes:
        """That many bytes (at most 32), unlike any others."""
        return sha256(f"{self._own}/{self.random()}/{self._at}/{self._count}".encode()).digest()[:count]

    def getrandbits(self, count: int) -> int:
        """An integer of at most that many bits (at most 256)."""
        return int.from_bytes(self.randbytes(32), "big") >> (256 - count)


def dice(seed: int, name: str) -> Random:
    """A queue of random numbers for what is drawn before anything happens, or in an order of its own."""
    return Random(int.from_bytes(sha256(f"{seed}/{name}".encode()).digest()[:8], "big"))
