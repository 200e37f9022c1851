"""Maps that are made of one another, each with little changed: what differs between two of them is known, and nobody has to compare all.

Made by the mirror for each View, and by commands for the View that a change would lead to. What is built on a map (`namers.py`,
`policy/ground.py`) is amended by what differs, so that it costs what changed. The copy of the map is the interpreter's own. Pure: a map is
never changed once it is made.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
Answer = TypeVar("Answer")

MOST_STEPS = 64
"""So many maps back it is known how one differs."""
MOST_KEYS = 1_024
"""And not over a step in which more keys were changed: then to compare all costs little more."""
KEPT = 8
"""Answers that are remembered: of what is, what was, and what a command would make of it; of some servers, in a test."""


class LinkedMap(dict[Key, Value]):
    """A dict that knows how it differs from those it was made of."""

    __slots__ = ("mark", "steps")

    def __init__(self, records: Mapping[Key, Value], steps: tuple[tuple[object, tuple[Key, ...]], ...] = ()) -> None:
        super().__init__(records)
        self.mark = object()
        """By what later ones name this one: they do not hold it."""
        self.steps = steps
        """The newest first: the mark of the map before the step, and the keys that were changed in it."""


def with_changes(before: Mapping[Key, Value], changes: Mapping[Key, Value | None]) -> Mapping[Key, Value]:
    """The map with these values; None: without that key."""
    if not changes:
        return before
    after = LinkedMap(before, _steps(before, tuple(changes)))
    for key, value in changes.items():
        if value is None:
            after.pop(key, None)
        else:
            after[key] = value
    return after


def _steps(before: Mapping[Key, Value], keys: tuple[Key, ...]) -> tuple[tuple[object, tuple[Key, ...]], ...]:
    if not isinstance(before, LinkedMap) or len(keys) > MOST_KEYS:
        return ()
    return ((before.mark, keys), *before.steps[: MOST_STEPS - 1])


def differing(before: Mapping[Key, Value], after: Mapping[Key, Value]) -> tuple[Key, ...]:
    """Keys whose value is another one, is new or is gone."""
    if before is after:
        return ()
    known = _known_to_differ(before, after)
    if known is not None:
        return tuple(key for key in known if before.get(key) is not after.get(key))
    changed = [key for key, value in after.items() if before.get(key) is not value]
    gone = [key for key in before if key not in after] if len(before) + len(changed) != len(after) or changed else []
    return (*changed, *gone)


def is_near(before: Mapping[Key, Value], after: Mapping[Key, Value]) -> bool:
    """Whether it is known how the one came of the other, so that `differing` costs what was changed."""
    return before is after or _known_to_differ(before, after) is not None


def _known_to_differ(before: Mapping[Key, Value], after: Mapping[Key, Value]) -> dict[Key, None] | None:
    """Keys among which are all that differ; None: the one was not made of the other, or long ago."""
    if not (isinstance(before, LinkedMap) and isinstance(after, LinkedMap)):
        return None
    back = next((back for back, (mark, _) in enumerate(after.steps, 1) if mark is before.mark), None)
    return None if back is None else dict.fromkeys(key for _, keys in after.steps[:back] for key in keys)


class Derived(Generic[Key, Value, Answer]):
    """Answers to a question about maps, each amended from that about a map before it. They depend on the map alone; what is remembered of
    those asked about last only makes them cheap."""

    def __init__(self, amend: Callable[[Answer, Mapping[Key, Value], Mapping[Key, Value]], Answer], blank: Answer) -> None:
        """`amend`: from the answer about one map to that about another; `blank`: the answer about an empty one."""
        self._amend, self._blank = amend, blank
        self._last: list[tuple[Mapping[Key, Value], Answer]] = []

    def __call__(self, records: Mapping[Key, Value]) -> Answer:
        """The answer about this map."""
        for known, answer in self._last:
            if known is records:
                return answer
        before, found = self._nearest(records)
        answer = self._amend(found, before, records)
        self._last[:] = [(records, answer), *self._last[: KEPT - 1]]
        return answer

    def _nearest(self, records: Mapping[Key, Value]) -> tuple[Mapping[Key, Value], Answer]:
        """One of which few differ, with its answer."""
        for known, answer in self._last:
            if _known_to_differ(known, records) is not None:
                return known, answer
        for known, answer in self._last:
            if _akin(known, records):
                return known, answer
        return {}, self._blank


def _akin(before: Mapping[Any, Value], after: Mapping[Any, Value]) -> bool:
    """Whether the one has probably come of the other."""
    return next(iter(before.values()), None) is next(iter(after.values()), None)
