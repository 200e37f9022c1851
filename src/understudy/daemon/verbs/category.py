"""`crsctl add|modify|delete|stat category`, `crsctl modify server`. Changes what servers are, and which are of a category; refuses what
would move running resources, unless forced.

`intent/categories.py` decides.
"""

import json

from understudy.daemon.shown.categories import CategoryStatus, category_attributes, category_statuses
from understudy.daemon.text.blocks import Pairs, blocks
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.change import carry_out
from understudy.daemon.verbs.edge import check_acl
from understudy.daemon.verbs.named import check_server_name, filter_of
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.truth import head
from understudy.daemon.verbs.world import CommandContext
from understudy.intent import categories as intent
from understudy.intent.facts import servers
from understudy.intent.rights import Right
from understudy.intent.visible import category_shown
from understudy.model.filters import matches
from understudy.model.names import CategoryName, ServerName


async def add(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl add category`; its exit status. Success is silent."""
    return await tried(world, "Add", _add(world, arguments))


async def _add(world: CommandContext, arguments: Arguments) -> bool:
    name, given, operator = CategoryName(arguments.one_name("server category")), arguments.attributes(), world.operator()
    await check_acl(world, given.get("ACL", ""))
    return await carry_out(world, name, lambda view: intent.define(view, name, given, operator), force=False)


async def modify(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl modify category`; its exit status. Success is silent."""
    return await tried(world, "Modify", _modify(world, arguments))


async def _modify(world: CommandContext, arguments: Arguments) -> bool:
    name, given, operator = CategoryName(arguments.one_name("server category")), arguments.attributes(), world.operator()
    if not given:
        raise bad('nothing to change: add -attr "NAME=value"')
    view = await world.mirror.refresh()
    if "ACL" in given:
        await check_acl(world, given["ACL"], view.categories[name].acl if name in view.categories else "")
    return await carry_out(world, name, lambda view: intent.modify(view, name, given, operator), force=arguments.flag("force"))


async def delete(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl delete category`; its exit status. Success is silent."""
    return await tried(world, "Delete", _delete(world, arguments))


async def _delete(world: CommandContext, arguments: Arguments) -> bool:
    wanted, names = filter_of(arguments, category_attributes()), tuple(map(CategoryName, arguments.names))
    if names and wanted is not None:
        raise bad("name server categories or give a filter (-w), not both")
    if wanted is not None:
        view = await world.mirror.refresh()
        every = category_statuses(view, ())
        names = tuple(name for name in view.categories if matches(wanted, every[name].values.get))
        if not names:
            return True
    if not names:
        raise bad("name at least one server category")
    return await carry_out(world, names[0], lambda view: intent.delete(view, names), force=False)


async def stat(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl stat category`; its exit status."""
    head(world)
    return await tried(world, "Status", _stat(world, arguments))


async def _stat(world: CommandContext, arguments: Arguments) -> bool:
    view, well = world.mirror.view, True
    ways = [option for option in ("filter", "of_server") if arguments.text(option) is not None]
    if len(ways) + bool(arguments.names) > 1:
        raise bad("name server categories, or give one of -w and -server")
    wanted, server = filter_of(arguments, category_attributes()), check_server_name(world, view, arguments.text("of_server"))
    every = category_statuses(view, servers(view, world.settings))
    shown: list[CategoryStatus] = []
    for name in [CategoryName(name) for name in arguments.names] or list(every):
        if name not in every:
            world.say(20561, name)
            well = False
        elif not category_shown(view, name, world.caller.who):
            if arguments.names:
                world.say(20325, world.caller.user, Right.READ, "server category", name)
                well = False
        elif (wanted is None or matches(wanted, every[name].values.get)) and (server is None or server in every[name].servers):
            shown.append(every[name])
    if arguments.flag("json"):
        world.output.out(json.dumps({"categories": [status.as_json() for status in shown]}))
    elif shown:
        world.output.out(blocks(map(_lines, shown)))
    return well


def _lines(status: CategoryStatus) -> Pairs:
    """As Oracle's prints them, with blanks in the one line."""
    named = {"ACTIVE_CSS_ROLE": ("ACTIVE_CSS_ROLE ", f" {status.values['ACTIVE_CSS_ROLE']}")}
    return [named.get(name, (name, value)) for name, value in status.values.items()]


async def modify_server(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl modify server`; its exit status. Success is silent."""
    return await tried(world, "Modify", _modify_server(world, arguments))


async def _modify_server(world: CommandContext, arguments: Arguments) -> bool:
    name, given, operator = ServerName(arguments.one_name("server")), arguments.attributes(), world.operator()
    if not given:
        raise bad('nothing to change: add -attr "NAME=value"')
    return await carry_out(world, name, lambda view: intent.set_server(view, name, given, operator), force=arguments.flag("force"))
