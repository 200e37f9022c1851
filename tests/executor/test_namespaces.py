"""Network namespaces that a resource declares are a holding: named before the start, in the way of a release, removed if all else fails."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from executor.rig import RealRig, have_root, real_rig
from routers import Routers, network_of, routers
from understudy.executor.held import why_not
from understudy.holdings.holding import NamespaceHolding
from understudy.kinds.observed import Observed
from understudy.linux.namespaces import named
from understudy.model.names import ResourceName
from understudy.ports import ActionName, ActionOutcome, ActionRequest

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")]

AGENT = ResourceName("l3")
FORGETFUL = """#!/bin/sh
# the namespaces of an agent, which its stop forgets
case $1 in
start) cp {run_dir}/kill-list.json {folder}/seen; touch {folder}/up ;;
stop) rm -f {folder}/up ;;
check) [ -e {folder}/up ] ;;
esac
"""


@pytest.fixture
def made() -> Iterator[Routers]:
    with routers(2) as found:
        yield found


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[RealRig]:
    if not have_root():
        pytest.skip("needs root")
    with real_rig(tmp_path) as rig:
        rig.script = rig.write_script("l3.scr", FORGETFUL.format(run_dir=rig.run_dir, folder=tmp_path))
        await rig.client.start()
        yield rig
        await rig.client.close()


async def act(rig: RealRig, action: ActionName, patterns: str) -> ActionOutcome:
    parameters = {"script": rig.script, "network_namespaces": patterns}
    request = ActionRequest(resource=AGENT, action=action, agent="script", parameters=parameters, timeout_s=10.0)
    return await asyncio.wait_for(rig.executor.run(request), 25)


def patterns_on_the_list(path: Path) -> list[str]:
    return [row["pattern"] for row in json.loads(path.read_text())["holdings"] if row["sort"] == "namespace"]


async def test_namespaces_that_a_script_leaves_are_in_the_way_and_are_removed(real: RealRig, made: Routers, tmp_path: Path) -> None:
    assert (await act(real, "start", f"{made.pattern} other-*")).observed is Observed.DONE
    assert patterns_on_the_list(tmp_path / "seen") == [made.pattern, "other-*"], "written before the start"
    assert (await act(real, "stop", f"{made.pattern} other-*")).observed is Observed.DONE
    assert patterns_on_the_list(real.run_dir / "kill-list.json") == [made.pattern]
    assert not await real.executor.empty(AGENT), "its script said yes, and they are still there"
    assert AGENT in await real.executor.running()
    assert await real.executor.kill(AGENT)
    assert named(NamespaceHolding(made.pattern).names) == []
    assert [name for name in made.names if made.answers(name)] == []
    assert await real.executor.empty(AGENT)
    assert patterns_on_the_list(real.run_dir / "kill-list.json") == []


async def test_what_was_started_by_a_version_that_listed_less_is_listed_at_its_next_check(real: RealRig, made: Routers) -> None:
    (real.run_dir.parent / "up").touch()
    assert (await act(real, "check", f"{made.pattern} other-*")).observed is Observed.ONLINE
    assert patterns_on_the_list(real.run_dir / "kill-list.json") == [made.pattern]


def test_a_start_may_not_claim_this_servers_own_network(made: Routers) -> None:
    """A lapse would leave it alone, whatever the list says; but then the list would lie."""
    with network_of(made.names[0]):
        why = why_not([NamespaceHolding(made.pattern)], ())
    assert f"the network namespace {made.names[0]} is this server's own" in why
    assert why_not([NamespaceHolding(made.pattern)], ()) == ""
