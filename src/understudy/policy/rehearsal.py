"""A rehearsal: a change is gone through, from one decision to the next, by the very functions that decide.

Who decides is `policy/decide.py`, who acts are the lanes' drivers; here stands only what is assumed: actions succeed, in the time that the
history knows, and servers do what they do (`policy/rehearsed_servers.py`). Goes on in small steps, so that a daemon can do other things
between two of them; ends when nothing is left to be done, or at a bound. It changes nothing but its own View. Called by
`daemon/rehearsal.py` and by tests. Pure.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from understudy.lane.driver import Taken, owned_by
from understudy.lane.happenings import HistoryLine
from understudy.lane.order import LaneOrder
from understudy.lane.phases import Rung
from understudy.lane.rehearsed import RehearsedLanes
from understudy.lane.steps import Charge, Check, Clean, Climb, Release, Start
from understudy.model.cardinality import instance_here
from understudy.model.maps import with_changes
from understudy.model.names import Incarnation, ResourceName, ServerName, registered_name
from understudy.model.resource import Resource
from understudy.model.state import ALIVE
from understudy.model.view import Assignment, Event, IncarnationRecord, Proof, Report, View
from understudy.policy.decide import decide
from understudy.policy.failover import DelaySeen, delays_seen
from understudy.policy.part import DecisionParts
from understudy.policy.plan import Memory, Plan, Step
from understudy.policy.rehearsed_acts import ActsSeen
from understudy.policy.rehearsed_servers import RehearsedServers
from understudy.policy.whatif import Expected, Prediction

MOST_STEPS, STEPS_EACH = 20_000, 50
"""What has not come to rest by then does not; and so many more for each resource."""
MOST_ACTS = 40
"""Of one resource, on the average: something goes back and forth without end."""
LONGEST_S = 86_400.0
GROUPS_AT_ONCE = 64
"""So many are decided about in a step: others have their turn between two steps."""
_RUNGS = {Rung.STOP: "stop", Rung.ABORT: "stop", Rung.CLEAN: "clean", Rung.KILL: "clean"}

ChangedByServer = dict[ServerName, set[ResourceName] | None]
"""What each driver has not seen yet; None: anything may be another."""


class Rehearsal:
    """One. `view` is replaced, never changed."""

    def __init__(self, view: View, expected: Expected) -> None:
        self.before = self.view = view
        self.expected = expected
        self.now = 0.0
        self.lanes: dict[ServerName, RehearsedLanes] = {}
        self.events: list[tuple[int, Event]] = []
        """What the history would tell, in order, with the revision of the View that comes of it."""
        self.settled = True
        self.acts = ActsSeen(self)
        self.servers = RehearsedServers(self)
        self.order = LaneOrder()
        self._parts = DecisionParts(GROUPS_AT_ONCE)
        self._delays: DelaySeen = {}
        self._unseen: ChangedByServer = {}
        self._to_ask: set[ServerName] = set()
        """Whose lanes have to be asked though the View is the same."""
        self._undecided: set[ResourceName] | None = None
        self._decided = False
        """Whether nothing has changed since the last decision."""
        self._to_come: list[tuple[float, int, Callable[[], None]]] = []
        """What happens at which time, in order."""
        self._count = 0
        for server, record in view.workers().items():
            if record.life in ALIVE:
                self.add_lanes(server)
        self.begun = False
        """Whether what is under way anyhow has been gone through: what comes after that follows from a change."""

    def begin_step(self) -> bool:
        """Go a little through what is under way anyhow, before any change; whether there is more of it."""
        if not self.begun and not self._present_step():
            self.begun = True
            self.acts.begin()
        return not self.begun

    # --- what comes in ----------------------------------------------------------------------------------------------

    def change(self, view: View, names: Iterable[ResourceName] | None) -> None:
        """The registry says this now; `names`: of which it may say something else than before, None: of any."""
        self.view = view
        found = None if names is None else set(names)
        for server in self._unseen:
            self._unseen[server] = _joined(self._unseen[server], found)
        self._undecided = _joined(self._undecided, found)
        self._decided = False

    def commanded(self, view: View, names: Iterable[ResourceName] | None) -> None:
        """The same by a command's commit: what follows goes after all that was done before."""
        self.acts.next_command(view)
        self.change(view, names)

    def write(self, *, names: Iterable[ResourceName] | None = None, **parts: Any) -> None:
        """The registry says this of these parts of the View."""
        self.change(replace(self.view, revision=self.view.revision + 1, **parts), names)

    def add_lanes(self, server: ServerName) -> None:
        """A server has a life whose lanes act."""
        record = self.view.present()[server]
        self.lanes[server] = RehearsedLanes(server, record.incarnation, self.order)
        self._unseen[server] = None

    def end_lanes(self, server: ServerName) -> None:
        """Its lanes act no more."""
        self.lanes.pop(server, None)
        self._unseen.pop(server, None)
        self._to_ask.discard(server)

    def wake(self, server: ServerName) -> None:
        """All of its lanes are asked."""
        self._unseen[server] = None

    def more_to_come(self, incarnation: Incarnation) -> bool:
        """Whether it may still be running something, and things happen that may end that."""
        held = (holder.incarnation for assignment in self.view.assignments.values() for holder in assignment.holders)
        return bool(self._to_come) and incarnation in held

    def fail(self, name: ResourceName, server: ServerName) -> bool:
        """A resource that runs there fails; whether it runs there."""
        lanes = self.lanes.get(server)
        if lanes is None or not lanes.up(name):
            return False
        self.acts.next_command(self.view)
        lanes.failing.add(name)
        lanes.alarm(name)
        self._to_ask.add(server)
        return True

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """To be done so long after now."""
        self._count += 1
        heapq.heappush(self._to_come, (self.now + seconds, self._count, act))

    def record(
        self, kind: str, *, resource: ResourceName | None = None, on: ServerName | None = None, ms: float | None = None, cause: str = ""
    ) -> None:
        """A line of the history."""
        server = on or (self.view.leader.server if self.view.leader is not None else ServerName(""))
        event = Event(wall=self.now, server=server, kind=kind, resource=resource, on=on, ms=ms, cause=cause)
        self.events.append((self.view.revision + 1, event))

    # --- going on ---------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Go on a little; whether there is more to be done."""
        size = 8 + len(self.view.resources)
        if self._count > MOST_STEPS + STEPS_EACH * size or self.now > LONGEST_S or len(self.acts) > MOST_ACTS * size:
            self.settled = False
            return False
        self._count += 1
        return self._present_step() or self.servers.step() or self._time_goes_on()

    def begin(self) -> "Rehearsal":
        """All of that at once: for a small cluster, or where nobody waits."""
        while self.begin_step():
            pass
        return self

    def run(self) -> Prediction:
        """To the end, at once."""
        self.begin()
        while self.step():
            pass
        return self.prediction()

    def prediction(self) -> Prediction:
        """What would happen, as far as it was gone through."""
        return Prediction(
            before=self.before,
            after=self.view,
            acts=self.acts.found(),
            servers=tuple(self.servers.news),
            outages=self.acts.outages(),
            takes_s=max([act.ends_s for act in self.acts.found()] + [news.at_s for news in self.servers.news], default=0.0),
            settled=self.settled,
            majority=self.servers.majority,
            registry=self.servers.registry,
        )

    def _present_step(self) -> bool:
        return self._decide() or self._drive()

    def _time_goes_on(self) -> bool:
        pauses = [until for lanes in self.lanes.values() if (until := lanes.paused_until(self.now)) is not None]
        pause = min(pauses, default=None)
        if not self._to_come and pause is None:
            return False
        if pause is not None and (not self._to_come or pause < self._to_come[0][0]):
            self.now = pause
            self._to_ask.update(self.lanes)
            return True
        self.now = self._to_come[0][0]
        while self._to_come and self._to_come[0][0] <= self.now:
            heapq.heappop(self._to_come)[2]()
        return True

    # --- the leader -------------------------------------------------------------------------------------------------

    def _decide(self) -> bool:
        """Whether the leader has decided anything."""
        if self._decided or not self.servers.led:
            return False
        changed, self._undecided = self._undecided, set()
        part = self._parts.part(self.view, changed)
        self._delays = delays_seen(self.view, self._delays, self.now)
        plan = decide(self.view, self.now, Memory(delays=self._delays), part)
        self._parts.decided(plan)
        self._decided = not self._parts.unfinished
        if plan.wake_at is not None and plan.wake_at > self.now:
            self.at(plan.wake_at - self.now, lambda: self.change(self.view, None))
        if plan.steps:
            self._carry_out(plan)
        return not self._decided

    def _carry_out(self, plan: Plan) -> None:
        view, names, everything = self.view, set[ResourceName](), False
        for step in plan.steps:
            assignments: dict[ResourceName, Assignment | None] = {each.resource: each for each in step.assignments}
            assignments |= dict.fromkeys(step.names)
            answered = [request for request in view.requests if request.id in step.fulfilled]
            names |= {*assignments, *(name for name, _ in (*step.targets, *step.reports))}
            names |= {name for request in answered for name in request.resources}
            everything = everything or bool(step.incarnations or step.forgotten or step.cluster is not None)
            view = replace(
                view,
                revision=view.revision + 1,
                cluster=step.cluster or view.cluster,
                incarnations=_incarnations(view, step),
                assignments=with_changes(view.assignments, assignments),
                targets=with_changes(view.targets, dict(step.targets)),
                reports=_reports(view, step),
                requests=tuple(request for request in view.requests if request not in answered) if answered else view.requests,
            )
            for note in step.notes:
                resource = None if note.resource is None else registered_name(note.resource)
                self.record(note.kind, resource=resource, on=note.on, cause=note.cause)
            self.acts.assigned(step.assignments)
        self.change(view, None if everything else names)

    # --- the servers ------------------------------------------------------------------------------------------------

    def _drive(self) -> bool:
        """Ask the lanes of a server that may have something to do; whether there was one."""
        for server in sorted(self.lanes):
            lanes, changed = self.lanes[server], self._unseen[server]
            if changed is not None and not changed and server not in self._to_ask:
                continue
            self._to_ask.discard(server)
            self._round(lanes)
            return True  # the others in the next step
        return False

    def _round(self, lanes: RehearsedLanes) -> None:
        """Until none begins anything; then write what they know."""
        while taken := self._asked(lanes):
            for step in taken:
                self._begun(lanes, step)
        self._report(lanes)

    def _asked(self, lanes: RehearsedLanes) -> tuple[Taken, ...]:
        """What its lanes begin now, by the newest View."""
        changed, self._unseen[lanes.server] = self._unseen[lanes.server], set()
        lanes.see(self.view, changed)
        return lanes.round(self.now, self.now)

    def _begun(self, lanes: RehearsedLanes, taken: Taken) -> None:
        self._lines(lanes, taken, taken.lines)
        match taken.step:
            case Release():
                self._release(lanes, taken.resource)
            case Check():
                self._ended(lanes, taken, 0.0)
            case Start() | Clean() | Climb():
                took_s = self._takes(taken)
                self.at(took_s, lambda: self._ended_later(lanes, taken, took_s))
            case Charge():
                pass

    def _takes(self, taken: Taken) -> float:
        """Seconds; what is only looked at takes none."""
        if taken.resource.kind.only_looked_at:
            return 0.0
        step = taken.step
        action = "start" if isinstance(step, Start) else _RUNGS[step.rung] if isinstance(step, Climb) else "clean"
        return self.expected.takes(action, taken.resource.name)[0]

    def _ended_later(self, lanes: RehearsedLanes, taken: Taken, took_s: float) -> None:
        """Unless its server is gone by then."""
        if self.lanes.get(lanes.server) is lanes:
            self._ended(lanes, taken, took_s)
            self._to_ask.add(lanes.server)

    def _ended(self, lanes: RehearsedLanes, taken: Taken, took_s: float) -> None:
        name = taken.resource.name
        if lanes.in_flight.get(name) is not taken:
            return
        outcome, empty = lanes.succeeds(taken, took_s)
        self._lines(lanes, taken, lanes.ended(taken, outcome, lanes.instant(taken.resource, self.now, self.now, empty=empty)))

    def _lines(self, lanes: RehearsedLanes, taken: Taken, lines: Iterable[HistoryLine]) -> None:
        for line in lines:
            if not taken.resource.kind.only_looked_at:
                self.acts.line(lanes, taken.resource, line)
            self.record(line.kind, resource=taken.resource.name, on=lanes.server, ms=line.ms, cause=line.cause)

    def _report(self, lanes: RehearsedLanes) -> None:
        """Write what its lanes know, if the registry does not."""
        seen = self._looked(lanes)
        reports = lanes.reports(self.view)
        if not reports and not seen:
            return
        changed: dict[ResourceName, Mapping[ServerName, Report] | None] = {
            name: {**self.view.reports.get(name, {}), lanes.server: report} for name, report in reports.items()
        }
        self.write(names={*reports, *seen}, reports=with_changes(self.view.reports, changed), **self._looks(lanes, seen))

    def _looked(self, lanes: RehearsedLanes) -> dict[ResourceName, str]:
        """What was looked at for the first time."""
        known = ((name, lanes.locals[name]) for name in lanes.changed if name in lanes.locals and name in self.view.resources)
        return {
            name: local.uid
            for name, local in known
            if local.state is not None and not self.view.looked(lanes.server, lanes.incarnation, self.view.resources[name])
        }

    def _looks(self, lanes: RehearsedLanes, seen: Mapping[ResourceName, str]) -> dict[str, Any]:
        look = self.view.looks.get(lanes.server)
        if not seen or look is None or look.incarnation != lanes.incarnation:
            return {}  # a server that joins says what it has looked at when it has looked at everything (`rehearsed_servers.py`)
        untold = {name: uid for name, uid in look.untold.items() if name not in seen}
        return {"looks": {**self.view.looks, lanes.server: replace(look, looked={**look.looked, **seen}, untold=untold)}}

    def _release(self, lanes: RehearsedLanes, resource: Resource) -> None:
        """S3, on the conditions of `daemon/reporting.py`."""
        name, view = resource.name, self.view
        instance, local = instance_here(view, name, lanes.incarnation) or name, lanes.locals.get(name)
        assignment = view.assignments.get(instance)
        lanes.released(name)
        if assignment is None or local is None or not local.off or owned_by(assignment, lanes.incarnation) or view.in_doubt(assignment):
            return
        mine = [holder for holder in assignment.holders if holder.incarnation == lanes.incarnation]
        proofs = tuple(Proof(holder=holder, kind="release", epoch=assignment.epoch) for holder in mine)
        left = tuple(holder for holder in assignment.holders if holder not in mine)
        after = replace(assignment, holders=left, proofs=(*assignment.proofs, *proofs)[-8:])
        self.write(names={instance}, assignments=with_changes(view.assignments, {instance: after}))


def _joined(known: set[ResourceName] | None, more: set[ResourceName] | None) -> set[ResourceName] | None:
    return None if known is None or more is None else known | more


def _incarnations(view: View, step: Step) -> Mapping[Incarnation, IncarnationRecord]:
    """The very same where none is another: much is decided anew when they are."""
    if not (step.incarnations or step.forgotten):
        return view.incarnations
    records = {**view.incarnations, **{record.incarnation: record for record in step.incarnations}}
    return {incarnation: record for incarnation, record in records.items() if incarnation not in step.forgotten}


def _reports(view: View, step: Step) -> Mapping[ResourceName, Mapping[ServerName, Report]]:
    left: dict[ResourceName, Mapping[ServerName, Report] | None] = {}
    for name, server in step.reports:
        others = left.get(name) or view.reports.get(name, {})
        left[name] = {other: report for other, report in others.items() if other != server} or None
    return with_changes(view.reports, left)
