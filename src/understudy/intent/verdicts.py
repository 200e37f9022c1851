"""Whether what an operator asked for has come about, resource by resource, by the View alone. Pure.

Called by whoever follows a command (`daemon/verbs/follow.py`), at every change.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from understudy.intent.facts import RUNNING
from understudy.intent.instances import without_server
from understudy.intent.targets import is_aimed, wanted_on
from understudy.model.cardinality import apart
from understudy.model.failures import unavailable
from understudy.model.membership import has_instance
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.resource import DependencyKind
from understudy.model.state import Internal, Life, State, Target
from understudy.model.view import View
from understudy.policy.eligibility import group_standings
from understudy.policy.ground import Ground, survey
from understudy.policy.groups import group_of
from understudy.policy.impact import Fate, Impact


class Verdict(Enum):
    """Where a resource stands in what was asked of it."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


Judge = Callable[[View, ResourceName], Verdict]


def started(view: View, name: ResourceName) -> Verdict:
    """ONLINE under its present assignment; failed when no candidate is left, or a stop went wrong on the way."""
    resource = view.resources.get(name)
    if resource is not None and resource.local:
        return _local_started(view, name, wanted_on(view, name))
    if resource is None or view.target(name) is not Target.ONLINE:
        return Verdict.FAILED
    if unavailable(view, resource):
        return Verdict.FAILED
    assignment = view.assignments.get(name)
    if assignment is None or view.requests_about(name):
        return Verdict.PENDING
    if assignment.owner is None:
        if not assignment.last_resort or _may_come(view, name):
            return Verdict.PENDING
        # no server is left for it, as all that may run it have another instance: as many run as may
        return Verdict.DONE if any(without_server(view, (name,))) else Verdict.FAILED
    report = view.report(name, assignment.owner.server)
    if report is None or report.incarnation != assignment.owner.incarnation:
        return Verdict.FAILED if assignment.last_resort else Verdict.PENDING
    if report.state in RUNNING and report.internal is Internal.STABLE:
        # Under an older epoch it may still be about to be stopped.
        return Verdict.DONE if report.epoch == assignment.epoch else Verdict.PENDING
    stuck = report.state is State.UNKNOWN and report.internal is Internal.STABLE
    return Verdict.FAILED if assignment.last_resort or stuck else Verdict.PENDING


def _may_come(view: View, name: ResourceName) -> bool:
    """Whether what has no server now may have one in a moment: the leader has yet to see that one may run it by now, or what it needs is on
    its way up."""
    wanted = [member for member in group_of(view, name) if view.target(member) is Target.ONLINE]
    ground = _surveyed(view)
    if any(standing.admitted for standing in group_standings(ground, wanted)):
        return True
    needed = {
        other
        for member in wanted
        for dependency in view.resources[member].start
        if dependency.kind is DependencyKind.HARD
        for other in ground.meant(dependency)
        if other in view.resources and other not in wanted and view.target(other) is Target.ONLINE
    }
    return any(started(view, other) is Verdict.PENDING for other in needed)


def _surveyed(view: View) -> Ground:
    """Of one View many are judged, one after the other."""
    if not _last or _last[0].view is not view:
        _last[:] = [survey(view)]
    return _last[0]


_last: list[Ground] = []


@dataclass(frozen=True, slots=True)
class StartedOn:
    """A judge: `started`, of a local resource on one server alone."""

    server: ServerName

    def __call__(self, view: View, name: ResourceName) -> Verdict:
        resource = view.resources.get(name)
        if resource is None or not resource.local:
            return started(view, name)
        return _local_started(view, name, tuple(server for server in wanted_on(view, name) if server == self.server))


def stopped(view: View, name: ResourceName, server: ServerName | None = None) -> Verdict:
    """Nobody holds it and nobody reports it; failed when it is UNKNOWN somewhere or wanted again. Of a local resource: on that server, or
    wherever it is not wanted."""
    if name not in view.resources:
        return Verdict.DONE
    places, wanted = _to_be_stopped(view, name, server)
    if wanted:
        return Verdict.FAILED
    reports = [report for place in places if (report := view.report(name, place))]
    if any(report.state is State.UNKNOWN and report.internal is Internal.STABLE for report in reports):
        return Verdict.FAILED
    assignment = view.assignments.get(name)
    held = assignment is not None and bool(assignment.holders)
    quiet = all(report.state is State.OFFLINE and report.internal is Internal.STABLE for report in reports)
    return Verdict.DONE if quiet and not held else Verdict.PENDING


def _to_be_stopped(view: View, name: ResourceName, server: ServerName | None) -> tuple[tuple[ServerName, ...], bool]:
    """The servers on which a stop is about it, and whether it is wanted there (again)."""
    reported = tuple(view.reports.get(name, {}))
    if not view.resources[name].local:
        return reported, view.target(name) is Target.ONLINE
    if server is not None:
        return (server,), view.target_on(name, server) is Target.ONLINE
    return tuple(place for place in reported if view.target_on(name, place) is not Target.ONLINE), is_aimed(view, name, Target.ONLINE)


