"""`crsctl restart resource`: stop, then start on the same server, dependents included. Made of the stop and start verbs."""

from collections.abc import Mapping

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.busy import beside, check_not_busy
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.named import check_server_name, number_given
from understudy.daemon.verbs.start import start
from understudy.daemon.verbs.stop import stop
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext, write
from understudy.errors import BadInput
from understudy.intent import restart as intent
from understudy.intent.instances import meant
from understudy.intent.restart import RestartPlaces
from understudy.intent.start import StartCommand
from understudy.intent.stop import may_be_running_at, not_running, stop_on
from understudy.model.cardinality import apart
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import Target
from understudy.model.view import TargetRecord


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    return await tried(world, "Restart", _run(world, arguments))


async def _run(world: CommandContext, arguments: Arguments) -> bool:
    view = await world.mirror.refresh()
    names, well = chosen(world, view, arguments)
    server, number = check_server_name(world, view, arguments.text("server")), number_given(arguments)
    if server is not None and number is None:
        there = stop_on(view, names, server, named=bool(arguments.names))
        for remark in there.elsewhere:
            world.remark(remark)
        names, well = there.names, well and not there.elsewhere
    else:
        names = meant(view, names, number)
    view = apart(view)
    up = tuple(name for name in names if may_be_running_at(view, name, server))
    for name in not_running(names, up):
        world.say(2500, name)
        well = False
    check_not_busy(view, beside(view, up), arguments)
    local = tuple(name for name in up if server is not None and view.resources[name].local)
    moving = tuple(name for name in up if name not in local)
    for name in local:
        well = server is not None and await restart_instance(world, name, server, force=arguments.flag("force")) and well
    return (await restart(world, moving, force=arguments.flag("force")) if moving else True) and well


async def restart_instance(world: CommandContext, name: ResourceName, server: ServerName, *, force: bool) -> bool:
    """Stop and start a local resource on one server; there it is wanted as before whatever comes of it."""
    stopped = await stop(world, (name,), force=force, server=server)
    return await start(world, StartCommand(names=(name,), server=server, again=True)) and stopped


async def restart(world: CommandContext, names: tuple[ResourceName, ...], *, force: bool) -> bool:
    """Stop and start again what was wanted ONLINE. What could not be stopped is not started, but wanted as it was."""
    view = apart(world.mirror.view)
    places = intent.places_of(view, names)
    wanted = tuple(name for name in places if view.target(name) is Target.ONLINE)
    partly = intent.partly_wanted(view, places)
    if not force:
        intent.check_that_it_can_start(view, places)
    if not await stop(world, names, force=force):
        await wanted_again(world, wanted, before=partly)
        return False
    return await start_again(world, places, partly)


async def start_again(world: CommandContext, places: RestartPlaces, before: Mapping[ResourceName, TargetRecord] = intent.NOWHERE) -> bool:
    """Start everything where it was, server by server; what had no place comes last. `before`: local resources that were wanted on some
    servers only."""
    view = apart(world.mirror.view)
    gone = [name for name in places if name not in view.resources]
    for name in gone:
        world.say(2613, name)
    well = not gone
    for names, place in intent.by_server(view, places):
        try:
            well = await start(world, StartCommand(names=names, server=place, again=True, as_before=before)) and well
        except BadInput as error:  # it may not run there any more: what was stopped must not stay down for that
            world.refuse(error)
            await wanted_again(world, names, 20158, before=before)
            well = False
    return well


async def wanted_again(
    world: CommandContext,
    names: tuple[ResourceName, ...],
    code: int = 20155,
    *,
    before: Mapping[ResourceName, TargetRecord] = intent.NOWHERE,
) -> None:
    """A restart went wrong half way: what it has stopped is wanted as before, and is brought back as far as may be."""
    operator = world.operator()
    await write(world, lambda view: intent.wanted_again(view, names, operator, before))
    world.say(code, ", ".join(f"'{name}'" for name in names))
