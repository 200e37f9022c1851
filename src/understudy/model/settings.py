"""The settings of one server, as read from understudy.toml; pure (the text comes from the edge).

Every setting is a field here with its meaning; an unknown one is refused, so that a misspelt `pause_tolerence` cannot
silently mean the default. Standard library only: the guard reads it too.
"""

import ipaddress
import tomllib
from dataclasses import dataclass

from understudy.errors import BadSettings
from understudy.linux import paths
from understudy.model.engines import DEFAULT_ENGINE, ENGINES
from understudy.model.limits import LONGEST_PAUSE_S, SHORTEST_PAUSE_S
from understudy.model.tables import LONGEST_RUN_DIR, NAME, NAMES_ALLOWED, NUMBER, Table, parse_endpoint, seen, seen_name

LONGEST_ERROR = 200
VOTER_COUNTS = (1, 3, 5)
LONGEST_NAME = 63
"""Bytes of a server's or cluster's name, as of a host's: every message between guards carries those of all voters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """`[servers.NAME]`: where a server is reached."""

    name: str
    addresses: tuple[str, ...]
    """One address per cluster network, most trusted first; guards use all of them."""
    witness: bool = False
    """`[servers.NAME] witness`: it votes and runs no resources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """`[network.N]`: a network that carries virtual addresses; makes `ora.netN.network`."""

    number: int
    subnet: str
    interface: str

    @property
    def prefix(self) -> int:
        """Length of the subnet's mask in bits."""
        return ipaddress.ip_network(self.subnet).prefixlen


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where this server's part of mutual TLS with a registry stands, as PEM files."""

    ca: str
    """`[registry] ca`: the certificate of the authority that both sides trust, and no other."""
    certificate: str
    """`[registry] certificate`: this server's own."""
    key: str
    """`[registry] key`: its private key; only root may read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one server."""

    cluster: str
    """`[cluster] name`."""
    server: str
    """`[server] name`: which of the servers this is."""
    servers: tuple[ServerSettings, ...]
    voters: tuple[str, ...]
    """`[cluster] voters`: 1, 3 or 5 servers whose guards grant leases; default the first three by name (or the first)."""
    voter_set: int = 1
    """`[cluster] voter_set`: number of the voter set; grows with each change of it."""
    pause_tolerance: float = 2.0
    """`[cluster] pause_tolerance`, seconds: a server that is paused for up to this long keeps what it runs."""
    engine: str = DEFAULT_ENGINE
    """`[registry] engine`: `sqlite` or `etcd`."""
    registry: tuple[str, ...] = ("127.0.0.1:7400",)
    """`[registry] endpoints`: ADDRESS:PORT of the registry."""
    registry_tls: TlsFiles | None = None
    """`[registry] ca`, `certificate` and `key`: of engine `etcd`; without them it is reached on loopback only."""
    networks: tuple[NetworkSettings, ...] = ()
    guard_port: int = 7401
    """`[guard] port`, UDP: leases."""
    guard_key: str = paths.GUARD_KEY
    """`[guard] key`: file with 64 hex digits."""
    reboot_on_lapse: bool = False
    """`[guard] reboot_on_lapse`: reboot at once when the lease ends and something could not be stopped."""
    run_dir: str = paths.RUN_DIR
    """`[server] run_dir`: sockets, lease, kill list."""
    leave_within: float = 300.0
    """`[server] leave_within`, seconds: how long a planned leave may stop things in order; then the rest is stopped at once."""
    join_port: int = 0
    """`[server] join_port`, TCP: where a server that holds the authority's key lets others join; 0: nowhere."""
    log_dir: str = paths.LOG_DIR
    state_dir: str = paths.STATE_DIR
    """`[server] state_dir`: what outlives the daemon, on a disk of this server's own."""
    cgroup: str = ""
    """`[executor] cgroup`: the one parent control group of all resources; empty: `understudy` below this process's cgroup v2 mount."""
    storage: tuple[str, ...] = ()
    """`[guard] storage`: addresses of storage servers; traffic with them passes only while this server's lease is valid."""
    filesystems: tuple[str, ...] = ()
    """`[guard] filesystems`: mount points of local file systems to shut down at a lapse (never a bind mount)."""

    def named(self) -> dict[str, str]:
        """Addresses that are somebody's own, as Python writes them, and whose: no virtual address may be one of them."""
        found: dict[str, str] = {}
        for each in self.servers:
            found |= {str(ipaddress.ip_address(address)): f"of server {each.name} ([servers.{each.name}])" for address in each.addresses}
        for endpoint in self.storage:
            found.setdefault(str(ipaddress.ip_address(endpoint)), "of a storage server ([guard] storage)")
        for endpoint in self.registry:
            found.setdefault(str(ipaddress.ip_address(parse_endpoint(endpoint)[0])), "of the registry ([registry] endpoints)")
        return found

    def places(self) -> tuple[str, ...]:
        """Directories that our own processes need: nothing is unmounted over them."""
        return (self.run_dir, self.log_dir, self.state_dir, *([self.cgroup] if self.cgroup else []), paths.CONFIG)

    def peer(self, name: str) -> ServerSettings:
        """The server called `name`; KeyError if there is none."""
        for settings in self.servers:
            if settings.name == name:
                return settings
        raise KeyError(name)


