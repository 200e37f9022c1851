"""`crsctl add|modify|delete|stat type`. Changes user types; the built-in ones stay as they are. `intent/types.py` decides."""

import json
from collections.abc import Mapping

from understudy.daemon.text.blocks import blocks
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.change import carry_out
from understudy.daemon.verbs.edge import check_acl
from understudy.daemon.verbs.named import filter_of
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import World, write
from understudy.intent import types as intent
from understudy.model.filters import matches
from understudy.model.names import TypeName
from understudy.model.types import CLUSTER, all_types, defaults, find
from understudy.model.view import TypeRecord, View


async def add(world: World, arguments: Arguments) -> int:
    """`crsctl add type`; its exit status. Success is silent."""
    return await tried(world, "Add", _add(world, arguments))


async def _add(world: World, arguments: Arguments) -> bool:
    base = arguments.text("basetype")
    if not base:
        raise bad("the base type is missing: add -basetype cluster_resource")
    record = intent.read(TypeName(arguments.one_name("type")), TypeName(base), arguments.pairs())
    operator, force = world.operator(), arguments.flag("force")
    await check_acl(world, record.attributes.get("ACL", ""))
    await write(world, lambda view: intent.define(view, record, operator, force=force))
    return True


async def modify(world: World, arguments: Arguments) -> int:
    """`crsctl modify type`; its exit status. What would stop, move or restart is named, and that is done only with `-f`."""
    return await tried(world, "Modify", _modify(world, arguments))


async def _modify(world: World, arguments: Arguments) -> bool:
    name, force, operator = TypeName(arguments.one_name("type")), arguments.flag("force"), world.operator()
    changes = intent.read(name, CLUSTER, arguments.pairs())
    if "ACL" in changes.attributes:
        before = find(name, world.mirror.view.types)
        await check_acl(world, changes.attributes["ACL"], before.attributes.get("ACL", "") if before else "")
    return await carry_out(world, name, lambda view: intent.modify(view, changes, operator, force=force), force=force)


async def delete(world: World, arguments: Arguments) -> int:
    """`crsctl delete type`; its exit status. Success is silent."""
    return await tried(world, "Delete", _delete(world, arguments))


async def _delete(world: World, arguments: Arguments) -> bool:
    names = tuple(TypeName(name) for name in arguments.names)
    if not names:
        raise bad("name at least one type")
    await write(world, lambda view: intent.delete(view, names))
    return True


async def stat(world: World, arguments: Arguments) -> int:
    """`crsctl stat type`; its exit status."""
    view = world.mirror.view
    known = {one.name: one for one in all_types(view.types)}
    wanted = filter_of(arguments, ("TYPE_NAME", "BASE_TYPE"))
    shown, well = [], True
    for name in arguments.names or sorted(known):
        record = find(TypeName(name), view.types)
        if record is None:
            world.say(20023, name)
            well = False
        elif wanted is None or matches(wanted, _values(record, view).get):
            shown.append(record)
    if arguments.flag("json"):
        found = [{"name": one.name, "base": one.base, "attributes": defaults(one.name, view.types)} for one in shown]
        world.output.out(json.dumps({"types": found}))
    elif shown:
        world.output.out(blocks(_values(one, view, arguments).items() for one in shown))
    if not well:
        world.say(4000, "Status")
    return 0 if well else 1


def _values(record: TypeRecord, view: View, arguments: Arguments | None = None) -> Mapping[str, str]:
    found = {"TYPE_NAME": record.name, "BASE_TYPE": record.base or "resource"}
    if arguments is not None and (arguments.flag("profile") or arguments.flag("full")):
        found |= dict(sorted(defaults(record.name, view.types).items()))
    return found
