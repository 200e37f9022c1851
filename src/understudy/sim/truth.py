"""What truly is in the false world, and what was ever written into its registry: what the invariants judge by.

Machines report everything that begins, ends, comes up or dies, and the store every commit, at that instant; it asks
`sim/invariants.py` whether that may be. Must never: be read by the product, or believe what it says of itself.
"""

import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from understudy.model.attributes import cardinality_of
from understudy.model.names import Incarnation, ResourceName, TypeName
from understudy.model.reasons import code_of
from understudy.model.state import PROVEN, Life, Target
from understudy.model.types import is_local
from understudy.model.view import (
    Assignment,
    ClusterRecord,
    Definition,
    IncarnationRecord,
    LeaderRecord,
    Report,
    Request,
    TargetRecord,
    TypeRecord,
)
from understudy.policy.autostart import BY
from understudy.policy.pullup import PULLED_BY
from understudy.ports import ActionOutcome, ActionRequest, Entry
from understudy.registry import keys
from understudy.sim import invariants
from understudy.sim.formats import NEXT
from understudy.sim.invariants import Entitled
from understudy.sim.link import Hub, Written
from understudy.sim.loop import VirtualLoop
from understudy.sim.options import Options
from understudy.sim.trace import Trace

if TYPE_CHECKING:
    from understudy.sim.machine import Machine

LOOK_S = (0.05, 2.0)
"""At least and at most this long until a machine is looked at again for what may outlive its lease."""


class Violation(AssertionError):
    """Something happened that must never happen."""


class Broken(AssertionError):
    """The product itself broke: a task of it ended with an error that nobody takes."""


