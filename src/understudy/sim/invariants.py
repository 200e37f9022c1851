"""What must hold whatever happens: one function per rule of docs/safety.md, each with its sentence, judged from the truth.

Called by `sim/truth.py` at the instant at which something could break the rule. Each answers None, or what is wrong. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from understudy.model.cardinality import apart, seen_from
from understudy.model.dependencies import parse
from understudy.model.lifecycle import may_follow
from understudy.model.limits import DRIFT
from understudy.model.names import Incarnation, ResourceName, registered_name
from understudy.model.resource import DependencyKind
from understudy.model.state import ALIVE, PROVEN, Life, Target
from understudy.model.view import Assignment, Holder, IncarnationRecord
from understudy.policy.ground import is_wanted
from understudy.policy.groups import groups
from understudy.ports import ActionRequest, Write
from understudy.registry import keys
from understudy.sim.formats import NEXT

NOTICED_S = 0.1
"""How long a server's daemon takes to know what happened there."""
SETTLED_S = 5.0
"""What came to life more recently may have been missing when a stop was decided."""

Entitled = tuple[ResourceName, int, Incarnation]
"""A resource, and the epoch under which an incarnation may start it."""

if TYPE_CHECKING:
    from understudy.sim.link import Written
    from understudy.sim.machine import Machine
    from understudy.sim.truth import Truth


def one_owner(truth: "Truth", resource: ResourceName) -> str | None:
    """S1: a resource runs, and its address answers, on at most one server at any instant.

    What is frozen does not run; after a freeze local processes may exist for one guard wake-up plus the kill, but the gate keeps them
    from answering: so what answers is judged always.
    """
    if not is_doubled(truth, resource):
        return None
    runs = [truth.machines[name] for name in truth.active.get(resource, ())]
    whole = _too_many(truth, resource, runs, truth.most.get(resource, 1))
    instances = _by_instance(truth, resource, runs).items()
    return whole or next((found for name, on in instances if (found := _too_many(truth, name, on, 1)) is not None), None)


def is_doubled(truth: "Truth", resource: ResourceName) -> bool:
    """Whether more of it may be running than may run: wrong, unless all but so many are frozen."""
    runs = truth.active.get(resource, ())
    if len(runs) < 2 or truth.is_local(resource):
        return False
    instances = _by_instance(truth, resource, [truth.machines[name] for name in runs])
    return len(runs) > truth.most.get(resource, 1) or any(len(on) > 1 for on in instances.values())


def _by_instance(truth: "Truth", resource: ResourceName, runs: "Sequence[Machine]") -> "dict[ResourceName, list[Machine]]":
    """What runs as each instance of it. After the registry went back they may have other numbers: then only all of them are counted."""
    found: dict[ResourceName, list[Machine]] = {}
    if resource in truth.most and not (truth.options.set_backs or truth.options.restores):
        for run in runs:
            found.setdefault(truth.started_as.get((run.name, resource), resource), []).append(run)
    return found


def _too_many(truth: "Truth", what: ResourceName, runs: "Sequence[Machine]", most: int) -> str | None:
    now = truth.loop.now
    judged = [run.name for run in runs if not run.frozen and now >= run.excused_until]
    if len(judged) > most:
        return f"S1: {what} runs on {' and '.join(judged)}"
    answers = [run.name for run in runs if run.keeper is not None and now < run.keeper.gate_until]
    if len(answers) > most:
        return f"S1: {what} answers on {' and '.join(answers)}"
    return None


def instances_are_apart(truth: "Truth", after: Assignment) -> str | None:
    """S1: no incarnation is a holder of two instances of one resource."""
    base = registered_name(after.resource)
    others = [other for name, other in truth.assignments.items() if registered_name(name) == base and name != after.resource]
    for other in others if base in truth.most and after.era == truth.era else ():
        both = {holder.server for holder in after.holders} & {holder.server for holder in other.holders}
        if other.era == after.era and both and _same_life(after, other):
            return f"S1: {after.resource} and {other.resource} are both given to {' and '.join(sorted(both))}"
    return None


def _same_life(after: Assignment, other: Assignment) -> bool:
    return bool({holder.incarnation for holder in after.holders} & {holder.incarnation for holder in other.holders})


