"""When renews are sent: seldom while they are granted, soon again when they are not, and together with the other guards'."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from guard.room import LIMITS, SECOND, TightRoom
from understudy.guard.core import Renew, Send
from understudy.guard.core.beats import Beats
from understudy.model.position import Position

BEAT, REPEAT = 200, 50
instants = st.lists(st.integers(1, 3 * BEAT), min_size=1, max_size=40)


def beats() -> Beats:
    return Beats(beat_ns=BEAT, repeat_ns=REPEAT, now_ns=1000)


@given(instants)
def test_no_two_beats_of_a_guard_that_is_awake_lie_further_apart_than_a_beat(waits: list[int]) -> None:
    """Others join in at any time, and each wake-up comes when it was asked for."""
    mine, now, last = beats(), 1000, 1000
    assert mine.begin(now)
    for wait in waits:
        now = min(now + wait, mine.wake_ns(open_=False))
        if wait % 3 == 0:
            mine.join(now)
        if mine.begin(now):
            assert now - last <= BEAT
            last = now
    assert mine.wake_ns(open_=False) - last <= BEAT


@given(instants)
def test_whoever_joins_in_makes_nobody_beat_more_often_than_twice_as_fast(waits: list[int]) -> None:
    mine, now, last = beats(), 1000, 1000
    assert mine.begin(now)
    for wait in waits:
        now = min(now + wait, mine.wake_ns(open_=False))
        mine.join(now)
        if mine.begin(now):
            assert now - last >= BEAT // 2
            last = now


def test_beats_that_were_missed_are_skipped() -> None:
    mine = beats()
    assert mine.begin(1000 + 5 * BEAT + 1)
    assert mine.wake_ns(open_=False) == 1000 + 6 * BEAT


def test_what_is_open_is_said_again_soon_and_what_is_not_with_the_next_beat() -> None:
    mine = beats()
    assert mine.begin(1000)
    assert mine.wake_ns(open_=True) == 1000 + REPEAT
    assert mine.wake_ns(open_=False) == 1000 + BEAT
    assert not mine.repeat(1000 + REPEAT - 1)
    assert mine.repeat(1000 + REPEAT)
    assert not mine.repeat(1000 + REPEAT), "once"


def renews(room: TightRoom, name: str, to: str) -> list[Renew]:
    sent = [effect.envelope for effect in room.seen(name, Send) if isinstance(effect, Send)]
    return [envelope.body for envelope in sent if envelope.receiver == to and isinstance(envelope.body, Renew)]


def test_a_renew_that_no_majority_has_granted_is_followed_by_another() -> None:
    """As many as may be lost, within the time that the limits allow for it."""
    room = TightRoom(3, 3)
    room.run(5)
    before = len(renews(room, "ctr1", "ctr2"))
    room.isolate("ctr1")
    room.run(LIMITS.pace.retry_s)
    stamps = [renew.stamp.boot_ns for renew in renews(room, "ctr1", "ctr2")[before:]]
    assert len(stamps) > LIMITS.pace.beats_lost
    soon = LIMITS.pace.repeat_s * SECOND + SECOND // 100  # the room's step
    assert all(following - stamp <= soon for stamp, following in pairwise(stamps))


def test_guards_that_begin_at_odd_times_beat_together() -> None:
    """Three of them, each with other clocks; where they beat is seen by when their renews are stamped."""
    room = TightRoom(4, 3)
    for number, name in enumerate(room.names):
        room.offset[name] += 0.013 * number
    room.run(5)
    last = {
        name: renews(room, name, "ctr1" if name != "ctr1" else "ctr2")[-1].stamp.boot_ns / SECOND - room.offset[name] for name in room.names
    }
    voters = [last[name] for name in ("ctr1", "ctr2", "ctr3")]
    assert max(voters) - min(voters) < 0.011, last


def test_who_is_no_voter_beats_with_the_others_wherever_it_began() -> None:
    """It is sent no renews: what the others report of their ability, once a second, shows it when they beat."""
    for late_s in (0.1, 0.3, 0.6, 0.9):
        room = TightRoom(4, 3)
        room.offset["ctr4"] += late_s * LIMITS.beat_s
        for name in room.names:
            room.guards[name].note_able(True, "")
        room.run(2)
        for name in room.names:
            room.guards[name].note_able(True, "")
        room.run(2)
        last = [
            renews(room, name, "ctr1" if name != "ctr1" else "ctr2")[-1].stamp.boot_ns / SECOND - room.offset[name] for name in room.names
        ]
        assert max(last) - min(last) < 0.011, (late_s, last)


def test_what_a_daemon_acts_on_is_said_within_half_a_beat() -> None:
    """Voters tell it to whoever decides after the registry went back."""
    room, acted = TightRoom(3, 3), Position(1, 2, 3)
    room.run(5)
    room.guards["ctr1"].noted(acted)
    room.run(LIMITS.beat_s / 2 + 0.01)
    assert renews(room, "ctr1", "ctr2")[-1].position == acted


def test_where_nothing_is_lost_few_are_sent() -> None:
    room = TightRoom(3, 3)
    room.run(5)
    before = len(renews(room, "ctr1", "ctr2"))
    room.run(5)
    assert len(renews(room, "ctr1", "ctr2")) - before <= 5 / LIMITS.beat_s + 1
