"""`crsctl add resource`: registers a resource; it starts nothing. Every fault is found before anything is written."""

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.edge import check_acl, check_address, check_script
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext, commit
from understudy.intent.permitted import check_permitted
from understudy.intent.resources import NewResource, define
from understudy.model.attributes import creators_acl
from understudy.model.names import ResourceName, TypeName


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status. Success is silent."""
    return await tried(world, "Add", _run(world, arguments))


async def _run(world: CommandContext, arguments: Arguments) -> bool:
    name, type_name = arguments.one_name("resource"), arguments.text("type")
    if not type_name:
        raise bad("the type is missing: add -type cluster_resource")
    attributes = {"ACL": creators_acl(world.caller.user, world.caller.group), **arguments.attributes()}
    await add(world, NewResource(name=ResourceName(name), type=TypeName(type_name), attributes=attributes, force=arguments.flag("force")))
    return True


async def add(world: CommandContext, new: NewResource) -> None:
    """Register it, or raise BadInput."""
    # What takes time and depends on no revision is asked once, before the loop that decides: users, the script's storage, the network.
    view, operator = await world.mirror.refresh(), world.operator()
    defining = define(view, new, operator)
    check_permitted(view, defining.edit, world.caller.who)
    resource = defining.resource
    await check_acl(world, new.attributes.get("ACL", ""), f"pgrp:{world.caller.group}:r-x")  # the kernel vouches for the caller's own
    if not new.force:
        await check_script(world, view, resource)
    await check_address(world, view, resource)
    await commit(world, lambda view: define(view, new, operator))