def started_as(truth: "Truth", machine: "Machine", request: ActionRequest) -> ResourceName:
    """The instance of which a start is: that which was given to the server under this epoch, last if it was more than one, as after the
    registry went back."""
    incarnation = machine.incarnation()
    given = {name: until for (name, epoch, whose), until in truth.allowed.items() if epoch == request.epoch and whose == incarnation}
    names = [name for name in given if registered_name(name) == request.resource]
    return max(names, key=given.__getitem__, default=request.resource)


def nothing_is_killed_by_a_leave(truth: "Truth", machine: "Machine") -> str | None:
    """A leave in order has stopped whatever the server held: what would be killed now was not given its clean stop. What is registered no
    more has no action script that could have stopped it."""
    incarnation = machine.incarnation()
    for name, assignment in truth.assignments.items():
        held = any(holder.incarnation == incarnation for holder in assignment.holders)
        name = registered_name(name)
        if held and name in truth.definitions and machine.services.active(name):
            return f"leave: {machine.name} says that it has stopped everything in order, and {name} runs there"
    return None


def start_needs_assignment(truth: "Truth", machine: "Machine", request: ActionRequest) -> str | None:
    """S2: a start needs an assignment to this incarnation as the sole holder, at the newest epoch this server has seen, read in this
    daemon's life; or kept on disk by a daemon of this incarnation before it, and never released."""
    incarnation = machine.incarnation()
    what = f"S2: {machine.name} starts {request.resource} under epoch {request.epoch}"
    if incarnation is None or request.incarnation != incarnation:
        return f"{what} for another incarnation than its own"
    instance = started_as(truth, machine, request)
    allowed_until = truth.allowed.get((instance, request.epoch, incarnation))
    if allowed_until is None:
        return f"{what}, which never made it the sole holder"
    kept = machine.node is not None and machine.node.mirror.remembered
    if allowed_until < truth.daemon_began[machine.name] and not kept:
        return f"{what}, which was over before its daemon began"
    assert machine.keeper is not None, "it has an incarnation"
    remembered = machine.keeper.epochs.get(request.resource, 0)
    if remembered > request.epoch:
        return f"{what} after it saw {remembered}"
    if remembered < request.epoch:
        return f"{what}, and its guard does not know it"
    if truth.released.get((instance, incarnation), -1) >= request.epoch:
        return f"{what}, which it has released"
    if machine.node is not None and not machine.node.mirror.read_once and not kept:
        return f"{what} without having read the registry in this daemon's life"
    return None


def start_goes_by_the_newest_seen(truth: "Truth", machine: "Machine", request: ActionRequest) -> str | None:
    """S2: when a start is asked of the executor, the newest assignment that this daemon has seen makes its server the sole holder, under
    that very epoch. Nothing twice would come of it, as a holder stays one until it has released; but it is not what the leader wants."""
    assert machine.node is not None, "its daemon asks"
    view = seen_from(machine.node.mirror.view, machine.node.incarnation or Incarnation(""))
    assignment = view.assignments.get(request.resource)
    if assignment is not None and entitled(assignment) == (request.resource, request.epoch, machine.node.incarnation):
        return None
    seen = "none" if assignment is None else f"epoch {assignment.epoch}"
    return f"S2: {machine.name} starts {request.resource} under epoch {request.epoch}, and has seen {seen} that does not let it"


def start_begins_afresh(machine: "Machine", request: ActionRequest) -> str | None:
    """Nothing is started beside what is left of itself: it was looked at, and cleaned, before."""
    left = machine.services.service(request.resource).alive
    return f"{machine.name} starts {request.resource} although something of it is left" if left else None


def start_is_not_one_too_many(truth: "Truth", machine: "Machine", request: ActionRequest) -> str | None:
    """FAILURE_THRESHOLD: what has failed so often within FAILURE_INTERVAL, on whatever servers and in whatever lives of theirs, is not
    started by a server that has seen the reports of it, until somebody starts it by hand."""
    name, node = request.resource, machine.node
    if name not in truth.definitions or node is None:
        return None
    most, within_s = (int(_attribute(truth, name, attribute) or 0) for attribute in ("FAILURE_THRESHOLD", "FAILURE_INTERVAL"))
    after = truth.start_ids.get(name) or truth.definitions[name].uid
    known = truth.failed.get((name, after), {})
    times = sorted(at for (_, at), revision in known.items() if revision <= node.mirror.view.revision)
    if not (most and within_s) or len(times) < most or times[-1] - times[-most] > within_s:
        return None
    return f"FAILURE_THRESHOLD: {machine.name} starts {name}, which has failed {most} times within {times[-1] - times[-most]:.1f} s"


