"""One connection to one member of etcd, from the first answer to its end.

Owns the connection's state: its channel, the one stream over which everything is watched, and whether the member is alive and has a
leader. Called by `client.py` alone. Must never live again once it was lost: the client makes another, maybe to another member.

A member that hangs accepts requests and answers none, and neither TCP nor HTTP/2 notices soon enough (etcd closes connections that ping
more often than every five seconds). So the stream of watches carries progress requests (`registry/heartbeat.py`), which a member that
lives answers. A member that has lost its leader ends the stream by itself (`hasleader`).

What a member has passed on to a leader that died is lost, and the member does not say so; what came while there was none it passes on to
the next. Each answer to a progress request names the term; a moment after that is another one, whoever still waits for an answer to
something older gets none (it may or may not have been done), and asks again instead of waiting for its deadline.
"""

import asyncio
import contextlib
import os
import ssl
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # read at import: grpc writes lines of its own for each failed attempt, without a bound

import grpc

from understudy.errors import Compacted, Leaderless, RegistryFailed, RegistryUnreachable
from understudy.model.settings import TlsFiles
from understudy.registry.etcd.etcd_pb2 import (
    RangeRequest,
    RangeResponse,
    TxnRequest,
    TxnResponse,
    WatchCancelRequest,
    WatchCreateRequest,
    WatchProgressRequest,
    WatchRequest,
    WatchResponse,
)
from understudy.registry.etcd.requests import Root
from understudy.registry.feed import Feed
from understudy.registry.heartbeat import Heartbeat

_LEADER = (("hasleader", "true"),)
_ALIVE = 1
"""The watch of a key that never is: a member answers progress requests only on a stream that watches something."""
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),  # what may have been done is not done again behind our back
    ("grpc.use_local_subchannel_pool", 1),  # a new connection is a new one, without the former one's pauses
)
_FULL = "its quota is used up (alarm NOSPACE)"
_NO_LEADER = "no leader"
"""What a member says that has none, before it begins with anything (`hasleader`): what was asked is certainly not done."""
_LEADER_CHANGED = "leader changed"
"""What it says to a read that was under way meanwhile."""


