"""The ground on which decisions stand: what many rules ask of one View, worked out once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from understudy.model.names import Incarnation, PoolName, ResourceName, ServerName, TypeName
from understudy.model.pools import membership
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.state import Life, State
from understudy.model.types import descent
from understudy.model.view import Assignment, IncarnationRecord, Request, View
from understudy.policy.eras import remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A View with its servers, pools and burdens looked up."""

    view: View
    present: Mapping[ServerName, IncarnationRecord]
    """Newest incarnation of every server."""
    pools: Mapping[PoolName, tuple[ServerName, ...]]
    """Active servers of every pool, Free and Generic included."""
    by_type: Mapping[str, tuple[ResourceName, ...]]
    """Resources of every type and of the types that descend from it, by name."""
    rivals: Mapping[ResourceName, frozenset[ResourceName]]
    """Which exclude each other, whichever of the two says so."""
    requests: Mapping[ResourceName, tuple[Request, ...]]
    """Under the first resource of each that is still registered: its group settles it."""
    owners: dict[ResourceName, ServerName]
    """Which server's present incarnation owns a resource. With `loads` the one thing that moves while a decision is made: groups that are
    settled later see where the earlier ones went."""
    loads: dict[ServerName, int]
    """Sum of LOAD of what each server owns."""
    remembered: Mapping[ResourceName, int]
    """Of which a guard remembers a higher epoch than the registry said: the highest."""

    def life(self, server: ServerName) -> Life | None:
        """Where the server's newest incarnation stands; None: never seen."""
        record = self.present.get(server)
        return None if record is None else record.life

    def incarnation(self, server: ServerName) -> Incarnation | None:
        """The server's newest incarnation."""
        record = self.present.get(server)
        return None if record is None else record.incarnation

    def unable(self, server: ServerName) -> str:
        """Why the server's present incarnation cannot act, as its guard says; empty: nothing is said against it."""
        incarnation = self.incarnation(server)
        said = None if incarnation is None else self.view.unable.get(incarnation)
        return "" if said is None else said.why

    def burden(self, server: ServerName, *, without: ResourceName) -> int:
        """Sum of LOAD of what the server owns, one resource apart."""
        own = self.view.resources[without].load if self.owners.get(without) == server else 0
        return self.loads.get(server, 0) - own

    def owns(self, server: ServerName, resource: ResourceName) -> bool:
        """Whether the resource belongs to the server's present incarnation."""
        return self.owners.get(resource) == server

    def holds(self, server: ServerName, resource: ResourceName) -> bool:
        """Whether the server's present incarnation may be running the resource, owner or not."""
        assignment = self.view.assignments.get(resource)
        present = self.incarnation(server)
        return self.owns(server, resource) or (
            assignment is not None and any(holder.incarnation == present for holder in assignment.holders)
        )

    def meant(self, dependency: Dependency) -> tuple[ResourceName, ...]:
        """The resources that a dependency names, one by one or by type."""
        return self.by_type.get(dependency.entity, ()) if dependency.is_type else (ResourceName(dependency.entity),)

    def online_here(self, resource: ResourceName, server: ServerName) -> bool:
        """Whether the server's present incarnation reports the resource ONLINE (or INTERMEDIATE)."""
        report = self.view.report(resource, server)
        return report is not None and report.incarnation == self.incarnation(server) and report.state in (State.ONLINE, State.INTERMEDIATE)

    def settle(self, assignments: Iterable[Assignment]) -> None:
        """Count these assignments from now on instead of the View's."""
        for assignment in assignments:
            resource = self.view.resources.get(assignment.resource)
            load = 0 if resource is None else resource.load
            before = self.owners.pop(assignment.resource, None)
            if before is not None:
                self.loads[before] -= load
            record = None if assignment.owner is None else self.present.get(assignment.owner.server)
            if assignment.owner is not None and record is not None and record.incarnation == assignment.owner.incarnation:
                self.owners[assignment.resource] = assignment.owner.server
                self.loads[assignment.owner.server] = self.loads.get(assignment.owner.server, 0) + load


def survey(view: View) -> Ground:
    """Look the View over once."""
    present = view.present()
    online = [server for server, record in view.workers().items() if record.life is Life.ONLINE]
    by_type = _by_type(view)
    ground = Ground(
        view=view,
        present=present,
        pools=membership(view.pools, online),
        by_type=by_type,
        rivals=_rivals(view.resources.values(), by_type),
        requests=_requests(view),
        owners={},
        loads={},
        remembered=remembered(view),
    )
    ground.settle(view.assignments.values())
    return ground


def _by_type(view: View) -> dict[str, tuple[ResourceName, ...]]:
    ancestors: dict[TypeName, tuple[str, ...]] = {}
    members: dict[str, list[ResourceName]] = {}
    for name, resource in sorted(view.resources.items()):
        if resource.type not in ancestors:
            ancestors[resource.type] = tuple(record.name for record in descent(resource.type, view.types))
        for type_name in ancestors[resource.type]:
            members.setdefault(type_name, []).append(name)
    return {type_name: tuple(names) for type_name, names in members.items()}


def _rivals(resources: Iterable[Resource], by_type: Mapping[str, tuple[ResourceName, ...]]) -> dict[ResourceName, frozenset[ResourceName]]:
    pairs: dict[ResourceName, set[ResourceName]] = {}
    for resource in resources:
        for dependency in resource.start:
            if dependency.kind is not DependencyKind.EXCLUSION:
                continue
            for name in by_type.get(dependency.entity, ()) if dependency.is_type else (ResourceName(dependency.entity),):
                if name != resource.name:
                    pairs.setdefault(resource.name, set()).add(name)
                    pairs.setdefault(name, set()).add(resource.name)
    return {name: frozenset(rivals) for name, rivals in pairs.items()}


def _requests(view: View) -> dict[ResourceName, tuple[Request, ...]]:
    found: dict[ResourceName, tuple[Request, ...]] = {}
    for request in view.requests:
        name = next((resource for resource in request.resources if resource in view.resources), None)
        if name is not None:
            found[name] = (*found.get(name, ()), request)
    return found
