"""What an operator asks of `understudy cluster init`, and the settings that come of it; pure.

Called by `cli/understudy/cluster_setup.py`. Every value is judged by the parser of understudy.toml, so what is written can be read.
"""

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace

from understudy.errors import BadInput, BadSettings
from understudy.model.engines import PORT
from understudy.model.messages import words
from understudy.model.servers import etcd_endpoint
from understudy.model.settings import NetworkSettings, ServerSettings, Settings, TlsFiles, parse_settings
from understudy.model.tables import parse_endpoint
from understudy.security.keyfiles import KeyFiles
from understudy.setup.places import SetupPlaces
from understudy.setup.written import settings_text

JOIN_PORT = 7402
SHOWN_AS = {
    "cluster": "[cluster] name",
    "server": "[server] name",
    "servers": "[servers]",
    "voters": "[cluster] voters",
    "voter_set": "[cluster] voter_set",
    "pause_tolerance": "[cluster] pause_tolerance",
    "engine": "[registry] engine",
    "registry": "[registry] endpoints",
    "networks": "[network]",
    "join_port": "[server] join_port",
}
"""Of the settings that `init` writes by what is asked for: how an operator knows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitWish:
    """The command line of `init`."""

    cluster: str
    servers: tuple[ServerSettings, ...]
    networks: tuple[NetworkSettings, ...] = ()
    voters: tuple[str, ...] | None = None
    """None: the first three by name, or the first."""
    engine: str = "etcd"
    endpoints: tuple[str, ...] = ()
    """Of a registry that is elsewhere; empty: on the voters."""
    pause_tolerance: float = 2.0
    single_voter: bool = False
    """The operator accepts that of two servers one is the only voter."""


def parse_server(text: str, *, witness: bool = False) -> ServerSettings:
    """`ctr1=10.10.20.1,10.10.10.1`. BadInput."""
    name, equals, addresses = text.partition("=")
    listed = tuple(address.strip() for address in addresses.split(",") if address.strip())
    if not equals or not name or not listed:
        raise _bad(
            "--witness" if witness else "--server", f"'{text}' is no server; write NAME=ADDRESS,ADDRESS as ctr1=10.10.20.1,10.10.10.1"
        )
    return ServerSettings(name=name, addresses=tuple(map(normal, listed)), witness=witness)


def normal(address: str) -> str:
    """An address as the kernel writes it; whatever is none as it is: the parser of the settings refuses it by name."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def parse_network(text: str) -> NetworkSettings:
    """`1=10.10.10.0/24,eth1`. BadInput."""
    number, equals, rest = text.partition("=")
    subnet, comma, interface = rest.partition(",")
    if not equals or not comma or not number.isascii() or not number.isdigit() or len(number) > 3:
        raise _bad("--network", f"'{text}' is no network; write NUMBER=SUBNET,INTERFACE as 1=10.10.10.0/24,eth1")
    return NetworkSettings(number=int(number), subnet=subnet.strip(), interface=interface.strip())


def wanted_settings(wish: InitWish, here: Collection[str], places: SetupPlaces) -> tuple[Settings, str]:
    """The settings of this server, whose addresses are `here`; and why it is none of the servers (empty: it is one). BadInput."""
    servers = tuple(sorted(wish.servers, key=lambda server: server.name))
    names = [server.name for server in servers]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise _bad("--server", f"'{repeated}' is named more than once")
    if not servers:
        raise _bad("--server", "name each server of the cluster, this one too, as --server ctr1=10.10.20.1,10.10.10.1")
    _refuse_shared(servers)
    voters = wish.voters if wish.voters is not None else _first_voters(servers)
    if servers and all(server.witness for server in servers):
        raise _bad("--witness", "name at least one server that runs resources, as --server ctr1=10.10.20.1,10.10.10.1")
    if len(servers) == 2 and len(voters) == 1 and not wish.single_voter:
        raise BadInput(words(20277, voters[0]), code=20277)
    name, why = own_name(servers, here)
    keys = KeyFiles(places.keys)
    wanted = Settings(
        cluster=wish.cluster,
        server=name or names[0],
        servers=servers,
        voters=voters,
        pause_tolerance=wish.pause_tolerance,
        engine=wish.engine,
        registry=_endpoints(wish, servers, voters),
        registry_tls=TlsFiles(ca=keys.authority, certificate=keys.certificate, key=keys.key) if wish.engine == "etcd" else None,
        networks=tuple(sorted(wish.networks, key=lambda network: network.number)),
        guard_key=keys.guard,
        state_dir=places.state_dir,
        run_dir=places.run_dir,
        join_port=JOIN_PORT,
    )
    try:
        return parse_settings(settings_text(wanted)), why
    except BadSettings as error:
        raise BadInput(words(20285, "What was asked for cannot be written", error), code=20285) from None


