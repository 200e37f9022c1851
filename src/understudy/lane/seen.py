"""A server's lanes as every other server sees them: what each would answer next, asked of the lane's own rules over what it has reported.

Called by `policy/waits.py`, so that what a command or `explain` says of a wait is what the lane waits for. Pure. What a lane alone knows
(pauses, how often it has tried) is not reported: such a wait is described by its cause, without its end.
"""

import math
from collections.abc import Iterator, Mapping

from understudy.lane.local import Budget, Local
from understudy.lane.neighbours import DependentsByName, Here
from understudy.lane.phases import Cleaning, Climbing, Down, Phase, Rung, Starting, Stuck, Unseen, Up
from understudy.lane.reconcile import reconcile
from understudy.lane.steps import LaneStep, Wait, WaitsFor
from understudy.model.actions import ActionName
from understudy.model.cardinality import seen_from
from understudy.model.names import Incarnation, ResourceName, ServerName, registered_name
from understudy.model.resource import Resource
from understudy.model.state import Internal, Life, State
from understudy.model.view import View

_UNDER_WAY: Mapping[Internal, ActionName] = {Internal.STARTING: "start", Internal.STOPPING: "stop", Internal.CLEANING: "clean"}


class Seen:
    """All lanes of a View. What a server's lanes go by is made when it is first asked for, and kept: the View does not change."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.dependents = DependentsByName(view.resources)
        self._here: dict[ServerName, Here | None] = {}

    def here(self, server: ServerName) -> Here | None:
        """What the server's lanes go by; None: it has no living incarnation."""
        if server not in self._here:
            record = self.view.present().get(server)
            living = record is not None and self.view.alive(record.incarnation)
            self._here[server] = _here(self, server, record.incarnation, record.life) if record is not None and living else None
        return self._here[server]

    def step(self, name: ResourceName, server: ServerName) -> LaneStep:
        """What the lane of the resource on this server answers, as far as it has reported what it knows."""
        here = self.here(server)
        if here is None:
            return Wait(WaitsFor.NOT_LIVING)
        name = registered_name(name)
        return reconcile(here, here.view.resources[name].on(server), here.locals[name])


def seen(view: View) -> Seen:
    """Nothing is worked out before it is asked for."""
    return Seen(view)


class _Locals(Mapping[ResourceName, Local]):
    """A lane's memory as its report tells it, made when it is asked for."""

    def __init__(self, view: View, server: ServerName, incarnation: Incarnation) -> None:
        self._view, self._server, self._incarnation = view, server, incarnation
        self._known: dict[ResourceName, Local] = {}

    def __getitem__(self, name: ResourceName) -> Local:
        if name not in self._known:
            self._known[name] = _local(self._view, self._server, self._incarnation, self._view.resources[name])
        return self._known[name]

    def __iter__(self) -> Iterator[ResourceName]:
        return iter(self._view.resources)

    def __len__(self) -> int:
        return len(self._view.resources)


def _here(of: Seen, server: ServerName, incarnation: Incarnation, life: Life) -> Here:
    view = seen_from(of.view, incarnation)
    return Here(
        view=view,
        server=server,
        incarnation=incarnation,
        locals=_Locals(view, server, incarnation),
        now=0.0,
        dependents=of.dependents,
        leaving=life is Life.LEAVING,
    )


def _local(view: View, server: ServerName, incarnation: Incarnation, resource: Resource) -> Local:
    report = view.report(resource.name, server)
    if report is None or report.incarnation != incarnation:
        phase = Down() if view.looked(server, incarnation, resource) else Unseen()
        return Local(resource=resource.name, uid=resource.uid, phase=phase, check_due=math.inf)
    budget = Budget(failure=report.failure, retry_at=math.inf if report.failure is not None else 0.0)
    return Local(
        resource=resource.name,
        uid=resource.uid,
        phase=phase_of(report.state, report.internal),
        budget=budget,
        details=report.details,
        action=_UNDER_WAY.get(report.internal),
        check_due=math.inf,
        epoch=report.epoch,
    )


def phase_of(state: State, internal: Internal) -> Phase:
    """The phase of a lane that reports this."""
    rests = Stuck() if state is State.UNKNOWN else Down() if state is State.OFFLINE else Up(state=state)
    match internal:
        case Internal.STOPPING:
            return Climbing(rung=Rung.STOP, before=rests, since=0.0, stopping=True)
        case Internal.STARTING:
            return Starting(since=0.0)
        case Internal.CLEANING if isinstance(rests, Down):
            return Cleaning(down=rests, since=0.0)
        case Internal.CLEANING:
            return Climbing(rung=Rung.CLEAN, before=rests, since=0.0, stopping=True)
        case _:
            return rests
