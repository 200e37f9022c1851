"""All servers leave at one command: it sees the end of all of them before its own daemon is ended, and says so."""

import asyncio

import pytest

from daemon.cluster import Cluster, PrintedLines, running
from support import wait_until
from understudy.model.names import ResourceName
from understudy.sim.loop import VirtualLoop

ADD = "crsctl add resource {} -type cluster_resource -attr 'ACTION_SCRIPT=\"/x\"'"


async def all_leave(cluster: Cluster, command: str, *, on: str) -> tuple[PrintedLines, bool]:
    """What the command printed, and whether it had ended before its daemon was."""
    ends_daemon, ended_before = cluster.guards[on].on_farewell, []

    def farewell() -> None:
        ended_before.append(task.done())
        ends_daemon()

    cluster.guards[on].on_farewell = farewell
    task = asyncio.create_task(cluster.run(command, on=on))
    await wait_until(lambda: bool(ended_before), 120, "the server of the command has left")
    done = await asyncio.wait_for(task, 60)
    return done, ended_before[0]


@pytest.mark.parametrize("on", ["ctr1", "ctr2", "ctr4"])
@pytest.mark.parametrize("force", ["", " -f"])
def test_a_command_that_stops_all_servers_ends_well(on: str, force: str) -> None:
    """Whoever leads, and whether its server votes: nobody is left to write down that the last of them has left, and none waits for that."""

    async def story() -> None:
        async with running("ctr1", "ctr2", "ctr3", "ctr4") as cluster:
            done, ended_before = await all_leave(cluster, f"crsctl stop cluster -all{force}", on=on)
            assert done.status == 0, done.text
            assert ended_before, done.text
            assert done.text.endswith("CRS-4133: Oracle High Availability Services has been stopped.")
            ended = "CRS-2793: Shutdown of Oracle High Availability Services-managed resources on '{}' has completed"
            assert all(ended.format(name) in done.text for name in cluster.servers)

    VirtualLoop().run_until_complete(story())  # type: ignore[abstract]


@pytest.mark.parametrize("on", ["ctr1", "ctr4"])
def test_a_server_that_is_done_first_stays_for_the_command_that_follows_the_others(on: str) -> None:
    """ctr3 takes most of a minute to stop; where the command was typed nothing runs, and its vote is not missed by ctr3 either."""

    async def story() -> None:
        async with running("ctr1", "ctr2", "ctr3", "ctr4") as cluster:
            assert (await cluster.run(ADD.format("slow"))).status == 0
            assert (await cluster.run("crsctl start resource slow -n ctr3")).status == 0
            cluster.executors["ctr3"].service(ResourceName("slow")).took_s["stop"] = 50.0
            done, ended_before = await all_leave(cluster, "crsctl stop cluster -all", on=on)
            assert done.status == 0, done.text
            assert ended_before, done.text
            assert "CRS-2677: Stop of 'slow' on 'ctr3' succeeded" in done.text
            assert cluster.guards["ctr3"].left, "everything was stopped in order"

    VirtualLoop().run_until_complete(story())  # type: ignore[abstract]


def test_a_server_that_has_to_go_first_says_who_is_still_leaving() -> None:
    """ctr3 takes nearly as long to stop as any server may."""

    async def story() -> None:
        async with running("ctr1", "ctr2", "ctr3", "ctr4") as cluster:
            cluster.own_settings = "leave_within = 20\n"
            await cluster.begin_again("ctr4")
            assert (await cluster.run(ADD.format("slow"))).status == 0
            assert (await cluster.run("crsctl start resource slow -n ctr3")).status == 0
            cluster.executors["ctr3"].service(ResourceName("slow")).took_s["stop"] = 18.0
            done, ended_before = await all_leave(cluster, "crsctl stop cluster -all", on="ctr4")
            assert ended_before, done.text
            assert done.status == 1, done.text
            assert "UND-0510: Server 'ctr4' has stopped everything and goes now; still leaving: 'ctr1', 'ctr2', 'ctr3'." in done.text

    VirtualLoop().run_until_complete(story())  # type: ignore[abstract]
