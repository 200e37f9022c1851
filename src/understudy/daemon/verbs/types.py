"""`crsctl add|modify|delete|stat type`. Changes user types; the built-in ones stay as they are. `intent/types.py` decides."""

import json
from collections.abc import Iterable

from understudy.daemon.shown.types import TypeStatus, type_names, type_status
from understudy.daemon.text.blocks import blocks
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.change import carry_out
from understudy.daemon.verbs.edge import check_acl
from understudy.daemon.verbs.layouts import check_layout, only, picked
from understudy.daemon.verbs.named import KnownAttributes, filter_of
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext, write
from understudy.intent import types as intent
from understudy.intent.rights import Right
from understudy.intent.visible import type_shown
from understudy.model.filters import matches
from understudy.model.names import TypeName
from understudy.model.types import CLUSTER, find

_SHOWN = ("TYPE_NAME", "BASE_TYPE")


async def add(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl add type`; its exit status. Success is silent."""
    return await tried(world, "Add", _add(world, arguments))


async def _add(world: CommandContext, arguments: Arguments) -> bool:
    base = arguments.text("basetype")
    if not base:
        raise bad("the base type is missing: add -basetype cluster_resource")
    record = intent.read(TypeName(arguments.one_name("type")), TypeName(base), arguments.pairs())
    operator, force = world.operator(), arguments.flag("force")
    await check_acl(world, record.attributes.get("ACL", ""))
    await write(world, lambda view: intent.define(view, record, operator, force=force))
    return True


async def modify(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl modify type`; its exit status. What would stop, move or restart is named, and that is done only with `-f`."""
    return await tried(world, "Modify", _modify(world, arguments))


async def _modify(world: CommandContext, arguments: Arguments) -> bool:
    return await change(world, TypeName(arguments.one_name("type")), arguments.pairs(), force=arguments.flag("force"))


async def change(world: CommandContext, name: TypeName, pairs: tuple[tuple[str, str], ...], *, force: bool) -> bool:
    """Change defaults, given as keywords; whether all that follows from it came about. BadInput: refused, nothing was changed."""
    operator, changes = world.operator(), intent.read(name, CLUSTER, pairs)
    if "ACL" in changes.attributes:
        before = find(name, world.mirror.view.types)
        await check_acl(world, changes.attributes["ACL"], before.attributes.get("ACL", "") if before else "")
    return await carry_out(world, name, lambda view: intent.modify(view, changes, operator, force=force), force=force)


async def delete(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl delete type`; its exit status. Success is silent."""
    return await tried(world, "Delete", _delete(world, arguments))


async def _delete(world: CommandContext, arguments: Arguments) -> bool:
    names = tuple(TypeName(name) for name in arguments.names)
    if not names:
        raise bad("name at least one type")
    await write(world, lambda view: intent.delete(view, names))
    return True


async def stat(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl stat type`; its exit status."""
    return await tried(world, "Status", _stat(world, arguments))


async def _stat(world: CommandContext, arguments: Arguments) -> bool:
    check_layout(arguments)
    view = world.mirror.view
    wanted, names = filter_of(arguments, _SHOWN), only(arguments, KnownAttributes(view, _SHOWN))
    shown: list[TypeStatus] = []
    well = True
    for name in arguments.names or type_names(view):
        status = type_status(view, TypeName(name))
        if status is None:
            world.say(20023, name)
            well = False
        elif not type_shown(view, TypeName(name), world.caller.who):
            if arguments.names:
                world.say(20325, world.caller.user, Right.READ, "resource type", name)
                well = False
        elif wanted is None or matches(wanted, status.values.get):
            shown.append(status)
    if arguments.flag("json") and names:
        values = ({**status.attributes, **status.values} for status in shown)
        world.output.out(json.dumps({"types": [{name: has.get(name, "") for name in names} for has in values]}))
    elif arguments.flag("json"):
        world.output.out(_json(shown))
    elif shown and names:
        world.output.out(picked(({**status.attributes, **status.values} for status in shown), names, arguments))
    elif shown:
        world.output.out(blocks(_lines(status, arguments) for status in shown))
    return well


def _lines(status: TypeStatus, arguments: Arguments) -> Iterable[tuple[str, str]]:
    if arguments.flag("registered"):
        return [("TYPE_NAME", status.name)]
    whole = any(arguments.flag(key) for key in ("profile", "full", "verbose"))
    return [*status.values.items(), *(sorted(status.attributes.items()) if whole else ())]


async def as_json(world: CommandContext, arguments: Arguments) -> str:
    """Every type as JSON, for `GET /v1/types`."""
    view, who = world.mirror.view, world.caller.who
    names = (name for name in type_names(view) if type_shown(view, name, who))
    return _json(status for name in names if (status := type_status(view, name)) is not None)


def _json(shown: Iterable[TypeStatus]) -> str:
    return json.dumps({"types": [status.as_json() for status in shown]})
