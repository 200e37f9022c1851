"""What is said of the cluster this minute: each state by its own facts, with a cause and what to do; and nothing when all is well."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import times
from understudy.model.conditions import NUMBERS, UNREACHED, Condition, ConditionKind, GuardSight, LastMessage, Own, Weight, ago, status
from understudy.model.messages import WORDS
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.servers import ServerRecord
from understudy.model.state import Life
from understudy.model.view import ClusterRecord, IncarnationRecord, LeaderRecord, Look, Unable, View
from understudy.policy.conditions import about, conditions, nothing_can_be_done

NAMES = tuple(map(ServerName, ("ctr1", "ctr2", "ctr3")))
LIVES = {name: Incarnation(f"{number:032x}") for number, name in enumerate(NAMES, 1)}
ME = NAMES[0]
REFUSED = "the registry has voters ctr1, ctr2, this server ctr1: make understudy.toml the same on all servers, and restart"


def heard(**ages: float) -> dict[ServerName, LastMessage]:
    """Other guards, in the incarnations that the registry knows."""
    return {ServerName(name): LastMessage(incarnation=LIVES[ServerName(name)], age_s=age_s) for name, age_s in ages.items()}


VIEW = View(
    revision=7,
    cluster=ClusterRecord(name="c", voters=NAMES),
    leader=LeaderRecord(server=NAMES[1], incarnation=LIVES[NAMES[1]], term=1),
    incarnations={life: IncarnationRecord(incarnation=life, server=name, life=Life.ONLINE, order=1) for name, life in LIVES.items()},
)
GUARD = GuardSight(
    incarnation=LIVES[ME], voters=NAMES, last_messages=heard(ctr2=0.2, ctr3=0.9), grants=dict.fromkeys(NAMES, 0.1), gap_s=0.0
)
WELL = Own(server=ME, voters=NAMES, daemon_s=100.0, guard=GUARD, guard_age_s=0.5, leader_silent_s=0.3)
NEW = replace(GUARD, incarnation=Incarnation("f" * 32), last_messages={}, grants={}, lapsed_s=31.0, gap_s=None)
"""The guard after a lapse: a new incarnation without a message from anybody."""


def guard(**changes: Any) -> Own:
    """All is well but for what the guard says."""
    return replace(WELL, guard=replace(GUARD, **changes))


LOST_SIGHT_OF = Look(server=NAMES[2], incarnation=LIVES[NAMES[2]], unregistered=(ResourceName("db"),))
OTHERS_ALONE = {ServerName("ctr9"): ServerRecord(server=ServerName("ctr9"), addresses=("10.10.20.9",))}
STATES: dict[ConditionKind, tuple[View, Own]] = {
    ConditionKind.GUARD_SILENT: (VIEW, replace(WELL, guard_age_s=4.0)),
    ConditionKind.TAKES_NO_PART: (VIEW, replace(guard(refused=REFUSED), held=False)),
    ConditionKind.LEAVING: (VIEW, guard(leave_left_s=12.0)),
    ConditionKind.REMOVED: (replace(VIEW, servers=OTHERS_ALONE), WELL),
    ConditionKind.LEFT: (VIEW, replace(WELL, guard=NEW, held=False, left="root@ctr1")),
    ConditionKind.MAJORITY_LOST: (VIEW, replace(WELL, guard=NEW, held=False, leader_silent_s=None)),
    ConditionKind.NO_LEASE: (VIEW, replace(WELL, guard=replace(NEW, last_messages=GUARD.last_messages), held=False)),
    ConditionKind.REGISTRY_AWAY: (VIEW, replace(WELL, registry_away_s=40.0)),
    ConditionKind.REGISTRY_FULL: (VIEW, replace(WELL, registry_refuses="the registry has failed: disk is full", leader_silent_s=9.0)),
    ConditionKind.MEMBER_AWAY: (VIEW, replace(WELL, members_away={NAMES[1]: 40.0})),
    ConditionKind.REGISTRY_SET_BACK: (replace(VIEW, set_back="it was set back from revision 9 to 7"), WELL),
    ConditionKind.RECOVERING: (replace(VIEW, cluster=ClusterRecord(name="c", voters=NAMES, era=2, recovering=True)), WELL),
    ConditionKind.NO_LEADER: (VIEW, replace(WELL, leader_silent_s=9.0)),
    ConditionKind.CANNOT_ACT: (
        replace(VIEW, unable={LIVES[NAMES[2]]: Unable(server=NAMES[2], why="its executor hangs", since=-4.0)}),
        WELL,
    ),
    ConditionKind.OTHER_NO_LEASE: (
        VIEW,
        guard(last_messages={**GUARD.last_messages, NAMES[2]: LastMessage(incarnation=NEW.incarnation, age_s=0.1)}),
    ),
    ConditionKind.OTHER_UNHEARD: (VIEW, guard(last_messages=heard(ctr2=0.2, ctr3=31.0))),
    ConditionKind.LAST_MAJORITY: (VIEW, guard(last_messages=heard(ctr2=0.2))),
    ConditionKind.NOT_REAL_TIME: (VIEW, guard(priority="normal priority, real time refused: Operation not permitted")),
    ConditionKind.NO_GATE: (VIEW, guard(gate="unavailable: this kernel has no nf_tables")),
    ConditionKind.SETTINGS_DIFFER: (VIEW, guard(differing=("ctr3 has pause_tolerance 2 s, this server 0.5 s: make them the same",))),
    ConditionKind.VOTERS_CHANGE: (replace(VIEW, cluster=ClusterRecord(name="c", voters=NAMES[:1], voter_set=2, old_voters=NAMES)), WELL),
    ConditionKind.VOTERS_DIFFER: (VIEW, replace(WELL, settings_voters=NAMES[1:])),
    ConditionKind.SETTINGS_NOT_KEPT: (VIEW, guard(not_kept="/var/x cannot be written: full. Until it can, do not edit voters")),
    ConditionKind.HELD_NOT_KEPT: (VIEW, replace(WELL, not_kept="No space left on device")),
    ConditionKind.CHECKS_NOT_RUN: (VIEW, replace(WELL, not_run={ResourceName("db"): "Too many open files"})),
    ConditionKind.UNREGISTERED: (replace(VIEW, looks={NAMES[2]: LOST_SIGHT_OF}), WELL),
    ConditionKind.ALERTS_LOST: (VIEW, replace(WELL, alerts_lost=3, alerts_why="No space left on device")),
    ConditionKind.GUARD_SAYS: (VIEW, replace(WELL, notices=("12:00 not stopped: process 7",))),
}


def condition_of(kind: ConditionKind) -> Condition:
    """The condition of that kind in the state that shows it."""
    view, own = STATES[kind]
    (found,) = [each for each in conditions(view, own) if each.kind is kind]
    return found


def test_nothing_is_said_when_all_is_well() -> None:
    """Neither for a server that has run for long, nor for the first instants of its daemon."""
    assert conditions(VIEW, WELL) == ()
    assert conditions(VIEW, replace(WELL, daemon_s=0.2, guard=None, guard_age_s=0.2, leader_silent_s=None)) == ()


def test_who_has_not_looked_for_a_leader_says_nothing_of_its_silence() -> None:
    """A daemon that begins while the registry is away, for a minute, and then reads it."""
    seen_none = replace(WELL, daemon_s=60.0, leader_silent_s=None)
    assert conditions(VIEW, replace(seen_none, leader_watched_s=0.2)) == ()
    (found,) = conditions(VIEW, replace(seen_none, leader_watched_s=9.0))
    assert found.kind is ConditionKind.NO_LEADER
    assert "no server has acted as leader for 9 s" in found.line


def test_every_kind_is_shown_by_a_state() -> None:
    """The table above has each, and each has a number in the catalogue."""
    assert set(STATES) == set(ConditionKind) == set(NUMBERS)
    assert set(NUMBERS.values()) <= set(WORDS)


@pytest.mark.parametrize("kind", ConditionKind)
def test_a_state_says_its_cause_and_what_to_do(kind: ConditionKind) -> None:
    """In one line, with an exit status that a script can use."""
    found = condition_of(kind)

    assert found.cause
    assert found.advice
    assert found.line.count("\n") == 0
    assert found.cause in found.line
    assert found.advice in found.line
    assert status([found]) == (1 if found.weight is Weight.DOWN else 3)
    assert ".." not in found.line


def test_a_lost_majority_names_who_is_needed_who_is_there_and_since_when() -> None:
    """One cause, not five: what follows from it is not said beside it."""
    view, own = STATES[ConditionKind.MAJORITY_LOST]
    found = conditions(view, replace(own, guard=replace(NEW, last_messages=heard(ctr2=20.0))))
    kinds = {each.kind for each in found}

    assert ConditionKind.MAJORITY_LOST in kinds
    assert not kinds & {ConditionKind.NO_LEASE, ConditionKind.NO_LEADER}
    text = condition_of(ConditionKind.MAJORITY_LOST).line
    assert "of 3 voters 2 are needed, and only ctr1 can be reached from ctr1 (for 31 s)" in text
    assert "ctr2 (not since this server's guard started)" in text
    assert "Bring back ctr2 or ctr3" in text


def test_who_is_cut_off_alone_does_not_call_the_majority_lost() -> None:
    """A leader is seen at work through the registry: the others go on, and commands still work from here."""
    view, own = STATES[ConditionKind.MAJORITY_LOST]
    found = conditions(view, replace(own, leader_silent_s=0.4))

    assert [each.kind for each in found if each.about in (None, ME)] == [ConditionKind.NO_LEASE]
    assert "it is cut off" in found[0].cause
    assert nothing_can_be_done(found) is None


def test_a_server_that_has_only_just_begun_calls_nothing_lost() -> None:
    """Its guard has no message from anybody yet; but one that was without a lease before its daemon began says so at once."""
    view, own = STATES[ConditionKind.MAJORITY_LOST]
    young = replace(own, daemon_s=1.5, guard_age_s=0.1)

    assert [each.kind for each in conditions(view, young)] == [ConditionKind.MAJORITY_LOST]
    assert [each.kind for each in conditions(view, replace(young, guard=replace(NEW, lapsed_s=None)))] == [ConditionKind.NO_LEASE]
    assert [each.kind for each in conditions(view, replace(young, daemon_s=0.5))] == [ConditionKind.NO_LEASE]


@pytest.mark.parametrize("kind", ConditionKind)
def test_what_stops_every_verb_is_what_leaves_nobody_to_act(kind: ConditionKind) -> None:
    """A short silence of the registry is waited for by whoever asks it."""
    hopeless = {
        ConditionKind.MAJORITY_LOST,
        ConditionKind.REGISTRY_AWAY,
        ConditionKind.REGISTRY_FULL,
        ConditionKind.REGISTRY_SET_BACK,
        ConditionKind.NO_LEADER,
    }
    view, own = STATES[kind]

    assert (nothing_can_be_done(conditions(view, own)) is not None) == (kind in hopeless)
    assert nothing_can_be_done(conditions(VIEW, replace(WELL, registry_away_s=0.5))) is None


def test_a_registry_that_is_away_for_all_is_said_once() -> None:
    """Not once more for each server that cannot reach it either."""
    away = Unable(server=NAMES[2], why=UNREACHED, since=-4.0)
    view, own = replace(VIEW, unable={LIVES[NAMES[2]]: away}), replace(WELL, registry_away_s=40.0)

    assert [each.kind for each in conditions(view, own)] == [ConditionKind.REGISTRY_AWAY]
    (found,) = conditions(view, WELL)
    assert found.advice.startswith("Look at the network path from ctr3 to the registry")


def test_a_member_of_etcd_is_missed_on_every_server_unless_its_server_is() -> None:
    """Then that is said, and the registry's state where that is away."""
    away = {ME: 12.0, NAMES[2]: 40.0}
    found = [(condition.about, condition.cause[:32]) for condition in conditions(VIEW, replace(WELL, members_away=away))]
    assert found == [(server, f"the member of etcd on {server} has n") for server in away]

    lost = replace(guard(last_messages=heard(ctr2=0.2)), members_away=away)
    assert [condition.about for condition in conditions(VIEW, lost) if condition.kind is ConditionKind.MEMBER_AWAY] == [ME]
    gone = conditions(VIEW, replace(WELL, registry_away_s=40.0, members_away=away))
    assert [condition.kind for condition in gone] == [ConditionKind.REGISTRY_AWAY]


