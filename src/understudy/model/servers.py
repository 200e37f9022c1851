"""Which servers there are, as the registry says, and what that makes of a server's settings; pure.

A cluster keeps one record for each server (docs/design/0013-servers-come-and-go.md). A cluster without any was made before there were such
records: then the settings say it. Standard library only: the guard reads them too.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from understudy.model.engines import PORT
from understudy.model.names import CategoryName, ServerName
from understudy.model.settings import ServerSettings, Settings

MEMBER, LEARNER, REMOVED = "member", "learner", "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRecord:
    """One server of the cluster."""

    server: ServerName
    addresses: tuple[str, ...]
    """One per cluster network, in the order of the networks; the most trusted first."""
    witness: bool = False
    """It votes and runs no resources."""
    pool: str = ""
    """The top-level server pool, or Free, in which an operator wants it (`crsctl relocate server`); empty: wherever the rules put it."""
    used: bool = True
    """Whether resources may be started there (`crsctl set resource use`)."""
    etcd: str = ""
    """MEMBER: it runs a member of the registry's etcd; LEARNER: one that does not count yet; REMOVED: it had one; empty: none, or none that
    commands look after."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What an operator has set (`crsctl modify server`): SERVER_LABEL, CPU_EQUIVALENCY, and names of his own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCategory:
    """A category of servers as registered."""

    name: CategoryName
    expression: str = ""
    """A filter over the attributes of servers: those are of it that match; empty: all."""
    acl: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHardware:
    """What a server says of its memory and processors; 0: its kernel does not say it."""

    memory_mb: int = 0
    cpus: int = 0
    clock_mhz: int = 0
    hyperthreading: bool = False


Servers = Mapping[ServerName, ServerRecord]


def records_of(settings: Settings) -> tuple[ServerRecord, ...]:
    """What a cluster is made with that begins with these settings."""
    members = set(settings.registry) if settings.engine == "etcd" else set()
    return tuple(
        ServerRecord(
            server=ServerName(each.name),
            addresses=each.addresses,
            witness=each.witness,
            etcd=MEMBER if etcd_endpoint(each.addresses) in members else "",
        )
        for each in settings.servers
    )


def known_servers(servers: Servers, settings: Settings) -> Servers:
    """Those of the registry, or of the settings where it has none."""
    return servers or {each.server: each for each in records_of(settings)}


def with_servers(settings: Settings, records: Collection[ServerRecord]) -> Settings:
    """The settings with these servers, and with the endpoints of those that run etcd. A server that is none of them any more keeps its own
    addresses: by these it is known on its own machine."""
    if not records:
        return settings
    servers = {each.server: _setting(each) for each in records}
    if settings.server not in servers:
        servers[ServerName(settings.server)] = settings.peer(settings.server)
    endpoints = tuple(etcd_endpoint(each.addresses) for each in sorted(records, key=_name) if each.etcd == MEMBER)
    return replace(
        settings,
        servers=tuple(servers[name] for name in sorted(servers)),
        registry=endpoints if endpoints and settings.engine == "etcd" else settings.registry,
    )


def members_of(servers: Servers) -> tuple[ServerRecord, ...]:
    """Those whose etcd counts, by name; none: commands do not look after etcd here."""
    return tuple(record for _, record in sorted(servers.items()) if record.etcd == MEMBER)


def etcd_endpoint(addresses: tuple[str, ...], port: int = PORT) -> str:
    """Where the member of etcd on this server is reached: on the first, most trusted of its networks."""
    return f"[{addresses[0]}]:{port}" if ":" in addresses[0] else f"{addresses[0]}:{port}"


def _setting(record: ServerRecord) -> ServerSettings:
    return ServerSettings(name=record.server, addresses=record.addresses, witness=record.witness)


def _name(record: ServerRecord) -> str:
    return record.server
