"""A daemon notices that the registry is not the one it was, and writes nothing to it until a new era has begun."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from support import wait_until
from understudy.daemon.mirror import Mirror
from understudy.errors import RegistryUnreachable
from understudy.model.names import Incarnation, ServerName
from understudy.model.position import Position
from understudy.model.state import Life, Target
from understudy.model.view import ClusterRecord, Event, IncarnationRecord, TargetRecord
from understudy.ports import Batch, Write
from understudy.registry import keys
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.store import Store
from understudy.registry.wire import encode

ME = Incarnation("a" * 32)
WANTED = TargetRecord(target=Target.ONLINE)
CLUSTER = ClusterRecord(name="c", voters=(ServerName("ctr1"),), branch=11)


class Replaced:
    """A registry whose file can be replaced under its clients."""

    def __init__(self) -> None:
        self.store = Store()

    def __getattr__(self, name: str) -> object:
        return getattr(LocalRegistry(self.store), name)


async def living() -> tuple[Replaced, Mirror, bytes]:
    """A registry, a daemon that has registered in it, and a copy from before."""
    registry = Replaced()
    mirror = Mirror(registry)  # type: ignore[arg-type]
    mirror.act_as(ME)
    await mirror.refresh()
    await mirror.commit({keys.CLUSTER: CLUSTER}, decided_on=mirror.view)
    copy = registry.store.image()
    record = IncarnationRecord(incarnation=ME, server=ServerName("ctr1"), life=Life.ONLINE)
    await mirror.commit({keys.incarnation(ME): record, keys.target("db"): WANTED}, decided_on=mirror.view)
    assert mirror.position == Position(1, 11, 2)
    return registry, mirror, copy


async def test_a_lower_revision_is_noticed() -> None:
    registry, mirror, copy = await living()
    registry.store = Store(image=copy)

    view = await mirror.refresh()

    assert view.set_back == "it was set back from revision 2 to 1"
    with pytest.raises(RegistryUnreachable, match="until a new era has begun"):
        await mirror.commit({keys.target("db"): WANTED}, decided_on=mirror.view)


async def test_a_higher_revision_of_another_history_is_noticed() -> None:
    """It was cut off meanwhile, and others have written to the copy."""
    registry, mirror, copy = await living()
    registry.store = Store(image=copy)
    other = Mirror(LocalRegistry(registry.store))
    await other.refresh()
    for number in range(5):
        await other.commit({keys.target(f"other{number}"): WANTED}, decided_on=other.view)

    assert "does not know this server's incarnation" in (await mirror.refresh()).set_back


async def test_an_empty_registry_is_noticed() -> None:
    registry, mirror, _ = await living()
    registry.store = Store()

    assert (await mirror.refresh()).set_back.startswith("it was recreated")


async def test_a_daemon_that_has_just_begun_goes_by_what_its_guard_remembers() -> None:
    registry, mirror, copy = await living()
    seen = mirror.standing()
    registry.store = Store(image=copy)
    begun = Mirror(registry)  # type: ignore[arg-type]
    await begun.refresh()

    begun.was_seen_at(seen)

    assert begun.view.set_back
    assert not mirror.view.set_back


async def test_a_new_era_ends_the_doubt() -> None:
    registry, mirror, copy = await living()
    registry.store = Store(image=copy)
    await mirror.refresh()
    other = Mirror(LocalRegistry(registry.store))
    await other.refresh()
    await other.commit(
        {keys.CLUSTER: ClusterRecord(name="c", voters=CLUSTER.voters, era=2, branch=12, recovering=True)}, decided_on=other.view
    )

    view = await mirror.refresh()

    assert not view.set_back
    assert view.recovering


async def test_a_registry_that_only_went_on_is_the_same() -> None:
    registry, mirror, _ = await living()
    other = Mirror(LocalRegistry(registry.store))
    await other.refresh()
    await other.commit({keys.target("db"): None}, decided_on=other.view)

    assert not (await mirror.refresh()).set_back


class WatchedMirror(Replaced):
    """One whose watches end when it is replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = asyncio.Event()

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Batch]:
        batches = LocalRegistry(self.store).watch(prefix, from_revision)
        while True:
            ways = asyncio.ensure_future(anext(batches)), asyncio.ensure_future(self.gone.wait())
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if ways[1].done():  # it may be there again by now: what ended the wait counts
                ways[0].cancel()
                raise RegistryUnreachable("it was replaced")
            ways[1].cancel()
            yield ways[0].result()

    def happens(self, *causes: str) -> None:
        for cause in causes:
            event = Event(wall=1.0, server=ServerName("ctr2"), kind="registry-set-back", cause=cause)
            self.store.commit([], [Write(keys.history(int(cause), "ctr2", int(cause)), encode(event))])


@pytest.mark.parametrize("anew", [False, True], ids=["a copy", "made anew"])
async def test_what_happened_before_the_new_registry_was_read_is_news_and_the_rest_is_not(anew: bool) -> None:
    """That it was set back is written by whoever notices first: the alert logs of those who read it later did not have it."""
    registry, told = WatchedMirror(), list[str]()
    registry.happens("1", "2", "3")
    copy = registry.store.image()
    mirror = Mirror(registry)  # type: ignore[arg-type]
    following = asyncio.create_task(mirror.follow(lambda: None))
    await wait_until(lambda: mirror.records.complete, 5, "it has read everything")

    async def collect() -> None:
        async for _, event in mirror.events(mirror.view.revision):
            told.append(event.cause)

    collecting = asyncio.create_task(collect())
    await asyncio.sleep(0)
    registry.happens("4", "5")
    await wait_until(lambda: told == ["4", "5"], 5, "they come")
    registry.store = Store() if anew else Store(image=copy)
    registry.happens("6", "7")
    registry.gone.set()
    await wait_until(lambda: mirror.rereads > 1, 5, "it is read anew")
    registry.gone.clear()
    await wait_until(lambda: "7" in told, 5, "what has happened meanwhile comes")
    registry.happens("8")
    await wait_until(lambda: "8" in told, 5, "and what happens then")
    for task in (following, collecting):
        task.cancel()
    await asyncio.gather(following, collecting, return_exceptions=True)

    assert told == ["4", "5", "6", "7", "8"]
