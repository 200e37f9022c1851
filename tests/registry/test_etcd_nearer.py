"""A client of etcd that goes over to another member, its own server's that has come back: against real members. Make before break."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator

import pytest

from registry.backends import PATIENT_S, written
from registry.etcd_members import LocalMember, etcd
from support import stopped, wait_until
from understudy.errors import Compacted
from understudy.ports import Batch, CommitCondition, Entry, Write
from understudy.registry.etcd.client import EtcdClient

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def members() -> Iterator[list[LocalMember]]:
    with etcd(3) as three:
        yield three


@contextlib.asynccontextmanager
async def daemons(*endpoints: str) -> AsyncIterator[EtcdClient]:
    """A client as a daemon has it, which has read everything over the first of these."""
    async with EtcdClient(endpoints, cluster="tests", dice=random.Random(1), deadline_s=5.0, read_first=True) as registry:
        await registry.read("")
        assert registry.endpoint == endpoints[0]
        yield registry


async def test_it_goes_over_without_a_commit_that_fails_or_a_change_that_is_missed(members: list[LocalMember]) -> None:
    """Commits go on all the while; whoever watches is asked to read everything again, and goes on from there."""
    other, own = members[0].endpoint, members[1].endpoint
    async with daemons(other, own) as registry:
        seen: dict[str, int] = {}
        stop = asyncio.Event()

        async def commits() -> int:
            count = 0
            while not stop.is_set():
                count += 1
                await written(registry, Write(f"n{count}", b""))
            return count

        async def follows() -> None:
            while True:
                revision, entries = await registry.read("")
                seen.update({entry.key: entry.revision for entry in entries})
                with contextlib.suppress(Compacted):
                    async for batch in registry.watch("", revision):
                        seen.update({entry.key: entry.revision for entry in batch.changed})

        writing, following = asyncio.create_task(commits()), asyncio.create_task(follows())
        await wait_until(lambda: "n20" in seen, PATIENT_S, "it follows")
        assert await registry.prefer(own)
        await wait_until(lambda: registry.endpoint == own, PATIENT_S, "it has gone over")
        last = f"n{len(seen) + 20}"
        await wait_until(lambda: last in seen, PATIENT_S, "it goes on")
        stop.set()
        count = await writing
        await wait_until(lambda: f"n{count}" in seen, PATIENT_S, "it has seen all")
        following.cancel()
        assert not await registry.prefer(own), "it is there already"
        assert len({seen[f"n{number}"] for number in range(1, count + 1)}) == count
    for number in range(1, count + 1):
        del seen[f"n{number}"]
    assert not seen


async def test_the_member_it_came_from_is_not_missed_afterwards(members: list[LocalMember]) -> None:
    """That is what it is for."""
    other, own = members[0], members[1]
    async with daemons(other.endpoint, own.endpoint) as registry:
        assert await registry.prefer(own.endpoint)
        await registry.read("")
        assert other.process is not None
        revision, _ = await registry.read("")
        watching = asyncio.create_task(next_batch(registry, revision))
        async with asyncio.timeout(PATIENT_S):
            await leads_elsewhere(members, other)
            with stopped(other.process.pid):
                await written(registry, Write("k", b""))
                assert (await watching).changed == (Entry("k", b"", revision + 1),)
        await written(registry, Write("k", None))


async def test_a_member_that_does_not_answer_changes_nothing(members: list[LocalMember]) -> None:
    """It is gone, or hangs: the watch goes on, and so do commits."""
    other, own = members[0], members[1]
    async with daemons(other.endpoint, own.endpoint) as registry:
        revision, _ = await registry.read("")
        watching = asyncio.create_task(next_batch(registry, revision))
        assert not await registry.prefer("127.0.0.1:1")
        assert own.process is not None
        await leads_elsewhere(members, own)
        with stopped(own.process.pid):
            assert not await registry.prefer(own.endpoint)
            assert registry.endpoint == other.endpoint
            await written(registry, Write("k", b""))
            async with asyncio.timeout(PATIENT_S):
                assert (await watching).changed == (Entry("k", b"", revision + 1),)
        await written(registry, Write("k", None))


async def test_a_member_that_is_cut_off_again_before_everything_was_read_is_not_used(members: list[LocalMember]) -> None:
    """Everything is read over the connection that there was, which commits as before."""
    other, own = members[0], members[1]
    async with daemons(other.endpoint, own.endpoint) as registry:
        await leads_elsewhere(members, own)
        assert await registry.prefer(own.endpoint)
        assert own.process is not None
        with stopped(own.process.pid):
            async with asyncio.timeout(PATIENT_S):
                await registry.read("")
            assert registry.endpoint == other.endpoint
            revision = await written(registry, Write("k", b""))
        await written(registry, Write("k", None), conditions=(CommitCondition("k", revision),))


async def next_batch(registry: EtcdClient, revision: int) -> Batch:
    """The next commit after it."""
    return await anext(registry.watch("", revision))


async def leads_elsewhere(members: list[LocalMember], not_this: LocalMember) -> None:
    """Another member leads etcd: what is stopped next is missed by nobody."""
    others = [member for member in members if member is not not_this]
    while not_this.leads():
        assert not_this.process is not None
        with stopped(not_this.process.pid):
            await wait_until(lambda: any(member.leads() for member in others), PATIENT_S, "another leads")
