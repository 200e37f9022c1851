"""A plan in steps that the registry takes: whatever part of it was carried out, what is left is decided from there."""

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from cutting import cut
from policy.carried import carried_out
from policy.language import SpokenCluster
from policy.strategies import views
from policy.test_properties import LATER, memory_of
from understudy.model.events import ASSIGNED, FENCED
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.state import PROVEN, Life
from understudy.model.view import Assignment, ClusterRecord, Holder, IncarnationRecord, View
from understudy.policy import bounded as bounded_policy
from understudy.policy.bounded import bounded, weight
from understudy.policy.decide import decide
from understudy.policy.plan import Memory, Note, Plan, Step

HERE = Holder(server=ServerName("ctr1"), incarnation=Incarnation("i1"), epoch=1)
LOST = IncarnationRecord(incarnation=Incarnation("i2"), server=ServerName("ctr2"), life=Life.FENCED, order=2)


def group_of(count: int, *, requests: int = 0, incarnations: tuple[IncarnationRecord, ...] = ()) -> Step:
    """A step of a group with so many members."""
    names = [ResourceName(f"r{number}") for number in range(count)]
    notes = tuple(Note(kind=FENCED, on=record.server) for record in incarnations) + tuple(
        Note(kind=ASSIGNED, resource=name) for name in names
    )
    return Step(
        group=True,
        incarnations=incarnations,
        assignments=tuple(Assignment(resource=name, epoch=1, owner=HERE, holders=(HERE,)) for name in names),
        fulfilled=tuple(f"q{number}" for number in range(requests)),
        notes=notes,
    )


def test_a_group_moves_with_the_request_that_it_moves_for_or_not_at_all() -> None:
    """Left behind, that request would move the group again, to and fro without end: the first of them decides, the others can wait."""
    (just,) = bounded(group_of(5, requests=3), weight(group_of(5)) + 1)
    assert (len(just.assignments), just.fulfilled) == (5, ("q0",))
    (whole,) = bounded(group_of(5, requests=3), weight(group_of(5)))
    assert whole == group_of(5, requests=3)


MOVED = """
servers ctr1 ctr2
resource vip
resource data START_DEPENDENCIES=hard(vip)
resource db START_DEPENDENCIES=hard(vip,data)
vip data db belong to ctr1
relocate db
start db
start data
start vip
"""


def homes(most: int) -> list[str]:
    """Where each decision puts the database, where one commit rests on so many records: nothing starts or stops in between."""
    cluster, found = SpokenCluster(), list[str]()
    for line in MOVED.strip().splitlines():
        cluster.do(line)
    for _ in range(8):
        parts = [part for step in decide(cluster.view, LATER, Memory()).steps for part in bounded(step, most)]
        cluster.view = carried_out(cluster.view, Plan(steps=tuple(parts)))
        owner = cluster.view.assignments[ResourceName("db")].owner
        found.append("nowhere" if owner is None else owner.server)
    assert cluster.view.requests == ()
    return found


def test_a_group_that_was_asked_to_move_moves_once() -> None:
    """Four requests, and room for one of them: it goes with the group."""
    assert homes(100) == ["ctr2"] * 8
    assert homes(6) == ["ctr2"] * 8


def test_what_keeps_it_from_moving_to_and_fro(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the last of the requests goes with the group instead, the story above goes wrong."""
    cut(monkeypatch, bounded_policy._of_a_group, "step.fulfilled[: len(step.fulfilled) - surplus]", "step.fulfilled[surplus:]")
    with pytest.raises(AssertionError):
        test_a_group_that_was_asked_to_move_moves_once()


def test_a_group_is_never_divided() -> None:
    """The incarnations that changed with it go first, and requests for which there is no room wait; too large it stays whole."""
    first, second = bounded(group_of(5, requests=9, incarnations=(LOST,)), 8)
    assert (first.incarnations, first.assignments, [note.kind for note in first.notes]) == ((LOST,), (), [FENCED])
    assert (len(second.assignments), second.fulfilled, {note.kind for note in second.notes}) == (5, ("q0", "q1"), {ASSIGNED})
    (whole,) = bounded(group_of(9), 8)
    assert whole == group_of(9)


def test_what_holds_each_for_itself_is_divided() -> None:
    """Deleted requests, forgotten incarnations, resources that are no longer registered."""
    forgotten = tuple(Incarnation(f"i{number}") for number in range(20))
    several = list(bounded(Step(forgotten=forgotten, notes=(Note(kind=FENCED),)), 8))
    assert [len(step.forgotten) for step in several] == [8, 8, 4]
    assert [incarnation for part in several for incarnation in part.forgotten] == list(forgotten)
    assert [len(step.notes) for step in several] == [1, 0, 0]


@given(views(), st.integers(3, 12))
def test_each_part_is_within_the_bound_or_one_whole_group(view: View, most: int) -> None:
    """And nothing is lost but requests, which are answered next."""
    for step in decide(view, LATER, memory_of(view)).steps:
        several = list(bounded(step, most))
        assert all(weight(step) <= most or (step.group and len(several) <= 2) for step in several)
        for records in ("incarnations", "assignments", "targets", "forgotten"):
            assert [record for part in several for record in getattr(part, records)] == list(getattr(step, records))
        assert sum(bool(step.assignments) for step in several) <= 1 or not step.group
        assert {note for part in several for note in part.notes} == set(step.notes)


@given(views(), st.integers(3, 12), st.data())
def test_whatever_part_was_written_the_rest_follows(view: View, most: int, data: st.DataObject) -> None:
    """Level-triggered: from the View after any part of a plan the next decisions lead to rest, and no holder goes without a proof.

    What is too large for a commit is refused by the registry, and all that is ever left.
    """
    several = [part for step in decide(view, LATER, memory_of(view)).steps for part in bounded(step, most)]
    chosen = [part for part in several if weight(part) <= most and data.draw(st.booleans())]
    event("some are missing" if 0 < len(chosen) < len(several) else "all or none")
    after = carried_out(view, Plan(steps=tuple(chosen)))
    for name, assignment in after.assignments.items():
        before = view.assignments.get(name)
        kept = {holder.incarnation for holder in assignment.holders}
        for holder in before.holders if before is not None else ():
            life = view.life(holder.incarnation)
            assert holder.incarnation in kept or life in (None, *PROVEN) or holder.incarnation in memory_of(view).quiet_until
    for _ in range(5 + len(view.requests)):
        plan = decide(after, LATER, memory_of(view))
        fitting = [part for step in plan.steps for part in bounded(step, most) if weight(part) <= most]
        if not fitting:
            event("at rest" if not plan else "too large")
            return
        for part in fitting:
            after = carried_out(after, Plan(steps=(part,)))
    raise AssertionError(f"it is never at rest: {plan}")


def test_names_that_are_forgotten_are_divided_each_part_with_the_floor() -> None:
    """What is left of their reports goes with them."""
    names = tuple(ResourceName(f"r{number}") for number in range(6))
    floor = ClusterRecord(name="c", voters=(HERE.server,), epoch_floor=9)
    step = Step(names=names, reports=tuple((name, HERE.server) for name in names), cluster=floor)
    several = list(bounded(step, 8))
    assert [len(part.names) for part in several] == [2, 2, 2]
    assert all(part.cluster == floor and {name for name, _ in part.reports} == set(part.names) for part in several)
    assert [name for part in several for name in part.names] == list(names)
