"""The lease protocol's rules one by one, in virtual time; each test is one sentence of the design.

`Room` holds guards whose clocks start at odd places and whose network delivers at once, unless a pair is cut.
"""

import pytest

from guard.room import BOOT, LIMITS, ME, OTHER, SECOND, TightRoom, a_renew, a_voter, at, holder
from understudy.guard.core import (
    Envelope,
    FarewellMessage,
    Gone,
    Grant,
    GuardStart,
    Lapsed,
    Leased,
    Lost,
    NotSilent,
    Query,
    Renew,
    RoundEnded,
    Send,
    Silent,
    VoterSet,
    Word,
)
from understudy.guard.core.asker import Round
from understudy.guard.core.messages import PUSHED
from understudy.linux.reading import Reading

# The holder.


def test_a_lease_counts_from_when_the_renew_was_sent() -> None:
    mine = holder()
    renew = mine.beat(at(10))
    assert renew is not None
    for voter in ("a", "b"):
        mine.granted(voter, Grant(ME, renew.sequence, renew.stamp), at(10.5))
    assert mine.until() == at(10 + LIMITS.lease_s)


def test_a_voter_counts_once_whatever_network_brought_its_grant() -> None:
    mine = holder()
    first, second = mine.beat(at(10)), mine.beat(at(10.1))
    assert first is not None
    assert second is not None
    for renew in (first, second, second, first):
        assert not mine.granted("a", Grant(ME, renew.sequence, renew.stamp), at(10.2))
    assert mine.until() is None


def test_the_lease_rests_on_the_majority_th_newest_grant() -> None:
    mine = holder()
    beats = [mine.beat(at(10 + number / 10)) for number in range(3)]
    for voter, renew in zip("abc", beats, strict=True):
        assert renew is not None
        mine.granted(voter, Grant(ME, renew.sequence, renew.stamp), at(10.3))
    assert mine.base == at(10.1)


def test_an_older_grant_takes_nothing_back() -> None:
    mine = holder()
    old, new = mine.beat(at(10)), mine.beat(at(10.1))
    assert old is not None
    assert new is not None
    for renew in (new, old):
        for voter in ("a", "b"):
            mine.granted(voter, Grant(ME, renew.sequence, renew.stamp), at(10.2))
    assert mine.base == at(10.1)


@pytest.mark.parametrize("now", [at(10.71, 10.0), at(10.0, 10.71), at(10.71)])
def test_the_holder_goes_by_the_clock_that_runs_ahead(now: Reading) -> None:
    mine = holder()
    mine.resume(5, at(10), 1)
    assert not mine.must_stop(at(10.69))
    assert mine.must_stop(now)


def test_a_lapse_is_for_good() -> None:
    mine = holder()
    mine.resume(5, at(10), 1)
    assert mine.beat(at(10.7)) is None
    assert not mine.granted("a", Grant(ME, 5, at(10.69)), at(10.7))
    assert mine.must_stop(at(10.1))
    assert mine.beat(at(10.1)) is None


def test_what_is_checked_is_what_is_stamped() -> None:
    mine = holder()
    mine.resume(5, at(10), 1)
    assert mine.beat(at(10.3)) == Renew(6, at(10.3))


@pytest.mark.parametrize(
    "grant",
    [Grant(OTHER, 5, at(10)), Grant(ME, 6, at(10)), Grant(ME, 5, at(11)), Grant(ME, 5, at(10, 11))],
    ids=["of another incarnation", "of a renew not sent yet", "stamped in the future", "on one clock"],
)
def test_a_grant_that_cannot_be_ours_counts_for_nothing(grant: Grant) -> None:
    mine = holder()
    mine.resume(5, None, 0)
    mine.granted("a", grant, at(10.5))
    mine.granted("b", grant, at(10.5))
    assert mine.base is None


# The voter.


