"""The View: one immutable snapshot of all that is known, and the records it is made of.

Records are what the registry stores (`registry/wire.py` encodes them); the View is assembled by `daemon/mirror.py`.
Pure values: no behaviour beyond look-ups.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter, is_

from understudy.model.custom import AskedAnswer
from understudy.model.given import GivenCommand
from understudy.model.names import CategoryName, Incarnation, PoolName, ResourceName, ServerName, TypeName, number_of
from understudy.model.reasons import Reason
from understudy.model.resource import Resource
from understudy.model.rotation import KeyRotation as KeyRotation
from understudy.model.rotation import KeyStep as KeyStep
from understudy.model.servers import ServerCategory as ServerCategory
from understudy.model.servers import ServerHardware as ServerHardware
from understudy.model.servers import ServerRecord
from understudy.model.state import ALIVE, PROVEN, Internal, Life, State, Target
from understudy.model.wanted import TargetRecord as TargetRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRecord:
    """The cluster's own facts; written once at creation, conditionally afterwards."""

    name: str
    voters: tuple[ServerName, ...]
    voter_set: int = 1
    pause_tolerance: float = 2.0
    uid: str = ""
    """Made at creation, 128 random bits: another one is another registry."""
    era: int = 1
    """Grows whenever somebody notices that the registry went back (was set back to an older copy, or recreated)."""
    branch: int = 0
    """63 random bits of this era: two eras of one number are distinguished by them."""
    recovering: bool = False
    """The era has begun and it is not known yet what runs where: nothing is given to anybody that may run elsewhere."""
    epoch_floor: int = 0
    """Every epoch that is given is above it; a name without an assignment stands at it: no epoch of a forgotten name was higher."""
    rotation: KeyRotation | None = None
    """The last exchange of the guards' key."""
    old_voters: tuple[ServerName, ...] = ()
    """Not empty: the voters are changing from these to `voters`, and `voter_set` is the new number already. Lost needs a majority of both
    until every incarnation that is not proved gone has acknowledged that number (docs/design/0011-voters-change-jointly.md)."""

    @property
    def phase(self) -> int:
        """Grows with each step of a change of the voters: who goes by the same one counts the same voters."""
        return 2 * self.voter_set - bool(self.old_voters)

    @property
    def voter_sets(self) -> tuple[tuple[ServerName, ...], ...]:
        """The sets of which a majority each is needed to prove anything: one, or both while they change."""
        return (self.voters, self.old_voters) if self.old_voters else (self.voters,)

    @property
    def all_voters(self) -> tuple[ServerName, ...]:
        """Whoever votes now; while they change, of either set."""
        return tuple(dict.fromkeys((*self.voters, *self.old_voters)))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderRecord:
    """Who decides: changes only when another takes over, so that every decision can be conditional on it (S7)."""

    server: ServerName
    incarnation: Incarnation
    term: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The leader's sign of progress: a count that grows; beside the LeaderRecord so that it disturbs no decision's condition."""

    term: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncarnationRecord:
    """One run of a server. JOINING, ONLINE and LEAVING are written by its own daemon, the rest by the leader (or LEFT by itself)."""

    incarnation: Incarnation
    server: ServerName
    life: Life
    order: int = 0
    """Grows with every incarnation of the same server: the newest is the server's present one."""
    proof: str = ""
    """For LOST, FENCED, LEFT: how it was proved."""
    format: int = 1
    """The newest format of the registry's values that its daemon reads: nobody writes a newer one while it is there."""
    by: str = ""
    """LEAVING at an operator's word: whose. It stays out until it is asked back."""
    at_once: bool = False
    """LEAVING without stopping anything in order first."""
    evicted: bool = False
    """An operator or the leader has ended it; true whatever became of it since."""
    forgets: bool = False
    """Its daemon knows of the epoch floor: until all do, no name is forgotten."""
    types_anywhere: bool = False  # its daemon reads dependencies in which a type is not the last: until all do, none is registered
    knows_categories: bool = False  # its daemon reads categories and attributes of servers: until all do, none is registered
    knows_instances: bool = False  # its daemon knows of several instances of a resource: until all do, no resource has any
    knows_servers: bool = False
    """Its daemon reads the records of servers: until all do, none is written in a cluster that has none."""
    coming_up: bool = False
    """Its clusterware has come up, and what AUTO_START says of that is not decided yet. False of a version that knows nothing of it."""
    voter_set: int = 0
    """It has acknowledged the voters of this number: it holds its lease by their grants alone. 0: daemon or guard are of a version that
    knows of no change of the voters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A server pool as registered."""

    name: PoolName
    server_names: tuple[ServerName, ...] = ()
    parent_pools: tuple[PoolName, ...] = ()
    importance: int = 0
    min_size: int = 0
    max_size: int = -1
    attributes: Mapping[str, str] = field(default_factory=dict)
    """The remaining ones (ACL, EXCLUSIVE_POOLS, SERVER_CATEGORY), as given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRecord:
    """A resource type: its base and the attributes it adds or overrides (name -> default)."""

    name: TypeName
    base: TypeName | None
    attributes: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    """Attribute -> `string|int` and flags, as given: `int,CONFIG`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A resource as registered: type and the attributes that were given; `Resource` is it resolved."""

    name: ResourceName
    type: TypeName
    uid: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """An incarnation that may be running a resource, and the epoch under which it was given it."""

    server: ServerName
    incarnation: Incarnation
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Why a holder is no longer one: its release, or the proof that its incarnation is fenced or left."""

    holder: Holder
    kind: str
    """`release`, `fenced` or `left`."""
    epoch: int
    """The assignment's epoch when it was accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Which incarnation a resource belongs to (S3). The owner, if any, is among the holders; it starts only as the sole one."""

    resource: ResourceName
    epoch: int
    owner: Holder | None = None
    holders: tuple[Holder, ...] = ()
    proofs: tuple[Proof, ...] = ()
    """Of this epoch's hand-over."""
    tried: tuple[Incarnation, ...] = ()
    """Incarnations on which it failed since it last proved itself; not chosen again while another is left."""
    last_resort: bool = False
    """No candidate is left: it is retried where it is, with growing pauses."""
    reason: Reason | None = None
    """Why it is as it is; None: it was never assigned."""
    last: ServerName | None = None
    """Without an owner: the server to which it belonged last."""
    failover_in_s: float = 0.0
    """Without an owner: for so long, from when a leader sees this first, it waits for that server to come back (FAILOVER_DELAY)."""
    era: int = 1
    """Of the registry in which it was decided. Of an older one: what a copy says, not confirmed yet; nobody acts on it."""
    pulled: str = ""  # of `pullup:always`: which starts were taken into account (`policy/pullup.py`); empty: it is not known
    spread: tuple[Incarnation, ...] = ()  # of `dispersion:active`: who was ONLINE when it was applied last; empty: it is not known
    within: tuple[ServerName, ...] = ()
    """An operator's word about this start: as long as it was not up under this epoch it is tried on no other server. Empty: on any."""

    @property
    def last_server(self) -> ServerName | None:
        """To which it belongs, or belonged last."""
        return self.last if self.owner is None else self.owner.server

    def sole_holder(self, incarnation: Incarnation) -> bool:
        """Whether this incarnation owns it and nobody else may be running it."""
        return (
            self.owner is not None
            and self.owner.incarnation == incarnation
            and all(other.incarnation == incarnation for other in self.holders)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What went wrong with a resource on a server, under one assignment."""

    kind: str
    """`start` (could not be started here), `restarts` (restarts used up), `stop` (the ladder ended in UNKNOWN)."""
    epoch: int
    text: str = ""
    """The last lines it printed, or what holds on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The state of a resource on one server, as that server's lane last wrote it."""

    resource: ResourceName
    server: ServerName
    incarnation: Incarnation
    epoch: int
    """Of the assignment it was running under; 0: none (found at the first look, or a local resource)."""
    state: State
    internal: Internal = Internal.STABLE
    details: str = ""
    restarts: int = 0
    """RESTART_COUNT: restarts on this server since it last proved itself."""
    starts: int = 0
    """INCARNATION of crsctl: successful starts."""
    failure: Failure | None = None
    proven: bool = False
    """Up for UPTIME_THRESHOLD: earlier failures elsewhere are forgiven."""
    changed_wall: float = 0.0
    """When this state was first seen, seconds since the epoch on that server's clock."""
    started_wall: float = 0.0
    """Last successful start."""
    guarded: bool = True
    """False: ONLINE with no process in its control group, so that nothing but polling watches it."""
    failed_at: tuple[float, ...] = ()
    """When it last failed here while it ran, oldest first, by this server's wall clock; in other incarnations, too."""
    failed_after: str = ""
    """After which start by hand (or registration) that was: see `model/failures.py`."""
    asked: AskedAnswer | None = None
    """What came of the last custom action that was asked for and run here."""
    tried: int = -1  # epoch under which its last start was begun there; 0: none was; -1: of a version that does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """S6: what a joining (or joined) incarnation has checked, resource -> uid of the definition it looked at."""

    server: ServerName
    incarnation: Incarnation
    looked: Mapping[ResourceName, str] = field(default_factory=dict)
    era: int = 1
    """Of the registry, as that daemon knew it: who has written its look in this era goes by it alone, and has reported what it runs."""
    epochs: Mapping[ResourceName, int] = field(default_factory=dict)
    """Where the guard of this server remembers a higher epoch than the registry says: nothing starts there below it."""
    floor: int = 0
    """Above the registry's epoch floor: what the guard of this server has forgotten, or remembers of names that nobody knows."""
    untold: Mapping[ResourceName, str] = field(default_factory=dict)
    """The same of what its look could not tell: the check did not answer, and nothing runs in the resource's control group."""
    unregistered: tuple[ResourceName, ...] = ()
    """What runs there and is not registered, for people; the first of them."""
    keys: tuple[str, ...] = ()
    """The guards' keys there, by name: the first is sent with, all are accepted. Empty: not said yet, or by a version without."""
    seal: str = ""
    """For what others seal what this server alone may know."""
    hardware: ServerHardware | None = None
    """None: not said yet, or by a version that does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An operator's one-time wish about place; deleted in the commit that fulfils or refuses it. Leaves no constraint."""

    id: str
    verb: str
    """`start` or `relocate`."""
    resources: tuple[ResourceName, ...]
    server: ServerName | None = None
    by: str = ""
    within: tuple[ServerName, ...] = ()
    """Where the start fails it is tried on these alone (`start -n`, `start -s`); empty: on any. An older leader passes over it."""


class Requests(tuple[Request, ...]):
    """Some, in order of their ids; of thousands it is known at once which are about a resource."""

    by_resource: Mapping[ResourceName, tuple[Request, ...]]

    def __new__(cls, requests: Iterable[Request], by_resource: Mapping[ResourceName, tuple[Request, ...]]) -> "Requests":
        """`by_resource`: the same, under each resource that they name."""
        made = super().__new__(cls, requests)
        made.by_resource = by_resource
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the history: what happened, when, why and how long it took."""

    wall: float
    """Seconds since the epoch on the writer's clock."""
    server: ServerName
    """Who wrote it."""
    kind: str
    """A constant: `start-begun`, `start-done`, `start-failed`, `assigned`, `lost`, ... (`model/events.py`)."""
    resource: ResourceName | None = None
    on: ServerName | None = None
    """The server it happened on."""
    ms: float | None = None
    """How long the step took."""
    cause: str = ""
    text: str = ""
    activity: str = ""
    """What it is part of: a lane's undertaking or the leader's decision, as the logs call it. Empty: of none, or of a version without."""
    command: str = ""
    """The command that it belongs to, or follows from; empty: none that is known."""
    given: GivenCommand | None = None
    """Of an event that tells of a command itself: more of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unable:
    """What a server's guard says of a server that cannot act; not in the registry: each daemon gets it from its own guard."""

    server: ServerName
    why: str
    since: float
    """On the monotonic clock of the daemon whose View this is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that is known at one revision of the registry."""

    revision: int = 0
    cluster: ClusterRecord | None = None
    leader: LeaderRecord | None = None
    beat: Beat | None = None
    servers: Mapping[ServerName, ServerRecord] = field(default_factory=dict)
    """Which servers there are; none: the cluster was made before they were registered, and the settings say it."""
    incarnations: Mapping[Incarnation, IncarnationRecord] = field(default_factory=dict)
    pools: Mapping[PoolName, Pool] = field(default_factory=dict)
    categories: Mapping[CategoryName, ServerCategory] = field(default_factory=dict)
    types: Mapping[TypeName, TypeRecord] = field(default_factory=dict)
    definitions: Mapping[ResourceName, Definition] = field(default_factory=dict)
    resources: Mapping[ResourceName, Resource] = field(default_factory=dict)
    targets: Mapping[ResourceName, TargetRecord] = field(default_factory=dict)
    assignments: Mapping[ResourceName, Assignment] = field(default_factory=dict)
    reports: Mapping[ResourceName, Mapping[ServerName, Report]] = field(default_factory=dict)
    looks: Mapping[ServerName, Look] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    unable: Mapping[Incarnation, Unable] = field(default_factory=dict)
    """Incarnations whose guards say that their server cannot act, whatever their lease."""
    plain: "View | None" = None
    """Where each instance is a resource, which is what policy goes by (`model/cardinality.py`): the View of which it is a reading."""
    set_back: str = ""
    """Why this is not the registry that was acted on before, as long as no new era has begun. Nobody acts on such a View."""

    @property
    def apart(self) -> bool:
        """Whether each instance is a resource in it."""
        return self.plain is not None

    @property
    def era(self) -> int:
        """Of the registry: what was decided in an older one is not confirmed yet."""
        return 1 if self.cluster is None else self.cluster.era

    @property
    def phase(self) -> int:
        """Of the voters; 0 before there is a cluster."""
        return 0 if self.cluster is None else self.cluster.phase

    @property
    def epoch_floor(self) -> int:
        """Of the registry: where a name stands that has no assignment."""
        return 0 if self.cluster is None else self.cluster.epoch_floor

    def next_epoch(self, epoch: int) -> int:
        """The epoch that is given next to what stands at this one: above the floor, whatever it is given to."""
        return max(epoch, self.epoch_floor) + 1

    @property
    def recovering(self) -> bool:
        """Whether the registry went back, and it is not known again yet what runs where."""
        return self.cluster is not None and self.cluster.recovering

    def unacknowledged(self) -> tuple[IncarnationRecord, ...]:
        """While the voters change: whom the change waits for, by server. It may hold its lease by the old ones, and is not proved gone."""
        if self.cluster is None or not self.cluster.old_voters:
            return ()
        waited_for = (record for record in self.incarnations.values() if record.life not in PROVEN)
        late = (record for record in waited_for if record.voter_set < self.cluster.voter_set)
        return tuple(sorted(late, key=lambda record: (record.server, record.order)))

    def in_doubt(self, assignment: Assignment) -> bool:
        """Whether an assignment is only what a copy of the registry says: nobody acts on it."""
        return bool(self.set_back) or assignment.era != self.era

    def same_facts(self, other: "View") -> bool:
        """Whether the two differ in no more than revision and the leader's beat: by identity, for what changes is replaced. A beat, or a
        line of the history, is no reason to decide anything anew."""
        return all(map(is_, _facts(self), _facts(other)))

    def present(self) -> Mapping[ServerName, IncarnationRecord]:
        """The newest incarnation of every server that was ever seen, by server name."""
        newest: dict[ServerName, IncarnationRecord] = {}
        for record in self.incarnations.values():
            other = newest.get(record.server)
            if other is None or (record.order, record.incarnation) > (other.order, other.incarnation):
                newest[record.server] = record
        return dict(sorted(newest.items()))

    def witness(self, server: ServerName) -> bool:
        """Whether a server only votes: it runs no resources, and looks at none."""
        record = self.servers.get(server)
        return record is not None and record.witness

    def workers(self) -> Mapping[ServerName, IncarnationRecord]:
        """As `present`, without witnesses."""
        present = self.present()
        return {server: record for server, record in present.items() if not self.witness(server)} if self.servers else present

    def life(self, incarnation: Incarnation) -> Life | None:
        """Where an incarnation stands; None if it was never registered (or was forgotten after it was proven)."""
        record = self.incarnations.get(incarnation)
        return None if record is None else record.life

    def alive(self, incarnation: Incarnation) -> bool:
        """Whether the registry still takes the incarnation for running."""
        return self.life(incarnation) in ALIVE

    def proven(self, incarnation: Incarnation) -> bool:
        """Whether the incarnation is proved to hold nothing. One that was never registered proves nothing."""
        return self.life(incarnation) in PROVEN

    def target(self, resource: ResourceName) -> Target:
        """What is wanted of a resource, or an instance; OFFLINE as long as nobody said otherwise."""
        record = self.targets.get(resource)
        if record is None:
            return Target.OFFLINE
        return record.of(number_of(resource)) if record.numbers else record.target

    def target_on(self, resource: ResourceName, server: ServerName | None) -> Target:
        """The same of its instance on this server: of a local resource it may be another one there than elsewhere."""
        record = self.targets.get(resource)
        if record is None:
            return Target.OFFLINE
        return record.of(number_of(resource)) if record.numbers else record.on(server)

    def requests_about(self, name: ResourceName) -> tuple[Request, ...]:
        """What is asked of a resource and not answered yet."""
        if isinstance(self.requests, Requests):
            return self.requests.by_resource.get(name, ())
        return tuple(request for request in self.requests if name in request.resources)

    def has_reported(self, record: IncarnationRecord) -> bool:
        """Whether this incarnation has reported, in this era, what it runs."""
        look = self.looks.get(record.server)
        return look is not None and look.incarnation == record.incarnation and look.era == self.era

    def looked(self, server: ServerName, incarnation: Incarnation, resource: Resource) -> bool:
        """S6: whether this incarnation has checked this very resource."""
        look = self.looks.get(server)
        if look is None or look.incarnation != incarnation or look.era != self.era:
            return False
        return look.looked.get(resource.registered) == resource.uid

    def could_not_tell(self, server: ServerName, incarnation: Incarnation, resource: Resource) -> bool:
        """S6: whether the look of this incarnation at this very resource has ended without an answer."""
        look = self.looks.get(server)
        if look is None or look.incarnation != incarnation or look.era != self.era:
            return False
        return look.untold.get(resource.registered) == resource.uid

    def report(self, resource: ResourceName, server: ServerName) -> Report | None:
        """What the server's present incarnation last said of the resource; None if it said nothing."""
        report = self.reports.get(resource, {}).get(server)
        if report is None or not self.alive(report.incarnation):
            return None
        return report


_facts = attrgetter(*(fact.name for fact in fields(View) if fact.name not in ("revision", "beat")))
