"""Who may become a voter, and when: what is refused, and what a change that is allowed writes."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from understudy.intent.refusal import Declined
from understudy.intent.voters import change_voters
from understudy.model.names import Incarnation, ServerName
from understudy.model.state import Life
from understudy.model.view import ClusterRecord, IncarnationRecord, Unable, View


def servers(*numbers: int) -> tuple[ServerName, ...]:
    return tuple(ServerName(f"ctr{number}") for number in numbers)


def a_life(number: int, life: Life = Life.ONLINE, voter_set: int = 1) -> IncarnationRecord:
    return IncarnationRecord(incarnation=Incarnation(f"i{number}"), server=ServerName(f"ctr{number}"), life=life, voter_set=voter_set)


SETTLED = View(
    cluster=ClusterRecord(name="c", voters=servers(1, 2, 3)),
    incarnations={Incarnation(f"i{number}"): a_life(number) for number in range(1, 7)},
)


def with_life(record: IncarnationRecord, view: View = SETTLED) -> View:
    return replace(view, incarnations={**view.incarnations, record.incarnation: record})


def begun(view: View, wanted: Sequence[ServerName]) -> View:
    return replace(view, cluster=change_voters(view, wanted).cluster)


CHANGING = begun(SETTLED, servers(2, 3, 4))
CANNOT_ACT = Unable(server=ServerName("ctr4"), why="its daemon does not answer", since=0.0)


def test_a_change_needs_both_sets_from_its_first_moment_and_has_a_number_of_its_own() -> None:
    cluster = CHANGING.cluster
    assert cluster is not None
    assert (cluster.voters, cluster.old_voters, cluster.voter_set, cluster.phase) == (servers(2, 3, 4), servers(1, 2, 3), 2, 3)
    assert [record.server for record in CHANGING.unacknowledged()] == list(servers(1, 2, 3, 4, 5, 6))
    assert cluster.all_voters == servers(2, 3, 4, 1)


@pytest.mark.parametrize("wanted", [(1,), (1, 2, 3, 4, 5), (4, 5, 6), (3, 4, 1)])
def test_one_three_or_five_of_those_who_take_part_may_be_the_voters(wanted: tuple[int, ...]) -> None:
    edit = change_voters(SETTLED, servers(*wanted))
    assert edit.cluster is not None
    assert set(edit.cluster.voters) == set(servers(*wanted))
    assert [entry.kind for entry in edit.history] == ["voters-changing"]


def test_a_change_that_is_under_way_can_only_go_back_which_is_a_change_like_any_other() -> None:
    back = change_voters(CHANGING, servers(3, 2, 1)).cluster
    assert back is not None
    assert (back.voters, back.old_voters, back.voter_set) == (servers(1, 2, 3), servers(2, 3, 4), 3)


REFUSED = {
    "no cluster": (View(), servers(1), 20122),
    "two": (SETTLED, servers(1, 2), 20296),
    "twice the same": (SETTLED, servers(1, 1, 2), 20296),
    "the same": (SETTLED, servers(3, 1, 2), 20298),
    "the same, while it is under way": (CHANGING, servers(2, 3, 4), 20298),
    "another, while one is under way": (CHANGING, servers(2, 3, 5), 20299),
    "never seen": (SETTLED, servers(2, 3, 7), 20297),
    "it is gone": (with_life(a_life(4, Life.FENCED)), servers(2, 3, 4), 20297),
    "it leaves": (with_life(a_life(4, Life.LEAVING)), servers(2, 3, 4), 20297),
    "it cannot act": (replace(SETTLED, unable={Incarnation("i4"): CANNOT_ACT}), servers(2, 3, 4), 20297),
    "a version before": (with_life(a_life(6, voter_set=0)), servers(2, 3, 4), 20300),
    "no majority": (with_life(a_life(3, Life.FENCED), with_life(a_life(2, Life.LOST))), servers(2, 3, 4), 20301),
    "set back": (replace(SETTLED, set_back="it was set back"), servers(2, 3, 4), 20295),
    "recovering": (replace(SETTLED, cluster=ClusterRecord(name="c", voters=servers(1, 2, 3), recovering=True)), servers(2, 3, 4), 20295),
}


@pytest.mark.parametrize(("view", "wanted", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_may_not_be_begun_is_refused_in_words(view: View, wanted: tuple[ServerName, ...], code: int) -> None:
    with pytest.raises(Declined) as refused:
        change_voters(view, wanted)
    assert refused.value.refusal.code == code


def test_a_server_of_an_older_version_that_is_proved_gone_does_not_delay_it() -> None:
    assert change_voters(with_life(a_life(6, Life.FENCED, voter_set=0)), servers(2, 3, 4)).cluster is not None
