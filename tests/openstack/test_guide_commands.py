"""A cluster that is registered with the guide's commands, word for word, is the one that `understudy openstack apply` registers."""

import asyncio
from pathlib import Path

from daemon.cluster import Cluster, running
from openstack.guide import BESIDES, PROFILES, besides, commands
from openstack.test_registry import registrar_of, silent
from openstack.trees import desired_of
from understudy.openstack.core.wanted import WantedResource
from understudy.openstack.kept import FormerStates
from understudy.openstack.work import RunOutcome, register


async def said(cluster: Cluster, command: str) -> str:
    lines = await cluster.run(command)
    assert lines.status == 0, f"{command}: {lines.text}"
    return lines.text


async def profiles(cluster: Cluster) -> list[str]:
    """Every attribute of everything that is registered."""
    return [await said(cluster, command) for command in PROFILES]


async def test_the_guides_commands_give_the_cluster_that_apply_gives(place: Path) -> None:
    """All attributes of resources, pools and types are the same. Besides, apply says what is cut off with a server, in attributes that the
    guide's time did not have; typed as well, they leave no difference."""
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        outcome = RunOutcome()
        with (kept := FormerStates(place / "kept")).held():
            registrar = registrar_of(cluster, asyncio.get_running_loop())
            await asyncio.to_thread(register, desired_of("icehouse"), registrar, kept, silent, outcome)
        assert outcome.left == []
        applied = await profiles(cluster)
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        for command in commands():
            await said(cluster, command)
        typed = await profiles(cluster)
        assert len(applied[0].split("NAME=")) == len(typed[0].split("NAME=")) > 38
        assert typed == [without_besides(text) for text in applied]
        for name, value in besides(applied[0]):
            await said(cluster, f"crsctl modify resource {name} -attr '{value}'")
        assert await profiles(cluster) == applied


def without_besides(text: str) -> str:
    """A profile in which these attributes have no value."""
    lines = (line.partition("=") for line in text.splitlines())
    return "\n".join(f"{key}{equals}{'' if key in BESIDES else value}" for key, equals, value in lines)


def test_what_is_besides_the_guide_is_what_the_catalogue_says() -> None:
    """No attribute of its resources but these is ours."""
    guide = {"ACTION_SCRIPT", "PLACEMENT", "SERVER_POOLS", "CHECK_INTERVAL", "RESTART_ATTEMPTS", "START_DEPENDENCIES", "STOP_DEPENDENCIES"}
    for item in desired_of("icehouse").registered:
        if isinstance(item, WantedResource):
            assert set(item.attributes) <= {*guide, *BESIDES}
