"""`crsctl check resource`: only triggers a check, and prints nothing."""

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.named import check_server_name
from understudy.daemon.verbs.truth import head
from understudy.daemon.verbs.world import CommandContext
from understudy.errors import BadInput
from understudy.intent.permitted import check_may_run


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status. Where this server holds no lease nothing is looked at, and that is said."""
    head(world)
    try:
        view = world.mirror.view
        server = check_server_name(world, view, arguments.text("server"))
        if server not in (None, world.settings.server):
            raise bad(f"a check is made by the server itself, which cannot be asked from here: run the command on '{server}'")
        names, well = chosen(world, view, arguments)
        check_may_run(view, names, world.caller.who)
    except BadInput as error:
        world.refuse(error)
        names, well = (), False
    for name in names:
        world.check(name)
    if not well:
        world.say(4000, "Check")
    return 0 if well else 1
