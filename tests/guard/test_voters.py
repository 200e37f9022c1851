"""Voters that change jointly, in the guards' cores: each test is one sentence of docs/design/0011, ctr4 comes instead of ctr1."""

from collections.abc import Sequence

import pytest

from guard.room import LIMITS, ME, TightRoom, at
from understudy.guard.core import (
    BeganToVote,
    Census,
    CensusEnded,
    CommonSettings,
    Envelope,
    Grant,
    GuardStart,
    Lapsed,
    Query,
    Renew,
    RoundEnded,
    Send,
    WentOver,
    common_settings,
)
from understudy.guard.core.holder import LeaseHolder

OLD, NEW = ("ctr1", "ctr2", "ctr3"), ("ctr2", "ctr3", "ctr4")
SETTLED = common_settings("lab", OLD, 1, LIMITS)
CHANGING = common_settings("lab", NEW, 2, LIMITS, OLD)
CHANGED = common_settings("lab", NEW, 2, LIMITS)


def a_room(servers: int = 5) -> TightRoom:
    room = TightRoom(servers, 3)
    room.run(1)
    return room


def say(room: TightRoom, registry: CommonSettings, *names: str) -> None:
    """Their daemons have read the registry."""
    for name in names or room.names:
        room.do(name, room.guards[name].note_registry(registry, room.clock(name)))


def proves(room: TightRoom, asker: str, server: str, nonce: int, phase: int | None = None) -> RoundEnded:
    """The result of a round."""
    gone = room.guards[server].holder.incarnation
    room.do(asker, room.guards[asker].ask(Query(nonce, server, gone), room.clock(asker), phase))
    room.run(LIMITS.round_s + 0.02)
    return next(effect for effect in room.seen(asker, RoundEnded) if isinstance(effect, RoundEnded) and effect.nonce == nonce)


def test_everybody_goes_over_to_the_new_voters_without_losing_its_lease() -> None:
    room = a_room()
    say(room, CHANGING)
    room.run(1.5)
    assert all(room.seen(name, WentOver) == [WentOver(2)] for name in room.names), "once"
    say(room, CHANGED)
    room.run(1.5)
    assert all(room.holds(name) and not room.seen(name, Lapsed) for name in room.names)
    assert room.guards["ctr1"].voter is None
    assert set(room.guards["ctr5"].holder.grants()) == set(NEW)


def test_a_new_voter_is_mute_before_it_grants() -> None:
    room = a_room()
    say(room, CHANGING)
    began = room.seen("ctr4", BeganToVote)
    assert len(began) == 1
    room.run(0.5)
    assert "ctr4" not in room.guards["ctr5"].holder.grants()
    room.run(0.5)
    assert "ctr4" in room.guards["ctr5"].holder.grants()


def test_who_votes_again_has_another_boot_number() -> None:
    """A recording of renews to the voter that it was keeps nobody alive."""
    room = a_room()
    say(room, CHANGING)
    say(room, CHANGED)
    say(room, common_settings("lab", OLD, 3, LIMITS, NEW))
    again = room.seen("ctr1", BeganToVote)
    assert len(again) == 1
    assert room.guards["ctr1"].voter is not None
    assert room.guards["ctr1"].voter.memory().seen == ()


def test_a_voter_that_is_left_out_grants_until_the_change_is_over() -> None:
    room = a_room()
    say(room, CHANGING)
    room.run(0.2)
    assert room.guards["ctr5"].holder.grants()["ctr1"].boot_ns > room.clock("ctr5").boot_ns - 10**8
    say(room, CHANGED, "ctr1")
    renew = Renew(999, room.clock("ctr5"))
    sent = room.guards["ctr1"].receive(_from(room, "ctr5", "ctr1", renew), room.clock("ctr1"))
    assert not [effect for effect in sent if isinstance(effect, Send)]


