"""The lanes' loop: for every resource ask `lane.reconcile` what is next, have it done, take the outcome in, write it down.

One per daemon. Runs while the registry is away (S8): then it acts on the last View it read, which can only have been overtaken by a move
that needs this server's own release, or the end of its lease. It decides nothing itself.
"""

import asyncio
import zlib
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

from understudy.daemon.epochs import Epochs
from understudy.daemon.history import History
from understudy.daemon.mirror import RETRY_S, Mirror
from understudy.daemon.requests import Me, action_request, site_of
from understudy.errors import RegistryUnreachable, Unreachable
from understudy.kinds.kind import Site
from understudy.lane.local import Local, Rung
from understudy.lane.look import look_at
from understudy.lane.neighbours import Here, concerned, leaners
from understudy.lane.outcome import RUNG_ACTIONS, begin, charge, ended, renewed
from understudy.lane.reconcile import reconcile
from understudy.lane.report import report_of
from understudy.lane.sooner import concerns, sooner
from understudy.lane.steps import Charge, Check, Clean, Climb, Release, Start, Step, Wait
from understudy.lane.turn import Moment, Turn
from understudy.model import events
from understudy.model.actions import ActionName, ActionOutcome, as_shown
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.resource import Resource
from understudy.model.state import Internal, State
from understudy.model.view import Assignment, Look, Proof, Report, View
from understudy.ports import Clock, Executor, Guard, Surroundings
from understudy.registry import keys

REFUSED = ActionOutcome(status=None, evidence="silent", unanswered="refused", output=("the lease of this server does not allow it now",))
LOOK_EVERY_S = 1.0
"""How often a look is written that has not ended yet."""
IDLE_S = 30.0
"""The longest that any lane is not asked: a safety net, everything wakes it."""


