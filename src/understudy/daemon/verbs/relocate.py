"""`crsctl relocate resource`: moves a resource, with its group, to another server. `intent/relocate.py` decides."""

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.busy import beside, check_not_busy
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.follow import Watch, deadline, follow
from understudy.daemon.verbs.named import check_server_name, number_given
from understudy.daemon.verbs.report import report
from understudy.daemon.verbs.start import looked_at
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext, commit
from understudy.intent import relocate as intent
from understudy.intent.facts import preempted, servers
from understudy.intent.instances import meant
from understudy.intent.refusal import Declined
from understudy.intent.relocate import RelocateCommand
from understudy.intent.verdicts import Moved
from understudy.model.cardinality import apart


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    return await tried(world, "Relocate", _run(world, arguments))


async def _run(world: CommandContext, arguments: Arguments) -> bool:
    view = await world.mirror.refresh()
    names, well = chosen(world, view, arguments)
    source, number = check_server_name(world, view, arguments.text("source")), number_given(arguments)
    if source is not None:
        there = intent.relocate_from(view, names, source, named=bool(arguments.names))
        for remark in there.elsewhere:
            world.remark(remark)
        names, well = there.names, well and not there.elsewhere
    elif arguments.flag("all"):
        raise bad("-all moves everything that runs on one server: name it with -s server")
    else:
        for name in names if number is None else ():
            if view.resources[name].several:
                raise Declined(20644, name)
        names = meant(view, names, number)
    server = check_server_name(world, view, arguments.text("server"))
    check_not_busy(view, beside(view, names), arguments)
    command = RelocateCommand(names=names, server=server, force=arguments.flag("force"))
    return (await relocate(world, command) if names else True) and well


async def relocate(world: CommandContext, command: RelocateCommand) -> bool:
    """Commit one request per group and follow it. Refused when others would have to move, unless forced."""
    await looked_at(world, command.names, command.server)
    before, operator = await world.mirror.refresh(), world.operator()
    done = await commit(world, lambda view: intent.relocate(view, command, operator))
    moving, judge = done.decided.names, Moved(done.decided.owners)
    view = apart(world.mirror.view)
    resources = [view.resources[name] for name in moving if name in view.resources]
    limit = deadline(resources, len(servers(view, world.settings)))
    about = preempted(view, moving)
    settled = await follow(world, Watch(since=done.revision, names=moving, judge=judge, about=about, before=before, deadline_s=limit))
    report(world, settled, "relocation")
    return settled.well