@pytest.mark.parametrize(
    ("cut", "lost"),
    [(("ctr1", "ctr2"), False), (("ctr2", "ctr4"), False), (("ctr3", "ctr4"), False), (("ctr1",), True), (("ctr4",), True), ((), True)],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_lost_needs_a_majority_of_both_sets(cut: tuple[str, ...], lost: bool) -> None:
    """The answers of those do not arrive."""
    room = a_room()
    say(room, CHANGING)
    room.run(1.5)
    room.isolate("ctr5")
    room.run(1.5)
    asker = "ctr3" if "ctr3" not in cut else "ctr1"
    room.cut |= {(name, asker) for name in cut}
    assert proves(room, asker, "ctr5", 7).lost is lost


def test_a_round_by_the_voters_before_proves_nothing_once_one_of_them_knows_of_a_change() -> None:
    room = a_room()
    room.isolate("ctr5")
    room.run(1.5)
    say(room, CHANGING, "ctr2", "ctr3")
    ended = proves(room, "ctr1", "ctr5", 7)
    assert (ended.lost, ended.silent) == (False, ("ctr1",))


def test_a_round_that_the_beginning_of_a_change_has_overtaken_has_no_result() -> None:
    room = a_room()
    room.isolate("ctr5")
    room.run(1.5)
    room.cut |= {("ctr2", "ctr1"), ("ctr3", "ctr1")}
    gone = room.guards["ctr5"].holder.incarnation
    room.do("ctr1", room.guards["ctr1"].ask(Query(7, "ctr5", gone), room.clock("ctr1")))
    room.do("ctr1", room.guards["ctr1"].ask(Census(9), room.clock("ctr1")))
    say(room, CHANGING, "ctr1")
    assert room.seen("ctr1", RoundEnded) == [RoundEnded(7, "ctr5", gone, False, (), ())]
    assert room.seen("ctr1", CensusEnded) == [CensusEnded(9, None)]


def test_who_asks_for_voters_of_another_phase_is_not_answered_by_these() -> None:
    room = a_room()
    room.isolate("ctr5")
    room.run(1.5)
    assert not proves(room, "ctr1", "ctr5", 7, CHANGING.phase).lost
    assert proves(room, "ctr1", "ctr5", 8, SETTLED.phase).lost
    room.do("ctr1", room.guards["ctr1"].ask(Census(9), room.clock("ctr1"), CHANGED.phase))
    assert room.seen("ctr1", CensusEnded) == [CensusEnded(9, None)]


def test_a_new_voter_does_not_call_silent_who_does_not_know_of_the_change_yet() -> None:
    """That one sends it no renews. Its other messages say that it is there; when these end, so does that."""
    room = a_room()
    for name in room.names:
        room.do(name, room.guards[name].note_able(True, ""))
    say(room, CHANGING, "ctr1", "ctr2", "ctr3", "ctr4")
    room.run(3)
    proves(room, "ctr1", "ctr5", 7)
    say(room, CHANGING, "ctr5")
    room.run(0.2)
    assert "ctr4" in room.guards["ctr5"].holder.grants()
    room.isolate("ctr5")
    room.run(1.5)
    proves(room, "ctr1", "ctr5", 8)
    assert room.guards["ctr4"].voter is not None
    assert room.guards["ctr5"].holder.incarnation in dict(room.guards["ctr4"].voter.memory().said)


def test_voters_of_a_lower_number_do_not_come_back() -> None:
    """The registry was set back."""
    room = a_room()
    say(room, CHANGING)
    room.run(1)
    say(room, CHANGED)
    say(room, SETTLED)
    room.run(1)
    assert {guard.common for guard in room.guards.values()} == {CHANGED}
    assert all(room.holds(name) for name in room.names)


def test_a_guard_goes_on_by_the_voters_that_the_registry_named_to_its_predecessor() -> None:
    room = a_room()
    say(room, CHANGING)
    room.run(1)
    before = room.guards["ctr5"].holder
    start = GuardStart(before.incarnation, before.sequence, before.base, registry=CHANGING, voter_set=before.voter_set, begun_here=False)
    guard = room.guards["ctr5"] = room.fresh("ctr5", start)
    room.run(1)
    assert room.holds("ctr5")
    assert (guard.common, guard.holder.voter_set) == (CHANGING, 2)


def test_guards_of_two_numbers_listen_to_each_other_and_those_of_one_number_with_other_voters_do_not() -> None:
    assert SETTLED.listens_to(CHANGING)
    assert CHANGED.listens_to(CHANGING)
    assert CHANGED.listens_to(SETTLED)
    assert not CHANGED.listens_to(common_settings("lab", ("ctr3", "ctr4", "ctr5"), 2, LIMITS))
    assert not SETTLED.listens_to(common_settings("lap", NEW, 2, LIMITS))
    assert SETTLED.phase < CHANGING.phase < CHANGED.phase


# The holder.

SETS = CHANGING.sets


def holds_by(grants: Sequence[str], voter_set: int = 1, base: float = 10.0, *, went_by: int | None = None) -> tuple[float, int]:
    """Since when, and by which number, one holds its lease that rested on the old voters' grants, after these voters granted once more;
    `went_by`: the number by which they went."""
    mine = LeaseHolder(ME, sets=SETS, run_ns=10**9, stop_now_ns=10**8)
    mine.resume(5, at(base), voter_set)
    renew = mine.beat(at(10.1))
    assert renew is not None
    for voter in grants:
        mine.granted(voter, Grant(ME, renew.sequence, renew.stamp), at(10.11), voter_set=went_by)
    assert mine.base is not None
    return mine.base.boot_ns / 1e9, mine.voter_set


def test_grants_of_two_sets_are_not_added_up() -> None:
    assert [wanted.number for wanted in SETS] == [2, 1]
    assert holds_by(("ctr1", "ctr4")) == (10.0, 1)
    assert holds_by(("ctr1", "ctr2")) == (10.1, 1)
    assert holds_by(("ctr2", "ctr4")) == (10.1, 2)
    assert holds_by(("ctr1", "ctr2", "ctr4")) == (10.1, 2), "the new ones, as soon as that costs nothing"


def test_who_granted_as_a_voter_of_before_has_not_granted_as_a_new_one() -> None:
    """A voter of the number before that becomes one of this anew is mute for a while: nobody goes over to what it said before."""
    assert holds_by(("ctr2", "ctr4"), went_by=1) == (10.0, 1)
    assert holds_by(("ctr1", "ctr2"), went_by=1) == (10.1, 1)
    assert holds_by(("ctr2", "ctr4"), went_by=2) == (10.1, 2)


def test_who_has_gone_over_counts_the_old_voters_no_more() -> None:
    assert holds_by(("ctr1", "ctr2"), voter_set=2) == (10.0, 2)
    assert holds_by(("ctr1", "ctr2", "ctr3"), voter_set=2) == (10.1, 2)


def test_nobody_goes_over_at_the_cost_of_its_lease() -> None:
    mine = LeaseHolder(ME, sets=SETS, run_ns=10**9, stop_now_ns=10**8)
    renews = [mine.beat(at(10)), mine.beat(at(10.1))]
    for voter, renew in zip(("ctr2", "ctr4", "ctr1", "ctr3", "ctr4"), (*renews[:1] * 2, *renews[1:] * 3), strict=True):
        assert renew is not None
        mine.granted(voter, Grant(ME, renew.sequence, renew.stamp), at(10.11))
    assert (mine.base, mine.voter_set) == (at(10.1), 2)


def _from(room: TightRoom, sender: str, receiver: str, body: Renew) -> Envelope:
    guard = room.guards[sender]
    return Envelope(guard.common, sender, guard.holder.incarnation, receiver, body)
