"""Where one group belongs: keep, place, move or take back; all its assignments in one step.

Called by decide for each group. The order of the questions in `_choose` and `_by_rule` is the policy: a request first, then
staying (nothing moves without need), then moving.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from understudy.model.events import ASSIGNED, REFUSED
from understudy.model.names import Incarnation, ResourceName, ServerName, registered_name
from understudy.model.reasons import Reason, Why, code_of
from understudy.model.state import Life, State, Target
from understudy.model.view import Assignment, Holder, Report, Request
from understudy.policy.case import Case, case_of
from understudy.policy.eligibility import Standing, joint_standing, missing_looks
from understudy.policy.epochs import next_epoch
from understudy.policy.eras import confirmed, must_wait
from understudy.policy.failover import delay_of, kept_by, tied, without_fresh
from understudy.policy.ground import Ground, is_wanted
from understudy.policy.liveness import without_proven
from understudy.policy.plan import Note, Step
from understudy.policy.recovery import asked_for_on, candidates_left, failed_here, forgiven, found_running, must_wait_for_proof
from understudy.policy.spread import apart_from, applied, is_due


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Where the group shall be (None: nowhere), and why."""

    server: ServerName | None
    incarnation: Incarnation | None
    reason: Reason
    clears_tried: bool = False
    last_resort: bool = False
    keep: bool = False
    """Leave owners as they are."""
    within: tuple[ServerName, ...] = ()
    """Where the start that follows from it is tried; empty: anywhere."""


def settle_group(ground: Ground, members: Sequence[ResourceName]) -> Step:
    """Everything that has to change for this group now; an empty Step if nothing."""
    held = {name: _held_now(ground, name) for name in members}
    waiting = {name for name in members if _wanted(ground, name) and _waits_for_looks(ground, held[name])}
    waiting |= {name for name in members if must_wait(ground.view, name)}
    wanted = [name for name in members if _wanted(ground, name) and name not in waiting]
    asked = [request for name in members for request in ground.to_settle(name)]
    requests = [request for request in asked if not waiting & set(request.resources)]
    after = dict(held)
    notes: list[Note]
    if wanted:
        case, choice, notes = None, _at_rest(ground, wanted, held, requests), []
        if choice is None:
            case = case_of(ground, wanted, held)
            choice, notes, requests = _choose(case, requests)
        for name in wanted:
            assigned = _assigned(ground, held[name], choice)
            after[name] = assigned if case is None else applied(case, assigned)
    else:
        notes = [_refusal(request, request.server, _why_not_wanted(ground, members[0])) for request in requests]
    for name in members:
        if name in waiting:
            after[name] = _registered(ground, name)
        elif name not in wanted:
            after[name] = _not_wanted(ground, held[name])
    changed = tuple(after[name] for name in members if after[name] != _registered(ground, name))
    blocked = tuple(
        Note(kind=ASSIGNED, resource=assignment.resource, on=assignment.owner.server, cause=code_of(assignment.reason))
        for assignment in changed
        if assignment.owner is not None and assignment.owner != held[assignment.resource].owner
    )
    return Step(group=True, assignments=changed, fulfilled=tuple(request.id for request in requests), notes=(*notes, *blocked))


def _held_now(ground: Ground, name: ResourceName) -> Assignment:
    """Its assignment less the holders that are proved gone, plus those found running, and with what was forgiven meanwhile; confirmed, if
    it is a copy's, and above every epoch that a guard remembers."""
    before = without_proven(ground.view, _registered(ground, name))
    now = found_running(ground, name, confirmed(ground.view, before, ground.remembered.get(registered_name(name), 0)))
    return replace(now, tried=()) if now.tried and forgiven(_own_report(ground, now), now) else now


def _wanted(ground: Ground, name: ResourceName) -> bool:
    return is_wanted(ground.view, name)


def _waits_for_looks(ground: Ground, now: Assignment) -> bool:
    """S6: a resource without an owner is checked on every joined server first (a newly defined one could be running anywhere by hand);
    until then it waits, without holding up its group."""
    return now.owner is None and bool(missing_looks(ground, ground.view.resources[now.resource], never_placed=now.epoch == 0))


def _none(name: ResourceName) -> Assignment:
    return Assignment(resource=name, epoch=0)


