"""`crsctl check resource`: only triggers a check, and prints nothing."""

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.world import World
from understudy.errors import BadInput


async def run(world: World, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    try:
        names, well = chosen(world, world.mirror.view, arguments)
    except BadInput as error:
        world.refuse(error)
        names, well = (), False
    for name in names:
        world.check(name)
    if not well:
        world.say(4000, "Check")
    return 0 if well else 1
