"""Owns the memories of all lanes of one server, and which of them have to be asked: what happens between executor, lane and report.

Called by `daemon/lanes.py`, and by the language of the lanes' stories: a story goes by the very rules that a server goes by. A View, an
event, an outcome and an instant come in; what is to be done, and what is to be written, comes out. Must never wait, read a clock or touch
the system.
"""

import heapq
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from understudy.kinds.kind import Around
from understudy.lane.happenings import Alarm, AroundChanged, Charged, HistoryLine, Instant, LaneUpdate, Redefined, Renewed
from understudy.lane.local import Budget, Local
from understudy.lane.neighbours import Here, failures_here
from understudy.lane.order import LaneOrder
from understudy.lane.outcome import begin, ended
from understudy.lane.phases import Climbing, Starting, Unseen
from understudy.lane.pullup import pulled_up, risen
from understudy.lane.reconcile import reconcile
from understudy.lane.silence import not_run
from understudy.lane.sooner import concerns
from understudy.lane.steps import Charge, Check, Clean, Climb, LaneAction, LaneStep, Release, Start, Wait
from understudy.lane.table import happened
from understudy.model.actions import ActionOutcome
from understudy.model.cardinality import seen_from
from understudy.model.categories import category_members
from understudy.model.failures import counted_after
from understudy.model.namers import Trait, with_trait
from understudy.model.names import Incarnation, ResourceName, ServerName, registered_name
from understudy.model.profile import reloads
from understudy.model.resource import Resource
from understudy.model.state import Internal
from understudy.model.view import Assignment, View


def spread_of(resource: ResourceName, server: ServerName) -> float:
    """0 to 1, always the same for the two."""
    return zlib.crc32(f"{resource} {server}".encode()) / 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A step that a lane has taken. An action is still to be run, a release to be written; a charge is done."""

    resource: Resource
    """As it was defined when the step was taken."""
    step: LaneAction | Charge | Release
    epoch: int = 0
    """Of what is acted on: of the last start, also of one that is not confirmed yet."""
    lines: tuple[HistoryLine, ...] = ()
    """For the history."""
    activity: str = ""
    """What it is part of."""


class _LocalsBefore(Mapping[ResourceName, Local]):
    """The lanes' memories as they were when lanes began to be asked: no copy is made of thousands, of which few change meanwhile."""

    def __init__(self, now: Mapping[ResourceName, Local]) -> None:
        self._now = now
        self.was: dict[ResourceName, Local] = {}
        """Of those that have changed since."""

    def __getitem__(self, name: ResourceName) -> Local:
        return self.was[name] if name in self.was else self._now[name]

    def __iter__(self) -> Iterator[ResourceName]:
        return iter(self._now)

    def __len__(self) -> int:
        return len(self._now)


