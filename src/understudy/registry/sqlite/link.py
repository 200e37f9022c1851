"""One connection of a client to the registry's server, from the hello to its end.

Owns the connection's state: what is asked and not answered, what is watched, whether anybody is still there. Called by `client.py`
alone. Must never live again once it was lost: the client makes another.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import cast

from understudy.correlator import Correlator
from understudy.errors import Compacted, RegistryUnreachable, TooManyWaiting
from understudy.registry.feed import Feed
from understudy.registry.heartbeat import Heartbeat
from understudy.registry.sqlite import access, frames, sockets


class _Pages:
    """An answer that comes in pages."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, bytes, int]] = []

    def put(self, page: frames.WireEntries) -> frames.WireEntries | None:
        """The whole answer, once this was the last page."""
        if not page.more and not self._entries:
            return page
        self._entries.extend(page.entries)
        if page.more:
            return None
        return frames.WireEntries(page.id, page.revision, tuple(self._entries))


class WireLink(asyncio.Protocol):
    """One connection. `lost` for good once anything went wrong."""

    def __init__(self, client: bytes, key: bytes | None, *, page_s: float) -> None:
        """`page_s`: how long the next page of an answer is waited for after one came."""
        self.lost = False
        self.gone = asyncio.Event()
        """The connection is closed, and nothing of it is left."""
        self._client = client
        self._key = key
        self._page_s = page_s
        self._nonce = secrets.token_bytes(access.NONCE_BYTES)
        self._proof = b""
        """What the server must answer."""
        self._welcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._splitter = frames.Splitter(frames.HELLO_BYTES_MAX)
        self._requests: Correlator[frames.WireAnswer] = Correlator()
        self._pages: dict[int, _Pages] = {}
        """Of what was asked, what has arrived of its answer."""
        self._feeds: dict[int, Feed] = {}
        self._transport: asyncio.Transport | None = None
        self._heartbeat = Heartbeat(lambda: self._send(frames.WirePing()), self._fail)

    async def dial(self, address: str, port: int) -> None:
        """Connect and be welcomed. OSError, RegistryUnreachable or a time limit of the caller's: then it is lost."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, address, port)
            await self._welcome
        except BaseException:
            self.end("not connected")
            raise
        self._splitter.limit = frames.ANSWER_BYTES_MAX
        self._heartbeat.begin()

    async def ask(self, make: Callable[[int], frames.WireRequest], *, until: float) -> frames.WireAnswer:
        """Send a request and wait for its answer, or for its first page, until then on the loop's clock. RegistryUnreachable: the link
        was lost; it and TimeoutError say nothing of what was asked. Nothing was, where too many wait."""

        sent: list[int] = []

        async def send(id: int) -> None:
            sent.append(id)
            self._pages[id] = _Pages()
            self._send(make(id))

        try:
            return await self._requests.ask(send, until=until)
        except TooManyWaiting as error:
            raise RegistryUnreachable(f"nothing was asked of the registry: {error}") from None
        finally:
            for id in sent:
                del self._pages[id]

    def watch(self, prefix: str, after: int) -> Feed:
        """Begin a watch."""
        feed = Feed(self._requests.number())
        self._feeds[feed.id] = feed
        self._send(frames.WireWatch(feed.id, prefix, after))
        return feed

    def unwatch(self, feed: Feed) -> None:
        """End a watch; harmless when the link is lost."""
        if self._feeds.pop(feed.id, None) is not None and not self.lost:
            self._send(frames.WireUnwatch(feed.id))

    def end(self, why: str) -> None:
        """The link is of no use any more: everyone who waits gets an error, now."""
        if self.lost:
            return
        self.lost = True
        text = f"the link to the registry was lost: {why}"
        self._requests.fail(lambda: RegistryUnreachable(text))
        for feed in self._feeds.values():
            feed.end(RegistryUnreachable(text))
        if not self._welcome.done():
            self._welcome.cancel()
        self._heartbeat.end()
        if self._transport is None:
            self.gone.set()
        else:
            # Not close(): it would wait for a peer that no longer takes anything.
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the challenge."""
        self._transport = cast(asyncio.Transport, transport)
        sockets.tune(self._transport, dead_after_s=2)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end closed it, or the kernel gave it up."""
        self._fail(str(exc) if exc is not None else "the registry closed it")
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        """Hand out what is complete."""
        self._heartbeat.received()
        try:
            for payload in self._splitter.feed(data):
                if self.lost:
                    return
                self._handle(frames.from_server(payload))
        except frames.BadFrame as error:
            self._fail(str(error))

    def _handle(self, message: frames.WireMessage) -> None:
        match message:
            case frames.WireChanges():
                feed = self._feeds.get(message.id)
                if feed is not None:
                    feed.put(map(frames.unpack_batch, message.batches))
            case frames.WirePong():
                pass
            case frames.WireChallenge():
                self._hello(message)
            case frames.WireWelcome():
                self._welcomed(message)
            case frames.WireRefused():
                self._fail(f"the registry refused it: {message.text}")
            case _:
                self._answered(message)

    def _answered(self, answer: frames.WireAnswer) -> None:
        pages, feed = self._pages.get(answer.id), self._feeds.get(answer.id)
        if pages is not None:
            whole = pages.put(answer) if isinstance(answer, frames.WireEntries) else answer
            if whole is None:
                self._requests.extend(answer.id, asyncio.get_running_loop().time() + self._page_s)
            else:
                self._requests.answer(answer.id, whole)
        elif feed is not None and isinstance(answer, frames.WireFailed):
            feed.end(Compacted(answer.text))

    def _hello(self, challenge: frames.WireChallenge) -> None:
        proof = b""
        if challenge.protocol != frames.PROTOCOL:
            self._fail(f"it speaks protocol {challenge.protocol}, this client {frames.PROTOCOL}: upgrade the older of the two")
            return
        if challenge.keyed != (self._key is not None):
            self._fail("it asks for the cluster's key, and none was given" if challenge.keyed else "it does not know the cluster's key")
            return
        if self._key is not None:
            proof = access.prove(self._key, b"client", challenge.nonce, self._nonce, self._client)
            self._proof = access.prove(self._key, b"server", challenge.nonce, self._nonce, self._client)
        self._send(frames.WireHello(frames.PROTOCOL, self._client, self._nonce, proof))

    def _welcomed(self, welcome: frames.WireWelcome) -> None:
        if not access.same(welcome.proof, self._proof):
            self._fail("it does not have this cluster's key")
        elif not self._welcome.done():
            self._welcome.set_result(None)

    def _send(self, message: frames.WireRequest) -> None:
        if self.lost or self._transport is None:
            raise RegistryUnreachable("the link to the registry was lost")
        self._transport.write(frames.frame(message))

    def _fail(self, why: str) -> None:
        if not self._welcome.done():
            self._welcome.set_exception(RegistryUnreachable(why))
        self.end(why)
