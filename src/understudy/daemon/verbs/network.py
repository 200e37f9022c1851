"""`understudy network add|list|remove`: networks of virtual addresses in a cluster that lives. `intent/networks.py` decides."""

import json

from understudy.daemon.text.columns import columns
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.truth import as_it_is, head
from understudy.daemon.verbs.world import CommandContext, write
from understudy.intent import networks as intent
from understudy.intent.facts import instances
from understudy.kinds.network import network_name
from understudy.model.names import ResourceName
from understudy.model.settings import NetworkSettings
from understudy.model.state import State
from understudy.model.view import View

LOOKED_S = 15.0
"""How long the servers' first looks at a new network are waited for."""


async def add(world: CommandContext, arguments: Arguments) -> int:
    """`understudy network add N=SUBNET,INTERFACE`; its exit status."""
    return await tried(world, "Add", _add(world, arguments))


async def _add(world: CommandContext, arguments: Arguments) -> bool:
    wanted, operator = intent.wanted_network(arguments.one_name("network")), world.operator()
    await write(world, lambda view: intent.add(view, wanted, operator))
    name, until = ResourceName(network_name(wanted.number)), world.clock.monotonic() + LOOKED_S
    view = world.mirror.view
    while (left := until - world.clock.monotonic()) > 0 and _unseen(view, name):
        view = await world.mirror.wait(view.revision, min(left, 1.0))
    down = [str(each.server) for each in instances(view, view.resources[name]) if each.state is not State.ONLINE]
    world.output.out(_table(view, (wanted,)))
    if down:
        world.say(20616, wanted.number, ", ".join(down), wanted.interface, wanted.subnet)
    return True


def _unseen(view: View, name: ResourceName) -> bool:
    return name not in view.resources or any(
        each.report is None or (each.state is State.OFFLINE and each.report.failure is None)
        for each in instances(view, view.resources[name])
    )


async def remove(world: CommandContext, arguments: Arguments) -> int:
    """`understudy network remove N`; its exit status."""
    return await tried(world, "Delete", _remove(world, arguments))


async def _remove(world: CommandContext, arguments: Arguments) -> bool:
    text, operator = arguments.one_name("network"), world.operator()
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise bad(f"'{text}' is no number of a network")
    await write(world, lambda view: intent.remove(view, int(text), operator))
    return True


async def listed(world: CommandContext, arguments: Arguments) -> int:
    """`understudy network list`; its exit status."""
    view = as_it_is(world)
    if arguments.flag("json"):
        world.output.out(json.dumps({"networks": [_as_json(view, network) for network in intent.networks(view)]}))
        return 0
    head(world)
    world.output.out(_table(view, intent.networks(view)))
    return 0


def _as_json(view: View, network: NetworkSettings) -> dict[str, object]:
    name = ResourceName(network_name(network.number))
    states = {str(each.server): each.state.value for each in instances(view, view.resources[name])}
    return {"number": network.number, "subnet": network.subnet, "interface": network.interface, "servers": states}


def _table(view: View, shown: tuple[NetworkSettings, ...]) -> str:
    rows = [("NETWORK", "SUBNET", "INTERFACE", "ONLINE ON", "NOT ON")]
    for network in shown:
        found = instances(view, view.resources[ResourceName(network_name(network.number))])
        up = [str(each.server) for each in found if each.state is State.ONLINE]
        down = [str(each.server) for each in found if each.state is not State.ONLINE]
        rows.append((str(network.number), network.subnet, network.interface, " ".join(up), " ".join(down)))
    return columns(rows)
