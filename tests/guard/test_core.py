"""The lease protocol's rules one by one, in virtual time; each test is one sentence of the design.

`Room` holds guards whose clocks start at odd places and whose network delivers at once, unless a pair is cut.
"""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from understudy.guard.core import (
    BootNumber,
    CommonSettings,
    Differs,
    Envelope,
    Farewell,
    Gone,
    Grant,
    Guard,
    Heard,
    Keep,
    Lapsed,
    Leased,
    Lost,
    Member,
    Memory,
    Query,
    Reading,
    Refused,
    Renew,
    RoundEnded,
    Send,
    Silent,
    Start,
    Word,
    common_settings,
)
from understudy.guard.core.asker import Round
from understudy.guard.core.common import MEND
from understudy.guard.core.holder import Holder
from understudy.guard.core.messages import NO_BOOT, PUSHED, Effect
from understudy.guard.core.voter import WORDS_MAX, Voter
from understudy.model.limits import derive

LIMITS = derive(0.5)
SECOND = 1_000_000_000
LEASE, STOP_NOW, SILENT_AFTER = (round(one * SECOND) for one in (LIMITS.lease_s, LIMITS.stop_now_s, LIMITS.silent_after_s))
ME, OTHER = b"m" * 16, b"o" * 16
BOOT = 7


def at(boot_s: float, raw_s: float | None = None) -> Reading:
    """A reading; both clocks the same unless said otherwise."""
    return Reading(round(boot_s * SECOND), round((boot_s if raw_s is None else raw_s) * SECOND))


class Room:
    """Guards side by side in virtual time."""

    def __init__(self, servers: int, voters: int) -> None:
        self.now_s = 0.0
        self.names = tuple(f"ctr{number}" for number in range(1, servers + 1))
        self.common = common_settings("lab", self.names[:voters], 1, LIMITS)
        self.boots = 0
        self.offset = {name: 100.0 * number for number, name in enumerate(self.names)}
        self.cut: set[tuple[str, str]] = set()
        self.effects: dict[str, list[Effect]] = {name: [] for name in self.names}
        self.guards = {name: self.fresh(name, Start(name.encode().ljust(16))) for name in self.names}

    def fresh(self, name: str, start: Start, common: CommonSettings | None = None) -> Guard:
        """A guard that begins now."""
        now = self.clock(name)
        self.boots += 1
        member = Member(name, self.names, common or self.common)
        return Guard(member, LIMITS, start if start.memory else start._replace(memory=Memory(self.boots, now)), now)

    def clock(self, name: str) -> Reading:
        """What that server's clocks say."""
        return at(self.now_s + self.offset[name], self.now_s + self.offset[name] + 7)

    def do(self, name: str, effects: Iterable[Effect]) -> None:
        """Note what a guard wants, and carry its messages."""
        for effect in effects:
            self.effects[name].append(effect)
            if isinstance(effect, Send):
                self.carry(effect.envelope)

    def carry(self, envelope: Envelope) -> None:
        """Deliver at once unless cut."""
        if (envelope.sender, envelope.receiver) not in self.cut:
            receiver = envelope.receiver
            self.do(receiver, self.guards[receiver].receive(envelope, self.clock(receiver)))

    def run(self, seconds: float, asleep: str = "") -> None:
        """Time passes in steps of a hundredth."""
        for _ in range(round(seconds * 100)):
            self.now_s += 0.01
            for name in self.names:
                if name != asleep:
                    self.do(name, self.guards[name].tick(self.clock(name)))

    def isolate(self, name: str) -> None:
        """Nothing in, nothing out."""
        self.cut |= {pair for other in self.names for pair in ((name, other), (other, name))}

    def holds(self, name: str) -> bool:
        """By that server's own clocks."""
        holder = self.guards[name].holder
        left = holder.stop_in_ns(self.clock(name))
        return not holder.lapsed and left is not None and left > 0

    def seen(self, name: str, kind: type[Effect]) -> list[Effect]:
        """What a guard wanted of a kind."""
        return [effect for effect in self.effects[name] if isinstance(effect, kind)]


# The holder.


def holder() -> Holder:
    return Holder(ME, majority=2, run_ns=LEASE, stop_now_ns=STOP_NOW)