def _registered(ground: Ground, name: ResourceName) -> Assignment:
    return ground.view.assignments.get(name) or replace(_none(name), era=ground.view.era)


def _at_rest(
    ground: Ground, wanted: Sequence[ResourceName], held: Mapping[ResourceName, Assignment], requests: Sequence[Request]
) -> Choice | None:
    """A short cut to what `_choose` would say of a group that is together where it may be, has not failed and is not asked for elsewhere:
    nearly all groups, nearly always, and only one server has to be looked at."""
    owner = held[wanted[0]].owner
    if requests or owner is None or ground.incarnation(owner.server) != owner.incarnation:
        return None
    for name in wanted:
        also = held[name].owner
        together = also is not None and also.incarnation == owner.incarnation
        if not together or ground.view.resources[name].active_placement or _failure(ground, held[name]) or is_due(ground, held[name]):
            return None
    here = joint_standing(ground, wanted, owner.server)
    return _at(here, Reason(Why.STAYS)) if here.admitted else None


# --- the choice -----------------------------------------------------------------------------------------------------


def _choose(case: Case, requests: Sequence[Request]) -> tuple[Choice, list[Note], list[Request]]:
    """The choice, the refusals, and the requests with the one that decides before the others (`bounded.py` rests on that)."""
    notes: list[Note] = []
    for request in requests:
        choice, refusal = _as_requested(case, request)
        if choice is not None:
            return choice, notes, [request, *(other for other in requests if other is not request)]
        if refusal is not None:
            notes.append(refusal)
    return _by_rule(case), notes, list(requests)


def _as_requested(case: Case, request: Request) -> tuple[Choice | None, Note | None]:
    """The request's choice; or, where it cannot be, a note that says so. Any request forgives earlier failures."""
    reason = Reason(Why.REQUESTED, (request.by,) if request.by else ())
    if request.server is not None:
        if request.server in case.admitted:
            return replace(_at(case.admitted[request.server], reason, clears_tried=True), within=request.within), None
        refused = next((standing for standing in case.standings if standing.server == request.server), None)
        return None, _refusal(request, request.server, Reason(Why.NEVER_SEEN) if refused is None else refused.reason)
    if request.verb == "relocate":
        others = [standing for standing in case.admitted.values() if standing.server != case.home]
        if not others:
            return None, _refusal(request, None, Reason(Why.NO_CANDIDATE))
        return _at(others[0], reason, clears_tried=True), None
    if case.home is not None:
        return _at(case.admitted[case.home], reason, clears_tried=True), None
    best, why = next(iter(case.admitted.values()), None), _why_anew(case)
    return (None if best is None else _at(best, reason if why.why is Why.NO_LONGER_ADMITTED else why, clears_tried=True)), None


def _refusal(request: Request, server: ServerName | None, reason: Reason) -> Note:
    return Note(kind=REFUSED, resource=request.resources[0], on=server, cause=reason.code())


def _by_rule(case: Case) -> Choice:
    if must_wait_for_proof(case):
        return Choice(server=None, incarnation=None, reason=_unproven(case), keep=True)
    failed = failed_here(case)
    if case.home is not None and failed is None:
        return _stay_or_return(case, case.home)
    kept = None if failed is None else kept_by(case, failed)
    only = () if failed is None else asked_for_on(case, failed)
    anybody, (case, tie) = bool(case.admitted), tied(without_fresh(case))
    left = [] if kept else [each for each in candidates_left(case, besides=case.home) if not only or each.server in only]
    if left:
        why = Reason(Why.FAILED_THERE, (failed, case.home)) if failed and case.home else _why_anew(case)
        return replace(_at(left[0], why), within=only)
    if case.home is not None and failed is not None:
        last = Reason(Why.ONLY_ASKED_FOR, (failed, *only)) if only else Reason(Why.LAST_RESORT, (failed,))
        return _at(case.admitted[case.home], kept or last, last_resort=True)
    if case.admitted:  # home is gone, and it failed everywhere else before: better tried again than not at all
        return _at(next(iter(case.admitted.values())), _why_anew(case), clears_tried=True)
    # nobody is admitted: what can run stays where it runs, unless its server must not have it at all
    reason = tie.reason if tie is not None else Reason(Why.COMING_UP if anybody else Why.NO_CANDIDATE)
    passes = reason.why in (Why.FAILOVER_DELAYED, Why.COMING_UP)
    return Choice(server=None, incarnation=None, reason=reason, last_resort=not passes, keep=_may_linger(case))


