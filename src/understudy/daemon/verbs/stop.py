"""`crsctl stop resource`: wants resources OFFLINE; then follows until nobody holds them. Changes TARGETs only."""

from dataclasses import dataclass

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.follow import Judge, Verdict, Watch, deadline, follow, stopped
from understudy.daemon.verbs.named import check_server_name, only_there
from understudy.daemon.verbs.start import report
from understudy.daemon.verbs.world import Change, World, commit
from understudy.errors import BadInput, Refused
from understudy.intent.facts import may_be_running, running_on, stop_dependents
from understudy.model import events
from understudy.model.messages import line, words
from understudy.model.names import ResourceName
from understudy.model.state import State, Target
from understudy.model.view import TargetRecord, View
from understudy.registry import keys


async def run(world: World, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    view = await world.mirror.refresh()
    well = False
    try:
        names, well = chosen(world, view, arguments)
        if arguments.text("server") is not None:
            names, all_there = _on_server(world, view, names, arguments)
            well = well and all_there
        if names:
            well = await stop(world, names, force=arguments.flag("force")) and well
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well:
        world.say(4000, "Stop")
    return 0 if well else 1


async def stop(world: World, names: tuple[ResourceName, ...], *, force: bool) -> bool:
    """Commit the intent and follow it; whether all of it came about. Refused (CRS-2529) while dependents run, unless forced."""
    remarks: list[str] = []
    stopping: tuple[ResourceName, ...] = ()

    def decide(view: View) -> Change:
        nonlocal stopping
        remarks[:] = [line(2500, name) for name in names if not may_be_running(view, name)]
        asked = tuple(name for name in names if may_be_running(view, name))
        stopping = tuple(sorted({*asked, *_dependents(view, asked, force=force)}))
        return _change(world, view, (*stopping, *names))

    before = world.mirror.view
    since = await commit(world, decide)
    for remark in remarks:
        world.output.out(remark)
    if not stopping:
        return not remarks
    for name in stopping:
        # An UNKNOWN one would be looked at later; somebody has just said that it may be down by now.
        world.check(name)
    view = world.mirror.view
    resources = [view.resources[name] for name in stopping if name in view.resources]
    watch = Watch(since=since, names=stopping, judge=_judge(before), before=before, deadline_s=deadline(resources, 1))
    settled = await follow(world, watch)
    report(world, settled, "stop")
    return settled.well and not remarks


def _dependents(view: View, names: tuple[ResourceName, ...], *, force: bool) -> tuple[ResourceName, ...]:
    running = tuple(name for name in stop_dependents(view, names) if may_be_running(view, name) or view.target(name) is Target.ONLINE)
    if running and not force:
        raise Refused(words(2529, names[0], running[0]), code=2529)
    return running


def _change(world: World, view: View, names: tuple[ResourceName, ...]) -> Change:
    writes: dict[str, object] = {}
    told: list[tuple[str, str, str]] = []
    for name in dict.fromkeys(names):
        # Written even where nobody ever wanted it: a resource found running is left alone until a TARGET says otherwise.
        if view.target(name) is Target.ONLINE or name not in view.targets:
            writes[keys.target(name)] = TargetRecord(target=Target.OFFLINE, by=world.by)
            told.append((events.TARGET_SET, name, Target.OFFLINE.value))
    return Change(writes, tuple(keys.resource(name) for name in dict.fromkeys(names)), tuple(told))


def _on_server(
    world: World, view: View, names: tuple[ResourceName, ...], arguments: Arguments
) -> tuple[tuple[ResourceName, ...], bool]:
    """Of those that are named each must run there, if it runs; of those that a filter chose, these are meant."""
    server = check_server_name(world, view, arguments.text("server"))
    assert server is not None, "the caller has looked"
    local = [name for name in names if view.resources[name].local]
    if arguments.names and local:
        raise bad(f"'{local[0]}' is a local resource: it is stopped on every server, without -n")
    if arguments.names:
        return only_there(world, view, names, server)
    return tuple(name for name in names if name not in local and running_on(view, name) in (server, None)), True


@dataclass(frozen=True, slots=True)
class _Stopped:
    """`stopped`, but an instance that was UNKNOWN before has time to be found down."""

    unknown: frozenset[ResourceName]

    def __call__(self, view: View, name: ResourceName) -> Verdict:
        verdict = stopped(view, name)
        return Verdict.PENDING if verdict is Verdict.FAILED and name in self.unknown else verdict


def _judge(before: View) -> Judge:
    unknown = {name for name, reports in before.reports.items() if any(one.state is State.UNKNOWN for one in reports.values())}
    return _Stopped(frozenset(unknown))