class Driver:
    """The lanes of one server."""

    def __init__(
        self,
        server: ServerName,
        incarnation: Incarnation,
        spread: Callable[[ResourceName, ServerName], float] = spread_of,
        *,
        activities_after: int = 0,
    ) -> None:
        """`spread` says for each resource where in a span its looks come, so that not all servers look at the same time.
        `activities_after`: activities are numbered from there, so that no two drivers of one incarnation give the same."""
        self.server, self.incarnation = server, incarnation
        self._plain = self.view = View()  # the last View, and what it says of this server's instances
        self.locals: dict[ResourceName, Local] = {}
        self.steps: dict[ResourceName, LaneStep] = {}
        """What each lane answered last."""
        self._before: _LocalsBefore | None = None
        """What lanes remembered when the last round began; None: none is under way."""
        self._spread = spread
        self._stale: dict[ResourceName, None] = {}
        """Lanes to be asked: something they go by has changed."""
        self._sorted = True
        """Whether they are to be asked in the order in which they were registered."""
        self._until: dict[ResourceName, tuple[float, int]] = {}
        """When a lane has to be asked again even if nothing changes, and the number of that answer;"""
        self._due: list[tuple[float, int, ResourceName]] = []
        """the same by time, with what does not count any more."""
        self._answers, self._places = 0, 0
        self._changed: dict[ResourceName, None] = {}
        self.not_run: dict[ResourceName, str] = {}
        """Why actions of a resource cannot be run here, of those that cannot."""
        self.in_flight: dict[ResourceName, Taken] = {}
        """Actions that have begun and not ended, of lanes that were not forgotten since."""
        self.releasing: set[ResourceName] = set()
        """Whose release is being written."""
        self._activities: dict[ResourceName, str] = {}
        """The last of each lane."""
        self._activity_count, self._leaving = activities_after, False
        self._lane_order = LaneOrder()
        self._risen: set[ResourceName] = set()
        """What has come ONLINE since lanes were asked last, here or elsewhere, of what others are pulled up by."""
        self._place: dict[ResourceName, int] = {}
        """In which order resources were registered, as far as this server saw it."""

    # --- what comes in ----------------------------------------------------------------------------------------------

    def see(self, view: View, changed: Collection[ResourceName] | None = None) -> None:
        """Another View: a lane for every resource; a new assignment begins its budget afresh; what is registered no more is forgotten.

        `changed`: of whom it may say something else than the one before; None: of any. Whoever goes by that is asked in the next round.
        """
        if view is self._plain:
            return
        self._plain, before = view, self.view
        self.view = view = seen_from(view, self.incarnation)
        changed = None if changed is None else {*map(registered_name, changed)}
        if changed is None or not _alike_for_lanes(before, view):
            changed = None
            self._number(view.resources)
        if view.resources is not before.resources:
            self._lane_order.see(view.resources, view.types, changed, leaving=self._leaving)
        self._risen.update(risen(before, view, changed))
        for name in (*view.resources, *self._gone(view)) if changed is None else self._in_order(changed):
            self._see_resource(before, view, name)
            self._see_target(before, view, name)
        if changed is None:
            self.ask_all()
            return
        asked = {name: None for each in changed for name in self._lane_order.concerned.get(each, (each,))}
        self._stale |= asked
        self._sorted = True

    def _see_resource(self, before: View, view: View, name: ResourceName) -> None:
        resource, local = view.resources.get(name), self.locals.get(name)
        if resource is None:
            self._forget(name)
            return
        if name not in self._place:
            self._places += 1
            self._place[name] = self._places
        if local is None or local.uid != resource.uid:
            self.in_flight.pop(name, None)
            local = self._first(resource)
            self._remember(local)
        was = before.resources.get(name)
        if was is not None and was is not resource and was.uid == resource.uid and was != resource:
            self._keep(happened(local, Redefined(before=was, after=resource, acts_anew=reloads(was, resource))))
            local = self.locals[name]
        assignment = view.assignments.get(name)
        if assignment is not None and assignment.epoch > local.budget.assigned and owned_by(assignment, self.incarnation):
            self._keep(happened(local, Renewed(epoch=assignment.epoch)))

    def _see_target(self, before: View, view: View, name: ResourceName) -> None:
        """An instance of a local resource has no assignment: where another TARGET is wanted, its budget begins afresh."""
        resource, local = view.resources.get(name), self.locals.get(name)
        if resource is None or local is None or not resource.local or name not in before.resources:
            return
        if before.target_on(name, self.server) is not view.target_on(name, self.server):
            self._keep(happened(local, Renewed(epoch=0)))

    def _gone(self, view: View) -> list[ResourceName]:
        return [known for known in self.locals if known not in view.resources]

    def _forget(self, name: ResourceName) -> None:
        if self.locals.pop(name, None) is not None:
            self.in_flight.pop(name, None)
            self.steps.pop(name, None)
            self._until.pop(name, None)
            self._activities.pop(name, None)
            self._place.pop(name, None)
            self.not_run.pop(name, None)

    def _number(self, names: Iterable[ResourceName]) -> None:
        self._place = {name: place for place, name in enumerate(names, 1)}
        self._places = len(self._place)

    def _in_order(self, names: Iterable[ResourceName]) -> list[ResourceName]:
        """As they were registered; what is not is last, by name."""
        return sorted(names, key=lambda name: (self._place.get(name, self._places + 1), name))

    def ask_all(self) -> None:
        """Every lane is asked in the next round."""
        self._stale = dict.fromkeys(self.view.resources)
        self._sorted = False

    def released(self, name: ResourceName) -> None:
        """A release was written, or could not be: the lane is asked again."""
        self.releasing.discard(name)
        self._stale[name] = self._changed[name] = None

    def leave(self) -> None:
        """This server leaves: from now on everything here is stopped in order, and nothing is started."""
        self._leaving = True
        self._lane_order.see(self.view.resources, self.view.types, leaving=True)
        self.ask_all()

    def alarm(self, name: ResourceName) -> bool:
        """An event says that something may have changed; whether that is a reason to look at it now."""
        local = self.locals.get(name)
        if local is None:
            return False
        after = happened(local, Alarm()).local
        if after is not local:
            self._remember(after)
        return after is not local

    def surroundings(self, change: Around, name: ResourceName | None, now: float) -> bool:
        """Something around the resources (or around this one) has changed, that may be waited for; whether a pause is shorter for it."""
        shorter = False
        for other, local in list(self.locals.items()):
            resource = self.view.resources.get(other)
            meant = name == other if name is not None else resource is not None and concerns(change, resource)
            after = happened(local, AroundChanged(now=now)).local if meant else local
            if after is not local:
                self._remember(after)
                shorter = True
        return shorter

    def ended(self, taken: Taken, outcome: ActionOutcome, at: Instant) -> tuple[HistoryLine, ...]:
        """An action that was taken has ended: lines for the history."""
        name = taken.resource.name
        if self.in_flight.get(name) is not taken:
            return ()  # it is registered no more, or anew, perhaps under the same id: the registry was set back, and its intent restored
        del self.in_flight[name]
        before = self.locals[name].state
        lines = self._keep(ended(self.locals[name], taken.resource, outcome, at))
        if self.locals[name].up and self.locals[name].state is not before and with_trait(self.view.resources, Trait.PULLED):
            self._risen.add(name)
        return lines

    def instant(self, resource: Resource, now: float, wall: float, *, empty: bool) -> Instant:
        """An instant on this server's clocks, as an outcome is taken in: `empty` says whether nothing of the resource was seen to live."""
        assignment = self.view.assignments.get(resource.name)
        holders = () if assignment is None else assignment.holders
        return Instant(
            now=now,
            wall=wall,
            epoch=0 if assignment is None else assignment.epoch,
            empty=empty,
            mine=resource.local or any(holder.incarnation == self.incarnation for holder in holders),
            owner="" if assignment is None or assignment.owner is None else assignment.owner.server,
            spread=self._spread(resource.name, self.server),
        )

    # --- what comes out ---------------------------------------------------------------------------------------------

    def round(self, now: float, wall: float, *, kept_only: bool = False) -> tuple[Taken, ...]:
        """Ask every lane that may have something to do, until none has. `kept_only`: this daemon goes by what its predecessor kept on
        disk, and restarts what is kept there and nothing else."""
        taken: list[Taken] = []
        self._pull_up(now)
        self._stale |= dict.fromkeys(self._now_due(now))
        while self._stale:
            self._before = _LocalsBefore(self.locals)
            here, stale, self._stale = self.here(now), self._stale, {}
            asked, self._sorted = self._in_order(stale) if self._sorted else stale, False
            for name in asked:
                resource = here.view.resources.get(name)
                if resource is None or (kept_only and not resource.local and name not in here.view.assignments):
                    continue
                # what it goes by is another since this snapshot was taken: it is asked with the next one
                if name not in self._stale:
                    taken += self._ask(here, resource.on(self.server), wall)
        self._before = None
        return tuple(taken)

    def _pull_up(self, now: float) -> None:
        """What waits to be tried again, and is pulled up by what has come ONLINE, waits no longer."""
        if not self._risen:
            return
        here, risen_now, self._risen = self.here(now), self._risen, set()
        for name in pulled_up(here, risen_now):
            after = happened(self.locals[name], AroundChanged(now=now)).local
            if after is not self.locals[name]:
                self._remember(after)

    def here(self, now: float) -> Here:
        """One snapshot of what the lanes go by."""
        return Here(
            view=self.view,
            server=self.server,
            incarnation=self.incarnation,
            locals=dict(self.locals) if self._before is None else self._before,
            now=now,
            dependents=self._lane_order.dependents,
            leaving=self._leaving,
        )

    def until(self) -> float | None:
        """When a lane has to be asked again even if nothing changes."""
        while self._due and self._until.get(self._due[0][2]) != self._due[0][:2]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def _now_due(self, now: float) -> list[ResourceName]:
        """Lanes that waited until now, in the order in which they were asked last."""
        due = []
        while (until := self.until()) is not None and until <= now:
            _, number, name = heapq.heappop(self._due)
            due.append((number, name))
            self._until.pop(name)
        return [name for _, name in sorted(due)]

    def rests(self) -> bool:
        """Whether every lane waits, and none has to be asked."""
        return not (self._stale or self.releasing) and all(isinstance(step, Wait) for step in self.steps.values())

    def looks_first(self, taken: Taken) -> bool:
        """Whether this is the first look at the resource in this daemon's life."""
        local = self.locals.get(taken.resource.name)
        return local is not None and isinstance(local.phase, Unseen) and isinstance(taken.step, Check)

    def activity_of(self, name: ResourceName) -> str:
        """What was done last of this resource; empty: nothing was."""
        return self._activities.get(name, "")

    @property
    def changed(self) -> Collection[ResourceName]:
        """Whose memory has changed since `take_changed` was asked last."""
        return self._changed.keys()

    def take_changed(self) -> dict[ResourceName, None]:
        """Whose memory has changed since this was asked last: the registry may not know it."""
        changed, self._changed = self._changed, {}
        return changed

    # --- within -----------------------------------------------------------------------------------------------------

    def _ask(self, here: Here, resource: Resource, wall: float) -> tuple[Taken, ...]:
        step = reconcile(here, resource, here.locals[resource.name])
        self.steps[resource.name] = step
        self._until.pop(resource.name, None)
        if isinstance(step, Wait):
            if step.until is not None:
                self._answers += 1
                self._until[resource.name] = (step.until, self._answers)
                heapq.heappush(self._due, (step.until, self._answers, resource.name))
            return ()
        if isinstance(step, Release) and resource.name in self.releasing:
            return ()
        return (self._take(here, resource, step, wall),)

    def _take(self, here: Here, resource: Resource, step: LaneAction | Charge | Release, wall: float) -> Taken:
        local = here.locals[resource.name]
        activity = self._activity(local, step)
        match step:
            case Charge(down):
                lines = self._keep(happened(local, self._charged(here, local, resource, down, wall)))
            case Release():
                self.releasing.add(resource.name)
                lines = ()
            case Check() | Start() | Clean() | Climb():
                lines = self._keep(begin(local, step, here.now))
        after = self.locals[resource.name]
        taken = Taken(resource=resource, step=step, epoch=max(after.epoch, after.start_epoch), lines=lines, activity=activity)
        if after.action is not None:
            self.in_flight[resource.name] = taken
        return taken

    def _charged(self, here: Here, local: Local, resource: Resource, down: tuple[ResourceName, ...], wall: float) -> Charged:
        at = self.instant(resource, here.now, wall, empty=local.empty)
        return Charged(
            resource=resource, down=down, at=at, after=counted_after(here.view, resource), failures=failures_here(here, resource)
        )  # fmt: skip

    def _activity(self, local: Local, step: LaneAction | Charge | Release) -> str:
        """A start has one together with the check that confirms it, a stop ladder with all its rungs and checks; any other action has one
        of its own. A charge, or a release, is part of what was done last."""
        name = local.resource
        goes_on = isinstance(local.phase, (Starting, Climbing)) or isinstance(step, (Charge, Release))
        if not goes_on or name not in self._activities:
            self._activity_count += 1
            self._activities[name] = f"{self.incarnation[:8]}-{self._activity_count:x}"
        return self._activities[name]

    def _keep(self, update: LaneUpdate) -> tuple[HistoryLine, ...]:
        self._remember(update.local)
        for name in update.alarm:
            self.alarm(name)
        return update.lines

    def _remember(self, local: Local) -> None:
        """A lane's memory is another: it is asked anew, with all whom that concerns, and the registry is to know."""
        if self._before is not None and local.resource in self.locals:
            self._before.was.setdefault(local.resource, self.locals[local.resource])
        self.locals[local.resource] = local
        if why := not_run(local):
            self.not_run[local.resource] = why
        else:
            self.not_run.pop(local.resource, None)
        self._stale |= dict.fromkeys(self._lane_order.concerned.get(local.resource, (local.resource,)))
        self._changed[local.resource] = None

    def _first(self, resource: Resource) -> Local:
        """Before the first look. What this incarnation reported earlier (a daemon that died) is carried on."""
        local = Local(resource=resource.name, uid=resource.uid)
        report = self.view.reports.get(resource.name, {}).get(self.server)
        if report is None or report.incarnation != self.incarnation:
            return local
        return replace(
            local,
            phase=Unseen(believed=report.state, dirty=report.internal is not Internal.STABLE),
            budget=Budget(
                assigned=max(report.epoch, report.failure.epoch if report.failure is not None else 0),
                restarts=report.restarts,
                failure=report.failure,
            ),
            starts=report.starts,
            epoch=report.epoch,
            changed_wall=report.changed_wall,
            started_wall=report.started_wall,
        )


def _alike_for_lanes(before: View, view: View) -> bool:
    """Whether the two differ in nothing that all lanes go by."""
    same = before.incarnations is view.incarnations and before.types is view.types and before.servers is view.servers
    same = same and before.pools is view.pools and category_members(before) is category_members(view)
    return same and before.set_back == view.set_back and before.era == view.era


def owned_by(assignment: Assignment, incarnation: Incarnation) -> bool:
    """Whether it belongs to this incarnation."""
    return assignment.owner is not None and assignment.owner.incarnation == incarnation
