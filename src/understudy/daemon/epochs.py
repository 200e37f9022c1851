"""What this server's guard remembers of epochs, and what is reported of it: nothing starts here below a remembered one (S2).

Called by `acting.py` and `reporting.py`. After the registry went back it may say less than the guard remembers; the look reports that,
and the leader goes above it. Must never start or refuse anything by itself.
"""

import asyncio
from collections.abc import Collection, Mapping

from understudy.daemon.history import History
from understudy.daemon.mirror import Mirror
from understudy.daemon.requests import Me
from understudy.errors import Unreachable
from understudy.model import events
from understudy.model.cardinality import assigned, highest_epoch
from understudy.model.names import ResourceName, registered_name
from understudy.model.position import NOWHERE
from understudy.model.view import Assignment, View
from understudy.ports import Guard


class Epochs:
    """The guard's memory, as one daemon asks it."""

    def __init__(self, mirror: Mirror, guard: Guard, history: History, me: Me) -> None:
        self._mirror = mirror
        self._guard = guard
        self._history = history
        self._me = me
        self._noted = NOWHERE
        """The position that the guard was last sent: what this server acts on."""
        self._highest: dict[ResourceName, int] = {}
        self._released: set[ResourceName] = set()
        """Of these: nothing of it is here under that epoch."""
        self._floor = 0
        """What the guard has forgotten starts only above it."""
        self._of_era = 0
        """For which era of the registry the highest ones were asked for; 0: to be asked for."""
        self._recorded: dict[ResourceName, int] = {}
        self._behind: dict[ResourceName, int] = {}
        """Where the registry says less than the guard remembers, as of the View that was judged last;"""
        self._unknown: dict[ResourceName, None] = {}
        """names that the guard remembers and nobody knows,"""
        self._judged: tuple[object, ...] = ()
        """what else that View was,"""
        self._touched: set[ResourceName] | None = None
        """and of whom the guard has remembered something else since; None: of anybody."""
        self._seen: tuple[object, ...] = ()
        self._news = asyncio.Event()

    async def note(self) -> None:
        """Before it is acted on: voters must know what this server acts on from whoever decides about it. Unreachable."""
        position = self._mirror.position
        if position not in (NOWHERE, self._noted):
            await self._guard.note(position, self._mirror.standing())
            self._noted = position

    async def remember(self, resource: ResourceName, epoch: int, *, released: bool = False) -> bool:
        """Have the guard remember an epoch under which a resource is to be started, or was released. It refuses one below what it knows:
        then the registry went back, and that is reported. Unreachable."""
        if await self._guard.remember(resource, epoch, released=released):
            self._highest[resource] = max(epoch, self._highest.get(resource, 0))
            self._touch(resource)
            (self._released.add if released else self._released.discard)(resource)
            return True
        self._of_era = 0
        return False

    async def refresh(self) -> None:
        """Ask for all of them, after the registry went back or the guard has refused one; else nothing."""
        era = self._mirror.view.era
        if self._of_era == era:
            return
        before, self._highest = self._highest, {}
        try:
            state = await self._guard.state()
        except Unreachable:
            self._highest = {**before, **self._highest}
            return  # asked again with the next report
        meanwhile = self._highest  # may be missing in the answer, which comes in pages
        self._highest = {**state.epochs, **meanwhile}
        self._released = set(state.released - meanwhile.keys()) | (self._released & meanwhile.keys())
        self._floor, self._of_era = state.epoch_floor, era
        self._touched = None
        self._news.set()

    def ahead(self, view: View, changed: Collection[ResourceName] | None) -> Mapping[ResourceName, int]:
        """Of which the guard remembers a higher epoch than the registry says, each recorded once; if that is a copy's, also an equal one.
        What this server is given and its guard does not remember, the guard refuses up to its floor: that is reported in the same way.

        `changed`: of whom this View may say something else than the one before; None: of anybody.
        """
        judged, touched = (view.cluster, view.set_back, self._floor), self._touched
        if changed is None or touched is None or judged != self._judged:
            self._behind, self._unknown = {}, {}
            given = map(registered_name, view.assignments if self._floor else ())
            names: Collection[ResourceName] = dict.fromkeys((*self._highest, *given))
        else:
            names = {*map(registered_name, changed), *touched}
        self._judged, self._touched = judged, set()
        for name in names:
            self._judge(view, name)
        for name, epoch in self._behind.items() if not view.recovering else ():
            self._record_behind(view, name, epoch)
        return self._behind

    def _judge(self, view: View, name: ResourceName) -> None:
        self._behind.pop(name, None)
        self._unknown.pop(name, None)
        epoch, instances = self._highest.get(name), [assignment for _, assignment in assigned(view, name)]
        if epoch is not None and _is_unknown(view, name):
            self._unknown[name] = None
        if name not in view.resources:
            return
        if epoch is None:
            if any(0 < assignment.epoch <= self._floor and self._holds(assignment) for assignment in instances):
                self._behind[name] = self._floor
            return
        known = highest_epoch(view, name)
        copied = any(view.in_doubt(assignment) for assignment in instances)
        if (epoch > known or (epoch == known and copied)) and not self._is_over(view, name, epoch):
            self._behind[name] = epoch

    def _touch(self, name: ResourceName) -> None:
        if self._touched is not None:
            self._touched.add(name)

    def _is_over(self, view: View, name: ResourceName, epoch: int) -> bool:
        """Whether it is of a resource that was deleted, and whose name is registered again: what is given next is above it anyway."""
        held = any(self._holds(assignment) for _, assignment in assigned(view, name))
        return name in self._released and epoch <= view.epoch_floor and not held

    def _record_behind(self, view: View, name: ResourceName, epoch: int) -> None:
        if self._recorded.get(name) == epoch:
            return
        self._recorded[name] = epoch
        known = highest_epoch(view, name)
        server = self._me.server
        cause = f"the guard of {server} remembers epoch {epoch}, the registry says {known}: the registry went back"
        self._history.record(events.EPOCH_BEHIND, resource=name, on=server, cause=cause)

    def above_the_floor(self, view: View) -> int:
        """The highest epoch above the registry's floor that the guard has forgotten, or remembers of a name that nobody knows; 0: none.
        Of the View that `ahead` was last asked about."""
        highest = max((self._floor, *(self._highest[name] for name in self._unknown)))
        return highest if highest > view.epoch_floor else 0

    # --- forgetting (docs/design/0008-forgotten-names.md) -----------------------------------------------------------

    def changed(self) -> None:
        """There is a new View: perhaps a name in it is registered no more."""
        view = self._mirror.view
        seen = (view.definitions, view.assignments, view.cluster)
        if len(seen) != len(self._seen) or any(before is not other for before, other in zip(seen, self._seen, strict=True)):
            self._seen = seen
            self._news.set()

    async def forget_the_deleted(self) -> None:
        """Have the guard forget what is registered no more, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._forget()
            except Unreachable:
                continue  # asked again with the next View

    async def _forget(self) -> None:
        view, floor = self._mirror.view, self._mirror.view.epoch_floor
        if not self._mirror.read_once or view.set_back or view.recovering or self._of_era != view.era:
            return
        useless = [name for name in self._released if self._highest[name] <= floor and _is_unknown(view, name)]
        if not useless or not view.alive(self._me.incarnation):
            return
        # what the guard does not remember starts only above the floor from then on: but for this, which was given before
        for instance, assignment in view.assignments.items():
            name = registered_name(instance)
            if (
                self._highest.get(name, 0) < assignment.epoch <= floor
                and self._holds(assignment)
                and not await self.remember(name, assignment.epoch)
            ):
                return
        kept = await self._guard.forget(floor, useless)
        self._floor = max(floor, self._floor)
        for name in useless:
            self._touch(name)
            self._released.discard(name)  # of what was kept the guard knows better
            if name not in kept and self._highest[name] <= floor:
                del self._highest[name]
                self._recorded.pop(name, None)

    def _holds(self, assignment: Assignment) -> bool:
        return any(holder.incarnation == self._me.incarnation for holder in assignment.holders)


def _is_unknown(view: View, name: ResourceName) -> bool:
    return name not in view.definitions and not assigned(view, name)