def entitled(assignment: Assignment) -> Entitled | None:
    """Who may start it under this assignment: the owner, if nobody else may be running it."""
    owner = assignment.owner
    if owner is None or any(holder.incarnation != owner.incarnation for holder in assignment.holders):
        return None
    return assignment.resource, assignment.epoch, owner.incarnation


def hand_over_needs_proof(truth: "Truth", before: Assignment | None, after: Assignment | None) -> str | None:
    """S3: the owner is a holder from the same commit on; a holder goes only when it truly runs nothing; epochs grow with every owner."""
    if after is not None and after.owner is not None and after.owner not in after.holders:
        return f"S3: {after.resource} belongs to {after.owner.server}, which is no holder"
    held = set() if before is None else {holder.incarnation for holder in before.holders}
    for holder in () if after is None else after.holders:
        if holder.incarnation in truth.over - held:
            return f"S3: {holder.server} becomes a holder after its incarnation was called gone for good"
    if before is None:
        return None
    if after is not None:
        owner_changed = (before.owner and before.owner.incarnation) != (after.owner and after.owner.incarnation)
        if after.epoch < before.epoch or (owner_changed and after.epoch == before.epoch):
            return f"S3: {after.resource} goes to another owner within epoch {before.epoch}"
    stay = set() if after is None else {holder.incarnation for holder in after.holders}
    for holder in before.holders:
        machine = truth.machines.get(holder.server)
        if holder.incarnation in stay or machine is None or machine.incarnation() != holder.incarnation or _over(machine):
            continue  # an incarnation that is over was ended by its guard, which has its own rules
        name = registered_name(before.resource)
        doing = [request.action for request in machine.services.in_action.get(name, ()) if request.action != "check"]
        if machine.services.active(name) or doing:
            return f"S3: {holder.server} is no holder of {before.resource} any more, but it runs there {doing}"
    return None


def action_needs_lease(truth: "Truth", machine: "Machine", request: ActionRequest) -> str | None:
    """S4: no action without a lease on the server's own clock, and none under a lease that has ended once."""
    keeper = machine.keeper
    if keeper is not None and keeper.incarnation in truth.lapsed:
        return f"S4: {machine.name} begins {request.action} of {request.resource} although its incarnation has lapsed"
    if keeper is None or keeper.stopping or keeper.overdue_s() >= machine.limits.stop_now_s:
        return f"S4: {machine.name} begins {request.action} of {request.resource} without a lease"
    return None


def nothing_outlives_its_lease(truth: "Truth", machine: "Machine") -> str | None:
    """S4: when the lease ends everything was stopped, within the guard's lateness and the time a kill takes; nothing is revived."""
    keeper = machine.keeper
    if keeper is None or machine.frozen or truth.loop.now < machine.excused_until:
        return None
    pace = machine.limits.pace
    if not keeper.ever_leased and not keeper.stopping:
        over = True  # a new incarnation holds nothing until it has won a lease of its own
    elif keeper.stopping:
        over = truth.loop.now > keeper.stopping_since + pace.kill_s + 1e-6
    else:
        over = keeper.overdue_s() > pace.lateness_s + pace.kill_s + pace.reaction_s
    if not over:
        return None
    left = _left(truth, machine)
    return f"S4: {' '.join(left)} outlives the lease of {machine.name}" if left else None


def a_life_only_goes_on(before: IncarnationRecord | None, after: IncarnationRecord) -> str | None:
    """S4, S5: nothing brings an incarnation back that was proved over, or that voters must refuse."""
    if before is None or before.life is after.life or may_follow(before.life, after.life):
        return None
    return f"S5: {after.server} was {before.life} and is called {after.life}"


def lost_has_no_lease(truth: "Truth", record: IncarnationRecord) -> str | None:
    """S5: silence is proof only when the lease has truly run out."""
    machine = truth.machines.get(record.server)
    if machine is None or machine.incarnation() != record.incarnation or machine.keeper is None:
        return None
    if machine.keeper.overdue_s() < 0 and not machine.keeper.stopping:
        return f"S5: {record.server} is called lost and has {-machine.keeper.overdue_s():.3f} s to go"
    return None


