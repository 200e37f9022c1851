"""What a lab consists of: hosts, networks, addresses, services; pure values, written to lab.json by `up` and read by
all its other parts.

Never touches the system.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from understudy.errors import LabError
from understudy.lab import PLAIN, SYSTEMD
from understudy.linux import paths
from understudy.model.engines import DEFAULT_ENGINE
from understudy.model.settings import TlsFiles
from understudy.registry.engines import Seat, engine_named

TLS = TlsFiles(ca=paths.REGISTRY_CA, certificate=paths.REGISTRY_CERTIFICATE, key=paths.REGISTRY_KEY)
"""Where each host has its part of it."""
CLIENT = "client"
REGISTRY = "registry"
SWITCH = "switch"
_RESERVED = (CLIENT, REGISTRY, SWITCH, "power")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,9}")
_CLIENT_NUMBER = 100
_REGISTRY_NUMBER = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class LabNetwork:
    """One of the lab's networks: a bridge on the switch, and the interface by which hosts reach it."""

    name: str
    interface: str
    prefix: str
    number: int

    @property
    def subnet(self) -> str:
        """The subnet in address/length form."""
        return f"{self.prefix}.0/24"

    @property
    def prefix6(self) -> str:
        """What all its IPv6 addresses begin with."""
        return f"fd00:{self.prefix.replace('.', ':')}:"

    @property
    def subnet6(self) -> str:
        """The same for IPv6."""
        return f"{self.prefix6}:/64"


