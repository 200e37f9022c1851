"""What outlives a guard: the state its successor continues from, the notes, the lease file."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from understudy.guard.core.watch import HeldState
from understudy.guard.held import Held
from understudy.guard.notes import Notes
from understudy.linux.lease import NOBODY, LeaseFile, read_lease
from understudy.linux.reading import Reading
from understudy.model.position import Position

HELD = Held()
positions = st.builds(Position, st.integers(0, 2**32 - 1), st.integers(0, 2**63 - 1), st.integers(0, 2**62))
states = st.builds(
    HeldState,
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**62),
    st.none() | st.builds(Reading, st.integers(0, 2**62), st.integers(0, 2**62)),
    positions,
    positions,
    st.integers(0, 2**31 - 1),
)


@given(states, states)
def test_a_successor_reads_the_last_whole_state(first: HeldState, second: HeldState) -> None:
    for state in (first, second):
        HELD.write(state)
        assert HELD.read() == state


@given(st.lists(st.tuples(st.text(max_size=30), st.integers(0, 2**62))))
def test_notes_survive_their_writer(puts: list[tuple[str, int]]) -> None:
    memory = memoryview(bytearray(1 << 16))
    writer = Notes(memory)
    for name, number in puts:
        assert writer.put(name, number)
    assert Notes(memory).all() == dict(puts)


@given(st.dictionaries(st.text(min_size=1, max_size=30), st.integers(0, 2**62)), st.integers(1, 200))
def test_notes_are_read_in_pages(puts: dict[str, int], most: int) -> None:
    """However many they are: each page is bounded, and together they are all."""
    notes = Notes(memoryview(bytearray(1 << 16)))
    for name, number in puts.items():
        assert notes.put(name, number)
    found: dict[str, int] = {}
    after, more = "", True
    while more:
        page, more = notes.page(after, most)
        assert len(page) <= 1 or sum(len(name.encode()) for name in page) <= most
        assert page or not more
        found |= page
        after = next(reversed(page), "")
    assert found == puts


def test_a_note_for_which_there_is_no_room_is_refused_and_harms_none() -> None:
    memory = memoryview(bytearray(64))
    notes = Notes(memory)
    assert notes.put("db", 4)
    assert not notes.put("a name that is far too long for what is left of it", 1)
    assert Notes(memory).all() == {"db": 4}


def test_the_lease_file_says_what_the_guard_wrote(tmp_path: Path) -> None:
    path = str(tmp_path / "lease")
    file = LeaseFile(path)
    assert read_lease(path).incarnation == NOBODY
    file.begin(b"i" * 16)
    assert read_lease(path).left_s(Reading(1, 1)) == 0
    file.extend(Reading(3_000_000_000, 9_000_000_000))
    assert read_lease(path).left_s(Reading(1_000_000_000, 8_500_000_000)) == 0.5
    assert LeaseFile(path).read() == read_lease(path) == file.read()
    file.clear()
    assert read_lease(path).left_s(Reading(1, 1)) == 0


def test_no_lease_file_is_no_lease(tmp_path: Path) -> None:
    assert read_lease(str(tmp_path / "lease")).left_s() == 0
