"""Operators who stop and start instances of a local resource one by one, while other things go wrong: safe, and in the end all runs."""

import pytest

from understudy.sim.life import WorldCase, live
from understudy.sim.options import Options

WORLDS = Options(instances=6.0, commands=2.0, power=0.5, daemon_deaths=2.0, service_deaths=2.0, bad_scripts=2.0, groups=3)


@pytest.mark.parametrize("seed", range(3))
def test_instances_come_and_go_and_everything_runs_in_the_end(seed: int) -> None:
    """What stood on a stopped instance has moved, or is back; `live` judges."""
    lived = live(WorldCase(seed=seed, hours=0.02, options=WORLDS))

    assert lived.faults
