"""`understudy cluster backup` and `restore`: what is registered comes back, what runs goes on, and epochs never go down."""

import asyncio
import base64
import hashlib
import json
import zlib
from collections.abc import AsyncIterator

import pytest

from daemon.cluster import Cluster, PrintedLines, running
from support import wait_until
from understudy.daemon.verbs import VERBS
from understudy.daemon.verbs.arguments import Arguments
from understudy.errors import BadInput
from understudy.intent.backup import CLOCKS_APART_MS, EPOCHS_APART, Backup, floor_of
from understudy.intent.whole import Intent
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import State, Target
from understudy.model.view import ClusterRecord, View
from understudy.registry.backup import decode

DB, WEB = ResourceName("db"), ResourceName("web")
REGISTERED = (
    'crsctl add serverpool sp -attr "PARENT_POOLS=Generic, SERVER_NAMES=ctr1 ctr2"',
    'crsctl add type own.type -basetype cluster_resource -attr "ATTRIBUTE=COLOUR,TYPE=string,DEFAULT_VALUE=red"',
    'crsctl add resource db -type own.type -attr "ACTION_SCRIPT=/bin/true,PLACEMENT=restricted,SERVER_POOLS=sp,CHECK_INTERVAL=30"',
    'crsctl add resource web -type cluster_resource -attr "ACTION_SCRIPT=/bin/true,START_DEPENDENCIES=hard(global:db)"',
)


async def asked(cluster: Cluster, verb: str, on: str = "ctr1", **body: object) -> PrintedLines:
    """What a verb answers that no table of commands has."""
    lines = PrintedLines()
    await cluster.sights[on].look()
    try:
        lines.status = await VERBS[verb].run(cluster.world(lines, on), Arguments(body))
    except BadInput as error:
        lines.out(str(error))
        lines.status = 1
    return lines


async def backup(cluster: Cluster, on: str = "ctr1") -> bytes:
    """The content of the file."""
    lines = await asked(cluster, "cluster-backup", on)
    assert lines.status == 0, lines.text
    return lines.printed[-1].encode()


async def restore(cluster: Cluster, content: bytes, on: str = "ctr1", **flags: bool) -> PrintedLines:
    """As the client sends it."""
    return await asked(cluster, "cluster-restore", on, content=base64.b64encode(zlib.compress(content)).decode(), **flags)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """Three servers with two resources, of which db runs on ctr2."""
    async with running("ctr1", "ctr2", "ctr3") as found:
        for command in REGISTERED:
            lines = await found.run(command)
            assert lines.status == 0, lines.text
        await found.run("crsctl start resource db -n ctr2")
        yield found


async def test_a_new_cluster_gets_what_was_registered_and_starts_what_was_wanted(cluster: Cluster) -> None:
    """Every definition as it was, under a new identity; under an epoch far above what the backup knows."""
    content, before = await backup(cluster), cluster.nodes["ctr1"].mirror.view
    async with running("ctr1", "ctr2", "ctr3") as new:
        lines = await restore(new, content)
        assert lines.status == 0, lines.text
        await wait_until(lambda: new.executors["ctr1"].service(DB).alive or new.executors["ctr2"].service(DB).alive, 10, "it is so")
        view = new.nodes["ctr1"].mirror.view

    assert (view.pools, view.types, view.definitions.keys()) == (before.pools, before.types, before.definitions.keys())
    assert all(view.definitions[name].attributes == definition.attributes for name, definition in before.definitions.items())
    assert view.definitions[DB].uid != before.definitions[DB].uid
    assert (view.target(DB), view.target(WEB)) == (Target.ONLINE, Target.OFFLINE)
    assert view.assignments[DB].epoch > before.assignments[DB].epoch + EPOCHS_APART
    assert view.era > before.era
    assert not view.recovering
    assert "add  resource       db" in lines.text


