"""What the contract's tests run on: each backend makes clients of one registry, and can make it forget its old commits."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import grpc

from registry.etcd_members import LocalMember, etcd
from understudy.errors import RegistryUnreachable
from understudy.ports import CommitCondition, Entry, Registry, Write
from understudy.registry.etcd.client import EtcdClient
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.access import show_endpoint
from understudy.registry.sqlite.client import RegistryClient
from understudy.registry.sqlite.server import RegistryServer
from understudy.registry.sqlite.store import Store

KEPT = 50
KEY = bytes(range(32))
PATIENT_S = 20.0
"""Deadline of clients in tests that are not about deadlines: a busy machine must not fail them."""


class Backend(Protocol):
    """One registry of some kind."""

    def client(self) -> Registry:
        """Another client of it."""
        ...

    async def forget(self) -> None:
        """From now on no watch may begin at a revision of before."""
        ...


class LocalBackend:
    """In this process."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def client(self) -> Registry:
        return LocalRegistry(self.store)

    async def forget(self) -> None:
        await fill(self.client())


class ServedBackend:
    """The server and its clients, over loopback TCP."""

    def __init__(self, server: RegistryServer, endpoint: str) -> None:
        self.server = server
        self.endpoint = endpoint
        self.clients: list[RegistryClient] = []

    def client(self) -> RegistryClient:
        self.clients.append(client_of(self.endpoint))
        return self.clients[-1]

    async def forget(self) -> None:
        await fill(self.client())


class EtcdBackend:
    """A real etcd of one member, and clients of it."""

    def __init__(self, member: LocalMember) -> None:
        self.member = member
        self.clients: list[EtcdClient] = []

    def client(self) -> EtcdClient:
        self.clients.append(EtcdClient([self.member.endpoint], cluster="tests", dice=random.Random(1), deadline_s=PATIENT_S))
        return self.clients[-1]

    async def forget(self) -> None:
        """Compact: field 1 of etcd's CompactionRequest is the revision, field 2 asks to wait until it is done."""
        await fill(registry := self.client())
        revision, _ = await registry.read("")
        async with grpc.aio.insecure_channel(self.member.endpoint) as channel:
            compact: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/etcdserverpb.KV/Compact")
            await compact(b"\x08" + _varint(revision) + b"\x10\x01")


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


async def fill(registry: Registry) -> None:
    """As many commits as are kept, and one."""
    for number in range(KEPT + 1):
        await registry.commit([], [Write("filler", b"%d" % number)])
    await registry.commit([], [Write("filler", None)])


def client_of(*endpoints: str, deadline_s: float = PATIENT_S, key: bytes | None = KEY) -> RegistryClient:
    """A client with the tests' key."""
    return RegistryClient(endpoints, dice=random.Random(1), key=key, deadline_s=deadline_s)


@contextlib.asynccontextmanager
async def local() -> AsyncIterator[LocalBackend]:
    """A registry in this process."""
    with Store(keep_commits=KEPT) as store:
        yield LocalBackend(store)


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[ServedBackend]:
    """A registry behind a server."""
    with Store(keep_commits=KEPT) as store:
        server = RegistryServer(store, key=KEY)
        backend = ServedBackend(server, show_endpoint(*await server.start("127.0.0.1", 0)))
        try:
            yield backend
        finally:
            for client in backend.clients:
                await client.close()
            await server.close()


@contextlib.asynccontextmanager
async def etcd_served() -> AsyncIterator[EtcdBackend]:
    """A registry in an etcd."""
    with etcd() as (member,):
        backend = EtcdBackend(member)
        try:
            yield backend
        finally:
            for client in backend.clients:
                await client.close()


BACKENDS: dict[str, Callable[[], contextlib.AbstractAsyncContextManager[Backend]]] = {
    "etcd": etcd_served,
    "local": local,
    "tcp": served,
}


async def revision_of(registry: Registry, key: str) -> int:
    """Of the key's last change; 0: there is no such key."""
    _, entries = await registry.read(key)
    return next((entry.revision for entry in entries if entry.key == key), 0)


async def written(registry: Registry, *writes: Write, conditions: tuple[CommitCondition, ...] = ()) -> int:
    """Commit what must not conflict."""
    revision = await registry.commit(conditions, writes)
    assert isinstance(revision, int), revision
    return revision


async def retried(registry: RegistryClient) -> tuple[int, tuple[Entry, ...]]:
    """Read everything, as often as it takes."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            with contextlib.suppress(RegistryUnreachable):
                return await registry.read("")


async def gone(writer: asyncio.StreamWriter) -> None:
    """End a connection made by hand, and wait until nothing of it is left."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def speaker(first: bytes | bytearray, answer: Callable[[bytes], bytes | bytearray] = lambda _: b"") -> AsyncIterator["Speaker"]:
    """A server by hand: see Speaker."""
    by_hand = Speaker(first, answer)
    listener = await asyncio.start_server(by_hand.accept, "127.0.0.1", 0)
    by_hand.endpoint = show_endpoint(*listener.sockets[0].getsockname()[:2])
    try:
        yield by_hand
    finally:
        listener.close()
        for writer in by_hand.writers:
            await gone(writer)
        if by_hand.tasks:
            await asyncio.wait(by_hand.tasks)


class Speaker:
    """Sends `first` to whoever connects, and answers the first data it receives."""

    def __init__(self, first: bytes | bytearray, answer: Callable[[bytes], bytes | bytearray]) -> None:
        self.endpoint = ""
        self.writers: list[asyncio.StreamWriter] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self._first = first
        self._answer = answer

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = asyncio.current_task()
        assert mine is not None
        self.tasks.add(mine)
        self.writers.append(writer)
        with contextlib.suppress(OSError):
            writer.write(self._first)
            if told := await reader.read(65536):
                writer.write(self._answer(told))
                await reader.read()


class Proxy:
    """Relays between clients and a server, and silently loses what its flags say, like a cable."""

    def __init__(self, endpoint: str) -> None:
        self._address, port = endpoint.rsplit(":", 1)
        self._port = int(port)
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.lose_requests = False
        self.lose_answers = False
        self.answers_lost = 0
        self.requests_lost = 0
        """Bytes."""
        self.answer_pause_s = 0.0
        """After each piece of an answer: a slow network."""

    async def start(self) -> str:
        """Listen; the endpoint."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return show_endpoint(*self._listener.sockets[0].getsockname()[:2])

    def drop(self) -> None:
        """End every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """End everything."""
        if self._listener is not None:
            self._listener.close()
        self.drop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for writer in self._writers:
            await gone(writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = asyncio.current_task()
        assert mine is not None
        self._tasks.add(mine)
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection(self._address, self._port)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(back)
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await asyncio.gather(self._requests(reader, back), self._answers(there, writer))
        back.transport.abort()
        writer.transport.abort()

    async def _requests(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if self.lose_requests:
                self.requests_lost += len(data)
            else:
                target.write(data)
        target.transport.abort()

    async def _answers(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if self.lose_answers:
                self.answers_lost += len(data)
            else:
                target.write(data)
                await asyncio.sleep(self.answer_pause_s)
        target.transport.abort()
