"""A look is written in pages: what is added one by one, thousands of times, must not have them written each time."""

import pytest

from cutting import exchange_value
from sim.trio import cluster
from understudy.daemon import looking
from understudy.model.names import ServerName
from understudy.registry import keys
from understudy.sim.world import World


def looks_of(world: World, server: str) -> int:
    """How often it was written."""
    return sum(key == keys.look(server) for _, written in world.truth.commits for key in written)


def test_looks_are_written_less_often_the_longer_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """One resource that is added alone is reported at once."""
    exchange_value(monkeypatch, looking, "LOOK_NAMES_PER_S", 50)
    with cluster() as world:
        world.pool("pool", "ctr1", "ctr2")
        before = looks_of(world, "ctr1")
        for number in range(60):
            world.define(f"r{number}", pool="pool")
            world.run(0.05)
        assert looks_of(world, "ctr1") - before < 20
        world.run(2)
        assert len(world.view().looks[ServerName("ctr1")].looked) == 61  # with the network

        world.define("last", pool="pool")
        world.until(lambda: "last" in world.view().looks[ServerName("ctr1")].looked, 0.2, "it is told of at once")