def test_a_restarted_voter_neither_grants_nor_says_silent() -> None:
    voter = a_voter(started=10)
    assert voter.renew("ctr1", OTHER, a_renew(1), at(10.7)) is None
    assert not voter.says_silent("ctr2", ME, at(10.77))
    assert voter.renew("ctr1", OTHER, a_renew(2), at(10.78)) == Grant(OTHER, 2, at(0), BOOT)
    assert voter.says_silent("ctr2", ME, at(10.78))


def test_only_a_higher_sequence_refreshes() -> None:
    voter = a_voter()
    assert voter.renew("ctr1", OTHER, a_renew(5), at(10)) is not None
    for sequence in (5, 4):
        assert voter.renew("ctr1", OTHER, a_renew(sequence), at(10.5)) is None
    assert voter.newly_silent(at(10.78)) == [("ctr1", OTHER)]


@pytest.mark.parametrize("now", [at(10.9, 10.7), at(10.7, 10.9)])
def test_a_voter_goes_by_the_clock_that_lags(now: Reading) -> None:
    voter = a_voter()
    voter.renew("ctr1", OTHER, a_renew(1), at(10))
    assert voter.newly_silent(now) == []
    assert voter.newly_silent(at(11)) == [("ctr1", OTHER)]


def test_having_said_silent_a_voter_never_grants_again() -> None:
    voter = a_voter()
    voter.renew("ctr1", OTHER, a_renew(1), at(10))
    assert voter.says_silent("ctr1", OTHER, at(10.8))
    assert voter.renew("ctr1", OTHER, a_renew(2), at(10.81)) == Silent(PUSHED, "ctr1", OTHER, BOOT), "it says so instead"
    assert voter.says_silent("ctr1", OTHER, at(10.82))


def test_a_server_that_rejoins_does_not_wipe_what_is_known_of_its_old_incarnation() -> None:
    voter = a_voter()
    voter.renew("ctr1", OTHER, a_renew(9), at(10))
    assert voter.renew("ctr1", ME, a_renew(1), at(10.5)) is not None
    assert voter.newly_silent(at(10.8)) == [("ctr1", OTHER)]


def test_being_told_that_one_is_evicted_stops_grants_but_is_not_silence() -> None:
    voter = a_voter()
    voter.renew("ctr1", OTHER, a_renew(1), at(10))
    voter.note_gone((OTHER,))
    assert voter.renew("ctr1", OTHER, a_renew(2), at(10.1)) == Lost(OTHER)
    assert not voter.says_silent("ctr1", OTHER, at(10.7))
    assert voter.says_silent("ctr1", OTHER, at(10.8))


# The asker.


def asked() -> Round:
    return Round(Query(77, "ctr1", OTHER), (VoterSet(1, frozenset("abc")),), at(10), round_ns=round(LIMITS.round_s * SECOND))


def test_a_majority_of_distinct_voters_in_one_round_is_proof() -> None:
    query = asked()
    for name in ("a", "a", "d"):
        query.answer(name, Silent(77, "ctr1", OTHER), at(10.01))
    assert query.ended(at(10.01)) is None
    query.answer("c", Silent(77, "ctr1", OTHER), at(10.02))
    assert query.ended(at(10.02)) == RoundEnded(77, "ctr1", OTHER, True, ("a", "c"), ("a", "c"))


@pytest.mark.parametrize(
    ("answer", "when"),
    [
        (Silent(76, "ctr1", OTHER), at(10.01)),
        (Silent(PUSHED, "ctr1", OTHER), at(10.01)),
        (Silent(77, "ctr1", ME), at(10.01)),
        (Silent(77, "ctr1", OTHER), at(10.01, 10.19)),
    ],
    ids=["another round", "a word nobody asked for", "another incarnation", "late on one clock"],
)
def test_an_answer_counts_only_in_its_round(answer: Silent, when: Reading) -> None:
    query = asked()
    for name in ("a", "b"):
        query.answer(name, answer, when)
    ended = query.ended(at(10.2))
    assert ended is not None
    assert not ended.lost


