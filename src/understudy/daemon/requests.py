"""From a step of a lane to the request for the executor: which agent, which parameters, which environment, which deadline."""

import ipaddress
from collections.abc import Iterable, Mapping

from understudy.model.actions import ActionName, ActionRequest
from understudy.model.names import Incarnation, TypeName
from understudy.model.resource import Resource
from understudy.model.types import descent, network_number
from understudy.model.view import TypeRecord


def action_request(
    resource: Resource, action: ActionName, *, epoch: int, incarnation: Incarnation | None, types: Mapping[TypeName, TypeRecord]
) -> ActionRequest:
    """What the executor needs to run one action of this resource. `incarnation` None: exempt from the lease (local resources)."""
    return ActionRequest(
        resource=resource.name,
        action=action,
        agent=resource.agent,
        parameters=_parameters(resource, types),
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


def _parameters(resource: Resource, types: Mapping[TypeName, TypeRecord]) -> dict[str, str]:
    attributes = resource.attributes
    match resource.agent:
        case "address":
            number = next((n for one in descent(resource.type, types) if (n := network_number(one.name))), 1)
            return {"address": attributes.get("USR_ORA_VIP", ""), "network": str(number)}
        case "network":
            subnet, mask = attributes.get("USR_ORA_SUBNET", ""), attributes.get("USR_ORA_NETMASK", "")
            return {"subnet": f"{subnet}/{mask}", "interface": attributes.get("USR_ORA_IF", "")}
        case _:
            return {"script": attributes.get("ACTION_SCRIPT", "")}


def _environment(resource: Resource, epoch: int) -> dict[str, str]:
    """`_CRS_*` for every attribute, `_USR_X` for an attribute USR_X (clusterware reference 8.2)."""
    named = {f"_{name}" if name.startswith("USR_") else f"_CRS_{name}": value for name, value in resource.attributes.items()}
    return {**named, "_CRS_NAME": resource.name, "_CRS_TYPE": resource.type, "_CRS_EPOCH": str(epoch)}
