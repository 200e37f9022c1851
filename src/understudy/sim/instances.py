"""Operators who stop a local resource on one server, with what stands on it, and start it again later; or move a server between pools.

Or who have an action of a script's own run. Called by `sim/faults.py`.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from understudy.model.names import ResourceName
from understudy.sim.world import World

Later = Callable[[float, Callable[[], None]], None]
"""Do something so many leases later."""
AGAIN_LEASES = 0.5


class Numbers(Protocol):
    """The luck of one fault."""

    def number(self) -> float:
        """0 <= x < 1."""
        ...

    def any_of(self, items: Sequence[str]) -> str:
        """One of them."""
        ...


def come_and_go(world: World, name: ResourceName, picks: Numbers, later: Later) -> None:
    """It is wanted there again within four leases, as soon as that can be written and the server is there."""
    server, leases = picks.any_of(list(world.machines)), picks.number() * 4
    if world.hub.away or name not in world.view().resources:
        return
    world.tries(lambda: world.stop(name, on=server))

    def start() -> None:
        if world.hub.away or not world.tries(lambda: world.start(name, on=server)):
            later(AGAIN_LEASES, start)

    later(leases, start)


def between_pools(world: World, picks: Numbers, pools: Sequence[str]) -> None:
    """`crsctl relocate server`, where that may be."""
    server, pool = picks.any_of(list(world.machines)), picks.any_of(pools)
    if not world.hub.away:
        world.tries(lambda: world.relocate_server(server, pool))


def ask_for_action(world: World, picks: Numbers, names: Sequence[str]) -> None:
    """`crsctl request action`, where it runs and has one."""
    if names and not world.hub.away:
        name = picks.any_of(names)
        world.tries(lambda: world.request_action(name))
