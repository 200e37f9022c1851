"""The history is a record, not a means: whatever scripts print and however long it is, no daemon and no command waits for it."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

import pytest

from cutting import exchange_value
from daemon.cluster import Cluster, StandingClock, running
from understudy.daemon import history, leader
from understudy.daemon.mirror import Mirror
from understudy.model import events
from understudy.model.names import ResourceName, ServerName
from understudy.model.view import Event
from understudy.ports import Entry, Write
from understudy.registry import keys
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.store import Store
from understudy.registry.wire import decode, encode

ESCAPES = ("\x1b" * 1000,) * 20
"""What the executor hands on at most of a script that prints nothing but escape bytes: 20 kB, 120 kB as JSON."""
FLAPPING = tuple(ResourceName(f"flap{number}") for number in range(6))


def sizes(entries: Iterable[Entry]) -> list[int]:
    """Bytes of each value."""
    return [len(entry.value) for entry in entries]


def old_event(number: int, text: str) -> Write:
    """An event as versions before this one wrote it."""
    event = Event(wall=1000.0 + number, server=ServerName("ctr1"), kind=events.FAILED, resource=ResourceName("flap0"), text=text)
    return Write(keys.history(1_000_000 + number, "ctr1", number), encode(event))


def filled(store: Store, count: int, text: str) -> None:
    """A history of this many events."""
    for first in range(0, count, 100):
        store.commit([], [old_event(number, text) for number in range(first, min(count, first + 100))])


def history_of(store: Store) -> tuple[Entry, ...]:
    return store.read(keys.HISTORY)[1]


class Weighed:
    """A registry that notes how much each answer held."""

    def __init__(self, registry: LocalRegistry) -> None:
        self._registry = registry
        self.answers: list[int] = []
        self.commit, self.watch, self.bound = registry.commit, registry.watch, registry.bound

    async def read(self, prefix: str, **how: object) -> tuple[int, tuple[Entry, ...]]:
        revision, entries = await self._registry.read(prefix, **how)  # type: ignore[arg-type]
        self.answers.append(sum(sizes(entries)))
        return revision, entries


async def until(cluster: Cluster, condition: Callable[[], bool], what: str) -> None:
    """Until it holds, looked at after every commit."""
    woken = asyncio.Event()
    stop = cluster.store.on_commit(woken.set)
    try:
        async with asyncio.timeout(20):
            while not condition():
                await woken.wait()
                woken.clear()
    except TimeoutError:
        raise AssertionError(f"not within 20 s: {what}") from None
    finally:
        stop()


async def flap(cluster: Cluster, rounds: int) -> None:
    """Each runs, dies, prints, is cleaned and started again."""
    executor = cluster.executors["ctr1"]
    for name in FLAPPING:
        executor.service(name).says = {"start": ESCAPES, "check": ESCAPES, "clean": ESCAPES, "stop": ESCAPES}
        options = "ACTION_SCRIPT=/flap.scr,RESTART_ATTEMPTS=1000,CHECK_INTERVAL=1"
        assert (await cluster.run(f'crsctl add resource {name} -type cluster_resource -attr "{options}"')).status == 0
    assert (await cluster.run(f"crsctl start resource {' '.join(FLAPPING)} -n ctr1")).status == 0
    for _ in range(rounds):
        for name in FLAPPING:
            executor.die(name)
        await until(cluster, lambda: all(executor.service(name).alive for name in FLAPPING), "they are started again")


async def test_what_a_script_prints_takes_few_bytes_of_the_history_and_of_reports() -> None:
    """Six resources of somebody without any right filled the registry within two minutes, and no daemon could read it any more."""
    async with running("ctr1", "ctr2") as cluster:
        await flap(cluster, 1)
        told = cluster.nodes["ctr1"].mirror.history
        await until(cluster, lambda: len([event for event in told() if event.kind == events.FAILED]) >= 6, "every failure is told")
        assert max(sizes(history_of(cluster.store))) <= 4096
        assert max(sizes(cluster.store.read(keys.REPORT)[1])) <= 8192


async def test_a_daemon_joins_whatever_the_history_holds() -> None:
    """What it has to read before it can act is the state alone; the history comes after, in pages, and the leader cuts it back."""
    cluster = Cluster(("ctr1",))
    filled(cluster.store, 1500, "x" * 20_000)
    node = cluster.start("ctr1")
    registry = node.mirror._registry = Weighed(LocalRegistry(cluster.store))
    task = asyncio.create_task(node.run())
    try:
        async with asyncio.timeout(30):
            while not node.joined():
                await node.mirror.wait(node.mirror.view.revision, 0.2)
        assert registry.answers[0] < 100_000
        assert max(registry.answers) <= 400_000
        await until(
            cluster, lambda: sum(sizes(history_of(cluster.store))) <= leader.HISTORY_BYTES + leader.HISTORY_TRIM_BYTES, "it is cut back"
        )
        assert (await cluster.run("understudy history -n 3")).status == 0
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        cluster.store.close()


async def test_the_history_has_a_bound_in_events(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange_value(monkeypatch, leader, "HISTORY_KEEP", 200)
    exchange_value(monkeypatch, leader, "HISTORY_TRIM", 50)
    cluster = Cluster(("ctr1",))
    filled(cluster.store, 600, "short")
    task = asyncio.create_task(cluster.start("ctr1").run())
    try:
        await until(cluster, lambda: len(history_of(cluster.store)) <= 250, "the oldest are forgotten")
        assert history_of(cluster.store)[0].key > old_event(300, "").key
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        cluster.store.close()


async def following(store: Store) -> tuple[Mirror, "asyncio.Task[None]"]:
    """A mirror that has read everything, the history too."""
    mirror = Mirror(LocalRegistry(store))
    task = asyncio.create_task(mirror.follow(lambda: None))
    async with asyncio.timeout(10):
        while not mirror.records.complete:
            await mirror.wait(mirror.view.revision, 0.05)
    return mirror, task


async def test_who_follows_the_history_misses_nothing_while_the_registry_was_away() -> None:
    """What was written meanwhile comes with the next reading, once, and what was known before does not come again."""
    with Store(keep_commits=5) as store:
        filled(store, 20, "old")
        mirror, task = await following(store)
        found: list[str] = []

        async def follow() -> None:
            async for _, event in mirror.events(mirror.view.revision):
                found.append(event.text)

        reader = asyncio.create_task(follow())
        await asyncio.sleep(0)
        store.commit([], [old_event(100, "seen")])
        await until_told(mirror, found, 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for number in range(101, 121):
            store.commit([], [old_event(number, f"missed {number}")])
        task = asyncio.create_task(mirror.follow(lambda: None))
        await until_told(mirror, found, 21)
        store.commit([], [old_event(200, "last")])
        await until_told(mirror, found, 22)
        reader.cancel()
        task.cancel()
        await asyncio.gather(task, reader, return_exceptions=True)
        assert found == ["seen", *(f"missed {number}" for number in range(101, 121)), "last"]
        assert [event.text for event in mirror.history()][:20] == ["old"] * 20


async def until_told(mirror: Mirror, found: list[str], count: int) -> None:
    async with asyncio.timeout(10):
        while len(found) < count:
            await mirror.wait(mirror.view.revision, 0.05)


async def test_an_event_that_cannot_be_read_is_passed_over() -> None:
    """One that a newer version wrote, or a damaged one: no reason for any daemon to end."""
    with Store() as store:
        filled(store, 3, "well")
        store.commit([], [Write(keys.history(1_000_001, "ctr1", 77), b'{"v":99}'), Write(keys.history(1, "ctr1", 1), b"{")])
        mirror, task = await following(store)
        store.commit([], [Write(keys.history(1_000_002, "ctr1", 78), b"?"), old_event(50, "after")])
        await until_told(mirror, [], 0)
        async with asyncio.timeout(10):
            while len(mirror.history()) < 4:
                await mirror.wait(mirror.view.revision, 0.05)
        assert not task.done()
        assert [event.text for event in mirror.history()] == ["well", "well", "well", "after"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_verb_asks_only_how_far_the_registry_is() -> None:
    """Reading all of it for each verb took time in proportion to its size, notified every lane, and asked every voter again."""
    async with running("ctr1", "ctr2") as cluster:
        mirror = cluster.nodes["ctr1"].mirror
        registry = mirror._registry = Weighed(LocalRegistry(cluster.store))
        rereads = mirror.rereads
        for number in range(3):
            await cluster.run(f'crsctl add resource r{number} -type cluster_resource -attr "DESCRIPTION={"x" * 200}"')
        assert "DESCRIPTION=xxx" in (await cluster.run("crsctl stat resource r2 -p")).text
        assert mirror.rereads == rereads
        assert registry.answers
        assert max(registry.answers) < 200


async def test_a_refreshed_view_knows_every_commit_before_the_question() -> None:
    """Also while the watch brings nothing: then everything is read."""
    with Store() as store:
        mirror, task = await following(store)
        for number in range(20):
            revision = store.commit([], [Write(f"{keys.TARGET}r{number}", b'{"v":1,"target":"ONLINE","by":""}')])
            assert (await mirror.refresh()).revision == revision
            assert f"r{number}" in mirror.view.targets
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        store.commit([], [Write(f"{keys.TARGET}last", b'{"v":1,"target":"ONLINE","by":""}')])
        assert "last" in (await mirror.refresh()).targets


async def test_what_could_not_be_told_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """More happens while the registry is away than waits to be written: the newest are, and how many are not."""
    exchange_value(monkeypatch, history, "KEEP", 10)
    with Store() as store:
        mirror = Mirror(LocalRegistry(store))
        await mirror.refresh()
        pen = history.History(mirror, StandingClock(), ServerName("ctr1"))
        pen._queue = deque(maxlen=history.KEEP)
        for number in range(25):
            pen.record(events.FAILED, text=str(number))
        writing = asyncio.create_task(pen.write())
        async with asyncio.timeout(5):
            while not pen.idle() or len(history_of(store)) < 11:
                await mirror.wait(mirror.view.revision, 0.05)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        told = [decode(entry.key, entry.value) for entry in history_of(store)]
        texts = [event.text for event in told if isinstance(event, Event)]
        assert texts[:10] == [str(number) for number in range(15, 25)]
        assert texts[10].startswith("15 events of ctr1 are missing before this one")
