"""What `understudy openstack init` finds out: what of OpenStack is installed on this server, and what the cluster's settings say."""

import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path

from understudy.errors import BadSettings
from understudy.linux.files import read_whole
from understudy.linux.paths import CONFIG
from understudy.model.settings import Settings, parse_settings
from understudy.openstack.core.catalogue import Catalogue
from understudy.openstack.core.fields import PROJECTS
from understudy.openstack.core.sample import Surveyed
from understudy.openstack.core.states import Absent, OtherState
from understudy.openstack.ground import ServerGround

_COMMON = ("/etc", "/etc/default", "/etc/sysconfig")
"""Directories that are there whatever is installed."""


def cluster_settings(path: str = CONFIG) -> Settings | None:
    """Of the cluster that this server belongs to; None: of none, or they cannot be read."""
    try:
        return parse_settings(read_whole(path).decode())
    except (OSError, UnicodeDecodeError, BadSettings):
        return None


def own_name(settings: Settings | None) -> str:
    """By which this server stands in a site."""
    return settings.server if settings else socket.gethostname().partition(".")[0]


def seen_here(ground: ServerGround, catalogues: Mapping[str, Catalogue], settings: Settings | None, release: str) -> Surveyed:
    """What the sample begins with. `release`: as asked for; empty: the one of whose files most are here. NotReached."""
    counts = {name: projects_here(ground, catalogue) for name, catalogue in catalogues.items() if not release or name == release}
    chosen = max(sorted(counts, reverse=True), key=lambda name: len(counts[name]))
    networks = {}
    servers = {}
    if settings is not None:
        for server in settings.servers:
            if not server.witness:
                servers[server.name] = _managed(settings, server.addresses)
        first = next(iter(settings.networks), None)
        if first is not None:
            networks["management"] = (first.subnet, first.interface, first.number)
    return Surveyed(
        release=chosen, projects=counts[chosen], servers=servers, networks=networks, secrets=catalogues[chosen].secrets()
    )


def _managed(settings: Settings, addresses: tuple[str, ...]) -> str:
    """A server's address in the network of the virtual addresses, if it has one there."""
    subnets = [ipaddress.ip_network(network.subnet) for network in settings.networks]
    return next((address for address in addresses if any(ipaddress.ip_address(address) in subnet for subnet in subnets)), addresses[0])


def projects_here(ground: ServerGround, catalogue: Catalogue) -> tuple[str, ...]:
    """Those of whose files some are on this server."""
    wanted: dict[str, list[str]] = {}
    for entry in catalogue.entry:
        if entry.syntax != "shell" and entry.file.startswith("/"):
            wanted.setdefault(entry.project, []).append(entry.file)
    for file in catalogue.file:
        folder = str(Path(file.path).parent)
        if folder not in _COMMON:
            wanted.setdefault(file.project, []).append(folder)
    for entry in catalogue.entry:
        folder = str(Path(entry.file).parent)
        if folder not in _COMMON:
            wanted.setdefault(entry.project, []).append(folder)
    for line in catalogue.line:
        if line.project and line.packages:
            wanted.setdefault(line.project, []).append(line.path)
    places = dict.fromkeys(place for files in wanted.values() for place in files)
    states = ground.look([(place, False) for place in places])
    there = {place for place, state in states.items() if not isinstance(state, Absent | OtherState)}
    return tuple(project for project in PROJECTS if there & set(wanted.get(project, ())))