def fenced_runs_nothing(truth: "Truth", record: IncarnationRecord) -> str | None:
    """S5: fenced, and left, cannot be running anything any more; it is fenced only after the quiet time since its lease ended, by its
    own clock."""
    machine = truth.machines.get(record.server)
    if machine is None or machine.incarnation() != record.incarnation:
        return None
    limits, keeper = machine.limits, machine.keeper
    over_s = None if keeper is None or not keeper.ever_leased else keeper.overdue_s() - limits.stop_now_s
    if record.life is Life.FENCED and over_s is not None and over_s < limits.quiet_s * (1 - DRIFT) / (1 + DRIFT):
        return f"S5: {record.server} is called FENCED {over_s:.3f} s after the end of its lease"
    if machine.frozen or truth.loop.now < machine.excused_until:
        return None
    left = _left(truth, machine)
    return f"S5: {record.server} is called {record.life}, but {' '.join(left)} runs there" if left else None


def _left(truth: "Truth", machine: "Machine") -> list[ResourceName]:
    """What runs after everything had to be stopped; but for what even a kill does not end where no reboot is allowed, or not yet: a keeper
    whose guard hangs gives it its time before it ends everything alone. Nothing prevents that; S1 judges what becomes of it."""
    services = machine.services.services.items()
    hangs = machine.keeper is not None and machine.keeper.guard_hangs
    stays = {name for name, service in services if service.undying} if hangs or not machine.reboots else set()
    return [name for name, service in services if service.alive and not truth.is_local(name) and name not in stays]


def first_look_then_act(truth: "Truth", before: Assignment | None, after: Assignment) -> str | None:
    """S6: an incarnation is given only what it has truly looked at."""
    owner = after.owner
    if owner is None or (before is not None and before.owner is not None and before.owner.incarnation == owner.incarnation):
        return None
    if (owner.incarnation, registered_name(after.resource)) not in truth.looked:
        return f"S6: {after.resource} is given to {owner.server}, which has not looked at it"
    return None


def no_epoch_is_given_twice(truth: "Truth", before: Assignment | None, after: Assignment) -> str | None:
    """S2: a name that was deleted and is registered again goes on above every epoch that it ever had: its data may know them."""
    if after.owner is None or (before is not None and before.owner == after.owner):
        return None
    given = truth.given.get(after.resource, 0)
    return f"S2: {after.resource} is given epoch {after.epoch}, and had {given}" if after.epoch <= given else None


def only_the_proven_are_forgotten(truth: "Truth", record: IncarnationRecord) -> str | None:
    """S3: an incarnation that is a holder, or that is not proved to be gone, is never forgotten."""
    if record.life not in PROVEN:
        return f"S3: {record.server} is forgotten while it is {record.life}"
    for assignment in truth.assignments.values():
        if any(holder.incarnation == record.incarnation for holder in assignment.holders):
            return f"S3: {record.server} is forgotten while it holds {assignment.resource}"
    return None


def writes_are_conditional(truth: "Truth", written: "Written") -> str | None:
    """S7: every write rests on what its writer had seen of that key; what only the leader may write, on its term, and everything else on
    the writer's own incarnation. Asked of commits whose conditions hold: what does not hold changes nothing."""
    conditions = {condition.key for condition in written.commit.conditions}
    bare = [write.key for write in written.commit.writes if write.key not in conditions]
    if bare:
        return f"S7: {written.server} writes {' '.join(bare)}, whatever stands there"
    wrong = [write.key for write in written.commit.writes if not _rests_on_enough(truth, written, write, conditions)]
    return f"S7: {written.server} writes {' '.join(wrong)} without being entitled to" if wrong else None


def _rests_on_enough(truth: "Truth", written: "Written", write: Write, conditions: set[str]) -> bool:
    own = keys.incarnation(written.writer or "")
    leads = truth.leader is not None and truth.leader.incarnation == written.writer
    takes = any(made.key == keys.LEADER for made in written.commit.writes)
    decides = keys.LEADER in conditions and (leads or takes)
    head, slash, rest = write.key.partition("/")
    match head + slash:
        case keys.ASSIGNMENT:
            return (decides and _knows_the_others(truth, write, conditions)) or (own in conditions and _releases(truth, written, write))
        case keys.INCARNATION:
            return decides or write.key == own
        case keys.BEAT | keys.REQUEST:
            return decides
        case keys.HISTORY:
            return decides or write.value is not None
        case keys.REPORT if write.value is None and decides:
            return ResourceName(rest.rpartition("/")[0]) not in truth.definitions  # forgotten with its name
        case keys.REPORT | keys.LOOK:
            return own in conditions and _alive(truth, written)
        case _:
            return True  # the cluster's creation: on condition that nothing is there


