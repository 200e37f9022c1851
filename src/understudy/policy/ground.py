"""The ground on which decisions stand: what many rules ask of one View, worked out once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from understudy.model.cardinality import apart
from understudy.model.categories import NO_CATEGORIES, CategoryMembers, category_members
from understudy.model.failures import unavailable
from understudy.model.maps import KEPT, differing, is_near
from understudy.model.membership import pools_now
from understudy.model.namers import Trait, with_trait
from understudy.model.names import Incarnation, PoolName, ResourceName, ServerName, TypeName, registered_name
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.state import Life, State, Target
from understudy.model.types import descent
from understudy.model.view import Assignment, IncarnationRecord, Request, Requests, View
from understudy.policy.eras import remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A View with its servers, pools and burdens looked up."""

    view: View
    present: Mapping[ServerName, IncarnationRecord]
    """Newest incarnation of every server."""
    pools: Mapping[PoolName, tuple[ServerName, ...]]
    """Active servers of every pool, Free and Generic included."""
    categories: CategoryMembers = NO_CATEGORIES
    """Who is of which server category."""
    by_type: Mapping[str, tuple[ResourceName, ...]]
    """Resources of every type and of the types that descend from it, by name."""
    rivals: Mapping[ResourceName, frozenset[ResourceName]]
    """Which exclude each other, whichever of the two says so."""
    requests: Mapping[ResourceName, tuple[Request, ...]]
    """Under each resource that they name."""
    owners: dict[ResourceName, ServerName]
    """Which server's present incarnation owns a resource. With `loads` the one thing that moves while a decision is made: groups that are
    settled later see where the earlier ones went."""
    loads: dict[ServerName, int]
    """Sum of LOAD of what each server owns."""
    delayed: Mapping[ResourceName, float] = field(default_factory=dict)
    """Seconds that are left of the delays of failovers (`failover.py`); only while a decision is made."""
    looked: Mapping[ServerName, Mapping[ResourceName, str]]
    """What the newest incarnation of each server has looked at in this era, as `View.looked` says it: resource -> uid of its definition."""
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
        own = load_of(self.view.resources, without, server) if self.owners.get(without) == server else 0
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
        """The resources that a dependency names, one by one or by type; of one with several instances, all of them."""
        return self.by_type.get(dependency.entity, ()) if dependency.is_type else instances_named(self.view.resources, dependency.entity)

    def online_here(self, resource: ResourceName, server: ServerName) -> bool:
        """Whether the server's present incarnation reports the resource ONLINE (or INTERMEDIATE)."""
        report = self.view.report(resource, server)
        return report is not None and report.incarnation == self.incarnation(server) and report.state in (State.ONLINE, State.INTERMEDIATE)

    def has_looked(self, server: ServerName, resource: Resource) -> bool:
        """S6: whether the server's newest incarnation has checked this very resource."""
        looked = self.looked.get(server)
        return looked is not None and looked.get(resource.registered) == resource.uid

    def to_settle(self, name: ResourceName) -> tuple[Request, ...]:
        """Requests that the group of this resource settles: it is the first of theirs that is still registered."""
        about, resources = self.requests.get(name, ()), self.view.resources
        return tuple(request for request in about if next((other for other in request.resources if other in resources), None) == name)

    def settle(self, assignments: Iterable[Assignment]) -> None:
        """Count these assignments from now on instead of the View's."""
        for assignment in assignments:
            before = self.owners.pop(assignment.resource, None)
            if before is not None:
                self.loads[before] -= load_of(self.view.resources, assignment.resource, before)
            record = None if assignment.owner is None else self.present.get(assignment.owner.server)
            if assignment.owner is not None and record is not None and record.incarnation == assignment.owner.incarnation:
                server = assignment.owner.server
                self.owners[assignment.resource] = server
                self.loads[server] = self.loads.get(server, 0) + load_of(self.view.resources, assignment.resource, server)


@dataclass(frozen=True, slots=True)
class _Owned:
    """What `Ground.owners` and `Ground.loads` are as long as nothing was decided. It depends on these three maps alone; what was counted
    last is remembered, as from one View to the next few assignments differ."""

    assignments: Mapping[ResourceName, Assignment]
    resources: Mapping[ResourceName, Resource]
    incarnations: Mapping[Incarnation, IncarnationRecord]
    owners: Mapping[ResourceName, ServerName]
    loads: Mapping[ServerName, int]

    def is_of(self, view: View) -> bool:
        return self.assignments is view.assignments and self.resources is view.resources and self.incarnations is view.incarnations

    def is_near(self, view: View) -> bool:
        """Whether it is known how its maps differ from those of a View."""
        return is_near(self.assignments, view.assignments) and is_near(self.resources, view.resources)

    def after(self, view: View) -> "_Owned":
        """The same of another View with these incarnations."""
        owners, loads, present = dict(self.owners), dict(self.loads), view.present()
        for name in {*differing(self.assignments, view.assignments), *differing(self.resources, view.resources)}:
            if (before := owners.pop(name, None)) is not None:
                loads[before] -= load_of(self.resources, name, before)
            assignment = view.assignments.get(name)
            owner = None if assignment is None else assignment.owner
            if owner is not None and owner.server in present and present[owner.server].incarnation == owner.incarnation:
                owners[name] = owner.server
                loads[owner.server] = loads.get(owner.server, 0) + load_of(view.resources, name, owner.server)
        return _Owned(view.assignments, view.resources, view.incarnations, owners, loads)