def test_a_lease_counts_from_when_the_renew_was_sent() -> None:
    one = holder()
    renew = one.beat(at(10))
    assert renew is not None
    for voter in ("a", "b"):
        one.granted(voter, Grant(ME, renew.sequence, renew.stamp), at(10.5))
    assert one.until() == at(10 + LIMITS.lease_s)


def test_a_voter_counts_once_whatever_network_brought_its_grant() -> None:
    one = holder()
    first, second = one.beat(at(10)), one.beat(at(10.1))
    assert first is not None
    assert second is not None
    for renew in (first, second, second, first):
        assert not one.granted("a", Grant(ME, renew.sequence, renew.stamp), at(10.2))
    assert one.until() is None


def test_the_lease_rests_on_the_majority_th_newest_grant() -> None:
    one = holder()
    beats = [one.beat(at(10 + number / 10)) for number in range(3)]
    for voter, renew in zip("abc", beats, strict=True):
        assert renew is not None
        one.granted(voter, Grant(ME, renew.sequence, renew.stamp), at(10.3))
    assert one.base == at(10.1)


def test_an_older_grant_takes_nothing_back() -> None:
    one = holder()
    old, new = one.beat(at(10)), one.beat(at(10.1))
    assert old is not None
    assert new is not None
    for renew in (new, old):
        for voter in ("a", "b"):
            one.granted(voter, Grant(ME, renew.sequence, renew.stamp), at(10.2))
    assert one.base == at(10.1)


@pytest.mark.parametrize("now", [at(10.71, 10.0), at(10.0, 10.71), at(10.71)])
def test_the_holder_goes_by_the_clock_that_runs_ahead(now: Reading) -> None:
    one = holder()
    one.resume(5, at(10))
    assert not one.must_stop(at(10.69))
    assert one.must_stop(now)


def test_a_lapse_is_for_good() -> None:
    one = holder()
    one.resume(5, at(10))
    assert one.beat(at(10.7)) is None
    assert not one.granted("a", Grant(ME, 5, at(10.69)), at(10.7))
    assert one.must_stop(at(10.1))
    assert one.beat(at(10.1)) is None


def test_what_is_checked_is_what_is_stamped() -> None:
    one = holder()
    one.resume(5, at(10))
    assert one.beat(at(10.3)) == Renew(6, at(10.3))


@pytest.mark.parametrize(
    "grant",
    [Grant(OTHER, 5, at(10)), Grant(ME, 6, at(10)), Grant(ME, 5, at(11)), Grant(ME, 5, at(10, 11))],
    ids=["of another incarnation", "of a renew not sent yet", "stamped in the future", "on one clock"],
)
def test_a_grant_that_cannot_be_ours_counts_for_nothing(grant: Grant) -> None:
    one = holder()
    one.resume(5, None)
    one.granted("a", grant, at(10.5))
    one.granted("b", grant, at(10.5))
    assert one.base is None


# The voter.


def voter(started: float = 0) -> Voter:
    return Voter(Memory(BOOT, at(started)), silent_after_ns=SILENT_AFTER)


def renew(sequence: int) -> Renew:
    return Renew(sequence, at(0), BOOT)


def test_a_restarted_voter_neither_grants_nor_says_silent() -> None:
    one = voter(started=10)
    assert one.renew("ctr1", OTHER, renew(1), at(10.7)) is None
    assert not one.says_silent("ctr2", ME, at(10.77))
    assert one.renew("ctr1", OTHER, renew(2), at(10.78)) == Grant(OTHER, 2, at(0), BOOT)
    assert one.says_silent("ctr2", ME, at(10.78))


def test_only_a_higher_sequence_refreshes() -> None:
    one = voter()
    assert one.renew("ctr1", OTHER, renew(5), at(10)) is not None
    for sequence in (5, 4):
        assert one.renew("ctr1", OTHER, renew(sequence), at(10.5)) is None
    assert one.newly_silent(at(10.78)) == [("ctr1", OTHER)]


@pytest.mark.parametrize("now", [at(10.9, 10.7), at(10.7, 10.9)])
def test_a_voter_goes_by_the_clock_that_lags(now: Reading) -> None:
    one = voter()
    one.renew("ctr1", OTHER, renew(1), at(10))
    assert one.newly_silent(now) == []
    assert one.newly_silent(at(11)) == [("ctr1", OTHER)]


