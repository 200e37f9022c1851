"""`understudy server evict NAME`: voters grant it no lease any more, so that what it holds can be moved off.

For a server whose guard still renews but which does nothing useful: its daemon hangs, or it cannot reach the registry. It stops everything
when its lease ends, and rejoins by itself as a new incarnation. Safe at any time (S4, S5): what it held starts elsewhere only when it is
proved fenced.
"""

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext, write
from understudy.errors import BadInput
from understudy.intent.servers import evict, present
from understudy.model import events
from understudy.model.names import ServerName
from understudy.model.state import PROVEN
from understudy.model.view import IncarnationRecord

WAIT_S = 60.0


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    try:
        server = ServerName(arguments.one_name("server"))
        evicted, operator = present(world.mirror.view, server), world.operator()
        await write(world, lambda view: evict(view, server, operator))
    except BadInput as error:
        world.refuse(error)
        return 1
    world.record(events.EVICTED, None, f"by {world.by}", server)
    world.output.out(f"{server} is granted no lease any more; waiting until it is proved fenced")
    if server == world.settings.server:
        world.output.out("this is that server: everything on it stops now, this answer with it; ask another server how it went")
        return 0
    return await _until_proven(world, evicted)


async def _until_proven(world: CommandContext, evicted: IncarnationRecord) -> int:
    until = world.clock.monotonic() + WAIT_S
    view = world.mirror.view
    while (left := until - world.clock.monotonic()) > 0:
        life = view.life(evicted.incarnation)
        if life is None or life in PROVEN:
            world.output.out(f"{evicted.server} is fenced; what it held may start elsewhere")
            return 0
        view = await world.mirror.wait(view.revision, left)
    world.output.err(f"{evicted.server} was not proved fenced within {WAIT_S:g} s; the eviction stands")
    return 1
