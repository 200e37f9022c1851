"""What truly is in the false world, and what was ever written into its registry: what the invariants judge by.

Told by machines of everything that begins, ends, lives or dies, and by the store of every commit, at that instant; asks
`sim/invariants.py` whether it may be. Must never: be read by the product, or believe what it says of itself.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from understudy.model.names import Incarnation, ResourceName
from understudy.model.state import Life, Target
from understudy.model.types import is_local
from understudy.model.view import Assignment, Definition, IncarnationRecord, LeaderRecord, Report, Request, TargetRecord
from understudy.ports import ActionOutcome, ActionRequest, Entry
from understudy.registry import keys, wire
from understudy.registry.store import Store
from understudy.sim import invariants
from understudy.sim.loop import VirtualLoop
from understudy.sim.trace import Trace

if TYPE_CHECKING:
    from understudy.sim.machine import Machine

LOOK_S = 0.05
"""How often what can only become wrong with time is looked at."""


class Violation(AssertionError):
    """Something happened that must never happen."""


class Truth:
    """See the module."""

    def __init__(self, loop: VirtualLoop, store: Store, trace: Trace, *, orderly: bool) -> None:
        self.loop = loop
        self.trace = trace
        self.machines: dict[str, Machine] = {}
        self.definitions: dict[ResourceName, Definition] = {}
        self.assignments: dict[ResourceName, Assignment] = {}
        self.targets: dict[ResourceName, Target] = {}
        self.lives: dict[Incarnation, IncarnationRecord] = {}
        self.allowed: set[tuple[ResourceName, int, Incarnation]] = set()
        """Resource, epoch, incarnation: the registry once said that it may start it, as the sole holder."""
        self.released: dict[tuple[ResourceName, Incarnation], int] = {}
        """At which epoch an incarnation last released a resource."""
        self.looked: set[tuple[Incarnation, ResourceName]] = set()
        """Who has truly checked what."""
        self.ended_lives: set[Incarnation] = set()
        """Incarnations that lapsed or lost power."""
        self.commits: list[tuple[float, tuple[str, ...]]] = []
        """Time and keys of every commit that was more than a leader's beat."""
        self.died: dict[tuple[str, ResourceName], float] = {}
        """When something last ceased to live on a server."""
        self.orderly = orderly
        """Whether nothing happens in this world that may make a server act on what it saw long ago, or believe a lie."""
        self._local: set[ResourceName] = set()
        self._store = store
        self._seen = store.revision
        store.on_commit(self._committed)
        loop.post(LOOK_S, self._look_again)

    # --- what machines tell -----------------------------------------------------------------------------------------

    def begins(self, machine: "Machine", request: ActionRequest) -> None:
        """An action begins, now."""
        if request.action != "check":
            under = f" e{request.epoch}" if request.action == "start" else ""
            self.trace.say(machine.name, f"{request.action} {request.resource}{under}")
        if request.action != "check" and not self.is_local(request.resource):
            self._judge(invariants.action_needs_lease(self, machine, request))
            self._judge(invariants.dependencies_in_order(self, machine, request))
            if request.action == "start":
                self._judge(invariants.start_needs_assignment(self, machine, request))
                self._judge(invariants.one_owner(self, request.resource))

    def ended(self, machine: "Machine", request: ActionRequest, outcome: ActionOutcome) -> None:
        """An action ended."""
        if outcome.status != 0 and (request.action != "check" or outcome.status is None):
            self.trace.say(machine.name, f"  {request.action} {request.resource}: {outcome.status}, {outcome.evidence}")
        incarnation = machine.incarnation()
        if request.action == "check" and outcome.status is not None and incarnation is not None:
            self.looked.add((incarnation, request.resource))

    def changed(self, machine: "Machine", resource: ResourceName, lives: bool) -> None:
        """Something came to life or died."""
        if lives:
            self._judge(invariants.one_owner(self, resource))
        else:
            self.died[(machine.name, resource)] = self.loop.now

    def gate_opened(self, machine: "Machine") -> None:
        """A gate lets addresses pass for a while longer."""
        for name, service in machine.services.services.items():
            if service.lives:
                self._judge(invariants.one_owner(self, name))

    def lapsed(self, machine: "Machine", incarnation: Incarnation) -> None:
        """An incarnation has ended."""
        self.ended_lives.add(incarnation)

    def daemon_begins(self, machine: "Machine") -> None:
        """A daemon's life begins."""
        self.trace.say(machine.name, "daemon begins")

    def is_local(self, resource: ResourceName) -> bool:
        """Whether it has an instance on every server, exempt from leases."""
        return resource in self._local

    def broken(self, what: str, error: BaseException | None = None) -> None:
        """The run ends here."""
        if self.loop.failure is None:
            self.trace.say("world", f"VIOLATION: {what}")
            self.loop.failure = Violation(what)
            self.loop.failure.__cause__ = error

    # --- what time brings -------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Everything that can become wrong without anybody doing anything."""
        for resource in self.definitions:
            self._judge(invariants.one_owner(self, resource))
        for machine in self.machines.values():
            self._judge(invariants.nothing_outlives_its_lease(self, machine))

    def _look_again(self) -> None:
        self.look()
        self.loop.post(self.loop.now + LOOK_S, self._look_again)

    def _judge(self, complaint: str | None) -> None:
        if complaint is not None:
            self.broken(complaint)

    # --- what the registry is told ----------------------------------------------------------------------------------

    def _committed(self) -> None:
        self._seen, batches = self._store.changes("", self._seen)
        for batch in batches:
            for key in batch.deleted:
                self._dropped(key)
            for entry in batch.changed:
                self._changed(entry)
            told = (*(one.key for one in batch.changed), *batch.deleted)
            if told != (keys.BEAT,):
                self.commits.append((self.loop.now, told))

    def _changed(self, entry: Entry) -> None:
        head, slash, rest = entry.key.partition("/")
        take = _TAKE.get(head + slash)
        if take is not None:
            take(self, rest, wire.decode(entry.key, entry.value))

    def _dropped(self, key: str) -> None:
        if key.startswith(keys.ASSIGNMENT):
            before = self.assignments.pop(ResourceName(key.removeprefix(keys.ASSIGNMENT)))
            self.trace.say("registry", f"{before.resource} has no assignment any more")
            self._judge(invariants.hand_over_needs_proof(self, before, None))
        elif key.startswith(keys.TARGET):
            self.targets.pop(ResourceName(key.removeprefix(keys.TARGET)))
        elif key.startswith(keys.RESOURCE):
            self.definitions.pop(ResourceName(key.removeprefix(keys.RESOURCE)))
        elif key.startswith(keys.INCARNATION):
            record = self.lives.pop(Incarnation(key.removeprefix(keys.INCARNATION)))
            self.trace.say("registry", f"{record.server}/{record.incarnation[:8]} forgotten")
            self._judge(invariants.only_the_proven_are_forgotten(self, record))

    def _assignment(self, _: str, after: Assignment) -> None:
        before = self.assignments.get(after.resource)
        self.assignments[after.resource] = after
        holders = " ".join(one.server for one in after.holders)
        owner = after.owner.server if after.owner else "nobody"
        flags = "".join((" LAST RESORT" if after.last_resort else "", f" tried {len(after.tried)}" if after.tried else ""))
        self.trace.say("registry", f"{after.resource} -> {owner} e{after.epoch} [{holders}]{flags} {after.reason}")
        if after.owner is not None and after.sole_holder(after.owner.incarnation):
            self.allowed.add((after.resource, after.epoch, after.owner.incarnation))
        self._judge(invariants.hand_over_needs_proof(self, before, after))
        self._judge(invariants.first_look_then_act(self, before, after))
        left = {one.incarnation for one in before.holders} - {one.incarnation for one in after.holders} if before else set()
        for incarnation in left:
            self.released[(after.resource, incarnation)] = after.epoch

    def _incarnation(self, _: str, record: IncarnationRecord) -> None:
        self.lives[record.incarnation] = record
        self.trace.say("registry", f"{record.server}/{record.incarnation[:8]} {record.life} {record.proof}")
        if record.life in (Life.FENCED, Life.LEFT):
            self._judge(invariants.fenced_runs_nothing(self, record))
        elif record.life is Life.LOST:
            self._judge(invariants.lost_has_no_lease(self, record))

    def _definition(self, name: str, record: Definition) -> None:
        self.definitions[ResourceName(name)] = record
        if is_local(record.type, {}):
            self._local.add(record.name)

    def _leader(self, _: str, record: LeaderRecord) -> None:
        self.trace.say("registry", f"{record.server}/{record.incarnation[:8]} leads, term {record.term}")

    def _target(self, name: str, record: TargetRecord) -> None:
        self.targets[ResourceName(name)] = record.target
        self.trace.say("registry", f"target of {name} is {record.target}")

    def _request(self, _: str, record: Request) -> None:
        self.trace.say("registry", f"{record.verb} {' '.join(record.resources)} {record.server or ''}")

    def _report(self, _: str, record: Report) -> None:
        failure = "" if record.failure is None else f" FAILED {record.failure.kind} e{record.failure.epoch}"
        state = f"{record.state}/{record.internal} e{record.epoch} restarts {record.restarts}"
        self.trace.say("registry", f"{record.server} reports {record.resource} {state}{failure}")


_TAKE: dict[str, Callable[..., None]] = {
    keys.ASSIGNMENT: Truth._assignment,
    keys.INCARNATION: Truth._incarnation,
    keys.RESOURCE: Truth._definition,
    keys.LEADER: Truth._leader,
    keys.TARGET: Truth._target,
    keys.REQUEST: Truth._request,
    keys.REPORT: Truth._report,
}
