"""The second line's aim: when executor and daemon end everything themselves, and when they must not."""

from hypothesis import given
from hypothesis import strategies as st

from guard.room import at
from understudy.guard.lapse import Aim
from understudy.linux.lease import NOBODY, LeaseEntry
from understudy.linux.reading import Reading

LIFE, OTHER = b"i" * 16, b"o" * 16
NONE = Reading(0, 0)


def test_it_aims_at_the_end_and_moves_with_it() -> None:
    aim = Aim(0.0)
    assert aim.left_s(LeaseEntry(LIFE, at(10)), at(8)) == 2
    assert aim.left_s(LeaseEntry(LIFE, at(12)), at(10)) == 2
    assert aim.left_s(LeaseEntry(LIFE, at(12)), at(12)) == 0


def test_nothing_is_ended_before_a_first_lease() -> None:
    aim = Aim(0.0)
    assert aim.left_s(LeaseEntry(NOBODY, NONE), at(5)) is None
    assert aim.left_s(LeaseEntry(LIFE, NONE), at(6)) is None


def test_a_guard_that_stands_still_after_it_cleared_the_file_is_not_waited_for() -> None:
    aim = Aim(0.0)
    aim.left_s(LeaseEntry(LIFE, at(10)), at(8))
    assert aim.left_s(LeaseEntry(LIFE, NONE), at(9)) == 1
    assert aim.left_s(LeaseEntry(LIFE, NONE), at(10)) == 0


def test_a_new_life_means_that_the_old_one_was_seen_to_be_stopped() -> None:
    aim = Aim(0.0)
    aim.left_s(LeaseEntry(LIFE, at(10)), at(8))
    assert aim.left_s(LeaseEntry(OTHER, NONE), at(11)) is None


def test_an_end_that_is_past_already_counts_for_who_starts_late() -> None:
    assert Aim(0.0).left_s(LeaseEntry(LIFE, at(10)), at(11)) == 0


def test_what_was_ended_is_not_ended_again_although_the_file_still_shows_it() -> None:
    aim = Aim(0.0)
    assert aim.left_s(LeaseEntry(LIFE, at(10)), at(10)) == 0
    aim.done()
    assert aim.left_s(LeaseEntry(LIFE, at(10)), at(11)) is None
    assert aim.left_s(LeaseEntry(LIFE, at(14)), at(11)) == 3, "unless its guard was only slow, and renewed"


def test_the_daemon_comes_after_the_executor() -> None:
    aim = Aim(0.25)
    assert aim.left_s(LeaseEntry(LIFE, at(10)), at(10)) == 0.25
    assert aim.left_s(LeaseEntry(LIFE, at(10)), at(10.25)) == 0


def test_the_clock_that_runs_ahead_ends_it() -> None:
    assert Aim(0.0).left_s(LeaseEntry(LIFE, at(10)), at(9, 11)) == 0


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20), st.integers(0, 10**9))
def test_never_under_a_valid_lease(ends: list[int], now: int) -> None:
    """Whatever was seen before: while the file shows an end ahead on both clocks, it waits."""
    aim = Aim(0.0)
    for end in ends:
        aim.left_s(LeaseEntry(LIFE, Reading(end, end)), Reading(now, now))
    left_s = aim.left_s(LeaseEntry(LIFE, Reading(now + 1, now + 1)), Reading(now, now))
    assert left_s is not None
    assert left_s > 0