NETWORKS = (
    LabNetwork(name="public", interface="eth0", prefix="192.168.50", number=0),
    LabNetwork(name="management", interface="eth1", prefix="10.10.10", number=1),
    LabNetwork(name="interconnect", interface="eth2", prefix="10.10.20", number=2),
    LabNetwork(name="vm", interface="eth3", prefix="10.10.30", number=3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabService:
    """A process that the host's init starts and restarts."""

    name: str
    command: tuple[str, ...]
    cleanup: tuple[str, ...] = ()
    """Run to its end each time the process has ended, before it is started again."""
    needs: str = ""
    """A file without which it is not started: what configures it."""


SERVER_SERVICES = (
    LabService(name="understudy-guard", command=("understudy-guard",), cleanup=("understudy-guard", "--kill-all")),
    LabService(name="understudy-exec", command=("understudy-exec",)),
    LabService(name="understudyd", command=("understudyd",)),
)
CONFIGURED_LATER = (
    LabService(name="understudy-etcd", command=("etcd", "--config-file", paths.ETCD), needs=paths.ETCD),
    *(replace(service, needs=paths.CONFIG) for service in SERVER_SERVICES),
)
"""Of a bare lab: `understudy cluster init` and `join` configure the servers, and then these begin."""
REGISTRY_PROCESS = "understudy-registry"
"""What the init of the registry's host calls the process that serves it, whatever it is built on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cable:
    """One cable of a host: its interface at one end, a port of the switch at the other."""

    network: str
    interface: str
    address: str
    mac: str
    port: str
    address6: str = ""
    """In a lab with both families."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One lab host: a server, the client, or the host of the registry if that does not run on the servers."""

    name: str
    number: int
    links: tuple[Cable, ...]
    services: tuple[LabService, ...]
    """What its first process starts; systemd does so by the units of these services."""
    init: str = PLAIN

    def address(self, network: str) -> str:
        """Its address on one of the lab's networks; KeyError if it has none there."""
        return self._link(network).address

    def address6(self, network: str) -> str:
        """The same for IPv6; empty in a lab without."""
        return self._link(network).address6

    def _link(self, network: str) -> Cable:
        for link in self.links:
            if link.network == network:
                return link
        raise KeyError(network)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabPlan:
    """All of one lab."""

    name: str
    pause_tolerance: float
    servers: tuple[str, ...]
    hosts: tuple[Host, ...]
    ipv6: bool = False
    """Both families on all links, a second network for IPv6 addresses, and guards and registry that talk over it."""
    engine: str = DEFAULT_ENGINE
    """What the registry is built on."""
    bare: bool = False
    """The servers have neither settings nor keys."""

    @property
    def registry_hosts(self) -> tuple[str, ...]:
        """The hosts on which the registry's processes run."""
        return tuple(host.name for host in self.hosts if any(service.name == REGISTRY_PROCESS for service in host.services))

    @property
    def registry_endpoints(self) -> tuple[str, ...]:
        """Where the servers reach the registry."""
        return tuple(_seat(self.host(name), ipv6=self.ipv6).endpoint for name in self.registry_hosts)

    def registry_file(self, name: str) -> tuple[str, str]:
        """Where the registry's process on this host finds its configuration, and its text; two empty ones: it needs none."""
        seats = [_seat(self.host(each), ipv6=self.ipv6) for each in self.registry_hosts]
        own = next(seat for seat in seats if seat.host == name)
        return engine_named(self.engine).server_file(own, seats, directory=paths.STATE_DIR, tls=TLS)

    def host(self, name: str) -> Host:
        """The host of this name; LabError lists the names there are."""
        for host in self.hosts:
            if host.name == name:
                return host
        names = ", ".join(host.name for host in self.hosts)
        raise LabError(f"lab {self.name} has no host {name!r}; its hosts are {names}")


def make_plan(
    name: str,
    servers: Sequence[str],
    pause_tolerance: float,
    services: tuple[LabService, ...] = SERVER_SERVICES,
    *,
    ipv6: bool = False,
    engine: str = DEFAULT_ENGINE,
    bare: bool = False,
    init: str = PLAIN,
) -> LabPlan:
    """The plan of a lab with these servers; LabError if a name cannot be used. `init`: of the servers; other hosts are always plain."""
    _check_names(name, servers)
    if init == SYSTEMD and services not in ((), SERVER_SERVICES):
        raise LabError("a host with systemd starts the project's own units, or none: leave its services out")
    interconnect = tuple(network for network in NETWORKS if network.name == "interconnect")
    services = CONFIGURED_LATER if bare else services
    hosts = [replace(_host(server, number, NETWORKS, services), init=init) for number, server in enumerate(servers, start=1)]
    hosts.append(_host(CLIENT, _CLIENT_NUMBER, NETWORKS, ()))
    hosts.append(_host(REGISTRY, _REGISTRY_NUMBER, interconnect, ()))
    if ipv6:
        hosts = [_with_ipv6(host) for host in hosts]
    if bare:
        hosts = [host for host in hosts if host.name != REGISTRY]
    elif services:
        hosts = _with_registry(hosts, engine, ipv6=ipv6)
    return LabPlan(
        name=name,
        pause_tolerance=pause_tolerance,
        servers=tuple(servers),
        hosts=tuple(hosts),
        ipv6=ipv6,
        engine=engine,
        bare=bare,
    )


def _check_names(name: str, servers: Sequence[str]) -> None:
    if not _NAME.fullmatch(name):
        raise LabError(f"{name!r} cannot name a lab: use at most ten lower-case letters, digits and hyphens, a letter first")
    if not servers or len(set(servers)) != len(servers) or len(servers) >= _CLIENT_NUMBER:
        raise LabError(f"servers are {', '.join(servers) or 'missing'}: name 1 to {_CLIENT_NUMBER - 1} different ones")
    for server in servers:
        if not _NAME.fullmatch(server) or server in _RESERVED:
            raise LabError(
                f"{server!r} cannot name a server: use at most ten lower-case letters, digits and hyphens, not {', '.join(_RESERVED)}"
            )


def _with_ipv6(host: Host) -> Host:
    prefixes = {network.name: network.prefix6 for network in NETWORKS}
    links = tuple(replace(link, address6=f"{prefixes[link.network]}:{host.number}") for link in host.links)
    return replace(host, links=links)


def _with_registry(hosts: Sequence[Host], name: str, *, ipv6: bool) -> list[Host]:
    engine = engine_named(name)
    *servers, _, apart = hosts
    seats = engine.seats([_seat(server, ipv6=ipv6) for server in servers], _seat(apart, ipv6=ipv6))
    processes = {
        seat.host: LabService(name=REGISTRY_PROCESS, command=engine.server_command(seat, directory=paths.STATE_DIR, key=paths.GUARD_KEY))
        for seat in seats
    }
    needed = [host for host in hosts if host.name != REGISTRY or host.name in processes]
    return [replace(host, services=(processes[host.name], *host.services)) if host.name in processes else host for host in needed]


def _seat(host: Host, *, ipv6: bool) -> Seat:
    return Seat(host=host.name, address=f"[{host.address6('interconnect')}]" if ipv6 else host.address("interconnect"))


def _host(name: str, number: int, networks: tuple[LabNetwork, ...], services: tuple[LabService, ...]) -> Host:
    links = tuple(
        Cable(
            network=network.name,
            interface=network.interface,
            address=f"{network.prefix}.{number}",
            mac=f"02:75:73:{network.number:02x}:00:{number:02x}",
            port=f"{name}-{network.interface}",
        )
        for network in networks
    )
    return Host(name=name, number=number, links=links, services=services)


def plan_text(plan: LabPlan) -> str:
    """The plan as lab.json holds it."""
    return json.dumps(asdict(plan), indent=1)


def parse_plan(text: str) -> LabPlan:
    """Read lab.json's text."""
    raw = json.loads(text)
    hosts = tuple(
        Host(
            name=host["name"],
            number=host["number"],
            links=tuple(Cable(**link) for link in host["links"]),
            services=tuple(
                LabService(name=each["name"], command=tuple(each["command"]), cleanup=tuple(each["cleanup"]), needs=each.get("needs", ""))
                for each in host["services"]
            ),
            init=host.get("init", PLAIN),
        )
        for host in raw["hosts"]
    )
    return LabPlan(
        name=raw["name"],
        pause_tolerance=raw["pause_tolerance"],
        servers=tuple(raw["servers"]),
        hosts=hosts,
        ipv6=raw["ipv6"],
        engine=raw.get("engine", DEFAULT_ENGINE),
        bare=raw.get("bare", False),
    )
