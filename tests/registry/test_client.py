"""A client whose link, server or answer is lost: it says so in time, and can find out what came of its commit."""

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

from cutting import exchange_value
from registry.backends import KEY, PATIENT_S, Proxy, ServedBackend, client_of, gone, retried, speaker, written
from support import wait_until
from understudy.errors import BadSettings, Compacted, RegistryUnreachable
from understudy.ports import Batch, CommitCondition, Conflict, Entry, Write
from understudy.registry import feed, heartbeat
from understudy.registry.commits import checked
from understudy.registry.sqlite import access, frames
from understudy.registry.sqlite.client import RegistryClient
from understudy.registry.sqlite.server import BUFFERED_BYTES_MAX, RegistryServer
from understudy.registry.sqlite.store import Store

DEADLINE_S = 0.3


async def taken(registry: RegistryClient, prefix: str, after: int, into: list[Batch]) -> None:
    """Collect what a watch yields until it raises."""
    async for batch in registry.watch(prefix, after):
        into.append(batch)


async def refused(registry: RegistryClient, why: str) -> None:
    """It is refused for this reason, once the machine finds time to let it be asked."""
    async with asyncio.timeout(PATIENT_S):
        said = ""
        while why not in said:
            with pytest.raises(RegistryUnreachable) as told:
                await registry.read("")
            said = str(told.value)


# --- a commit whose answer or request is lost ------------------------------------------------------------------------


@pytest.mark.parametrize("then", ["silence", "reset"])
async def test_a_commit_whose_answer_is_lost_has_happened(backend: ServedBackend, proxy: Proxy, then: str) -> None:
    async with client_of(await proxy.start(), deadline_s=DEADLINE_S) as registry:
        await retried(registry)
        proxy.lose_answers = True
        committing = asyncio.create_task(registry.commit([CommitCondition("a", 0)], [Write("a", b"1")]))
        if then == "reset":
            await wait_until(lambda: proxy.answers_lost, PATIENT_S, "the server answers")
            proxy.drop()
        with pytest.raises(RegistryUnreachable):
            await committing
        proxy.lose_answers = False
        proxy.drop()
        revision, entries = await retried(registry)
        assert entries == (Entry("a", b"1", revision),)
    async with client_of(backend.endpoint) as patient:  # what has to succeed has no deadline that a busy machine would miss
        assert await patient.commit([CommitCondition("a", 0)], [Write("a", b"1")]) == Conflict(("a",))


@pytest.mark.parametrize("then", ["silence", "reset"])
async def test_a_commit_whose_request_is_lost_has_not_happened(backend: ServedBackend, proxy: Proxy, then: str) -> None:
    async with client_of(await proxy.start(), deadline_s=DEADLINE_S) as registry:
        await retried(registry)
        proxy.lose_requests = True
        committing = asyncio.create_task(registry.commit([CommitCondition("a", 0)], [Write("a", b"1")]))
        if then == "reset":
            await wait_until(lambda: proxy.requests_lost, PATIENT_S, "the client asks")
            proxy.drop()
        with pytest.raises(RegistryUnreachable):
            await committing
        proxy.lose_requests = False
        proxy.drop()
        assert (await retried(registry))[1] == ()
    async with client_of(backend.endpoint) as patient:
        assert isinstance(await patient.commit([CommitCondition("a", 0)], [Write("a", b"1")]), int)


async def test_a_client_that_comes_back_is_not_overtaken_by_its_own_past(backend: ServedBackend) -> None:
    """What an old connection asked and was not carried out never will be, once its client was welcomed on a new one."""
    old = await raw(backend.endpoint, b"c" * 16)
    new = await raw(backend.endpoint, b"c" * 16)
    reader, writer = old
    with contextlib.suppress(OSError):
        writer.write(frames.frame(frames.WireCommit(1, (), (("a", b"late"),))))
        assert await reader.read() == b""
    async with client_of(backend.endpoint) as registry:
        assert await registry.read("") == (0, ())
    for _, writer in (old, new):
        await gone(writer)


