"""How parts are put into as few commits as hold them: none is divided, none is left out, and all rest on what all rest on."""

from hypothesis import given
from hypothesis import strategies as st

from understudy.ports import Bound, CommitCondition, Write
from understudy.registry.commits import Commit, bytes_of, divided, joined

SHARED = (CommitCondition("leader", 7), CommitCondition("cluster", 3))
names = st.text("abc", min_size=1, max_size=3)
sizes = st.integers(0, 30)


@st.composite
def parts(draw: st.DrawFn) -> list[Commit]:
    """Parts that write keys of their own, and rest on some of the same."""
    made = []
    for number, width in enumerate(draw(st.lists(st.integers(1, 4), max_size=12))):
        writes = tuple(Write(f"{number}/{place}", b"x" * draw(sizes)) for place in range(width))
        rests = tuple(CommitCondition(name, 1) for name in sorted(draw(st.sets(names, max_size=2))))
        made.append(Commit((*rests, *(CommitCondition(write.key, 0) for write in writes)), writes))
    return made


@given(parts(), st.integers(6, 20), st.integers(60, 300))
def test_parts_stay_whole_and_in_order(several: list[Commit], operations: int, size: int) -> None:
    """And each commit is within the bound, unless it is one part that is not."""
    found = divided(SHARED, several, Bound(operations=operations, bytes=size))
    assert [part for group in found for part in group] == several
    for group in found:
        commit = joined(SHARED, group)
        assert set(SHARED) < set(commit.conditions)
        assert {condition for part in group for condition in part.conditions} <= set(commit.conditions)
        assert len(set(commit.conditions)) == len(commit.conditions)
        within = max(len(commit.conditions), len(commit.writes)) <= operations and bytes_of(commit.conditions, commit.writes) <= size
        assert within or len(group) == 1


def test_what_fits_is_one_commit() -> None:
    """The usual case: nothing is any different from a single commit."""
    several = [Commit((CommitCondition(f"k/{number}", 0),), (Write(f"k/{number}", b"1"),)) for number in range(10)]
    assert divided(SHARED, several, Bound(operations=12, bytes=1000)) == [several]
    assert [len(part) for part in divided(SHARED, several, Bound(operations=11, bytes=1000))] == [9, 1]
