"""`dispersion:active`: dispersion is applied again when servers have joined. Pure; asked by `placement.py`.

Which servers there were when it was applied last is kept with the assignment: so the next leader knows it too, and what starts beside a
resource later moves nothing.
"""

from dataclasses import replace

from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.reasons import Why
from understudy.model.resource import DependencyKind
from understudy.model.state import Life
from understudy.model.view import Assignment
from understudy.policy.case import Case
from understudy.policy.eligibility import Standing, dispersion
from understudy.policy.ground import Ground
from understudy.policy.recovery import candidates_left

_PASSING = (
    Why.NOT_LOOKED, Why.COULD_NOT_TELL, Why.RIVAL_NOT_LOOKED, Why.NETWORK_DOWN, Why.NETWORK_STOPPED, Why.TYPE_MISSING,
    Why.INSTANCE_MISSING, Why.CANNOT_ACT,
)  # fmt: skip
"""What refuses a server that has just joined for a moment only: it counts as joined until it is over."""
_BEFORE_DISPERSION = 4
"""So many figures of a rank come before dispersion: only among servers that these call equal does it choose."""


def is_due(ground: Ground, assignment: Assignment) -> bool:
    """Whether servers have joined since dispersion was applied, or it is not known."""
    return _is_active(ground, assignment.resource) and not _online(ground) <= set(assignment.spread)


def apart_from(case: Case, home: ServerName) -> Standing | None:
    """Where a group goes for it: to a server that is as good, with fewer of those that it keeps apart from."""
    if not any(is_due(case.ground, case.held[name]) and case.held[name].spread for name in case.wanted):
        return None
    here = _crowd(case, home)
    least = case.admitted[home].rank[:_BEFORE_DISPERSION]
    better = [
        standing
        for standing in candidates_left(case, besides=home)
        if standing.rank[:_BEFORE_DISPERSION] <= least and _crowd(case, standing.server) < here
    ]
    return min(better, key=lambda standing: (_crowd(case, standing.server), standing.rank, standing.server), default=None)


def applied(case: Case, assignment: Assignment) -> Assignment:
    """The assignment with the servers that were gone through."""
    if assignment.owner is None or not is_due(case.ground, assignment):
        return assignment
    ruled_on = {standing.incarnation for standing in case.standings if standing.admitted or standing.reason.root.why not in _PASSING}
    known = _online(case.ground) & {incarnation for incarnation in ruled_on if incarnation is not None}
    return assignment if known <= set(assignment.spread) else replace(assignment, spread=tuple(sorted(known)))


def _is_active(ground: Ground, name: ResourceName) -> bool:
    start = ground.view.resources[name].start
    return any(dependency.kind is DependencyKind.DISPERSION and "active" in dependency.modifiers for dependency in start)


def _crowd(case: Case, server: ServerName) -> int:
    ground = case.ground
    return sum(dispersion(ground, ground.view.resources[name], server) for name in case.wanted if _is_active(ground, name))


def _online(ground: Ground) -> set[Incarnation]:
    return {record.incarnation for record in ground.present.values() if record.life is Life.ONLINE}