async def test_a_commit_never_goes_over_a_connection_over_which_nothing_was_read(backend: ServedBackend, proxy: Proxy) -> None:
    """While the link was lost the registry may have been replaced by a copy."""
    endpoint = await proxy.start()
    async with RegistryClient([endpoint], dice=random.Random(1), key=KEY, deadline_s=PATIENT_S, read_first=True) as registry:
        with pytest.raises(RegistryUnreachable, match="not read over it yet"):
            await registry.commit([], [Write("a", b"1")])
        await registry.read("")
        assert await registry.commit([], [Write("a", b"1")]) == 1
        proxy.drop()
        await wait_until(lambda: registry._rotation.made is None or registry._rotation.made.lost, PATIENT_S, "the link is lost")
        async with asyncio.timeout(PATIENT_S):
            while registry._rotation.made is None or registry._rotation.made.lost:
                with contextlib.suppress(RegistryUnreachable):
                    await registry.read("b")  # not everything
        with pytest.raises(RegistryUnreachable, match="not read over it yet"):
            await registry.commit([], [Write("a", b"2")])

        await registry.read("")

        assert await registry.commit([], [Write("a", b"2")]) == 2


async def test_what_a_connection_asked_dies_with_it(backend: ServedBackend) -> None:
    """Queued for the end of this turn, and ended within it."""
    _, writer = await raw(backend.endpoint, b"c" * 16)
    session = backend.server.sessions[b"c" * 16]
    backend.server.queue(session, 1, checked([], [Write("a", b"late")]))
    session.abort()
    backend.server.flush()
    assert backend.server.store.revision == 0
    await gone(writer)


async def test_requests_of_one_connection_are_carried_out_in_their_order(backend: ServedBackend) -> None:
    reader, writer = await raw(backend.endpoint, b"c" * 16)
    writer.write(frames.frame(frames.WireCommit(1, (), (("a", b"1"),))) + frames.frame(frames.WireRead(2, "")))
    assert frames.from_server(await one_frame(reader)) == frames.WireCommitted(1, 1)
    assert frames.from_server(await one_frame(reader)) == frames.WireEntries(2, 1, (("a", b"1", 1),))
    await gone(writer)


