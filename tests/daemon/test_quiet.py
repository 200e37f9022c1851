"""What a daemon does not do while nothing happens (docs/design/0015-a-quiet-cluster.md): who is woken, and what is asked, is counted."""

import asyncio

from daemon.cluster import Cluster, running
from support import wait_until
from understudy.daemon.mirror import Mirror
from understudy.executor.fake import FakeExecutor
from understudy.model.actions import ActionOutcome, ActionRequest
from understudy.model.names import ResourceName
from understudy.model.view import Beat
from understudy.ports import Write
from understudy.registry import keys
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.store import Store
from understudy.registry.wire import encode

DB = ResourceName("db")


async def test_a_beat_of_the_leader_wakes_nobody_who_waits_for_facts() -> None:
    with Store() as store:
        mirror = Mirror(LocalRegistry(store))
        following = asyncio.create_task(mirror.follow(lambda: None))
        await wait_until(lambda: mirror.read_once, 5, "it follows")
        waiting = asyncio.create_task(mirror.changed(mirror.view, 60))
        woken = asyncio.create_task(mirror.wait(mirror.view.revision, 60))
        store.commit([], [Write(keys.BEAT, encode(Beat(term=1, count=1)))])
        assert (await woken).beat == Beat(term=1, count=1)
        await asyncio.sleep(0)
        assert not waiting.done()
        store.commit([], [Write(f"{keys.TARGET}db", b'{"v":1,"target":"ONLINE","by":""}')])
        assert DB in (await waiting).targets
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_who_waits_for_facts_has_the_present_view_when_the_time_is_over() -> None:
    with Store() as store:
        mirror = Mirror(LocalRegistry(store))
        await mirror.refresh()
        assert await mirror.changed(mirror.view, 0.0) is mirror.view


async def test_one_server_alone_beats_and_takes_the_beat_up_from_another() -> None:
    """The others sleep until they lead."""
    async with running("ctr1", "ctr2") as cluster:
        leads = await _leader_of(cluster)
        follows = next(name for name in cluster.nodes if name != leads)
        beat = cluster.nodes[follows].mirror.view.beat
        await wait_until(lambda: cluster.nodes[follows].mirror.view.beat != beat, 10, "the leader beats")
        assert not cluster.nodes[follows].leader.leads()
        cluster.tasks[leads].cancel()
        await asyncio.gather(cluster.tasks[leads], return_exceptions=True)
        await wait_until(cluster.nodes[follows].leader.leads, 20, "the other one leads")
        beat = cluster.nodes[follows].mirror.view.beat
        await wait_until(lambda: cluster.nodes[follows].mirror.view.beat != beat, 10, "and beats")


async def test_what_a_check_has_seen_alive_is_not_asked_for_again() -> None:
    async with running("ctr1") as cluster:
        await cluster.run("""crsctl add resource db -type cluster_resource -attr 'ACTION_SCRIPT="/x",CHECK_INTERVAL="1"'""", on="ctr1")
        await cluster.run("crsctl start resource db", on="ctr1")
        executor = cluster.executors["ctr1"]
        asked, checks = _counted(executor)
        await wait_until(lambda: checks[0] >= 2, 20, "two checks")
        assert asked[0] == 0


def _counted(executor: FakeExecutor) -> tuple[list[int], list[int]]:
    """How often it is asked from now on whether nothing is there; and how often for anything to be done."""
    asked, done, empty, run = [0], [0], executor.empty, executor.run

    async def counted_empty(resource: ResourceName) -> bool:
        asked[0] += 1
        return await empty(resource)

    async def counted_run(request: ActionRequest) -> ActionOutcome:
        outcome = await run(request)
        done[0] += 1
        return outcome

    executor.empty, executor.run = counted_empty, counted_run  # type: ignore[method-assign]
    return asked, done


async def _leader_of(cluster: Cluster) -> str:
    await wait_until(lambda: any(node.leader.leads() for node in cluster.nodes.values()), 10, "somebody leads")
    return next(name for name, node in cluster.nodes.items() if node.leader.leads())
