"""The ports that a server of a cluster needs: whether they are free, and who has those that are not. Binds them for a moment."""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from understudy.linux.paths import API_PORT
from understudy.model.engines import PEER_PORT, PORT
from understudy.model.settings import Settings
from understudy.setup.readings import PortReading
from understudy.setup.wanted import JOIN_PORT, is_voter

_TABLES = {"tcp": ("/proc/net/tcp", "/proc/net/tcp6"), "udp": ("/proc/net/udp", "/proc/net/udp6")}
_GUARD_PORT = 7401


@dataclass(frozen=True, slots=True)
class NeededPort:
    """One port on some addresses."""

    port: int
    protocol: str
    purpose: str
    program: str
    """Who is to have it."""
    addresses: tuple[str, ...]


def needed_ports(settings: Settings | None) -> tuple[NeededPort, ...]:
    """Of a server with these settings; None: of any."""
    if settings is None:
        return _needed(("0.0.0.0",), ("0.0.0.0",), (_GUARD_PORT, JOIN_PORT, API_PORT))
    own = settings.peer(settings.server).addresses
    etcd = own[:1] if settings.engine == "etcd" and is_voter(settings) else ()
    certified = settings.registry_tls is not None or settings.join_port
    ports = (settings.guard_port, settings.join_port if is_voter(settings) else 0, settings.api_port if certified else 0)
    return _needed(etcd, own, ports)


def _needed(etcd: tuple[str, ...], own: tuple[str, ...], ports: tuple[int, int, int]) -> tuple[NeededPort, ...]:
    guard, join, commands = ports
    found = [NeededPort(guard, "udp", "leases", "understudy-guard", own)]
    if etcd:
        found = [
            NeededPort(PORT, "tcp", "etcd's clients", "etcd", etcd),
            NeededPort(PEER_PORT, "tcp", "etcd's members", "etcd", etcd),
            *found,
        ]
    if join:
        found.append(NeededPort(join, "tcp", "joining", "understudyd", own))
    if commands:
        found.append(NeededPort(commands, "tcp", "commands", "understudyd", own))
    return tuple(found)


def read_ports(settings: Settings | None) -> tuple[PortReading, ...]:
    """Each with who has it."""
    return tuple(_read(needed) for needed in needed_ports(settings))


def _read(needed: NeededPort) -> PortReading:
    if not any(_taken(needed, address) for address in needed.addresses):
        return PortReading(needed.port, needed.protocol, needed.purpose)
    holders = [_named(pid) for pid in _holders(needed.port, needed.protocol)]
    ours = any(needed.program in name for name, _ in holders)
    return PortReading(needed.port, needed.protocol, needed.purpose, ", ".join(sorted({text for _, text in holders})) or "a process", ours)


def _taken(needed: NeededPort, address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if needed.protocol == "tcp" else socket.SOCK_DGRAM
    try:
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as those who will listen do
            probe.bind((address, needed.port))
    except OSError as error:
        return error.errno == errno.EADDRINUSE  # an address that is not here is another row's
    return False


def _holders(port: int, protocol: str) -> Iterator[int]:
    """Processes that have this port on any address."""
    wanted = {f"socket:[{number}]" for table in _TABLES[protocol] for number in _sockets(table, port)}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            for file in os.scandir(f"/proc/{entry}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(file.path) in wanted:
                        yield int(entry)
                        break


def _sockets(table: str, port: int) -> Iterator[str]:
    """Numbers of the sockets on this port: for TCP those that listen."""
    with contextlib.suppress(OSError), open(table, encoding="ascii") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            listens = fields[3] == "0A" or table.startswith("/proc/net/udp")
            if listens and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _named(pid: int) -> tuple[str, str]:
    """The command line of a process, and how it is shown."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            command = [word.decode(errors="replace") for word in file.read(4096).split(b"\0")]
    except OSError:
        return "", f"process {pid}"
    names = [os.path.basename(word) for word in command if word]
    shown = next((name for name in names if name.startswith("understudy")), names[0] if names else "?")
    return " ".join(names), f"{shown} (process {pid})"
