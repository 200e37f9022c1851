"""What is held on this server, as the executor sees and ends it: one way for each sort of holding.

Called by the runner, before a start and when a resource is to be gone. Must never: block the loop (what storage may hold up is done aside,
with a bound), or call something gone that was not seen to be.
"""

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from understudy.agents.aside import aside
from understudy.agents.groups import kill_and_see
from understudy.executor.gate import shut_gate
from understudy.holdings.holding import (
    AddressHolding,
    GroupHolding,
    Holding,
    MountHolding,
    NamespaceHolding,
    UnitHolding,
    in_order,
    why_no_mount_point,
)
from understudy.linux import interfaces, mounts, namespaces
from understudy.linux.cgroups import populated, unit_groups

_WITHIN_S = 1.0


def is_here(holding: Holding) -> bool:
    """Whether it is on this server now. OSError: that cannot be determined."""
    match holding:
        case GroupHolding(path):
            return populated(path)
        case UnitHolding(name):
            return any(populated(group) for group in unit_groups(name))
        case AddressHolding(address):
            return bool(interfaces.present(address))
        case NamespaceHolding():
            return bool(namespaces.named(holding.names))
        case MountHolding(point):
            return mounts.is_mounted(point)


async def end(holding: Holding, *, guard_socket: Path, keep: tuple[str, ...]) -> bool:
    """By force; True when it was seen gone. OSError."""
    match holding:
        case GroupHolding(path):
            return await kill_and_see(path, _WITHIN_S)
        case UnitHolding(name):
            return all([await kill_and_see(group, _WITHIN_S) for group in unit_groups(name)])
        case AddressHolding(address):
            for found in interfaces.present(address):
                interfaces.remove(found)
            if not interfaces.present(address):
                await shut_gate(guard_socket, [address])  # whoever adds it again by hand is not let out
        case NamespaceHolding():
            await _aside(functools.partial(namespaces.remove, holding.names, within_s=_WITHIN_S), kind="namespaces")
        case MountHolding(point):
            if not why_no_mount_point(point, keep):
                await _aside(functools.partial(mounts.cut_off, point))
    return not is_here(holding)


async def end_all(holdings: Sequence[Holding], *, guard_socket: Path, keep: tuple[str, ...]) -> tuple[Holding, ...]:
    """All of them, in the order in which they are ended; what is left."""
    return tuple([holding for holding in in_order(tuple(holdings)) if not await end(holding, guard_socket=guard_socket, keep=keep)])


async def as_the_kernel_names(holdings: Sequence[Holding]) -> tuple[Holding, ...]:
    """Mount points without symbolic links, as the table of mounts has them; as written where that cannot be determined."""
    return tuple([MountHolding(await _real(holding.point)) if isinstance(holding, MountHolding) else holding for holding in holdings])


def why_not(holdings: Sequence[Holding], keep: tuple[str, ...]) -> str:
    """Why this may not be put on the kill list, and so not be started; empty: it may."""
    return next((why for holding in holdings if (why := _why_not(holding, keep))), "")


def _why_not(holding: Holding, keep: tuple[str, ...]) -> str:
    match holding:
        case NamespaceHolding(pattern) if own := namespaces.own_named(holding.names):
            return f"NETWORK_NAMESPACES has {pattern}, and the network namespace {own} is this server's own: its links would be set down"
        case MountHolding(point):
            return why_no_mount_point(point, keep)
        case _:
            return ""


async def _real(point: str) -> str:
    return await _aside(functools.partial(os.path.realpath, point)) or point


async def _aside(call: Callable[[], str], kind: str = "mounts") -> str:
    """What it answers; empty if it does not in time, as dead storage does not."""
    try:
        return await aside(call, within_s=_WITHIN_S, kind=kind)
    except (OSError, ValueError):  # TimeoutError, too
        return ""
