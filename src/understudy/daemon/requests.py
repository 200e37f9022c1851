"""From a step of a lane to the request for the executor: which agent, which parameters, which environment, which deadline."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from understudy.kinds.address import plain
from understudy.kinds.kind import Site
from understudy.model.actions import ActionName, ActionRequest
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.resource import Resource
from understudy.model.view import ServerHardware


def site_of(resources: Mapping[ResourceName, Resource], own: tuple[str, ...]) -> Site:
    """What parameters go by, of a View's resources and this server's own addresses."""

    def attributes_of(name: str) -> Mapping[str, str] | None:
        resource = resources.get(ResourceName(name))
        return None if resource is None else resource.attributes

    return Site(attributes_of=attributes_of, own=own)


@dataclass(frozen=True, slots=True)
class Me:
    """This server's incarnation."""

    server: ServerName
    incarnation: Incarnation
    addresses: tuple[str, ...] = ()
    """Its own, by its settings."""
    hardware: ServerHardware | None = None


def action_request(resource: Resource, action: ActionName, *, epoch: int, incarnation: Incarnation | None, site: Site) -> ActionRequest:
    """What the executor needs to run one action of this resource. `incarnation` None: exempt from the lease (local resources)."""
    return ActionRequest(
        resource=resource.name,
        action=action,
        agent=resource.agent,
        parameters=resource.kind.parameters(resource, site),
        environment=_environment(resource, epoch),
        timeout_s=_timeout_s(resource, action),
        epoch=epoch,
        incarnation=incarnation,
        user=resource.user,
    )


def cluster_addresses(resources: Iterable[Resource]) -> tuple[str, ...]:
    """Every address that any of these would put on a server, as the kernel writes it, in order."""
    written = (plain(resource.kind.address(resource)) for resource in resources)
    return tuple(sorted({address for address in written if address is not None}))  # what is none can be on no server


class ClusterAddresses:
    """Every address that any resource would put on a server; kept up with what is registered."""

    def __init__(self) -> None:
        self._of: dict[ResourceName, str] = {}

    def see(self, resources: Mapping[ResourceName, Resource], changed: Collection[ResourceName] | None) -> tuple[str, ...]:
        """As the kernel writes them, in order. `changed`: whose definition may be another since the last time, None: anybody's."""
        if changed is None:
            self._of.clear()
        for name in resources if changed is None else changed:
            resource = resources.get(name)
            text = "" if resource is None else resource.kind.address(resource)
            address = plain(text) if text else None
            if address is not None:  # what is none can be on no server
                self._of[name] = address
            else:
                self._of.pop(name, None)
        return tuple(sorted(set(self._of.values())))


def _timeout_s(resource: Resource, action: ActionName) -> float:
    match action:
        case "start":
            return resource.start_timeout_s
        case "stop":
            return resource.stop_timeout_s
        case "check":
            return resource.check_timeout_s
        case "clean" | "abort":
            return resource.clean_timeout_s
        case "custom":
            return resource.action_timeout_s


def _environment(resource: Resource, epoch: int) -> dict[str, str]:
    """`_CRS_*` for every attribute, `_USR_X` for an attribute USR_X (clusterware reference 8.2)."""
    named = {f"_{name}" if name.startswith("USR_") else f"_CRS_{name}": value for name, value in resource.attributes.items()}
    if resource.several:
        named["_CRS_CARDINALITY_ID"] = str(resource.number)
    return {**named, "_CRS_NAME": resource.name, "_CRS_TYPE": resource.type, "_CRS_EPOCH": str(epoch)}
