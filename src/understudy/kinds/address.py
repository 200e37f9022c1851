"""The kind of virtual addresses: one for each cluster or application VIP. Pure."""

import functools
import ipaddress
import re

from understudy.holdings.holding import AddressHolding, Holding
from understudy.kinds.kind import BuiltInType, Described, OwnAttribute, Parameters, ResourceKind, Site, Wake
from understudy.kinds.network import network_name, place_on

_VIP = re.compile(r"ora\.cluster_vip_net[1-9][0-9]*\.type")
_NUMBERED = re.compile(r"(?:ora\.cluster_vip|app\.appvip)_net([0-9]+)\.type")


def cluster_vip_type(number: int) -> str:
    """Name of the type of cluster addresses on a network."""
    return f"ora.cluster_vip_net{number}.type"


def application_vip_type(number: int) -> str:
    """Name of the type of application addresses, made by `appvipcfg`."""
    return f"app.appvip_net{number}.type"


def network_number(type_name: str) -> int:
    """The network of a cluster VIP type or application VIP type; 0 for other types."""
    match = _NUMBERED.fullmatch(type_name)
    return int(match[1]) if match else 0


def network_number_of(lineage: tuple[str, ...]) -> int:
    """The network that an address of this type, with the types above it, belongs to; 1 if none says another."""
    return next((number for name in lineage if (number := network_number(name))), 1)


@functools.lru_cache(maxsize=4096)
def plain(text: str) -> str | None:
    """An address as the kernel writes it; None: it is none. Remembered: each View is asked for all addresses of the cluster."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _family(name: str) -> BuiltInType | None:
    if not _VIP.fullmatch(name):
        return None
    own = (OwnAttribute(name="USR_ORA_VIP", required=True),)
    return BuiltInType(name=name, base="ora.cluster_resource.type", defaults={"CHECK_INTERVAL": "10"}, own=own)


def _parameters(resource: Described, site: Site) -> dict[str, str]:
    number = network_number_of(resource.lineage)
    network = site.attributes_of(network_name(number))
    place = {} if network is None else place_on(network)
    return {"address": _address(resource), "network": str(number), "own": " ".join(site.own), **place}


def _holdings(parameters: Parameters) -> tuple[Holding, ...]:
    address = plain(parameters.get("address", ""))
    # what is a server's own by its settings is never put there by a start, and never taken away
    return (AddressHolding(address),) if address is not None and address not in parameters.get("own", "").split() else ()


def _wakes(parameters: Parameters) -> tuple[Wake, ...]:
    address = plain(parameters.get("address", ""))
    return (Wake("address", address),) if address is not None else ()


def _address(resource: Described) -> str:
    return resource.attributes.get("USR_ORA_VIP", "")


FIRST = _family(cluster_vip_type(1))
assert FIRST is not None

KIND = ResourceKind(
    name="address",
    types=(FIRST,),
    family=_family,
    also=(OwnAttribute(name="APPSVIP_FAILBACK", choices=("", "0", "1"), effect="live"),),
    parameters=_parameters,
    holdings=_holdings,
    wakes=_wakes,
    waits_for=frozenset({"network", "link", "neighbour"}),
    address=_address,
)
