"""The join listener: other servers come here with a token, and leave with a certificate. TLS on all addresses of this server.

Owns how many may come, how long each may take, and what the log says of those who are refused; what a request is answered is judged by
`setup/judge.py`, beside the loop. Runs on servers that have the authority's key, from the daemon's first moment: it needs neither lease nor
registry, for before others have joined there may be no majority. Called by `daemon/main.py`. Must never end the daemon, nor hold it up.
"""

import asyncio
import contextlib
import functools
import os
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from understudy.agents.aside import aside
from understudy.daemon.http import Exchange, HttpRequest, NoRequest, Peer, Reply
from understudy.errors import BadInput
from understudy.guard.log import fault, log
from understudy.model import logevents
from understudy.model.settings import Settings
from understudy.security.keyfiles import KeyFiles
from understudy.setup.judge import ClusterNow, Comer, JoinJudgement, judge, judge_renewal, judge_voter, made_with
from understudy.setup.places import tokens_file
from understudy.setup.tokens import TokenStore
from understudy.setup.wire import (
    LARGEST_REQUEST,
    PATH,
    RENEWAL_PATH,
    VOTER_PATH,
    JoinRefusal,
    answer_bytes,
    parse_renewal,
    parse_request,
)

MOST_CONNECTIONS = 16
"""Of this listener; further ones are closed at once, so that strangers cannot use up the daemon's descriptors."""
HANDSHAKE_S, JUDGING_S = 5.0, 10.0
AGAIN_S = 5.0
"""Between attempts to listen where that is not possible."""
PAUSE_S = 0.1
EVERY_S = 60.0
MOST_REFUSED, MOST_LINES = 5, 60
"""In a minute: refusals of one address before it has to wait, and lines of the log in all."""
MOST_ADDRESSES = 256
NOBODY = 65534
"""Whose bounds apply to those who come over the network: those of any user who is not root."""
_BACKLOG = 16
_WAIT = "too many attempts from this address were refused; wait a minute"


async def let_join(settings: Settings, now: Callable[[], ClusterNow] | None = None) -> None:
    """Listen on each address of this server, until cancelled; idle as long as this server cannot let anybody join: a server that becomes a
    voter gets the authority's key later. `now`: what is known of the cluster by now."""
    keys = KeyFiles(os.path.dirname(settings.guard_key))
    if not settings.join_port:
        await asyncio.Event().wait()
    while not os.path.exists(keys.authority_key):  # noqa: ASYNC110 - a file sends no event
        await asyncio.sleep(AGAIN_S)
    listener = JoinListener(settings, keys, now)
    async with asyncio.TaskGroup() as tasks:
        for address in settings.peer(settings.server).addresses:
            tasks.create_task(listener.listen(address))


@dataclass(slots=True)
class Refusals:
    """How often each address was refused within a minute, and what of that was logged. Bounded, whoever comes."""

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
        log(logevents.JOIN_REFUSED, address=address, why=why, not_logged=self._kept_back or None)
        self._kept_back = 0

    def _begin_anew(self) -> None:
        if self.now() - self._since > EVERY_S:
            self._since, self._lines = self.now(), 0
            self._by_address.clear()