def test_having_said_silent_a_voter_never_grants_again() -> None:
    one = voter()
    one.renew("ctr1", OTHER, renew(1), at(10))
    assert one.says_silent("ctr1", OTHER, at(10.8))
    assert one.renew("ctr1", OTHER, renew(2), at(10.81)) == Silent(PUSHED, "ctr1", OTHER, BOOT), "it says so instead"
    assert one.says_silent("ctr1", OTHER, at(10.82))


def test_a_server_that_rejoins_does_not_wipe_what_is_known_of_its_old_incarnation() -> None:
    one = voter()
    one.renew("ctr1", OTHER, renew(9), at(10))
    assert one.renew("ctr1", ME, renew(1), at(10.5)) is not None
    assert one.newly_silent(at(10.8)) == [("ctr1", OTHER)]


def test_being_told_that_one_is_evicted_stops_grants_but_is_not_silence() -> None:
    one = voter()
    one.renew("ctr1", OTHER, renew(1), at(10))
    one.told_dead((OTHER,))
    assert one.renew("ctr1", OTHER, renew(2), at(10.1)) == Lost(OTHER)
    assert not one.says_silent("ctr1", OTHER, at(10.7))
    assert one.says_silent("ctr1", OTHER, at(10.8))


# The asker.


def asked() -> Round:
    return Round(Query(77, "ctr1", OTHER), frozenset("abc"), at(10), round_ns=round(LIMITS.round_s * SECOND))


def test_a_majority_of_distinct_voters_in_one_round_is_proof() -> None:
    one = asked()
    for name in ("a", "a", "d"):
        one.answer(name, Silent(77, "ctr1", OTHER), at(10.01))
    assert one.ended(at(10.01)) is None
    one.answer("c", Silent(77, "ctr1", OTHER), at(10.02))
    assert one.ended(at(10.02)) == RoundEnded(77, "ctr1", OTHER, True, ("a", "c"), ("a", "c"))


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
    one = asked()
    for name in ("a", "b"):
        one.answer(name, answer, when)
    ended = one.ended(at(10.2))
    assert ended is not None
    assert not ended.lost


def test_a_voter_that_becomes_silent_within_the_round_counts() -> None:
    one = asked()
    one.answer("a", Heard(77, OTHER), at(10.01))
    one.answer("a", Silent(77, "ctr1", OTHER), at(10.05))
    one.answer("b", Silent(77, "ctr1", OTHER), at(10.05))
    ended = one.ended(at(10.05))
    assert ended is not None
    assert ended.lost


# Guards together.


def test_all_hold_once_the_voters_may_speak() -> None:
    room = Room(4, 3)
    room.run(LIMITS.silent_after_s - 0.02)
    assert not any(room.holds(name) for name in room.names)
    room.run(0.1)
    assert all(room.holds(name) for name in room.names)


def test_one_voter_is_a_cluster() -> None:
    room = Room(1, 1)
    room.run(2)
    assert room.holds("ctr1")


def test_a_server_cut_off_lapses_before_the_others_can_prove_it_lost() -> None:
    room = Room(3, 3)
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
    room = Room(3, 3)
    room.run(1)
    room.isolate("ctr1")
    room.run(0.8, asleep="ctr1")
    guard, now = room.guards["ctr1"], room.clock("ctr1")
    grant = Envelope(room.common, "ctr2", OTHER, "ctr1", Grant(guard.holder.incarnation, guard.holder.sequence, now))
    assert [type(effect) for effect in guard.receive(grant, now)] == [Lapsed]
    assert guard.tick(now) == []


def test_an_evicted_server_stops_at_the_first_answer() -> None:
    room = Room(3, 3)
    room.run(1)
    evicted = room.guards["ctr1"].holder.incarnation
    room.do("ctr2", room.guards["ctr2"].told_dead((evicted,), room.clock("ctr2")))
    room.run(LIMITS.beat_s)
    assert len(room.seen("ctr1", Lapsed)) == 1


def test_a_successor_continues_the_lease_with_the_next_sequence() -> None:
    room = Room(3, 3)
    room.run(1)
    before = room.guards["ctr1"].holder
    start = Start(before.incarnation, before.sequence, before.base, begun_here=False)
    room.guards["ctr1"] = room.fresh("ctr1", start)
    assert room.holds("ctr1")
    room.run(2)
    assert room.holds("ctr1")
    assert room.guards["ctr1"].holder.sequence > before.sequence
    assert not room.seen("ctr1", Lapsed)


