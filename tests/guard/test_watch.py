"""How a keeper judges its guard: when it helps, when it kills, when it goes on alone."""

from hypothesis import given
from hypothesis import strategies as st

from guard.room import at
from understudy.guard.core.ending import EndStage
from understudy.guard.core.watch import UNKILLABLE_S, GuardWatch, HeldState, KeeperSight, WatchVerdict, _calm_s, look_boot_ns
from understudy.guard.held import Held
from understudy.linux.reading import Reading
from understudy.model.limits import derive

LIMITS = derive(0.5)
LAPSE_S = LIMITS.lease_s - LIMITS.stop_now_s
NOTHING = WatchVerdict()


class WatchStory:
    """A keeper's looks, one after the other, at a guard whose lease rests on instant 0."""

    def __init__(self, *, leased: bool = True) -> None:
        self.held = Held()
        self.held.write(HeldState(b"i" * 16, 1, Reading(0, 0) if leased else None))
        self.watch = GuardWatch(LIMITS, ends_within_s=1.0)

    def look(self, at_s: float, *, beats: bool = False) -> WatchVerdict:
        if beats:
            self.beat(at_s)
        return self.watch.look(self.sight(at_s))

    def beat(self, at_s: float) -> None:
        self.held.beat(at(at_s).boot_ns)

    def wait_s(self, at_s: float) -> float:
        return self.watch.wait_s(self.sight(at_s))

    def sight(self, at_s: float) -> KeeperSight:
        return KeeperSight(at(at_s), self.held.read(), self.held.stage, self.held.beats, self.held.beat_boot_ns)


def test_a_guard_that_beats_is_left_alone_until_its_lease_ends() -> None:
    story = WatchStory()
    assert all(story.look(step * 0.025, beats=True) == NOTHING for step in range(int(LAPSE_S / 0.025)))


def test_it_looks_again_just_when_it_would_have_to_help() -> None:
    story = WatchStory()
    assert story.wait_s(LAPSE_S) < LIMITS.pace.reaction_s


def test_while_the_guard_beats_it_looks_seldom_and_sees_a_hang_as_soon_as_one_who_looks_often() -> None:
    """The guard beats as often as it must, and hangs in its eighth beat."""
    story, at_s, beat_s, looks = WatchStory(), 0.0, 0.0, []
    while True:
        while beat_s <= at_s and beat_s < 7.5 * LIMITS.beat_s:
            story.beat(beat_s)
            beat_s += LIMITS.beat_s
        looks.append(at_s)
        if story.look(at_s).kill == "it hangs":
            break
        at_s += story.wait_s(at_s)
    last_beat_s = beat_s - LIMITS.beat_s
    assert LIMITS.hang_s <= at_s - last_beat_s <= LIMITS.hang_s + LIMITS.look_s
    assert len([look for look in looks if look < last_beat_s]) <= last_beat_s / LIMITS.look_s / 2


@given(st.lists(st.floats(0.5, 1.2), max_size=20), st.booleans())
def test_looks_that_the_guard_puts_off_find_a_hang_as_soon_as_those_that_it_does_not(gaps: list[float], leased: bool) -> None:
    """Beats at any distances that a guard may have; then it hangs. The alarm is set by keeper and guard, and wakes the keeper."""
    story, alarm_s, looks = WatchStory(leased=leased), _calm_s(LIMITS), 0
    beats_s = [0.0]
    for gap in gaps:
        beats_s.append(beats_s[-1] + gap * LIMITS.beat_s)
    last_s, put_off, waiting = beats_s[-1], True, beats_s[1:]
    story.look(0.0, beats=True)
    if leased:
        story.held.write(HeldState(b"i" * 16, 1, at(last_s)))  # renewed with every beat
    while True:
        while waiting and waiting[0] <= alarm_s:
            beat_s = waiting.pop(0)
            story.beat(beat_s)
            stop_in_ns = at(last_s + LAPSE_S).boot_ns - at(beat_s).boot_ns if leased else None
            alarm_s = max(alarm_s, (look_boot_ns(LIMITS, at(beat_s), stop_in_ns) - at(0).boot_ns) / 1e9)
        sight, looks = story.sight(alarm_s), looks + 1
        if put_off:
            story.watch.put_off(sight)
        if story.watch.look(sight).kill is not None:
            break
        put_off = story.watch.is_calm(sight)
        alarm_s += story.watch.wait_s(sight)
    assert LIMITS.hang_s - 1e-6 <= alarm_s - last_s <= LIMITS.hang_s + LIMITS.look_s + 0.001
    assert looks <= 2 + 2 * len([gap for gap in gaps if gap > 1.1]) + LIMITS.hang_s / LIMITS.look_s


def test_a_look_that_was_put_off_and_comes_late_gives_the_guard_all_its_time_again() -> None:
    story = WatchStory()
    story.look(0.0, beats=True)
    story.beat(0.3)
    paused_s = at_s = 0.3 + LIMITS.hang_s + LIMITS.look_s
    assert story.watch.is_calm(story.sight(0.3))
    story.watch.put_off(story.sight(at_s))
    while story.look(at_s).kill is None:
        at_s += story.wait_s(at_s)
    assert at_s - paused_s >= LIMITS.hang_s


