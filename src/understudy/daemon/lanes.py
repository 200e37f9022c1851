"""The lanes' loop: they are asked what is next (`lane/driver.py`), it is done (`acting.py`), and it is written down (`reporting.py`).

One per daemon. Runs while the registry is away (S8): then it acts on the last View it read, which can only have been overtaken by a move
that needs this server's own release, or the end of its lease. It decides nothing itself.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any

from understudy.daemon.acting import Acting
from understudy.daemon.asked import AskedActions
from understudy.daemon.entrypoints import EntryCall, EntryPoints
from understudy.daemon.epochs import Epochs
from understudy.daemon.history import History
from understudy.daemon.looking import Looking
from understudy.daemon.mirror import Mirror
from understudy.daemon.reporting import Reporting
from understudy.daemon.requests import Me
from understudy.daemon.slots import ActionSlots
from understudy.lane.driver import Driver, Taken
from understudy.lane.happenings import HistoryLine
from understudy.lane.local import Local
from understudy.lane.steps import Check, Clean, Climb, LaneAction, LaneStep, Release, Start
from understudy.model import events
from understudy.model.custom import AskedAction
from understudy.model.looks import PAGE_NAMES
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.view import Report
from understudy.ports import ActionProgress, Clock, Executor, Guard, Surroundings

LOOKS_AT_ONCE = 32
"""First looks that run at once: a server that joins may have ten thousand to do."""
ACTIONS_AT_ONCE = 64
"""The same of all other actions."""
CUSTOM_AT_ONCE = 16
"""The same of custom actions."""
IDLE_S = 30.0
"""The longest that any lane is not asked: a safety net, everything wakes it."""


class Lanes:
    """All lanes of this server."""

    def __init__(
        self, mirror: Mirror, executor: Executor, guard: Guard, clock: Clock, history: History, me: Me, *, page_names: int = PAGE_NAMES
    ) -> None:
        """`page_names`: on a page of this server's look, at most."""
        self._mirror = mirror
        self._executor = executor
        self._clock = clock
        self._history = history
        self._me = me
        self._wake = asyncio.Event()
        self._all = True
        """Every lane has to be asked: the lease is another, or it was long ago."""
        self._seen = -1
        """The version of the View that the lanes have."""
        self._asked_all_at = 0.0
        self._driver = Driver(me.server, me.incarnation, activities_after=int(clock.wall() * 1000))
        self._epochs = epochs = Epochs(mirror, guard, history, me)
        looking = Looking(mirror=mirror, clock=clock, epochs=epochs, driver=self._driver, me=me, page_names=page_names)
        self._reporting = Reporting(
            mirror=mirror, executor=executor, clock=clock, history=history, epochs=epochs, driver=self._driver, me=me, looking=looking,
            wake=self._wake,
        )  # fmt: skip
        self._asked = AskedActions(
            mirror=mirror, executor=executor, clock=clock, history=history, driver=self._driver, me=me, reported=self._reporting.mention
        )  # fmt: skip
        self._reporting.answers = self._asked.answers
        self._entry_points = EntryPoints(mirror=mirror, executor=executor, history=history, driver=self._driver, me=me)
        self._acting = Acting(mirror=mirror, executor=executor, guard=guard, epochs=epochs, me=me, unwritten=self._reporting.unwritten)
        self._custom = ActionSlots(CUSTOM_AT_ONCE, clock)
        self._looks, self._actions = ActionSlots(LOOKS_AT_ONCE, clock), ActionSlots(ACTIONS_AT_ONCE, clock)
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def locals(self) -> dict[ResourceName, Local]:
        """What this server remembers of each resource."""
        return self._driver.locals

    @property
    def steps(self) -> Mapping[ResourceName, LaneStep]:
        """What each lane answered last."""
        return self._driver.steps

    def newer_reports(self) -> Mapping[ResourceName, Report]:
        """What the lanes know and the registry does not say."""
        return self._reporting.newer()

    @property
    def not_run(self) -> Mapping[ResourceName, str]:
        """Why actions of a resource cannot be run here, of those that cannot."""
        return self._driver.not_run

    def changed(self) -> None:
        """The lease changed, or this server leaves."""
        self._all = True
        self.viewed()

    def viewed(self) -> None:
        """There is a new View."""
        self._wake.set()
        self._epochs.changed()

    def alarm(self, resource: ResourceName) -> None:
        """An event source says that something may have changed: look at it now."""
        if self._driver.alarm(resource):
            self._wake.set()

    def leave(self) -> None:
        """This server leaves: from now on everything here is stopped in order, and nothing is started."""
        self._driver.leave()
        self.changed()

    def also_runs(self, names: tuple[ResourceName, ...]) -> None:
        """What runs here and is not registered: the look reports it."""
        self._reporting.also_runs(names)

    def idle(self) -> bool:
        """Whether no lane acts, and the registry knows everything that there is to report."""
        return self._driver.rests() and self._reporting.idle() and not (self._all or self._wake.is_set())

    def resource(self, name: ResourceName) -> Resource:
        """Its definition, as this server knows it."""
        return self._mirror.view.resources[name].on(self._me.server)

    async def run(self) -> None:
        """Drive every lane, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._listen())
            tasks.create_task(self._reporting.run())
            tasks.create_task(self._epochs.forget_the_deleted())
            while True:
                self._wake.clear()
                until = self._round()
                pause = IDLE_S if until is None else min(IDLE_S, max(0.0, until - self._clock.monotonic()))
                try:
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    async def _listen(self) -> None:
        while True:
            event = await self._executor.next_event()
            if isinstance(event, ActionProgress):
                self._history.record(
                    events.PROGRESS, resource=event.resource, on=self._me.server, text=event.text, activity=event.activity
                )  # fmt: skip
            elif not isinstance(event, Surroundings):
                self.alarm(event)
            elif self._driver.surroundings(event.kind, event.resource, self._clock.monotonic()):
                self._wake.set()

    def _round(self) -> float | None:
        """Ask every lane that may have something to do; when to run again without being woken."""
        if not (self._mirror.read_once or self._mirror.remembered):
            return None
        now = self._clock.monotonic()
        self._see()
        self._reporting.read()
        if self._all or now - self._asked_all_at >= IDLE_S:
            self._all, self._asked_all_at = False, now
            self._driver.ask_all()
        steps = self._driver.round(now, self._clock.wall(), kept_only=not self._mirror.read_once)
        self._reporting.note()  # before the history: whoever follows that looks at the reports for more
        for taken in steps:
            self._do(taken)
        return self._driver.until()

    def _see(self) -> None:
        """The lanes go by the newest View; those of a witness by one without resources, for it neither runs nor looks at any."""
        changed, self._seen = self._mirror.changes(self._seen), self._mirror.version
        view = self._mirror.view
        seen = replace(view, resources={}) if view.witness(self._me.server) else view
        called = self._entry_points.see(seen)
        self._driver.see(seen, changed)
        for call in called:
            self._spawn(self._run_entry_point(call))
        for resource, asked in self._asked.see(seen, changed):
            self._spawn(self._run_asked(resource, asked))

    # --- what a lane has taken upon it ------------------------------------------------------------------------------

    def _do(self, taken: Taken) -> None:
        self._record_lines(taken, taken.lines)
        match taken.step:
            case Release():
                self._spawn(self._reporting.release(taken.resource))
            case Check() | Start() | Clean() | Climb():
                self._spawn(self._act(taken, taken.step))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None
        self._tasks.create_task(work)

    async def _act(self, taken: Taken, step: LaneAction) -> None:
        resource = taken.resource
        slots = self._looks if self._driver.looks_first(taken) else self._actions
        async with slots.slot():
            outcome, empty = await self._acting.act(step, resource, taken.epoch, taken.activity)
        self._see()
        at = self._driver.instant(resource, self._clock.monotonic(), self._clock.wall(), empty=empty)
        lines = self._driver.ended(taken, outcome, at)
        self._reporting.note()
        self._record_lines(taken, lines)
        self._wake.set()

    async def _run_asked(self, resource: Resource, asked: AskedAction) -> None:
        """What operators ask for waits for its like, and holds up nothing else."""
        async with self._custom.slot():
            await self._asked.run(resource, asked)

    async def _run_entry_point(self, call: EntryCall) -> None:
        async with self._custom.slot():
            await self._entry_points.run(call)

    def _record_lines(self, taken: Taken, lines: Iterable[HistoryLine]) -> None:
        name, on, activity = taken.resource.name, self._me.server, taken.activity
        for line in lines:
            self._history.record(line.kind, resource=name, on=on, ms=line.ms, cause=line.cause, text=line.text, activity=activity)
