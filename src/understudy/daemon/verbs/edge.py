"""Owns the checks of a definition that need the machine or the network: scripts on disk, addresses in use.

Called by the verbs that register resources, before they write anything. Never changes anything.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence

from understudy.daemon.verbs.world import World
from understudy.errors import Refused
from understudy.model.attributes import base_name
from understudy.model.messages import words
from understudy.model.names import ServerName, nearest
from understudy.model.resource import Placement, Resource
from understudy.model.settings import NetworkSettings
from understudy.model.types import descent, network_number
from understudy.model.view import View


async def check_script(world: World, view: View, resource: Resource) -> None:
    """The ACTION_SCRIPT must be there on this server, fit to run and nobody else's to change, if the resource may ever run on it."""
    path = resource.attributes.get("ACTION_SCRIPT", "")
    here = ServerName(world.settings.server)
    if resource.agent != "script" or not path or not _candidate(view, resource, here):
        return
    found = await world.script(path, resource.user)
    if found == "missing":
        raise Refused(words(20041, path, resource.name, here), code=20041)
    if found == "silent":
        raise Refused(words(20123, path, here), code=20123)
    if found == "not executable":
        raise Refused(words(20042, path, resource.name, here), code=20042)
    if found != "ok":
        raise Refused(words(20190, path, resource.name, here, found), code=20190)


async def check_owner(world: World, resource: Resource) -> None:
    """Actions run as the ACL's owner, so this server must know the user."""
    if not await world.user_exists(resource.user):
        raise Refused(words(20049, resource.user, world.settings.server), code=20049)


async def check_address(world: World, view: View, resource: Resource) -> None:
    """A cluster address must lie in its network, belong to no other resource, and answer nowhere yet (its start asks the network, too)."""
    if resource.agent != "address":
        return
    text = resource.attributes.get("USR_ORA_VIP", "")
    network = network_of(world, view, resource)
    address = check_subnet(text, network)
    if (whose := world.settings.named().get(str(address))) is not None:
        raise Refused(words(20050, text, whose), code=20050)
    for other in view.resources.values():
        same = other.agent == "address" and other.name != resource.name
        if same and _parsed(other.attributes.get("USR_ORA_VIP", "")) == address:
            raise Refused(words(20045, text, other.name), code=20045)
    if view.era > 1:
        return  # the registry went back once: what answers may be the very resource that is registered again, and is found running
    if world.probe is not None and (owner := await world.probe(str(address), network)) is not None:
        raise Refused(words(20043, text, owner), code=20043)


_SERVER_LISTS = ("HOSTING_MEMBERS", "SERVER_NAMES")
_SCOPE = re.compile(r"@SERVERNAME\(([^()@]+)\)")


def check_servers(known: Sequence[ServerName], before: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Servers that are named from now on must be servers of the cluster (a typo takes a resource offline). `before` and `given` are
    attributes; what is there already is not asked again."""
    for key, value in given.items():
        named = [*_SCOPE.findall(key), *(value.split() if base_name(key) in _SERVER_LISTS else ())]
        for name in named:
            if name not in known and not (key in before and name in before[key].split()):
                raise Refused(_no_server(name, key, known), code=20156)


def _no_server(name: str, key: str, known: Sequence[ServerName]) -> str:
    parts = [one for one in re.split(r"[,;]", name) if one]
    if len(parts) > 1:
        hint = f"names are separated by blanks: {' '.join(parts)}"
    else:
        near = nearest(name, known)
        hint = f"did you mean '{near}'?" if near else f"servers are {', '.join(known)}"
    return words(20156, name, key, hint)


def network_of(world: World, view: View, resource: Resource) -> NetworkSettings:
    """The network an address type belongs to, as configured."""
    numbers = [number for record in descent(resource.type, view.types) if (number := network_number(record.name))]
    return configured_network(world, numbers[-1] if numbers else 1)


def configured_network(world: World, number: int) -> NetworkSettings:
    """`[network.N]` of the settings."""
    for network in world.settings.networks:
        if network.number == number:
            return network
    raise Refused(words(20046, number, number), code=20046)


def check_subnet(text: str, network: NetworkSettings) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address, if it is one and a server may have it on this network."""
    address, subnet = _parsed(text), ipaddress.ip_network(network.subnet)
    if address is None:
        raise Refused(words(20047, text), code=20047)
    if address not in subnet:
        raise Refused(words(20044, text, network.subnet, network.number), code=20044)
    reserved = (subnet.network_address, subnet.broadcast_address)
    if subnet.version == 4 and subnet.prefixlen < 31 and address in reserved:
        raise Refused(words(20048, text, network.subnet), code=20048)
    if subnet.version == 6 and subnet.prefixlen < 127 and address == subnet.network_address:
        raise Refused(words(20051, text, network.subnet), code=20051)
    return address


def _candidate(view: View, resource: Resource, server: ServerName) -> bool:
    """Whether placement could ever choose the server: a script need not be where the resource never runs."""
    if resource.local or resource.placement is not Placement.RESTRICTED:
        return True
    if server in resource.hosting_members or "*" in resource.server_pools:
        return True
    pools = [view.pools[name] for name in resource.server_pools if name in view.pools]
    return any(not pool.server_names or server in pool.server_names for pool in pools)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
