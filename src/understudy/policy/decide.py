"""Where things belong: the leader's decision, as a table of contents.

`decide` is a pure function of the View and the instant: the same View and now give the same Plan, and a View in which the
Plan is done plans nothing.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from understudy.model.cardinality import apart
from understudy.model.events import EVICTED, FENCED, REGISTRY_RECOVERED, UNENDED
from understudy.model.lifecycle import go_on
from understudy.model.names import ResourceName, registered_name
from understudy.model.reasons import Reason, Why
from understudy.model.resource import DependencyKind
from understudy.model.state import Life
from understudy.model.view import Assignment, IncarnationRecord, View
from understudy.policy.autostart import come_up
from understudy.policy.eligibility import is_several
from understudy.policy.epochs import next_epoch
from understudy.policy.eras import UNREPORTED_S, overdue, recovered, wanted_again
from understudy.policy.failover import delays_left, next_step_at
from understudy.policy.forgetting import floor_raised, forget, left_of_removed
from understudy.policy.ground import Ground
from understudy.policy.liveness import fence_what_is_quiet, forgettable, unended_of, without_proven
from understudy.policy.part import DecisionPart, whole
from understudy.policy.placement import settle_group
from understudy.policy.plan import Memory, Note, Plan, Step
from understudy.policy.pullup import Pulled, pulled_up
from understudy.policy.rivals import preempts
from understudy.policy.unable import evict_who_holds_up
from understudy.policy.voters import end_of_change

NO_LONGER_REGISTERED = Reason(Why.NO_LONGER_REGISTERED)


def decide(view: View, now: float, memory: Memory, part: DecisionPart | None = None) -> Plan:
    """What has to change in the registry, seen from this View at `now` (seconds on the leader's clock). `part`: what of this View has to be
    gone through; else all is."""
    plain, view = view, apart(view)
    # 0. a commit that changes the cluster's record is a conflict for all others: this one goes alone
    if changed := end_of_change(view):
        return Plan(steps=(changed,))
    # 1. liveness first: a holder whose incarnation is fenced from now on frees its resources in the same decision
    #    (who is forgotten goes by what is written already: a proof is not forgotten in the decision in which it is made)
    forgotten, uncounted_at = forgettable(view, now, memory)
    records, wake_at = fence_what_is_quiet(view, now, memory)
    view = _with(view, records)
    #    then who is alive, but cannot act: an eviction is only the beginning of a proof
    evicted, evict_at = evict_who_holds_up(view, now, memory)
    view, records = _with(view, evicted), (*records, *evicted)
    gone = Step(incarnations=records, notes=tuple(note for life in records for note in _notes_of(view, life)))
    if (first := _before_all_else(view, memory, gone)) is not None:
        return Plan(steps=(first,), wake_at=wake_at)
    if part is None or records:  # whoever is gone from now on may free anything
        part = replace(whole(view), most=None if part is None else part.most).bounded(records)
    part = replace(part, ground=replace(part.ground, delayed=delays_left(view, now, memory)))
    pulled = pulled_up(part.ground, part.groups)
    if pulled.assignments:  # a TARGET that comes from a start of something else is decided about at once
        view = pulled.in_view(view)
        part = part.wanting(view, pulled.targets)
    steps = [gone] if records else []
    # 2. each group on its own: they share no commit, so that a conflict in one delays no other
    steps += _settled(part, pulled)
    # 3. what is no longer registered is taken back
    if orphans := _orphans(view, part.strangers):
        steps.append(orphans)
    # 4. requests about resources that are gone
    if stale := _unanswerable(view):
        steps.append(Step(fulfilled=stale))
    # 5. incarnations that are over, once no assignment rests on the proof of it
    if forgotten:
        steps.append(Step(forgotten=forgotten))
    # 6. after the registry went back: who has not reported what it runs delays what is wanted for a limited time only
    late, late_at = _late(view, now, memory)
    if late:
        steps.append(late)
    elif view.recovering and not steps and recovered(view):
        steps.append(_end_of_recovery(view))
    # 7. what is no longer registered is forgotten, when nothing else is to be decided
    deleted, forget_at = (Step(), None) if steps or part.later else forget(view, now, memory, part.strangers)
    if deleted:
        steps.append(deleted)
    #    and what servers reported that were removed, before their lives are
    if left := left_of_removed(plain):
        steps = [*(step for step in steps if not step.forgotten), left]
    times = (wake_at, evict_at, late_at, forget_at, uncounted_at, next_step_at(part.ground, now))
    return Plan(steps=_joined_with_incarnations(steps), wake_at=min((at for at in times if at is not None), default=None))


def _before_all_else(view: View, memory: Memory, gone: Step) -> Step | None:
    """What goes alone, before anything is placed; None: nothing. `gone`: whose end goes with it."""
    if again := wanted_again(view):  # what is not wanted would be stopped
        return Step(targets=tuple(again.items()))
    if raised := floor_raised(view, memory):  # no epoch is given that a guard has to refuse
        return raised
    if up := come_up(view, memory):  # what is wanted once a server has come up
        return replace(up, incarnations=gone.incarnations + up.incarnations, notes=gone.notes + up.notes)
    return None


def _settled(part: DecisionPart, pulled: Pulled) -> Iterator[Step]:
    ground, of_instances = part.ground, dict[ResourceName, Step]()
    for members in _needed_first(ground, part.groups):
        step = pulled.with_step(settle_group(ground, members), members)
        if step:
            ground.settle(step.assignments)  # loads count for the groups that follow
            if ground.view.resources[members[0]].siblings:
                base = registered_name(members[0])
                of_instances[base] = of_instances[base].with_sibling(step) if base in of_instances else step
            else:
                yield step
    yield from of_instances.values()


def _needed_first(ground: Ground, found: tuple[tuple[ResourceName, ...], ...]) -> list[tuple[ResourceName, ...]]:
    """Who needs something of a type beside it comes after that: only where it has gone can the other go. So does who waits for another on
    whatever server, that it may see that the other is to come; and who has to give way comes after whom it gives way to."""
    group_of = {name: members for members in found for name in members}
    ordered: dict[tuple[ResourceName, ...], None] = {}
    seen: set[tuple[ResourceName, ...]] = set()
    for first in found:
        ahead = [] if first in seen else [(first, _before(ground, first, group_of))]
        seen.add(first)
        while ahead:
            members, before = ahead[-1]
            fresh = next((other for other in before if other not in seen), None)
            if fresh is None:
                ordered[members] = None
                ahead.pop()
            else:
                seen.add(fresh)
                ahead.append((fresh, _before(ground, fresh, group_of)))
    return list(ordered)


def _before(
    ground: Ground, members: tuple[ResourceName, ...], group_of: Mapping[ResourceName, tuple[ResourceName, ...]]
) -> Iterator[tuple[ResourceName, ...]]:
    """Groups that are settled before this one, if nothing speaks against it."""
    for name in members:
        for dependency in ground.view.resources[name].start:
            any_of = dependency.is_type or not dependency.same_server or is_several(ground, dependency)
            if dependency.kind is DependencyKind.WEAK or (dependency.kind is DependencyKind.HARD and any_of):
                yield from (group_of[other] for other in ground.meant(dependency) if other in group_of)
        yield from (group_of[other] for other in ground.rivals.get(name, ()) if other in group_of and preempts(ground, other, name))


def _with(view: View, records: tuple[IncarnationRecord, ...]) -> View:
    return replace(view, incarnations={**view.incarnations, **{life.incarnation: life for life in records}}) if records else view


def _notes_of(view: View, life: IncarnationRecord) -> Iterator[Note]:
    yield Note(kind=EVICTED if life.life is Life.EVICTED else FENCED, on=life.server, cause=life.proof)
    for name, failure in unended_of(view, life):
        yield Note(kind=UNENDED, resource=name, on=life.server, cause=failure.text)


def _late(view: View, now: float, memory: Memory) -> tuple[Step, float | None]:
    """The eviction of who holds up the recovery, or when it will be."""
    late, at = overdue(view, now, memory)
    why = (
        f"evicted by the leader: it has not reported what it runs, or could not act, for {UNREPORTED_S:g} s after the registry had been "
        "set back"
    )
    gone = tuple(go_on(record, Life.EVICTED, why) for record in late)
    return Step(
        incarnations=gone, notes=tuple(Note(kind=EVICTED, on=incarnation.server, cause=incarnation.proof) for incarnation in gone)
    ), at


def _end_of_recovery(view: View) -> Step:
    assert view.cluster is not None, "it is recovering"
    cause = "every server has reported what it runs, or is proved gone; what runs belongs to where it runs"
    note = Note(kind=REGISTRY_RECOVERED, cause=cause)
    return Step(cluster=replace(view.cluster, recovering=False), notes=(note,))


def _unanswerable(view: View) -> tuple[str, ...]:
    """Requests of which no resource is registered any more. Of thousands nearly all are known by their first."""
    resources = view.resources
    doubtful = [request for request in view.requests if not request.resources or request.resources[0] not in resources]
    return tuple(request.id for request in doubtful if not any(name in resources for name in request.resources))


def _orphans(view: View, strangers: Collection[ResourceName]) -> Step:
    changed = []
    orphans = [name for name in strangers if name in view.assignments and name not in view.resources and not _is_broken(view, name)]
    for name, assignment in ((name, view.assignments[name]) for name in sorted(orphans)):
        left = without_proven(view, assignment)
        if left.owner is not None:
            left = replace(left, owner=None, epoch=next_epoch(view, left), reason=NO_LONGER_REGISTERED)
        if left != assignment:
            changed.append(left if left.holders else Assignment(resource=name, epoch=left.epoch, reason=NO_LONGER_REGISTERED))
    return Step(assignments=tuple(changed))


def _is_broken(view: View, name: ResourceName) -> bool:
    """Whether it is an instance of what is registered and cannot be read."""
    base = registered_name(name)
    return base != name and base in view.definitions and base not in view.resources


def _joined_with_incarnations(steps: list[Step]) -> tuple[Step, ...]:
    """The fencing and the first hand-over that follows from it go in one commit: the outage is one commit shorter."""
    if len(steps) < 2 or not steps[0].incarnations:
        return tuple(steps)
    first, second, *rest = steps
    return (replace(second, incarnations=first.incarnations, notes=first.notes + second.notes), *rest)
