"""What may be decided after the registry went back: only what is known again (S3; docs/design/0005-registry-set-back.md).

A copy says who held what when it was made. Until an assignment is confirmed in the present era nobody acts on it. It is confirmed where
the resource is found running; and where it runs nowhere, once every incarnation that could be running it has said that it does not, or is
proved gone. Pure.
"""

from dataclasses import replace

from understudy.model.cardinality import unattributed, whole_resources
from understudy.model.names import ResourceName, registered_name
from understudy.model.reasons import Reason, Why
from understudy.model.resource import Resource
from understudy.model.state import ALIVE, PROVEN, Internal, Life, State, Target
from understudy.model.view import Assignment, Holder, IncarnationRecord, Report, TargetRecord, View
from understudy.policy.epochs import next_epoch
from understudy.policy.plan import Memory

UNREPORTED_S = 30.0
"""So long may who has not reported what it runs delay what runs nowhere; then the leader evicts it."""
FOUND_RUNNING = "it was found running after the registry had been set back"


def has_reported(view: View, record: IncarnationRecord) -> bool:
    """Whether this incarnation has reported, in this era, what it runs."""
    return view.has_reported(record)


def unreported(view: View, name: ResourceName) -> tuple[IncarnationRecord, ...]:
    """Incarnations that could be running a resource for all that is known in this era."""
    records = (incarnation for incarnation in view.incarnations.values() if incarnation.life not in PROVEN)
    return tuple(record for record in records if not _has_looked(view, record, view.resources[name]))


def _has_looked(view: View, record: IncarnationRecord, resource: Resource) -> bool:
    """Whether it has looked at the resource in this era; or could not tell, but has never started it."""
    if view.looked(record.server, record.incarnation, resource):
        return True
    ended = has_reported(view, record) and view.could_not_tell(record.server, record.incarnation, resource)
    return ended and resource.registered not in view.looks[record.server].epochs


def running(view: View, name: ResourceName) -> tuple[Report, ...]:
    """The reports in this era that it runs, or may be about to; also those that cannot tell, of a server that has started it.
    Who cannot tell and has never started it becomes a holder (`recovery.found_running`), and nothing is given to it for that (S6)."""
    found = []
    for server, report in sorted(view.reports.get(name, {}).items()):
        record = view.incarnations.get(report.incarnation)
        if record is None or record.life in PROVEN or record.server != server or not has_reported(view, record):
            continue
        if report.state is State.UNKNOWN and registered_name(name) not in view.looks[server].epochs:
            continue
        if report.state is not State.OFFLINE or report.internal is not Internal.STABLE:
            found.append(report)
    return tuple(found)


def _running_unassigned(view: View, name: ResourceName) -> tuple[Report, ...]:
    """Of what the copy gives to nobody: the reports that it runs, or may be about to, by servers to which this cluster gave it later."""
    if not view.recovering or name in view.assignments:
        return ()
    return tuple(report for report in running(view, name) if registered_name(name) in view.looks[report.server].epochs)


def must_wait(view: View, name: ResourceName) -> bool:
    """Whether nothing may be decided about a resource yet: somebody could be running it who has not reported, or is not ONLINE yet."""
    assignment = view.assignments.get(name)
    if not view.recovering or (assignment is not None and assignment.era == view.era):
        return False
    found = running(view, name)
    if found:
        return any(view.life(report.incarnation) is not Life.ONLINE or report.incarnation in view.unable for report in found)
    return bool(unreported(view, name)) or _may_be_another(view, name)


def _may_be_another(view: View, name: ResourceName) -> bool:
    """Of an instance that is found nowhere: whether something of its resource runs that does not belong where it runs. That may be it."""
    siblings = view.resources[name].siblings
    for sibling in siblings:
        assignment = view.assignments.get(sibling)
        settled = assignment is not None and assignment.era == view.era
        owner = assignment.owner.incarnation if settled and assignment is not None and assignment.owner is not None else None
        if any(report.incarnation != owner for report in running(view, sibling)):
            return True
    return bool(siblings) and unattributed(view, name)


def confirmed(view: View, assignment: Assignment, floor: int) -> Assignment:
    """The assignment of this era: to where it is found running, or being started, else as the copy says; under an epoch above `floor`,
    which is the highest that a guard remembers."""
    name = assignment.resource
    found = running(view, name) if assignment.era != view.era else _running_unassigned(view, name)
    if assignment.era == view.era and not found:
        return assignment if floor <= assignment.epoch else _under(assignment, next_epoch(view, assignment, floor))
    fresh = replace(assignment, era=view.era)
    if found and (fresh.owner is None or all(report.incarnation != fresh.owner.incarnation for report in found)):
        here = Holder(server=found[0].server, incarnation=found[0].incarnation, epoch=fresh.epoch)
        others = tuple(holder for holder in fresh.holders if holder.incarnation != here.incarnation)
        reason = Reason(Why.FOUND_RUNNING, (here.server,))
        fresh = replace(fresh, owner=here, holders=(*others, here), last_resort=False, tried=(), reason=reason)
    return _under(fresh, next_epoch(view, fresh, floor))


