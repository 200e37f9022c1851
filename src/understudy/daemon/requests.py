"""From a step of a lane to the request for the executor: which agent, which parameters, which environment, which deadline."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from understudy.model.actions import ActionName, ActionRequest
from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.resource import Resource
from understudy.model.types import descent, network_name, network_number, subnet_of
from understudy.model.view import TypeRecord


@dataclass(frozen=True, slots=True)
class Me:
    """This server's incarnation."""

    server: ServerName
    incarnation: Incarnation
    addresses: tuple[str, ...] = ()
    """Its own, by its settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What requests go by besides the resource itself."""

    types: Mapping[TypeName, TypeRecord]
    resources: Mapping[ResourceName, Resource]
    """An address belongs to the network that its network resource describes."""
    own: Sequence[str] = ()
    """This server's own addresses by its settings: no agent adds or removes them."""


def action_request(
    resource: Resource, action: ActionName, *, epoch: int, incarnation: Incarnation | None, site: Site
) -> ActionRequest:
    """What the executor needs to run one action of this resource. `incarnation` None: exempt from the lease (local resources)."""
    return ActionRequest(
        resource=resource.name,
        action=action,
        agent=resource.agent,
        parameters=_parameters(resource, site),
        environment=_environment(resource, epoch),
        timeout_s=_timeout_s(resource, action),
        epoch=epoch,
        incarnation=incarnation,
        user=resource.user,
    )


def cluster_addresses(resources: Iterable[Resource]) -> tuple[str, ...]:
    """Every address that any of these would put on a server, as the kernel writes it, in order."""
    found = set()
    for one in resources:
        try:
            if one.agent == "address":
                found.add(str(ipaddress.ip_address(one.attributes.get("USR_ORA_VIP", ""))))
        except ValueError:
            continue  # such an address can be on no server
    return tuple(sorted(found))


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


def _parameters(resource: Resource, site: Site) -> dict[str, str]:
    attributes = resource.attributes
    match resource.agent:
        case "address":
            number = next((n for one in descent(resource.type, site.types) if (n := network_number(one.name))), 1)
            network = site.resources.get(network_name(number))
            place = {} if network is None else _network(network.attributes)
            return {"address": attributes.get("USR_ORA_VIP", ""), "network": str(number), "own": " ".join(site.own), **place}
        case "network":
            return _network(attributes)
        case _:
            return {"script": attributes.get("ACTION_SCRIPT", "")}


def _network(attributes: Mapping[str, str]) -> dict[str, str]:
    return {"subnet": subnet_of(attributes), "interface": attributes.get("USR_ORA_IF", "")}


def _environment(resource: Resource, epoch: int) -> dict[str, str]:
    """`_CRS_*` for every attribute, `_USR_X` for an attribute USR_X (clusterware reference 8.2)."""
    named = {f"_{name}" if name.startswith("USR_") else f"_CRS_{name}": value for name, value in resource.attributes.items()}
    return {**named, "_CRS_NAME": resource.name, "_CRS_TYPE": resource.type, "_CRS_EPOCH": str(epoch)}
