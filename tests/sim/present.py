"""What a machine of a false world has just now; a story that asks for what is not there is wrong, and says so.

Called by stories. Must never be kept by one across a restart: ask again.
"""

from collections.abc import Callable
from types import MethodType
from typing import ParamSpec, TypeVar

from understudy.daemon.node import Node
from understudy.guard.core import GuardCore
from understudy.model.names import Incarnation
from understudy.sim.guard import SimKeeper
from understudy.sim.world import World

P = ParamSpec("P")
R = TypeVar("R")


def keeper_of(world: World, server: str) -> SimKeeper:
    """Its keeper, dead or alive; AssertionError while it has no power."""
    keeper = world.machines[server].keeper
    assert keeper is not None, f"{server} has no keeper"
    return keeper


def core_of(world: World, server: str) -> GuardCore:
    """What its guard decides with; AssertionError while no guard runs there, or one that hangs."""
    core = keeper_of(world, server).core
    assert core is not None, f"{server} has no guard"
    return core


def node_of(world: World, server: str) -> Node:
    """Its daemon; AssertionError while none runs there."""
    node = world.machines[server].node
    assert node is not None, f"{server} has no daemon"
    return node


def incarnation_of(world: World, server: str) -> Incarnation:
    """Who it is now; AssertionError while it has no power."""
    incarnation = world.machines[server].incarnation()
    assert incarnation is not None, f"{server} is nobody now"
    return incarnation


def instead_of(method: Callable[P, R]) -> Callable[[Callable[P, R]], None]:
    """From now on that method of one object, and of no other, is what is handed to the answer: with the same parameters, says mypy."""
    assert isinstance(method, MethodType), f"{method} is no method of an object"

    def take(replacement: Callable[P, R]) -> None:
        setattr(method.__self__, method.__name__, replacement)

    return take