class JoinListener:
    """One for all addresses of this server."""

    def __init__(self, settings: Settings, keys: KeyFiles, now: Callable[[], ClusterNow] | None = None) -> None:
        self._settings, self._keys, self._now = settings, keys, now or (lambda: made_with(settings))
        self._store = TokenStore(tokens_file(settings.state_dir))
        self._refusals = Refusals()
        self._callers: set[asyncio.Task[None]] = set()

    async def listen(self, address: str) -> None:
        """Until cancelled. An address that is not here yet, or a port that somebody else has, is tried again."""
        said = ""
        while True:
            try:
                with _listening(address, self._settings.join_port) as door:
                    log(logevents.JOIN_LISTENING, address=address, port=self._settings.join_port)
                    said = ""
                    await self._accept(door)
            except OSError as error:
                why = f"{address} port {self._settings.join_port}: {error.strerror or error}"
                if why != said:
                    log(logevents.JOIN_NOT_LISTENING, why=why)
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
        """Accept those who wait. By hand rather than with asyncio's server, which shakes hands with everybody before it asks us."""
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
            if len(self._callers) >= MOST_CONNECTIONS:
                connection.close()
                continue
            connection.setblocking(False)
            comer = Comer(str(peer[0]).partition("%")[0], int(peer[1]))
            task = loop.create_task(self._serve(connection, comer), name="who joins")
            self._callers.add(task)
            task.add_done_callback(functools.partial(self._gone, connection))

    def _resume(self, door: socket.socket) -> None:
        if door.fileno() >= 0:
            asyncio.get_running_loop().add_reader(door, self._take, door)

    def _gone(self, connection: socket.socket, task: "asyncio.Task[None]") -> None:
        """However it ended, also before it began."""
        self._callers.discard(task)
        connection.close()

    async def _serve(self, connection: socket.socket, comer: Comer) -> None:
        """One connection to its end. Whatever happens in it ends nothing else."""
        loop = asyncio.get_running_loop()
        try:
            context = await aside(self._context, within_s=HANDSHAKE_S, kind="join")
            reader = asyncio.StreamReader(limit=LARGEST_REQUEST)
            protocol = asyncio.StreamReaderProtocol(reader)
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=context, ssl_handshake_timeout=HANDSHAKE_S, ssl_shutdown_timeout=HANDSHAKE_S
            )
            exchange = Exchange(reader, asyncio.StreamWriter(transport, protocol, reader, loop), Peer(uid=NOBODY, gid=NOBODY, pid=0))
            try:
                await self._exchange(exchange, comer._replace(name=_certified(transport)))
                await exchange.close()
            finally:
                exchange.abort()
        except ssl.SSLError:
            pass  # somebody who speaks no TLS, or does not like our certificate
        except (OSError, TimeoutError):
            pass  # it went away, or took too long
        except ValueError as error:  # our own certificate or key cannot be used
            log(logevents.JOIN_NOT_LISTENING, why=str(error))
        except Exception as error:  # noqa: BLE001 - the listener goes on for others, and the daemon with it
            fault(error, "a connection to join")

    async def _exchange(self, exchange: Exchange, comer: Comer) -> None:
        try:
            request = await exchange.request()
        except NoRequest as bad:
            if bad.status:
                exchange.refuse(bad.status, str(bad))
            return
        await exchange.answer(await self._answer(request, comer))

    async def _answer(self, request: HttpRequest, comer: Comer) -> Reply:
        if request.path not in (PATH, VOTER_PATH, RENEWAL_PATH):
            return _refused(404, "no such path")
        if request.method != "POST":
            return _refused(405, "use POST")
        if not self._refusals.may_try(comer.address):
            return _refused(429, _WAIT)
        try:
            work = self._work(request, comer)
        except BadInput as error:
            self._refusals.note(comer.address, str(error))
            return _refused(400, str(error))
        judgement: JoinJudgement = await aside(work, within_s=JUDGING_S, kind="join")
        if judgement.refused:
            self._refusals.note(comer.address, judgement.refused)
        elif judgement.joined:
            log(logevents.JOIN_ACCEPTED, joined=judgement.joined, address=comer.address)
        elif judgement.renewed:
            log(logevents.CERTIFICATE_GIVEN, given_to=judgement.renewed, address=comer.address)
        return Reply(judgement.body, judgement.status)

    def _work(self, request: HttpRequest, comer: Comer) -> Callable[[], JoinJudgement]:
        """What is to be judged, beside the loop. BadInput: the request is none."""
        if request.path == RENEWAL_PATH:
            return functools.partial(judge_renewal, parse_renewal(request.body), comer, self._now())
        asked = parse_request(request.body)
        if request.path == VOTER_PATH:
            return functools.partial(judge_voter, comer, self._now())
        return functools.partial(judge, asked, comer, self._now(), self._store, time.time())

    def _context(self) -> ssl.SSLContext:
        """With the certificate that is here now: a new one counts from the next connection on. Who has one of his own may show it.
        ValueError: ours cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_cert_chain(self._keys.certificate, self._keys.key, password=_no_password)
            context.load_verify_locations(self._keys.authority)
            context.verify_mode = ssl.CERT_OPTIONAL  # who joins has none yet; who becomes a voter proves itself by its own
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"{self._keys.certificate} and {self._keys.key} cannot be used: {error}") from None
        return context


def _certified(transport: asyncio.BaseTransport) -> str:
    """The name in the certificate of the other side, which TLS has verified; empty: it has shown none."""
    shown = transport.get_extra_info("peercert") or {}
    return next((str(value) for part in shown.get("subject", ()) for key, value in part if key == "commonName"), "")


def _listening(address: str, port: int) -> contextlib.closing[socket.socket]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    door = socket.create_server((address, port), family=family, backlog=_BACKLOG)
    door.setblocking(False)
    return contextlib.closing(door)


def _refused(status: int, why: str) -> Reply:
    return Reply(answer_bytes(JoinRefusal(why)), status)


def _no_password() -> str:
    """Instead of a question on a terminal."""
    raise ValueError("a key with a password")
