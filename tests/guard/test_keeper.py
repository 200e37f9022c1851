"""What a keeper does next, without processes: every way in which a guard ends is ruled on, and three things never happen."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from guard.room import at
from understudy.guard.core import GuardStart
from understudy.guard.core import keeper as core
from understudy.guard.core.ending import EndScope, EndSeen, EndStage
from understudy.guard.core.keeper import (
    BeginAnew,
    EndEverything,
    Exit,
    Finish,
    Keeper,
    KeeperPhase,
    NoteLapse,
    Pause,
    Post,
    Reboot,
    Succeed,
)
from understudy.guard.core.watch import UNKILLABLE_S, HeldState, KeeperSight
from understudy.linux.reading import Reading
from understudy.model.limits import derive

LIMITS = derive(0.5)
USABLE_S = LIMITS.lease_s - LIMITS.stop_now_s
STEADY_S = 60.0
ALL_GONE = EndSeen(stopped=True, left=())
UNSURE = EndSeen(stopped=True, left=("not all could be looked at",))
NOT_GONE = EndSeen(stopped=False, left=("db does not die",))
INCARNATION = b"i" * 16


def sight(now_s: float = 0.0, *, leased_s: float | None = 0.0, stage: EndStage = EndStage.RUNNING, **more: Any) -> KeeperSight:
    """What a keeper sees, of a guard whose lease rests on an instant."""
    base = None if leased_s is None else at(leased_s)
    return KeeperSight(at(now_s), HeldState(INCARNATION, 7, base), stage, **more)


def guarded(*, reboots: bool = False) -> Keeper:
    """A keeper with its first guard."""
    keeper = Keeper(LIMITS, reboots=reboots)
    assert keeper.started(after_a_lease=False) == [EndEverything(EndScope(after_a_lease=False))]
    assert BeginAnew() in keeper.ended(ALL_GONE, sight(leased_s=None, stage=EndStage.GONE))
    return keeper


def ending(after_a_lease: bool = True, *, reboots: bool = False) -> Keeper:
    """A keeper that ends everything, at its start."""
    keeper = Keeper(LIMITS, reboots=reboots)
    keeper.started(after_a_lease=after_a_lease)
    return keeper


def kinds(effects: list[core.KeeperEffect]) -> list[type]:
    """What is done, without what is said."""
    return [type(effect) for effect in effects if not isinstance(effect, core.Log | core.Post | core.TakeBack | NoteLapse)]


# Every way in which a guard ends.


CODES = {Exit.FAREWELL: 0, Exit.DIED: -9, Exit.LAPSED: 10, Exit.NOT_EMPTY: 11, Exit.FAREWELL_NOT_EMPTY: 12, Exit.CANNOT_LISTEN: 13}
LEASES = {"never": None, "valid": 0.0, "out": -USABLE_S}
CASES = list(itertools.product(Exit, EndStage, LEASES, (False, True), (False, True)))


@pytest.mark.parametrize(("ended", "stage", "lease", "asked", "out"), CASES)
def test_every_end_of_a_guard_is_ruled_on(ended: Exit, stage: EndStage, lease: str, asked: bool, out: bool) -> None:
    """Written down a second time, as plainly as can be: what follows at once, and what when everything was seen to be gone."""
    keeper = guarded()
    if asked:
        keeper.asked()
    seen = sight(leased_s=LEASES[lease], stage=stage, stays_out=out)
    effects = keeper.guard_ended(CODES[ended], STEADY_S, seen)

    if ended is Exit.DIED and stage is EndStage.RUNNING and lease == "valid":
        assert kinds(effects) == [Succeed], "nothing else lets an incarnation go on, and nothing but its own death stands in its way"
        return
    if ended not in (Exit.LAPSED, Exit.FAREWELL) or stage is not EndStage.GONE:
        assert kinds(effects) == [EndEverything], "nobody has seen it gone"
        assert effects[-1] == EndEverything(EndScope()), "and it was under a lease"
        effects = keeper.ended(ALL_GONE, seen._replace(stage=EndStage.GONE))
    left = ended in (Exit.FAREWELL, Exit.FAREWELL_NOT_EMPTY)
    if ended is Exit.CANNOT_LISTEN or asked or (left and not out):
        assert kinds(effects) == [Finish]
        assert effects[-1] == Finish(cannot_listen=ended is Exit.CANNOT_LISTEN)
    else:
        assert kinds(effects) == ([Pause] if out else [BeginAnew])
    lapsed = [effect.boot_ns for effect in effects if isinstance(effect, NoteLapse)]
    known = [] if lease == "never" else [round((LEASES[lease] or 0.0) * 1e9) + round(LIMITS.lease_s * 1e9)]
    assert lapsed == ([0] if left else known)


def every_end_of_a_guard() -> None:
    """The whole table."""
    for case in CASES:
        test_every_end_of_a_guard_is_ruled_on(*case)


@pytest.mark.parametrize("code", [1, 2, -6, -9, -11, 99, 255])
def test_whatever_else_ends_a_guard_is_its_death(code: int) -> None:
    assert Exit.of(code) is Exit.DIED
    assert kinds(guarded().guard_ended(code, STEADY_S, sight())) == [Succeed]


@pytest.mark.parametrize("asked", [False, True])
def test_a_guard_says_farewell_only_when_all_is_certain(asked: bool) -> None:
    assert core.last_words(ALL_GONE, asked=asked) == (True, Exit.FAREWELL if asked else Exit.LAPSED)
    for ended in (UNSURE, NOT_GONE):
        assert core.last_words(ended, asked=asked) == (False, Exit.FAREWELL_NOT_EMPTY if asked else Exit.NOT_EMPTY)


# Successors.


def test_a_successor_goes_on_where_its_predecessor_was_and_may_not_say_farewell_for_it() -> None:
    effects = guarded().guard_ended(-9, STEADY_S, sight(now_s=0.1))
    assert effects[-1] == Succeed(GuardStart(INCARNATION, 7, at(0), begun_here=False))


@pytest.mark.parametrize(("now_s", "goes_on"), [(USABLE_S - 0.001, True), (USABLE_S, False), (USABLE_S + 30, False)])
def test_no_successor_continues_a_lease_that_has_run_out(now_s: float, goes_on: bool) -> None:
    assert kinds(guarded().guard_ended(-9, STEADY_S, sight(now_s))) == [Succeed if goes_on else EndEverything]


def test_the_clock_that_runs_ahead_ends_a_lease() -> None:
    for now in (Reading(0, round(USABLE_S * 1e9)), Reading(round(USABLE_S * 1e9), 0)):
        assert kinds(guarded().guard_ended(-9, STEADY_S, sight()._replace(now=now))) == [EndEverything]


def test_between_guards_that_keep_ending_are_growing_pauses_but_never_beyond_the_lease() -> None:
    keeper, pauses = guarded(), []
    for _ in range(12):
        effects = keeper.guard_ended(1, 0.1, sight(leased_s=None))
        pauses += [effect.seconds for effect in effects if isinstance(effect, Pause)]
        while not any(isinstance(effect, BeginAnew) for effect in effects):
            at_rest = sight(leased_s=None, stage=EndStage.GONE)
            effects = keeper.ended(ALL_GONE, at_rest) if keeper.phase is KeeperPhase.ENDING else keeper.go_on(at_rest)
    assert pauses == [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.0, 2.0, 2.0, 2.0]

    keeper.guard_ended(1, 0.1, sight(leased_s=None))
    keeper.go_on(sight(leased_s=None))
    keeper.ended(ALL_GONE, sight(leased_s=None, stage=EndStage.GONE))
    effects = keeper.guard_ended(1, 0.1, sight(USABLE_S - 0.3))
    assert [effect.seconds for effect in effects if isinstance(effect, Pause)] == [pytest.approx(0.3)]
    assert kinds(keeper.go_on(sight(USABLE_S))) == [EndEverything], "asked again when the pause is over"


def test_a_guard_that_dies_all_day_does_not_end_its_keeper() -> None:
    keeper = guarded()
    for _ in range(2000):
        effects = keeper.guard_ended(1, 0.1, sight())
        if keeper.phase is KeeperPhase.SUCCEEDING:
            effects = keeper.go_on(sight())
        assert kinds(effects)[-1] is Succeed


# What is left.


def test_what_could_not_be_ended_is_said_once_and_tried_for_ever_with_growing_pauses() -> None:
    keeper = ending()
    pauses, posted = [], 0
    for _ in range(8):
        effects = keeper.ended(NOT_GONE, sight(stage=EndStage.STRUCK))
        pauses += [effect.seconds for effect in effects if isinstance(effect, Pause)]
        posted += sum(isinstance(effect, Post) for effect in effects)
        assert keeper.go_on(sight(stage=EndStage.STRUCK)) == [EndEverything(EndScope())]
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert posted == 1
    assert kinds(keeper.ended(ALL_GONE, sight(stage=EndStage.GONE))) == [BeginAnew]


REBOOTS = [
    # after a lease, what was seen, whether it may reboot: what is done
    (True, NOT_GONE, True, [Reboot, Pause]),
    (True, NOT_GONE, False, [Pause]),
    (True, UNSURE, True, [Reboot, BeginAnew]),
    (True, UNSURE, False, [BeginAnew]),
    (True, ALL_GONE, True, [BeginAnew]),
    (False, NOT_GONE, True, [Reboot, Pause]),
    (False, UNSURE, True, [BeginAnew]),
]


@pytest.mark.parametrize(("after_a_lease", "ended", "reboots", "then"), REBOOTS)
def test_a_reboot_ends_what_nothing_else_does(after_a_lease: bool, ended: EndSeen, reboots: bool, then: list[type]) -> None:
    """If it fails, the keeper goes on as if there were none."""
    keeper = ending(after_a_lease, reboots=reboots)
    assert kinds(keeper.ended(ended, sight(stage=EndStage.GONE if ended.stopped else EndStage.STRUCK))) == then


@pytest.mark.parametrize("reboots", [False, True])
def test_nobody_succeeds_a_guard_that_cannot_be_killed(reboots: bool) -> None:
    """All the rest is ended without it; the next guard begins when it is dead, and everything was seen to be gone once more."""
    keeper, now_s, effects = guarded(reboots=reboots), 0.0, list[core.KeeperEffect]()
    while EndEverything not in kinds(effects):
        stage = EndStage.STRUCK if now_s > USABLE_S else EndStage.RUNNING
        effects = keeper.look(sight(now_s, stage=stage, guard=4711))
        now_s += 0.005
    assert USABLE_S < now_s < USABLE_S + UNKILLABLE_S
    effects = keeper.ended(ALL_GONE, sight(now_s, stage=EndStage.GONE, guard=4711))
    assert any("process 4711" in effect.why for effect in effects if isinstance(effect, core.Log))
    assert effects[-1] == Pause(core.REBOOT_AFTER_S)
    assert kinds(keeper.go_on(sight(now_s + 5, stage=EndStage.GONE))) == ([Reboot] if reboots else [])
    assert keeper.wait_s(sight(now_s + 5, stage=EndStage.GONE)) is None
    assert kinds(keeper.guard_ended(-9, 60, sight(now_s + 60, stage=EndStage.GONE))) == [EndEverything]
    assert kinds(keeper.ended(ALL_GONE, sight(now_s + 60, stage=EndStage.GONE))) == [BeginAnew]


# Asked to end, taken out, asked back.


def test_each_request_to_end_is_passed_on_once_and_again_to_a_guard_that_has_not_heeded_it() -> None:
    keeper = guarded()

    def passed_on(**more: Any) -> int:
        return sum(isinstance(effect, core.PassOn) for _ in range(3) for effect in keeper.look(sight(beats=1, **more)))

    keeper.asked()
    assert passed_on() == 1
    keeper.guard_ended(-9, STEADY_S, sight())
    assert passed_on() == 1, "its predecessor died before it could heed it"
    keeper.guard_ended(-9, STEADY_S, sight(leaving=True))
    assert passed_on(leaving=True) == 0, "its predecessor has heeded it"
    keeper.asked()
    assert passed_on(leaving=True) == 1, "the second one: at once"


def test_a_server_that_was_taken_out_waits_until_it_is_asked_back_or_told_to_end() -> None:
    for asked in (False, True):
        keeper, gone = guarded(), sight(stage=EndStage.GONE, stays_out=True)
        effects = keeper.guard_ended(Exit.FAREWELL, STEADY_S, gone)
        assert any(core.OUT in effect.sentences for effect in effects if isinstance(effect, Post))
        for _ in range(3):
            assert keeper.go_on(gone) == [Pause(core.STAY_OUT_S)]
        if asked:
            keeper.asked()
            assert kinds(keeper.go_on(gone)) == [Finish]
        else:
            assert kinds(keeper.go_on(gone._replace(stays_out=False))) == [BeginAnew]


# Whatever happens, in whatever order.


class Anything(RuleBasedStateMachine):
    """A world that reports anything to the keeper, and carries out what it answers: judged by what truly is."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.guard: bytes | None = None
        """The incarnation under which one runs."""
        self.state = HeldState(b"", 0, None)
        self.stage = EndStage.RUNNING
        self.seen_gone = False
        """Everything of the last life was seen to be gone since it ended."""
        self.owed: type | None = None
        """What the keeper waits for."""
        self.lives = 0
        self.keeper = Keeper(LIMITS, reboots=False)
        self.perform(self.keeper.started(after_a_lease=True))
        self.what_it_waits_for_comes(ALL_GONE, False)

    def sight(self, out: bool = False) -> KeeperSight:
        return KeeperSight(at(self.now_s), self.state, self.stage, stays_out=out)

    def perform(self, effects: list[core.KeeperEffect]) -> None:
        for effect in effects:
            match effect:
                case BeginAnew():
                    assert self.guard is None, "two guards at once"
                    assert self.seen_gone, "begun before everything was seen to be gone"
                    self.lives += 1
                    self.guard, self.stage, self.seen_gone = self.lives.to_bytes(16), EndStage.RUNNING, False
                    self.state = HeldState(self.guard, 0, None)
                case Succeed(start):
                    assert self.guard is None, "two guards at once"
                    assert start.base is not None
                    assert self.now_s - start.base.boot_ns / 1e9 < USABLE_S, "continued after the lease"
                    assert self.stage is EndStage.RUNNING, "continued although everything is being stopped"
                    assert not start.begun_here, "a farewell for its predecessor"
                    assert start.incarnation == self.state.incarnation
                    self.guard = start.incarnation
                case core.Strike():
                    self.stage = max(self.stage, EndStage.STRUCK)
                case EndEverything():
                    self.stage, self.owed = max(self.stage, EndStage.STOPPING), EndEverything
                case Pause():
                    self.owed = Pause
                case Finish():
                    assert self.guard is None, "it outlives its keeper"
                    assert self.seen_gone

    @rule(seconds=st.sampled_from([0.001, 0.01, 0.03, 0.1, 0.3, USABLE_S, 3.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @precondition(lambda self: self.guard is not None and self.stage is EndStage.RUNNING)
    @rule()
    def the_lease_is_extended(self) -> None:
        self.state = self.state._replace(base=at(self.now_s), sequence=self.state.sequence + 1)

    @precondition(lambda self: self.guard is not None)
    @rule(stage=st.sampled_from(EndStage))
    def the_guard_stops_everything(self, stage: EndStage) -> None:
        self.stage = max(self.stage, stage)
        self.seen_gone = self.seen_gone or self.stage is EndStage.GONE

    @rule()
    def the_keeper_looks(self) -> None:
        self.perform(self.keeper.look(self.sight()))

    @precondition(lambda self: self.guard is not None)
    @rule(code=st.sampled_from([*CODES.values(), 1]), lived_s=st.sampled_from([0.1, 60.0]), out=st.booleans())
    def the_guard_ends(self, code: int, lived_s: float, out: bool) -> None:
        self.guard = None
        self.perform(self.keeper.guard_ended(code, lived_s, self.sight(out)))

    @precondition(lambda self: self.guard is not None)
    @rule(seconds=st.sampled_from([0.001, 0.1, USABLE_S - 0.001, USABLE_S]))
    def the_guard_renews_and_is_killed(self, seconds: float) -> None:
        """In one step, for it is what successors are for, and seldom comes about of single ones."""
        if self.stage is EndStage.RUNNING:
            self.the_lease_is_extended()
        self.now_s += seconds
        self.guard = None
        self.perform(self.keeper.guard_ended(-9, 60.0, self.sight()))

    @precondition(lambda self: self.owed is not None)
    @rule(ended=st.sampled_from([ALL_GONE, UNSURE, NOT_GONE]), out=st.booleans())
    def what_it_waits_for_comes(self, ended: EndSeen, out: bool) -> None:
        """Everything was ended, or a pause is over."""
        owed, self.owed = self.owed, None
        if owed is Pause:
            self.perform(self.keeper.go_on(self.sight(out)))
            return
        if ended.stopped:
            self.stage, self.seen_gone = EndStage.GONE, True
        self.perform(self.keeper.ended(ended, self.sight(out)))

    @precondition(lambda self: self.lives > 2)
    @rule()
    def it_is_asked_to_end(self) -> None:
        """Not at once: it is the end of the story."""
        self.keeper.asked()


TestAnything = Anything.TestCase


@given(st.sampled_from(EndStage), st.sampled_from(list(LEASES)), st.booleans())
def test_a_death_while_everything_is_ended_begins_nothing(stage: EndStage, lease: str, out: bool) -> None:
    keeper = guarded()
    keeper.guard_ended(Exit.NOT_EMPTY, STEADY_S, sight(stage=EndStage.STRUCK))
    assert keeper.phase is KeeperPhase.ENDING
    assert keeper.guard_ended(-9, 1.0, sight(stage=stage, leased_s=LEASES[lease], stays_out=out)) == []
