"""The engine `etcd` where a member dies, hangs, loses its leader or its answers: against real members."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from registry.backends import PATIENT_S, Proxy, written
from registry.etcd_members import LocalMember, etcd
from support import stopped
from understudy.errors import CommitTooLarge, RegistryUnreachable
from understudy.ports import Batch, Bound, CommitCondition, Conflict, Entry, Write
from understudy.registry.etcd.client import EtcdClient

pytestmark = pytest.mark.lab


@pytest.fixture
def members() -> Iterator[list[LocalMember]]:
    with etcd(3) as three:
        yield three


@pytest.fixture
def member() -> Iterator[LocalMember]:
    with etcd() as (alone,):
        yield alone


@contextlib.asynccontextmanager
async def client(*endpoints: str, deadline_s: float = 1.0, read_first: bool = False, cluster: str = "tests") -> AsyncIterator[EtcdClient]:
    """A client of these members, with a daemon's deadline."""
    registry = EtcdClient(endpoints, cluster=cluster, dice=random.Random(1), deadline_s=deadline_s, read_first=read_first)
    async with registry:
        yield registry


async def following(watch: AsyncIterator[Batch]) -> Batch:
    """The next commit."""
    return await anext(watch)


async def followed(registry: EtcdClient, seen: int, until: str) -> list[Batch]:
    """Every commit after `seen` up to the one that writes `until`, over as many connections as it takes."""
    found: list[Batch] = []
    async with asyncio.timeout(PATIENT_S):
        while True:
            with contextlib.suppress(RegistryUnreachable):
                async for batch in registry.watch("", found[-1].revision if found else seen):
                    found.append(batch)
                    if any(entry.key == until for entry in batch.changed):
                        return found


async def written_at_last(registry: EtcdClient, write: Write) -> None:
    """Commit it, as often as it takes."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            with contextlib.suppress(RegistryUnreachable):
                await registry.commit([], [write])
                return


@contextlib.contextmanager
def killed(member: LocalMember) -> Iterator[None]:
    """It has lost power."""
    member.kill()
    yield


@contextlib.contextmanager
def hung(member: LocalMember) -> Iterator[None]:
    """It accepts and answers nothing."""
    assert member.process is not None
    with stopped(member.process.pid):
        yield


@pytest.mark.parametrize("trouble", [killed, hung])
async def test_a_watch_goes_on_at_another_member_and_misses_nothing(members: list[LocalMember], trouble: object) -> None:
    """The one it is connected to ends in the middle of a hundred commits."""
    assert callable(trouble)
    first, *others = (member.endpoint for member in members)
    async with client(first, *others) as watcher, client(*others) as writer:
        seen, _ = await watcher.read("")
        watching = asyncio.create_task(followed(watcher, seen, "end"))
        for number in range(50):
            await written(writer, Write("k", b"%d" % number))
        with trouble(members[0]):
            for number in range(50, 100):
                await written_at_last(writer, Write("k", b"%d" % number))
            await written_at_last(writer, Write("end", b""))
            batches = await watching
    values = [entry.value for batch in batches for entry in batch.changed if entry.key == "k"]
    assert list(dict.fromkeys(values)) == [b"%d" % number for number in range(100)]
    assert [batch.revision for batch in batches] == list(range(seen + 1, batches[-1].revision + 1))


async def test_a_member_without_a_leader_is_left(members: list[LocalMember]) -> None:
    """Its own network is cut, say: here its two peers are paused, and come back without it being asked."""
    async with client(members[0].endpoint) as registry:
        revision, _ = await registry.read("")
        feed = registry.watch("", revision)
        watching = asyncio.create_task(following(feed))
        await written(registry, Write("a", b"1"))
        assert (await watching).changed == (Entry("a", b"1", revision + 1),)
        watching = asyncio.create_task(following(feed))
        with hung(members[1]), hung(members[2]):
            with pytest.raises(RegistryUnreachable):
                async with asyncio.timeout(PATIENT_S):
                    await watching
            with pytest.raises(RegistryUnreachable):
                await registry.commit([], [Write("a", b"2")])
        async with asyncio.timeout(PATIENT_S):
            while True:
                with contextlib.suppress(RegistryUnreachable):
                    await registry.read("")
                    break


async def hears_of_no_leader(registry: EtcdClient) -> str:
    """What it says once its member knows that there is none."""
    while True:
        try:
            await registry.commit([], [Write("b", b"")])
        except RegistryUnreachable as error:
            if "leader" in str(error):
                return str(error)


async def test_an_election_is_waited_for_within_the_deadline(members: list[LocalMember]) -> None:
    """A command that is given in the middle of one is carried out after it; who has no time to wait learns for what."""
    async with client(members[0].endpoint, deadline_s=PATIENT_S) as registry, client(members[0].endpoint, deadline_s=0.05) as hasty:
        await registry.read("")
        await written(registry, Write("b", b""))
        await hasty.read("")
        with hung(members[1]), hung(members[2]):
            async with asyncio.timeout(PATIENT_S):
                assert "waited 0.05 s for etcd's members" in await hears_of_no_leader(hasty)
            reading = asyncio.create_task(registry.read(""))
            writing = asyncio.create_task(registry.commit([CommitCondition("a", 0)], [Write("a", b"1")]))
            done, _ = await asyncio.wait((reading, writing), timeout=0.2)
            assert not done
        await reading
        written_at = await writing
        assert [(entry.value, entry.revision) for entry in (await registry.read("a"))[1]] == [(b"1", written_at)]


async def test_what_was_passed_on_to_a_leader_that_died_is_given_up_with_the_next_one(members: list[LocalMember]) -> None:
    """Nobody answers it any more: its sender is informed as soon as another leads, long before a deadline, and commits once more."""
    leading = next(member for member in members if member.leads())
    follower = next(member for member in members if member is not leading)
    async with client(follower.endpoint, deadline_s=PATIENT_S) as registry:
        await registry.read("")
        await written(registry, Write("a", b"1"))
        with hung(leading):
            with pytest.raises(RegistryUnreachable, match=r"elected another leader meanwhile|no leader"):
                await registry.commit([], [Write("a", b"2")])
            await written_at_last(registry, Write("a", b"3"))


async def test_an_answer_that_is_lost_is_no_answer(member: LocalMember) -> None:
    """The commit has happened; who commits the same again gets a conflict, and writes nothing twice."""
    proxy = Proxy(member.endpoint)
    try:
        async with client(await proxy.start()) as registry, client(member.endpoint) as other:
            await registry.read("")
            proxy.lose_answers = True
            with pytest.raises(RegistryUnreachable):
                await registry.commit([CommitCondition("a", 0)], [Write("a", b"1")])
            proxy.lose_answers = False
            proxy.drop()
            revision, found = await other.read("a")
            assert found == (Entry("a", b"1", revision),)
            async with asyncio.timeout(PATIENT_S):
                while True:
                    with contextlib.suppress(RegistryUnreachable):
                        assert await registry.commit([CommitCondition("a", 0)], [Write("a", b"1")]) == Conflict(("a",))
                        break
    finally:
        await proxy.close()


async def test_nothing_is_committed_over_a_connection_that_was_not_read_over(member: LocalMember) -> None:
    """While it was away, etcd may have been set back to a copy."""
    proxy = Proxy(member.endpoint)
    try:
        async with client(await proxy.start(), read_first=True, deadline_s=PATIENT_S) as registry:
            with pytest.raises(RegistryUnreachable, match="not read over it yet"):
                await registry.commit([], [Write("a", b"1")])
            await registry.read("a")
            with pytest.raises(RegistryUnreachable, match="not read over it yet"):
                await registry.commit([], [Write("a", b"1")])
            revision, _ = await registry.read("")
            watching = asyncio.create_task(following(registry.watch("", revision)))
            await written(registry, Write("a", b"1"))
            await watching
            watching = asyncio.create_task(following(registry.watch("", revision + 1)))
            proxy.drop()
            with pytest.raises(RegistryUnreachable):
                await watching
            with pytest.raises(RegistryUnreachable, match="not read over it yet"):
                await registry.commit([], [Write("a", b"2")])
    finally:
        await proxy.close()


@pytest.mark.parametrize("name", ["ab", "a/b", "a/"])
async def test_clusters_share_an_etcd_and_see_nothing_of_each_other(member: LocalMember, name: str) -> None:
    """Not even one whose name begins like another's, or like the place of its keys."""
    async with client(member.endpoint, cluster="a") as first, client(member.endpoint, cluster=name) as other:
        await written(first, Write("k", b"first"))
        revision = await written(other, Write("k", b"other"))
        assert [entry.value for entry in (await first.read(""))[1]] == [b"first"]
        assert await other.read("") == (revision, (Entry("k", b"other", revision),))
        assert await first.commit([CommitCondition("k", revision)], []) == Conflict(("k",))


