"""A new kind of resource is two modules and a row in each catalogue: commands, lanes, executor and guard know what to do with it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.cluster import running
from guard.hosts import ROOT, GuardHost, Hosts, hosts
from kinds import toy_agent, toy_kind
from support import wait_for, wait_until
from understudy.agents.catalogue import AGENTS
from understudy.daemon.execlink import ExecutorLink
from understudy.daemon.requests import action_request, site_of
from understudy.holdings.holding import MountHolding
from understudy.holdings.listing import KillList, read_kill_list
from understudy.kinds.catalogue import KINDS
from understudy.kinds.observed import Observed
from understudy.linux.mounts import cut_off, is_mounted
from understudy.model.names import ResourceName, TypeName
from understudy.model.profile import resolve
from understudy.model.view import Definition
from understudy.ports import ActionName, ActionOutcome

SCRATCH = ResourceName("scratch")
EXECUTOR = f"""
import sys
sys.path[:0] = {[str(ROOT / "src"), str(ROOT / "tests")]}
from kinds import toy_agent, toy_kind
from understudy.agents.catalogue import AGENTS
from understudy.executor.main import main
from understudy.kinds.catalogue import KINDS
KINDS["scratch"], AGENTS["scratch"] = toy_kind.KIND, toy_agent.AGENT
sys.exit(main(["--config", sys.argv[1]]))
"""
"""The command, with the rows."""


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row in each catalogue."""
    monkeypatch.setitem(KINDS, "scratch", toy_kind.KIND)
    monkeypatch.setitem(AGENTS, "scratch", toy_agent.AGENT)


async def test_commands_and_lanes_drive_it() -> None:
    """Registered, started, found again after it was lost, moved, stopped: as any other."""
    async with running("ctr1", "ctr2") as cluster:
        refused = await cluster.run("crsctl add resource scratch -type toy.scratch.type")
        assert "USR_POINT" in refused.text
        assert (await cluster.run('crsctl add resource scratch -type toy.scratch.type -attr "USR_POINT=/srv/scratch"')).status == 0
        assert (await cluster.run("crsctl start resource scratch -n ctr1")).status == 0
        executor = cluster.executors["ctr1"]
        executor.die(SCRATCH)
        await wait_until(lambda: executor.service(SCRATCH).alive, 5, "it was started again")
        assert (await cluster.run("crsctl relocate resource scratch -n ctr2")).status == 0
        assert (await cluster.run("crsctl stop resource scratch")).status == 0
        assert {action for _, name, action, _ in executor.done if name == SCRATCH} >= {"start", "stop", "check"}


async def test_its_type_is_listed_with_the_attributes_of_its_own() -> None:
    """`crsctl stat type`, with -p, with --json, and in order of names among the others."""
    async with running("ctr1") as cluster:
        listed = (await cluster.run("crsctl stat type")).text
        assert [line for line in listed.splitlines() if "toy" in line] == ["TYPE_NAME=toy.scratch.type"]
        names = [line for line in listed.splitlines() if line.startswith("TYPE_NAME=")]
        assert names == sorted(names)
        profile = (await cluster.run("crsctl stat type toy.scratch.type -p")).text
        assert "BASE_TYPE=cluster_resource" in profile
        assert "USR_POINT=" in profile
        assert '"toy.scratch.type"' in (await cluster.run("crsctl stat type --json")).text


@pytest.mark.lab
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces and mounts")
def test_the_executor_and_a_lapse_end_it(servers: Hosts, tmp_path: Path) -> None:
    """Named before it is there, cut off by the last rung, and by a lapse."""
    host, point = servers[1], tmp_path / "point"
    point.mkdir()
    host.run([sys.executable, "-c", EXECUTOR, str(host.config)], subprocess.DEVNULL, host.guards)
    try:
        asyncio.run(_through_the_executor(host, point))
        with (point / "open").open("w"):
            host.cut()
            wait_for(lambda: not is_mounted(str(point)), 3, "the lapse has cut it off")
    finally:
        cut_off(str(point))


async def _through_the_executor(host: GuardHost, point: Path) -> None:
    """Started, ended by force although it is in use, and started again."""
    client = ExecutorLink(host.run_dir / "exec.sock", parent=host.resources)
    assert (await _act(client, "start", point)).observed is Observed.DONE
    assert read_kill_list(str(host.run_dir), KillList(cgroup="")).held == {"scratch": (MountHolding(str(point)),)}
    assert (await _act(client, "check", point)).observed is Observed.ONLINE
    with (point / "open").open("w"):
        assert await client.kill(SCRATCH)
    assert (await _act(client, "check", point)).observed is Observed.OFFLINE
    assert (await _act(client, "start", point)).observed is Observed.DONE
    await client.close()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Hosts]:
    with hosts(tmp_path) as made:
        made.start()
        yield made


async def _act(client: ExecutorLink, action: ActionName, point: Path) -> ActionOutcome:
    given = {"USR_POINT": str(point)}
    resource = resolve(Definition(name=SCRATCH, type=TypeName("toy.scratch.type"), uid="toy", attributes=given), {})
    return await client.run(action_request(resource, action, epoch=1, incarnation=None, site=site_of({}, ())))
