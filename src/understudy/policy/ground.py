"""The ground on which decisions stand: what many rules ask of one View, worked out once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from understudy.model.names import Incarnation, PoolName, ResourceName, ServerName
from understudy.model.pools import membership
from understudy.model.state import Life, State
from understudy.model.view import Assignment, IncarnationRecord, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A View with its servers, pools and burdens looked up."""

    view: View
    present: Mapping[ServerName, IncarnationRecord]
    """Newest incarnation of every server."""
    pools: Mapping[PoolName, tuple[ServerName, ...]]
    """Active servers of every pool, Free and Generic included."""
    owners: dict[ResourceName, ServerName]
    """Which server's present incarnation owns a resource. With `loads` the one thing that moves while a decision is made: groups that are
    settled later see where the earlier ones went."""
    loads: dict[ServerName, int]
    """Sum of LOAD of what each server owns."""

    def life(self, server: ServerName) -> Life | None:
        """Where the server's newest incarnation stands; None: never seen."""
        record = self.present.get(server)
        return None if record is None else record.life

    def incarnation(self, server: ServerName) -> Incarnation | None:
        """The server's newest incarnation."""
        record = self.present.get(server)
        return None if record is None else record.incarnation

    def burden(self, server: ServerName, *, without: ResourceName) -> int:
        """Sum of LOAD of what the server owns, one resource apart."""
        own = self.view.resources[without].load if self.owners.get(without) == server else 0
        return self.loads.get(server, 0) - own

    def owns(self, server: ServerName, resource: ResourceName) -> bool:
        """Whether the resource belongs to the server's present incarnation."""
        return self.owners.get(resource) == server

    def online_here(self, resource: ResourceName, server: ServerName) -> bool:
        """Whether the server's present incarnation reports the resource ONLINE (or INTERMEDIATE)."""
        report = self.view.report(resource, server)
        return (
            report is not None
            and report.incarnation == self.incarnation(server)
            and report.state in (State.ONLINE, State.INTERMEDIATE)
        )

    def settle(self, assignments: Iterable[Assignment]) -> None:
        """Count these assignments from now on instead of the View's."""
        for one in assignments:
            resource = self.view.resources.get(one.resource)
            load = 0 if resource is None else resource.load
            before = self.owners.pop(one.resource, None)
            if before is not None:
                self.loads[before] -= load
            record = None if one.owner is None else self.present.get(one.owner.server)
            if one.owner is not None and record is not None and record.incarnation == one.owner.incarnation:
                self.owners[one.resource] = one.owner.server
                self.loads[one.owner.server] = self.loads.get(one.owner.server, 0) + load


def survey(view: View) -> Ground:
    """Look the View over once."""
    present = view.present()
    online = [server for server, record in present.items() if record.life is Life.ONLINE]
    ground = Ground(view=view, present=present, pools=membership(view.pools, online), owners={}, loads={})
    ground.settle(view.assignments.values())
    return ground