_counted: list[_Owned] = []


def _owned(view: View) -> _Owned:
    for known in _counted:
        if known.is_of(view):
            return known
    blank = _Owned({}, {}, view.incarnations, {}, {})
    alike = [known for known in _counted if known.incarnations is view.incarnations]
    # a command has also asked about the View that a change would lead to, of which the next one did not come
    found = next((known for known in alike if known.is_near(view)), alike[0] if alike else blank).after(view)
    _counted[:] = [found, *_counted[: KEPT - 1]]
    return found


def instances_named(resources: Mapping[ResourceName, Resource], entity: str) -> tuple[ResourceName, ...]:
    """What the name of a resource means where each instance is one."""
    resource = resources.get(ResourceName(entity))
    return (resource.siblings if resource is not None else ()) or (ResourceName(entity),)


def load_of(resources: Mapping[ResourceName, Resource], name: ResourceName, server: ServerName) -> int:
    """LOAD of a resource on a server; 0 of what is registered no more."""
    resource = resources.get(name)
    return 0 if resource is None else resource.on(server).load


def is_wanted(view: View, name: ResourceName) -> bool:
    """Whether somebody wants it to run, and it may: it is enabled, and has not failed too often."""
    resource = view.resources[name]
    return view.target(name) is Target.ONLINE and resource.enabled and not unavailable(view, resource)


def survey(view: View) -> Ground:
    """Look the View over once; in the Ground's each instance is a resource."""
    view = apart(view)
    present, owned = view.present(), _owned(view)
    by_type = ResourcesByType(view)
    return Ground(
        view=view,
        present=present,
        pools=pools_now(view),
        categories=category_members(view),
        by_type=by_type,
        rivals=rivals_of(view, by_type),
        requests=requests_of(view),
        owners=dict(owned.owners),
        loads=dict(owned.loads),
        looked=looked_of(view, present),
        remembered=remembered(view),
    )


def looked_of(view: View, present: Mapping[ServerName, IncarnationRecord]) -> dict[ServerName, Mapping[ResourceName, str]]:
    """See `Ground.looked`."""
    found = ((look, present[server]) for server, look in view.looks.items() if server in present)
    return {record.server: look.looked for look, record in found if look.incarnation == record.incarnation and look.era == view.era}


class ResourcesByType(Mapping[str, tuple[ResourceName, ...]]):
    """Resources of every type and of the types that descend from it, by name; worked out when it is asked for first, as few ask."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._found: dict[str, tuple[ResourceName, ...]] | None = None

    def _all(self) -> dict[str, tuple[ResourceName, ...]]:
        if self._found is None:
            self._found = _by_type(self._view)
        return self._found

    def __getitem__(self, type_name: str) -> tuple[ResourceName, ...]:
        return self._all()[type_name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def _by_type(view: View) -> dict[str, tuple[ResourceName, ...]]:
    ancestors: dict[TypeName, tuple[str, ...]] = {}
    members: dict[str, list[ResourceName]] = {}
    for name, resource in sorted(view.resources.items()):
        if resource.type not in ancestors:
            ancestors[resource.type] = tuple(record.name for record in descent(resource.type, view.types))
        for type_name in ancestors[resource.type]:
            members.setdefault(type_name, []).append(name)
    return {type_name: tuple(names) for type_name, names in members.items()}


def rivals_of(view: View, by_type: Mapping[str, tuple[ResourceName, ...]] | None = None) -> dict[ResourceName, frozenset[ResourceName]]:
    """Which exclude each other, whichever of the two says so."""
    by_type = ResourcesByType(view) if by_type is None else by_type
    pairs: dict[ResourceName, set[ResourceName]] = {}
    for resource in (view.resources[name] for name in with_trait(view.resources, Trait.EXCLUDES)):
        for dependency in resource.start:
            if dependency.kind is not DependencyKind.EXCLUSION:
                continue
            named = by_type.get(dependency.entity, ()) if dependency.is_type else instances_named(view.resources, dependency.entity)
            for name in named:
                if registered_name(name) != resource.registered:
                    pairs.setdefault(resource.name, set()).add(name)
                    pairs.setdefault(name, set()).add(resource.name)
    return {name: frozenset(rivals) for name, rivals in pairs.items()}


def requests_of(view: View) -> Mapping[ResourceName, tuple[Request, ...]]:
    """Under each resource that they name; in a View of the mirror's that is known, also of thousands."""
    if isinstance(view.requests, Requests):
        return view.requests.by_resource
    found: dict[ResourceName, tuple[Request, ...]] = {}
    for request in view.requests:
        for name in dict.fromkeys(request.resources):
            found[name] = (*found.get(name, ()), request)
    return found