def test_a_voter_that_becomes_silent_within_the_round_counts() -> None:
    query = asked()
    query.answer("a", NotSilent(77, OTHER), at(10.01))
    query.answer("a", Silent(77, "ctr1", OTHER), at(10.05))
    query.answer("b", Silent(77, "ctr1", OTHER), at(10.05))
    ended = query.ended(at(10.05))
    assert ended is not None
    assert ended.lost


# Guards together.


def test_all_hold_once_the_voters_may_speak() -> None:
    room = TightRoom(4, 3)
    room.run(LIMITS.silent_after_s - 0.02)
    assert not any(room.holds(name) for name in room.names)
    room.run(0.1)
    assert all(room.holds(name) for name in room.names)


def test_one_voter_is_a_cluster() -> None:
    room = TightRoom(1, 1)
    room.run(2)
    assert room.holds("ctr1")


def test_a_server_cut_off_lapses_before_the_others_can_prove_it_lost() -> None:
    room = TightRoom(3, 3)
    room.run(1)
    room.isolate("ctr1")
    room.run(LIMITS.lease_s - LIMITS.stop_now_s)
    assert room.seen("ctr1", Lapsed)
    assert not room.seen("ctr2", Word)
    room.run(0.1)
    assert {effect.voter for effect in room.seen("ctr2", Word) if isinstance(effect, Word)} == {"ctr2", "ctr3"}
    ask = Query(1, "ctr1", room.guards["ctr1"].holder.incarnation)
    room.do("ctr2", room.guards["ctr2"].ask(ask, room.clock("ctr2")))
    assert room.seen("ctr2", RoundEnded) == [RoundEnded(1, *ask[1:], True, ("ctr2", "ctr3"), ("ctr2", "ctr3"))]


def test_who_wakes_late_acts_on_nothing_that_came_in_meanwhile() -> None:
    room = TightRoom(3, 3)
    room.run(1)
    room.isolate("ctr1")
    room.run(0.8, asleep="ctr1")
    guard, now = room.guards["ctr1"], room.clock("ctr1")
    grant = Envelope(room.common, "ctr2", OTHER, "ctr1", Grant(guard.holder.incarnation, guard.holder.sequence, now))
    assert [type(effect) for effect in guard.receive(grant, now)] == [Lapsed]
    assert guard.tick(now) == []


def test_an_evicted_server_stops_at_the_first_answer() -> None:
    room = TightRoom(3, 3)
    room.run(1)
    evicted = room.guards["ctr1"].holder.incarnation
    room.do("ctr2", room.guards["ctr2"].note_gone((evicted,), room.clock("ctr2")))
    room.run(LIMITS.beat_s)
    assert len(room.seen("ctr1", Lapsed)) == 1


def test_who_is_told_that_it_is_evicted_stops_at_once() -> None:
    room = TightRoom(3, 3)
    room.run(1)
    guard = room.guards["ctr1"]
    assert [type(effect) for effect in guard.note_gone((guard.holder.incarnation,), room.clock("ctr1"))] == [Lapsed]
    assert room.guards["ctr2"].note_gone((OTHER,), room.clock("ctr2")) == []


def test_a_successor_continues_the_lease_with_the_next_sequence() -> None:
    room = TightRoom(3, 3)
    room.run(1)
    before = room.guards["ctr1"].holder
    start = GuardStart(before.incarnation, before.sequence, before.base, begun_here=False)
    room.guards["ctr1"] = room.fresh("ctr1", start)
    assert room.holds("ctr1")
    room.run(2)
    assert room.holds("ctr1")
    assert room.guards["ctr1"].holder.sequence > before.sequence
    assert not room.seen("ctr1", Lapsed)


def test_a_farewell_is_said_by_who_stopped_and_began_the_incarnation() -> None:
    room = TightRoom(2, 1)
    room.run(1)
    guard = room.guards["ctr2"]
    with pytest.raises(AssertionError, match="before everything was stopped"):
        guard.farewell()
    guard.stop("asked to end")
    room.do("ctr2", guard.farewell())
    assert room.seen("ctr1", Gone) == [Gone("ctr2", guard.holder.incarnation)]


