"""What is shown is made once: text, `--json` and HTTP say the same."""

import json
from pathlib import Path

import pytest

from daemon.cluster import Cluster, running
from daemon.test_api import ask, served

PAIRS = (
    ("/v1/resources", "crsctl stat resource -v"),
    ("/v1/servers", "understudy server list"),
    ("/v1/serverpools", "crsctl stat serverpool"),
    ("/v1/types", "crsctl stat type"),
    ("/v1/cluster", "understudy cluster status"),
    ("/v1/intent", "understudy cluster export"),
    ("/v1/explain/db", "understudy explain db"),
)
MOVES = {"age_s", "for_s", "heard_s", "revision", "next_look_s"}
"""What is another a moment later."""


async def prepared(cluster: Cluster) -> None:
    """A resource that runs."""
    await cluster.run('crsctl add serverpool sp -attr "SERVER_NAMES=ctr1"')
    await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/x,PLACEMENT=restricted,SERVER_POOLS=sp"')
    assert (await cluster.run("crsctl start resource db")).status == 0


def still(value: object) -> object:
    """Without what moves by itself."""
    if isinstance(value, dict):
        return {key: still(part) for key, part in value.items() if key not in MOVES}
    return [still(part) for part in value] if isinstance(value, list) else value


async def test_http_answers_what_json_says(tmp_path: Path) -> None:
    """For every path that is read."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        await prepared(cluster)
        for target, command in PAIRS:
            status, text = await ask(path, "GET", target)
            printed = await cluster.run(f"{command} --json")

            assert status == 200
            assert still(json.loads(text)) == still(json.loads(printed.text)), target


@pytest.mark.parametrize(("target", "command"), [("/v1/history?last=3&resource=db", "understudy history db -n 3")])
async def test_http_answers_the_history_that_json_says(tmp_path: Path, target: str, command: str) -> None:
    """The last events, oldest first."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        await prepared(cluster)
        _, text = await ask(path, "GET", target)
        printed = await cluster.run(f"{command} --json")

    assert json.loads(text)["events"] == [json.loads(line) for line in printed.text.splitlines()]
    assert len(json.loads(text)["events"]) == 3


async def test_what_text_says_is_in_the_json(tmp_path: Path) -> None:
    """Every cell of the list of servers, every field of a resource's block."""
    async with running("ctr1") as cluster:
        await prepared(cluster)
        rows = json.loads((await cluster.run("understudy server list --json")).text)["servers"]
        table = (await cluster.run("understudy server list")).text
        (resource,) = json.loads((await cluster.run("crsctl stat resource db -v --json")).text)["resources"]
        block = dict(line.split("=", 1) for line in (await cluster.run("crsctl stat resource db -v")).text.splitlines())

    assert all(str(cell) in table for row in rows for key, cell in row.items() if key != "lease")
    assert (block["NAME"], block["STATE"]) == (resource["name"], f"{resource['state']} on {resource['server']}")
    assert block["RESTART_COUNT"] == str(resource["restart_count"])


async def test_nothing_is_answered_before_the_registry_was_read(tmp_path: Path) -> None:
    """A refusal, not a View that is empty."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        cluster.nodes["ctr1"].mirror.read_once = False

        status, text = await ask(path, "GET", "/v1/cluster")

    assert status == 503
    assert json.loads(text)["error"].startswith("CRS-4535")
