"""What this server's guard remembers of epochs, and what is told of it: nothing starts here below a remembered one (S2).

Called by `acting.py` and `reporting.py`. After the registry went back it may say less than the guard remembers; the look tells the leader,
which goes above it. Must never start or refuse anything by itself.
"""

from collections.abc import Mapping

from understudy.daemon.history import History
from understudy.daemon.mirror import Mirror
from understudy.errors import Unreachable
from understudy.model import events
from understudy.model.names import ResourceName, ServerName
from understudy.model.position import NOWHERE
from understudy.model.view import View
from understudy.ports import Guard


class Epochs:
    """The guard's memory, as one daemon asks it."""

    def __init__(self, mirror: Mirror, guard: Guard, history: History, server: ServerName) -> None:
        self._mirror = mirror
        self._guard = guard
        self._history = history
        self._server = server
        self._noted = NOWHERE
        """What the guard was last told that this server acts on."""
        self._highest: Mapping[ResourceName, int] = {}
        self._of_era = 0
        """For which era of the registry the highest ones were asked for; 0: to be asked for."""
        self._told: dict[ResourceName, int] = {}

    async def note(self) -> None:
        """Before it is acted on: voters must know what this server acts on from whoever decides about it. Unreachable."""
        position = self._mirror.position
        if position not in (NOWHERE, self._noted):
            await self._guard.note(position, self._mirror.standing())
            self._noted = position

    async def remember(self, resource: ResourceName, epoch: int) -> bool:
        """Have the guard remember an epoch. It refuses one below what it knows: then the registry went back, and is told. Unreachable."""
        if await self._guard.remember(resource, epoch):
            return True
        self._of_era = 0
        return False

    async def refresh(self) -> None:
        """Ask for all of them, after the registry went back or the guard has refused one; else nothing."""
        era = self._mirror.view.era
        if self._of_era == era:
            return
        try:
            self._highest = (await self._guard.state()).epochs
        except Unreachable:
            return  # asked again with the next report
        self._of_era = era

    def ahead(self, view: View) -> dict[ResourceName, int]:
        """Of which the guard remembers a higher epoch than the registry says, each told once; while that is a copy's, also an equal one."""
        found: dict[ResourceName, int] = {}
        for name, epoch in self._highest.items():
            assignment = view.assignments.get(name)
            known = 0 if assignment is None else assignment.epoch
            copied = assignment is not None and view.in_doubt(assignment)
            if name not in view.resources or epoch < known or (epoch == known and not copied):
                continue
            found[name] = epoch
            if not view.recovering and self._told.get(name) != epoch:
                self._told[name] = epoch
                cause = f"the guard of {self._server} remembers epoch {epoch}, the registry says {known}: the registry went back"
                self._history.tell(events.EPOCH_BEHIND, resource=name, on=self._server, cause=cause)
        return found