def test_a_successor_does_not_say_farewell_for_its_predecessor() -> None:
    room = TightRoom(2, 1)
    successor = room.fresh("ctr2", GuardStart(ME, 5, None, begun_here=False))
    successor.stop("asked to end")
    assert successor.farewell() == []


def test_a_word_is_repeated_for_those_who_did_not_hear_it() -> None:
    room = TightRoom(3, 1)
    room.run(1)
    room.isolate("ctr2")
    room.run(LIMITS.silent_after_s - 0.05)
    room.cut.add(("ctr1", "ctr3"))
    room.run(0.06)
    room.cut.discard(("ctr1", "ctr3"))
    assert room.seen("ctr1", Word)
    assert not room.seen("ctr3", Word)
    room.run(0.06)
    assert len(room.seen("ctr3", Word)) == 1


def test_a_server_that_was_called_silent_before_its_first_lease_begins_anew() -> None:
    """It could never win one, and without one it would never lapse."""
    room = TightRoom(3, 3)
    room.run(0.2)
    room.cut |= {("ctr1", "ctr3"), ("ctr2", "ctr3")}
    room.run(LIMITS.silent_after_s + 0.5, asleep="ctr3")
    assert not room.seen("ctr3", Lapsed)
    room.cut.clear()
    room.run(0.2)
    assert len(room.seen("ctr3", Lapsed)) == 1
    assert not room.seen("ctr1", Lapsed)


def test_one_that_holds_a_lease_goes_on_whatever_one_voter_says() -> None:
    room = TightRoom(3, 3)
    room.run(1)
    word = Envelope(room.common, "ctr2", OTHER, "ctr1", Silent(PUSHED, "ctr1", room.guards["ctr1"].holder.incarnation))
    room.do("ctr1", room.guards["ctr1"].receive(word, room.clock("ctr1")))
    assert room.holds("ctr1")


def test_a_word_that_comes_during_a_round_is_asked_for_again() -> None:
    room = TightRoom(3, 3)
    room.run(1)
    gone = room.guards["ctr3"].holder.incarnation
    guard = room.guards["ctr1"]
    guard.ask(Query(5, "ctr3", gone), room.clock("ctr1"))
    word = Envelope(room.common, "ctr2", OTHER, "ctr1", Silent(PUSHED, "ctr3", gone))
    sent = [effect.envelope for effect in guard.receive(word, room.clock("ctr1")) if isinstance(effect, Send)]
    assert [(post.receiver, post.body) for post in sent] == [("ctr2", Query(5, "ctr3", gone))]


@pytest.mark.parametrize(("sender", "receiver"), [("ctr9", "ctr1"), ("ctr2", "ctr3")], ids=["a stranger", "for someone else"])
def test_a_message_that_is_not_for_us_changes_nothing(sender: str, receiver: str) -> None:
    room = TightRoom(3, 3)
    room.run(1)
    guard = room.guards["ctr1"]
    lost = Lost(guard.holder.incarnation)
    assert guard.receive(Envelope(room.common, sender, OTHER, receiver, lost), room.clock("ctr1")) == []
    assert not guard.holder.lapsed


def test_only_a_voter_grants() -> None:
    room = TightRoom(4, 3)
    room.run(1)
    guard = room.guards["ctr1"]
    grant = Grant(guard.holder.incarnation, guard.holder.sequence, room.clock("ctr1"))
    effects = guard.receive(Envelope(room.common, "ctr4", OTHER, "ctr1", grant), room.clock("ctr1"))
    assert not [effect for effect in effects if isinstance(effect, Leased)]
    farewell = Envelope(room.common, "ctr4", OTHER, "ctr1", FarewellMessage())
    assert guard.receive(farewell, room.clock("ctr1")) == [Gone("ctr4", OTHER)]
