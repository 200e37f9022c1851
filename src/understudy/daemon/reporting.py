"""What this server's lanes write to the registry: reports, the look (S6), and releases (S3), provided that it is still alive (S7).

Called by `daemon/lanes.py`. Must never decide what is to be done: it writes down what the lanes know, until the registry knows it.
"""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from understudy.daemon.epochs import Epochs
from understudy.daemon.history import History
from understudy.daemon.mirror import RETRY_S, Mirror
from understudy.daemon.parts import Part
from understudy.daemon.requests import Me
from understudy.errors import RegistryUnreachable, Unreachable
from understudy.lane.driver import Driver, owned_by
from understudy.lane.look import look_at
from understudy.lane.report import report_of
from understudy.model import events
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.state import Internal, State
from understudy.model.view import Look, Proof, Report, View
from understudy.ports import Clock, Executor
from understudy.registry import keys

LOOK_EVERY_S = 1.0
"""How often a look is written that has not ended yet, and at least how often one that has."""
LOOK_NAMES_PER_S = 5_000
"""At most so many names a second are written in looks that have ended: about 300 kB."""


@dataclass(slots=True, kw_only=True)
class Reporting:
    """What is still to be written."""

    mirror: Mirror
    executor: Executor
    clock: Clock
    history: History
    epochs: Epochs
    driver: Driver
    me: Me
    wake: asyncio.Event
    """Set: the lanes run their next round."""
    unwritten: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: there is something to write."""
    _unreported: dict[ResourceName, None] = field(default_factory=dict)
    """What the registry may not know of."""
    _read: tuple[int, int, bool] = (0, 0, False)
    """The reading of the registry, its era, and whether this incarnation was known in it, when everything was reported last."""
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _look_written_at: float = 0.0
    _look_ended_at: float = float("-inf")
    """When a look was written that had ended."""
    _unregistered: tuple[ResourceName, ...] = ()
    _too_large: str = ""
    """Why no commit holds this server's look; empty: one does."""

    def __post_init__(self) -> None:
        self._look_written_at = self.clock.monotonic()

    def note(self) -> None:
        """What the lanes know may be another: it is written soon."""
        if changed := self.driver.take_changed():
            self._unreported |= changed
            self.unwritten.set()

    def read(self) -> None:
        """After another reading, era or registration the registry may lack what was reported before: all of it is reported again."""
        view = self.mirror.view
        read = (self.mirror.rereads, view.era, view.alive(self.me.incarnation))
        if read != self._read:
            self._read = read
            self._unreported |= dict.fromkeys(view.resources)
            self.unwritten.set()

    def also_runs(self, names: tuple[ResourceName, ...]) -> None:
        """What runs here and is not registered: the look reports it."""
        self._unregistered = names
        self.unwritten.set()

    def idle(self) -> bool:
        """Whether the registry knows all that there is to know."""
        return not self.unwritten.is_set()

    # --- releases ---------------------------------------------------------------------------------------------------

    async def release(self, resource: Resource) -> None:
        """S3: conditional on the assignment as seen, after the group was seen empty and with nothing in flight."""
        try:
            async with self._writing:
                written = await self._write_release(resource)
            if not written:  # something is other than it was seen: not at once again
                await self.mirror.wait(self.mirror.view.revision, RETRY_S)
        except (RegistryUnreachable, Unreachable):
            await asyncio.sleep(RETRY_S)
        finally:
            self.driver.released(resource.name)
            self.note()
            self.wake.set()

    async def _write_release(self, resource: Resource) -> bool:
        assignment = self.mirror.view.assignments.get(resource.name)
        if assignment is None:
            return False
        if not await self.executor.empty(resource.name):
            self.driver.alarm(resource.name)  # something came to life since it was seen to be off: it is looked at, and stopped, before
            return False
        # from the attempt on this server never starts it under an older epoch, acknowledged or not; 0: it was never given to anybody
        epoch = assignment.epoch
        if epoch and not await self.epochs.remember(resource.name, epoch, released=True):
            return False
        local = self.driver.locals.get(resource.name)
        view, assignment = self.mirror.view, self.mirror.view.assignments.get(resource.name)
        if local is None or assignment is None or not local.off or owned_by(assignment, self.me.incarnation):
            return False
        if assignment.epoch != epoch:
            return False  # not the one that was remembered
        if view.in_doubt(assignment) or not view.alive(self.me.incarnation):
            return False  # S7: an incarnation that the registry calls over says nothing more; its end is proved otherwise
        report = report_of(local, self.me.server, self.me.incarnation)
        mine = [holder for holder in assignment.holders if holder.incarnation == self.me.incarnation]
        proofs = tuple(Proof(holder=holder, kind="release", epoch=assignment.epoch) for holder in mine)
        after = replace(
            assignment,
            holders=tuple(holder for holder in assignment.holders if holder not in mine),
            proofs=(*assignment.proofs, *proofs)[-8:],
        )
        writes = {keys.assignment(resource.name): after, keys.report(resource.name, self.me.server): report}
        if await self.mirror.commit(writes, decided_on=view, unchanged=(keys.incarnation(self.me.incarnation),)) is None:
            return False
        activity = self.driver.activity_of(resource.name)
        self.history.record(events.RELEASED, resource=resource.name, on=self.me.server, activity=activity)
        return True

    # --- reports and the look ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write what is to be written, until cancelled."""
        while True:
            await self.unwritten.wait()
            await asyncio.sleep(0)  # the lanes run first: what is released now is reported in the commit of its release, a commit sooner
            self.unwritten.clear()
            try:
                async with self._writing:
                    await self._write_changed()
            except RegistryUnreachable:
                self.unwritten.set()
                await asyncio.sleep(RETRY_S)

    async def _write_changed(self) -> None:
        await self.epochs.refresh()
        view = self.mirror.view
        if view.set_back or not view.alive(self.me.incarnation):
            return
        before = view.looks.get(self.me.server)
        if before is None or (before.incarnation, before.era) != (self.me.incarnation, view.era):
            # the first report in this era is complete, and comes before the look that says so
            self._unreported = dict.fromkeys(self.driver.locals)
        unreported, self._unreported = self._unreported, {}
        writes: dict[str, Any] = dict(self._reports(unreported, view))
        look = self._look_to_write(view)
        if look is not None and self._fits(look):
            writes[keys.look(self.me.server)] = look
        if not writes:
            return
        try:
            # S7: conditional on this incarnation being what the registry thinks it is. S6: the look comes last, so that whoever reads it
            # knows what was found
            parts = [Part(writes={key: record}) for key, record in writes.items()]
            written = await self.mirror.commit_parts(parts, decided_on=view, unchanged=(keys.incarnation(self.me.incarnation),))
            if written.done == len(parts):
                self._record_silent_looks(view.looks.get(self.me.server), look)
                return
        except RegistryUnreachable:
            self._unreported |= unreported
            raise
        self._unreported |= unreported
        self.unwritten.set()
        await self.mirror.wait(view.revision, RETRY_S)

    def _reports(self, names: dict[ResourceName, None], view: View) -> dict[str, Report]:
        locals, me = self.driver.locals, self.me
        known = [name for name in names if name in view.resources and name in locals]
        reports = {name: report_of(locals[name], me.server, me.incarnation) for name in known}
        return {keys.report(name, me.server): report for name, report in reports.items() if self._worth_writing(name, report)}

    def _worth_writing(self, name: ResourceName, report: Report) -> bool:
        local = self.driver.locals[name]
        # what its check could not find out is reported by the look alone, unless its group has processes: then it may be running (S6)
        if (local.state is None and (local.empty or not local.silent)) or name in self.driver.releasing:
            return False
        before = self.mirror.view.reports.get(name, {}).get(self.me.server)
        if before is None or before.incarnation != report.incarnation:
            # what is OFFLINE and was never here is reported by the look alone: one key for each server, not one for each resource
            quiet = report.state is State.OFFLINE and report.internal is Internal.STABLE and report.failure is None
            return before is not None or not quiet
        return before != report

    def _look_to_write(self, view: View) -> Look | None:
        """S6: what this incarnation has looked at and the registry does not know: soon when every look has ended, else now and then."""
        before = view.looks.get(self.me.server)
        if before is not None and (before.incarnation, before.era) != (self.me.incarnation, view.era):
            before = None  # of another incarnation, or from before the registry went back: this look is written in full
        begun = before or Look(server=self.me.server, incarnation=self.me.incarnation, era=view.era)
        look = look_at(view.resources, self.driver.locals, begun)
        floor = self.epochs.above_the_floor(view)
        look = replace(look, epochs=self.epochs.ahead(view), floor=floor, unregistered=self._unregistered)
        if look == before:
            return None
        now, ended = self.clock.monotonic(), len(look.looked) + len(look.untold) >= len(view.resources)
        wait_s = self._not_before(before, look, ended=ended) - now
        if wait_s > 0:
            asyncio.get_running_loop().call_later(wait_s, self.unwritten.set)
            return None
        self._look_written_at = now
        if ended:
            self._look_ended_at = now
        return look

    def _fits(self, look: Look) -> bool:
        """Whether a commit holds it; if not, that is recorded once, and the reports are written all the same."""
        mine = (keys.incarnation(self.me.incarnation),)
        before, self._too_large = self._too_large, self.mirror.too_large({keys.look(self.me.server): look}, unchanged=mine)
        if self._too_large and not before:
            self.history.record(events.LOOK_TOO_LARGE, on=self.me.server, cause=self._too_large)
        return not self._too_large

    def _not_before(self, before: Look | None, look: Look, *, ended: bool) -> float:
        """When this look may be written. One that has ended is written at once, but for one more resource in it not as often as resources
        may be added: it is as long as there are resources."""
        if not ended:
            return self._look_written_at + LOOK_EVERY_S
        if before is None or replace(before, looked=look.looked, untold=look.untold) != look:
            return 0.0  # it reports something else that others wait for
        return self._look_ended_at + min(LOOK_EVERY_S, len(look.looked) / LOOK_NAMES_PER_S)

    def _record_silent_looks(self, before: Look | None, look: Look | None) -> None:
        known = before.untold if before is not None and before.incarnation == self.me.incarnation else {}
        for name in () if look is None else look.untold.keys() - known.keys():
            self.history.record(events.LOOK_SILENT, resource=name, on=self.me.server, cause="its check did not answer")
