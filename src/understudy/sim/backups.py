"""Backups of a false cluster and their restores, as operators make them: what is written is the product's own (`intent/backup.py`).

Called by `sim/faults.py` and by stories. The command waits for the servers' looks before it says TARGETs; here its caller lets time pass.
"""

from understudy.intent.backup import Backup, definitions, edits, epochs_of, new_era, targets, targets_edit
from understudy.intent.restoring import after_of, troubles
from understudy.intent.whole import Intent
from understudy.model.names import ServerName
from understudy.sim.chance import dice
from understudy.sim.world import World

BEGAN_WALL = 1_000_000_000.0
"""Seconds since 1970 when a world begins."""
MOST_RECORDS = 8
"""In one commit: also of a registry that takes few."""


def make_backup(world: World) -> Backup | None:
    """What the registry says now; None: there is no cluster in it."""
    view = world.view()
    if view.cluster is None:
        return None
    intent = Intent(
        servers=tuple(map(ServerName, world.machines)),
        cluster=view.cluster,
        pools=view.pools,
        types=view.types,
        definitions=view.definitions,
        targets={name: target for name, target in view.targets.items() if name in view.definitions},
    )
    return Backup(intent=intent, epochs=epochs_of(view), made=world.loop.now, made_by="root", revision=view.revision)


def restore(world: World, backup: Backup, *, overwrite: bool = False) -> None:
    """The new era, and what is registered. What would have to be stopped first is not set back."""
    branch, wall = dice(world.seed, f"restore {world.loop.now}").getrandbits(63), BEGAN_WALL + world.loop.now
    world.command("restores a backup", lambda view, operator: new_era(view, backup, branch=branch, wall=wall))
    world.truth.restored()
    view = world.view()
    uids = {name: f"{branch:x} {name}" for name in backup.intent.definitions}
    found = definitions(view, backup.intent, overwrite=overwrite, uids=uids)
    if overwrite and troubles(view, after_of(view, found), found):
        found = definitions(view, backup.intent, overwrite=False, uids=uids)
    for edit in edits(found, most=MOST_RECORDS):
        world.command("goes on", lambda view, operator, edit=edit: edit)  # type: ignore[misc]


def restore_targets(world: World, backup: Backup, *, overwrite: bool = False) -> None:
    """What is wanted, by what is known to run now."""
    world.command(
        "says the TARGETs of the backup",
        lambda view, operator: targets_edit(targets(view, backup.intent, overwrite=overwrite, by=operator.by)),
    )
