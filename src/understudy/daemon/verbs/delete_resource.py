"""`crsctl delete resource`: forgets resources that are not running and on which nothing depends."""

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.stop import stop
from understudy.daemon.verbs.world import Change, World, commit
from understudy.errors import BadInput, Refused
from understudy.intent.facts import instances, may_be_running, named_by, running_on
from understudy.model import events
from understudy.model.messages import words
from understudy.model.names import ResourceName
from understudy.model.state import State
from understudy.model.types import network_name
from understudy.model.view import View
from understudy.registry import keys


async def run(world: World, arguments: Arguments) -> int:
    """The whole command; its exit status. Success is silent."""
    view = await world.mirror.refresh()
    well = False
    try:
        names, well = chosen(world, view, arguments)
        if names:
            await delete(world, names, force=arguments.flag("force"))
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well:
        world.say(4000, "Delete")
    return 0 if well else 1


async def delete(world: World, names: tuple[ResourceName, ...], *, force: bool) -> None:
    """Forget all of them, in one commit, or raise BadInput. With `force` what runs is stopped first, and dependents may stay."""

    def decide(view: View) -> Change:
        writes: dict[str, object] = {}
        for name in names:
            if name in view.definitions:
                _check(world, view, name, names, force=force)
                writes[keys.resource(name)] = None
                if name in view.targets:
                    writes[keys.target(name)] = None
                # A resource registered later under this name is another one: nothing of this one may be told about it.
                writes |= {keys.report(name, server): None for server in view.reports.get(name, {})}
        told = tuple((events.DELETED, name, "") for name in names)
        return Change(writes, tuple(keys.assignment(name) for name in names), told)

    view = world.mirror.view
    for name in names:
        _check_owned(world, name)  # before anything is stopped for it
        _check_dependents(view, name, names, force=force)
    running = tuple(name for name in names if may_be_running(view, name))
    if force and running and not await stop(world, running, force=True):
        left = [name for name in running if may_be_running(world.mirror.view, name)] or running
        raise Refused(words(20029, left[0], _still_there(world.mirror.view, left[0])), code=20029)
    await commit(world, decide)


def _check(world: World, view: View, name: ResourceName, names: tuple[ResourceName, ...], *, force: bool) -> None:
    _check_owned(world, name)
    if may_be_running(view, name):
        raise Refused(words(20029, name, _still_there(view, name)), code=20029)
    _check_dependents(view, name, names, force=force)


def _check_owned(world: World, name: ResourceName) -> None:
    if name in {network_name(one.number) for one in world.settings.networks}:
        raise Refused(words(20031, name, "deleted"), code=20031)


def _still_there(view: View, name: ResourceName) -> str:
    """What of it may still run, where, and what to do."""
    if (server := running_on(view, name)) is not None:
        return f"it is still running on '{server}'; stop it first."
    for one in instances(view, view.resources[name]):
        if one.state is State.UNKNOWN:
            why = f" ({one.report.failure.text})" if one.report is not None and one.report.failure is not None else ""
            return f"it is UNKNOWN on '{one.server}'{why}: see that it is down there, then crsctl stop resource {name}"
    assignment = view.assignments.get(name)
    held = assignment.holders if assignment is not None else ()
    where = ", ".join(f"'{one.server}'" for one in held) or "a server"
    return f"it may still be running on {where}, which has not said that it is stopped; stop it first."


def _check_dependents(view: View, name: ResourceName, names: tuple[ResourceName, ...], *, force: bool) -> None:
    left = [one for one in named_by(view, name) if one not in names]
    if left and not force:
        raise Refused(words(2730, left[0], name), code=2730)