async def raw(endpoint: str, name: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection by hand that was welcomed."""
    reader, writer = await asyncio.open_connection(*access.parse_endpoint(endpoint))
    challenge = frames.from_server(await one_frame(reader))
    assert isinstance(challenge, frames.WireChallenge)
    proof = access.prove(KEY, b"client", challenge.nonce, b"n" * 16, name)
    writer.write(frames.frame(frames.WireHello(frames.PROTOCOL, name, b"n" * 16, proof)))
    assert isinstance(frames.from_server(await one_frame(reader)), frames.WireWelcome)
    return reader, writer


async def one_frame(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))


# --- deadlines and dead links ----------------------------------------------------------------------------------------


async def test_no_call_outlives_its_deadline(backend: ServedBackend, proxy: Proxy) -> None:
    """The cable is cut in silence: no reset, no answer, for old links and new."""
    async with client_of(await proxy.start(), deadline_s=DEADLINE_S) as registry:
        await retried(registry)
        proxy.lose_requests = proxy.lose_answers = True
        loop = asyncio.get_running_loop()
        for _ in range(6):
            begun = loop.time()
            with pytest.raises(RegistryUnreachable, match=r"did not answer within 0.3 s|was lost"):
                await registry.read("")
            with pytest.raises(RegistryUnreachable):
                await registry.commit([], [Write("a", b"1")])
            assert loop.time() - begun < 2 * DEADLINE_S + 2


async def test_a_dead_link_ends_a_watch(backend: ServedBackend, proxy: Proxy) -> None:
    """A quiet watch sends nothing: only the pings can detect it."""
    async with client_of(await proxy.start()) as registry:
        found: list[Batch] = []
        watching = asyncio.create_task(taken(registry, "", 0, found))
        await written(backend.client(), Write("a", b"1"))
        await wait_until(lambda: found, PATIENT_S, "the watch yields")
        proxy.lose_requests = proxy.lose_answers = True
        begun = asyncio.get_running_loop().time()
        with pytest.raises(RegistryUnreachable, match="pings were not answered"):
            await asyncio.wait_for(watching, PATIENT_S)
        assert asyncio.get_running_loop().time() - begun < heartbeat.CALM_S + heartbeat.AGAIN_S * (heartbeat.PINGS_UNANSWERED_MAX + 1) + 2


async def test_a_quiet_link_stays(backend: ServedBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange_value(monkeypatch, heartbeat, "CALM_S", 0.05)
    async with client_of(backend.endpoint) as registry:
        await registry.read("")
        first = registry._rotation.made
        assert first is not None
        beats: set[float] = set()

        def beaten() -> bool:
            assert first is not None
            assert first._heartbeat._timer is not None
            beats.add(first._heartbeat._timer.when())
            return len(beats) > 3 * heartbeat.PINGS_UNANSWERED_MAX

        await wait_until(beaten, PATIENT_S, "more pings than a dead link survives")
        assert not first.lost
        await registry.read("")
        assert registry._rotation.made is first


async def test_a_caller_that_gives_up_does_not_disturb_the_others(backend: ServedBackend) -> None:
    async with client_of(backend.endpoint) as registry:
        given_up = asyncio.create_task(registry.read(""))
        other = asyncio.create_task(registry.read(""))
        await asyncio.sleep(0)
        given_up.cancel()
        assert await other == (0, ())
        with pytest.raises(asyncio.CancelledError):
            await given_up


async def test_nobody_answers() -> None:
    async with client_of("127.0.0.1:1", "[::1]:1", deadline_s=DEADLINE_S) as registry:
        with pytest.raises(RegistryUnreachable, match=r"127.0.0.1:1, \[::1\]:1 did not answer within 0.3 s: .*refused"):
            await registry.read("")
        with pytest.raises(RegistryUnreachable):
            await anext(aiter(registry.watch("", 0)))


async def test_the_next_endpoint_is_tried(backend: ServedBackend) -> None:
    async with client_of("127.0.0.1:1", backend.endpoint) as registry:
        assert await registry.read("") == (0, ())


async def test_an_endpoint_that_accepts_and_says_nothing_is_passed_over_and_not_tried_first_again(backend: ServedBackend) -> None:
    async with speaker(b"") as dumb, client_of(dumb.endpoint, backend.endpoint) as registry:
        assert await registry.read("") == (0, ())
        assert len(dumb.writers) == 1
        assert registry._rotation.made is not None
        registry._rotation.made.end("cut by the test")
        assert await registry.read("") == (0, ())
        assert len(dumb.writers) == 1


async def test_nobody_is_called_for_whom_nobody_waits() -> None:
    async with client_of("127.0.0.1:1", deadline_s=DEADLINE_S) as registry:
        with pytest.raises(RegistryUnreachable):
            await registry.read("")
        rotation = registry._rotation
        await wait_until(lambda: rotation._dialling is not None and rotation._dialling.done(), PATIENT_S, "it gives up too")


async def test_a_watch_that_ended_costs_the_server_nothing(backend: ServedBackend) -> None:
    registry = backend.client()
    await written(registry, Write("a", b"1"))
    watch = registry.watch("", 0)
    await anext(watch)
    (session,) = backend.server.sessions.values()
    assert session._watches
    await watch.aclose()  # type: ignore[attr-defined]
    await wait_until(lambda: not session._watches, PATIENT_S, "the watch is forgotten")


async def test_a_closed_client_says_so(backend: ServedBackend) -> None:
    registry = client_of(backend.endpoint)
    found: list[Batch] = []
    watching = asyncio.create_task(taken(registry, "", 0, found))
    await written(registry, Write("a", b"1"))
    await wait_until(lambda: found, PATIENT_S, "the watch yields")
    await registry.close()
    with pytest.raises(RegistryUnreachable, match="this client was closed"):
        await watching
    with pytest.raises(RegistryUnreachable, match="closed"):
        await registry.read("")
    await registry.close()


async def test_a_client_is_closed_while_it_dials() -> None:
    registry = client_of("127.0.0.1:1")
    reading = asyncio.create_task(registry.read(""))
    await wait_until(lambda: registry._rotation._rounds_failed, PATIENT_S, "it has tried")
    await registry.close()
    with pytest.raises(RegistryUnreachable, match="closed"):
        await reading


# --- a server that ends and comes back -------------------------------------------------------------------------------


async def test_a_client_outlives_its_server() -> None:
    """Another server on the same port: the same client goes on, and its watch may begin again where it was."""
    with Store() as store:
        server = RegistryServer(store, key=KEY)
        address, port = await server.start("127.0.0.1", 0)
        async with client_of(access.show_endpoint(address, port)) as registry:
            first = await written(registry, Write("a", b"1"))
            found: list[Batch] = []
            watching = asyncio.create_task(taken(registry, "", 0, found))
            await wait_until(lambda: found, PATIENT_S, "the watch yields")
            await server.close()
            with pytest.raises(RegistryUnreachable, match="was lost"):
                await watching
            server = RegistryServer(store, key=KEY)
            await server.start(address, port)
            second = await written(registry, Write("a", b"2"), conditions=(CommitCondition("a", first),))
            assert await anext(aiter(registry.watch("", first))) == Batch(second, (Entry("a", b"2", second),))
            await server.close()


async def test_a_registry_set_back_to_an_old_copy_is_noticed(backend: ServedBackend) -> None:
    """A watch from a revision that was never reached must not wait for it: what its reader knows is not so."""
    with pytest.raises(Compacted, match="not from 7"):
        await anext(aiter(backend.client().watch("", 7)))


async def test_what_was_asked_is_answered_before_the_server_ends(backend: ServedBackend) -> None:
    with Store() as store:
        server = RegistryServer(store, key=KEY)
        async with client_of(access.show_endpoint(*await server.start("127.0.0.1", 0))) as registry:
            await registry.read("")
            committing = [asyncio.create_task(registry.commit([], [Write(f"k/{number}", b"1")])) for number in range(20)]
            await wait_until(lambda: server._queue or store.revision, PATIENT_S, "the server has them")
            await server.close()
            answers = await asyncio.gather(*committing, return_exceptions=True)
        acknowledged = [answer for answer in answers if isinstance(answer, int)]
        assert len(acknowledged) <= store.revision
        assert all(isinstance(answer, int | RegistryUnreachable) for answer in answers)


# --- a reader that is too slow ---------------------------------------------------------------------------------------


async def test_a_reader_that_does_not_take_its_batches_must_read_again(backend: ServedBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange_value(monkeypatch, feed, "BATCHES_WAITING_MAX", 5)
    registry = backend.client()
    watch = aiter(registry.watch("", 0))
    await written(registry, Write("a", b"0"))
    assert (await anext(watch)).revision == 1
    for number in range(10):
        await written(registry, Write("a", b"%d" % number))
    revisions = []

    async def read_on() -> None:
        async for batch in watch:
            revisions.append(batch.revision)

    with pytest.raises(Compacted, match="too slowly"):
        await read_on()
    assert revisions == [*range(2, len(revisions) + 2)]


async def test_a_client_that_reads_nothing_holds_no_memory_of_the_server(backend: ServedBackend) -> None:
    """Its watch waits in the store's recent commits, and goes on when it reads again; others are served meanwhile."""
    reader, writer = await raw(backend.endpoint, b"s" * 16)
    writer.write(frames.frame(frames.WireWatch(1, "", 0)))
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    registry = backend.client()
    value = b"x" * 1_000_000
    for _ in range(20):
        await written(registry, Write("big", value))
    buffered = [session._transport.get_write_buffer_size() for session in backend.server.sessions.values()]
    assert max(buffered) <= BUFFERED_BYTES_MAX + 2 * len(value)
    writer.transport.resume_reading()  # type: ignore[attr-defined]
    seen: list[int] = []
    async with asyncio.timeout(PATIENT_S):
        while len(seen) < 20:
            message = frames.from_server(await one_frame(reader))
            assert isinstance(message, frames.WireChanges)
            seen += [batch[0] for batch in message.batches]
    assert seen == [*range(1, 21)]
    await gone(writer)


# --- strangers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server_key", "client_key", "why"),
    [
        (KEY, None, "asks for the cluster's key, and none was given"),
        (None, KEY, "does not know the cluster's key"),
        (KEY, b"\1" * 32, "the client does not have this cluster's key"),
    ],
)
async def test_only_holders_of_the_key_talk(server_key: bytes | None, client_key: bytes | None, why: str) -> None:
    with Store() as store:
        server = RegistryServer(store, key=server_key)
        endpoint = access.show_endpoint(*await server.start("127.0.0.1", 0))
        async with client_of(endpoint, key=client_key, deadline_s=DEADLINE_S) as registry:
            await refused(registry, why)
        await server.close()


