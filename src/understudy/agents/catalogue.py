"""The agents there are, by the name that a request gives. The executor looks here, and nowhere else."""

from collections.abc import Mapping

from understudy.agents import address, network, script
from understudy.agents.contract import Agent

AGENTS: Mapping[str, Agent] = {"script": script.AGENT, "address": address.AGENT, "network": network.AGENT}
