"""guard.sock: who is connected, what came in, what goes out; one JSON object per packet.

Called by: `guard/process.py`. Must never: wait for a client. One that does not read what it is sent is dropped; it will
connect again and ask.
"""

import contextlib
import json
import os
import select
import socket
import struct
from collections.abc import Iterator
from typing import Any

_AT_ONCE = 32
"""Packets taken from one client per round of the loop."""
MOST_TOGETHER = 16
"""Requests in a packet: while all of a round are answered a guard does nothing else."""
_LONGEST = 1 << 20
_FORCE_SEND_BUFFER = 32
MOST = {"daemon": 8, "executor": 8, "tool": 48}
"""Connections by role: together far fewer than a process may have descriptors. One more, and the oldest of its role is dropped: a client
that leaks its connections loses its own."""


class Client:
    """One connection."""

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire
        self.role = "tool"
        self.pid = struct.unpack("=iII", wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        """Of the process that connected; 0: of another process namespace."""


def parse_packet(packet: bytes) -> list[dict[str, Any]]:
    """The requests in a packet, which is one of them or a list; none: it is no such thing, or the connection has ended."""
    try:
        found = json.loads(packet) if packet else None
    except (ValueError, RecursionError):  # RecursionError: brackets without end
        return []
    requests: list[Any] = found if isinstance(found, list) else [found]
    return requests if len(requests) <= MOST_TOGETHER and all(isinstance(request, dict) for request in requests) else []


class Clients:
    """The listening socket and all connections."""

    def __init__(self, path: str, poll: select.poll) -> None:
        self._poll = poll
        self._connected: dict[int, Client] = {}
        self._buffer = bytearray(_LONGEST)
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        # A new name put in place at once: a client never meets a path that is there and does not answer.
        fresh = f"{path}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        self._listening.bind(fresh)
        os.chmod(fresh, 0o600)
        self._listening.listen(64)
        os.rename(fresh, path)
        poll.register(self._listening, select.POLLIN)

    def owns(self, descriptor: int) -> bool:
        """Whether an event on this descriptor is ours."""
        return descriptor == self._listening.fileno() or descriptor in self._connected

    def take(self, descriptor: int) -> Iterator[tuple[Client, dict[str, Any]]]:
        """Accept, or read what a client asks."""
        if descriptor == self._listening.fileno():
            self._accept()
            return
        client = self._connected[descriptor]
        for _ in range(_AT_ONCE):
            try:
                length = client.wire.recv_into(self._buffer)
                requests = parse_packet(bytes(self._buffer[:length]))
            except BlockingIOError:
                return
            except OSError:
                requests = []
            if not requests:
                self.drop(client)
                return
            for request in requests:
                yield client, request

    def answer(self, client: Client, request: dict[str, Any], fields: dict[str, Any]) -> None:
        """Answer a request: same op, and its id if it had one."""
        head = {key: request[key] for key in ("op", "id") if key in request}
        self._send(client, json.dumps({**head, **fields}).encode())

    def push(self, fields: dict[str, Any]) -> None:
        """Tell every daemon."""
        packet = json.dumps(fields).encode()
        for client in [client for client in self._connected.values() if client.role == "daemon"]:
            self._send(client, packet)

    def introduce(self, client: Client, role: str) -> None:
        """It said what it is."""
        client.role = role if role in MOST else "tool"
        self._make_room(client.role)

    def daemon_there(self) -> bool:
        """Whether a daemon is connected."""
        return any(client.role == "daemon" for client in self._connected.values())

    def drop(self, client: Client) -> None:
        """Let a client go."""
        if self._connected.pop(client.wire.fileno(), None) is not None:
            self._poll.unregister(client.wire)
            client.wire.close()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                wire, _ = self._listening.accept()
            except OSError:
                return
            wire.setblocking(False)
            with contextlib.suppress(OSError):
                wire.setsockopt(socket.SOL_SOCKET, _FORCE_SEND_BUFFER, 2 * _LONGEST)
            self._connected[wire.fileno()] = Client(wire)
            self._poll.register(wire, select.POLLIN)
            self._make_room("tool")

    def _make_room(self, role: str) -> None:
        alike = [client for client in self._connected.values() if client.role == role]
        for client in alike[: -MOST[role]]:
            self.drop(client)

    def _send(self, client: Client, packet: bytes) -> None:
        if client.wire.fileno() not in self._connected:
            return
        try:
            client.wire.send(packet)
        except OSError:  # full, or gone
            self.drop(client)