def _at(standing: Standing, reason: Reason, *, clears_tried: bool = False, last_resort: bool = False) -> Choice:
    return Choice(
        server=standing.server, incarnation=standing.incarnation, reason=reason, clears_tried=clears_tried, last_resort=last_resort
    )


def _may_linger(case: Case) -> bool:
    """Whether the owner's server is refused only for something that is down there now (its network), not by placement."""
    missing = (Why.NETWORK_DOWN, Why.NETWORK_STOPPED, Why.TYPE_MISSING, Why.INSTANCE_MISSING)
    passing = (*missing, Why.NOT_LOOKED, Why.COULD_NOT_TELL)
    owners = {owner.server for name in case.wanted if (owner := case.held[name].owner) is not None}
    refused = [standing.reason for standing in case.standings if standing.server in owners]
    return bool(refused) and all(reason.root.why in passing for reason in refused)


def _unproven(case: Case) -> Reason:
    view = case.ground.view
    owners = [owner for name in case.wanted if (owner := case.held[name].owner) is not None]
    return Reason(Why.UNPROVEN, tuple(sorted({holder.server for holder in owners if not view.alive(holder.incarnation)})))


def _why_anew(case: Case) -> Reason:
    view = case.ground.view
    for name in case.wanted:
        before = case.held[name].owner
        if before is not None and view.proven(before.incarnation):
            return Reason(Why.HOLDER_PROVEN, (before.server, view.incarnations[before.incarnation].life.value.lower()))
        if before is not None:
            leaves = view.life(before.incarnation) is Life.LEAVING
            return Reason(Why.LEAVES if leaves else Why.NO_LONGER_ADMITTED, (before.server,))
        waited = case.held[name].reason
        if waited is not None and waited.why in (Why.BOUND, Why.FAILOVER_DELAYED) and waited.of[0] in case.admitted:
            return Reason(Why.CAME_BACK, waited.of[:1])
    return Reason(Why.FIRST_CHOICE)


def _stay_or_return(case: Case, home: ServerName) -> Choice:
    """Failback only where ACTIVE_PLACEMENT asks for it, and never against an operator's word; else everything stays."""
    best = next(iter(case.admitted.values()))
    active = any(case.ground.view.resources[name].active_placement for name in case.wanted)
    better = best.server != home and best.rank < case.admitted[home].rank and best.reason.why is Why.PREFERRED
    asked = any(_on_request(case.held[name]) for name in case.wanted)
    if active and better and not asked and not _ties_others(case) and best in candidates_left(case, besides=home):
        return _at(best, Reason(Why.BACK_TO_FAVOURED))
    if not asked and (apart := apart_from(case, home)) is not None:
        return _at(apart, Reason(Why.DISPERSED, (home,)))
    return _at(case.admitted[home], Reason(Why.STAYS))


def _ties_others(case: Case) -> bool:
    """Whether a member would be moved back that is not to be moved for another's sake, or not at all."""
    resources = [case.ground.view.resources[name] for name in case.wanted]
    return any(not (each.instance_failover and (each.active_placement or each.relocate_by_dependency)) for each in resources)


def _on_request(assignment: Assignment) -> bool:
    """Whether an operator's word put it where it is: that stands until it is placed anew."""
    return assignment.reason is not None and assignment.reason.why is Why.REQUESTED


# --- the assignments that follow ------------------------------------------------------------------------------------


def _assigned(ground: Ground, before: Assignment, choice: Choice) -> Assignment:
    if choice.keep and before.owner in before.holders:
        return before
    report = _own_report(ground, before)
    tried = () if choice.clears_tried else _with_failed(before, report)
    if choice.server is None or choice.incarnation is None:
        return _owned_by_nobody(ground, before, choice, tried)
    if before.owner is not None and before.owner.incarnation == choice.incarnation:
        return _kept(ground, before, choice, tried)
    epoch = next_epoch(ground.view, before)
    owner = Holder(server=choice.server, incarnation=choice.incarnation, epoch=epoch)
    holders = (*(holder for holder in before.holders if holder.incarnation != choice.incarnation), owner)
    reason = _reason_here(ground, before, choice)
    return replace(
        before, owner=owner, holders=holders, epoch=epoch, tried=tried, last_resort=False, reason=reason, last=None, failover_in_s=0.0,
        within=choice.within,
    )  # fmt: skip