_TLS = ("ca", "certificate", "key")
SECTIONS: dict[str, tuple[str, ...]] = {
    "cluster": ("name", "voters", "voter_set", "pause_tolerance"),
    "server": ("name", "run_dir", "log_dir", "state_dir", "leave_within", "join_port"),
    "servers": (),
    "network": (),
    "registry": ("engine", "endpoints", *_TLS),
    "guard": ("port", "key", "reboot_on_lapse", "storage", "filesystems"),
    "executor": ("cgroup",),
}
"""Each section with its settings; those without have one section more for each name or number."""
MOST_SERVERS, MOST_NETWORKS = 64, 64
HIGHEST_VOTER_SET = (1 << 31) - 1
LONGEST_LEAVE_S = 86400.0


def parse_settings(text: str, *, server: str | None = None) -> Settings:
    """Read understudy.toml's text; `server` overrides `[server] name`. BadSettings says in one line which setting, what it is and what to
    write; whatever TOML can hold gives that or Settings."""
    raw = _toml(text)
    for section in raw:
        if section not in SECTIONS:
            raise BadSettings(f"[{seen_name(section)}] is no section; sections are {', '.join(SECTIONS)}")
    cluster, own, registry, guard, executor = (
        Table(name, raw.get(name, {}), SECTIONS[name]) for name in ("cluster", "server", "registry", "guard", "executor")
    )
    servers = _servers(raw.get("servers", {}))
    name = server if server is not None else own.name("name")
    if name not in {settings.name for settings in servers}:
        raise BadSettings(f"[server] name is {seen(name)}, but there is no [servers.{name}] with its addresses")
    engine, endpoints, tls = _registry(registry)
    return Settings(
        cluster=cluster.text("name", longest=LONGEST_NAME),
        server=name,
        servers=servers,
        voters=_voters(cluster.names("voters"), servers),
        voter_set=cluster.whole("voter_set", 1, least=1, most=HIGHEST_VOTER_SET),
        pause_tolerance=cluster.seconds("pause_tolerance", 2.0, least=SHORTEST_PAUSE_S, most=LONGEST_PAUSE_S),
        engine=engine,
        registry=endpoints,
        registry_tls=tls,
        networks=_networks(raw.get("network", {})),
        guard_port=guard.whole("port", 7401, least=1, most=65535),
        guard_key=guard.path("key", paths.GUARD_KEY),
        reboot_on_lapse=guard.flag("reboot_on_lapse", False),
        run_dir=own.path("run_dir", paths.RUN_DIR, longest=LONGEST_RUN_DIR),
        leave_within=own.seconds("leave_within", 300.0, least=1, most=LONGEST_LEAVE_S),
        join_port=own.whole("join_port", 0, least=0, most=65535),
        log_dir=own.path("log_dir", paths.LOG_DIR),
        state_dir=own.path("state_dir", paths.STATE_DIR),
        cgroup=executor.path("cgroup", ""),
        storage=guard.addresses("storage", ()),
        filesystems=guard.paths("filesystems"),
    )


