"""What is done in a rehearsal, as it is noticed: each action with its stage and its reason, and what is down meanwhile.

Owned by `policy/rehearsal.py`, which says what begins and ends. Decides nothing. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from understudy.lane.happenings import HistoryLine
from understudy.lane.neighbours import broken_to_run
from understudy.lane.rehearsed import RehearsedLanes
from understudy.model import events
from understudy.model.cardinality import seen_from
from understudy.model.names import ResourceName, ServerName, registered_name
from understudy.model.reasons import Reason
from understudy.model.resource import DependencyKind, Resource
from understudy.model.state import Life, Target
from understudy.model.view import Assignment, View
from understudy.policy.whatif import ActSort, Because, Outage, PredictedAct

if TYPE_CHECKING:
    from understudy.policy.rehearsal import Rehearsal

_BEGINS = {events.START_BEGUN: ActSort.START, events.STOP_BEGUN: ActSort.STOP, events.CLEAN_BEGUN: ActSort.CLEAN}
_ENDS = {events.START_DONE: ActSort.START, events.STOP_DONE: ActSort.STOP, events.CLEAN_DONE: ActSort.CLEAN}
_UP = (events.START_DONE, events.FOUND)

ActAt = tuple[ActSort, ResourceName, ServerName]


@dataclass(frozen=True, slots=True)
class _Motive:
    because: Because
    why: Reason | None = None
    by: ResourceName | None = None


class ActsSeen:
    """Everything that was begun."""

    def __init__(self, rehearsal: "Rehearsal") -> None:
        self._of = rehearsal
        self._acts: list[PredictedAct] = []
        self._open: dict[ActAt, int] = {}
        """Where they stand among the acts."""
        self._reached: dict[ResourceName, int] = {}
        """The highest stage of what has ended and concerns a resource."""
        self._floor = 0
        self._ended_at: tuple[float, int] = (0.0, 0)
        """When acts ended last, and the highest stage of those."""
        self._earlier: View | None = None
        """The View of before the change; None: what is begun now is under way anyhow."""
        self._failed: set[tuple[ResourceName, ServerName]] = set()
        self._stopped_by: dict[ResourceName, ResourceName] = {}
        self._running: dict[ResourceName, set[ServerName]] = {}
        self._outages: list[Outage] = []
        self.asked: frozenset[ResourceName] = frozenset()
        """What a command names: it is required, whoever else could do without it."""

    def __len__(self) -> int:
        return len(self._acts)

    # --- what comes in ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """What is begun from now on follows from the change."""
        self._earlier = self._of.view
        for server, lanes in self._of.lanes.items():
            for name, resource in self._of.view.resources.items():
                if not resource.local and lanes.up(name):
                    self._running.setdefault(name, set()).add(server)

    def next_command(self, view: View) -> None:
        """A command goes on with a commit, or something else happens: what follows comes after all that was done before."""
        self._floor = max((act.stage for act in self._acts), default=0)

    def assigned(self, assignments: Iterable[Assignment]) -> None:
        """The leader has given them to others, because of what has ended at this instant."""
        at, stage = self._ended_at
        for assignment in assignments if at == self._of.now else ():
            name = registered_name(assignment.resource)
            self._reached[name] = max(self._reached.get(name, 0), stage)

    def line(self, lanes: RehearsedLanes, resource: Resource, line: HistoryLine) -> None:
        """What a lane writes into the history."""
        name, server = resource.name, lanes.server
        if (sort := _BEGINS.get(line.kind)) is not None:
            self._begun(lanes, resource, sort)
        if (sort := _ENDS.get(line.kind)) is not None:
            self._ended((sort, name, server))
        if line.kind in _UP:
            self._failed.discard((name, server))
            self._up(name, server)
        elif line.kind == events.FAILED:
            self._failed.add((name, server))
        if line.kind in (events.STOP_BEGUN, events.FAILED):
            self._down(name, server)

    def ends_with_server(self, lanes: RehearsedLanes, because: Because, *, also_local: bool) -> None:
        """Nothing of what runs there runs any more."""
        resources = ((name, self._of.view.resources.get(name)) for name in sorted(lanes.locals) if lanes.up(name))
        for name, resource in resources:
            if resource is not None and not resource.kind.only_looked_at and (also_local or not resource.local):
                self._add(ActSort.ENDS, name, lanes.server, _Motive(because), assumed=False)
                self._down(name, lanes.server)
        for act in [act for act in self._open if act[2] == lanes.server]:  # all at once
            self._ended(act)

    # --- what comes out ---------------------------------------------------------------------------------------------

    def found(self) -> tuple[PredictedAct, ...]:
        """All of them. One that has not ended is taken to end when no more was worked out."""
        optional, now = self._optional(), self._of.now
        acts = (
            replace(act, required=act.sort is not ActSort.START or act.resource not in optional, ends_s=max(act.ends_s, act.begins_s))
            for act in (replace(act, ends_s=now) if number in self._open.values() else act for number, act in enumerate(self._acts))
        )
        return tuple(acts)

    def outages(self) -> tuple[Outage, ...]:
        """Of what is wanted in the end."""
        view = self._of.view
        found = (
            outage
            for outage in self._outages
            if outage.resource in view.resources
            and view.resources[outage.resource].enabled
            and view.target(outage.resource) is Target.ONLINE
        )
        return tuple(sorted(found, key=lambda outage: (outage.from_s, outage.resource)))

    # --- within -----------------------------------------------------------------------------------------------------

    def _begun(self, lanes: RehearsedLanes, resource: Resource, sort: ActSort) -> None:
        motive = self._motive(lanes, resource, sort)
        if motive.because is Because.STANDS_ON and motive.by is not None:
            self._stopped_by[resource.name] = motive.by
        _, assumed = self._of.expected.takes(sort.value, resource.name)
        self._add(sort, resource.name, lanes.server, motive, assumed=assumed)

    def _add(self, sort: ActSort, name: ResourceName, server: ServerName, motive: _Motive, *, assumed: bool) -> None:
        self._open[sort, name, server] = len(self._acts)
        self._acts.append(
            PredictedAct(
                sort=sort,
                resource=name,
                server=server,
                stage=1 + max(self._floor, self._reached.get(name, 0)),
                begins_s=self._of.now,
                ends_s=self._of.now,
                because=motive.because,
                assumed=assumed,
                why=motive.why,
                by=motive.by,
            )
        )

    def _ended(self, act: ActAt) -> None:
        number = self._open.pop(act, None)
        if number is None:
            return
        ended = self._acts[number] = replace(self._acts[number], ends_s=self._of.now)
        at, stage = self._ended_at
        self._ended_at = (self._of.now, max(ended.stage, stage if at == self._of.now else 0))
        for name in self._of.order.concerned.get(ended.resource, (ended.resource,)):
            self._reached[name] = max(self._reached.get(name, 0), ended.stage)

    def _down(self, name: ResourceName, server: ServerName) -> None:
        running = self._running.get(name, set())
        if server in running:
            running.discard(server)
            if not running:
                self._outages.append(Outage(resource=name, from_s=self._of.now))

    def _up(self, name: ResourceName, server: ServerName) -> None:
        resource = self._of.view.resources.get(name)
        if resource is None or resource.local:
            return
        self._running.setdefault(name, set()).add(server)
        for number, outage in enumerate(self._outages):
            if outage.resource == name and outage.until_s is None:
                self._outages[number] = replace(outage, until_s=self._of.now)

    def _motive(self, lanes: RehearsedLanes, resource: Resource, sort: ActSort) -> _Motive:
        name = resource.name
        if self._earlier is None:
            return _Motive(Because.UNDER_WAY)
        match sort:
            case ActSort.STOP:
                return self._why_stopped(lanes, resource)
            case ActSort.CLEAN:
                failed = (name, lanes.server) in self._failed
                return _Motive(Because.FAILED if failed else Because.LEFT_OVER)
            case _:
                return self._why_started(self._earlier, lanes, resource)

    def _why_stopped(self, lanes: RehearsedLanes, resource: Resource) -> _Motive:
        view = seen_from(self._of.view, lanes.incarnation)
        assignment = view.assignments.get(resource.name)
        if view.life(lanes.incarnation) is Life.LEAVING:
            return _Motive(Because.SERVER_LEAVES)
        if view.target(resource.name) is not Target.ONLINE:
            return _Motive(Because.TARGET)
        if not resource.local and (assignment is None or assignment.owner is None or assignment.owner.incarnation != lanes.incarnation):
            return _Motive(Because.PLACE, why=None if assignment is None else assignment.reason)
        broken = broken_to_run(lanes.here(self._of.now), resource)
        return _Motive(Because.STANDS_ON, by=broken[0]) if broken else _Motive(Because.PLACE)

    def _why_started(self, earlier: View, lanes: RehearsedLanes, resource: Resource) -> _Motive:
        name, view, earlier = resource.name, seen_from(self._of.view, lanes.incarnation), seen_from(earlier, lanes.incarnation)
        was, now = earlier.assignments.get(name), view.assignments.get(name)
        place = None if now is None else now.reason
        if (name, lanes.server) in self._failed:
            return _Motive(Because.FAILED)
        if earlier.target(name) is not Target.ONLINE:
            return _Motive(Because.TARGET, why=place)
        if not resource.local and (was is None or now is None or was.owner != now.owner):
            return _Motive(Because.PLACE, why=place)
        if name in self._stopped_by:
            return _Motive(Because.BACK, by=self._stopped_by[name])
        if resource.local and earlier.life(lanes.incarnation) is not Life.ONLINE:
            return _Motive(Because.SERVER_JOINS)
        return _Motive(Because.TARGET, why=place)

    def _optional(self) -> frozenset[ResourceName]:
        """What is newly wanted only because something else would welcome it (`weak`): nothing depends on what comes of it."""
        view = self._of.view
        fresh = {name for name in view.resources if self._newly_wanted(name)}
        weak = set(_named_by(view, fresh, DependencyKind.WEAK))
        return frozenset((weak & fresh) - set(_named_by(view, fresh, DependencyKind.HARD)) - self.asked)

    def _newly_wanted(self, name: ResourceName) -> bool:
        earlier = self._earlier
        return earlier is not None and self._of.view.target(name) is Target.ONLINE and earlier.target(name) is not Target.ONLINE


def _named_by(view: View, names: Iterable[ResourceName], kind: DependencyKind) -> Iterator[ResourceName]:
    """Whom they name in start dependencies of this kind, one by one."""
    for name in names:
        for dependency in view.resources[name].start:
            if dependency.kind is kind and not dependency.is_type:
                yield ResourceName(dependency.entity)
