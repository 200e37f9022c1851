"""`understudy server evict NAME`: voters grant it no lease any more, so that what it holds can be moved off.

For a server whose guard still renews but which does nothing useful: its daemon hangs, or it cannot reach the registry. It stops everything
when its lease ends, and rejoins by itself as a new incarnation. Safe at any time (S4, S5): what it held starts elsewhere only when it is
proved fenced.
"""

from dataclasses import replace

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import Change, World, commit
from understudy.errors import BadInput, Refused
from understudy.model import events
from understudy.model.messages import words
from understudy.model.names import ServerName
from understudy.model.state import ALIVE, PROVEN, Life
from understudy.model.view import IncarnationRecord, View
from understudy.policy.case import EVICTED
from understudy.registry import keys

WAIT_S = 60.0


async def run(world: World, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    try:
        server = ServerName(arguments.one_name("server"))
        evicted = _present(world.mirror.view, server)
        revision = await commit(world, lambda view: _change(view, server, world.by))
    except BadInput as error:
        world.refuse(error)
        return 1
    world.tell(events.EVICTED, None, f"by {world.by}", server)
    world.output.out(f"{server} is granted no lease any more; waiting until it is proved fenced")
    if server == world.settings.server:
        world.output.out("this is that server: everything on it stops now, this answer with it; ask another server how it went")
        return 0
    return await _until_proven(world, evicted, revision)


def _present(view: View, server: ServerName) -> IncarnationRecord:
    record = view.present().get(server)
    if record is None or record.life not in ALIVE:
        raise Refused(words(2546, server), code=2546)
    return record


def _change(view: View, server: ServerName, by: str) -> Change:
    record = _present(view, server)
    evicted = replace(record, life=Life.EVICTED, proof=f"{EVICTED} by {by}")
    return Change(writes={keys.incarnation(record.incarnation): evicted})


async def _until_proven(world: World, evicted: IncarnationRecord, revision: int) -> int:
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
