"""S1 in a seeded world, with nothing real in it but the core; and the same world with one clause of the core taken out.

A failing seed prints what was drawn and the last fifty lines of what happened. Replay: `World(SEED, BRISK).run(5)`.
"""

import pytest

from cutting import Mutation
from guard import mutations
from guard.weather import FLAPPING, LATE, STANDING, GuardWeather
from guard.world import GuardWorld, is_unsafe
from understudy.model.limits import derive

BRISK = derive(0.25)
STEADY = derive(2.0)


@pytest.mark.parametrize("seed", range(200))
def test_never_two_servers_at_once(seed: int) -> None:
    """Five seconds are ten leases at this tolerance."""
    GuardWorld(seed, BRISK).run(5)


@pytest.mark.parametrize("options", [LATE, FLAPPING, STANDING], ids=["late packets", "flapping networks", "standing machines"])
@pytest.mark.parametrize("seed", range(10))
def test_never_two_servers_at_once_when(options: GuardWeather, seed: int) -> None:
    GuardWorld(seed, BRISK, options).run(10)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 4_000, 250))
def test_never_two_servers_at_once_for_long(first: int) -> None:
    for seed in range(first, first + 250):
        GuardWorld(seed, BRISK).run(10)
        GuardWorld(seed, STEADY if seed % 10 == 0 else BRISK, (LATE, FLAPPING, STANDING)[seed % 3]).run(10)


def test_the_world_is_not_idle() -> None:
    """A judge who sees nothing move would find nothing."""
    worlds = [GuardWorld(seed, BRISK) for seed in range(20)]
    for world in worlds:
        world.run(5)
    assert sum(world.moves for world in worlds) > 2 * len(worlds)


def test_the_same_seed_gives_the_same_story() -> None:
    stories = []
    for _ in range(2):
        world = GuardWorld(7, BRISK)
        world.run(5)
        stories.append(world.timeline)
    assert stories[0] == stories[1]


CAUGHT: list[tuple[Mutation, GuardWeather | None, float, range]] = [
    (mutations.count_a_voter_twice, None, 5, range(20)),
    (mutations.grant_after_silent, FLAPPING, 20, range(20)),
    (mutations.grant_at_once_after_restart, FLAPPING, 20, range(75, 105)),  # seldom: these are near some that show it
    (mutations.add_up_rounds, FLAPPING, 20, range(60)),
    (mutations.stamp_before_receiving, None, 10, range(160)),
    (mutations.lease_from_receiving, LATE, 20, range(40)),
    (mutations.revive_a_lapsed_incarnation, None, 5, range(40)),
    (mutations.check_and_stamp_apart, None, 5, range(20)),
    (mutations.trust_one_clock, STANDING, 5, range(60)),
]


@pytest.mark.parametrize(("mutation", "options", "seconds", "seeds"), CAUGHT, ids=lambda value: getattr(value, "__name__", ""))
def test_a_core_without_the_clause_is_caught(
    monkeypatch: pytest.MonkeyPatch,
    mutation: Mutation,
    options: GuardWeather | None,
    seconds: float,
    seeds: range,
) -> None:
    with monkeypatch.context() as patch:
        mutation(patch)
        caught = next((seed for seed in seeds if is_unsafe(GuardWorld(seed, BRISK, options), seconds)), None)
    assert caught is not None, "no seed showed it"
    assert not is_unsafe(GuardWorld(caught, BRISK, options), seconds), "nor is it safe with the clause"