def test_of_other_servers_a_server_does_not_answer() -> None:
    """`check crs` is about this one and the cluster."""
    found = conditions(*STATES[ConditionKind.OTHER_UNHEARD])

    assert {each.kind for each in about(found, ME)} == {ConditionKind.LAST_MAJORITY}


@given(
    picked=st.lists(st.sampled_from(sorted(ConditionKind)), min_size=1, max_size=4),
    daemon_s=st.floats(0, 1e6),
    guard_age_s=st.floats(0, 1e6),
    leader_s=st.none() | st.floats(0, 1e6),
    held=st.booleans(),
    lapsed_s=st.none() | st.floats(0, 1e6),
)
@times(3)
def test_whatever_is_known_each_is_said_once_with_cause_and_advice(
    *, picked: list[ConditionKind], daemon_s: float, guard_age_s: float, leader_s: float | None, held: bool, lapsed_s: float | None
) -> None:
    """Facts of several states at once, of any age."""
    view = STATES[picked[0]][0]
    own = STATES[picked[-1]][1]
    said = replace(own.guard or GUARD, lapsed_s=lapsed_s)
    own = replace(own, daemon_s=daemon_s, guard_age_s=guard_age_s, leader_silent_s=leader_s, held=held, guard=said)
    found = conditions(view, own)

    assert all(each.cause and each.advice for each in found)
    keys = [(each.kind, each.about) for each in found if each.kind not in (ConditionKind.SETTINGS_DIFFER, ConditionKind.GUARD_SAYS)]
    assert len(keys) == len(set(keys))
    if not held and said.refused == "":
        assert any(each.weight is Weight.DOWN for each in found), "a server without a lease is never well"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.9, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (7320, "2 h 2 min"), (273600, "3 d 4 h")]
)
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    """Two units at most."""
    assert ago(seconds) == text
