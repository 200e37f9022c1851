"""`crsctl add|modify|delete|stat serverpool`. Changes pools; refuses what would move running resources, unless forced.

`intent/pools.py` decides.
"""

import json
from collections.abc import Iterable, Mapping

from understudy.daemon.shown.pools import PoolStatus, pool_attributes, pool_statuses
from understudy.daemon.text.blocks import blocks
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.change import carry_out
from understudy.daemon.verbs.edge import check_acl
from understudy.daemon.verbs.layouts import check_layout, only, picked
from understudy.daemon.verbs.named import filter_of
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.truth import head
from understudy.daemon.verbs.world import CommandContext
from understudy.intent import pools as intent
from understudy.intent.rights import Right
from understudy.intent.visible import pool_shown
from understudy.model.filters import matches
from understudy.model.names import PoolName


async def add(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl add serverpool`; its exit status. Success is silent."""
    return await tried(world, "Add", _add(world, arguments))


async def _add(world: CommandContext, arguments: Arguments) -> bool:
    name, force, given = PoolName(arguments.one_name("server pool")), arguments.flag("force"), arguments.attributes()
    operator = world.operator()
    await check_acl(world, given.get("ACL", ""))
    return await carry_out(world, name, lambda view: intent.define(view, name, given, operator, force=force), force=force)


async def modify(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl modify serverpool`; its exit status. Success is silent."""
    return await tried(world, "Modify", _modify(world, arguments))


async def _modify(world: CommandContext, arguments: Arguments) -> bool:
    name, force, given = PoolName(arguments.one_name("server pool")), arguments.flag("force"), arguments.attributes()
    if not given:
        raise bad('nothing to change: add -attr "NAME=value"')
    return await change(world, name, given, force=force)


async def change(world: CommandContext, name: PoolName, given: Mapping[str, str], *, force: bool) -> bool:
    """Change attributes; whether all that follows from it came about. BadInput: refused, nothing was changed."""
    view, operator = await world.mirror.refresh(), world.operator()
    if "ACL" in given:
        await check_acl(world, given["ACL"], view.pools[name].attributes.get("ACL", "") if name in view.pools else "")
    return await carry_out(world, name, lambda view: intent.modify(view, name, given, operator, force=force), force=force)


async def delete(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl delete serverpool`; its exit status. Success is silent."""
    return await tried(world, "Delete", _delete(world, arguments))


async def _delete(world: CommandContext, arguments: Arguments) -> bool:
    names, force = tuple(PoolName(name) for name in arguments.names), arguments.flag("force")
    if not names:
        raise bad("name at least one server pool")
    return await carry_out(world, names[0], lambda view: intent.delete(view, names), force=force)


async def stat(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl stat serverpool`; its exit status."""
    head(world)
    return await tried(world, "Status", _stat(world, arguments))


async def _stat(world: CommandContext, arguments: Arguments) -> bool:
    check_layout(arguments)
    every, well = pool_statuses(world.mirror.view), True
    attributes = (*pool_attributes(), "NAME", "ACTIVE_SERVERS")
    wanted, names = filter_of(arguments, attributes), only(arguments, attributes)
    shown: list[PoolStatus] = []
    for name in [PoolName(name) for name in arguments.names] or list(every):
        if name not in every:
            world.say(20021, name)
            well = False
        elif not pool_shown(world.mirror.view, name, world.caller.who):
            if arguments.names:
                world.say(20325, world.caller.user, Right.READ, "server pool", name)
                well = False
        elif wanted is None or matches(wanted, every[name].values.get):
            shown.append(every[name])
    if arguments.flag("json"):
        chosen = [{name: pool_status.values[name] for name in names} for pool_status in shown]
        world.output.out(json.dumps({"serverpools": chosen}) if names else _json(shown))
    elif shown and names:
        world.output.out(picked((pool_status.values for pool_status in shown), names, arguments))
    elif shown:
        world.output.out(blocks(_lines(pool_status.values, arguments) for pool_status in shown))
    return well


async def as_json(world: CommandContext, arguments: Arguments) -> str:
    """Every pool as JSON, for `GET /v1/serverpools`."""
    view, who = world.mirror.view, world.caller.who
    return _json(status for name, status in pool_statuses(view).items() if pool_shown(view, name, who))


def _json(shown: Iterable[PoolStatus]) -> str:
    return json.dumps({"serverpools": [pool_status.as_json() for pool_status in shown]})


def _lines(values: Mapping[str, str], arguments: Arguments) -> Iterable[tuple[str, str]]:
    if arguments.flag("registered"):
        return [("NAME", values["NAME"])]
    full, profile = arguments.flag("full") or arguments.flag("verbose"), arguments.flag("profile")
    middle = [(key, values[key]) for key in pool_attributes()] if full or profile else []
    return [("NAME", values["NAME"]), *middle, *([] if profile else [("ACTIVE_SERVERS", values["ACTIVE_SERVERS"])])]