def _owned_by_nobody(ground: Ground, before: Assignment, choice: Choice, tried: tuple[Incarnation, ...]) -> Assignment:
    epoch = before.epoch if before.owner is None else next_epoch(ground.view, before)
    return replace(
        before, owner=None, epoch=epoch, tried=tried, last_resort=choice.last_resort, reason=choice.reason, last=before.last_server,
        failover_in_s=delay_of(ground, before), within=(),
    )  # fmt: skip


def _reason_here(ground: Ground, before: Assignment, choice: Choice) -> Reason:
    """What stays as a group may still be new for one member of it."""
    if choice.reason.why is not Why.STAYS or choice.server is None:
        return choice.reason
    if any(holder.server == choice.server for holder in before.holders) and ground.online_here(before.resource, choice.server):
        return Reason(Why.FOUND_RUNNING, (choice.server,))
    return Reason(Why.GATHERED)


def _kept(ground: Ground, before: Assignment, choice: Choice, tried: tuple[Incarnation, ...]) -> Assignment:
    """The owner stays. A request forgives and gives a failed start a new epoch, so that its lane begins afresh."""
    report = _own_report(ground, before)
    if choice.clears_tried and (before.last_resort or (report is not None and report.failure is not None)):
        assert before.owner is not None
        owner = replace(before.owner, epoch=next_epoch(ground.view, before))
        holders = tuple(owner if holder.incarnation == owner.incarnation else holder for holder in before.holders)
        return replace(
            before, owner=owner, holders=holders, epoch=owner.epoch, tried=(), last_resort=False, reason=choice.reason, within=choice.within
        )
    if choice.last_resort:
        return replace(before, tried=tried, last_resort=True, reason=choice.reason)
    if before.last_resort and report is not None and report.state is State.ONLINE and report.failure is None:
        return replace(before, tried=tried, last_resort=False, reason=Reason(Why.RECOVERED))
    return replace(before, tried=tried)


def _not_wanted(ground: Ground, before: Assignment) -> Assignment:
    """Taken back. But ENABLED=0 only means that nothing is done about it: what runs goes on until its TARGET is OFFLINE."""
    if before.owner is None and not (before.last_resort or before.failover_in_s):
        return before
    reason = _why_not_wanted(ground, before.resource)
    if reason.why is Why.DISABLED and before.owner in before.holders:
        return before
    epoch = before.epoch if before.owner is None else next_epoch(ground.view, before)
    last = before.last_server
    return replace(before, owner=None, epoch=epoch, tried=(), last_resort=False, reason=reason, last=last, failover_in_s=0.0, within=())


def _why_not_wanted(ground: Ground, name: ResourceName) -> Reason:
    resource = ground.view.resources[name]
    if resource.beyond:
        return Reason(Why.BEYOND, (resource.attributes.get("CARDINALITY", "1"),))
    if ground.view.target(name) is not Target.ONLINE:
        return Reason(Why.TARGET_OFFLINE)
    if resource.enabled:
        return Reason(Why.UNAVAILABLE, (str(resource.failure_threshold), f"{resource.failure_interval_s:g}"))
    return Reason(Why.DISABLED)


def _own_report(ground: Ground, before: Assignment) -> Report | None:
    return None if before.owner is None else ground.view.report(before.resource, before.owner.server)


def _failure(ground: Ground, before: Assignment) -> bool:
    report = _own_report(ground, before)
    return report is not None and report.failure is not None


def _with_failed(before: Assignment, report: Report | None) -> tuple[Incarnation, ...]:
    """The incarnations it failed on, with its present one if its lane has just given up there."""
    failed = report is not None and report.failure is not None and report.failure.epoch == before.epoch
    if not failed or before.owner is None:
        return before.tried
    return (*(tried for tried in before.tried if tried != before.owner.incarnation), before.owner.incarnation)
