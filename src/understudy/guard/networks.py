"""The guards' UDP sockets: one per own address, every message on every network.

Called by: `guard/process.py`. Must never: wait, or stop for a network that is down; the others carry on.
"""

import contextlib
import errno
import ipaddress
import select
import socket
from collections.abc import Callable, Iterable, Iterator

from understudy.errors import BadSettings
from understudy.guard.peers import KnownServer, peers_of
from understudy.model.settings import Settings

_AT_ONCE = 2048
"""More datagrams than arrive in a pause that the cluster survives: a voter that was paused receives all before it judges."""
LONGEST_DATAGRAM = 2048
_FREE_BIND, _FREE_BIND_6 = 15, 78
_FORCE_RECEIVE_BUFFER = 33
_RECEIVE_BUFFER = 1 << 20
_SETTINGS = frozenset((errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM, errno.EINVAL, errno.EAFNOSUPPORT))
"""What another address or port would cure."""


class Networks:
    """All cluster networks of this server."""

    def __init__(self, settings: Settings, poll: select.poll) -> None:
        own = settings.peer(settings.server).addresses
        self._port = settings.guard_port
        self._sockets = [_listen(settings, address) for address in own]
        self._by_descriptor = {connection.fileno(): connection for connection in self._sockets}
        self._routes: dict[str, list[tuple[Callable[[bytes, tuple[str, int]], int], tuple[str, int]]]] = {}
        self.reach(peers_of(settings))
        for connection in self._sockets:
            poll.register(connection, select.POLLIN)

    def reach(self, peers: Iterable[KnownServer]) -> None:
        """Where each server is reached from now on."""
        self._routes = {
            peer.name: [(wire.sendto, (address, self._port)) for wire, address in zip(self._sockets, peer.addresses, strict=False)]
            for peer in peers
        }

    def owns(self, descriptor: int) -> bool:
        """Whether an event on this descriptor is ours."""
        return descriptor in self._by_descriptor

    def take(self, descriptor: int) -> bytes | None:
        """The next datagram that waits; the caller reads its clock after it. None: there is none."""
        try:
            return self._by_descriptor[descriptor].recv(LONGEST_DATAGRAM)
        except OSError:
            return None  # none waits, or an earlier packet was refused by its receiver, which is said once

    def waiting(self) -> Iterator[bytes]:
        """All that wait, of every network; the caller reads its clock after each."""
        for wire in self._sockets:
            for _ in range(_AT_ONCE):
                try:
                    yield wire.recv(LONGEST_DATAGRAM)
                except BlockingIOError:
                    break
                except OSError:
                    continue

    def send(self, server: str, datagram: bytes) -> None:
        """To one server, on every network."""
        for send, where in self._routes.get(server, ()):
            try:
                send(datagram, where)
            except OSError:
                continue  # this network is down: the lease shows whether that matters


def cannot_listen(settings: Settings) -> str:
    """Why, asked when a guard could not; empty: it can now."""
    try:
        for address in settings.peer(settings.server).addresses:
            _listen(settings, address).close()
    except BadSettings as error:
        return str(error)
    return ""


def _listen(settings: Settings, address: str) -> socket.socket:
    """BadSettings: trying again with these settings would end the same way."""
    try:
        return _bind(address, settings.guard_port)
    except OSError as error:
        if error.errno not in _SETTINGS:
            raise
        where = f"[servers.{settings.server}] addresses, [guard] port: cannot listen on {address}, UDP port {settings.guard_port}"
        who = f" (ss -ulpn 'sport = {settings.guard_port}' shows by whom)" if error.errno == errno.EADDRINUSE else ""
        raise BadSettings(f"{where}: {error.strerror}{who}") from None


def _bind(address: str, port: int) -> socket.socket:
    version = ipaddress.ip_address(address).version
    wire = socket.socket(
        socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    )
    # The address may come later than the guard.
    if version == 4:
        wire.setsockopt(socket.IPPROTO_IP, _FREE_BIND, 1)
    else:
        wire.setsockopt(socket.IPPROTO_IPV6, _FREE_BIND_6, 1)
    with contextlib.suppress(OSError):
        wire.setsockopt(socket.SOL_SOCKET, _FORCE_RECEIVE_BUFFER, _RECEIVE_BUFFER)
    wire.bind((address, port))
    return wire