def _knows_the_others(truth: "Truth", write: Write, conditions: set[str]) -> bool:
    """What an instance of several is given rests on what all others have."""
    name = ResourceName(write.key.partition("/")[2])
    base = registered_name(name)
    others = (other for other in truth.assignments if registered_name(other) == base)
    return write.value is None or base not in truth.most or all(keys.assignment(other) in conditions for other in others)


def a_group_moves_in_one_commit(written: "Written") -> str | None:
    """Moving together: who gives a member of a group to another incarnation gives it all that is wanted of the group, as it knew the group,
    in that very commit. What waits (it belongs to nobody, or to an older era) is not given yet."""
    view = written.view
    written_to = (write for write in written.commit.writes if write.key.startswith(keys.ASSIGNMENT))
    decoded = (NEXT.decode(write.key, write.value) for write in written_to if write.value is not None)
    after = {assignment.resource: assignment for assignment in decoded if isinstance(assignment, Assignment)}
    given = {
        name
        for name, assignment in after.items()
        if assignment.owner is not None and assignment.owner != _owner(view.assignments.get(name))
    }
    view = apart(view)
    for members in groups(view) if given else ():
        if given.isdisjoint(members):
            continue
        known = [
            decided for name in members if is_wanted(view, name) and (decided := after.get(name) or view.assignments.get(name)) is not None
        ]
        owners = {
            assignment.owner.incarnation: assignment for assignment in known if assignment.owner is not None and assignment.era == view.era
        }
        if len(owners) > 1:
            places = ", ".join(f"{owner.resource} to {owner.owner.server}" for owner in owners.values() if owner.owner is not None)
            return f"{written.server} divides a group: it gives {places}"
    return None


def _owner(assignment: Assignment | None) -> Holder | None:
    return None if assignment is None else assignment.owner


def _alive(truth: "Truth", written: "Written") -> bool:
    """Whether the writer is an incarnation that the registry takes for running, or is being registered in this very commit."""
    record = truth.incarnations.get(written.writer or Incarnation(""))
    if record is None:
        return any(write.key == keys.incarnation(written.writer or "") for write in written.commit.writes)
    return record.life in ALIVE


def _releases(truth: "Truth", written: "Written", write: Write) -> bool:
    """Whether an assignment's new value is the old one without the writer as a holder, and with nothing else changed but proofs."""
    before = truth.assignments.get(ResourceName(write.key.removeprefix(keys.ASSIGNMENT)))
    if before is None or write.value is None:
        return False
    after = NEXT.decode(write.key, write.value)
    holders = tuple(holder for holder in before.holders if holder.incarnation != written.writer)
    return isinstance(after, Assignment) and after == replace(before, holders=holders, proofs=after.proofs)


def registry_is_no_lifeline(truth: "Truth", machine: "Machine", request: ActionRequest) -> str | None:
    """S8: while a server does not reach the registry nothing that runs there, and is assigned and wanted there, is stopped (unless what
    it depends on does not run, or the server was asked to leave). Judged only where no script lies and nobody is paused: what a server
    believes is then what is."""
    if not truth.options.orderly or machine.node is None or request.action not in ("stop", "clean", "abort"):
        return None
    if truth.hub.reachable(machine.name) or (machine.keeper is not None and machine.keeper.leaving_until is not None):
        return None
    incarnation, name = machine.incarnation(), request.resource
    view = seen_from(machine.node.mirror.view, incarnation or Incarnation(""))
    assignment = view.assignments.get(name)
    mine = None if assignment is None else entitled(assignment)
    if mine is None or mine[2] != incarnation or view.target(name) is not Target.ONLINE or name not in truth.definitions:
        return None
    if not machine.services.service(name).alive:
        return None
    for dependency in parse(_attribute(truth, name, "STOP_DEPENDENCIES"), "STOP_DEPENDENCIES", name):
        needed = ResourceName(dependency.entity)
        if not machine.services.service(needed).alive or truth.loop.now - truth.began.get((machine.name, needed), 0.0) < SETTLED_S:
            return None
    return f"S8: {machine.name} stops {name} while it cannot reach the registry"


