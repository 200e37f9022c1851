"""ENTRY_POINTS: scripts are called when a resource is deleted or modified; nothing waits for them, nor are they called for a copy."""

import asyncio
from dataclasses import replace

from daemon.cluster import Cluster, running
from understudy.daemon.entrypoints import EntryCall, EntryPoints
from understudy.model.maps import with_changes
from understudy.model.names import ResourceName
from understudy.model.view import View

DB = ResourceName("db")
PLACES = "PLACEMENT=restricted,HOSTING_MEMBERS=ctr1 ctr2"
ADD = f'crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/db,{PLACES},ENTRY_POINTS=delete"'


def called(cluster: Cluster) -> list[str]:
    """Where the script was called with a word of its own."""
    return [name for name, executor in cluster.executors.items() if any(done[1:3] == (DB, "custom") for done in executor.done)]


async def test_a_resource_is_registered_again_while_its_script_hangs_in_delete() -> None:
    """The start ends what hangs; the deletion was done long before."""
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        await cluster.run(ADD)
        await asyncio.sleep(2.0)
        cluster.executors["ctr1"].service(DB).hangs.add("custom")
        assert (await cluster.run("crsctl delete resource db")).status == 0
        await asyncio.sleep(1.0)
        assert called(cluster) == ["ctr2"]
        assert (await cluster.run(ADD)).status == 0

        started = await cluster.run("crsctl start resource db -n ctr1")

        assert started.status == 0, started.text
        assert called(cluster) == ["ctr1", "ctr2"]


def parts(cluster: Cluster) -> EntryPoints:
    """Those of the first server."""
    lanes = cluster.nodes["ctr1"].lanes
    assert lanes is not None
    return lanes._entry_points


def without_it(view: View) -> View:
    """The same where nothing of it is registered."""
    return replace(view, resources=with_changes(view.resources, {DB: None}), definitions=with_changes(view.definitions, {DB: None}))


async def test_what_a_copy_of_the_registry_does_not_know_was_not_deleted() -> None:
    """Neither where it is noticed, nor in the era that begins then, nor where a definition is there and cannot be read."""
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        await cluster.run(ADD)
        await asyncio.sleep(2.0)
        entry, view = parts(cluster), cluster.nodes["ctr1"].mirror.view
        assert view.cluster is not None
        gone = without_it(view)
        cases = {
            "deleted": gone,
            "set back": replace(gone, set_back="it was set back"),
            "another era": replace(gone, cluster=replace(view.cluster, era=view.era + 1)),
            "recovering": replace(gone, cluster=replace(view.cluster, recovering=True)),
            "unreadable": replace(gone, definitions=view.definitions),
        }
        found: dict[str, list[EntryCall]] = {}
        for case, after in cases.items():
            entry._view = view
            found[case] = entry.see(after)
        entry._view = view

        assert [case for case, calls in found.items() if calls] == ["deleted"]
        assert [(call.word, call.resource.name) for call in found["deleted"]] == [("delete", "db")]