async def test_a_server_without_the_key_is_not_believed() -> None:
    """An impostor that asks for a proof, and welcomes whoever sends one."""

    def welcome(told: bytes) -> bytearray:
        hello = frames.from_client(told[4:])
        assert isinstance(hello, frames.WireHello)
        return frames.frame(frames.WireWelcome(hello.proof))

    challenge = frames.WireChallenge(frames.PROTOCOL, b"i" * 16, True)
    async with speaker(frames.frame(challenge), welcome) as impostor, client_of(impostor.endpoint, deadline_s=DEADLINE_S) as registry:
        await refused(registry, "it does not have this cluster's key")


async def test_without_a_key_anyone_talks() -> None:
    with Store() as store:
        server = RegistryServer(store)
        async with client_of(access.show_endpoint(*await server.start("127.0.0.1", 0)), key=None) as registry:
            assert await registry.read("") == (0, ())
        await server.close()


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        b"\0\0\0\1\xc1",
        bytes(frames.frame(frames.WirePing())),
        bytes(frames.frame(frames.WireRead(1, ""))),
        bytes(frames.frame(frames.WireHello(99, b"", b"", b""))),
    ],
)
async def test_what_is_no_hello_is_refused_in_words(backend: ServedBackend, said: bytes) -> None:
    reader, writer = await asyncio.open_connection(*access.parse_endpoint(backend.endpoint))
    await one_frame(reader)
    writer.write(said)
    assert isinstance(frames.from_server(await one_frame(reader)), frames.WireRefused)
    assert await reader.read() == b""
    await gone(writer)