_TLS_CAUSES = (
    ("Hostname Verification", "its certificate does not name this address"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not of the authority in [registry] ca, or not valid at this time"),
    ("TSI_DATA_CORRUPTED", "it does not accept the certificate of this server ([registry] certificate)"),
    ("Handshake read failed", "it does not speak TLS"),
)
"""What grpc says, and what it means. A member that does not accept a certificate says so after the handshake, in TLS 1.3, by an alert."""


PASSED_ON_S = 0.15
"""From the first sign of a new term until what waited for a leader has been passed on to it, and answered."""
_ELECTED = "etcd has elected another leader meanwhile: perhaps it was done, perhaps not"


class _Question(Protocol):
    """Of a call of grpc's that waits for its one answer, what is used."""

    def cancel(self) -> bool: ...


class _Call(Protocol):
    """Of a stream of grpc's, what is used."""

    async def read(self) -> Any: ...
    async def write(self, request: WatchRequest) -> None: ...
    def cancel(self) -> bool: ...


class _Overtaken(RegistryUnreachable):
    """There is another leader than when this was asked: perhaps it was done, perhaps not."""


class EtcdLink:
    """One connection. `lost` for good once anything went wrong."""

    def __init__(self, root: Root) -> None:
        self.lost = False
        self.gone = asyncio.Event()
        """The connection is closed, and nothing of it is left."""
        self._root = root
        self._channel: grpc.aio.Channel | None = None
        self._call: _Call | None = None
        self._range: Callable[..., Any] | None = None
        self._txn: Callable[..., Any] | None = None
        self._welcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._feeds: dict[int, Feed] = {}
        self._ids = _ALIVE
        self._to_write: deque[WatchRequest] = deque()
        self._written = asyncio.Event()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._heartbeat = Heartbeat(self._ask_for_progress, self._fail, busy=lambda: bool(self._asked))
        self._why = ""
        self._term = 0
        """Of etcd, as the member last said."""
        self._asked: set[_Question] = set()
        """What waits for an answer."""
        self._overtaken: set[_Question] = set()
        """Of these, what was asked before the term began."""
        self._ending: asyncio.Task[None] | None = None

    async def dial(self, endpoint: str, tls: grpc.ChannelCredentials | None = None) -> None:
        """Connect, and hear from the member. RegistryUnreachable or a time limit of the caller's: then it is lost."""
        loop = asyncio.get_running_loop()
        target = f"{'ipv6' if endpoint.startswith('[') else 'ipv4'}:{endpoint}"
        secure = None if tls is None else grpc.aio.secure_channel(target, tls, options=_OPTIONS)
        channel = self._channel = secure or grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._range = channel.unary_unary("/etcdserverpb.KV/Range", RangeRequest.SerializeToString, RangeResponse.FromString)
        self._txn = channel.unary_unary("/etcdserverpb.KV/Txn", TxnRequest.SerializeToString, TxnResponse.FromString)
        watch = channel.stream_stream("/etcdserverpb.Watch/Watch", WatchRequest.SerializeToString, WatchResponse.FromString)
        try:
            self._call = watch(metadata=_LEADER)
            self._send(WatchRequest(create_request=WatchCreateRequest(key=self._root.key("\0"), watch_id=_ALIVE)))
            self._tasks = (loop.create_task(self._read(self._call)), loop.create_task(self._write(self._call)))
            await self._welcome
        except BaseException:
            self.end("not connected")
            raise
        self._heartbeat.begin()

    async def range(self, request: RangeRequest) -> RangeResponse:
        """Read. Compacted: what stood at its revision is gone. Leaderless: ask again."""
        try:
            answer: RangeResponse = await self._ask(self._range, request)
        except _Overtaken as error:
            raise Leaderless(str(error)) from None  # a read does nothing that might have been done
        return answer

    async def txn(self, request: TxnRequest) -> TxnResponse:
        """Commit. Leaderless: it was not done, and will not be."""
        answer: TxnResponse = await self._ask(self._txn, request)
        return answer

    def watch(self, prefix: str, after: int) -> Feed:
        """Begin a watch."""
        self._ids += 1
        feed = Feed(self._ids)
        self._feeds[feed.id] = feed
        key, end = self._root.span(prefix)
        self._send(WatchRequest(create_request=WatchCreateRequest(key=key, range_end=end, start_revision=after + 1, watch_id=feed.id)))
        return feed

    def unwatch(self, feed: Feed) -> None:
        """End a watch; harmless when the link is lost."""
        if self._feeds.pop(feed.id, None) is not None and not self.lost:
            self._send(WatchRequest(cancel_request=WatchCancelRequest(watch_id=feed.id)))

    def read_again(self, why: str) -> None:
        """Whoever watches is to read everything once more; what is asked is answered as before."""
        for feed in self._feeds.values():
            feed.end(Compacted(why))

    def end(self, why: str) -> None:
        """The link is of no use any more: everyone who waits gets that as an error, now."""
        if self.lost:
            return
        self.lost = True
        self._why = f"the link to the registry was lost: {why}"
        for feed in self._feeds.values():
            feed.end(RegistryUnreachable(self._why))
        if not self._welcome.done():
            self._welcome.cancel()
        self._heartbeat.end()
        self._ending = asyncio.get_running_loop().create_task(self._close())

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._call is not None:
            self._call.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._channel is not None:
            await self._channel.close()  # calls that wait for an answer end with CANCELLED
        self.gone.set()

    async def _ask(self, method: Callable[..., Any] | None, request: RangeRequest | TxnRequest) -> Any:
        if self.lost or method is None:
            raise RegistryUnreachable(self._why or "the link to the registry was lost")
        question = method(request, metadata=_LEADER)
        self._asked.add(question)
        self._heartbeat.asked()
        try:
            answer = await question
        except grpc.aio.AioRpcError as error:
            raise self._error(error) from None
        except asyncio.CancelledError:
            if _is_cancelled() or not (self._why or question in self._overtaken):
                raise
            # the channel was closed, or the call ended here, which grpc says in this way
            raise (RegistryUnreachable(self._why) if self._why else _Overtaken(_ELECTED)) from None
        finally:
            self._asked.discard(question)
            self._overtaken.discard(question)
        self._heartbeat.received()
        return answer

    def _see_term(self, term: int) -> None:
        if self._term and term > self._term:
            asyncio.get_running_loop().call_later(PASSED_ON_S, self._give_up, frozenset(self._asked))
        self._term = max(self._term, term)

    def _give_up(self, asked: frozenset[_Question]) -> None:
        late = asked & self._asked
        self._overtaken |= late
        for question in late:
            question.cancel()

    def _error(self, error: grpc.aio.AioRpcError) -> Exception:
        details = in_words(error)
        if error.code() is grpc.StatusCode.OUT_OF_RANGE:
            return Compacted(details)
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "space" in details:
            return RegistryFailed(f"the registry has failed: {_FULL}")
        if details == _NO_LEADER:
            return Leaderless(f"etcd has {_NO_LEADER}")
        if details == _LEADER_CHANGED:
            return _Overtaken(_ELECTED)
        return RegistryUnreachable(self._why if self.lost else f"the registry did not do what was asked: {details}")

    async def _read(self, call: _Call) -> None:
        try:
            while (answer := await call.read()) is not grpc.aio.EOF:
                self._heartbeat.received()
                self._take(answer)
            self._fail("the member closed it")
        except grpc.aio.AioRpcError as error:
            self._fail(in_words(error))

    def _take(self, answer: WatchResponse) -> None:
        if answer.created and answer.watch_id == _ALIVE and not self._welcome.done():
            self._welcome.set_result(None)
        self._see_term(answer.header.raft_term)
        feed = self._feeds.get(answer.watch_id)
        if feed is None:
            return
        if answer.events:
            feed.put(self._root.batches(answer.events))
        if answer.compact_revision:
            feed.end(Compacted(f"the registry remembers nothing before revision {answer.compact_revision}"))
        elif answer.canceled:
            feed.end(RegistryUnreachable(f"the registry ended a watch: {answer.cancel_reason or 'without a reason'}"))

    async def _write(self, call: _Call) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the reader hears why
            while True:
                while self._to_write:
                    await call.write(self._to_write.popleft())
                self._written.clear()
                await self._written.wait()

    def _ask_for_progress(self) -> None:
        """Its answer also says whether there is a new term: what waits for an answer may have been lost with the leader before."""
        self._send(WatchRequest(progress_request=WatchProgressRequest()))

    def _send(self, request: WatchRequest) -> None:
        if self.lost:
            raise RegistryUnreachable(self._why)
        self._to_write.append(request)
        self._written.set()

    def _fail(self, why: str) -> None:
        if not self._welcome.done():
            self._welcome.set_exception(RegistryUnreachable(why))
        self.end(why)


def in_words(error: Any) -> str:
    """What went wrong with a call, from its error of grpc's."""
    details = (error.details() or error.code().name).removeprefix("etcdserver: ")
    return next((means for says, means in _TLS_CAUSES if says in details), details)


async def credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """As the files are now. RegistryUnreachable: which of them cannot be read, or is not what it should be."""
    return await asyncio.to_thread(credentials_of, files)


def credentials_of(files: TlsFiles) -> grpc.ChannelCredentials:
    """The same, at once."""
    ca, certificate, key = _read(files)
    return grpc.ssl_channel_credentials(root_certificates=ca, private_key=key, certificate_chain=certificate)


def _read(files: TlsFiles) -> tuple[bytes, bytes, bytes]:
    """Looked at first by Python's own TLS: grpc says of a file that is none only that nobody answers."""
    try:
        found = (Path(files.ca).read_bytes(), Path(files.certificate).read_bytes(), Path(files.key).read_bytes())
    except OSError as error:
        raise RegistryUnreachable(f"{error.filename} cannot be read: {error.strerror}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=found[0].decode())
    except (ssl.SSLError, ValueError):
        raise RegistryUnreachable(f"{files.ca} holds no certificate of an authority") from None
    try:
        context.load_cert_chain(files.certificate, files.key, password=_refuse)
    except (OSError, ssl.SSLError, ValueError):
        raise RegistryUnreachable(f"{files.certificate} and {files.key} are no certificate and its key, without a password") from None
    return found


def _refuse() -> str:
    """Instead of a question on a terminal."""
    raise ValueError("a key with a password")


def _is_cancelled() -> bool:
    """Whether the task that runs now was asked to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
