"""`crsctl restart resource`: stop, then start on the same server, dependents included. Made of the stop and start verbs."""

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.start import start
from understudy.daemon.verbs.stop import stop
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext, write
from understudy.errors import BadInput
from understudy.intent import restart as intent
from understudy.intent.facts import may_be_running
from understudy.intent.restart import RestartPlaces
from understudy.intent.start import StartCommand
from understudy.model.names import ResourceName
from understudy.model.state import Target


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    return await tried(world, "Restart", _run(world, arguments))


async def _run(world: CommandContext, arguments: Arguments) -> bool:
    view = await world.mirror.refresh()
    names, well = chosen(world, view, arguments)
    for name in names:
        if not may_be_running(view, name):
            world.say(2500, name)
            well = False
    names = tuple(name for name in names if may_be_running(view, name))
    return (await restart(world, names, force=arguments.flag("force")) if names else True) and well


async def restart(world: CommandContext, names: tuple[ResourceName, ...], *, force: bool) -> bool:
    """Stop and start again what was wanted ONLINE. What could not be stopped is not started, but wanted as it was."""
    view = world.mirror.view
    places = intent.places_of(view, names)
    wanted = tuple(name for name in places if view.target(name) is Target.ONLINE)
    if not force:
        intent.check_that_it_can_start(view, places)
    if not await stop(world, names, force=force):
        await wanted_again(world, wanted)
        return False
    return await start_again(world, places)


async def start_again(world: CommandContext, places: RestartPlaces) -> bool:
    """Start everything where it was, server by server; what had no place comes last."""
    view = world.mirror.view
    gone = [name for name in places if name not in view.resources]
    for name in gone:
        world.say(2613, name)
    well = not gone
    for names, place in intent.by_server(view, places):
        try:
            well = await start(world, StartCommand(names=names, server=place, again=True)) and well
        except BadInput as error:  # it may not run there any more: what was stopped must not stay down for that
            world.refuse(error)
            await wanted_again(world, names, 20158)
            well = False
    return well


async def wanted_again(world: CommandContext, names: tuple[ResourceName, ...], code: int = 20155) -> None:
    """A restart went wrong half way: what it has stopped is wanted as before, and is brought back as far as may be."""
    operator = world.operator()
    await write(world, lambda view: intent.wanted_again(view, names, operator))
    world.say(code, ", ".join(f"'{name}'" for name in names))
