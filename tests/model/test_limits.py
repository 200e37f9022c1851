"""The bounds derived from the one knob are those of the design's table, and no set of bounds that contradicts itself is accepted."""

import math
from dataclasses import replace

import pytest

from understudy.errors import BadSettings
from understudy.model.limits import DRIFT, RHO, Limits, check, derive

TABLE = """
| P | b, r, m | stop_now | lease | silent_after | quiet | outage |
| 2 | 0.200, 0.050, 2 | 0.08 | 2.50 | 2.571 | 0.10 | 2.9 |
| 0.5 | 0.075, 0.025, 1 | 0.05 | 0.75 | 0.775 | 0.06 | 0.95 |
| 0.25 | 0.075, 0.025, 1 | 0.05 | 0.50 | 0.520 | 0.06 | 0.7 |
"""
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.strip().splitlines()[1:]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"P={row[0]}")
def test_the_table_of_the_design_is_reproduced_digit_by_digit(row: list[str]) -> None:
    """An outage is an upper bound, so it is rounded up; all else to the nearest printed digit."""
    limits = derive(float(row[0]))
    beat, repeat, lost = row[1].split(", ")
    assert (f"{limits.beat_s:.3f}", f"{limits.pace.repeat_s:.3f}", str(limits.pace.beats_lost)) == (beat, repeat, lost)
    assert f"{limits.stop_now_s:.2f}" == row[2]
    assert f"{limits.lease_s:.2f}" == row[3]
    assert f"{limits.silent_after_s:.3f}" == row[4]
    assert f"{limits.quiet_s:.2f}" == row[5]
    digits = len(row[6].split(".")[1])
    assert f"{math.ceil(limits.outage_s * 10**digits) / 10**digits:.{digits}f}" == row[6]


@pytest.mark.parametrize("tolerance", [0.25, 0.3, 0.5, 0.99, 1.0, 1.5, 2.0, 5.0, 60.0])
def test_a_fast_voter_never_speaks_before_a_slow_holder_has_stopped(tolerance: float) -> None:
    """In true time: the earliest word of a voter comes after the latest end of a lease, both clocks at their worst."""
    limits = derive(tolerance)
    latest_end_of_lease_s = limits.lease_s / (1 - DRIFT)
    earliest_word_s = limits.silent_after_s / (1 + DRIFT)
    assert earliest_word_s > latest_end_of_lease_s


@pytest.mark.parametrize("tolerance", [0.0, 0.2, -1.0, 61.0, float("nan")])
def test_a_tolerance_out_of_range_is_refused(tolerance: float) -> None:
    with pytest.raises(BadSettings, match="pause_tolerance"):
        derive(tolerance)


def test_a_watchdog_prolongs_the_wait_for_fenced() -> None:
    assert derive(2.0, watchdog_s=2.5).quiet_s >= RHO * 2.5


SMALL = derive(0.5)


@pytest.mark.parametrize(
    ("broken", "relation"),
    [
        (replace(SMALL, stop_now_s=0.04), "stop_now >="),
        (replace(SMALL, lease_s=0.74), "lease >="),
        (replace(SMALL, silent_after_s=0.76), "silent_after >="),
        (replace(SMALL, quiet_s=0.04), "quiet"),
        (replace(SMALL, round_s=0.77), "round <="),
        (replace(SMALL, hang_s=0.65), "lease - stop_now >="),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bounds_that_contradict_each_other_are_refused(broken: Limits, relation: str) -> None:
    with pytest.raises(BadSettings, match=relation):
        check(broken)


@pytest.mark.parametrize(("tolerance", "elsewhere", "lost"), [(2.0, "2.81", "2.81"), (0.5, "1.26", "1.66"), (0.25, "1.26", "1.66")])
def test_an_etcd_costs_what_it_takes_longer_than_the_proof(tolerance: float, elsewhere: str, lost: str) -> None:
    """Nothing where the lease is longer than an election; never less than with a registry that is always there."""
    limits = derive(tolerance)
    bounds = [limits.outage_with_etcd_s(leader_lost=leader_lost) for leader_lost in (False, True)]
    assert [f"{bound:.2f}" for bound in bounds] == [elsewhere, lost]
    assert limits.outage_s <= bounds[0] <= bounds[1]


@pytest.mark.parametrize(
    ("tolerance", "lease_us", "silent_after_us"), [(0.25, 500_000, 520_101), (0.5, 750_000, 775_152), (2.0, 2_500_000, 2_570_505)]
)
def test_what_guards_compare_with_each_other_stays_as_it_was(tolerance: float, lease_us: int, silent_after_us: int) -> None:
    """Lease and silence are in every message, and who has others is not listened to: a version that derived them otherwise could not be
    installed server by server."""
    limits = derive(tolerance)
    assert (round(limits.lease_s * 1e6), round(limits.silent_after_s * 1e6)) == (lease_us, silent_after_us)