def _first_voters(servers: Sequence[ServerSettings]) -> tuple[str, ...]:
    """Witnesses, for they are there for nothing else, then the first by name: three in all, or one."""
    ranked = [server.name for server in sorted(servers, key=lambda server: (not server.witness, server.name))]
    return tuple(sorted(ranked[:3] if len(ranked) >= 3 else ranked[:1]))


def own_name(servers: Sequence[ServerSettings], here: Collection[str]) -> tuple[str, str]:
    """Which of the servers this is, by its addresses; or why it is none."""
    found = [server.name for server in servers if set(map(normal, server.addresses)) & set(here)]
    if len(found) == 1:
        return found[0], ""
    if found:
        return "", f"addresses of {' and '.join(found)} are on its interfaces"
    named = ", ".join(f"{server.name} ({', '.join(server.addresses)})" for server in servers)
    return "", f"it has none of their addresses; it has {', '.join(sorted(here)) or 'none at all'}, and they are {named}"


def differences(found: Settings, wanted: Settings) -> list[str]:
    """What a configured server's settings say otherwise than asked for. Only what `init` asks for counts: an operator may have changed the
    rest since."""
    lines = []
    for field in fields(Settings):
        if field.name in SHOWN_AS and field.name != "join_port":
            before, after = getattr(found, field.name), getattr(wanted, field.name)
            if before != after:
                lines.append(f"{SHOWN_AS[field.name]} is {_plain(before)} here, and {_plain(after)} was asked for")
    return lines


def for_server(settings: Settings, name: str, places: SetupPlaces) -> Settings:
    """The settings of the server that made a token, for another one: all the same but for who it is, and where its keys are."""
    keys, usual = KeyFiles(places.keys), SetupPlaces()
    state_dir = settings.state_dir if places.state_dir == usual.state_dir else places.state_dir
    run_dir = settings.run_dir if places.run_dir == usual.run_dir else places.run_dir
    tls = None if settings.registry_tls is None else TlsFiles(ca=keys.authority, certificate=keys.certificate, key=keys.key)
    return replace(settings, server=name, guard_key=keys.guard, registry_tls=tls, state_dir=state_dir, run_dir=run_dir)


def is_voter(settings: Settings) -> bool:
    """Whether this server votes, and so has the authority's key and, of engine etcd, a member."""
    return settings.server in settings.voters


def _endpoints(wish: InitWish, servers: Sequence[ServerSettings], voters: Sequence[str]) -> tuple[str, ...]:
    if wish.endpoints:
        if wish.engine == "etcd":
            raise _bad("--endpoint", "an etcd runs on the voters; leave it out, or write --engine sqlite")
        return wish.endpoints
    if wish.engine == "etcd":
        return tuple(etcd_endpoint(server.addresses) for server in servers if server.name in voters)
    if len(servers) > 1:
        raise _bad("--engine", "sqlite is for a cluster of one server, or name with --endpoint where its registry is; write --engine etcd")
    return (f"127.0.0.1:{PORT}",)


def _refuse_shared(servers: Sequence[ServerSettings]) -> None:
    """Two servers with one address."""
    owners: dict[str, str] = {}
    for server in servers:
        for address in server.addresses:
            if owners.setdefault(address, server.name) != server.name:
                raise _bad("--server", f"{owners[address]} and {server.name} have the same address {address}")


def endpoint_text(text: str) -> str:
    """ADDRESS:PORT, as `--endpoint` takes it. BadInput."""
    try:
        parse_endpoint(text)
    except BadSettings as error:
        raise _bad("--endpoint", str(error)) from None
    return text


def _bad(option: str, why: str) -> BadInput:
    return BadInput(words(20285, option, why), code=20285)


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_plain(each) for each in value) or "none"
    if isinstance(value, ServerSettings):
        return f"{value.name}={','.join(value.addresses)}"
    if isinstance(value, NetworkSettings):
        return f"{value.number}={value.subnet},{value.interface}"
    return str(value)
