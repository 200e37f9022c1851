"""What a story of a whole cluster may do with its backups and keys.

Called by `sim/language.py`, which says in which words.
"""

from understudy.intent.backup import Backup
from understudy.sim import rotating
from understudy.sim.backups import make_backup, restore, restore_targets
from understudy.sim.options import Options
from understudy.sim.world import World


class KeepingVerbs:
    """Done by operators."""

    _world: World | None
    _backup: Backup | None = None

    @property
    def world(self) -> World:
        """The false world."""
        raise NotImplementedError

    def back_up(self) -> None:
        """As an operator does."""
        self._backup = make_backup(self.world)

    def restore(self, overwrite: str | None) -> None:
        """The new era and what is registered; TARGETs follow when every server has looked at it."""
        assert self._backup is not None
        restore(self.world, self._backup, overwrite=overwrite is not None)

    def restore_targets(self, overwrite: str | None) -> None:
        """By what is known to run now."""
        assert self._backup is not None
        restore_targets(self.world, self._backup, overwrite=overwrite is not None)

    def servers_that_rotate(self, names: str) -> None:
        """The same, of daemons that know of the exchange of keys."""
        servers = tuple(names.split())
        self._world = World(1, Options(servers=len(servers), voters=3, pause_tolerance=2.0, rotations=1.0), servers=servers)

    def begin_rotating(self) -> None:
        """As an operator does."""
        assert rotating.begin(self.world), "every server has said what it has"

    def go_on_rotating(self) -> None:
        """Unless somebody has not done the step before."""
        rotating.go_on(self.world)
