"""The settings of one server, as read from understudy.toml; pure (the text comes from the edge).

Every setting is a field here with its meaning; an unknown one is refused, so that a misspelt `pause_tolerence` cannot
silently mean the default. Standard library only: the guard reads it too.
"""

import ipaddress
import tomllib
from dataclasses import dataclass
from typing import Any

from understudy.errors import BadSettings

VOTER_COUNTS = (1, 3, 5)
LONGEST_NAME = 63
"""Bytes of a server's or cluster's name, as of a host's: every message between guards carries those of all voters."""
ENGINES = ("sqlite",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """`[servers.NAME]`: where a server is reached."""

    name: str
    addresses: tuple[str, ...]
    """One address per cluster network, most trusted first; guards use all of them."""


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
    """`[cluster] pause_tolerance`, seconds: a server that stands still for up to this long keeps what it runs."""
    engine: str = "sqlite"
    """`[registry] engine`: `sqlite`."""
    registry: tuple[str, ...] = ("127.0.0.1:7400",)
    """`[registry] endpoints`: ADDRESS:PORT of the registry."""
    networks: tuple[NetworkSettings, ...] = ()
    guard_port: int = 7401
    """`[guard] port`, UDP: leases."""
    guard_key: str = "/etc/understudy/keys/guard.key"
    """`[guard] key`: file with 64 hex digits."""
    reboot_on_lapse: bool = False
    """`[guard] reboot_on_lapse`: reboot at once when the lease ends and something could not be stopped."""
    run_dir: str = "/run/understudy"
    """`[server] run_dir`: sockets, lease, kill list."""
    leave_within: float = 300.0
    """`[server] leave_within`, seconds: how long a planned leave may stop things in order; then the rest is stopped at once."""
    log_dir: str = "/var/log/understudy"
    state_dir: str = "/var/lib/understudy"
    """`[server] state_dir`: what outlives the daemon, on a disk of this server's own."""
    cgroup: str = ""
    """`[executor] cgroup`: the one parent control group of all resources; empty: `understudy` below this process's cgroup v2 mount."""
    storage: tuple[str, ...] = ()
    """`[guard] storage`: addresses of storage servers; traffic with them passes only while this server's lease lives."""
    filesystems: tuple[str, ...] = ()
    """`[guard] filesystems`: mount points of local file systems to shut down at a lapse (never a bind mount)."""

    def named(self) -> dict[str, str]:
        """Addresses that are somebody's own, as Python writes them, and whose: no virtual address may be one of them."""
        found: dict[str, str] = {}
        for each in self.servers:
            found |= {str(ipaddress.ip_address(one)): f"of server {each.name} ([servers.{each.name}])" for one in each.addresses}
        for one in self.storage:
            found.setdefault(str(ipaddress.ip_address(one)), "of a storage server ([guard] storage)")
        for one in self.registry:
            host = one.rpartition(":")[0].strip("[]")
            try:
                found.setdefault(str(ipaddress.ip_address(host)), "of the registry ([registry] endpoints)")
            except ValueError:
                continue  # a name, or nonsense, which the registry's client refuses
        return found

    def peer(self, name: str) -> ServerSettings:
        """The server called `name`; KeyError if there is none."""
        for one in self.servers:
            if one.name == name:
                return one
        raise KeyError(name)


_KNOWN: dict[str, set[str]] = {
    "cluster": {"name", "voters", "voter_set", "pause_tolerance"},
    "server": {"name", "run_dir", "log_dir", "state_dir", "leave_within"},
    "registry": {"engine", "endpoints"},
    "guard": {"port", "key", "reboot_on_lapse", "storage", "filesystems"},
    "executor": {"cgroup"},
}


def parse_settings(text: str, *, server: str | None = None) -> Settings:
    """Read understudy.toml's text; `server` overrides `[server] name`. BadSettings says which setting and what to write."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"understudy.toml cannot be read: {error}") from None
    _refuse_unknown(raw)
    cluster, own = raw.get("cluster", {}), raw.get("server", {})
    registry, guard = raw.get("registry", {}), raw.get("guard", {})
    servers = _servers(raw.get("servers", {}))
    name = server or own.get("name")
    if name not in {one.name for one in servers}:
        raise BadSettings(f"[server] name is {name!r}, but there is no [servers.{name}] with its addresses")
    settings = Settings(
        cluster=_text(cluster, "name", "cluster"),
        server=name,
        servers=servers,
        voters=_voters(cluster.get("voters"), servers),
        voter_set=cluster.get("voter_set", 1),
        pause_tolerance=float(cluster.get("pause_tolerance", 2.0)),
        engine=registry.get("engine", "sqlite"),
        registry=tuple(registry.get("endpoints", ("127.0.0.1:7400",))),
        networks=_networks(raw.get("network", {})),
        guard_port=guard.get("port", 7401),
        guard_key=guard.get("key", "/etc/understudy/keys/guard.key"),
        reboot_on_lapse=guard.get("reboot_on_lapse", False),
        run_dir=own.get("run_dir", "/run/understudy"),
        leave_within=float(own.get("leave_within", 300.0)),
        log_dir=own.get("log_dir", "/var/log/understudy"),
        state_dir=own.get("state_dir", "/var/lib/understudy"),
        cgroup=raw.get("executor", {}).get("cgroup", ""),
        storage=_addresses(guard.get("storage", ())),
        filesystems=tuple(guard.get("filesystems", ())),
    )
    if settings.engine not in ENGINES:
        raise BadSettings(f"[registry] engine is {settings.engine!r}; this version has {' and '.join(ENGINES)}")
    return settings


def _refuse_unknown(raw: dict[str, Any]) -> None:
    for section, values in raw.items():
        if section in ("servers", "network"):
            continue
        known = _KNOWN.get(section)
        if known is None:
            raise BadSettings(f"[{section}] is no section; sections are {', '.join([*_KNOWN, 'servers', 'network'])}")
        for key in values:
            if key not in known:
                raise BadSettings(f"[{section}] {key} is no setting; settings are {', '.join(sorted(known))}")


def _text(section: dict[str, Any], key: str, where: str) -> str:
    value = section.get(key)
    if not isinstance(value, str) or not value:
        raise BadSettings(f"[{where}] {key} is missing")
    return _name(value, f"[{where}] {key}")


def _name(name: str, where: str) -> str:
    if len(name.encode()) > LONGEST_NAME:
        raise BadSettings(f"{where}: {name!r} is longer than {LONGEST_NAME} bytes")
    return name


def _servers(raw: dict[str, Any]) -> tuple[ServerSettings, ...]:
    found = []
    for name in sorted(raw):
        addresses = raw[name].get("addresses", ())
        for address in addresses:
            _address(address, f"[servers.{name}] addresses")
        if not addresses:
            raise BadSettings(f"[servers.{name}] addresses is missing: write one address per cluster network")
        found.append(ServerSettings(name=_name(name, f"[servers.{name}]"), addresses=tuple(addresses)))
    if not found:
        raise BadSettings("there is no [servers.NAME] section: write one for each server of the cluster")
    return tuple(found)


def _addresses(raw: list[str]) -> tuple[str, ...]:
    for one in raw:
        _address(one, "[guard] storage")
    return tuple(raw)


def _address(text: Any, where: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise BadSettings(f"{where}: {text!r} is no IP address") from None


def _voters(named: list[str] | None, servers: tuple[ServerSettings, ...]) -> tuple[str, ...]:
    names = [one.name for one in servers]
    voters = tuple(named) if named is not None else tuple(names[:3] if len(names) >= 3 else names[:1])
    if len(voters) not in VOTER_COUNTS or len(set(voters)) != len(voters):
        raise BadSettings(f"[cluster] voters are {', '.join(voters)}: there must be 1, 3 or 5 different ones")
    for voter in voters:
        if voter not in names:
            raise BadSettings(f"[cluster] voters names {voter}, which has no [servers.{voter}]")
    return voters


def _networks(raw: dict[str, Any]) -> tuple[NetworkSettings, ...]:
    found = []
    for number in sorted(raw, key=int):
        subnet, interface = raw[number].get("subnet"), raw[number].get("interface")
        try:
            ipaddress.ip_network(subnet)
        except (ValueError, TypeError):
            raise BadSettings(f"[network.{number}] subnet is {subnet!r}; write it like 10.10.10.0/24") from None
        if not isinstance(interface, str) or not interface:
            raise BadSettings(f"[network.{number}] interface is missing")
        found.append(NetworkSettings(number=int(number), subnet=subnet, interface=interface))
    return tuple(found)