def registry_holds_no_lease(truth: "Truth", machine: "Machine") -> str | None:
    """S8: while the registry cannot be reached leases go on. Asked only where the registry goes away and nothing else may end a lease."""
    if not truth.options.only_the_registry_goes or truth.hub.reachable(machine.name):
        return None
    return f"S8: the lease of {machine.name} ends while it cannot reach the registry"


def intent_survives(truth: "Truth", entries: Mapping[str, bytes]) -> str | None:
    """S9: what was acknowledged to an operator as written is there after every power loss."""
    lost = [key for key, value in truth.acknowledged.items() if entries.get(key) != value]
    return f"S9: acknowledged and gone: {' '.join(lost)}" if lost else None


def commits_survive(truth: "Truth") -> str | None:
    """S9: so is every other commit that was reported to anybody: what was started relied on it."""
    there, reported = truth.hub.store.revision, truth.reported_up_to
    return f"S9: commits up to {reported} were reported, and those after {there} are gone" if there < reported else None


def dependencies_in_order(truth: "Truth", machine: "Machine", request: ActionRequest) -> str | None:
    """A start begins when what it needs here by a hard dependency runs; a stop, when nothing here that needs it runs or is started."""
    if not truth.options.orderly or request.resource not in truth.definitions or request.action not in ("start", "stop"):
        return None
    wrong = []
    if request.action == "start":
        for dependency in parse(_attribute(truth, request.resource, "START_DEPENDENCIES"), "START_DEPENDENCIES", request.resource):
            needed = ResourceName(dependency.entity)
            if dependency.same_server and needed in truth.definitions and _long_dead(truth, machine, needed):
                wrong.append(needed)
        return f"{machine.name} starts {request.resource} without {' '.join(wrong)}" if wrong else None
    for name in truth.definitions:
        for dependency in parse(_attribute(truth, name, "STOP_DEPENDENCIES"), "STOP_DEPENDENCIES", name):
            if dependency.entity == request.resource and dependency.same_server and machine.services.active(name):
                wrong.append(name)
    return f"{machine.name} stops {request.resource} under {' '.join(wrong)}" if wrong else None


def the_excluded_are_apart(truth: "Truth", machine: "Machine", request: ActionRequest) -> str | None:
    """A start begins when nothing runs beside it that it excludes, or that excludes it, and that this server has to stop; but what stops
    afterwards (`preempt_post:`) may."""
    certain = truth.options.orderly and not (truth.options.set_backs or truth.options.restores)
    if not certain or request.action != "start" or request.resource not in truth.definitions:
        return None
    for name in truth.definitions:
        assignment = truth.assignments.get(name)
        held = assignment is not None and any(holder.incarnation == machine.incarnation() for holder in assignment.holders)
        if name == request.resource or not held or not machine.services.active(name):
            continue
        mine, its = (_excludes(truth, request.resource, name), _excludes(truth, name, request.resource))
        if (mine is not None or its is not None) and not (mine is not None and "preempt_post" in mine):
            return f"{machine.name} starts {request.resource} beside {name}"
    return None


def _excludes(truth: "Truth", name: ResourceName, other: ResourceName) -> frozenset[str] | None:
    """With which modifiers; None: it does not."""
    named = parse(_attribute(truth, name, "START_DEPENDENCIES"), "START_DEPENDENCIES", name)
    return next((each.modifiers for each in named if each.kind is DependencyKind.EXCLUSION and each.entity == other), None)


def _attribute(truth: "Truth", name: ResourceName, attribute: str) -> str:
    return truth.definitions[name].attributes.get(attribute, "")


def _long_dead(truth: "Truth", machine: "Machine", name: ResourceName) -> bool:
    """Dead for longer than it takes to notice."""
    if machine.services.service(name).alive:
        return False
    return truth.loop.now - truth.died.get((machine.name, name), 0.0) > NOTICED_S


def _over(machine: "Machine") -> bool:
    """Its lease has ended while it was frozen: it ends as soon as it wakes, within the stated window."""
    late = machine.frozen or machine.loop.now < machine.excused_until
    return late and machine.keeper is not None and machine.keeper.overdue_s() >= 0
