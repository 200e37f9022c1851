"""`understudy cluster export`: what a cluster is meant to be, as a file; and the drill that asks for it."""

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.cluster import Cluster, running
from understudy.daemon.api import application
from understudy.daemon.peers import listening
from understudy.daemon.verbs.export import registry_on, slowest_starts
from understudy.intent.whole import Intent
from understudy.model.events import START_DONE, STOP_DONE
from understudy.model.names import ResourceName, ServerName
from understudy.model.settings import ServerSettings, Settings
from understudy.model.state import Target
from understudy.model.view import Event
from understudy.registry import keys
from understudy.registry.intent import decode

ROOT = Path(__file__).parents[2]
POOL = 'crsctl add serverpool sp -attr "PARENT_POOLS=Generic, SERVER_NAMES=ctr1 ctr2"'
DB = 'crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/bin/true,PLACEMENT=restricted,SERVER_POOLS=sp"'
OFF = 'crsctl add resource off -type cluster_resource -attr "ACTION_SCRIPT=/bin/true"'


async def exported(cluster: Cluster) -> Intent:
    """What the command prints, read again."""
    answer = await cluster.run("understudy cluster export")
    assert answer.status == 0
    return decode(answer.text)


async def test_an_export_is_the_whole_intent() -> None:
    """Servers, voters, pools, definitions and TARGETs as registered; where things run, and how long they took to start."""
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        for command in (POOL, DB, OFF):
            assert (await cluster.run(command)).status == 0
        cluster.executors["ctr2"].service(ResourceName("db")).took_s["start"] = 0.05
        await cluster.run("crsctl start resource db -n ctr2")

        intent = await exported(cluster)

        view = cluster.nodes["ctr1"].mirror.view
    assert intent.servers == intent.cluster.voters == ("ctr1", "ctr2", "ctr3")
    assert (intent.pools, intent.types, intent.definitions) == (view.pools, view.types, view.definitions)
    assert intent.targets == view.targets
    assert intent.targets[ResourceName("db")].target is Target.ONLINE
    assert intent.runs_on == {"db": "ctr2"}
    assert 0.05 <= intent.start_s[ResourceName("db")] < 1.0


async def test_a_witness_is_exported_as_one() -> None:
    """A drill must not give it anything."""
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        mirror = cluster.nodes["ctr1"].mirror
        record = replace(mirror.view.servers[ServerName("ctr3")], witness=True)
        assert await mirror.commit({keys.server("ctr3"): record}, decided_on=mirror.view) is not None

        assert (await exported(cluster)).witnesses == ("ctr3",)


async def test_a_new_cluster_can_be_exported() -> None:
    """It has its network and nothing else; `--json` puts it on one line."""
    async with running("ctr1") as cluster:
        assert list((await exported(cluster)).definitions) == ["ora.net1.network"]
        assert "\n" not in (await cluster.run("understudy cluster export --json")).text


def test_of_several_starts_the_slowest_counts() -> None:
    """Stops are not starts, and a start whose time is not known does not count."""
    told = [("a", START_DONE, 100.0), ("a", START_DONE, 250.0), ("a", STOP_DONE, 900.0), ("b", START_DONE, None), (None, START_DONE, 1.0)]
    events = [
        Event(wall=0.0, server=ServerName("ctr1"), kind=kind, resource=None if name is None else ResourceName(name), ms=ms)
        for name, kind, ms in told
    ]

    assert slowest_starts(events) == {"a": 0.25}


@pytest.mark.parametrize(
    ("endpoints", "where"),
    [
        (("10.0.0.250:7400",), None),
        (("10.0.0.2:7400",), "ctr2"),
        (("10.0.0.2:7400", "10.1.0.2:7400"), "ctr2"),
        (("10.0.0.2:7400", "10.0.0.250:7400"), None),
        (("[fd00::2]:7400",), "ctr2"),
        (("127.0.0.1:7400",), "ctr1"),
        (("registry.example.com:7400",), None),
    ],
)
def test_a_registry_on_one_of_the_servers_is_noticed(endpoints: tuple[str, ...], where: str | None) -> None:
    """It would be lost with that server. With an address elsewhere it can be reached without it."""
    servers = (
        ServerSettings(name="ctr1", addresses=("10.0.0.1",)),
        ServerSettings(name="ctr2", addresses=("10.0.0.2", "10.1.0.2", "fd00::2")),
    )

    assert registry_on(Settings(cluster="test", server="ctr1", servers=servers, voters=("ctr1",), registry=endpoints)) == where


async def drill(folder: Path, *words: str) -> tuple[int, str, str]:
    """`understudy simulate --live` as a process of its own; status, output, errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "bin/understudy"),
        *("simulate", "--live", "--losses", "1", *words),
        env={"UNDERSTUDY_RUN_DIR": str(folder), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_drill_of_the_running_cluster_changes_nothing(tmp_path: Path) -> None:
    """It is asked once, through the socket."""
    async with running("ctr1", "ctr2", "ctr3") as cluster, listening(application(cluster.services("ctr1")), str(tmp_path / "api.sock")):
        for command in (POOL, DB):
            await cluster.run(command)
        await cluster.run("crsctl start resource db -n ctr2")
        before = await exported(cluster)

        status, out, err = await drill(tmp_path, "--json")

        assert (status, err) == (0, "")
        db = json.loads(out)["resources"][0]
        assert (db["resource"], db["runs_on"], db["second_homes"], db["start"]) == ("db", "ctr2", ["ctr1"], "seen")
        assert await exported(cluster) == before


async def test_a_drill_without_a_daemon_says_so(tmp_path: Path) -> None:
    """As every command does."""
    status, out, err = await drill(tmp_path)

    assert (status, out) == (1, "CRS-4639: Could not contact Oracle High Availability Services\n")
    assert "is understudyd running" in err
