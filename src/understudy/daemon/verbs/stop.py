"""`crsctl stop resource`: wants resources OFFLINE; then follows until nobody holds them. `intent/stop.py` decides."""

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.busy import beside, check_not_busy
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.follow import Watch, deadline, follow
from understudy.daemon.verbs.named import check_server_name, number_given
from understudy.daemon.verbs.report import report
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext, commit
from understudy.intent import stop as intent
from understudy.intent.instances import meant
from understudy.intent.verdicts import Emptied, Judge, Stopped
from understudy.model.cardinality import apart
from understudy.model.names import ResourceName, ServerName, registered_name


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    return await tried(world, "Stop", _run(world, arguments))


async def _run(world: CommandContext, arguments: Arguments) -> bool:
    view = await world.mirror.refresh()
    names, well = chosen(world, view, arguments)
    server, number = check_server_name(world, view, arguments.text("server")), number_given(arguments)
    if server is not None and number is None:
        there = intent.stop_on(view, names, server, named=bool(arguments.names))
        for remark in there.elsewhere:
            world.remark(remark)
        names, well = there.names, well and not there.elsewhere
    else:
        names = meant(view, names, number)
    if not names:
        return well
    check_not_busy(view, beside(view, names), arguments)
    stopped = await stop(world, names, force=arguments.flag("force"), server=server)
    for remark in intent.without_support(world.mirror.view, names):
        world.remark(remark)
    return stopped and well


async def stop(world: CommandContext, names: tuple[ResourceName, ...], *, force: bool, server: ServerName | None = None) -> bool:
    """Commit the intent and follow it; whether all of it came about. Refused (CRS-2529) while dependents run, unless forced. `server`: of
    local resources only the instance there."""
    before, operator = world.mirror.view, world.operator()
    done = await commit(world, lambda view: intent.stop(view, names, operator, force=force, server=server))
    stopping, remarks = done.decided.names, done.decided.remarks
    for remark in remarks:
        world.remark(remark)
    if not stopping:
        return not remarks
    for name in stopping:
        # An UNKNOWN one would be looked at later; somebody has just said that it may be down by now.
        world.check(registered_name(name))
    view, displaced = apart(world.mirror.view), done.decided.displaced
    judge: Judge = Stopped.since(before, server)
    if server is not None and displaced:
        judge = Emptied(Stopped.since(before, server), displaced, server)
    followed = (*stopping, *displaced)
    resources = [view.resources[name] for name in followed if name in view.resources]
    watch = Watch(since=done.revision, names=followed, judge=judge, before=before, deadline_s=deadline(resources, 1))
    settled = await follow(world, watch)
    report(world, settled, "stop")
    for remark in intent.without_place(settled.view, displaced):
        world.remark(remark)
    return settled.well and not remarks