async def test_a_server_of_another_protocol_is_refused_in_words() -> None:
    challenge = frames.WireChallenge(2, b"i" * 16, True)
    async with speaker(frames.frame(challenge)) as other, client_of(other.endpoint, deadline_s=DEADLINE_S) as registry:
        await refused(registry, "it speaks protocol 2, this client 1")


@pytest.mark.parametrize("text", ["", "7400", "db1:7400", "1.2.3.4", "1.2.3.4:x", "1.2.3.4:70000", "::1:7400", "[1.2.3.4:1"])
def test_an_endpoint_is_an_address_and_a_port(text: str) -> None:
    with pytest.raises(BadSettings, match="write ADDRESS:PORT"):
        access.parse_endpoint(text)


# --- a disk that is full or failing ----------------------------------------------------------------------------------


async def test_a_full_disk_refuses_commits_and_still_answers(tmp_path: Path) -> None:
    with Store(tmp_path / "registry.db") as store:
        server = RegistryServer(store, key=KEY)
        async with client_of(access.show_endpoint(*await server.start("127.0.0.1", 0))) as registry:
            first = await written(registry, Write("a", b"1"))
            store._database.execute("PRAGMA max_page_count = 1")
            with pytest.raises(RegistryUnreachable, match="full"):
                await registry.commit([], [Write("b", b"x" * 100_000)])
            assert await registry.read("") == (first, (Entry("a", b"1", first),))
            assert not server.failed.done()
        await server.close()


async def test_a_failing_disk_ends_the_server(tmp_path: Path) -> None:
    """What is on it can be known only by opening the store again."""
    with Store(tmp_path / "registry.db") as store:
        server = RegistryServer(store, key=KEY)
        async with client_of(access.show_endpoint(*await server.start("127.0.0.1", 0))) as registry:
            await written(registry, Write("a", b"1"))
            store._database.execute("DROP TABLE entries")
            with pytest.raises(RegistryUnreachable, match="has failed"):
                await registry.commit([], [Write("b", b"1")])
            assert server.failed.done()
            with pytest.raises(RegistryUnreachable, match="has failed"):
                await registry.read("")
        await server.close()
