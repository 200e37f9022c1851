"""`crsctl add|modify|delete|stat serverpool`. Changes pools; refuses what would move running resources, unless forced.

`intent/pools.py` decides.
"""

import json
from collections.abc import Iterable, Mapping

from understudy.daemon.text.blocks import blocks
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.change import carry_out
from understudy.daemon.verbs.edge import check_acl
from understudy.daemon.verbs.named import filter_of
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.truth import head
from understudy.daemon.verbs.world import World
from understudy.intent import pools as intent
from understudy.model.filters import matches
from understudy.model.names import PoolName, ServerName
from understudy.model.pools import FREE, GENERIC, attributes_of, membership
from understudy.model.state import Life
from understudy.model.view import Pool, View


async def add(world: World, arguments: Arguments) -> int:
    """`crsctl add serverpool`; its exit status. Success is silent."""
    return await tried(world, "Add", _add(world, arguments))


async def _add(world: World, arguments: Arguments) -> bool:
    name, force, given = PoolName(arguments.one_name("server pool")), arguments.flag("force"), arguments.attributes()
    operator = world.operator()
    await check_acl(world, given.get("ACL", ""))
    return await carry_out(world, name, lambda view: intent.define(view, name, given, operator, force=force), force=force)


async def modify(world: World, arguments: Arguments) -> int:
    """`crsctl modify serverpool`; its exit status. Success is silent."""
    return await tried(world, "Modify", _modify(world, arguments))


async def _modify(world: World, arguments: Arguments) -> bool:
    name, force, given = PoolName(arguments.one_name("server pool")), arguments.flag("force"), arguments.attributes()
    if not given:
        raise bad('nothing to change: add -attr "NAME=value"')
    return await change(world, name, given, force=force)


async def change(world: World, name: PoolName, given: Mapping[str, str], *, force: bool) -> bool:
    """Change attributes; whether all that follows from it came about. BadInput: refused, nothing was changed."""
    view, operator = await world.mirror.refresh(), world.operator()
    if "ACL" in given:
        await check_acl(world, given["ACL"], view.pools[name].attributes.get("ACL", "") if name in view.pools else "")
    return await carry_out(world, name, lambda view: intent.modify(view, name, given, operator, force=force), force=force)


async def delete(world: World, arguments: Arguments) -> int:
    """`crsctl delete serverpool`; its exit status. Success is silent."""
    return await tried(world, "Delete", _delete(world, arguments))


async def _delete(world: World, arguments: Arguments) -> bool:
    names, force = tuple(PoolName(name) for name in arguments.names), arguments.flag("force")
    if not names:
        raise bad("name at least one server pool")
    return await carry_out(world, names[0], lambda view: intent.delete(view, names), force=force)


async def stat(world: World, arguments: Arguments) -> int:
    """`crsctl stat serverpool`; its exit status."""
    head(world)
    view = world.mirror.view
    pools = {**view.pools, FREE: Pool(name=FREE), GENERIC: Pool(name=GENERIC)}
    active = membership(view.pools, _online(view))
    wanted = filter_of(arguments, (*attributes_of(Pool(name=FREE)), "NAME", "ACTIVE_SERVERS"))
    names, well = [PoolName(one) for one in arguments.names] or sorted(pools), True
    shown: list[dict[str, str]] = []
    for name in names:
        if name not in pools:
            world.say(20021, name)
            well = False
            continue
        values = {**attributes_of(pools[name]), "NAME": name, "ACTIVE_SERVERS": " ".join(active[name])}
        if wanted is None or matches(wanted, values.get):
            shown.append(values)
    if arguments.flag("json"):
        world.output.out(json.dumps({"serverpools": [_as_json(one) for one in shown]}))
    elif shown:
        world.output.out(blocks(_lines(one, arguments) for one in shown))
    if not well:
        world.say(4000, "Status")
    return 0 if well else 1


def _lines(values: Mapping[str, str], arguments: Arguments) -> Iterable[tuple[str, str]]:
    if arguments.flag("registered"):
        return [("NAME", values["NAME"])]
    order = attributes_of(Pool(name=PoolName("")))
    full, profile = arguments.flag("full") or arguments.flag("verbose"), arguments.flag("profile")
    middle = [(key, values[key]) for key in order] if full or profile else []
    return [("NAME", values["NAME"]), *middle, *([] if profile else [("ACTIVE_SERVERS", values["ACTIVE_SERVERS"])])]


def _as_json(values: Mapping[str, str]) -> dict[str, object]:
    return {
        "name": values["NAME"],
        "active_servers": values["ACTIVE_SERVERS"].split(),
        "attributes": {key: value for key, value in values.items() if key not in ("NAME", "ACTIVE_SERVERS")},
    }


def _online(view: View) -> list[ServerName]:
    return [server for server, record in view.present().items() if record.life is Life.ONLINE]
