"""What a well-formed commit is, and how much one may hold: the same for every engine.

Called by the store, the server and the clients, each at its own border, and by the mirror, which divides what is too much for one commit.
Must never know an engine or a connection.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from understudy.errors import CommitTooLarge
from understudy.ports import Bound, CommitCondition, Write

KEY_BYTES_MAX = 4096
BOUND = Bound(operations=128, bytes=1_280 * 1024)
"""Of every commit that a daemon makes. etcd, as it is delivered, takes 128 operations and requests of 1.5 MiB."""
SERVED = Bound(operations=1_000_000, bytes=16 * 1024 * 1024)
"""What the server of the engine `sqlite` takes: daemons of before had no other bound, and have to be served until they are upgraded."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What one caller wants written, and under which conditions."""

    conditions: tuple[CommitCondition, ...]
    writes: tuple[Write, ...]


def checked(conditions: Sequence[CommitCondition], writes: Sequence[Write], bound: Bound = SERVED) -> Commit:
    """The commit, if it is well formed; ValueError otherwise (a mistake in the program, not of an operator). CommitTooLarge: it is more
    than the bound.
    """
    written = set()
    for write in writes:
        if write.key in written:
            raise ValueError(f"a commit writes {write.key!r} twice")
        written.add(write.key)
    for key in (*written, *(condition.key for condition in conditions)):
        if not key or "\0" in key or len(key.encode()) > KEY_BYTES_MAX:
            raise ValueError(f"{key!r} is no key: 1 to {KEY_BYTES_MAX} bytes of UTF-8 without NUL")
    if (operations := max(len(conditions), len(writes))) > bound.operations:
        raise CommitTooLarge(f"a commit of {operations} operations; one holds at most {bound.operations}")
    if (size := bytes_of(conditions, writes)) > bound.bytes:
        raise CommitTooLarge(f"a commit of {size} bytes; one holds at most {bound.bytes}")
    return Commit(tuple(conditions), tuple(writes))


def bytes_of(conditions: Iterable[CommitCondition], writes: Iterable[Write]) -> int:
    """How much of a bound they take: keys and values."""
    rested_on = sum(len(condition.key.encode()) for condition in conditions)
    return rested_on + sum(len(write.key.encode()) + len(write.value or b"") for write in writes)


def divided(shared: Sequence[CommitCondition], parts: Iterable[Commit], bound: Bound) -> list[list[Commit]]:
    """The parts, in their order, in as few commits as hold them, each with the shared conditions as well; no part is divided.

    A part that is too large by itself is alone, and the registry will refuse it.
    """
    found: list[list[Commit]] = []
    present = _Filling(shared, bound)
    for part in parts:
        if found and present.takes(part):
            found[-1].append(part)
        else:
            found.append([part])
            present = _Filling(shared, bound)
        present.add(part)
    return found


class _Filling:
    """How much of a bound is used up by what is to go together: each part is looked at once."""

    def __init__(self, shared: Sequence[CommitCondition], bound: Bound) -> None:
        self._bound = bound
        self._conditions = set(shared)
        self._writes = 0
        self._bytes = bytes_of(self._conditions, ())

    def takes(self, part: Commit) -> bool:
        """Whether there is room for this one as well."""
        fresh = {condition for condition in part.conditions if condition not in self._conditions}
        operations = max(len(self._conditions) + len(fresh), self._writes + len(part.writes))
        return operations <= self._bound.operations and self._bytes + bytes_of(fresh, part.writes) <= self._bound.bytes

    def add(self, part: Commit) -> None:
        """It goes with them."""
        fresh = {condition for condition in part.conditions if condition not in self._conditions}
        self._bytes += bytes_of(fresh, part.writes)
        self._conditions |= fresh
        self._writes += len(part.writes)


def joined(shared: Sequence[CommitCondition], parts: Iterable[Commit]) -> Commit:
    """Several in one: whatever one of them rests on, all rest on."""
    parts = tuple(parts)
    conditions = dict.fromkeys((*shared, *(condition for part in parts for condition in part.conditions)))
    return Commit(tuple(conditions), tuple(write for part in parts for write in part.writes))