def test_a_keeper_is_not_put_off_beyond_the_end_of_the_lease() -> None:
    soon = look_boot_ns(LIMITS, at(LAPSE_S - 0.01), at(LAPSE_S).boot_ns - at(LAPSE_S - 0.01).boot_ns)
    assert LAPSE_S < (soon - at(0).boot_ns) / 1e9 < LAPSE_S + LIMITS.pace.reaction_s


def test_after_a_pause_that_made_no_look_late_the_guard_has_its_turn() -> None:
    """The machine is paused between two looks, and goes on just before the second: the keeper is the first that runs."""
    story = WatchStory()
    story.look(0.0, beats=True)
    at_s = story.wait_s(0.0)
    for _ in range(2):
        assert story.look(at_s) == NOTHING
        at_s += LIMITS.look_s
    assert story.look(at_s, beats=True) == NOTHING


def test_after_a_pause_that_made_a_look_late_the_guard_has_all_its_time_again() -> None:
    story = WatchStory()
    story.look(0.0, beats=True)
    paused_s, at_s = 0.4, 0.4
    story.look(paused_s)
    while (verdict := story.look(at_s)).kill is None:
        at_s += story.wait_s(at_s)
    assert verdict.kill == "it hangs"
    assert at_s - paused_s >= LIMITS.hang_s


def test_a_guard_that_is_late_gets_help_first_and_is_killed_later() -> None:
    story = WatchStory()
    story.look(LAPSE_S - 0.01, beats=True)
    assert story.look(LAPSE_S + 0.016, beats=True) == WatchVerdict(strike=True)
    assert story.look(LAPSE_S + 0.021) == NOTHING, "helped once"
    assert story.look(LAPSE_S + 0.035) == WatchVerdict(kill="it did not stop this server when the lease ended")


def test_after_a_pause_of_the_whole_machine_the_kill_is_sent_at_once_and_the_guard_lives() -> None:
    story = WatchStory()
    story.look(0.1, beats=True)
    assert story.look(30.0) == WatchVerdict(strike=True)


def test_a_kill_under_way_is_not_begun_again_however_slow_it_is() -> None:
    story = WatchStory()
    story.look(LAPSE_S - 0.01, beats=True)
    story.held.stage = EndStage.STRUCK
    at_s = LAPSE_S
    while at_s < LAPSE_S + 0.9:
        at_s += 0.005
        assert story.look(at_s) == NOTHING
    story.held.stage = EndStage.EMPTY
    assert story.look(at_s + 0.005) == NOTHING


def test_a_guard_that_stands_still_before_its_kill_gets_help() -> None:
    story = WatchStory()
    story.look(0.1, beats=True)
    story.held.stage = EndStage.STOPPING  # it knows that it is evicted, for example: the lease itself would last
    verdicts = [story.look(0.1 + 0.005 * step) for step in range(1, 5)]
    assert [verdict.strike for verdict in verdicts].count(True) == 1
    assert not any(verdict.kill for verdict in verdicts)


def test_an_end_without_end_is_ended() -> None:
    story = WatchStory()
    story.look(0.1, beats=True)
    story.held.stage = EndStage.STRUCK
    kills = [story.look(0.1 + 0.005 * step).kill for step in range(1, 250)]
    assert [kill for kill in kills if kill] == ["it does not come to an end"]


def test_a_guard_that_hangs_is_killed_while_the_lease_lasts_and_not_struck() -> None:
    story = WatchStory()
    verdicts = [story.look(0.025 * step) for step in range(12)]
    assert [verdict.kill for verdict in verdicts if verdict.kill] == ["it hangs"]
    assert not any(verdict.strike or verdict.alone for verdict in verdicts)


def test_nobody_waits_for_a_guard_that_cannot_be_killed() -> None:
    """It hangs, is killed, and stays: at the end of the lease everything is ended without it."""
    story = WatchStory()
    at_s, alone_at, struck_at = 0.0, None, None
    while at_s < LAPSE_S + 0.2:
        verdict = story.look(at_s)
        if verdict.strike:
            struck_at, story.held.stage = at_s, EndStage.STRUCK
        if verdict.alone:
            assert alone_at is None, "once"
            alone_at = at_s
        at_s += 0.005
    assert struck_at is not None
    assert LAPSE_S < struck_at < LAPSE_S + LIMITS.pace.reaction_s
    assert alone_at is not None
    assert struck_at <= alone_at < struck_at + UNKILLABLE_S


def test_without_a_lease_there_is_nothing_to_wait_for() -> None:
    story = WatchStory(leased=False)
    verdicts = [story.look(0.025 * step) for step in range(20)]
    assert [verdict.alone for verdict in verdicts].count(True) == 1
    assert story.held.stage is EndStage.RUNNING
