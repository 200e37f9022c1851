"""The lanes of one server in a rehearsal: the driver that a server has, begun from what its lanes have reported, and actions that succeed.

Called by `policy/rehearsal.py`. No rule of its own: what comes next is asked of the driver. Here stands only what is assumed: what was
under way comes to its end, what is begun succeeds, what could not be stopped is not assumed to stop now. Pure.
"""

import math
from dataclasses import replace

from understudy.kinds.observed import Observed
from understudy.lane.driver import Driver, Taken, owned_by
from understudy.lane.local import Local
from understudy.lane.order import LaneOrder
from understudy.lane.phases import Cleaning, Climbing, Down, Phase, Starting, Stuck, Unseen, Up
from understudy.lane.report import report_of
from understudy.lane.seen import phase_of
from understudy.lane.steps import Wait, WaitsFor
from understudy.model.actions import ActionOutcome
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.resource import Resource
from understudy.model.state import Internal, State
from understudy.model.view import Report, View

_PAUSES = (WaitsFor.RETRY_LATER,)
"""Waits whose end is a matter of time alone. That of a regular check is none: nothing is assumed to fail by itself."""


class RehearsedLanes(Driver):
    """The lanes of one server."""

    def __init__(self, server: ServerName, incarnation: Incarnation, order: LaneOrder) -> None:
        """`order` is that of all servers of the rehearsal that do not leave: it depends on what is registered alone."""
        super().__init__(server, incarnation)
        self._lane_order = order
        self.failing: set[ResourceName] = set()
        """Whose next check says that it does not run."""

    def leave(self) -> None:
        """See Driver."""
        self._lane_order = LaneOrder()  # on a server that leaves others stop first
        super().leave()

    @property
    def leaves(self) -> bool:
        """Whether it was asked to."""
        return self._leaving

    def up(self, name: ResourceName) -> bool:
        """Whether it runs here."""
        local = self.locals.get(name)
        return local is not None and local.state in (State.ONLINE, State.INTERMEDIATE)

    def paused_until(self, now: float) -> float | None:
        """When a lane goes on that only lets time pass; None: none does."""
        waits = (step.until for step in self.steps.values() if isinstance(step, Wait) and step.why in _PAUSES)
        return min((until for until in waits if until is not None and now < until < math.inf), default=None)

    def reports(self, view: View) -> dict[ResourceName, Report]:
        """What its lanes would write since this was asked last, of what the registry does not say."""
        found: dict[ResourceName, Report] = {}
        for name in self.take_changed():
            local, before = self.locals.get(name), view.reports.get(name, {}).get(self.server)
            if local is None or local.state is None or (before is None and _at_rest(local)):
                continue
            report = report_of(local, self.server, self.incarnation)
            known = before is not None and before.incarnation == self.incarnation
            quiet = report.state is State.OFFLINE and report.internal is Internal.STABLE and report.failure is None
            if report != before and (known or before is not None or not quiet):
                found[name] = report
        return found

    def succeeds(self, taken: Taken, took_s: float) -> tuple[ActionOutcome, bool]:
        """What comes of an action, and whether nothing of the resource lives after it."""
        name = taken.resource.name
        local = self.locals[name]
        if local.action != "check":
            starts = local.action == "start"
            return ActionOutcome(observed=Observed.DONE, duration_s=took_s, housed=starts or None), not starts
        if name in self.failing:
            self.failing.discard(name)
            return ActionOutcome(observed=Observed.OFFLINE, output=("it is assumed to fail",)), True
        there = isinstance(local.phase, Unseen) and taken.resource.kind.only_looked_at  # a network is there before anybody looks
        seen = Observed.ONLINE if there else _seen(local.phase)
        return ActionOutcome(observed=seen, housed=None if seen is Observed.OFFLINE else True), seen is Observed.OFFLINE

    def _first(self, resource: Resource) -> Local:
        """As its lane has reported it; what is under way comes to its end. Of what was not looked at yet the first look is to come."""
        local = super()._first(resource)
        report = self.view.report(resource.name, self.server)
        if report is None or report.incarnation != self.incarnation:
            looked = self.view.looked(self.server, self.incarnation, resource)
            return replace(local, phase=Down(), check_due=math.inf) if looked else local
        failed, assignment = report.failure is not None, self.view.assignments.get(resource.name)
        mine = assignment is not None and owned_by(assignment, self.incarnation)
        return replace(
            local,
            phase=_ended(_phase(report)),
            budget=replace(local.budget, retry_at=math.inf) if failed else local.budget,  # for how long still, its lane alone knows
            details=report.details,
            empty=report.state is State.OFFLINE,
            check_due=math.inf,
            start_epoch=assignment.epoch if mine and assignment is not None else report.epoch,
        )


def _at_rest(local: Local) -> bool:
    """Nothing of it was ever here: no report says so."""
    return isinstance(local.phase, Down) and local.action is None and local.budget.failure is None


def _phase(report: Report) -> Phase:
    phase = phase_of(report.state, report.internal)
    return replace(phase, proven=report.proven, guarded=report.guarded) if isinstance(phase, Up) else phase


def _ended(phase: Phase) -> Phase:
    """What is under way is done; a check will say so."""
    match phase:
        case Starting() | Climbing():
            return replace(phase, confirming=True)
        case Cleaning():
            return replace(phase.down, dirty=True)
        case _:
            return phase


def _seen(phase: Phase) -> Observed:
    """What a check says, when all goes well."""
    match phase:
        case Up(state=State.INTERMEDIATE):
            return Observed.PARTIAL
        case Up() | Starting() | Stuck():
            return Observed.ONLINE
        case Unseen() | Down() | Climbing() | Cleaning():
            return Observed.OFFLINE
