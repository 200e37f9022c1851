"""A resource as the deciders see it: its profile resolved, its dependencies parsed. Built by `model/profile.py` from attributes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from understudy.kinds import script
from understudy.kinds.catalogue import KINDS
from understudy.kinds.kind import ResourceKind
from understudy.model.names import CategoryName, PoolName, ResourceName, ServerName, TypeName, registered_name

ELSEWHERE = ServerName("")
POOL_SIZE = 0
"""A cardinality: as many as there are servers in the pools."""
MOST_INSTANCES = 32
"""Of one resource: all their assignments may change in one commit (`policy/groups.py`, GROUP_MOST)."""


class Placement(StrEnum):
    """The rule by which candidates are chosen."""

    BALANCED = "balanced"
    FAVORED = "favored"
    RESTRICTED = "restricted"


class AutoStart(StrEnum):
    """What is started when a server's clusterware comes up (clusterware vocabulary, AUTO_START)."""

    ALWAYS = "always"
    """It is wanted from then on, also if an operator had stopped it."""
    RESTORE = "restore"
    """What was wanted is wanted."""
    NEVER = "never"
    """What is down then stays down until it is started by command."""


class DependencyKind(StrEnum):
    """Kinds of dependency (clusterware vocabulary, section 6 of Oracle's guide)."""

    HARD = "hard"
    WEAK = "weak"
    ATTRACTION = "attraction"
    PULLUP = "pullup"
    DISPERSION = "dispersion"
    EXCLUSION = "exclusion"


PREEMPTS = frozenset({"preempt_pre", "preempt_post"})
"""Modifiers of an exclusion: what it means gives way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One entity of one kind: `hard(global:intermediate:db)` is one of these."""

    kind: DependencyKind
    entity: str
    """Name of a resource, or of a type when `is_type`."""
    is_type: bool = False
    modifiers: frozenset[str] = frozenset()
    """global, intermediate, uniform, concurrent, shutdown, pool, preempt_pre, preempt_post; and always, active from the kind's suffix."""

    @property
    def same_server(self) -> bool:
        """Whether both must be on one server (hard without `global:`)."""
        return self.kind is DependencyKind.HARD and "global" not in self.modifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One registered resource. Durations in seconds."""

    name: ResourceName
    type: TypeName
    uid: str
    """Made when it was registered: a resource deleted and added again under its old name is another one."""
    cardinality: int = 1
    """So many instances of it run at once; POOL_SIZE: one on each server of its pools."""
    number: int = 1
    """Of the instance that this is, where each is a resource (`model/cardinality.py`), or that a server works for."""
    siblings: tuple["ResourceName", ...] = ()
    """All instances, this one included, where each is a resource."""
    beyond: bool = False
    """An instance that is there, and more than are wanted."""
    local: bool = False
    """A local resource: one instance on every server, never moved, exempt from leases (S4)."""
    agent: str = script.KIND.name
    """Name of its kind, and of the agent that serves it."""
    lineage: tuple[TypeName, ...] = ()
    """Its type and the types above it, up to the root."""
    attributes: Mapping[str, str]
    """Every attribute by name, defaults filled in; what `crsctl stat res -p` prints."""
    placement: Placement = Placement.BALANCED
    hosting_members: tuple[ServerName, ...] = ()
    server_pools: tuple[PoolName, ...] = ()
    """`*` means any pool."""
    server_category: CategoryName | None = None
    """Of which its servers must be, or by PLACEMENT=favored without HOSTING_MEMBERS had better be; None: of any."""
    start: tuple[Dependency, ...] = ()
    stop: tuple[Dependency, ...] = ()
    enabled: bool = True
    active_placement: bool = False
    load: int = 1
    restart_attempts: int = 1
    check_interval_s: float = 60.0
    offline_check_interval_s: float = 0.0
    """Between looks where it is not assigned; 0: as the lane thinks fit."""
    check_failures: int = 3
    """Silent checks in a row that make a failure."""
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 60.0
    check_timeout_s: float = 60.0
    clean_timeout_s: float = 60.0
    action_timeout_s: float = 60.0
    uptime_threshold_s: float = 3600.0
    start_concurrency: int = 0
    """So many instances of a local resource are started at once, in the whole cluster; 0: any number."""
    stop_concurrency: int = 0
    scopes: Mapping[ServerName, "Resource"] = field(default_factory=dict)
    """Where attributes are scoped: as it is on each server that they name, and under ELSEWHERE as it is on the others."""
    auto_start: AutoStart = AutoStart.RESTORE
    instance_failover: bool = True
    """False: it does not fail over from the server that it was given, and waits for that one."""
    failover_delay_s: float = 0.0
    """So long it waits for a server that is proved lost to come back, before it starts elsewhere."""
    use_stickiness: bool = False
    """The server that it was given last is preferred to all others, whatever their load."""
    relocate_by_dependency: bool = True
    """False: it is not moved because something moves that it is tied to by dependencies."""
    intermediate_timeout_s: float = 0.0
    """Longer in INTERMEDIATE is a failure; 0: never."""
    failure_interval_s: float = 0.0
    """In so short a time `failure_threshold` failures are too many; either 0: they are not counted (`model/failures.py`)."""
    failure_threshold: int = 0
    stop_failure_fences: bool = False
    """STOP_FAILURE=fence: where it cannot be stopped the server is evicted."""
    user: str = "root"
    """Owner of the ACL: actions run as this user."""

    def on(self, server: ServerName) -> "Resource":
        """As it is on this server: with the attributes whose scope names it."""
        return self.scopes.get(server) or self.scopes[ELSEWHERE] if self.scopes else self

    @property
    def several(self) -> bool:
        """Whether it may have more than one instance."""
        return self.cardinality != 1

    @property
    def registered(self) -> ResourceName:
        """The name under which it is registered, of which looks, reports and guards speak."""
        return registered_name(self.name)

    @property
    def everywhere(self) -> tuple["Resource", ...]:
        """As it is on one server or another."""
        return tuple(self.scopes.values()) or (self,)

    @property
    def kind(self) -> ResourceKind:
        """What kind of thing it is: asked for all that differs from kind to kind."""
        return KINDS[self.agent]
