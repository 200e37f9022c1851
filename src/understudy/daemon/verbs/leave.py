"""`understudy server leave [NAME]`, `crsctl stop crs|cluster`: a server stops everything in order and leaves. Back: `server join`.

The verb only writes the wish: the server's life becomes LEAVING. Its daemon, the leader and the lanes do the rest (`daemon/leave.py`), also
when this command is interrupted.
"""

import asyncio

from understudy.daemon.leave import holds, over
from understudy.daemon.text.progress import lines
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext, write
from understudy.errors import BadInput, RegistryUnreachable
from understudy.intent import servers as intent
from understudy.model import events
from understudy.model.names import ServerName
from understudy.model.state import ALIVE, Life
from understudy.model.view import IncarnationRecord, View

SLACK_S = 30.0
JOIN_S = 60.0
_ENDS = (events.STOPPED, events.LEFT_BEHIND)


async def leave(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    at_once, own = arguments.flag("force"), ServerName(world.settings.server)
    names = tuple(ServerName(name) for name in arguments.names) or (own,)
    try:
        view = await world.mirror.refresh()
        if arguments.flag("all"):
            names = tuple(name for name, record in view.present().items() if record.life in ALIVE)
        leaving = [intent.present(view, name) for name in names]
        if not at_once:
            intent.keep_a_majority(view, names)
        operator = world.operator()
        since = await write(world, lambda fresh: intent.leave(fresh, names, operator, at_once=at_once))
    except RegistryUnreachable:
        if names != (own,):
            raise
        world.say(20070, own)
        world.leave_here(world.by, at_once)
        return 0
    except BadInput as error:
        world.refuse(error)
        world.say(4000, "Stop")
        return 1
    for record in leaving:
        world.say(2791, record.server)
        if not at_once:
            world.say(2790, record.server)
    return await _follow(world, leaving, since)


async def join(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    own = ServerName(world.settings.server)
    for name in arguments.names:
        if name != own:
            world.say(20073, name)
            return 1
    if arguments.flag("no_autostart"):
        world.say(20605)
        world.say(4000, "Start")
        return 1
    came = world.server.come_back()
    if arguments.flag("nowait"):
        if not arguments.flag("quiet"):
            world.say(20606 if came else 20074, own)
        return 0
    if not came and not arguments.flag("wait"):
        world.say(20074, own)
        return 0
    until = world.clock.monotonic() + JOIN_S
    view = world.mirror.view
    while (left := until - world.clock.monotonic()) > 0:
        record = view.present().get(own)
        if record is not None and record.life is Life.ONLINE:
            world.say(4123)
            return 0
        view = await world.mirror.wait(view.revision, min(left, 1.0))
    world.say(20075, own, f"{JOIN_S:g}")
    return 1


async def _follow(world: CommandContext, leaving: list[IncarnationRecord], since: int) -> int:
    """Print what happens until all have left; with this very server among them, until all have stopped everything: its guard ends this
    daemon next, and who is the last to go leaves nobody behind to write that down."""
    ended: dict[ServerName, str] = {}
    printer = asyncio.create_task(_print(world, frozenset(incarnation.server for incarnation in leaving), since, ended))
    until, own = world.clock.monotonic() + world.settings.leave_within + SLACK_S, ServerName(world.settings.server)
    with_own = any(incarnation.server == own for incarnation in leaving)
    view, waiting = world.mirror.view, leaving
    try:
        with world.leave_followed() as has_to_end:
            while waiting:
                waiting = [record for record in waiting if not _has_left(view, record, ended, with_own=with_own)]
                left = until - world.clock.monotonic()
                if not waiting or left <= 0 or has_to_end():
                    break
                view = await world.mirror.wait(view.revision, min(left, 1.0))
                await asyncio.sleep(0)  # the printer takes in what has come, before it is asked again
            await asyncio.sleep(0)
            return _said(world, leaving, waiting, ended, cut_short=has_to_end())
    finally:
        printer.cancel()
        await asyncio.gather(printer, return_exceptions=True)


def _said(
    world: CommandContext,
    leaving: list[IncarnationRecord],
    waiting: list[IncarnationRecord],
    ended: dict[ServerName, str],
    *,
    cut_short: bool,
) -> int:
    """What came of it, server by server; the exit status."""
    well = not waiting
    for incarnation in leaving:
        if incarnation in waiting:
            if not cut_short:
                world.say(20072, incarnation.server, f"{world.settings.leave_within + SLACK_S:g}")
        elif ended.get(incarnation.server):
            world.say(20071, incarnation.server, ended[incarnation.server])
            well = False
        else:
            if incarnation.server in ended:
                world.say(2792, incarnation.server)
            world.say(2793, incarnation.server)
    if cut_short and waiting:
        own = ServerName(world.settings.server)
        others = [incarnation.server for incarnation in waiting if incarnation.server != own] or [own]
        world.say(20510, own, ", ".join(f"'{server}'" for server in others))
    world.say(4133) if well else world.say(4000, "Stop")
    return 0 if well else 1


async def _print(world: CommandContext, servers: frozenset[ServerName], since: int, ended: dict[ServerName, str]) -> None:
    """What stops on these servers, and what starts elsewhere meanwhile."""
    async for _, event in world.mirror.events(since):
        world.progress(lines(event))
        if event.kind in _ENDS and (event.on or event.server) in servers:
            ended[event.on or event.server] = f"{event.text}: {event.cause}" if event.kind == events.LEFT_BEHIND else ""


def _has_left(view: View, record: IncarnationRecord, ended: dict[ServerName, str], *, with_own: bool) -> bool:
    if with_own:
        return record.server in ended or over(view, record)
    return over(view, record) and not holds(view, record.incarnation)
