"""The kind of `ora.netN.network`: a network that carries virtual addresses, only looked at. Pure."""

import ipaddress
from collections.abc import Mapping

from understudy.kinds.kind import BuiltInType, Described, OwnAttribute, Parameters, ResourceKind, Site, Wake

NETWORK = "ora.network.type"


def network_name(number: int) -> str:
    """Name of the local resource that stands for a network."""
    return f"ora.net{number}.network"


def subnet_of(attributes: Mapping[str, str]) -> str:
    """Address/length of a network resource's subnet, from USR_ORA_SUBNET and USR_ORA_NETMASK (a mask, or the length of the prefix); as it
    is written where that makes none."""
    subnet, mask = attributes.get("USR_ORA_SUBNET", ""), attributes.get("USR_ORA_NETMASK", "")
    try:
        if ":" in mask:  # which Python does not read
            bits = f"{int(ipaddress.IPv6Address(mask)):0128b}"
            mask = str(bits.count("1")) if "01" not in bits else mask
        return str(ipaddress.ip_network(f"{subnet}/{mask}", strict=False))
    except ValueError:
        return f"{subnet}/{mask}" if subnet else ""


def place_on(attributes: Mapping[str, str]) -> dict[str, str]:
    """Where a network is on a server, from its resource's attributes: `subnet`, `interface`."""
    return {"subnet": subnet_of(attributes), "interface": attributes.get("USR_ORA_IF", "")}


def _parameters(resource: Described, site: Site) -> dict[str, str]:
    return place_on(resource.attributes)


def _wakes(parameters: Parameters) -> tuple[Wake, ...]:
    interface = parameters.get("interface", "")
    return (Wake("link", interface),) if interface else ()


KIND = ResourceKind(
    name="network",
    types=(
        BuiltInType(
            name=NETWORK,
            base="ora.local_resource.type",
            own=tuple(OwnAttribute(name=name) for name in ("USR_ORA_IF", "USR_ORA_NETMASK", "USR_ORA_SUBNET")),
        ),
    ),
    parameters=_parameters,
    wakes=_wakes,
    waits_for=frozenset({"network", "link"}),
    only_looked_at=True,
)
