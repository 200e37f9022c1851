"""This daemon's copy of the history, which nothing that decides or acts ever waits for.

Owns what the mirror knows of `history/`: the events that came, in their order, for those who follow; and of all that the registry keeps
the key, revision and size, for the leader who cuts it back. Called by `mirror.py` alone, which hands on what watch and pages bring. Its
memory has a bound in bytes, whatever the registry holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from understudy.model.view import Event

MEMORY_BYTES = 8 * 1024 * 1024
"""Of events, as the registry holds them; of older ones only key, revision and size are known."""
ARRIVALS = 2_000
"""The newest that came, for those who follow; they are awake whenever something comes."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that is news here."""

    number: int
    """Grows with each."""
    revision: int
    event: Event


class Records:
    """The history, as far as this daemon knows it."""

    def __init__(self) -> None:
        self.complete = False
        """Whether everything was read that the registry keeps."""
        self.bytes = 0
        """Of all events that the registry keeps, as far as they are known."""
        self._kept: dict[str, tuple[int, int]] = {}
        """Key -> revision and bytes."""
        self._events: dict[str, Event] = {}
        self._memory_bytes = 0
        self._arrived: dict[str, Arrival] = {}
        self._count = 0
        self._followed = 0
        """Up to which revision nothing is news,"""
        self._known: frozenset[str] | None = None
        """but where all was known before it is read anew that tells: in a registry that went back revisions say nothing."""

    def begin(self, followed: int) -> None:
        """Everything is read anew; up to revision `followed` everything has come already."""
        if self.complete or not self._followed or followed < self._followed:
            self._followed = followed  # else what was to be read is still to be read
        if self.complete:
            self._known = frozenset(self._kept)
        self.complete = False
        self.bytes = self._memory_bytes = 0
        self._kept.clear()
        self._events.clear()

    def put(self, key: str, revision: int, size: int, event: Event | None) -> None:
        """The registry holds an event; None: it cannot be read. Harmless when it is known already."""
        known = self._kept.get(key)
        if known is not None and known[0] >= revision:
            return
        if known is not None:
            self.drop(key)
        self._kept[key] = (revision, size)
        self.bytes += size
        if event is None:
            return
        self._events[key] = event
        self._memory_bytes += size
        if self._memory_bytes > MEMORY_BYTES:
            self._forget_the_oldest()
        arrived = self._arrived.get(key)
        news = revision > self._followed if self._known is None else key not in self._known
        if news and (arrived is None or arrived.revision < revision):
            self._arrived.pop(key, None)
            self._count += 1
            self._arrived[key] = Arrival(self._count, revision, event)
            if len(self._arrived) > ARRIVALS:
                del self._arrived[next(iter(self._arrived))]

    def drop(self, key: str) -> None:
        """The registry holds it no more."""
        revision, size = self._kept.pop(key, (0, 0))
        self.bytes -= size
        if revision and self._events.pop(key, None) is not None:
            self._memory_bytes -= size

    def revision(self, key: str) -> int:
        """Of an event; 0: not known."""
        return self._kept.get(key, (0, 0))[0]

    def __len__(self) -> int:
        """How many the registry keeps, as far as they are known."""
        return len(self._kept)

    def oldest(self, most: int) -> list[str]:
        """Keys of the oldest, at most so many."""
        return sorted(self._kept)[:most]

    def events(self) -> list[Event]:
        """Those that are in memory, oldest first."""
        return [self._events[key] for key in sorted(self._events)]

    def arrivals(self, after: int) -> Iterator[Arrival]:
        """What came after the arrival of this number, in order: from the newest end, for who follows is usually up to date."""
        return reversed(list(takewhile(lambda arrival: arrival.number > after, reversed(self._arrived.values()))))

    @property
    def newest(self) -> int:
        """Number of the last arrival."""
        return self._count

    def _forget_the_oldest(self) -> None:
        """A quarter at once, so that it is not sorted for each."""
        for key in sorted(self._events):
            if self._memory_bytes <= MEMORY_BYTES * 3 // 4:
                return
            del self._events[key]
            self._memory_bytes -= self._kept[key][1]
