"""The networks of virtual addresses: those that are registered, and `understudy network add|remove`. Pure.

A network is its resource `ora.netN.network`, and nothing else: docs/design/0026-networks-of-a-living-cluster.md.
"""

import ipaddress

from understudy.intent.edit import Edit, HistoryEntry, Rests
from understudy.intent.facts import named_by
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.kinds.address import network_number_of
from understudy.kinds.network import NETWORK, network_name, place_on
from understudy.model import events
from understudy.model.names import ResourceName
from understudy.model.settings import MOST_NETWORKS, NetworkSettings
from understudy.model.state import Target
from understudy.model.tables import NUMBER
from understudy.model.types import network_definition
from understudy.model.view import Definition, TargetRecord, View

LONGEST_INTERFACE = 15
"""Characters of an interface's name, in Linux."""


def networks(view: View) -> tuple[NetworkSettings, ...]:
    """Those that are registered and say a subnet, by number."""
    found = []
    for number in range(1, MOST_NETWORKS + 1):
        resource = view.resources.get(ResourceName(network_name(number)))
        place = {} if resource is None else place_on(resource.attributes)
        try:
            subnet = str(ipaddress.ip_network(place.get("subnet", "")))
        except ValueError:
            continue
        found.append(NetworkSettings(number=number, subnet=subnet, interface=place["interface"]))
    return tuple(found)


def wanted_network(text: str) -> NetworkSettings:
    """`2=10.20.0.0/24,eth2`. Declined: it is none."""
    number, equals, place = text.partition("=")
    subnet, comma, interface = (part.strip() for part in place.partition(","))
    if not (equals and comma and interface) or not NUMBER.fullmatch(number) or int(number) > MOST_NETWORKS:
        raise Declined(
            20615, text, "added", f"write NUMBER=SUBNET,INTERFACE as 2=10.20.0.0/24,eth2, with a number from 1 to {MOST_NETWORKS}"
        )
    if len(interface) > LONGEST_INTERFACE or not interface.isprintable() or any(sign in interface for sign in "/ :'\""):
        raise Declined(20615, number, "added", f"'{interface}' is no name of an interface")
    try:
        network = ipaddress.ip_network(subnet)
    except ValueError as error:
        raise Declined(20615, number, "added", str(error)) from None
    return NetworkSettings(number=int(number), subnet=str(network), interface=interface)


def add(view: View, wanted: NetworkSettings, operator: Operator) -> Edit:
    """What registers it; nothing if it is there just so. Declined."""
    name = ResourceName(network_name(wanted.number))
    known = networks(view)
    if wanted in known:
        return Edit()
    if name in view.definitions:
        text = f"it is there otherwise; change it: crsctl modify resource {name} -attr ..."
        raise Declined(20615, wanted.number, "added", text)
    for other in known:
        if ipaddress.ip_network(other.subnet).overlaps(ipaddress.ip_network(wanted.subnet)):
            raise Declined(20615, wanted.number, "added", f"network {other.number} has {other.subnet}, which overlaps")
    definition = network_definition(wanted.number, wanted.subnet, wanted.interface, operator.token)
    return Edit(
        resources={name: definition},
        targets={name: TargetRecord(target=Target.ONLINE, by=operator.by, era=view.era)},
        history=(HistoryEntry(kind=events.DEFINED, resource=name),),
    )


def is_network(definition: Definition) -> bool:
    """Whether a definition is a network's own: its type and one of the names that networks have."""
    return definition.type == NETWORK and any(definition.name == network_name(number) for number in range(1, MOST_NETWORKS + 1))


def check_network(view: View, definition: Definition) -> None:
    """Declined: in this View, to which it belongs, it has no subnet, or one that overlaps another network's."""
    known = {network_name(network.number): network for network in networks(view)}
    own = known.get(definition.name)
    if own is None:
        raise Declined(20615, definition.name, "registered", "USR_ORA_SUBNET and USR_ORA_NETMASK are no subnet")
    for other in known.values():
        if other is not own and ipaddress.ip_network(other.subnet).overlaps(ipaddress.ip_network(own.subnet)):
            raise Declined(20615, own.number, "registered", f"network {other.number} has {other.subnet}, which overlaps")


def remove(view: View, number: int, operator: Operator) -> Edit:
    """What forgets it. Declined while something stands on it, or this server's settings would make it again."""
    name = ResourceName(network_name(number))
    if name not in view.definitions:
        raise Declined(20046, number, number)
    users = sorted({*named_by(view, name), *(each.name for each in view.resources.values() if _is_on(each.lineage, number))})
    if users:
        raise Declined(20615, number, "removed", f"{', '.join(users[:5])} stand on it")
    if any(network.number == number for network in operator.settings.networks):
        text = (
            f"understudy.toml of this server names it, and would make it again: take [network.{number}] out of it on every server, and end "
            "understudyd there (it is started again, and what runs goes on)"
        )
        raise Declined(20615, number, "removed", text)
    return Edit(
        resources={name: None},
        targets={name: None} if name in view.targets else {},
        forgotten=tuple((name, server) for server in view.reports.get(name, {})),
        rests=Rests(assignments=(name,)),
        history=(HistoryEntry(kind=events.DELETED, resource=name),),
    )


def _is_on(lineage: tuple[str, ...], number: int) -> bool:
    """Of an address of that network, by its type."""
    numbered = any("vip_net" in name for name in lineage)
    return numbered and network_number_of(lineage) == number
