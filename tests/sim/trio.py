"""What the stories share: a quiet cluster of three servers with the guide's trio on two of them."""

from typing import Any

from understudy.sim.options import Options
from understudy.sim.world import World

TRIO = ("address", "data", "service")


def cluster(seed: int = 1, *, servers: int = 3, voters: int = 3, pause_tolerance: float = 2.0, **more: Any) -> World:
    """Booted and joined; nothing goes wrong by itself. `more`: other options of the world."""
    world = World(seed, Options(servers=servers, voters=voters, pause_tolerance=pause_tolerance, **more))
    world.boot()
    world.until(lambda: len(world.online()) == servers, 20, "all servers join")
    return world


def define_trio(world: World, **service: str) -> None:
    """address, data on it, service on both, in a pool of ctr1 and ctr2."""
    world.pool("pool", "ctr1", "ctr2")
    world.define("address", pool="pool")
    world.define("data", pool="pool", start_dependencies="hard(address)", stop_dependencies="hard(address)")
    both = "hard(address,data)"
    world.define("service", pool="pool", start_dependencies=both, stop_dependencies=both, restart_attempts="2", **service)


def trio_runs(world: World, on: str) -> bool:
    """All three, there."""
    return all(world.runs_on(name) == on for name in TRIO)


def running_trio(seed: int = 1, *, servers: int = 3, on: str = "ctr1", **service: str) -> World:
    """The trio runs on a server."""
    world = cluster(seed, servers=servers)
    define_trio(world, **service)
    world.start("service", on=on)
    world.until(lambda: trio_runs(world, on), 5, "the trio starts")
    world.run(1)
    return world


def server_that_leads(world: World) -> str:
    """Its name."""
    name = world.leader()
    assert name is not None
    return name


def make_leader(world: World, name: str) -> None:
    """Whoever else leads is cut from the registry for a while."""
    for other in world.machines:
        if other != name:
            world.cut_registry(other)
    world.until(lambda: world.leader() == name, 30, f"{name} leads")
    for other in world.machines:
        world.hub.mend(other)
    world.run(1)
