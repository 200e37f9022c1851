"""Thousands of names come and go: registry, daemon and guard keep what is registered, and one number."""

import pytest

from understudy.daemon.mirror import Mirror
from understudy.guard import answers
from understudy.guard.held import HeldEpochs
from understudy.guard.notes import Notes
from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.state import Life, State
from understudy.model.view import Assignment, ClusterRecord, Definition, IncarnationRecord, Report
from understudy.policy.forgetting import forget
from understudy.policy.plan import Memory
from understudy.registry import keys
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.store import Store

CTR1 = ServerName("ctr1")
LIFE = Incarnation("1" * 32)
BATCH = 50


async def come_and_go(names: int, room: int) -> tuple[Store, Mirror, HeldEpochs]:
    """Registered, run once on one server, stopped, deleted and forgotten, some at a time."""
    store, epochs = Store(), HeldEpochs(Notes(memoryview(bytearray(room))), memoryview(bytearray(8)).cast("q"))
    mirror = Mirror(LocalRegistry(store))
    await mirror.refresh()
    life = IncarnationRecord(incarnation=LIFE, server=CTR1, life=Life.ONLINE, order=1, forgets=True)
    assert await mirror.commit(
        {keys.CLUSTER: ClusterRecord(name="c", voters=(CTR1,)), keys.incarnation(LIFE): life}, decided_on=mirror.view
    )
    for first in range(0, names, BATCH):
        batch = [ResourceName(f"instance-of-a-virtual-machine-{number}") for number in range(first, first + BATCH)]
        await mirror.commit(
            {keys.resource(name): Definition(name=name, type=TypeName("cluster_resource"), uid=name) for name in batch},
            decided_on=mirror.view,
        )
        reports = [Report(resource=name, server=CTR1, incarnation=LIFE, epoch=2, state=State.OFFLINE) for name in batch]
        await mirror.commit({keys.report(report.resource, CTR1): report for report in reports}, decided_on=mirror.view)
        epoch = mirror.view.next_epoch(1)
        for name in batch:
            assert answers.epoch(epochs, name, epoch, released=True)["ok"]
        await mirror.commit({keys.assignment(name): Assignment(resource=name, epoch=epoch) for name in batch}, decided_on=mirror.view)
        await mirror.commit({keys.resource(name): None for name in batch}, decided_on=mirror.view)
        while step := forget(mirror.view, 1.0, Memory(), batch)[0]:
            writes: dict[str, object] = {keys.CLUSTER: step.cluster, **{keys.assignment(name): None for name in step.names}}
            await mirror.commit({**writes, **{keys.report(*report): None for report in step.reports}}, decided_on=mirror.view)
        assert answers.forget(epochs, mirror.view.epoch_floor, list(batch)) == {"ok": True, "kept": []}
    return store, mirror, epochs


@pytest.mark.parametrize("names", [5_000, pytest.param(70_000, marks=pytest.mark.long)])
async def test_what_was_deleted_leaves_one_number(names: int) -> None:
    store, mirror, epochs = await come_and_go(names, room=64 << 10)

    assert [entry.key for entry in store.read("")[1]] == [keys.CLUSTER, keys.incarnation(LIFE)]
    assert mirror.view.epoch_floor == 1 + names // BATCH
    assert (len(epochs), epochs.floor) == (0, mirror.view.epoch_floor)
    for kept in (mirror.view.assignments, mirror.view.reports, mirror.view.resources):
        assert not kept