async def test_what_runs_goes_on_and_is_adopted(cluster: Cluster) -> None:
    """The registry lost what it knew of db, and the backup says OFFLINE, for it was made before the start: it stays up where it runs."""
    await cluster.run("crsctl stop resource db")
    content = await backup(cluster)
    await cluster.run("crsctl start resource db -n ctr2")
    async with running("ctr1", "ctr2", "ctr3") as new:
        service = new.executors["ctr2"].service(DB)
        service.alive = True
        lines = await restore(new, content)
        assert lines.status == 0, lines.text
        mirror = new.nodes["ctr1"].mirror
        await wait_until(lambda: DB in mirror.view.assignments and mirror.view.assignments[DB].owner is not None, 10, "it is so")

        owner = mirror.view.assignments[DB].owner
        assert owner is not None
        assert owner.server == "ctr2"
        assert mirror.view.target(DB) is Target.ONLINE
        assert service.alive


async def test_what_was_said_since_stays_unless_it_is_to_be_set_back(cluster: Cluster) -> None:
    """Definitions and TARGETs alike; what would stop is named, and needs -f."""
    await cluster.run("crsctl stop resource db")
    content = await backup(cluster)
    await cluster.run("crsctl start resource db -n ctr2")
    await cluster.run('crsctl modify resource db -attr "CHECK_INTERVAL=5"')

    kept = await restore(cluster, content)
    assert kept.status == 0
    assert "there is nothing to restore" in kept.text
    assert "CHECK_INTERVAL 5, 30 in the backup" in kept.text
    assert "ONLINE, OFFLINE in the backup" in kept.text

    refused = await restore(cluster, content, overwrite=True)
    assert refused.status == 1
    assert "UND-0352" in refused.text
    assert "'db' runs on 'ctr2' and is stopped" in refused.text
    view = cluster.nodes["ctr1"].mirror.view
    assert view.era == 1
    assert view.definitions[DB].attributes["CHECK_INTERVAL"] == "5"

    done = await restore(cluster, content, overwrite=True, force=True)
    assert done.status == 0, done.text
    await wait_until(lambda: not cluster.executors["ctr2"].service(DB).alive, 10, "it is so")
    view = cluster.nodes["ctr1"].mirror.view
    assert view.definitions[DB].attributes["CHECK_INTERVAL"] == "30"
    assert view.target(DB) is Target.OFFLINE


async def test_a_dry_run_changes_nothing(cluster: Cluster) -> None:
    """It shows the same rows."""
    content = await backup(cluster)
    async with running("ctr1") as new:
        revision, view = new.revision, new.nodes["ctr1"].mirror.view
        lines = await restore(new, content, dry_run=True)

        assert lines.status == 0
        assert "add  resource       db" in lines.text
        assert lines.printed[-1] == "nothing was changed"
        assert new.nodes["ctr1"].mirror.view.same_facts(view), revision


async def test_what_cannot_be_registered_refuses_all_of_it(cluster: Cluster) -> None:
    """A restore is whole, or nothing is changed: here what it names is not in the file."""
    content = json.loads(await backup(cluster))
    del content["content"]["intent"]["records"]["type/own.type"]
    async with running("ctr1") as new:
        lines = await restore(new, resummed(content))

        assert lines.status == 1
        assert "UND-0351" in lines.text
        assert "resource 'db'" in lines.text
        assert list(new.nodes["ctr1"].mirror.view.definitions) == ["ora.net1.network"]


def resummed(file: dict[str, object]) -> bytes:
    """With the checksum of what it holds now, as a version with a fault could write it."""
    content = json.dumps(file["content"], separators=(",", ":"))
    file["sha256"] = hashlib.sha256(content.encode()).hexdigest()
    return json.dumps({**file, "content": "@"}).replace('"@"', content).encode()


async def test_a_backup_of_another_cluster_has_to_be_meant(cluster: Cluster) -> None:
    """Its name is shown."""
    content = json.loads(await backup(cluster))
    content["content"]["intent"]["records"]["cluster"]["name"] = "other"
    async with running("ctr1") as new:
        refused = await restore(new, resummed(content))
        meant = await restore(new, resummed(content), other_cluster=True, dry_run=True)

    assert refused.status == 1
    assert "of cluster 'other', and this is cluster 'test'" in refused.text
    assert meant.status == 0


