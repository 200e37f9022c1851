"""The checks of a definition that need no machine: servers that it names, the network and the address of a VIP. Pure.

Called by the modules that register or change something. What must be asked of a disk or a network is `daemon/verbs/edge.py`'s.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence

from understudy.intent.networks import networks
from understudy.intent.refusal import Declined
from understudy.kinds.address import network_number_of
from understudy.model.attributes import base_name
from understudy.model.categories import category_members
from understudy.model.names import ServerName, nearest
from understudy.model.pools import category_of
from understudy.model.resource import Placement, Resource
from understudy.model.settings import NetworkSettings, Settings
from understudy.model.view import View
from understudy.policy.groups import GROUP_MOST, too_large

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_SERVER_LISTS = ("HOSTING_MEMBERS", "SERVER_NAMES")
_SCOPE = re.compile(r"@SERVERNAME\(([^()@]+)\)")


def check_servers(known: Sequence[ServerName], before: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Servers that are named from now on must be servers of the cluster (a typo takes a resource offline). `before` and `given` are
    attributes; what is there already is not asked again."""
    for key, value in given.items():
        named = [*_SCOPE.findall(key), *(value.split() if base_name(key) in _SERVER_LISTS else ())]
        for name in named:
            if name not in known and not (key in before and name in before[key].split()):
                raise Declined(20156, name, key, _hint(name, known))


def _hint(name: str, known: Sequence[ServerName]) -> str:
    parts = [part for part in re.split(r"[,;]", name) if part]
    if len(parts) > 1:
        return f"names are separated by blanks: {' '.join(parts)}"
    near = nearest(name, known)
    return f"did you mean '{near}'?" if near else f"servers are {', '.join(known)}"


def check_groups(before: View, after: View) -> None:
    """No group may grow so large that it cannot move in one commit."""
    if members := too_large(before, after):
        raise Declined(20222, members[0], len(members) - 1, GROUP_MOST, members[0])


def check_free_address(view: View, settings: Settings, resource: Resource) -> tuple[IPAddress, NetworkSettings]:
    """The address of a VIP and its network: it must lie in that, be no server's own and belong to no other resource. Whether it answers
    already somewhere is for the network to say."""
    text = resource.kind.address(resource)
    network = network_of(view, network_number_of(resource.lineage))
    address = check_subnet(text, network)
    if (whose := settings.named().get(str(address))) is not None:
        raise Declined(20050, text, whose)
    for other in view.resources.values():
        if other.name != resource.name and (theirs := other.kind.address(other)) and _parsed(theirs) == address:
            raise Declined(20045, text, other.name)
    return address, network


def network_of(view: View, number: int) -> NetworkSettings:
    """The network of this number, as its resource says. Declined: there is none."""
    found = next((network for network in networks(view) if network.number == number), None)
    if found is None:
        raise Declined(20046, number, number)
    return found


def check_subnet(text: str, network: NetworkSettings) -> IPAddress:
    """The address, if it is one and a server may have it on this network."""
    address, subnet = _parsed(text), ipaddress.ip_network(network.subnet)
    if address is None:
        raise Declined(20047, text)
    if address not in subnet:
        raise Declined(20044, text, network.subnet, network.number)
    reserved = (subnet.network_address, subnet.broadcast_address)
    if subnet.version == 4 and subnet.prefixlen < 31 and address in reserved:
        raise Declined(20048, text, network.subnet)
    if subnet.version == 6 and subnet.prefixlen < 127 and address == subnet.network_address:
        raise Declined(20051, text, network.subnet)
    return address


def may_ever_run(view: View, resource: Resource, server: ServerName) -> bool:
    """Whether placement could ever choose the server: a script need not be where the resource never runs."""
    if resource.local or resource.placement is not Placement.RESTRICTED:
        return True
    categories = category_members(view)
    if not categories.may_hold(resource.server_category, server):
        return False
    if server in resource.hosting_members or "*" in resource.server_pools:
        return True
    pools = [view.pools[name] for name in resource.server_pools if name in view.pools]
    named = (pool for pool in pools if categories.may_hold(category_of(pool), server))
    return any(not pool.server_names or server in pool.server_names for pool in named)


def _parsed(text: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
