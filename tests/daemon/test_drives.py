"""What commands that start and stop say beside their scenarios: who holds up whom (-i), and the voters as crsctl lists voting files."""

import asyncio

from daemon.cluster import running
from understudy.model.names import ResourceName
from understudy.sim.loop import VirtualLoop

SERVERS = ("ctr1", "ctr2", "ctr3")


def test_with_i_a_command_waits_for_nobody() -> None:
    """It is refused at once, and says what is under way, by whose command; without -i it waits."""

    async def story() -> None:
        async with running(*SERVERS) as cluster:
            await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/db,SERVER_POOLS=*"')
            for executor in cluster.executors.values():
                executor.service(ResourceName("db")).took_s["start"] = 5.0
            starting = asyncio.ensure_future(cluster.run("crsctl start resource db -n ctr2", on="ctr3"))
            await asyncio.sleep(2.0)  # of virtual time: it has begun

            refused = await cluster.run("crsctl stop resource db -i")

            assert refused.status == 1
            assert refused.text == (
                "UND-0600: 'db' is being worked on, and with -i no command waits: it waits for its start on ctr2 to end\n"
                "CRS-2682: It is locked by 'root' for command 'Resource Start : db' issued from 'ctr3'\n"
                "CRS-4000: Command Stop failed, or completed with errors."
            )
            assert (await starting).status == 0
            assert (await cluster.run("crsctl stop resource db -i")).status == 0

    VirtualLoop().run_until_complete(story())  # type: ignore[abstract]


def test_voters_are_listed_as_voting_files() -> None:
    """Each with its state, its incarnation and the voter set."""

    async def story() -> None:
        async with running(*SERVERS) as cluster:
            done = await cluster.run("crsctl query css votedisk")

            assert done.text.split("\n")[2:] == [
                " 1. ONLINE   00000000000000000000000000000001 (ctr1) [voter set 1]",
                " 2. ONLINE   00000000000000000000000000000002 (ctr2) [voter set 1]",
                " 3. ONLINE   00000000000000000000000000000003 (ctr3) [voter set 1]",
                "Located 3 voting disk(s).",
            ]

    VirtualLoop().run_until_complete(story())  # type: ignore[abstract]