async def test_what_runs_is_not_set_back_to_what_it_was_not_started_with(cluster: Cluster) -> None:
    """Not even by force: the old value is in what runs."""
    content = await backup(cluster)
    await cluster.run('crsctl modify resource db -attr "MOUNT_POINT=/srv/db" -f')
    await wait_until(lambda: cluster.executors["ctr2"].service(DB).alive, 10, "it is so")

    lines = await restore(cluster, content, overwrite=True, force=True)

    assert lines.status == 1
    assert "runs and was started with another" in lines.text


FAR = CLOCKS_APART_MS + 5


@pytest.mark.parametrize(
    ("wall", "known", "floor"),
    [
        (2_000_000_000.0625, 2_000_000_000, 2_000_000_000_062),  # a version before took the time in seconds
        (2_000_000_000.0625, 2_000_000_000_062, 2_000_000_000_063),
        (0.004, FAR, FAR + EPOCHS_APART),
        (0.005, FAR, FAR + 1),
    ],
)
def test_the_floor_is_the_time_or_above_all_that_is_known(wall: float, known: int, floor: int) -> None:
    """A clock that is a little behind, or far, gives nothing twice either."""
    cluster = ClusterRecord(name="c", voters=(ServerName("ctr1"),), epoch_floor=5)
    made = Backup(intent=Intent(servers=(ServerName("ctr1"),), cluster=cluster), epochs={DB: known})

    assert floor_of(View(cluster=cluster), made, wall) == floor


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "cluster backup FILE makes such a file"),
        (b"[1]", "cluster backup FILE makes such a file"),
        (b'{"what":"understudy intent","format":1,"sha256":"","content":{}}', "calls itself 'understudy intent'"),
        (b'{"what":"understudy backup","format":2,"sha256":"","content":{}}', "has format 2"),
        (b'{"what":"understudy backup","format":1,"sha256":"00","content":{}}', "checksum is wrong"),
        (b"\xff\xfe", "cluster backup FILE makes such a file"),
        (b'{"a":' * 5000, "cluster backup FILE makes such a file"),
    ],
)
def test_what_is_no_backup_says_so(content: bytes, why: str) -> None:
    """And what to do."""
    with pytest.raises(BadInput, match=why):
        decode(content)


async def test_a_backup_holds_no_key_and_nothing_of_one_moment(cluster: Cluster) -> None:
    """Assignments, reports, incarnations and keys are not in it."""
    content = json.loads(await backup(cluster))["content"]

    assert {key.partition("/")[0] for key in content["intent"]["records"]} == {"cluster", "pool", "type", "resource", "target"}
    assert content["epochs"] == {"db": cluster.nodes["ctr1"].mirror.view.assignments[DB].epoch, **_network(content)}
    assert content["read_s_ago"] == 0


def _network(content: dict[str, dict[str, int]]) -> dict[str, int]:
    return {name: epoch for name, epoch in content["epochs"].items() if name != "db"}


async def test_a_server_that_is_not_there_holds_up_nothing_that_is_known(cluster: Cluster) -> None:
    """The new era waits for it; what was found running elsewhere does not."""
    content = await backup(cluster)
    await cluster.run("crsctl delete resource web")
    cluster.tasks["ctr3"].cancel()

    view = cluster.nodes["ctr1"].mirror.view
    lines = PrintedLines()
    world = cluster.world(lines, "ctr1")
    packed = base64.b64encode(zlib.compress(content)).decode()
    task = asyncio.ensure_future(VERBS["cluster-restore"].run(world, Arguments({"content": packed})))
    mirror = cluster.nodes["ctr1"].mirror
    await wait_until(lambda: mirror.view.era == view.era + 1 and mirror.view.assignments[DB].era == mirror.view.era, 20, "it is so")
    task.cancel()

    owner, report = mirror.view.assignments[DB].owner, mirror.view.report(DB, ServerName("ctr2"))
    assert owner is not None
    assert owner.server == "ctr2"
    assert report is not None
    assert report.state is State.ONLINE
