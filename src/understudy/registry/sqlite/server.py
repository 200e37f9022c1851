"""The registry's server: one store, served to many clients over TCP.

Owns the listening socket, the sessions of clients, and the order in which their requests are carried out. Called by `main.py` and
by tests. Must never answer a commit before it is durable, nor show anyone what is not.

* Commits that arrive in one turn of the event loop are made durable by one flush: under load the disk sets the pace, not the
  number of writers. The flush happens in the loop: nothing could be answered meanwhile anyway.
* The requests of one session are carried out in their order, and a new session of the same client ends the one before, with
  whatever of it was not carried out yet. So a client that lost the answer to a commit, and reads again, sees what came of it.
* A watcher that cannot keep up holds no memory here: it is served from the store's recent commits when it has read what it was sent.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Iterator, Sequence
from typing import cast

from understudy.errors import CommitTooLarge, Compacted
from understudy.guard.log import log
from understudy.model import logevents
from understudy.ports import CommitCondition, Conflict, Entry, Write
from understudy.registry.commits import Commit, checked
from understudy.registry.sqlite import access, frames, sockets
from understudy.registry.sqlite.door import Door, SaidOnce
from understudy.registry.sqlite.store import Store, StoreFailed

HELLO_S = 5.0
"""A connection that has not proved itself by then is closed."""
PAGE_BYTES_MIN = 4096
BUFFERED_BYTES_MAX = 1024 * 1024
"""Unread by a client: beyond this nothing more is sent to it, nor asked of it."""
FULL = ": nothing is written until there is room; what runs goes on running, and nothing can be moved, started or stopped"
COMMITS_AT_ONCE = 100
"""Looked at for a watch before it is asked again whether its client still takes them."""


class RegistryServer:
    """Serves a store that somebody else opened and will close."""

    def __init__(self, store: Store, *, key: bytes | None = None) -> None:
        self.store = store
        self.key = key
        self.failed: asyncio.Future[StoreFailed] = asyncio.get_running_loop().create_future()
        """Done when the disk failed: what is on it can be known only by opening the store again, so the process must end."""
        self.sessions: dict[bytes, _Session] = {}
        """Those that proved themselves, by client."""
        self._connections: set[_Session] = set()
        self._door: Door[_Session] = Door()
        self._said = SaidOnce()
        self._trouble = ""
        """Why the store could not be written last; empty: it could."""
        self._gone = asyncio.Event()
        self._queue: list[tuple[_Session, int, Commit]] = []
        self._listener: asyncio.Server | None = None

    async def start(self, address: str, port: int) -> tuple[str, int]:
        """Listen; the address and port really used (port 0: any)."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Session(self), address, port, reuse_address=True, backlog=128)
        name = self._listener.sockets[0].getsockname()
        return name[0], name[1]

    async def close(self) -> None:
        """Answer what was asked, then close every connection."""
        if self._listener is not None:
            self._listener.close()
        self.flush()
        for session in tuple(self._connections):
            session.close()
        try:
            async with asyncio.timeout(1.0):
                while self._connections:
                    self._gone.clear()
                    await self._gone.wait()
        except TimeoutError:
            for session in tuple(self._connections):
                session.abort()
            # One turn, in which the loop tells the sessions that they are closed.
            await asyncio.sleep(0)

    def queue(self, session: "_Session", id: int, commit: Commit) -> None:
        """Carry out a commit at the end of this turn, together with the others that arrived in it."""
        if not self._queue:
            asyncio.get_running_loop().call_soon(self.flush)
        self._queue.append((session, id, commit))

    def flush(self) -> None:
        """Carry out what is queued, answer it, and tell the watchers."""
        queue = [request for request in self._queue if not request[0].ended]
        self._queue.clear()
        if not queue:
            return
        before = self.store.revision
        try:
            answers = self.store.commit_all([commit for _, _, commit in queue])
        except StoreFailed as error:
            for session, id, _ in queue:
                session.send(frames.WireFailed(id, frames.WireFailure.FAILED, str(error)))
            self.note(error)
            return
        if self._trouble:
            log(logevents.STORE_WELL)
            self._trouble = ""
        for (session, id, _), answer in zip(queue, answers, strict=True):
            session.send(frames.WireConflicted(id, answer.failed) if isinstance(answer, Conflict) else frames.WireCommitted(id, answer))
        if self.store.revision != before:
            for session in tuple(self.sessions.values()):
                session.push()

    def note(self, error: StoreFailed) -> None:
        """The store failed: say so, once, and end unless only room is missing."""
        if str(error) != self._trouble:
            log(logevents.STORE_FAILED, why=f"{error}{FULL if error.full else ''}")
        self._trouble = str(error)
        if not error.full and not self.failed.done():
            self.failed.set_result(error)

    def joined(self, session: "_Session") -> None:
        """A connection was made; it has not proved whose it is. If there are too many, the oldest are closed."""
        self._connections.add(session)
        for other in self._door.came(session, session.address):
            self.refused(other, "too many connections that have proved nothing")
            other.abort()

    def refused(self, session: "_Session", why: str) -> None:
        """Say that somebody was not welcome."""
        self._said.say(session.address, why, asyncio.get_running_loop().time())

    def proved(self, session: "_Session", client: bytes) -> None:
        """A connection is this client's, and no other one any more."""
        self._door.proved(session)
        before = self.sessions.get(client)
        if before is not None:
            before.abort()
        self.sessions[client] = session

    def left(self, session: "_Session", client: bytes | None) -> None:
        """A connection has ended."""
        self._connections.discard(session)
        self._door.left(session)
        if client is not None and self.sessions.get(client) is session:
            del self.sessions[client]
        self._gone.set()


