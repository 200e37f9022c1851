"""Backups of a false cluster and their restores, as operators make them: what is written is the product's own (`intent/backup.py`).

Called by `sim/faults.py` and by stories. The command waits for the servers' looks before it says TARGETs; here its caller lets time pass.
"""

from collections.abc import Callable

from understudy.intent.backup import Backup, definitions, edits, epochs_of, new_era, targets, targets_edit
from understudy.intent.restoring import after_of, troubles
from understudy.intent.whole import Intent
from understudy.model.names import ServerName
from understudy.sim.chance import dice
from understudy.sim.world import World

COPY_EVERY_S = 7.0
"""Copies of the registry, and backups, are made so often, where one may be needed."""
AGAIN_LEASES = 4.0
"""So long after a loss operators register again what is lost; in between the cluster goes by what it has."""
BACKUPS_MAX = 4
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
        categories=view.categories,
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


class Restores:
    """What operators do with backups in a random world."""

    def __init__(self, world: World, later: Callable[[float, Callable[[], None]], None], register_again: Callable[[], None]) -> None:
        """`later`: after so many leases; `register_again`: what was registered since the backup was made."""
        self.backups: list[Backup] = []
        """The last that were made."""
        self._world, self._later, self._register_again = world, later, register_again

    def back_up_now_and_then(self, due: float) -> None:
        """As copies are made."""
        world = self._world
        if due <= world.loop.now and not world.hub.away and (backup := make_backup(world)) is not None:
            self.backups = [*self.backups, backup][-BACKUPS_MAX:]
        while due <= world.loop.now:
            due += COPY_EVERY_S
        world.loop.post(due, lambda: self.back_up_now_and_then(due))

    def restore_later(self, leases: float, backup: Backup, *, overwrite: bool) -> None:
        """And TARGETs when every server may have looked at what is registered."""
        self._when_there(leases, lambda: self._restore(backup, overwrite=overwrite))

    def _restore(self, backup: Backup, *, overwrite: bool) -> None:
        world = self._world
        if world.tries(lambda: restore(world, backup, overwrite=overwrite)):
            self._when_there(AGAIN_LEASES, lambda: self._restore_targets(backup, overwrite=overwrite))

    def _restore_targets(self, backup: Backup, *, overwrite: bool) -> None:
        if self._world.tries(lambda: restore_targets(self._world, backup, overwrite=overwrite)):
            self._later(AGAIN_LEASES, self._register_again)

    def _when_there(self, leases: float, action: Callable[[], None]) -> None:
        """When the registry can be reached and there is a cluster in it."""

        def act() -> None:
            if self._world.hub.away or self._world.view().cluster is None:
                self._later(1.0, act)
            else:
                action()

        self._later(leases, act)
