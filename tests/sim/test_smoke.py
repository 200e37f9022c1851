"""Random worlds in which nothing may go wrong. Stories that must come true are in `scenarios/`."""

import pytest

from understudy.sim.life import WorldCase, live


@pytest.mark.parametrize("seed", range(20))
def test_a_random_world_keeps_its_promises(seed: int) -> None:
    """Half a minute of faults, then a healed world: safe throughout, everything wanted runs at the end, and nothing more is decided. After
    the tests `./run test` goes on with worlds that nobody has seen yet, for a minute."""
    live(WorldCase(seed=seed, hours=0.5 / 60))


@pytest.mark.long
@pytest.mark.parametrize("seed", [*range(20, 50), *range(1_000, 1_500)])
def test_many_random_worlds_keep_their_promises(seed: int) -> None:
    """Three minutes each; thousands are the business of `understudy simulate`."""
    live(WorldCase(seed=seed))
