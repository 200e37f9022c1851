"""What only a rehearsal is given: servers lost or back, a resource that fails (`understudy whatif`, `crsctl eval`). Changes nothing.

Each acts on the rehearsal in its world (`verbs/rehearse.py`), as another verb commits.
"""

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.named import check_server_name
from understudy.daemon.verbs.rehearse import EVAL
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext
from understudy.intent.categories import supposed
from understudy.intent.facts import instances
from understudy.intent.permitted import check_may_run
from understudy.intent.refusal import Declined
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import ALIVE, State
from understudy.model.view import View
from understudy.policy.rehearsal import Rehearsal


async def lose(world: CommandContext, arguments: Arguments) -> int:
    """`whatif lose NAME,...`: they lose their power at once."""
    return await tried(world, "", _lose(world, arguments))


async def _lose(world: CommandContext, arguments: Arguments) -> bool:
    view, rehearsal = await _begun(world)
    names = _servers(world, view, arguments)
    for name in names:
        if not _is_there(view, name):
            raise Declined(2546, name)
    rehearsal.servers.lose(names)
    await world.mirror.wait(view.revision, 0.0)
    return True


async def back(world: CommandContext, arguments: Arguments) -> int:
    """`whatif return NAME,...`, `eval add server`: servers that are out join again, or for the first time."""
    return await tried(world, "Add" if arguments.text("form") == EVAL else "", _back(world, arguments))


async def _back(world: CommandContext, arguments: Arguments) -> bool:
    view, rehearsal = await _begun(world)
    names = tuple(map(ServerName, _listed(arguments))) if arguments.flag("new") else _servers(world, view, arguments)
    if not names:
        raise Declined(20010, "name at least one server")
    for name in names:
        if _is_there(view, name):
            raise Declined(20623, name)
    given = arguments.attributes()
    for name in names:
        record, hardware = supposed(view, name, given) if given else (None, None)
        rehearsal.servers.join(name, record, hardware)
        await world.mirror.wait(view.revision, 0.0)
    return True


async def fail(world: CommandContext, arguments: Arguments) -> int:
    """`eval fail resource`: what runs ends by itself, and starts again where it may."""
    return await tried(world, "Fail", _fail(world, arguments))


async def _fail(world: CommandContext, arguments: Arguments) -> bool:
    view, rehearsal = await _begun(world)
    names, well = chosen(world, view, arguments)
    server = check_server_name(world, view, arguments.text("server"))
    check_may_run(view, names, world.caller.who)
    for name in names:
        places = _places(view, name, server)
        if not places:
            raise Declined(20624, name, f" on '{server}'" if server else "")
        for place in places:
            rehearsal.fail(name, place)
    await world.mirror.wait(view.revision, 0.0)
    return well


def _places(view: View, name: ResourceName, server: ServerName | None) -> tuple[ServerName, ...]:
    """Where it runs, of all its instances or of the one on a server."""
    up = (instance.server for instance in instances(view, view.resources[name]) if instance.state in (State.ONLINE, State.INTERMEDIATE))
    return tuple(place for place in up if place is not None and server in (None, place))


async def _begun(world: CommandContext) -> tuple[View, Rehearsal]:
    rehearsal = world.rehearsal
    assert rehearsal is not None, "only a rehearsal is asked for this"
    await world.mirror.wait(0, 0.0)  # what is under way has begun
    return await world.mirror.refresh(), rehearsal


def _servers(world: CommandContext, view: View, arguments: Arguments) -> tuple[ServerName, ...]:
    """Those that are named, by commas or blanks."""
    found: list[ServerName] = []
    for name in _listed(arguments):
        server = check_server_name(world, view, name)
        assert server is not None, "a name was given"
        found.append(server)
    if not found:
        raise Declined(20010, "name at least one server")
    return tuple(dict.fromkeys(found))


def _listed(arguments: Arguments) -> list[str]:
    return [name for text in arguments.names for name in text.split(",") if name]


def _is_there(view: View, server: ServerName) -> bool:
    record = view.present().get(server)
    return record is not None and record.life in ALIVE


async def activate_policy(world: CommandContext, arguments: Arguments) -> int:
    """`eval activate policy`: there is nothing of the kind."""
    world.say(20625)
    world.say(4000, "Activate")
    return 1
