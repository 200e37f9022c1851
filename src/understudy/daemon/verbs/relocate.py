"""`crsctl relocate resource`: moves a resource, with its group, to another server; a move leaves no constraint behind."""

from collections.abc import Mapping

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.follow import Moved, Watch, deadline, follow
from understudy.daemon.verbs.named import check_server_name, only_there
from understudy.daemon.verbs.start import Ask, check_place, check_server, looked_at, report
from understudy.daemon.verbs.world import Change, World, commit
from understudy.errors import BadInput, Refused
from understudy.intent.facts import find, groups_of, may_be_running, running_on, servers
from understudy.model.messages import words
from understudy.model.names import Incarnation, ResourceName
from understudy.model.state import Target
from understudy.model.view import Request, View
from understudy.policy.eligibility import group_standings
from understudy.policy.ground import Ground, survey
from understudy.policy.sentences import against
from understudy.registry import keys


async def run(world: World, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    view = await world.mirror.refresh()
    well = False
    try:
        names, well = chosen(world, view, arguments)
        if arguments.text("source") is not None:
            names, all_there = _from(world, view, names, arguments)
            well = well and all_there
        elif arguments.flag("all"):
            raise bad("-all moves everything that runs on one server: name it with -s server")
        server = check_server_name(world, view, arguments.text("server"))
        ask = Ask(names=names, server=server, force=arguments.flag("force"))
        well = (await relocate(world, ask) if names else True) and well
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well:
        world.say(4000, "Relocate")
    return 0 if well else 1


def _from(world: World, view: View, names: tuple[ResourceName, ...], arguments: Arguments) -> tuple[tuple[ResourceName, ...], bool]:
    """What of it runs on the server of `-s`: of those that are named each must, unless it runs nowhere."""
    source = check_server_name(world, view, arguments.text("source"))
    assert source is not None, "the caller has looked"
    if arguments.names:
        return only_there(world, view, names, source)
    return tuple(name for name in names if not view.resources[name].local and running_on(view, name) == source), True


async def relocate(world: World, ask: Ask) -> bool:
    """Commit one request per group and follow it. Refused when others would have to move, unless forced."""
    moving: tuple[ResourceName, ...] = ()

    def decide(view: View) -> Change:
        nonlocal moving
        member_of = groups_of(view)
        groups = sorted({_movable(view, name, member_of) for name in ask.names})
        moving = tuple(name for group in groups for name in group)
        if ask.server is not None:
            check_server(world, view, ask.server)
        ground = survey(view)
        for group in groups:
            _check(ground, group, ask)
        requests = [Request(id=world.token(), verb="relocate", resources=group, server=ask.server, by=world.by) for group in groups]
        relied = (*(keys.resource(name) for name in moving), *(keys.target(name) for name in moving))
        return Change({keys.request(one.id): one for one in requests}, relied)

    await looked_at(world, ask.names, ask.server)
    before = await world.mirror.refresh()
    since = await commit(world, decide)
    owners: dict[ResourceName, Incarnation] = {}
    for name in moving:
        assignment = before.assignments.get(name)
        if assignment is not None and assignment.owner is not None:
            owners[name] = assignment.owner.incarnation
    view = world.mirror.view
    resources = [view.resources[name] for name in moving if name in view.resources]
    limit = deadline(resources, len(servers(view, world.settings)))
    settled = await follow(world, Watch(since=since, names=moving, judge=Moved(owners), before=before, deadline_s=limit))
    report(world, settled, "relocation")
    return settled.well


def _movable(view: View, name: ResourceName, member_of: Mapping[ResourceName, tuple[ResourceName, ...]]) -> tuple[ResourceName, ...]:
    """The members of its group that are wanted; refuses what cannot be moved at all."""
    resource = find(view, name)
    if resource.local:
        raise Refused(words(2904, name), code=2904)
    if not may_be_running(view, name) or view.target(name) is not Target.ONLINE:
        raise Refused(words(2562, name), code=2562)
    return tuple(one for one in member_of[name] if view.target(one) is Target.ONLINE)


def _check(ground: Ground, group: tuple[ResourceName, ...], ask: Ask) -> None:
    view = ground.view
    asked = next(name for name in ask.names if name in group)
    others = [name for name in group if name not in ask.names]
    if ask.server is not None and all(running_on(view, name) == ask.server for name in group):
        raise Refused(words(5702, asked, ask.server), code=5702)
    if others and not ask.force:
        raise Refused(words(2529, asked, others[0]), code=2529)
    if ask.server is not None:
        check_place(ground, group, ask.server)
    else:
        home = running_on(view, asked)
        if not any(one.admitted and one.server != home for one in group_standings(ground, group)):
            told = "\n".join(f"  {one}" for one in against(view, asked))
            raise Refused(f"{words(2632, asked)}\n{told}", code=2632)
