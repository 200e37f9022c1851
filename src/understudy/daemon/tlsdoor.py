"""A TLS listener on this server's own addresses with bounds for strangers: how many, and how long each step may take.

Two uses: servers that join (`enrol.py`) and commands from elsewhere (`remote.py`); what is asked and who may is theirs. Accepts by hand
rather than with asyncio's server, which shakes hands with everybody before it asks us. Must never end the daemon, nor hold it up.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from understudy.agents.aside import aside
from understudy.guard.log import fault, log
from understudy.model.logevents import LogEvent

HANDSHAKE_S = 5.0
AGAIN_S = 5.0
"""Between attempts to listen where that is not possible."""
PAUSE_S = 0.1
EVERY_S = 60.0
MOST_REFUSED, MOST_LINES = 5, 60
"""In a minute: refusals of one address before it has to wait, and lines of the log in all."""
MOST_ADDRESSES = 256
_BACKLOG = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorBounds:
    """Connections; further ones are closed at once, so that strangers cannot use up the daemon's descriptors."""

    most: int
    unproven: int
    """Of those: whose handshake has not ended."""
    of_one_address: int
    """Of those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsVisitor:
    """Somebody whose handshake has ended."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    address: str
    port: int
    certificate: Mapping[str, Any]
    """What `ssl` says of the certificate that was shown; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsUse:
    """What a listener is for."""

    kind: str
    """In words of one or two, for the log."""
    port: int
    context: Callable[[], ssl.SSLContext]
    """Made beside the loop for each connection, so that a new certificate counts from the next one on. ValueError: it cannot be made."""
    serve: Callable[[TlsVisitor], Awaitable[None]]
    bounds: DoorBounds
    listening: LogEvent
    not_listening: LogEvent
    largest: int
    """Bytes that are read before they are looked at."""
    not_trusted: Callable[[str, str], None] = field(default=lambda *_: None)
    """An address whose handshake failed, and why."""


@dataclass(slots=True)
class Refusals:
    """How often each address was refused within a minute, and what of that was logged. Bounded, whoever comes."""

    event: LogEvent
    now: Callable[[], float] = time.monotonic
    _since: float = 0.0
    _by_address: dict[str, int] = field(default_factory=dict)
    _lines: int = 0
    _kept_back: int = 0

    def may_try(self, address: str) -> bool:
        """Whether it is judged at all."""
        self._begin_anew()
        return self._by_address.get(address, 0) < MOST_REFUSED

    def note(self, address: str, why: str) -> None:
        """Count it, and log it if there is room."""
        self._begin_anew()
        if address not in self._by_address and len(self._by_address) >= MOST_ADDRESSES:
            del self._by_address[next(iter(self._by_address))]
        self._by_address[address] = self._by_address.get(address, 0) + 1
        if self._lines >= MOST_LINES or self._by_address[address] > MOST_REFUSED:
            self._kept_back += 1
            return
        self._lines += 1
        log(self.event, address=address, why=why, not_logged=self._kept_back or None)
        self._kept_back = 0

    def _begin_anew(self) -> None:
        if self.now() - self._since > EVERY_S:
            self._since, self._lines = self.now(), 0
            self._by_address.clear()


class TlsDoor:
    """One for all addresses of this server."""

    def __init__(self, use: TlsUse) -> None:
        self._use = use
        self._callers: set[asyncio.Task[None]] = set()
        self._unproven: dict[asyncio.Task[None], str] = {}
        """Whose handshake has not ended, and their addresses."""

    async def listen(self, address: str) -> None:
        """Until cancelled. An address that is not here yet, or a port that somebody else has, is tried again."""
        said = ""
        while True:
            try:
                with _listening(address, self._use.port) as door:
                    log(self._use.listening, address=address, port=self._use.port)
                    said = ""
                    await self._accept(door)
            except OSError as error:
                why = f"{address} port {self._use.port}: {error.strerror or error}"
                if why != said:
                    log(self._use.not_listening, why=why)
                    said = why
            await asyncio.sleep(AGAIN_S)

    async def _accept(self, door: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(door, self._take, door)
        try:
            await asyncio.Event().wait()
        finally:
            loop.remove_reader(door)
            for task in self._callers:
                task.cancel()

    def _take(self, door: socket.socket) -> None:
        """Accept those who wait."""
        loop = asyncio.get_running_loop()
        for _ in range(_BACKLOG):
            try:
                connection, peer = door.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor is to be had: whoever asks waits a little
                loop.remove_reader(door)
                loop.call_later(PAUSE_S, self._resume, door)
                return
            address = str(peer[0]).partition("%")[0]
            if not self._has_room(address):
                connection.close()
                continue
            connection.setblocking(False)
            task = loop.create_task(self._serve(connection, address, int(peer[1])), name=f"over the network: {self._use.kind}")
            self._callers.add(task)
            self._unproven[task] = address
            task.add_done_callback(functools.partial(self._gone, connection))

    def _has_room(self, address: str) -> bool:
        bounds = self._use.bounds
        if len(self._callers) >= bounds.most or len(self._unproven) >= bounds.unproven:
            return False
        return list(self._unproven.values()).count(address) < bounds.of_one_address

    def _resume(self, door: socket.socket) -> None:
        if door.fileno() >= 0:
            asyncio.get_running_loop().add_reader(door, self._take, door)

    def _gone(self, connection: socket.socket, task: "asyncio.Task[None]") -> None:
        """However it ended, also before it began."""
        self._callers.discard(task)
        self._unproven.pop(task, None)
        connection.close()

    async def _serve(self, connection: socket.socket, address: str, port: int) -> None:
        """One connection to its end. Whatever happens in it ends nothing else."""
        proved = False
        try:
            visitor = await self._shake_hands(connection, address, port)
            if (task := asyncio.current_task()) is not None:
                self._unproven.pop(task, None)
            proved = True
            try:
                await self._use.serve(visitor)
            finally:
                # also where it is closing: the other side may not take part in that
                with contextlib.suppress(AttributeError):  # Python 3.11.2: closed twice, it is over, and cannot be aborted any more
                    visitor.writer.transport.abort()
        except ssl.SSLEOFError:
            pass  # it went away in the middle: whoever only looks whether a port is open
        except ssl.SSLError as error:  # somebody who speaks no TLS, does not like our certificate, or has none that we trust
            if not proved:
                self._use.not_trusted(address, getattr(error, "verify_message", "") or error.reason or str(error))
        except (OSError, TimeoutError):
            pass  # it went away, or took too long
        except ValueError as error:  # our own certificate or key cannot be used
            log(self._use.not_listening, why=str(error))
        except Exception as error:  # noqa: BLE001 - the listener goes on for others, and the daemon with it
            fault(error, f"a connection for {self._use.kind}")

    async def _shake_hands(self, connection: socket.socket, address: str, port: int) -> TlsVisitor:
        loop = asyncio.get_running_loop()
        context = await aside(self._use.context, within_s=HANDSHAKE_S, kind=self._use.kind)
        reader = asyncio.StreamReader(limit=self._use.largest)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, connection, ssl=context, ssl_handshake_timeout=HANDSHAKE_S, ssl_shutdown_timeout=HANDSHAKE_S
        )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        certificate = transport.get_extra_info("peercert") or {}
        return TlsVisitor(reader=reader, writer=writer, address=address, port=port, certificate=certificate)


def server_named(certificate: Mapping[str, Any]) -> str:
    """The server whose certificate this is, of which it is known that the cluster's authority has signed it; empty: of none. Of a server
    the name stands among the other names, too; an administrator's has none of these, and so is never taken for a server's."""
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    named = len(names) == 1 and ("DNS", names[0]) in certificate.get("subjectAltName", ())
    return str(names[0]) if named else ""


def server_context(certificate: str, key: str, *, trusted: str = "", asks: ssl.VerifyMode = ssl.CERT_REQUIRED) -> ssl.SSLContext:
    """TLS 1.3 with this server's certificate. `trusted`: the authority of whose certificates the other side has to show one, or may;
    empty: of none. ValueError: a file cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # one request for each connection: there is nothing to resume
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
        if trusted:
            context.load_verify_locations(cafile=trusted)
            context.verify_mode = asks
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{certificate}, {key}{f' and {trusted}' if trusted else ''} cannot be used: {error}") from None
    return context


def _listening(address: str, port: int) -> contextlib.closing[socket.socket]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    door = socket.create_server((address, port), family=family, backlog=_BACKLOG)
    door.setblocking(False)
    return contextlib.closing(door)


def _no_password() -> str:
    """Instead of a question on a terminal."""
    raise ValueError("a key with a password")
