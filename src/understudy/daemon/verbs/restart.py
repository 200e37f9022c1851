"""`crsctl restart resource`: stop, then start on the same server, dependents included. Made of the stop and start verbs."""

from collections.abc import Mapping

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.start import Ask, check_place, start
from understudy.daemon.verbs.stop import stop
from understudy.daemon.verbs.world import Change, World, commit
from understudy.errors import BadInput, Refused
from understudy.intent.facts import may_be_running, running_on, stop_dependents
from understudy.model import events
from understudy.model.messages import words
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import Target
from understudy.model.view import TargetRecord, View
from understudy.policy.waits import waits
from understudy.registry import keys


async def run(world: World, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    view = await world.mirror.refresh()
    well = False
    try:
        names, well = chosen(world, view, arguments)
        for name in names:
            if not may_be_running(view, name):
                world.say(2500, name)
                well = False
        names = tuple(name for name in names if may_be_running(view, name))
        well = (await restart(world, names, force=arguments.flag("force")) if names else True) and well
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well:
        world.say(4000, "Restart")
    return 0 if well else 1


async def restart(world: World, names: tuple[ResourceName, ...], *, force: bool) -> bool:
    """Stop and start again what was wanted ONLINE. What could not be stopped is not started, but wanted as it was."""
    view = world.mirror.view
    places = places_of(view, names)
    wanted = tuple(name for name in places if view.target(name) is Target.ONLINE)
    if not force:
        _check_that_it_can_start(view, places)
    if not await stop(world, names, force=force):
        await wanted_again(world, wanted)
        return False
    return await start_again(world, places)


def _check_that_it_can_start(view: View, places: Mapping[ResourceName, ServerName | None]) -> None:
    """What would not come up again where it is is not stopped: a restart is no stop."""
    asked = waits(view)
    for name, place in places.items():
        if place is None or view.resources[name].local:
            continue
        check_place(asked.ground, [name], place, places)
        missing = asked.missing(name, place, places)
        if missing is not None and not missing.passing:
            raise Refused(words(20165, name, place, missing.text), code=20165)


def places_of(view: View, names: tuple[ResourceName, ...]) -> dict[ResourceName, ServerName | None]:
    """The names and their wanted dependents, each with the server it runs on: what a restart must bring back."""
    affected = (*names, *stop_dependents(view, names))
    return {name: running_on(view, name) for name in affected if view.target(name) is Target.ONLINE or name in names}


async def start_again(world: World, places: Mapping[ResourceName, ServerName | None]) -> bool:
    """Start everything where it was, server by server; what had no place comes last, and may be up by then with the others."""
    well = True
    for server in sorted({place or "" for place in places.values()}, key=lambda place: (not place, place)):
        names = tuple(sorted(name for name, place in places.items() if (place or "") == server))
        local = tuple(name for name in names if world.mirror.view.resources[name].local)
        moving = tuple(name for name in names if name not in local)
        for group, place in ((local, None), (moving, ServerName(server) if server else None)):
            if not group:
                continue
            try:
                well = await start(world, Ask(names=group, server=place, again=True)) and well
            except BadInput as error:  # it may not run there any more: what was stopped must not stay down for that
                world.refuse(error)
                await wanted_again(world, group, 20158)
                well = False
    return well


async def wanted_again(world: World, names: tuple[ResourceName, ...], code: int = 20155) -> None:
    """A restart went wrong half way: what it has stopped is wanted as before, and is brought back as far as may be."""

    def decide(view: View) -> Change:
        down = [name for name in names if name in view.resources and view.target(name) is not Target.ONLINE]
        told = tuple((events.TARGET_SET, name, Target.ONLINE.value) for name in down)
        return Change({keys.target(name): TargetRecord(target=Target.ONLINE, by=world.by) for name in down}, (), told)

    await commit(world, decide)
    world.say(code, ", ".join(f"'{name}'" for name in names))