@dataclass(eq=False)
class Truth:
    """See the module."""

    loop: VirtualLoop
    hub: Hub
    trace: Trace
    options: Options
    machines: "dict[str, Machine]" = field(init=False, default_factory=dict)
    active: dict[ResourceName, dict[str, None]] = field(init=False, default_factory=dict)
    """Where each resource may be running now: it is alive there, or is being started."""
    doubled: dict[ResourceName, None] = field(init=False, default_factory=dict)
    """What is active on more than one server: wrong, unless all but one are frozen."""
    definitions: dict[ResourceName, Definition] = field(init=False, default_factory=dict)
    assignments: dict[ResourceName, Assignment] = field(init=False, default_factory=dict)
    targets: dict[ResourceName, Target] = field(init=False, default_factory=dict)
    incarnations: dict[Incarnation, IncarnationRecord] = field(init=False, default_factory=dict)
    leader: LeaderRecord | None = field(init=False, default=None)
    revisions: dict[str, int] = field(init=False, default_factory=dict)
    """Of the last change of every key, by the truth's own count."""
    allowed: dict[Entitled, float] = field(init=False, default_factory=dict)
    """Who may start what, because the registry says that it is the sole holder -> until when it said so; infinity: it still does."""
    lost: set[Entitled] = field(init=False, default_factory=set)
    """What ended only because the registry that said so was replaced, and is not decided otherwise since."""
    given: dict[ResourceName, int] = field(init=False, default_factory=dict)
    """The highest epoch that was ever given of a name, deleted or not, in this registry or in the copy that it was set back to."""
    ever_given: dict[ResourceName, int] = field(init=False, default_factory=dict)
    """The same in whatever registry."""
    released: dict[tuple[ResourceName, Incarnation], int] = field(init=False, default_factory=dict)
    """At which epoch an incarnation last released a resource."""
    looked: set[tuple[Incarnation, ResourceName]] = field(init=False, default_factory=set)
    """Who has truly checked what."""
    daemon_began: dict[str, float] = field(init=False, default_factory=dict)
    """When the present daemon of a server began."""
    over: set[Incarnation] = field(init=False, default_factory=set)
    """Who was called fenced or left: for good, also when its record is forgotten."""
    lapsed: set[Incarnation] = field(init=False, default_factory=set)
    """Whose lease has ended, or was given up."""
    commits: list[tuple[float, tuple[str, ...]]] = field(init=False, default_factory=list)
    """Time and keys of every commit that was more than a leader's beat."""
    decisions: list[tuple[float, ResourceName, int, str]] = field(init=False, default_factory=list)
    """Time, resource, epoch and owner of every new owner."""
    acknowledged: dict[str, bytes | None] = field(init=False, default_factory=dict)
    """What was acknowledged to operators as written: key -> value, None for a deletion."""
    began: dict[tuple[str, ResourceName], float] = field(init=False, default_factory=dict)
    """When something last came to life on a server."""
    died: dict[tuple[str, ResourceName], float] = field(init=False, default_factory=dict)
    """When something last ceased to live on a server."""
    types: dict[TypeName, TypeRecord] = field(init=False, default_factory=dict)
    start_ids: dict[ResourceName, str] = field(init=False, default_factory=dict)
    """Of the last start by hand."""
    failed: dict[tuple[ResourceName, str], dict[tuple[str, float], int]] = field(init=False, default_factory=dict)
    """What was ever reported of a resource's failures after this start by hand: server and time -> the revision since which it is known."""
    most: dict[ResourceName, int] = field(init=False, default_factory=dict)
    """Of what has, or had, several instances: how many at most."""
    started_as: dict[tuple[str, ResourceName], ResourceName] = field(init=False, default_factory=dict)
    """The instance that was last started on a server."""
    era: int = field(init=False, default=1)
    """Of the registry."""
    _local: set[ResourceName] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._seen = self.hub.store.revision
        self.hub.store.on_commit(self._committed)
        self.hub.judge = self._written

    # --- what machines report ---------------------------------------------------------------------------------------

    def asked(self, machine: "Machine", request: ActionRequest) -> None:
        """A daemon asks its executor for an action: it goes by what it has seen until now."""
        if request.action == "start" and not self.is_local(request.resource):
            self._judge(invariants.start_goes_by_the_newest_seen(self, machine, request))

    def begins(self, machine: "Machine", request: ActionRequest) -> None:
        """An action begins, now."""
        if request.action == "check":
            return
        under = f" e{request.epoch}" if request.action == "start" else ""
        self.trace.say(machine.name, f"{request.action} {request.resource}{under}")
        if self.is_local(request.resource):
            return
        self._judge(invariants.action_needs_lease(self, machine, request))
        self._judge(invariants.dependencies_in_order(self, machine, request))
        self._judge(invariants.the_excluded_are_apart(self, machine, request))
        self._judge(invariants.registry_is_no_lifeline(self, machine, request))
        if request.action == "start":
            self.started_as[machine.name, request.resource] = invariants.started_as(self, machine, request)
            self._judge(invariants.start_needs_assignment(self, machine, request))
            self._judge(invariants.start_begins_afresh(machine, request))
            self._judge(invariants.start_is_not_one_too_many(self, machine, request))
            self._touch(machine, request.resource)

    def ended(self, machine: "Machine", request: ActionRequest, outcome: ActionOutcome | None) -> None:
        """An action ended; without an outcome if its executor was killed."""
        if request.action == "start":
            self._touch(machine, request.resource)
        if outcome is None:
            return
        if outcome.status != 0 and (request.action != "check" or outcome.observed is None):
            self.trace.say(machine.name, f"  {request.action} {request.resource}: {outcome.status}, {outcome.evidence}")
        ended = machine.services.service(request.resource).housed is False
        known = outcome.observed is not None or ended or outcome.unanswered == "no-script"
        if request.action == "check" and known:  # the script's word, or the kernel's; a script that is not there runs nothing
            incarnation = machine.incarnation()
            if incarnation is not None:
                self.looked.add((incarnation, request.resource))

    def changed(self, machine: "Machine", resource: ResourceName, alive: bool) -> None:
        """Something came to life or died."""
        (self.began if alive else self.died)[(machine.name, resource)] = self.loop.now
        self._touch(machine, resource)

    def gate_opened(self, machine: "Machine") -> None:
        """A gate lets addresses pass for a while longer."""
        if self.doubled:
            self.look()

    def off(self, machine: "Machine") -> None:
        """A machine has lost power: nothing runs there."""
        for resource in self.active:
            self._touch(machine, resource)

    def daemon_begins(self, machine: "Machine") -> None:
        """A daemon's life begins."""
        self.trace.say(machine.name, "daemon begins")
        self.daemon_began[machine.name] = self.loop.now

    def lapses(self, machine: "Machine") -> None:
        """A machine's lease has ended, or was given up: it begins to stop everything."""
        self._judge(invariants.registry_holds_no_lease(self, machine))
        incarnation = machine.incarnation()
        if incarnation is not None:
            self.lapsed.add(incarnation)

    def stopped_in_order(self, machine: "Machine") -> None:
        """A daemon says that everything was stopped in order before its server leaves."""
        self.trace.say(machine.name, "has stopped everything in order")
        self._judge(invariants.nothing_is_killed_by_a_leave(self, machine))

    def is_local(self, resource: ResourceName) -> bool:
        """Whether it has an instance on every server, exempt from leases."""
        return resource in self._local

    def violated(self, what: str) -> None:
        """A rule of safety is broken: the run ends here."""
        if self.loop.failure is None:
            self.trace.say("world", f"VIOLATION: {what}")
            self.loop.failure = Violation(what)

    def broken(self, what: str, error: BaseException) -> None:
        """The product broke: the run ends here."""
        if self.loop.failure is None:
            trace = "".join(traceback.format_exception(error))
            self.trace.say("world", f"BROKEN: {what}")
            self.loop.failure = Broken(f"{what}\n{trace}")

    # --- what time brings -------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Everything that can become wrong without anybody doing anything."""
        for resource in self.doubled:
            self._judge(invariants.one_owner(self, resource))
        for machine in self.machines.values():
            self._judge(invariants.nothing_outlives_its_lease(self, machine))

    def watch(self, machine: "Machine", life: int) -> None:
        """Look at a machine again and again, as often as its lease makes it necessary, until its next power loss."""
        if machine.life != life:
            return
        self._judge(invariants.nothing_outlives_its_lease(self, machine))
        keeper, (least_s, most_s) = machine.keeper, LOOK_S
        left_s = 0.0 if keeper is None or keeper.stopping else -0.9 * keeper.overdue_s()
        self.loop.post(self.loop.now + min(most_s, max(least_s, left_s)), lambda: self.watch(machine, life))

    def _touch(self, machine: "Machine", resource: ResourceName) -> None:
        on = self.active.setdefault(resource, {})
        if not (machine.up and machine.services.active(resource)):
            on.pop(machine.name, None)
            if not invariants.is_doubled(self, resource):
                self.doubled.pop(resource, None)
            return
        on[machine.name] = None
        if invariants.is_doubled(self, resource):
            self.doubled[resource] = None
            self._judge(invariants.one_owner(self, resource))

    def _judge(self, complaint: str | None) -> None:
        if complaint is not None:
            self.violated(complaint)

    @property
    def reported_up_to(self) -> int:
        """Revision of the newest commit that was reported to anybody."""
        return self._seen

    # --- what is written to the registry ----------------------------------------------------------------------------

    def acknowledge(self, writes: Mapping[str, bytes | None]) -> None:
        """This was acknowledged to an operator as written."""
        self.acknowledged |= writes

    def registry_is_back(self) -> None:
        """After a power loss of the registry."""
        self._judge(invariants.commits_survive(self))
        self._judge(invariants.intent_survives(self, {entry.key: entry.value for entry in self.hub.store.read("")[1]}))

    def restored(self) -> None:
        """A backup is restored: from now on no epoch is given that is not above all that were ever given, known to anybody or not."""
        self.given = dict(self.ever_given)

    def registry_went_back(self) -> None:
        """An operator has replaced the registry by an older copy, or by nothing: what was written since is lost by his own deed (S9), and
        what only the copy says entitles nobody to anything. What a registry said that was itself replaced, and nobody has decided
        otherwise since, is said again by a copy of it: a mistake was mended."""
        self._seen = self.hub.store.revision
        self.hub.store.on_commit(self._committed)
        entries = {entry.key: entry for entry in self.hub.store.read("")[1]}
        self.revisions = {key: entry.revision for key, entry in entries.items()}
        self.acknowledged = {key: entry.value for key, entry in entries.items() if key in self.acknowledged}
        records = [(key.partition("/")[2], NEXT.decode(key, entry.value)) for key, entry in entries.items()]
        before = self.assignments
        self.given = {assignment.resource: assignment.epoch for _, assignment in records if isinstance(assignment, Assignment)}
        self.assignments = {assignment.resource: assignment for _, assignment in records if isinstance(assignment, Assignment)}
        self.incarnations = {record.incarnation: record for _, record in records if isinstance(record, IncarnationRecord)}
        self.types = {type_record.name: type_record for _, type_record in records if isinstance(type_record, TypeRecord)}
        self.targets = {ResourceName(name): target.target for name, target in records if isinstance(target, TargetRecord)}
        self.era = next((record.era for _, record in records if isinstance(record, ClusterRecord)), 1)
        self.start_ids = {ResourceName(name): target.start_id for name, target in records if isinstance(target, TargetRecord)}
        self.failed = {}
        for report in (record for _, record in records if isinstance(record, Report)):
            self._failures(report)
        self.leader = next((record for _, record in records if isinstance(record, LeaderRecord)), None)
        self.definitions = {}
        for name, record in records:
            if isinstance(record, Definition):
                self._definition(name, record)
        for name, record in before.items():
            was, after = invariants.entitled(record), self.assignments.get(name)
            if was is not None and (after is None or invariants.entitled(after) != was):
                self.allowed[was] = self.loop.now
                self.lost.add(was)
        for again in self.lost & {
            entitled for assignment in self.assignments.values() if (entitled := invariants.entitled(assignment)) is not None
        }:
            self.allowed[again] = math.inf
            self.lost.discard(again)

    def _written(self, written: Written) -> None:
        if all(self.revisions.get(condition.key, 0) == condition.revision for condition in written.commit.conditions):
            self._judge(invariants.writes_are_conditional(self, written))
            self._judge(invariants.a_group_moves_in_one_commit(written))

    def _committed(self) -> None:
        self._seen, batches = self.hub.store.changes("", self._seen)
        for batch in batches:
            for key in batch.deleted:
                self.revisions.pop(key, None)
                self._dropped(key)
            for entry in batch.changed:
                self.revisions[entry.key] = entry.revision
                self._entry(entry)
            if not (len(batch.changed) == 1 and batch.changed[0].key == keys.BEAT):
                self.commits.append((self.loop.now, (*(entry.key for entry in batch.changed), *batch.deleted)))

    def _entry(self, entry: Entry) -> None:
        head, slash, rest = entry.key.partition("/")
        take = _TAKE.get(head + slash)
        if take is not None:
            record = NEXT.decode(entry.key, entry.value)  # which reads both versions
            take(self, rest, record)
            if isinstance(record, TargetRecord) and record.by.startswith(PULLED_BY):
                self.acknowledged.pop(entry.key, None)  # the leader's word, by a rule that an operator has given

    def _dropped(self, key: str) -> None:
        if key.startswith(keys.ASSIGNMENT):
            before = self.assignments.pop(ResourceName(key.removeprefix(keys.ASSIGNMENT)))
            self._entitles(before, None)
            self.trace.say("registry", f"{before.resource} has no assignment any more")
            self._judge(invariants.hand_over_needs_proof(self, before, None))
        elif key.startswith(keys.TARGET):
            self.targets.pop(ResourceName(key.removeprefix(keys.TARGET)))
        elif key.startswith(keys.RESOURCE):
            self.definitions.pop(ResourceName(key.removeprefix(keys.RESOURCE)))
        elif key.startswith(keys.INCARNATION):
            record = self.incarnations.pop(Incarnation(key.removeprefix(keys.INCARNATION)))
            self.trace.say("registry", f"{record.server}/{record.incarnation[:8]} forgotten")
            self._judge(invariants.only_the_proven_are_forgotten(self, record))

    def _assignment(self, _: str, after: Assignment) -> None:
        before = self.assignments.get(after.resource)
        self.assignments[after.resource] = after
        holders = " ".join(holder.server for holder in after.holders)
        owner = after.owner.server if after.owner else "nobody"
        flags = "".join((" LAST RESORT" if after.last_resort else "", f" tried {len(after.tried)}" if after.tried else ""))
        self.trace.say("registry", f"{after.resource} -> {owner} e{after.epoch} [{holders}]{flags} {code_of(after.reason)}")
        self._entitles(before, after)
        self._judge(invariants.hand_over_needs_proof(self, before, after))
        self._judge(invariants.instances_are_apart(self, after))
        self._judge(invariants.first_look_then_act(self, before, after))
        self._judge(invariants.no_epoch_is_given_twice(self, before, after))
        self.given[after.resource] = max(after.epoch, self.given.get(after.resource, 0))
        self.ever_given[after.resource] = max(after.epoch, self.ever_given.get(after.resource, 0))
        if before is None or before.epoch != after.epoch or before.owner != after.owner:
            self.decisions.append((self.loop.now, after.resource, after.epoch, owner))
        left = {holder.incarnation for holder in before.holders} - {holder.incarnation for holder in after.holders} if before else set()
        for incarnation in left:
            self.released[(after.resource, incarnation)] = after.epoch

    def _entitles(self, before: Assignment | None, after: Assignment | None) -> None:
        was, now = (None if assignment is None else invariants.entitled(assignment) for assignment in (before, after))
        if was is not None and was != now:
            self.allowed[was] = self.loop.now
        if now is not None:
            self.allowed[now] = math.inf
        decided = {assignment.resource for assignment in (before, after) if assignment is not None}
        self.lost = {entitled for entitled in self.lost if entitled[0] not in decided}

    def _incarnation(self, _: str, record: IncarnationRecord) -> None:
        before = self.incarnations.get(record.incarnation)
        self.incarnations[record.incarnation] = record
        self.trace.say("registry", f"{record.server}/{record.incarnation[:8]} {record.life} {record.proof}")
        self._judge(invariants.a_life_only_goes_on(before, record))
        if record.life in PROVEN:
            self.over.add(record.incarnation)
            self._judge(invariants.fenced_runs_nothing(self, record))
        elif record.life is Life.LOST:
            self._judge(invariants.lost_has_no_lease(self, record))

    def _definition(self, name: str, record: Definition) -> None:
        self.definitions[ResourceName(name)] = record
        if is_local(record.type, self.types):
            self._local.add(record.name)
        if (many := cardinality_of(record.attributes.get("CARDINALITY", ""))) != 1 or record.name in self.most:
            self.most[record.name] = max(many or len(self.machines), self.most.get(record.name, 1))

    def _type(self, _: str, record: TypeRecord) -> None:
        self.types[record.name] = record

    def _cluster(self, _: str, record: ClusterRecord) -> None:
        self.era = record.era

    def _leader(self, _: str, record: LeaderRecord) -> None:
        self.leader = record
        self.trace.say("registry", f"{record.server}/{record.incarnation[:8]} leads, term {record.term}")

    def _target(self, name: str, record: TargetRecord) -> None:
        self.targets[ResourceName(name)] = record.target
        self.start_ids[ResourceName(name)] = record.start_id
        self.trace.say("registry", f"target of {name} is {record.target}")
        if record.by.startswith(BY):  # the leader's word, which comes after the operator's
            self.acknowledged.pop(keys.target(name), None)

    def _request(self, _: str, record: Request) -> None:
        self.trace.say("registry", f"{record.verb} {' '.join(record.resources)} {record.server or ''}")

    def _report(self, _: str, record: Report) -> None:
        failure = "" if record.failure is None else f" FAILED {record.failure.kind} e{record.failure.epoch}"
        state = f"{record.state}/{record.internal} e{record.epoch} restarts {record.restarts}"
        self.trace.say("registry", f"{record.server} reports {record.resource} {state}{failure}")
        self._failures(record)

    def _failures(self, record: Report) -> None:
        known = self.failed.setdefault((record.resource, record.failed_after), {})
        for at in record.failed_at:
            known.setdefault((record.server, at), self.revisions[keys.report(record.resource, record.server)])


_TAKE: dict[str, Callable[..., None]] = {
    keys.ASSIGNMENT: Truth._assignment,
    keys.CLUSTER: Truth._cluster,
    keys.INCARNATION: Truth._incarnation,
    keys.RESOURCE: Truth._definition,
    keys.LEADER: Truth._leader,
    keys.TARGET: Truth._target,
    keys.REQUEST: Truth._request,
    keys.TYPE: Truth._type,
    keys.REPORT: Truth._report,
}
