"""`crsctl start resource`: wants resources and all they need, ONLINE; then follows until they are. `intent/start.py` decides."""

from collections.abc import Iterable

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.busy import beside, check_not_busy
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.follow import Watch, deadline, follow
from understudy.daemon.verbs.gave_way import follow_those
from understudy.daemon.verbs.named import check_server_name, number_given
from understudy.daemon.verbs.put_back import put_back
from understudy.daemon.verbs.report import report
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.truth import as_it_is
from understudy.daemon.verbs.world import CommandContext, commit_in_steps
from understudy.errors import BadInput
from understudy.intent import start as intent
from understudy.intent.facts import groups_of, preempted, servers
from understudy.intent.instances import meant, to_start_on, without_server
from understudy.intent.needs import beginning, needed, unlooked
from understudy.intent.put_back import Attempt
from understudy.intent.start import StartCommand
from understudy.intent.verdicts import Judge, StartedOn, Verdict, started
from understudy.model.cardinality import apart
from understudy.model.names import ResourceName, ServerName, number_of, registered_name
from understudy.model.view import View

LOOK_S = 15.0
"""How long the first look at a new resource is waited for, at most."""


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    return await tried(world, "Start", _run(world, arguments))


async def _run(world: CommandContext, arguments: Arguments) -> bool:
    view = await world.mirror.refresh()
    names, all_known = chosen(world, view, arguments)
    place = check_server_name(world, view, arguments.text("server"))
    check_not_busy(view, (*needed(view, names), *beside(view, names)), arguments)
    well, number = True, number_given(arguments)
    instances = to_start_on(view, names, place) if place is not None and number is None else meant(view, names, number)
    command = StartCommand(names=instances, server=place, force=arguments.flag("force"), leave=arguments.flag("leave"))
    for part in _parts(view, command, arguments):
        well = await start(world, part) and well
    return well and all_known


def _parts(view: View, command: StartCommand, arguments: Arguments) -> tuple[StartCommand, ...]:
    """One start; with `-s` one for each server that is the best of the pools for some of what is asked for."""
    pools = arguments.text("pools")
    if pools is None:
        return (intent.there_only(command),)
    if command.server is not None:
        raise bad("-n names a server, -s pools: give one of the two")
    return intent.best_within(view, command, intent.servers_of(view, pools))


async def start(world: CommandContext, command: StartCommand) -> bool:
    """Commit the intent and follow it; whether all of it came about. BadInput: refused, nothing was changed.

    If it fails, TARGETs are as they were before. On one server that is named, a stopped local resource (a network) that something stands
    on is started first: only then is the server a candidate.
    """
    view = await world.mirror.refresh()
    first = intent.networks_first(view, command)
    if not first:
        return await _start(world, command, None)
    await _start(world, intent.first_started(view, first, command), None)
    targets = world.mirror.view.targets
    attempt = Attempt(before=view, wrote={name: targets[name] for name in first if name in targets})
    try:
        return await _start(world, command, attempt)
    except BadInput:
        await put_back(world, attempt, command.names)
        raise


async def _start(world: CommandContext, command: StartCommand, earlier: Attempt | None) -> bool:
    await looked_at(world, command.names, command.server)
    operator = world.operator()
    done = await commit_in_steps(world, lambda view: intent.start_in_steps(view, command, operator, shown=as_it_is(world, view)))
    starting, remarks = done.decided, () if command.again else done.decided.remarks
    for remark in remarks:
        world.remark(remark)
    if not starting.names:
        return not remarks
    watch = _watch(world, done.revision, starting.names, done.before, started if command.server is None else StartedOn(command.server))
    settled = await follow(world, watch)
    report(world, settled, "start")
    for name in without_server(settled.view, starting.names):
        world.say(20643, number_of(name), registered_name(name))
    down = (name for name in starting.names if watch.judge(settled.view, name) is not Verdict.DONE) if settled.refused else ()
    failed = tuple(dict.fromkeys((*settled.failed, *down)))
    if failed and not (command.again or command.leave or world.detached()):
        await put_back(world, intent.attempt_of(done.before, done.written, earlier), failed)
    if not world.detached():
        await follow_those(world, done.before, starting.names, settled)
    return settled.well and not remarks


async def looked_at(world: CommandContext, names: Iterable[ResourceName], server: ServerName | None) -> None:
    """Wait until servers have looked at what was registered a moment ago (S6), and until a daemon that has just begun has proved that it
    can act: before that they are no candidates. Bounded."""
    view = apart(await world.mirror.refresh())
    wanted = [name for name in needed(view, names) if not view.resources[name].local]
    until = world.clock.monotonic() + min(LOOK_S, max((view.resources[name].check_timeout_s for name in wanted), default=0.0))
    while (left := until - world.clock.monotonic()) > 0 and (unlooked(view, wanted, server) or beginning(view, wanted, server)):
        view = apart(await world.mirror.wait(view.revision, left))


def _watch(world: CommandContext, since: int, names: tuple[ResourceName, ...], before: View, judge: Judge) -> Watch:
    view = apart(world.mirror.view)
    about, member_of = set(needed(view, names)), groups_of(view)
    for name in names:
        about.update(member_of.get(name, ()))
    about |= {other for name in preempted(view, about) for other in (name, *member_of.get(name, ()))}
    resources = [view.resources[name] for name in about if name in view.resources]
    return Watch(
        since=since,
        names=names,
        judge=judge,
        about=frozenset(about),
        before=before,
        deadline_s=deadline(resources, len(servers(view, world.settings))),
    )
