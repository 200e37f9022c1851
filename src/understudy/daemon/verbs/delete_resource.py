"""`crsctl delete resource`: forgets resources that are not running and on which nothing depends."""

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.stop import stop
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext, write
from understudy.intent import resources as intent
from understudy.intent.edit import Edit
from understudy.intent.facts import may_be_running
from understudy.intent.instances import meant
from understudy.intent.permitted import check_permitted
from understudy.model.names import ResourceName


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status. Success is silent."""
    return await tried(world, "Delete", _run(world, arguments))


async def _run(world: CommandContext, arguments: Arguments) -> bool:
    names, all_known = chosen(world, await world.mirror.refresh(), arguments)
    if names:
        await delete(world, names, force=arguments.flag("force"))
    return all_known


async def delete(world: CommandContext, names: tuple[ResourceName, ...], *, force: bool) -> None:
    """Forget all of them, in one commit, or raise BadInput. With `force` what runs is stopped first, and dependents may stay."""
    operator = world.operator()
    check_permitted(world.mirror.view, Edit(resources=dict.fromkeys(names)), world.caller.who)  # before anything is stopped for it
    running = intent.to_stop_first(world.mirror.view, names, operator, force=force)
    if force and running and not await stop(world, meant(world.mirror.view, running), force=True):
        view = world.mirror.view
        left = [name for name in running if may_be_running(view, name)] or list(running)
        raise intent.still_running(view, left[0])
    await write(world, lambda view: intent.delete(view, names, operator, force=force))
