"""The guards' UDP sockets: one per own address, every message on every network.

Called by: `guard/process.py`. Must never: wait, or stop for a network that is down; the others carry on.
"""

import contextlib
import errno
import ipaddress
import select
import socket
from collections.abc import Iterable, Iterator

from understudy.errors import BadSettings
from understudy.guard.peers import Peer, peers_of
from understudy.model.settings import Settings

_AT_ONCE = 2048
"""More datagrams than arrive in a pause that the cluster survives: a voter that was paused receives all before it judges."""
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
        self._routes: dict[str, list[tuple[socket.socket, str]]] = {}
        self.reach(peers_of(settings))
        for connection in self._sockets:
            poll.register(connection, select.POLLIN)

    def reach(self, peers: Iterable[Peer]) -> None:
        """Where each server is reached from now on."""
        self._routes = {peer.name: list(zip(self._sockets, peer.addresses, strict=False)) for peer in peers}

    def owns(self, descriptor: int) -> bool:
        """Whether an event on this descriptor is ours."""
        return descriptor in self._by_descriptor

    def take(self, descriptor: int) -> Iterator[bytes]:
        """The datagrams that wait; the caller reads its clock after each."""
        wire = self._by_descriptor[descriptor]
        for _ in range(_AT_ONCE):
            try:
                yield wire.recv(2048)
            except BlockingIOError:
                return
            except OSError:
                continue  # an earlier packet was refused by its receiver; said once

    def send(self, server: str, datagram: bytes) -> None:
        """To one server, on every network."""
        for wire, address in self._routes.get(server, ()):
            with contextlib.suppress(OSError):  # this network is down: the lease shows whether that matters
                wire.sendto(datagram, (address, self._port))


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
