"""What one command writes, all of it in one commit or nothing: records by name, what they rest on, and what the history says of it.

Made by the modules of this package. `daemon/written.py` knows under which keys it is written. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from understudy.model.names import CategoryName, Incarnation, PoolName, ResourceName, ServerName, TypeName
from understudy.model.servers import ServerCategory, ServerRecord
from understudy.model.view import ClusterRecord, Definition, IncarnationRecord, Pool, Request, TargetRecord, TypeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Rests:
    """The records that were decided from, besides those that are written: if one of them was changed since, all is decided anew."""

    resources: tuple[ResourceName, ...] = ()
    targets: tuple[ResourceName, ...] = ()
    assignments: tuple[ResourceName, ...] = ()
    types: tuple[TypeName, ...] = ()
    pools: tuple[PoolName, ...] = ()
    categories: tuple[CategoryName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One line for the history."""

    kind: str
    """A constant of `model/events.py`."""
    resource: ResourceName | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is to be written; None deletes."""

    resources: Mapping[ResourceName, Definition | None] = field(default_factory=dict)
    types: Mapping[TypeName, TypeRecord | None] = field(default_factory=dict)
    pools: Mapping[PoolName, Pool | None] = field(default_factory=dict)
    categories: Mapping[CategoryName, ServerCategory | None] = field(default_factory=dict)
    targets: Mapping[ResourceName, TargetRecord | None] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    incarnations: tuple[IncarnationRecord, ...] = ()
    cluster: ClusterRecord | None = None
    servers: Mapping[ServerName, ServerRecord | None] = field(default_factory=dict)
    gone: tuple[Incarnation, ...] = ()
    """Lives that go, of a server that is removed,"""
    looks: tuple[ServerName, ...] = ()
    """and what it has looked at."""
    forgotten: tuple[tuple[ResourceName, ServerName], ...] = ()
    """Reports that go."""
    rests: Rests = field(default_factory=Rests)
    history: tuple[HistoryEntry, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is to be written."""
        intent = (self.resources, self.types, self.pools, self.categories, self.targets, self.requests)
        return not any((*intent, self.incarnations, self.cluster, self.servers, self.gone, self.looks, self.forgotten))
