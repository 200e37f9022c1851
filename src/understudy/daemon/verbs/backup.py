"""`understudy cluster backup`: the intent of this cluster and its epochs, as the content of a file. Changes nothing.

Made of this server's copy of the registry, so that there is one also while the registry cannot be read; then it says how old that is.
The client writes the file.
"""

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.export import intent_of
from understudy.daemon.verbs.world import CommandContext
from understudy.errors import RegistryUnreachable
from understudy.intent.backup import Backup, epochs_of
from understudy.model.messages import line
from understudy.registry.backup import encode


async def run(world: CommandContext, arguments: Arguments) -> int:
    """Print it; its exit status."""
    away_s = 0.0
    try:
        await world.mirror.refresh()
    except RegistryUnreachable:
        away_s = round(max(0.1, world.own().registry_away_s if world.own is not None else 0.0), 1)
        world.output.err(line(20354, f"{away_s:g}"))
    view = world.mirror.view
    if view.set_back:
        world.say(20353, view.set_back)
        return 1
    backup = Backup(
        intent=intent_of(world),
        epochs={name: epoch for name, epoch in epochs_of(view).items() if epoch},
        made=world.clock.wall(),
        made_by=world.by,
        revision=view.revision,
        read_s_ago=away_s,
    )
    world.output.out(encode(backup).decode().rstrip("\n"))
    return 0
