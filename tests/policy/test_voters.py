"""When a change of the voters is over, and whom nothing is given: by the numbers that incarnations have acknowledged."""

from dataclasses import replace

import pytest

from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.reasons import Why
from understudy.model.resource import Resource
from understudy.model.state import Life
from understudy.model.view import ClusterRecord, IncarnationRecord, View
from understudy.policy.decide import decide
from understudy.policy.eligibility import standing
from understudy.policy.ground import survey
from understudy.policy.plan import Memory
from understudy.policy.voters import end_of_change

OLD, NEW = (tuple(ServerName(f"ctr{number}") for number in numbers) for numbers in ((1, 2, 3), (2, 3, 4)))
CHANGING = ClusterRecord(name="c", voters=NEW, voter_set=2, old_voters=OLD)


def a_life(number: int, voter_set: int = 2, life: Life = Life.ONLINE) -> IncarnationRecord:
    return IncarnationRecord(incarnation=Incarnation(f"i{number}"), server=ServerName(f"ctr{number}"), life=life, voter_set=voter_set)


def a_view(*records: IncarnationRecord, cluster: ClusterRecord = CHANGING) -> View:
    return View(cluster=cluster, incarnations={record.incarnation: record for record in records})


def test_it_is_over_when_everybody_has_acknowledged_it_who_may_hold_a_lease() -> None:
    view = a_view(a_life(1), a_life(2), a_life(3, 1, Life.FENCED), a_life(4, 0, Life.LEFT))
    step = end_of_change(view)
    assert step is not None
    assert step.cluster == ClusterRecord(name="c", voters=NEW, voter_set=2)
    assert [note.kind for note in step.notes] == ["voters-changed"]


@pytest.mark.parametrize("life", [Life.JOINING, Life.ONLINE, Life.LEAVING, Life.EVICTED, Life.LOST])
@pytest.mark.parametrize("voter_set", [0, 1])
def test_it_waits_for_whoever_is_not_proved_gone(life: Life, voter_set: int) -> None:
    assert end_of_change(a_view(a_life(1), a_life(2, voter_set, life))) is None


def test_it_does_not_end_while_it_is_not_known_what_runs_where_nor_without_a_beginning() -> None:
    assert end_of_change(a_view(a_life(1), cluster=replace(CHANGING, recovering=True))) is None
    assert end_of_change(a_view(a_life(1), cluster=replace(CHANGING, old_voters=()))) is None
    assert end_of_change(View()) is None


def test_who_is_about_to_be_fenced_is_waited_for_until_that_is_written() -> None:
    """What is decided in the same moment is not proved to others yet."""
    view = a_view(a_life(1), a_life(2, 1, Life.LOST))
    plan = decide(view, 10.0, Memory(quiet_until={Incarnation("i2"): 9.0}))
    assert [step.cluster for step in plan.steps] == [None]
    fenced = a_view(a_life(1), a_life(2, 1, Life.FENCED))
    assert [step.cluster for step in decide(fenced, 11.0, Memory()).steps] == [replace(CHANGING, old_voters=())]


@pytest.mark.parametrize(("voter_set", "refused"), [(0, False), (1, False), (2, False)], ids=str)
def test_while_they_change_both_sets_will_do(voter_set: int, refused: bool) -> None:
    assert refuses(a_view(a_life(1, voter_set))) is refused


@pytest.mark.parametrize(("voter_set", "refused"), [(0, False), (1, True), (2, False)], ids=str)
def test_nothing_is_given_to_whom_voters_grant_that_count_no_more(voter_set: int, refused: bool) -> None:
    """0 is of a version that holds its lease by those of the registry."""
    assert refuses(a_view(a_life(1, voter_set), cluster=replace(CHANGING, old_voters=()))) is refused


def refuses(view: View) -> bool:
    db = Resource(name=ResourceName("db"), uid="u", type=TypeName("cluster_resource"), attributes={})
    return standing(survey(view), db, OLD[0]).reason.why is Why.OLD_VOTERS
