"""In which format a daemon writes while others of another version share its registry, and how one ends that cannot read."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from understudy.daemon.main import _report
from understudy.daemon.mirror import Mirror
from understudy.errors import RegistryUnreachable
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.state import Life, Target
from understudy.model.view import IncarnationRecord, TargetRecord
from understudy.registry import keys
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.store import Store
from understudy.registry.wire import PRESENT, WrittenNewer
from understudy.sim.formats import NEXT
from understudy.sim.loop import VirtualLoop

DB = ResourceName("db")
TARGET = keys.target(DB)
WANTED = TargetRecord(target=Target.ONLINE)
NOT_WANTED = TargetRecord(target=Target.OFFLINE)


@pytest.fixture
def store() -> Iterator[Store]:
    """A registry that holds nothing yet."""
    with Store() as made:
        yield made


async def mirror_of(store: Store, *, servers: tuple[str, ...] = ()) -> Mirror:
    """The next version's, which has read what there is."""
    mirror = Mirror(LocalRegistry(store), formats=NEXT, servers=frozenset(ServerName(server) for server in servers))
    await mirror.refresh()
    return mirror


async def known(mirror: Mirror, server: str, format: int, life: Life = Life.ONLINE) -> None:
    """One more incarnation is in the registry."""
    incarnation = Incarnation(f"{server}/i1")
    record = IncarnationRecord(incarnation=incarnation, server=ServerName(server), life=life, format=format)
    assert await mirror.commit({keys.incarnation(incarnation): record}, decided_on=mirror.view)


async def written_in(store: Store, mirror: Mirror) -> bytes:
    """How a value begins that the mirror's daemon writes now."""
    assert await mirror.commit({TARGET: NOT_WANTED if mirror.view.target(DB) is Target.ONLINE else WANTED}, decided_on=mirror.view)
    entry = next(stored for stored in store.read(TARGET)[1] if stored.key == TARGET)
    return entry.value[:7]


@pytest.mark.parametrize("life", [Life.JOINING, Life.ONLINE, Life.LEAVING, Life.EVICTED, Life.LOST])
async def test_as_long_as_one_may_read_that_knows_only_the_old_format_nobody_writes_the_new(store: Store, life: Life) -> None:
    mirror = await mirror_of(store)
    await known(mirror, "ctr1", NEXT.newest)
    await known(mirror, "ctr2", PRESENT.newest, life)
    assert await written_in(store, mirror) == b'{"v":1,'

    await known(mirror, "ctr2", NEXT.newest)
    assert await written_in(store, mirror) == b'{"v":2,'


@pytest.mark.parametrize("life", [Life.FENCED, Life.LEFT])
async def test_a_server_that_is_off_counts_if_it_is_expected_back(store: Store, life: Life) -> None:
    """It will come back as what it was; one that the settings name no more will not."""
    mirror = await mirror_of(store, servers=("ctr1", "ctr2"))
    await known(mirror, "ctr2", PRESENT.newest, life)
    await known(mirror, "ctr1", NEXT.newest)
    assert await written_in(store, mirror) == b'{"v":1,'

    assert await written_in(store, await mirror_of(store, servers=("ctr1",))) == b'{"v":2,'


async def test_a_server_that_was_never_seen_may_be_of_the_oldest_version(store: Store) -> None:
    """The registry may have been recreated while servers of two versions share it: who begins it does not know who else reads."""
    mirror = await mirror_of(store, servers=("ctr1", "ctr2"))
    await known(mirror, "ctr1", NEXT.newest)
    assert await written_in(store, mirror) == b'{"v":1,'

    await known(mirror, "ctr2", NEXT.newest)
    assert await written_in(store, mirror) == b'{"v":2,'


async def test_before_the_registry_was_read_nothing_is_written(store: Store) -> None:
    """Who would read it is not known yet."""
    mirror = Mirror(LocalRegistry(store), formats=NEXT)
    with pytest.raises(RegistryUnreachable, match="not read yet"):
        await mirror.commit({TARGET: WANTED}, decided_on=mirror.view)
    assert store.revision == 0


def test_an_old_view_of_who_reads_costs_the_newcomer_its_place_and_nobody_else(store: Store) -> None:
    """The writer has not seen yet that an old daemon has come: that one cannot read what is written, and says so."""

    async def story() -> None:
        writer, late = await mirror_of(store), await mirror_of(store)
        newcomer = Mirror(LocalRegistry(store))
        await newcomer.refresh()
        await known(newcomer, "ctr4", PRESENT.newest)
        assert await written_in(store, writer) == b'{"v":2,'

        with pytest.raises(WrittenNewer, match=r"target/db.*format 2 by a newer Understudy; this one reads up to 1: upgrade this server"):
            await newcomer.refresh()
        assert newcomer.view.target(DB) is Target.OFFLINE, "nothing is guessed"
        assert (await late.refresh()).target(DB) is Target.ONLINE

    VirtualLoop().run_until_complete(story())  # type: ignore[abstract]  # the writer waits for news that nobody brings


async def test_a_daemon_that_cannot_read_ends_in_one_sentence(store: Store, logged: list[dict[str, Any]]) -> None:
    """An operator finds it in the log of the server that must be upgraded."""
    await written_in(store, await mirror_of(store))

    async def loops() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(Mirror(LocalRegistry(store)).follow(lambda: None))
            tasks.create_task(asyncio.Event().wait())

    task = asyncio.create_task(loops(), name="node")
    await asyncio.wait([task])
    _report(task)
    assert [(line["event"], line["why"]) for line in logged] == [
        (
            "registry-unreadable",
            "registry key 'target/db': written in format 2 by a newer Understudy; this one reads up to 1: upgrade this server",
        )
    ]
