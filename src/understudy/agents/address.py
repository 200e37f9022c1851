"""The agent for virtual addresses: adds an address to the interface that serves its network, tells the neighbours, takes it away again.

Called by the executor; also gives the daemon `address_in_use`. Forks nothing: start takes about 35 ms (the wait for an answer to the
duplicate probe), the rest well under 3 ms. Never adds an address that the guard has not gated, nor one that another machine answers for.
"""

import functools
import ipaddress
from collections.abc import Mapping
from typing import NamedTuple

from understudy.agents import neighbours
from understudy.agents.contract import Agent, Context, done, refusal
from understudy.holdings.holding import AddressHolding
from understudy.kinds.observed import Observed
from understudy.linux import interfaces
from understudy.linux.interfaces import Address, Link, present
from understudy.ports import ActionOutcome, ActionRequest


class AddressPlace(NamedTuple):
    """Where an address belongs."""

    address: str
    prefix: int
    interface: str


async def address_in_use(address: str, *, subnet: str = "", interface: str = "") -> str | None:
    """Who already has this address on the network ("MAC aa:bb.." or "this server"), or None. OSError or ValueError: cannot ask."""
    place = find_place({"address": address, "subnet": subnet, "interface": interface})
    if present(place.address):
        return "this server"
    owner = await neighbours.owner_of(place.address, interfaces.links()[place.interface])
    return f"MAC {owner}" if owner else None


def find_place(parameters: Mapping[str, str]) -> AddressPlace:
    """Which interface and prefix length an address belongs on; ValueError says why there is none. A named interface is where it belongs."""
    address = ipaddress.ip_address(parameters.get("address", ""))
    interface, subnet = parameters.get("interface", ""), parameters.get("subnet", "")
    if _own(parameters):
        raise ValueError(f"{address} is this server's own address by understudy.toml, and not the cluster's to move")
    links = interfaces.links()
    if interface and interface not in links:
        raise ValueError(f"interface {interface} is not there")
    names = {link.index: name for name, link in links.items()}
    network = ipaddress.ip_network(subnet, strict=False) if subnet else None
    if network is not None and address not in network:
        raise ValueError(f"{address} is not in {network}")
    if interface:
        return AddressPlace(str(address), network.prefixlen if network else _prefix_on(links[interface], address), interface)
    for there in interfaces.addresses():
        served = ipaddress.ip_interface(f"{there.address}/{there.prefix}").network
        # a virtual address left over from before is no proof that the interface serves the network, hence the unequal
        if there.address != str(address) and address in served:
            return AddressPlace(str(address), network.prefixlen if network else there.prefix, names[there.index])
    raise ValueError(f"no interface of this server serves {subnet or address}")


def _prefix_on(link: Link, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    """As the interface's own address has it, else the address alone."""
    for there in interfaces.addresses():
        mine = there.index == link.index and there.address != str(address)
        if mine and address in ipaddress.ip_interface(f"{there.address}/{there.prefix}").network:
            return there.prefix
    return address.max_prefixlen


def _own(parameters: Mapping[str, str]) -> bool:
    """Whether the settings give this address to this server itself: then it is neither added nor taken away."""
    return str(ipaddress.ip_address(parameters.get("address", ""))) in parameters.get("own", "").split()


async def _start(request: ActionRequest, context: Context) -> ActionOutcome:
    try:
        place = find_place(request.parameters)
    except ValueError as error:
        return refusal(request, str(error))
    link = interfaces.links()[place.interface]
    if not link.up:
        return refusal(request, f"interface {link.name} is down")
    closed = await context.gate([place.address])
    if closed:
        return refusal(request, f"the guard does not let {place.address} pass: {closed}")
    for there in present(place.address):
        if there.index != link.index:  # left on another interface: it would answer for itself, and be taken for a stranger
            interfaces.remove(there)
    if not any(there.index == link.index for there in present(place.address)):
        owner = await neighbours.owner_of(place.address, link)
        if owner:
            context.wait_for(request.resource, neighbours.ASK_AGAIN_S, lambda: _nobody_has(place))
            return refusal(request, f"address {place.address} is already in use by MAC {owner}")
        interfaces.add(link, place.address, place.prefix)
    context.repeat(request.resource, neighbours.ANNOUNCE_AT_S, functools.partial(announce, AddressHolding(place.address)))
    return done(request, f"{place.address} on {link.name}")


async def _stop(request: ActionRequest, context: Context) -> ActionOutcome:
    context.repeat(request.resource, (), lambda: None)
    address = request.parameters.get("address", "")
    try:
        address = str(ipaddress.ip_address(address))
        if _own(request.parameters):
            return done(request, f"{address} is this server's own address: left alone")
        for there in present(address):
            interfaces.remove(there)
    except (OSError, ValueError) as error:
        return refusal(request, f"{address} cannot be removed: {error}")
    await context.shut([address])
    return done(request)


async def _check(request: ActionRequest, context: Context) -> ActionOutcome:
    if _own(request.parameters):
        text = f"{request.parameters['address']} is this server's own address by understudy.toml: not the cluster's"
        return ActionOutcome(observed=Observed.OFFLINE, evidence="gone", output=(text,), details=text)
    address = str(ipaddress.ip_address(request.parameters.get("address", "0.0.0.0")))
    found = present(address)
    if not found:
        return ActionOutcome(observed=Observed.OFFLINE, evidence="gone", output=("the address is on no interface",))
    if await context.shut_out([address]):
        # What an older incarnation or somebody's hand has left: it answers nobody, and whoever wants it has to start it (S1).
        text = f"{address} is there, but shut: it was not started under this lease"
        return ActionOutcome(observed=Observed.OFFLINE, output=(text,), details=text)
    down = [link for link in _links_of(found) if not link.up]
    if down:
        text = f"the link of {down[0].name} is down"
        return ActionOutcome(observed=Observed.OFFLINE, output=(text,), details=text)
    return done(request, f"on {', '.join(link.name for link in _links_of(found))}")


async def _nobody_has(place: AddressPlace) -> bool:
    link = interfaces.links().get(place.interface)
    return link is not None and link.up and await neighbours.owner_of(place.address, link) is None


def announce(holding: AddressHolding) -> None:
    """Tell the neighbours of an address that is here, on whatever link it is now: that may have gone and come back as another."""
    for link in _links_of(present(holding.address)):
        if link.up:
            neighbours.announce(holding.address, link)


def _links_of(found: list[Address]) -> list[Link]:
    indices = {address.index for address in found}
    return [link for link in interfaces.links().values() if link.index in indices]


AGENT = Agent(start=_start, stop=_stop, check=_check, clean=_stop)
