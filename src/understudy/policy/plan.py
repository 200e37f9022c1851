"""What decide answers: changed records, grouped into commits, and what to tell. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.view import Assignment, ClusterRecord, IncarnationRecord, TargetRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something for the history: kind is one of model/events.py."""

    kind: str
    resource: ResourceName | None = None
    on: ServerName | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Records that change together, in one commit: all assignments of a group (design: moving together)."""

    group: bool = False
    """All of it or nothing: these are the assignments of a group. Of any other step each record holds for itself (`bounded.py`)."""
    incarnations: tuple[IncarnationRecord, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    forgotten: tuple[Incarnation, ...] = ()
    """Records of incarnations that are deleted: proved gone, and no assignment needs the proof any more."""
    targets: tuple[tuple[ResourceName, TargetRecord], ...] = ()
    """TARGETs that the registry lost with its last hours: what is found running was wanted."""
    cluster: ClusterRecord | None = None
    """The end of a recovery, or the epoch floor rises."""
    names: tuple[ResourceName, ...] = ()
    """Of resources that are registered no more: their assignments are deleted."""
    reports: tuple[tuple[ResourceName, ServerName], ...] = ()
    """What is left of reports of these names: deleted."""
    fulfilled: tuple[str, ...] = ()
    """Ids of requests that end with this commit; of a group the one that decides first."""
    notes: tuple[Note, ...] = ()

    def with_sibling(self, step: "Step") -> "Step":
        """Together with what changes for another instance of the same resource."""
        return replace(
            self,
            assignments=self.assignments + step.assignments,
            targets=self.targets + step.targets,
            fulfilled=self.fulfilled + step.fulfilled,
            notes=self.notes + step.notes,
        )

    def __bool__(self) -> bool:
        decided = (self.incarnations, self.assignments, self.targets, self.cluster)
        return any((*decided, self.names, self.reports, self.forgotten, self.fulfilled))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All steps that follow from one View at one instant; empty: nothing to decide."""

    steps: tuple[Step, ...] = ()
    wake_at: float | None = None
    """Decide again at this instant (a quiet time ends) even if nothing else happens."""

    def __bool__(self) -> bool:
        return bool(self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the leader itself has witnessed, on its own clock; a new leader begins with what it sees, at the time it sees it."""

    quiet_until: Mapping[Incarnation, float] = field(default_factory=dict)
    """Incarnation that is LOST -> the instant from which it is fenced: proof received (or record first seen) plus quiet_s."""
    uncounted_at: Mapping[Incarnation, float] = field(default_factory=dict)
    """Incarnation that is proved gone -> from when no voter counts it any more among those that may hold a lease."""
    acting_since: float | None = None
    """Since when the leader itself has been able to act; None: it is not. What it missed meanwhile is held against nobody."""
    evicted_at: float = float("-inf")
    """When it last evicted a server that could not act."""
    recovering_since: float | None = None
    """When the leader first saw that the registry went back, or took its term since."""
    reported_since: Mapping[str, float] = field(default_factory=dict)
    """Incarnation -> since when the leader knows that it has reported what it runs."""
    unheard: frozenset[Incarnation] = frozenset()
    """Incarnations that the registry called alive when this leader asked all voters, and that no majority granted then."""
    delays: Mapping[ResourceName, tuple[tuple[int, float], float]] = field(default_factory=dict)
    """See `failover.DelaySeen`."""
    forget_at: float = 0.0
    """No names of deleted resources are forgotten before this instant: not at each deletion."""
    servers: frozenset[ServerName] = frozenset()
    """Those of the settings: they are expected back, in the version that they had, also where the registry calls them gone."""
