"""What this server's lanes write to the registry: reports, the look (S6), and releases (S3), provided that it is still alive (S7).

Called by `daemon/lanes.py`. Must never decide what is to be done: it writes down what the lanes know, until the registry knows it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from understudy.daemon.epochs import Epochs
from understudy.daemon.history import History
from understudy.daemon.looking import Looking, PagesToWrite
from understudy.daemon.mirror import RETRY_S, Mirror
from understudy.daemon.parts import Part
from understudy.daemon.requests import Me
from understudy.errors import RegistryUnreachable, Unreachable
from understudy.lane.driver import Driver, owned_by
from understudy.lane.report import report_of
from understudy.model import events
from understudy.model.cardinality import highest_epoch, instance_here
from understudy.model.custom import AskedAnswer
from understudy.model.failures import with_earlier
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.state import Internal, State
from understudy.model.view import Assignment, Look, Proof, Report, View
from understudy.policy.vouched import is_news
from understudy.ports import Clock, Executor
from understudy.registry import keys


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
    looking: Looking
    wake: asyncio.Event
    """Set: the lanes run their next round."""
    unwritten: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: there is something to write."""
    answers: Mapping[ResourceName, AskedAnswer] = field(default_factory=dict)
    """What came of custom actions that were asked for."""
    _unreported: dict[ResourceName, None] = field(default_factory=dict)
    """What the registry may not know of."""
    _newer: set[ResourceName] = field(default_factory=set)
    """Among these are all of which the lanes knew more than the registry when that was asked last, or know more since,"""
    _compared: int = -1
    """but for what has changed since that version of the View."""
    _read: tuple[int, int, bool] = (0, 0, False)
    """The reading of the registry, its era, and whether this incarnation was known in it, when everything was reported last."""
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _again: asyncio.TimerHandle | None = None
    """Sets `unwritten` when it is time for what could not be written yet."""

    def note(self) -> None:
        """What the lanes know may be another: it is written soon."""
        if changed := self.driver.take_changed():
            self._unreported |= changed
            self._newer.update(changed)
            self.looking.note(changed)
            self.unwritten.set()

    def read(self) -> None:
        """After another reading, era or registration the registry may lack what was reported before: all of it is reported again."""
        view = self.mirror.view
        read = (self.mirror.rereads, view.era, view.alive(self.me.incarnation))
        if read != self._read:
            self._read = read
            self._unreported |= dict.fromkeys(view.resources)
            self.unwritten.set()

    def mention(self, name: ResourceName) -> None:
        """Something of it besides its lane is to be reported."""
        self._unreported[name] = None
        self._newer.add(name)
        self.unwritten.set()

    def also_runs(self, names: tuple[ResourceName, ...]) -> None:
        """What runs here and is not registered: the look reports it."""
        self.looking.unregistered = names
        self.unwritten.set()

    def idle(self) -> bool:
        """Whether the registry knows all that there is to know."""
        return not self.unwritten.is_set()

    def newer(self) -> Mapping[ResourceName, Report]:
        """What the lanes know and the registry does not say. Costs what has changed since it was asked last."""
        changed, self._compared = self.mirror.changes(self._compared), self.mirror.version
        locals, reports = self.driver.locals, self.mirror.view.reports
        names = locals.keys() if changed is None else {*self._newer, *changed, *self.driver.changed}
        found = {name: self._report(name) for name in names if name in locals and locals[name].state is not None}
        newer = {name: report for name, report in found.items() if is_news(reports.get(name, {}).get(self.me.server), report)}
        self._newer = set(newer)
        return newer

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
        assignment = self._assignment(resource)
        if assignment is None:
            return False
        if not await self.executor.empty(resource.name):
            self.driver.alarm(resource.name)  # something came to life since it was seen to be off: it is looked at, and stopped, before
            return False
        # from the attempt on this server never starts it under an older epoch, acknowledged or not; 0: it was never given to anybody.
        # What is given next is above the epochs of all its instances, and so may what this server remembers be
        epoch, highest = assignment.epoch, highest_epoch(self.mirror.view, resource.name)
        if highest and not await self.epochs.remember(resource.name, highest, released=True):
            return False
        local = self.driver.locals.get(resource.name)
        view, assignment = self.mirror.view, self._assignment(resource)
        if local is None or assignment is None or not local.off or owned_by(assignment, self.me.incarnation):
            return False
        if assignment.epoch != epoch:
            return False  # not the one that was remembered
        if view.in_doubt(assignment) or not view.alive(self.me.incarnation):
            return False  # S7: an incarnation that the registry calls over says nothing more; its end is proved otherwise
        report = self._report(resource.name)
        mine = [holder for holder in assignment.holders if holder.incarnation == self.me.incarnation]
        proofs = tuple(Proof(holder=holder, kind="release", epoch=assignment.epoch) for holder in mine)
        after = replace(
            assignment,
            holders=tuple(holder for holder in assignment.holders if holder not in mine),
            proofs=(*assignment.proofs, *proofs)[-8:],
        )
        writes = {keys.assignment(after.resource): after, keys.report(resource.name, self.me.server): report}
        if await self.mirror.commit(writes, decided_on=view, unchanged=(keys.incarnation(self.me.incarnation),)) is None:
            return False
        activity = self.driver.activity_of(resource.name)
        self.history.record(events.RELEASED, resource=resource.name, on=self.me.server, activity=activity)
        return True

    def _assignment(self, resource: Resource) -> Assignment | None:
        """That of the instance for which this server works."""
        view = self.mirror.view
        instance = instance_here(view, resource.name, self.me.incarnation)
        return view.assignments.get(resource.name if instance is None else instance)

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
        pages, wait_s = self.looking.pages(view)
        if wait_s:
            self._write_in(wait_s)
        writes |= {keys.look(self.me.server, number): page for number, page in pages.items()}
        if not writes:
            return
        try:
            # S7: conditional on this incarnation being what the registry thinks it is. S6: the look comes last, so that whoever reads it
            # knows what was found, and its first page last of all, as it alone says that all is reported
            parts = [Part(writes={key: record}) for key, record in writes.items()]
            written = await self.mirror.commit_parts(parts, decided_on=view, unchanged=(keys.incarnation(self.me.incarnation),))
            if written.done == len(parts):
                self._record_silent_looks(view.looks.get(self.me.server), pages)
                return
        except RegistryUnreachable:
            self._unreported |= unreported
            raise
        self._unreported |= unreported
        self.unwritten.set()
        await self.mirror.wait(view.revision, RETRY_S)

    def _write_in(self, seconds: float) -> None:
        """There is something to write that it is too early for."""
        loop = asyncio.get_running_loop()
        if self._again is None or self._again.cancelled() or not loop.time() < self._again.when() <= loop.time() + seconds:
            self._again = loop.call_later(seconds, self.unwritten.set)

    def _reports(self, names: dict[ResourceName, None], view: View) -> dict[str, Report]:
        locals, me = self.driver.locals, self.me
        known = [name for name in names if name in view.resources and name in locals]
        reports = {name: self._report(name) for name in known}
        return {keys.report(name, me.server): report for name, report in reports.items() if self._worth_writing(name, report)}

    def _report(self, name: ResourceName) -> Report:
        """What its lane knows, and when it failed here before this daemon's life."""
        before = self.mirror.view.reports.get(name, {}).get(self.me.server)
        report = with_earlier(report_of(self.driver.locals[name], self.me.server, self.me.incarnation), before)
        return replace(report, asked=self.answers[name]) if name in self.answers else report

    def _worth_writing(self, name: ResourceName, report: Report) -> bool:
        local = self.driver.locals[name]
        # what its check could not find out is reported by the look alone, unless its group has processes: then it may be running (S6)
        if (local.state is None and (local.empty or not local.silent)) or name in self.driver.releasing:
            return False
        before = self.mirror.view.reports.get(name, {}).get(self.me.server)
        if before is None or before.incarnation != report.incarnation:
            # what is OFFLINE and was never here is reported by the look alone: one key for each server, not one for each resource
            quiet = report.state is State.OFFLINE and report.internal is Internal.STABLE and report.failure is None and not report.failed_at
            return before is not None or not quiet
        return before != report

    def _record_silent_looks(self, before: Look | None, pages: PagesToWrite) -> None:
        known = before.untold if before is not None and before.incarnation == self.me.incarnation else {}
        untold = {name for page in pages.values() if page is not None for name in page.untold if name not in known}
        for name in sorted(untold):
            self.history.record(events.LOOK_SILENT, resource=name, on=self.me.server, cause="its check did not answer")
