"""The agents there are, by the name that a request gives. The executor looks here, and nowhere else."""

from collections.abc import Callable, Mapping
from typing import Any

from understudy.agents import address, application, network, script
from understudy.agents.contract import Agent
from understudy.holdings.holding import AddressHolding, Holding

AGENTS: Mapping[str, Agent] = {
    "script": script.AGENT, "application": application.AGENT, "address": address.AGENT, "network": network.AGENT,
}  # fmt: skip

ANNOUNCES: Mapping[type[Holding], Callable[[Any], None]] = {AddressHolding: address.announce}
"""How a holding that is here is announced to others again, after the process that announced it has ended."""
