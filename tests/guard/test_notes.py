"""Notes are dropped and their places used again; a writer that is killed between any two stores leaves what was, or what was to be."""

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from understudy.guard.notes import Notes

ROOM = 512
names = st.text(alphabet="ab", min_size=1, max_size=30)
steps = st.lists(st.tuples(names, st.none() | st.integers(0, 2**62)), max_size=60)


class Killed(Exception):
    """The writer's end."""


class Killing:
    """Memory whose writer is killed before its n-th store."""

    def __init__(self, memory: memoryview, before: list[int]) -> None:
        self._memory = memory
        self._before = before

    def cast(self, kind: Literal["q"]) -> "Killing":
        return Killing(self._memory.cast(kind), self._before)

    def __getitem__(self, key: int | slice) -> int | memoryview:
        return self._memory[key]

    def __setitem__(self, key: int | slice, value: int | bytes) -> None:
        if self._before[0] == 0:
            raise Killed
        self._before[0] -= 1
        if isinstance(key, slice):
            assert isinstance(value, bytes)
            self._memory[key] = value
        else:
            assert isinstance(value, int)
            self._memory[key] = value

    def __len__(self) -> int:
        return len(self._memory)


def do(notes: Notes, model: dict[str, int], name: str, number: int | None) -> None:
    """One step, on the notes and on what they stand for."""
    if number is None:
        notes.drop(name)
        model.pop(name, None)
    elif notes.put(name, number):
        model[name] = number


@given(steps)
def test_what_was_dropped_is_gone_and_all_else_is_there(done: list[tuple[str, int | None]]) -> None:
    memory = memoryview(bytearray(ROOM))
    notes, model = Notes(memory), dict[str, int]()
    for name, number in done:
        do(notes, model, name, number)
        assert notes.all() == Notes(memory).all() == model
    for name in list(model):
        notes.drop(name)
    assert notes.put("n" * (ROOM - 3 * 8), 1)  # as if nothing had ever been there
    assert notes.page("", ROOM) == ({"n" * (ROOM - 3 * 8): 1}, False)


@given(steps, st.integers(0, 200))
def test_a_writer_may_be_killed_between_any_two_stores(done: list[tuple[str, int | None]], stores: int) -> None:
    memory, left = memoryview(bytearray(ROOM)), [stores]
    notes, model = Notes(Killing(memory, left)), dict[str, int]()  # type: ignore[arg-type]  # Python lets nothing descend from memoryview
    before = after = dict(model)
    try:
        for name, number in done:
            before, after = dict(model), dict(model)
            if number is None:
                after.pop(name, None)
            else:
                after[name] = number
            do(notes, model, name, number)
            before = after = dict(model)
    except Killed:
        pass
    found = Notes(memory)
    assert found.all() in (before, after)
    for name in list(found.all()):  # and its successor goes on
        found.drop(name)
    assert Notes(memory).all() == {}
