"""A large cluster as its daemons see it: trios (address, mount, service) on restricted, favored and balanced placement.

Used by `decide.py`. Every record is written and read as the registry's values are, so that the View takes as much memory as a daemon's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from understudy.daemon.decisions import writes_of
from understudy.daemon.entries import Entries
from understudy.model.looks import PAGE_NAMES
from understudy.model.names import Incarnation, PoolName, ResourceName, ServerName, TypeName
from understudy.model.state import Life, State, Target
from understudy.model.view import (
    Assignment,
    ClusterRecord,
    Definition,
    IncarnationRecord,
    Look,
    Pool,
    Report,
    TargetRecord,
    View,
)
from understudy.policy.plan import Plan
from understudy.registry import keys, wire

PLACEMENTS = (
    {"PLACEMENT": "restricted", "SERVER_POOLS": "half"},
    {"PLACEMENT": "favored", "HOSTING_MEMBERS": "ctr02 ctr03"},
    {"PLACEMENT": "balanced", "SERVER_POOLS": "*"},
)
KeyedRecords = Iterable[tuple[str, Any]]


@dataclass(slots=True)
class LargeCluster:
    """What is known of it, and what the last records were about."""

    entries: Entries = field(default_factory=Entries)
    view: View = field(default_factory=View)
    changed: frozenset[ResourceName] | None = None
    """Of whom the View may say something else than the one before; None: of any."""

    def take(self, records: KeyedRecords) -> None:
        """They are written, and everybody reads them; None: deleted."""
        self.view, self.changed = self.entries.taken(self.view, self.view.revision + 1, map(_as_read, records))

    def carry_out(self, plan: Plan) -> None:
        """What the leader has decided is written, and everything that belongs to somebody comes up there."""
        self.take([item for step in plan.steps for item in writes_of(self.view, step).items()])
        changed = self.changed
        assigned = (assignment for step in plan.steps for assignment in step.assignments)
        self.take((keys.report(each.resource, each.owner.server), _up(each)) for each in assigned if each.owner is not None)
        self.changed = None if changed is None or self.changed is None else changed | self.changed

    def lose_a_server(self) -> None:
        """The first one has lost its power, and is fenced."""
        record = next(iter(self.view.incarnations.values()))
        gone = IncarnationRecord(
            incarnation=record.incarnation, server=record.server, life=Life.FENCED, order=record.order, forgets=True, proof="confirmed off"
        )
        self.take([(keys.incarnation(gone.incarnation), gone)])


def registered(resources: int, servers: int) -> LargeCluster:
    """Everything is registered, looked at and wanted, and nothing is assigned yet."""
    cluster = LargeCluster()
    cluster.take(_records(resources, servers))
    return cluster


def _as_read(item: tuple[str, Any]) -> tuple[str, Any]:
    key, record = item
    return key, None if record is None else wire.decode(key, wire.encode(record))


def _records(resources: int, servers: int) -> Iterator[tuple[str, Any]]:
    names = [ServerName(f"ctr{number:02}") for number in range(1, servers + 1)]
    yield keys.CLUSTER, ClusterRecord(name="bench", voters=tuple(names[:3]))
    yield keys.pool("half"), Pool(name=PoolName("half"), server_names=tuple(names[::2]), parent_pools=(PoolName("Generic"),))
    for number, name in enumerate(names):
        life = Incarnation(f"{number + 1:032x}")
        yield keys.incarnation(life), IncarnationRecord(incarnation=life, server=name, life=Life.ONLINE, order=1, forgets=True)
    definitions = [definition for number in range(resources // 3) for definition in _trio(number)]
    for definition in definitions:
        yield keys.resource(definition.name), definition
        yield keys.target(definition.name), TargetRecord(target=Target.ONLINE, by="root@ctr01")
    for number, name in enumerate(names):
        yield from _looks(name, Incarnation(f"{number + 1:032x}"), definitions)


def _trio(number: int) -> list[Definition]:
    """An address, a mount on it and a service on both."""
    vip, data, service = f"vip{number}", f"data{number}", f"svc{number}"
    needs = {vip: "", data: f"hard({vip})", service: f"hard({vip},{data})"}
    placement = PLACEMENTS[number % len(PLACEMENTS)]
    return [
        Definition(
            name=ResourceName(name),
            type=TypeName("cluster_resource"),
            uid=f"{3 * number + place:032x}",
            attributes={**placement, "START_DEPENDENCIES": need, "STOP_DEPENDENCIES": need},
        )
        for place, (name, need) in enumerate(needs.items())
    ]


def _looks(server: ServerName, life: Incarnation, definitions: list[Definition]) -> Iterator[tuple[str, Look]]:
    """The pages of one server, the first of them last, as they are written."""
    pages = [definitions[first : first + PAGE_NAMES] for first in range(0, len(definitions), PAGE_NAMES)] or [[]]
    for number, page in reversed(list(enumerate(pages))):
        looked = {definition.name: definition.uid for definition in page}
        yield keys.look(server, number), Look(server=server, incarnation=life, looked=looked)


def _up(assignment: Assignment) -> Report:
    assert assignment.owner is not None
    return Report(
        resource=assignment.resource,
        server=assignment.owner.server,
        incarnation=assignment.owner.incarnation,
        epoch=assignment.epoch,
        state=State.ONLINE,
    )
