"""Luck in the false world: numbers that depend on the seed, the name, the instant and the count, and on nothing that happened before."""

from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise

import pytest

from understudy.sim.chance import GRAIN, Chance, dice
from understudy.sim.faults import HAPPENS
from understudy.sim.options import BOUNDS, Options
from understudy.sim.script import RATES, STORM, Fault, script

HOUR_S = 3600.0
BUSY = Options(power=1.0, freezes=2.0, cuts=2.0, daemon_deaths=1.0, service_deaths=4.0, commands=4.0)


class Now:
    """An instant, set by hand."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now


def drawn(seed: int, name: str, instants: list[float], count: int = 1) -> list[float]:
    """So many numbers at each of the instants."""
    clock = Now()
    chance = Chance(clock, seed, name)
    found = []
    for clock.now in instants:
        found += [chance.random() for _ in range(count)]
    return found


def beats(every_s: float, count: int) -> list[float]:
    """Instants in step."""
    return [number * every_s for number in range(1, count + 1)]


# --- Chance ---------------------------------------------------------------------------------------------------------


def test_the_same_seed_name_instant_and_count_give_the_same_number() -> None:
    """However much was drawn before, at other instants."""
    long_story = drawn(7, "ctr1", beats(0.1, 500), count=3)

    assert drawn(7, "ctr1", [500 * 0.1], count=3) == long_story[-3:]


@pytest.mark.parametrize(
    ("seed", "name", "instant"), [(8, "ctr1", 1.0), (7, "ctr2", 1.0), (7, "ctr1", 1.0 + 1.5 / GRAIN)], ids=["seed", "name", "instant"]
)
def test_another_seed_name_or_instant_gives_other_numbers(seed: int, name: str, instant: float) -> None:
    """All of them, and the second number of an instant is another than the first."""
    before, after = drawn(7, "ctr1", [1.0], count=20), drawn(seed, name, [instant], count=20)

    assert len({*before, *after}) == 40


def test_a_difference_that_floats_make_is_no_other_instant() -> None:
    """A world that passes over quiet time arrives at an instant by other sums."""
    assert drawn(1, "x", [0.1 + 0.2 + 1e-9]) == drawn(1, "x", [0.3 + 1e-9])


@pytest.mark.parametrize("every_s", [0.05, 0.1, 0.31])
def test_numbers_are_about_uniform_and_unlike_their_neighbours(every_s: float) -> None:
    """In step with a beat, as everything here is: no bucket is preferred, and no number predicts the next one."""
    numbers = drawn(3, "packets ctr1 ctr2", beats(every_s, 10_000), count=2)

    buckets = Counter(int(number * 20) for number in numbers)
    assert set(buckets) == set(range(20))
    assert all(abs(count - 1_000) < 150 for count in buckets.values())  # five standard deviations are 154
    mean = sum(numbers) / len(numbers)
    assert abs(mean - 0.5) < 0.01
    assert abs(sum((number - mean) * (other - mean) for number, other in pairwise(numbers)) / len(numbers)) < 0.003
    assert len(set(numbers)) == len(numbers)


def test_what_is_made_of_a_number_lies_within_its_bounds() -> None:
    """uniform, choice, randbytes and getrandbits."""
    clock = Now()
    chance = Chance(clock, 5, "bounds")
    for clock.now in beats(0.01, 1_000):
        assert 2.0 <= chance.uniform(2.0, 3.0) < 3.0
        assert chance.choice("abc") in "abc"
        assert len(chance.randbytes(16)) == 16
        assert 0 <= chance.getrandbits(63) < 1 << 63
    assert {chance.choice("abc") for _ in range(50)} == set("abc")
    assert len({chance.randbytes(16) for _ in range(1_000)}) == 1_000


def test_dice_are_a_queue_of_their_own_name() -> None:
    """What is drawn before anything happens."""
    assert dice(1, "options").random() == dice(1, "options").random()
    assert len({dice(seed, name).random() for seed in range(50) for name in ("options", "mishaps")}) == 100


# --- the script of faults ------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_faults_and_another_gives_others() -> None:
    """Numbered in the order in which they come."""
    faults = script(1, BUSY, HOUR_S)

    assert script(1, BUSY, HOUR_S) == faults
    assert script(2, BUSY, HOUR_S) != faults
    assert [fault.number for fault in faults] == list(range(1, len(faults) + 1))
    assert all(before.at_s <= after.at_s for before, after in pairwise(faults))


def test_what_is_left_out_changes_nothing_about_the_others() -> None:
    """`only`: each keeps its number, its time, its length and its luck."""
    faults = script(1, BUSY, HOUR_S)
    kept = {fault.number for fault in faults[::7]}

    assert script(1, BUSY, HOUR_S, only=kept) == faults[::7]
    assert script(1, BUSY, HOUR_S, only=()) == ()


def test_faults_come_as_often_as_their_rate_says() -> None:
    """Per minute, each kind by its own; what has no rate never comes."""
    counts = Counter(fault.what for fault in script(3, BUSY, 10 * HOUR_S))

    assert set(counts) == {STORM, *(name for name in RATES if getattr(BUSY, name))}
    for name in RATES:
        assert counts[name] == pytest.approx(getattr(BUSY, name) * 600, rel=0.15)


def test_every_rate_is_drawn_from_and_happens() -> None:
    """A fault has a rate among the options, a place in the script and what it does: without one of them it would never come, unnoticed."""
    rates = {field.name for field in fields(Options)} - set(BOUNDS) - {"calm_s"}
    assert set(RATES) == rates
    assert set(HAPPENS) == {STORM, *RATES}


def test_without_calm_it_is_one_storm_from_beginning_to_end() -> None:
    """And the weather turns bad once."""
    storms = [fault for fault in script(1, BUSY, 600.0) if fault.what == STORM]

    assert [(fault.at_s, fault.lasts) for fault in storms] == [(0.0, 600.0)]


def test_in_the_calm_between_storms_nothing_happens() -> None:
    """Storms and calms are about as long as they should be."""
    faults = script(4, replace(BUSY, storm_s=20.0, calm_s=100.0), HOUR_S)
    storms = [fault for fault in faults if fault.what == STORM]

    assert 15 < len(storms) < 60
    assert all(0.5 * 20 <= fault.lasts <= 1.5 * 20 for fault in storms[:-1])
    for before, after in pairwise(storms):
        assert 0.2 * 100 <= after.at_s - (before.at_s + before.lasts) <= 1.8 * 100
    assert all(_within(storms, fault) for fault in faults)


def _within(storms: list[Fault], fault: Fault) -> bool:
    return any(storm.at_s <= fault.at_s <= storm.at_s + storm.lasts for storm in storms)