def test_a_farewell_is_said_by_who_stopped_and_began_the_incarnation() -> None:
    room = Room(2, 1)
    room.run(1)
    guard = room.guards["ctr2"]
    with pytest.raises(AssertionError, match="before everything was stopped"):
        guard.farewell()
    guard.stop("asked to end")
    room.do("ctr2", guard.farewell())
    assert room.seen("ctr1", Gone) == [Gone("ctr2", guard.holder.incarnation)]


def test_a_successor_does_not_say_farewell_for_its_predecessor() -> None:
    room = Room(2, 1)
    successor = room.fresh("ctr2", Start(ME, 5, None, begun_here=False))
    successor.stop("asked to end")
    assert successor.farewell() == []


def test_a_word_is_repeated_for_those_who_did_not_hear_it() -> None:
    room = Room(3, 1)
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
    room = Room(3, 3)
    room.run(0.2)
    room.cut |= {("ctr1", "ctr3"), ("ctr2", "ctr3")}
    room.run(LIMITS.silent_after_s + 0.5, asleep="ctr3")
    assert not room.seen("ctr3", Lapsed)
    room.cut.clear()
    room.run(0.2)
    assert len(room.seen("ctr3", Lapsed)) == 1
    assert not room.seen("ctr1", Lapsed)


def test_one_that_holds_a_lease_goes_on_whatever_one_voter_says() -> None:
    room = Room(3, 3)
    room.run(1)
    word = Envelope(room.common, "ctr2", OTHER, "ctr1", Silent(PUSHED, "ctr1", room.guards["ctr1"].holder.incarnation))
    room.do("ctr1", room.guards["ctr1"].receive(word, room.clock("ctr1")))
    assert room.holds("ctr1")


def test_a_word_that_comes_during_a_round_is_asked_for_again() -> None:
    room = Room(3, 3)
    room.run(1)
    gone = room.guards["ctr3"].holder.incarnation
    guard = room.guards["ctr1"]
    guard.ask(Query(5, "ctr3", gone), room.clock("ctr1"))
    word = Envelope(room.common, "ctr2", OTHER, "ctr1", Silent(PUSHED, "ctr3", gone))
    sent = [one.envelope for one in guard.receive(word, room.clock("ctr1")) if isinstance(one, Send)]
    assert [(one.receiver, one.body) for one in sent] == [("ctr2", Query(5, "ctr3", gone))]


@pytest.mark.parametrize(("sender", "receiver"), [("ctr9", "ctr1"), ("ctr2", "ctr3")], ids=["a stranger", "for someone else"])
def test_a_message_that_is_not_for_us_changes_nothing(sender: str, receiver: str) -> None:
    room = Room(3, 3)
    room.run(1)
    guard = room.guards["ctr1"]
    lost = Lost(guard.holder.incarnation)
    assert guard.receive(Envelope(room.common, sender, OTHER, receiver, lost), room.clock("ctr1")) == []
    assert not guard.holder.lapsed


# Common settings.

DIFFERENT = {
    "another cluster": (common_settings("lap", ("ctr1", "ctr2", "ctr3"), 1, LIMITS), "cluster lap, this server lab"),
    "other voters": (common_settings("lab", ("ctr3", "ctr2", "ctr4"), 1, LIMITS), "voters ctr2, ctr3, ctr4, this server ctr1, ctr2, ctr3"),
    "another number": (common_settings("lab", ("ctr1", "ctr2", "ctr3"), 2, LIMITS), "voter_set 2, this server 1"),
    "another tolerance": (common_settings("lab", ("ctr1", "ctr2", "ctr3"), 1, derive(2)), "pause_tolerance 2 s, this server 0.5 s"),
    "another derivation": (
        common_settings("lab", ("ctr1", "ctr2", "ctr3"), 1, replace(LIMITS, lease_s=0.8)),
        "lease 0.8 s, silence 0.775152 s, this server 0.75 s, silence 0.775152 s",
    ),
}


