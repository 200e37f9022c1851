"""`understudy server confirm-off NAME`: an operator's word that a silent server has no power.

For what a server said that it could not end before it fell silent: nothing but this word, or the server's return, proves that it is gone
(`policy/liveness.py`). It is asked for with a question, for a wrong answer runs something twice. A server that holds a lease, or may, is
refused: whoever is alive is not off.
"""

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext, write
from understudy.errors import BadInput
from understudy.intent.servers import confirm_off, silent
from understudy.model import events
from understudy.model.names import ResourceName, ServerName
from understudy.policy.liveness import CONFIRMED_OFF, unended_of


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    try:
        server = ServerName(arguments.one_name("server"))
        record = silent(await world.mirror.refresh(), server)
        if not arguments.flag("force"):
            world.output.out(_question(server, [name for name, _ in unended_of(world.mirror.view, record)]))
            return 1
        operator = world.operator()
        await write(world, lambda view: confirm_off(view, server, operator))
    except BadInput as error:
        world.refuse(error)
        return 1
    world.record(events.FENCED, None, f"{CONFIRMED_OFF} by {world.by}", server)
    world.output.out(f"{server} counts as off; what waited for it may start elsewhere")
    return 0


def _question(server: ServerName, waiting: list[ResourceName]) -> str:
    held = f"{', '.join(waiting)}: something of it could not be ended there" if waiting else "nothing waits for this confirmation"
    return (
        f"Does {server} have no power? That it does not answer, is cut off or hangs is not enough: somebody must have "
        "checked that it is off.\n"
        f"({held})\nIf it still runs, what waits for it will run twice. If it is off: understudy server confirm-off {server} -f"
    )
