"""`crsctl modify resource`: changes attributes. What would stop, move or restart is named, and that is done only with `-f`."""

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.change import carry_out
from understudy.daemon.verbs.edge import check_acl, check_address, check_script
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext
from understudy.intent import resources as intent
from understudy.intent.permitted import check_permitted
from understudy.intent.resources import ResourceChange
from understudy.model.attributes import Effect
from understudy.model.names import ResourceName

_ADDRESSES = ("USR_ORA_VIP",)


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status. Success is silent."""
    return await tried(world, "Modify", _run(world, arguments))


async def _run(world: CommandContext, arguments: Arguments) -> bool:
    name = ResourceName(arguments.one_name("resource"))
    attributes = arguments.attributes()
    if not attributes:
        raise bad('nothing to change: add -attr "NAME=value"')
    gone = tuple(attributes) if arguments.flag("delete") else ()
    change = ResourceChange(name=name, attributes={} if gone else attributes, gone=gone, force=arguments.flag("force"))
    return await modify(world, change)


async def modify(world: CommandContext, change: ResourceChange) -> bool:
    """Change attributes, restarting what must restart; whether all of it came about. BadInput: refused, nothing was changed."""
    view, operator = await world.mirror.refresh(), world.operator()
    first = intent.modify(view, change, operator)
    check_permitted(view, first.draft.edit, world.caller.who)
    if any(name in first.effects for name in _ADDRESSES):
        await check_address(world, view, first.resource)
    if "ACL" in first.effects:
        await check_acl(world, first.resource.attributes.get("ACL", ""), first.before.attributes.get("ACL", ""))
    other_files = first.resource.kind.files(first.before) != first.resource.kind.files(first.resource)
    if (other_files or first.before.user != first.resource.user) and not change.force:
        await check_script(world, view, first.resource)
    well = await carry_out(world, change.name, lambda view: intent.modify(view, change, operator).draft, force=change.force)
    if any(effect is Effect.RELOAD for effect in first.effects.values()):
        world.check(change.name)
    return well