async def test_a_read_of_many_pages_is_of_one_revision(member: LocalMember) -> None:
    """Though others write and delete while it goes on."""
    async with client(member.endpoint, deadline_s=PATIENT_S) as registry, client(member.endpoint, deadline_s=PATIENT_S) as writer:
        names = [f"k/{number:04}" for number in range(1000)]
        for start in range(0, 1000, 100):
            await written(writer, *(Write(name, b"x" * 1000) for name in names[start : start + 100]))
        reading = asyncio.create_task(registry.read("k/"))
        while not reading.done():
            await written(writer, Write(names[-1], None), Write("k/9999", b"late"))
        revision, entries = await reading
        assert [entry.key for entry in entries if entry.revision > revision] == []
        assert len({"k/0999", "k/9999"} & {entry.key for entry in entries}) == 1
        assert [entry.key for entry in entries][:999] == names[:999]


async def test_what_no_member_would_take_is_refused_before_it_is_sent(member: LocalMember) -> None:
    """etcd counts the keys of conditions twice, and refuses without saying to whom."""
    async with client(member.endpoint) as registry:
        registry.bound = Bound(operations=500, bytes=100_000_000)
        with pytest.raises(CommitTooLarge, match="etcd"):
            await registry.commit([CommitCondition(f"{number:04000}", 0) for number in range(250)], [])


async def test_nobody_there_is_said_in_time_with_its_cause(tmp_path: Path) -> None:
    """Within the deadline, and nothing is left behind."""
    async with client("127.0.0.1:9", "127.0.0.1:10") as registry:
        with pytest.raises(RegistryUnreachable, match=r"127\.0\.0\.1:10, 127\.0\.0\.1:9 did not answer within 1 s: .*[Cc]onnect"):
            await registry.read("")


async def test_a_member_that_comes_back_is_found_again(member: LocalMember) -> None:
    """With what it had."""
    async with client(member.endpoint) as registry:
        revision = await written(registry, Write("a", b"1"))
        member.kill()
        with pytest.raises(RegistryUnreachable):
            await registry.read("")
        member.start([member])
        async with asyncio.timeout(PATIENT_S):
            while True:
                with contextlib.suppress(RegistryUnreachable):
                    assert (await registry.read("a"))[1] == (Entry("a", b"1", revision),)
                    break