class Lanes:
    """All lanes of this server."""

    def __init__(self, mirror: Mirror, executor: Executor, guard: Guard, clock: Clock, history: History, me: Me) -> None:
        self._mirror = mirror
        self._executor = executor
        self._guard = guard
        self._clock = clock
        self._history = history
        self._me = me
        self._wake = asyncio.Event()
        self._all = True
        """Every lane has to be asked: the View is another, or it was long ago."""
        self._asked_all_at = 0.0
        self._stale: dict[ResourceName, None] = {}
        """Lanes to be asked: something they go by has changed."""
        self._until: dict[ResourceName, float] = {}
        """When a lane has to be asked again even if nothing changes."""
        self._concerned: Mapping[ResourceName, tuple[ResourceName, ...]] = {}
        self._told = (0, 0, False)
        """The reading of the registry, its era, and whether this life was known in it, when it was last told everything."""
        self._unwritten = asyncio.Event()
        self._untold: dict[ResourceName, None] = {}
        """What the registry may have to be told about."""
        self._writing = asyncio.Lock()
        self._look_written_at = clock.monotonic()
        self._releasing: set[ResourceName] = set()
        self._epochs = Epochs(mirror, guard, history, me.server)
        self._tasks: asyncio.TaskGroup | None = None
        self._leaners: Mapping[ResourceName, tuple[ResourceName, ...]] = {}
        self._leaners_of: Mapping[ResourceName, Resource] | None = None
        self._leaving = False
        self._unregistered: tuple[ResourceName, ...] = ()
        self.locals: dict[ResourceName, Local] = {}
        self.steps: dict[ResourceName, Step] = {}
        """What each lane answered last; `understudy explain` shows it."""

    def changed(self) -> None:
        """There is a new View, or the lease changed."""
        self._all = True
        self._wake.set()

    def alarm(self, resource: ResourceName) -> None:
        """An event source says that something may have changed: look at it now."""
        local = self.locals.get(resource)
        # a start makes and ends processes of its own; what happens after it, also before it is confirmed, is looked at
        if local is not None and local.state is not None and local.action != "start":
            self._remember(replace(local, alarmed=True))
            self._wake.set()

    def leave(self) -> None:
        """This server leaves: from now on everything here is stopped in order, and nothing is started."""
        self._leaving, self._leaners_of = True, None
        self.changed()

    def also_runs(self, names: tuple[ResourceName, ...]) -> None:
        """What lives here and is not registered: the look tells it."""
        self._unregistered = names
        self._unwritten.set()

    def idle(self) -> bool:
        """Whether no lane acts, and the registry knows everything that there is to tell."""
        waiting = all(isinstance(one, Wait) for one in self.steps.values())
        return waiting and not (self._all or self._stale or self._releasing or self._unwritten.is_set() or self._wake.is_set())

    def resource(self, name: ResourceName) -> Resource:
        """Its definition, as this server knows it."""
        return self._mirror.view.resources[name]

    # --- the loop ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Drive every lane, for ever."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._listen())
            tasks.create_task(self._write_reports())
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
            if isinstance(event, Surroundings):
                self._surroundings(event)
            else:
                self.alarm(event)

    def _surroundings(self, event: Surroundings) -> None:
        """What was waited for may be back: pauses end before their time."""
        now = self._clock.monotonic()
        for name, local in list(self.locals.items()):
            resource = self._mirror.view.resources.get(name)
            meant = event.resource == name if event.resource is not None else resource is not None and concerns(event.kind, resource)
            after = sooner(local, now) if meant else local
            if after is not local:
                self._remember(after)
                self._wake.set()

    def _round(self) -> float | None:
        """Ask every lane that may have something to do; when to go round again without being woken."""
        if not (self._mirror.read_once or self._mirror.remembered):
            return None
        now = self._clock.monotonic()
        if self._all or now - self._asked_all_at >= IDLE_S:
            self._all, self._asked_all_at = False, now
            self._meet_definitions()
            self._stale = dict.fromkeys(self._mirror.view.resources)
            told = (self._mirror.rereads, self._mirror.view.era, self._mirror.view.alive(self._me.incarnation))
            if told != self._told:  # another reading, another era, another registration: what it was told once it may not know
                self._told = told
                self._untold |= self._stale
                self._unwritten.set()
        self._stale |= {name: None for name, until in self._until.items() if until <= now}
        while self._stale:
            here, stale, self._stale = self._here(), self._stale, {}
            for name in stale:
                resource = here.view.resources.get(name)
                if resource is not None and self._may_ask(resource):
                    self._ask(here, resource)
        return min(self._until.values(), default=None)

    def _may_ask(self, resource: Resource) -> bool:
        """As long as a daemon goes by what its predecessor kept on disk, it restarts what is kept there and nothing else."""
        return self._mirror.read_once or resource.local or resource.name in self._mirror.view.assignments

    def _ask(self, here: Here, resource: Resource) -> None:
        step = reconcile(here, resource, self.locals[resource.name])
        self.steps[resource.name] = step
        self._until.pop(resource.name, None)
        if not isinstance(step, Wait):
            self._take(step, resource)
        elif step.until is not None:
            self._until[resource.name] = step.until

    def _remember(self, local: Local) -> None:
        """A lane's memory is another: it is asked anew, with all whom that concerns, and the registry is told."""
        self.locals[local.resource] = local
        self._stale |= dict.fromkeys(self._concerned.get(local.resource, (local.resource,)))
        self._untold[local.resource] = None
        self._unwritten.set()

    def _here(self) -> Here:
        view = self._mirror.view
        if view.resources is not self._leaners_of:
            self._leaners, self._leaners_of = leaners(view.resources, leaving=self._leaving), view.resources
            self._concerned = concerned(view.resources, view.types)
        return Here(
            view=view,
            server=self._me.server,
            incarnation=self._me.incarnation,
            locals=self.locals,
            now=self._clock.monotonic(),
            leaners=self._leaners,
            leaving=self._leaving,
        )

    def _meet_definitions(self) -> None:
        """A lane for every resource; a new assignment begins its budget afresh; what is registered no more is forgotten."""
        view = self._mirror.view
        for name, resource in view.resources.items():
            local = self.locals.get(name)
            if local is None or local.uid != resource.uid:
                local = self._first(resource)
                self._remember(local)
            assignment = view.assignments.get(name)
            if assignment is not None and assignment.epoch > local.assigned and _owned_by(assignment, self._me.incarnation):
                self._keep(resource, Turn(local=renewed(local, assignment.epoch)))
        for name in [one for one in self.locals if one not in view.resources]:
            del self.locals[name]
            self.steps.pop(name, None)
            self._until.pop(name, None)

    def _first(self, resource: Resource) -> Local:
        """Before the first look. What this incarnation reported earlier (a daemon that died) is carried on."""
        local = Local(resource=resource.name, uid=resource.uid)
        report = self._mirror.view.reports.get(resource.name, {}).get(self._me.server)
        if report is None or report.incarnation != self._me.incarnation:
            return local
        return replace(
            local,
            believed=report.state,
            restarts=report.restarts,
            starts=report.starts,
            failure=report.failure,
            epoch=report.epoch,
            assigned=max(report.epoch, report.failure.epoch if report.failure is not None else 0),
            dirty=report.internal is not Internal.STABLE,
            changed_wall=report.changed_wall,
            started_wall=report.started_wall,
        )

    # --- steps ------------------------------------------------------------------------------------------------------

    def _take(self, step: Step, resource: Resource) -> None:
        """Begin a step."""
        local = self.locals[resource.name]
        match step:
            case Charge(down):
                self._keep(resource, charge(local, resource, down, self._moment(resource, empty=local.empty)))
            case Release():
                if resource.name not in self._releasing:
                    self._releasing.add(resource.name)
                    self._spawn(self._release(resource))
            case Check() | Start() | Clean() | Climb():
                self._keep(resource, begin(local, step, self._clock.monotonic()))
                self._spawn(self._act(step, resource))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None
        self._tasks.create_task(work)

    async def _act(self, step: Step, resource: Resource) -> None:
        try:
            outcome = await self._perform(step, resource)
        except Unreachable as error:  # nobody to kill for us, or no guard
            outcome = ActionOutcome(status=None, evidence="silent", unanswered="executor-away", output=(str(error),))
        outcome = as_shown(outcome)
        empty = outcome.unanswered != "executor-away" and await self._is_empty(resource.name)
        local = self.locals.get(resource.name)
        if local is None or local.uid != resource.uid:
            return
        self._keep(resource, ended(local, resource, outcome, self._moment(resource, empty=empty)))
        self._wake.set()

    async def _is_empty(self, name: ResourceName) -> bool:
        try:
            return await self._executor.empty(name)
        except Unreachable:
            return False  # not seen

    async def _perform(self, step: Step, resource: Resource) -> ActionOutcome:
        if isinstance(step, Climb) and step.rung == Rung.KILL:
            return await self._kill(resource)
        epoch = step.epoch if isinstance(step, Start) else self._known_epoch(resource)
        leased = isinstance(step, Start) and not resource.local
        if leased and not await self._allowed(resource, epoch):
            return REFUSED
        request = action_request(
            resource,
            _action(step),
            epoch=epoch,
            incarnation=self._me.incarnation if leased else None,
            site=self._site(),
        )
        return await self._executor.run(request)

    def _site(self) -> Site:
        return site_of(self._mirror.view.resources, self._me.addresses)

    async def _allowed(self, resource: Resource, epoch: int) -> bool:
        """S2 and S4: a start is asked of the guard, which remembers the highest epoch; the lease is read here to spare the request, for
        the executor reads it last. `_may_start` asks again what reconcile has asked: much may have come while the guard was asked."""
        if not self._guard.held():
            return False
        await self._epochs.note()
        return await self._remembered(resource, epoch) and self._may_start(resource, epoch)

    async def _remembered(self, resource: Resource, epoch: int) -> bool:
        if await self._epochs.remember(resource.name, epoch):
            return True
        self._unwritten.set()  # the look tells the leader what the guard remembers
        return False

    def _may_start(self, resource: Resource, epoch: int) -> bool:
        """S2: whether the step still stands on the newest assignment that this server has seen, after the guard was asked."""
        view, assignment = self._mirror.view, self._mirror.view.assignments.get(resource.name)
        if assignment is None or view.in_doubt(assignment):
            return False
        return assignment.epoch == epoch and assignment.sole_holder(self._me.incarnation)

    def _known_epoch(self, resource: Resource) -> int:
        """The epoch of what is acted on: of the last start, also of one that is not confirmed yet."""
        local = self.locals[resource.name]
        return max(local.epoch, local.start_epoch)

    async def _kill(self, resource: Resource) -> ActionOutcome:
        empty = await self._executor.kill(resource.name)
        if not resource.kind.housed:  # nothing runs: the rung is to take away what it holds
            epoch = self._known_epoch(resource)
            request = action_request(resource, "clean", epoch=epoch, incarnation=None, site=self._site())
            return await self._executor.run(request)
        return ActionOutcome(status=0 if empty else 1, evidence="gone")

    def _moment(self, resource: Resource, *, empty: bool) -> Moment:
        assignment = self._mirror.view.assignments.get(resource.name)
        return Moment(
            now=self._clock.monotonic(),
            wall=self._clock.wall(),
            epoch=0 if assignment is None else assignment.epoch,
            last_resort=assignment is not None and assignment.last_resort,
            empty=empty,
            mine=resource.local or (assignment is not None and any(one.incarnation == self._me.incarnation for one in assignment.holders)),
            owner="" if assignment is None or assignment.owner is None else assignment.owner.server,
            spread=spread_of(resource.name, self._me.server),
        )

    def _keep(self, resource: Resource, turn: Turn) -> None:
        self._remember(turn.local)
        for told in turn.told:
            self._history.tell(
                told.kind, resource=resource.name, on=self._me.server, ms=told.ms, cause=told.cause, text=told.text
            )
        for name in turn.alarm:
            self.alarm(name)

    # --- writing ----------------------------------------------------------------------------------------------------

    async def _release(self, resource: Resource) -> None:
        """S3: conditional on the assignment as seen, after the group was seen empty and with nothing in flight."""
        try:
            async with self._writing:
                written = await self._write_release(resource)
            if not written:  # something is other than it was seen: not at once again
                await self._mirror.wait(self._mirror.view.revision, RETRY_S)
        except (RegistryUnreachable, Unreachable):
            await asyncio.sleep(RETRY_S)
        finally:
            self._releasing.discard(resource.name)
            self._stale[resource.name] = self._untold[resource.name] = None
            self._unwritten.set()
            self._wake.set()

    async def _write_release(self, resource: Resource) -> bool:
        assignment = self._mirror.view.assignments.get(resource.name)
        if assignment is None:
            return False
        if not await self._executor.empty(resource.name):
            self.alarm(resource.name)  # something came to life since it was seen to be off: it is looked at, and stopped, before
            return False
        # from the attempt on this server never starts it under an older epoch, acknowledged or not
        if not await self._remembered(resource, assignment.epoch):
            return False
        local = self.locals.get(resource.name)
        view, assignment = self._mirror.view, self._mirror.view.assignments.get(resource.name)
        if local is None or assignment is None or not local.off or _owned_by(assignment, self._me.incarnation):
            return False
        if view.in_doubt(assignment) or not view.alive(self._me.incarnation):
            return False  # S7: a life that the registry calls over says nothing more; its end is proved otherwise
        report = report_of(local, self._me.server, self._me.incarnation)
        mine = [one for one in assignment.holders if one.incarnation == self._me.incarnation]
        after = replace(
            assignment,
            holders=tuple(one for one in assignment.holders if one not in mine),
            proofs=(*assignment.proofs, *(Proof(holder=one, kind="release", epoch=assignment.epoch) for one in mine))[-8:],
        )
        writes = {keys.assignment(resource.name): after, keys.report(resource.name, self._me.server): report}
        if await self._mirror.commit(writes, unchanged=(keys.incarnation(self._me.incarnation),)) is None:
            return False
        self._history.tell(events.RELEASED, resource=resource.name, on=self._me.server)
        return True

    async def _write_reports(self) -> None:
        while True:
            await self._unwritten.wait()
            await asyncio.sleep(0)  # the lanes go round first: what is released now is told in that very commit, a commit sooner
            self._unwritten.clear()
            try:
                async with self._writing:
                    await self._write_changed()
            except RegistryUnreachable:
                self._unwritten.set()
                await asyncio.sleep(RETRY_S)

    async def _write_changed(self) -> None:
        await self._epochs.refresh()
        view = self._mirror.view
        if view.set_back or not view.alive(self._me.incarnation):
            return
        before = view.looks.get(self._me.server)
        if before is None or (before.incarnation, before.era) != (self._me.incarnation, view.era):
            self._untold = dict.fromkeys(self.locals)  # what is told in this era for the first time is told whole, in one commit
        untold, self._untold = self._untold, {}
        known = [name for name in untold if name in view.resources and name in self.locals]
        reports = {name: report_of(self.locals[name], self._me.server, self._me.incarnation) for name in known}
        writes: dict[str, Any] = {
            keys.report(name, self._me.server): one for name, one in reports.items() if self._worth_writing(name, one)
        }
        look = self._look_to_write(view)
        if look is not None:
            writes[keys.look(self._me.server)] = look
        if not writes:
            return
        try:
            # S7: conditional on this incarnation being what the registry thinks it is
            if await self._mirror.commit(writes, unchanged=(keys.incarnation(self._me.incarnation),)) is not None:
                self._tell_untold(view.looks.get(self._me.server), look)
                return
        except RegistryUnreachable:
            self._untold |= untold
            raise
        self._untold |= untold
        self._unwritten.set()
        await self._mirror.wait(view.revision, RETRY_S)

    def _look_to_write(self, view: View) -> Look | None:
        """S6: what this incarnation has looked at and the registry does not know: at once when every look has ended, else now and then."""
        before = view.looks.get(self._me.server)
        if before is not None and (before.incarnation, before.era) != (self._me.incarnation, view.era):
            before = None  # of another life, or of a registry that went back: what is told now is told whole
        begun = before or Look(server=self._me.server, incarnation=self._me.incarnation, era=view.era)
        look = replace(look_at(view.resources, self.locals, begun), epochs=self._epochs.ahead(view), unregistered=self._unregistered)
        if look == before:
            return None
        wait_s = self._look_written_at + LOOK_EVERY_S - self._clock.monotonic()
        if wait_s > 0 and len(look.looked) + len(look.untold) < len(view.resources):
            asyncio.get_running_loop().call_later(wait_s, self._unwritten.set)
            return None
        self._look_written_at = self._clock.monotonic()
        return look

    def _tell_untold(self, before: Look | None, look: Look | None) -> None:
        known = before.untold if before is not None and before.incarnation == self._me.incarnation else {}
        for name in () if look is None else look.untold.keys() - known.keys():
            self._history.tell(events.LOOK_SILENT, resource=name, on=self._me.server, cause="its check did not answer")
    def _worth_writing(self, name: ResourceName, report: Report) -> bool:
        local = self.locals[name]
        # what its look cannot tell is told by the look, but for what lives in its group: that may be running (S6)
        if (local.state is None and (local.empty or not local.silent)) or name in self._releasing:
            return False
        before = self._mirror.view.reports.get(name, {}).get(self._me.server)
        if before is None or before.incarnation != report.incarnation:
            # what is OFFLINE and was never here is told by the look alone: one key a server, not one for each resource
            quiet = report.state is State.OFFLINE and report.internal is Internal.STABLE and report.failure is None
            return before is not None or not quiet
        return before != report


def spread_of(resource: ResourceName, server: ServerName) -> float:
    """0 to 1, always the same for the two."""
    return zlib.crc32(f"{resource} {server}".encode()) / 0xFFFFFFFF


def _owned_by(assignment: Assignment, incarnation: Incarnation) -> bool:
    return assignment.owner is not None and assignment.owner.incarnation == incarnation


def _action(step: Step) -> ActionName:
    match step:
        case Start():
            return "start"
        case Clean():
            return "clean"
        case Climb(rung):
            return RUNG_ACTIONS[Rung(rung)]
        case _:
            return "check"