class _Session(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, server: RegistryServer) -> None:
        self.ended = False
        self._server = server
        self._client: bytes | None = None
        self._nonce = secrets.token_bytes(access.NONCE_BYTES)
        self._splitter = frames.Splitter(frames.HELLO_BYTES_MAX)
        self._watches: dict[int, tuple[str, int]] = {}
        """Watch -> its prefix and the revision up to which everything was sent."""
        self._pages: deque[frames.WireEntries] = deque()
        """Of answers that the client takes page by page."""
        self._full = False
        self.address = ""
        """Of the client; its port left out."""
        self._transport: asyncio.Transport
        self._hello_timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask who it is."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=BUFFERED_BYTES_MAX)
        sockets.tune(self._transport, dead_after_s=10)
        self.address = str((self._transport.get_extra_info("peername") or ("unknown",))[0])
        self._server.joined(self)
        self._hello_timer = asyncio.get_running_loop().call_later(HELLO_S, self.abort)
        self.send(frames.WireChallenge(frames.PROTOCOL, self._nonce, self._server.key is not None))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.ended = True
        self._hello_timer.cancel()
        self._watches.clear()
        self._pages.clear()
        self._server.left(self, self._client)

    def data_received(self, data: bytes) -> None:
        """Carry out what is complete."""
        try:
            for payload in self._splitter.feed(data):
                if self.ended:
                    return
                self._handle(frames.from_client(payload))
        except frames.BadFrame as error:
            self._refuse(str(error))

    def pause_writing(self) -> None:
        """The client does not read: take nothing more from it until it does."""
        self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._full = False
        self._transport.resume_reading()
        self.push()

    def send(self, message: frames.WireMessage) -> None:
        """Send, if there is still somebody."""
        if not self.ended:
            self._transport.write(frames.frame(message))

    def push(self) -> None:
        """Send what is left of answers, then every watch the commits it has not seen, as far as the client reads them."""
        while self._pages and self._taking():
            self.send(self._pages.popleft())
        for id in tuple(self._watches):
            self._push(id)

    def close(self) -> None:
        """End it after what was sent has arrived."""
        self.ended = True
        self._transport.close()

    def abort(self) -> None:
        """End it now; nothing that it asked and that was not carried out will be."""
        self.ended = True
        self._transport.abort()

    def _push(self, id: int) -> None:
        store = self._server.store
        prefix, seen = self._watches[id]
        while seen != store.revision and self._taking():
            try:
                seen, batches = store.changes(prefix, seen, COMMITS_AT_ONCE)
            except Compacted as error:
                del self._watches[id]
                self.send(frames.WireFailed(id, frames.WireFailure.COMPACTED, str(error)))
                return
            for batch in batches:
                # One frame each: however long the past, no more than one commit is sent beyond what the client takes.
                self.send(frames.WireChanges(id, (frames.pack_batch(batch),)))
                if not self._taking():
                    seen = batch.revision
                    break
            self._watches[id] = prefix, seen

    def _taking(self) -> bool:
        return not self._full and not self.ended

    def _handle(self, message: frames.WireRequest) -> None:
        if isinstance(message, frames.WireHello):
            self._hello(message)
        elif self._client is None:
            self._refuse("a hello must come first")
        else:
            self._serve(message)

    def _serve(self, message: frames.WireRead | frames.WireCommit | frames.WireWatch | frames.WireUnwatch | frames.WirePing) -> None:
        match message:
            case frames.WireCommit():
                self._commit(message)
            case frames.WireRead():
                self._read(message)
            case frames.WireWatch():
                self._watches[message.id] = message.prefix, message.after
                self._push(message.id)
            case frames.WireUnwatch():
                self._watches.pop(message.id, None)
            case frames.WirePing():
                self.send(frames.WirePong())

    def _read(self, message: frames.WireRead) -> None:
        # What this session asked to commit before must be seen.
        self._server.flush()
        try:
            revision, entries = self._server.store.read(
                message.prefix, without=message.without, after=message.after, limit_bytes=message.limit_bytes
            )
        except StoreFailed as error:
            self.send(frames.WireFailed(message.id, frames.WireFailure.FAILED, str(error)))
            self._server.note(error)
            return
        if message.page_bytes:
            self._pages.extend(_paged(message.id, revision, entries, max(PAGE_BYTES_MIN, message.page_bytes)))
            self.push()
            return
        size = sum(len(entry.value) for entry in entries)
        if size > frames.ANSWER_BYTES_MAX // 2:
            text = f"the entries asked for have {size} bytes: ask for a longer prefix"
            self.send(frames.WireFailed(message.id, frames.WireFailure.MALFORMED, text))
        else:
            self.send(frames.WireEntries(message.id, revision, tuple((entry.key, entry.value, entry.revision) for entry in entries)))

    def _commit(self, message: frames.WireCommit) -> None:
        try:
            commit = checked([CommitCondition(*condition) for condition in message.conditions], [Write(*write) for write in message.writes])
        except (ValueError, CommitTooLarge) as error:
            self.send(frames.WireFailed(message.id, frames.WireFailure.MALFORMED, str(error)))
        else:
            self._server.queue(self, message.id, commit)

    def _hello(self, hello: frames.WireHello) -> None:
        key = self._server.key
        if self._client is not None:
            self._refuse("a second hello")
        elif hello.protocol != frames.PROTOCOL:
            self._refuse(f"this registry speaks protocol {frames.PROTOCOL}, the client {hello.protocol}: upgrade the older of the two")
        elif key is not None and not access.same(hello.proof, self._proof(key, b"client", hello)):
            self._refuse("the client does not have this cluster's key")
        else:
            self._hello_timer.cancel()
            self._client = hello.client
            self._splitter.limit = frames.REQUEST_BYTES_MAX
            self._server.proved(self, hello.client)
            self.send(frames.WireWelcome(b"" if key is None else self._proof(key, b"server", hello)))

    def _proof(self, key: bytes, role: bytes, hello: frames.WireHello) -> bytes:
        return access.prove(key, role, self._nonce, hello.nonce, hello.client)

    def _refuse(self, text: str) -> None:
        self._server.refused(self, text)
        self.send(frames.WireRefused(text))
        self.close()


def _paged(id: int, revision: int, entries: Sequence[Entry], page_bytes: int) -> Iterator[frames.WireEntries]:
    """One answer in pages of about this size, the last one marked; what does not fit a page has one of its own."""
    page: list[tuple[str, bytes, int]] = []
    size = 0
    for entry in entries:
        if page and size + entry.size > page_bytes:
            yield frames.WireEntries(id, revision, tuple(page), more=True)
            page, size = [], 0
        page.append((entry.key, entry.value, entry.revision))
        size += entry.size
    yield frames.WireEntries(id, revision, tuple(page))