def _toml(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise BadSettings("it cannot be read: brackets within brackets without end") from None
    except ValueError as error:  # also a number of more digits than Python reads
        raise BadSettings(f"it cannot be read: {str(error).splitlines()[0][:LONGEST_ERROR]}") from None


def _registry(registry: Table) -> tuple[str, tuple[str, ...], TlsFiles | None]:
    """Its engine, endpoints and TLS. What anybody on the network might write to is refused."""
    engine = registry.choice("engine", DEFAULT_ENGINE, ENGINES)
    endpoints = registry.endpoints("endpoints", ("127.0.0.1:7400",))
    files = {key: registry.path(key, "") for key in _TLS}
    given = [key for key in _TLS if files[key]]
    if not ENGINES[engine].tls:
        if given:
            raise BadSettings(f"[registry] {given[0]} is of no use to engine {engine}, which proves itself by [guard] key: leave it out")
        return engine, endpoints, None
    if given:
        if missing := [key for key in _TLS if not files[key]]:
            raise BadSettings(f"[registry] {' and '.join(missing)} missing: write {', '.join(_TLS)}, or none of them")
        return engine, endpoints, TlsFiles(**files)
    for endpoint in endpoints:
        if not ipaddress.ip_address(parse_endpoint(endpoint)[0]).is_loopback:
            raise BadSettings(
                f"[registry] {', '.join(_TLS)} are missing: {endpoint} is reached over a network, and without them whoever reaches it too "
                "may write to the registry"
            )
    return engine, endpoints, None


def _servers(raw: object) -> tuple[ServerSettings, ...]:
    found = []
    for name in _numbered("servers", raw, MOST_SERVERS):
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            raise BadSettings(f"[servers.{seen_name(name)}] is no name for a server; {NAMES_ALLOWED}")
        table = Table(f"servers.{name}", raw[name], ("addresses", "witness"))  # type: ignore[index]
        found.append(ServerSettings(name=name, addresses=table.addresses("addresses"), witness=table.flag("witness", False)))
    if not found:
        raise BadSettings("[servers] is missing: write a section [servers.NAME], with addresses, for each server of the cluster")
    return tuple(found)


def _voters(named: tuple[str, ...] | None, servers: tuple[ServerSettings, ...]) -> tuple[str, ...]:
    names = [settings.name for settings in servers]
    voters = named if named is not None else tuple(names[:3] if len(names) >= 3 else names[:1])
    if len(voters) not in VOTER_COUNTS or len(set(voters)) != len(voters):
        raise BadSettings(f"[cluster] voters are {', '.join(voters) or 'none'}: there must be 1, 3 or 5 different ones")
    for voter in voters:
        if voter not in names:
            raise BadSettings(f"[cluster] voters names {voter}, which has no [servers.{voter}]")
    return voters


def _networks(raw: object) -> tuple[NetworkSettings, ...]:
    found = []
    for number in _numbered("network", raw, MOST_NETWORKS):
        if not NUMBER.fullmatch(number):
            raise BadSettings(f"[network.{seen_name(number)}] has no number; write [network.1], or another from 1 to 999")
        table = Table(f"network.{number}", raw[number], ("subnet", "interface"))  # type: ignore[index]
        found.append(NetworkSettings(number=int(number), subnet=table.subnet("subnet"), interface=table.interface("interface")))
    return tuple(sorted(found, key=lambda network: network.number))


def _numbered(section: str, raw: object, most: int) -> list[str]:
    """The names of the sections below a section."""
    if not isinstance(raw, dict):
        raise BadSettings(f"[{section}] is {seen(raw)}; write sections below it, as [{section}.{'1' if section == 'network' else 'ctr1'}]")
    if len(raw) > most:
        raise BadSettings(f"[{section}] has {len(raw)} sections; at most {most} are allowed")
    return sorted(raw)