@pytest.mark.parametrize(("theirs", "words"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_who_has_other_settings_gets_no_grant_and_both_sides_say_why(theirs: CommonSettings, words: str) -> None:
    room = Room(4, 3)
    room.guards["ctr4"] = room.fresh("ctr4", Start(ME), theirs)
    room.run(2)
    assert all(room.holds(name) for name in ("ctr1", "ctr2", "ctr3"))
    assert not room.holds("ctr4")
    said = Refused("ctr4", f"ctr4 has {words}: {MEND}")
    assert room.seen("ctr2", Refused) == [said], "once"
    assert room.guards["ctr2"].differing["ctr4"][0] == said.why
    assert {one.server for one in room.seen("ctr4", Refused) if isinstance(one, Refused)} >= {"ctr2", "ctr3"}


def test_the_order_in_which_voters_are_written_does_not_matter() -> None:
    assert common_settings("lab", ("ctr2", "ctr1", "ctr3"), 1, LIMITS) == Room(3, 3).common


def test_a_voter_with_other_settings_is_not_counted_in_a_round() -> None:
    room = Room(5, 5)
    room.run(1)
    edited = common_settings("lab", room.common.voters, 2, LIMITS)
    room.guards["ctr2"] = room.fresh("ctr2", Start(ME), edited)
    room.isolate("ctr5")
    room.run(2)
    gone = room.guards["ctr5"].holder.incarnation
    room.do("ctr1", room.guards["ctr1"].ask(Query(5, "ctr5", gone), room.clock("ctr1")))
    others = ("ctr1", "ctr3", "ctr4")
    assert room.seen("ctr1", RoundEnded) == [RoundEnded(5, "ctr5", gone, True, others, others)]


def test_when_settings_are_the_same_again_it_is_no_longer_said() -> None:
    room = Room(4, 3)
    room.guards["ctr4"] = room.fresh("ctr4", Start(ME), DIFFERENT["another tolerance"][0])
    room.run(1)
    room.guards["ctr4"] = room.fresh("ctr4", Start(OTHER))
    room.run(1)
    assert room.holds("ctr4")
    assert room.guards["ctr2"].differing == {}


def test_a_guard_whose_settings_are_not_the_registrys_takes_no_part() -> None:
    """Not as a holder, not as a voter, not as one who asks; and it says so again and again."""
    room = Room(4, 3)
    room.run(1)
    edited = DIFFERENT["other voters"][0]
    guard = room.fresh("ctr2", Start(ME, registry=room.common), edited)
    room.guards["ctr2"] = guard
    room.effects["ctr2"].clear()
    room.run(2.5)
    assert guard.refused == f"the registry has voters ctr1, ctr2, ctr3, understudy.toml of this server ctr2, ctr3, ctr4: {MEND}"
    sent = [one.envelope.body for one in room.seen("ctr2", Send) if isinstance(one, Send)]
    assert set(map(type, sent)) == {Differs}
    assert not room.holds("ctr2")
    ask = Query(9, "ctr3", OTHER)
    assert guard.ask(ask, room.clock("ctr2")) == [RoundEnded(9, "ctr3", OTHER, False, (), ())]


def test_a_guard_that_hears_from_the_registry_that_its_settings_are_others_stops_at_once() -> None:
    room = Room(3, 3)
    room.run(1)
    registrys = DIFFERENT["other voters"][0]
    effects = room.guards["ctr1"].told_registry(registrys, room.clock("ctr1"))
    assert [type(one) for one in effects] == [Refused, Lapsed]
    assert room.guards["ctr1"].told_registry(registrys, room.clock("ctr1")) == []
    assert room.guards["ctr2"].told_registry(room.common, room.clock("ctr2")) == []
    assert room.holds("ctr2")


# Boot numbers.


def restarted(room: Room, name: str) -> None:
    """Its keeper has lost what it was as a voter; the incarnation goes on."""
    before = room.guards[name].holder
    room.guards[name] = room.fresh(name, Start(before.incarnation, before.sequence, before.base, begun_here=False))


def test_a_renew_recorded_before_a_voter_restarted_keeps_nobody_alive() -> None:
    room = Room(3, 3)
    room.run(1)
    recorded = [
        one.envelope
        for one in room.seen("ctr3", Send)
        if isinstance(one, Send) and isinstance(one.envelope.body, Renew) and one.envelope.receiver == "ctr1"
    ]
    room.isolate("ctr3")
    gone = room.guards["ctr3"].holder.incarnation
    restarted(room, "ctr1")
    for envelope in recorded[-4:]:
        answers = room.guards["ctr1"].receive(envelope, room.clock("ctr1"))
        assert [type(one.envelope.body) for one in answers if isinstance(one, Send)] == [BootNumber]
    room.run(LIMITS.silent_after_s + 0.02)
    voter = room.guards["ctr1"].voter
    assert voter is not None
    assert voter.says_silent("ctr3", gone, room.clock("ctr1"))


def test_a_holder_learns_the_number_of_a_restarted_voter_within_a_beat() -> None:
    room = Room(3, 3)
    room.run(1)
    restarted(room, "ctr1")
    room.run(LIMITS.beat_s + 0.01)
    voter = room.guards["ctr1"].voter
    assert voter is not None
    assert set(dict(voter.memory().seen)) == {room.guards["ctr1"].holder.incarnation}
    room.run(LIMITS.beat_s)
    assert len(voter.memory().seen) == 3
    room.run(3)
    assert all(room.holds(name) for name in room.names)


def test_an_old_answer_does_not_take_a_boot_number_back() -> None:
    one = holder()
    for _ in range(3):
        one.beat(at(10))
    one.heard_boot("a", BootNumber(ME, 2, 70))
    one.heard_boot("a", Grant(ME, 1, at(10), 60))
    one.heard_boot("a", BootNumber(OTHER, 3, 50))
    one.heard_boot("a", BootNumber(ME, 4, 40))
    assert one.renew_for("a", Renew(3, at(10))).echo == 70
    assert one.renew_for("b", Renew(3, at(10))).echo == NO_BOOT


# A voter's memory.


def test_a_voter_that_goes_on_from_its_memory_is_not_mute() -> None:
    first = voter()
    first.renew("ctr1", OTHER, renew(1), at(10))
    second = Voter(first.memory(), silent_after_ns=SILENT_AFTER)
    assert second.renew("ctr1", OTHER, renew(1), at(10.1)) is None, "no sequence counts twice"
    assert second.renew("ctr1", OTHER, renew(2), at(10.1)) == Grant(OTHER, 2, at(0), BOOT)
    assert second.newly_silent(at(10.87)) == []
    assert second.newly_silent(at(10.88)) == [("ctr1", OTHER)]


def test_a_voter_that_goes_on_from_its_memory_never_grants_whom_it_called_silent() -> None:
    first = voter()
    first.renew("ctr1", OTHER, renew(1), at(10))
    assert first.says_silent("ctr1", OTHER, at(11))
    second = Voter(first.memory(), silent_after_ns=SILENT_AFTER)
    assert isinstance(second.renew("ctr1", OTHER, renew(2), at(11.01)), Silent)


def test_a_memory_that_began_a_moment_ago_is_still_mute() -> None:
    second = Voter(voter(10).memory(), silent_after_ns=SILENT_AFTER)
    assert second.renew("ctr1", OTHER, renew(1), at(10.5)) is None


def test_what_a_voter_says_is_kept_before_it_leaves() -> None:
    room = Room(2, 1)
    room.run(1)
    incarnation = room.guards["ctr2"].holder.incarnation
    mine = Envelope(room.common, "ctr2", incarnation, "ctr1", Renew(99, room.clock("ctr2"), 1))
    effects = room.guards["ctr1"].receive(mine, room.clock("ctr1"))
    assert [type(one) for one in effects] == [Keep, Send]
    room.run(2, asleep="ctr2")
    told = [one for one in room.effects["ctr1"] if isinstance(one, Keep | Word) and one.incarnation == incarnation][-2:]
    assert [(type(one), getattr(one, "silent", None)) for one in told] == [(Keep, True), (Word, None)]


def test_a_voter_forgets_the_oldest_words() -> None:
    one = voter()
    for number in range(2 * WORDS_MAX):
        one.says_silent("ctr1", number.to_bytes(16), at(10))
    assert len(one.memory().said) == WORDS_MAX


def test_only_a_voter_grants() -> None:
    room = Room(4, 3)
    room.run(1)
    guard = room.guards["ctr1"]
    grant = Grant(guard.holder.incarnation, guard.holder.sequence, room.clock("ctr1"))
    effects = guard.receive(Envelope(room.common, "ctr4", OTHER, "ctr1", grant), room.clock("ctr1"))
    assert not [effect for effect in effects if isinstance(effect, Leased)]
    farewell = Envelope(room.common, "ctr4", OTHER, "ctr1", Farewell())
    assert guard.receive(farewell, room.clock("ctr1")) == [Gone("ctr4", OTHER)]