def stuck(view: View, name: ResourceName, server: ServerName) -> bool:
    """Whether it is UNKNOWN there: nothing more is tried until somebody clears the way, or a pause is over."""
    report = view.report(name, server)
    return report is not None and report.state is State.UNKNOWN


@dataclass(frozen=True, slots=True)
class Stopped:
    """A judge: `stopped`, but an instance that was UNKNOWN before has time to be found down."""

    unknown: frozenset[ResourceName]
    server: ServerName | None = None
    """Of local resources only the instance there."""

    @classmethod
    def since(cls, before: View, server: ServerName | None = None) -> "Stopped":
        """To judge what was stopped from this View on."""
        before = apart(before)
        unknown = {name for name, reports in before.reports.items() if any(report.state is State.UNKNOWN for report in reports.values())}
        return cls(frozenset(unknown), server)

    def __call__(self, view: View, name: ResourceName) -> Verdict:
        verdict = stopped(view, name, self.server)
        return Verdict.PENDING if verdict is Verdict.FAILED and name in self.unknown else verdict


@dataclass(frozen=True, slots=True)
class Emptied:
    """A judge of a stop on one server: `stopped` of what stops there; of what it displaces, that it has left and is up where it may be."""

    stops: Stopped
    displaced: tuple[ResourceName, ...]
    server: ServerName

    def __call__(self, view: View, name: ResourceName) -> Verdict:
        if name not in self.displaced:
            return self.stops(view, name)
        if name not in view.resources or view.target(name) is not Target.ONLINE:
            return Verdict.DONE
        left = view.report(name, self.server)
        gone = left is None or (left.state is State.OFFLINE and left.internal is Internal.STABLE)
        if not gone:
            return Verdict.FAILED if stuck(view, name, self.server) else Verdict.PENDING
        if view.resources[name].local or started(view, name) is not Verdict.PENDING:
            return Verdict.DONE
        wanted = [member for member in group_of(view, name) if view.target(member) is Target.ONLINE]
        may = any(standing.admitted for standing in group_standings(_surveyed(view), wanted))
        return Verdict.PENDING if may else Verdict.DONE


@dataclass(frozen=True, slots=True)
class Moved:
    """A judge: ONLINE on another incarnation than before."""

    before: Mapping[ResourceName, Incarnation]

    def __call__(self, view: View, name: ResourceName) -> Verdict:
        verdict = started(view, name)
        assignment = view.assignments.get(name)
        if verdict is not Verdict.DONE or assignment is None or assignment.owner is None:
            return verdict
        return Verdict.FAILED if assignment.owner.incarnation == self.before.get(name) else Verdict.DONE


def _local_started(view: View, name: ResourceName, places: Sequence[ServerName]) -> Verdict:
    """On these servers, as far as they are there."""
    if not places:
        return Verdict.FAILED  # it is wanted nowhere (any more)
    verdicts = []
    for server, record in view.workers().items():
        if record.life is not Life.ONLINE or server not in places or not has_instance(view, view.resources[name], server):
            continue
        report = view.report(name, server)
        if report is not None and report.state in RUNNING and report.internal is Internal.STABLE:
            verdicts.append(Verdict.DONE)
        elif (report is not None and report.failure is not None) or unavailable(view, view.resources[name], server):
            verdicts.append(Verdict.FAILED)
        else:
            verdicts.append(Verdict.PENDING)
    for worst in (Verdict.PENDING, Verdict.FAILED):
        if worst in verdicts:
            return worst
    return Verdict.DONE


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """A judge: everything that was announced for a resource has happened."""

    impacts: Sequence[Impact]
    before: View

    def __call__(self, view: View, name: ResourceName) -> Verdict:
        verdicts = {self._of(view, effect) for effect in self.impacts if effect.resource == name}
        return next(verdict for verdict in (Verdict.PENDING, Verdict.FAILED, Verdict.DONE) if verdict in verdicts)

    def _of(self, view: View, effect: Impact) -> Verdict:
        said = view.report(effect.resource, effect.server)
        idle = said is None or (said.state is State.OFFLINE and said.internal is Internal.STABLE)
        if effect.fate is Fate.STOPS:
            assignment = view.assignments.get(effect.resource)
            held = assignment is not None and any(holder.server == effect.server for holder in assignment.holders)
            stuck = said is not None and said.state is State.UNKNOWN and said.internal is Internal.STABLE
            # what only waits for what it stands on keeps its place
            return Verdict.FAILED if stuck else Verdict.DONE if idle and (effect.by is not None or not held) else Verdict.PENDING
        verdict = started(view, effect.resource)
        if verdict is not Verdict.DONE or effect.fate is Fate.MOVES:
            assignment = view.assignments.get(effect.resource)
            away = assignment is not None and assignment.owner is not None and assignment.owner.server != effect.server
            return verdict if verdict is not Verdict.DONE or away else Verdict.PENDING
        earlier = apart(self.before).report(effect.resource, effect.server)
        again = said is not None and (earlier is None or said.starts > earlier.starts) and said.state in RUNNING
        return Verdict.DONE if again else Verdict.PENDING
