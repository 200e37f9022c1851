"""What a failure means for place: which candidates are left, what was found, and when a failure is forgiven."""

from dataclasses import replace

from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.reasons import Reason, Why
from understudy.model.state import PROVEN, State
from understudy.model.view import Assignment, Holder, Report
from understudy.policy.case import Case, evicted_from
from understudy.policy.eligibility import Standing
from understudy.policy.ground import Ground
from understudy.policy.liveness import is_gone


def failed_here(case: Case) -> ResourceName | None:
    """The first member whose lane has given up at home under the present assignment."""
    if case.home is None:
        return None
    for name in case.wanted:
        owner, report = case.held[name].owner, case.ground.view.report(name, case.home)
        if owner is None or owner.server != case.home or report is None or report.failure is None:
            continue
        if report.failure.epoch == case.held[name].epoch and report.incarnation == owner.incarnation:
            return name
    return None


def asked_for_on(case: Case, name: ResourceName) -> tuple[ServerName, ...]:
    """Where alone an operator wanted the start that has failed; empty: anywhere. What has been up since then is moved as always."""
    report = None if case.home is None else case.ground.view.report(name, case.home)
    never_up = report is not None and report.failure is not None and report.failure.kind == "start"
    return case.held[name].within if never_up else ()


def candidates_left(case: Case, *, besides: ServerName | None) -> list[Standing]:
    """Admitted servers on which no member has failed since it last proved itself, best first.

    A server from which the group was evicted is no candidate while another is left: it may have joined anew in the meantime.
    """
    tried: set[Incarnation] = {incarnation for name in case.wanted for incarnation in case.held[name].tried}
    left = [standing for standing in case.admitted.values() if standing.incarnation not in tried and standing.server != besides]
    evicted = evicted_from(case.ground, case.wanted, case.held)
    return [standing for standing in left if standing.server not in evicted] or left


def must_wait_for_proof(case: Case) -> bool:
    """An owner is evicted or lost but not yet proved gone, or has said that it could not end it and was only silent since: S3 lets nobody
    start it, so nothing is promised to anybody yet."""
    view = case.ground.view
    owners = [(name, owner) for name in case.wanted if (owner := case.held[name].owner) is not None]
    return any(not view.alive(holder.incarnation) and not is_gone(view, name, holder) for name, holder in owners)


def found_running(ground: Ground, name: ResourceName, assignment: Assignment) -> Assignment:
    """The assignment with every incarnation as a holder that reports the resource running without being one (S6).

    A resource that was never asked to start or stop is left alone: it may be in use, and its first `start` adopts it.
    """
    if name not in ground.view.targets:
        return assignment
    holders = {holder.incarnation for holder in assignment.holders}
    found = []
    for server in sorted(ground.view.reports.get(name, {})):
        report = ground.view.reports[name][server]
        # also of a server that is lost by now: only proof says that it runs nothing
        gone = ground.view.life(report.incarnation) in (None, *PROVEN)
        if gone or report.state is State.OFFLINE or report.incarnation in holders:
            continue
        found.append(Holder(server=server, incarnation=report.incarnation, epoch=assignment.epoch))
    if not found:
        return assignment
    reason = assignment.reason or Reason(Why.FOUND_RUNNING, (found[0].server,))
    return replace(assignment, holders=(*assignment.holders, *found), reason=reason)


def forgiven(report: Report | None, assignment: Assignment) -> bool:
    """Up for UPTIME_THRESHOLD under this assignment: what failed elsewhere may be tried again."""
    return (
        report is not None
        and report.proven
        and report.state is State.ONLINE
        and assignment.owner is not None
        and report.incarnation == assignment.owner.incarnation
        and report.epoch == assignment.epoch
    )
