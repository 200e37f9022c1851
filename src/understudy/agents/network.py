"""The agent for `ora.netN.network`: is the interface there, up, and in the subnet.

Called by the executor. Only looks: it never switches an interface on or off, so it needs no lease, and a stop leaves everything as it is.
"""

import ipaddress

from understudy.agents.contract import Agent, Context, done, refusal
from understudy.linux import interfaces
from understudy.ports import ActionOutcome, ActionRequest


async def _check(request: ActionRequest, context: Context) -> ActionOutcome:
    subnet, interface = request.parameters.get("subnet", ""), request.parameters.get("interface", "")
    link = interfaces.links().get(interface)
    if link is None:
        return refusal(request, f"interface {interface} is not there")
    if not link.up:
        return refusal(request, f"interface {interface} is down")
    try:
        network = ipaddress.ip_network(subnet, strict=False)
    except ValueError:
        text = f"USR_ORA_SUBNET and USR_ORA_NETMASK make {subnet!r}, which is no subnet; write them like 10.10.10.0 and 255.255.255.0"
        return refusal(request, f"{text}, or fd00:10:: and 64")
    if not any(address.index == link.index and ipaddress.ip_address(address.address) in network for address in interfaces.addresses()):
        return refusal(request, f"interface {interface} has no address in {subnet}")
    return done(request)


async def _stop(request: ActionRequest, context: Context) -> ActionOutcome:
    return done(request)


AGENT = Agent(start=_check, stop=_stop, check=_check, clean=_stop)