def wanted_again(view: View) -> dict[ResourceName, TargetRecord]:
    """TARGETs that the copy does not know: what the cluster started and runs was wanted. What was started by hand is left alone, and so is
    what an operator has said since."""
    if not view.recovering:
        return {}
    found: dict[ResourceName, TargetRecord] = {}
    for name in sorted(view.resources):
        assignment, said = view.assignments.get(name), view.targets.get(name)
        if view.target(name) is Target.ONLINE or view.resources[name].local or (assignment is not None and assignment.era == view.era):
            continue
        if said is not None and said.era == view.era:
            continue
        if any(registered_name(name) in view.looks[report.server].epochs for report in running(view, name)):
            found[name] = TargetRecord(target=Target.ONLINE, by=FOUND_RUNNING, era=view.era)
    return whole_resources(view, found)


def recovered(view: View) -> bool:
    """Whether it is known again what runs where, also of what may be registered again later: every incarnation that is not proved gone has
    come back, and can look at it."""
    if held_up_by(view):
        return False
    if any(assignment.era != view.era for name, assignment in view.assignments.items() if name in view.resources):
        return False
    moving = [resource for resource in view.resources.values() if not resource.local]
    return not any(unreported(view, resource.name) for resource in moving)


def held_up_by(view: View) -> tuple[IncarnationRecord, ...]:
    """Incarnations that could be running what is registered, or what will be, for all that is known: without a report in this era, not
    back, or unable to act."""
    records = (incarnation for incarnation in view.incarnations.values() if incarnation.life not in PROVEN)
    return tuple(record for record in records if not (has_reported(view, record) and _can_report(view, record)))


def _can_report(view: View, record: IncarnationRecord) -> bool:
    return record.life in (Life.ONLINE, Life.LEAVING) and record.incarnation not in view.unable


def remembered(view: View) -> dict[ResourceName, int]:
    """The highest epoch that any guard has reported, of the resources of which one remembers more than the registry says."""
    found: dict[ResourceName, int] = {}
    for look in view.looks.values():
        for name, epoch in look.epochs.items():
            found[name] = max(epoch, found.get(name, 0))
    return found


def overdue(view: View, now: float, memory: Memory) -> tuple[tuple[IncarnationRecord, ...], float | None]:
    """Who holds up the recovery for too long, and when somebody may: who is alive for all that is known, has not reported what it runs (or
    has come back, and cannot act), and so delays something that is wanted and runs nowhere; and who has reported that it runs something,
    and has not been able to act since."""
    if not view.recovering or memory.recovering_since is None:
        return (), None
    since: dict[IncarnationRecord, float] = {}
    waiting = [name for name in _wanted(view) if must_wait(view, name) and not running(view, name)]
    for record in (each for name in waiting for each in unreported(view, name) if each.life in ALIVE):
        if not has_reported(view, record):
            since[record] = memory.recovering_since
        elif (said := view.unable.get(record.incarnation)) is not None:
            since[record] = max(said.since, memory.reported_since.get(record.incarnation, now))
    for resource in (report for name in view.resources if must_wait(view, name) for report in running(view, name)):
        record = view.incarnations[resource.incarnation]
        if record.life in ALIVE and resource.incarnation in view.unable:
            since[record] = memory.reported_since.get(resource.incarnation, now)
    late = tuple(record for record, at in since.items() if now >= at + UNREPORTED_S)
    return late, min((at + UNREPORTED_S for at in since.values() if now < at + UNREPORTED_S), default=None)


def _wanted(view: View) -> list[ResourceName]:
    return [
        name for name, resource in view.resources.items() if not resource.local and resource.enabled and view.target(name) is Target.ONLINE
    ]


def _under(assignment: Assignment, epoch: int) -> Assignment:
    """The same, under another epoch."""
    if assignment.owner is None:
        return replace(assignment, epoch=epoch)
    owner = replace(assignment.owner, epoch=epoch)
    holders = tuple(owner if holder.incarnation == owner.incarnation else holder for holder in assignment.holders)
    return replace(assignment, epoch=epoch, owner=owner, holders=holders)
