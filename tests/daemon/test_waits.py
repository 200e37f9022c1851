"""What a command says while it waits, and when others act meanwhile: in virtual time, so that a pen that is late is late every time."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from daemon.cluster import Cluster, running
from understudy.model.names import ResourceName
from understudy.model.view import View
from understudy.registry import keys
from understudy.sim.loop import VirtualLoop

ADD = 'crsctl add resource {} -type cluster_resource -attr "ACTION_SCRIPT=/{},PLACEMENT=restricted,HOSTING_MEMBERS=ctr1 ctr2{}"'


def told(story: Callable[[Cluster], Awaitable[None]]) -> None:
    """The story, to its end."""

    async def whole() -> None:
        async with running("ctr1", "ctr2", "ctr3") as cluster:
            await story(cluster)

    loop = VirtualLoop()  # type: ignore[abstract]
    loop.run_until_complete(whole())
    loop.close()


async def well(cluster: Cluster, *commands: str) -> None:
    """Commands that are not what the story is about."""
    for command in commands:
        lines = await cluster.run(command)
        assert lines.status == 0, (command, lines.text)


def slow_pen(cluster: Cluster, server: str, by_s: float) -> None:
    """This server's history is written so much later than its reports."""
    mirror = cluster.nodes[server].mirror
    commit = mirror.commit

    async def late(writes: Mapping[str, Any], *, decided_on: View, unchanged: Iterable[str] = ()) -> int | None:
        if writes and all(key.startswith(keys.HISTORY) for key in writes):
            await asyncio.sleep(by_s)
            decided_on = mirror.view  # lines of the history rest on nothing
        return await commit(writes, decided_on=decided_on, unchanged=unchanged)

    mirror.commit = late  # type: ignore[method-assign]


def test_every_server_has_its_lines_of_a_local_resource() -> None:
    """Each server writes its own history: the last lines are waited for, whoever is late with them."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, 'crsctl add resource agent -type local_resource -attr "ACTION_SCRIPT=/agent"')
        slow_pen(cluster, "ctr3", 1.0)
        started = await cluster.run("crsctl start resource agent")
        stopped = await cluster.run("crsctl stop resource agent")
        for server in cluster.servers:
            assert f"CRS-2676: Start of 'agent' on '{server}' succeeded" in started.text, started.text
            assert f"CRS-2677: Stop of 'agent' on '{server}' succeeded" in stopped.text, stopped.text

    told(story)


def test_a_stop_while_a_start_is_under_way_is_said_to_both() -> None:
    """The start does not end without a word, and the stop is what counts."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", "db", ""))
        cluster.executors["ctr1"].service(ResourceName("db")).took_s["start"] = 8.0
        starting = asyncio.ensure_future(cluster.run("crsctl start resource db -n ctr1"))
        await asyncio.sleep(3.0)
        stopped = await cluster.run("crsctl stop resource db", on="ctr2")
        started = await starting
        assert stopped.status == 0, stopped.text
        assert "CRS-2677: Stop of 'db' on 'ctr1' succeeded" in stopped.text
        assert started.status == 1
        assert "UND-0163: 'db' is not wanted any more: its TARGET was set OFFLINE meanwhile, by root@ctr2." in started.text, started.text
        assert "STATE=OFFLINE" in (await cluster.run("crsctl stat resource db")).text

    told(story)


def test_a_start_while_a_stop_is_under_way_is_said_to_both() -> None:
    """And the start is what counts."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", "db", ""), "crsctl start resource db -n ctr1")
        cluster.executors["ctr1"].service(ResourceName("db")).took_s["stop"] = 8.0
        stopping = asyncio.ensure_future(cluster.run("crsctl stop resource db"))
        await asyncio.sleep(3.0)
        started = await cluster.run("crsctl start resource db -n ctr1", on="ctr2")
        stopped = await stopping
        assert started.status == 0, started.text
        assert stopped.status == 1
        assert "UND-0164: 'db' is wanted again: its TARGET was set ONLINE meanwhile, by root@ctr2." in stopped.text, stopped.text
        assert "STATE=ONLINE on ctr1" in (await cluster.run("crsctl stat resource db")).text

    told(story)


def test_two_starts_at_once_both_succeed() -> None:
    """Whoever comes second follows what the first has begun."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", "db", ""))
        cluster.executors["ctr1"].service(ResourceName("db")).took_s["start"] = 3.0
        first, second = await asyncio.gather(
            cluster.run("crsctl start resource db -n ctr1"), cluster.run("crsctl start resource db", on="ctr3")
        )
        assert (first.status, second.status) == (0, 0), first.text + second.text

    told(story)


def test_what_goes_away_meanwhile_is_still_wanted() -> None:
    """Ctrl-C: the verb's task ends, what it asked for goes on."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", "db", ""))
        cluster.executors["ctr1"].service(ResourceName("db")).took_s["start"] = 5.0
        starting = asyncio.ensure_future(cluster.run("crsctl start resource db -n ctr1"))
        await asyncio.sleep(2.0)
        starting.cancel()
        await asyncio.sleep(5.0)
        assert "STATE=ONLINE on ctr1" in (await cluster.run("crsctl stat resource db")).text

    told(story)


def test_a_start_on_something_intermediate_says_so_and_ends() -> None:
    """hard(B) waits for B to be ONLINE; what is said is what explain says, and it comes up by itself when B is whole again."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", "db", ",CHECK_INTERVAL=5"), ADD.format("app", "app", ",START_DEPENDENCIES=hard(db)"))
        await well(cluster, "crsctl start resource db -n ctr1")
        cluster.executors["ctr1"].service(ResourceName("db")).partly = True
        await asyncio.sleep(6.0)
        began = asyncio.get_running_loop().time()
        lines = await cluster.run("crsctl start resource app")
        why = "'db' to be ONLINE on ctr1: it is INTERMEDIATE on ctr1; hard(intermediate:db) would be satisfied by that"
        assert lines.status == 1
        assert f"UND-0160: 'app' waits for {why}" in lines.text, lines.text
        assert asyncio.get_running_loop().time() - began < 20.0
        assert f"waits for {why}" in (await cluster.run("understudy explain app")).text
        cluster.executors["ctr1"].service(ResourceName("db")).partly = False
        await asyncio.sleep(6.0)
        assert "STATE=ONLINE on ctr1" in (await cluster.run("crsctl stat resource app")).text

    told(story)


def test_a_restart_of_what_could_not_start_again_stops_nothing() -> None:
    """A restart is no stop: with -f it is done all the same, and said."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", "db", ",CHECK_INTERVAL=5"), ADD.format("app", "app", ",START_DEPENDENCIES=hard(db)"))
        await well(cluster, "crsctl start resource app -n ctr1")
        cluster.executors["ctr1"].service(ResourceName("db")).partly = True
        await asyncio.sleep(6.0)
        refused = await cluster.run("crsctl restart resource app")
        assert "UND-0165: 'app' is not stopped, for it could not start again on 'ctr1': it would wait for 'db'" in refused.text
        assert "STATE=ONLINE on ctr1" in (await cluster.run("crsctl stat resource app")).text

    told(story)


def test_a_disabled_resource_that_has_died_is_not_shown_as_online() -> None:
    """It is not restarted either; and as long as it runs, `explain` says that it is not checked."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", "db", ""), "crsctl start resource db -n ctr1", "crsctl modify resource db -attr ENABLED=0")
        assert "NOT CHECKED (ENABLED=0)" in (await cluster.run("understudy explain db")).text
        cluster.executors["ctr1"].die(ResourceName("db"))
        await asyncio.sleep(1.0)
        assert "STATE=OFFLINE" in (await cluster.run("crsctl stat resource db")).text
        assert (await cluster.run("understudy explain db")).text.startswith("db: TARGET ONLINE, OFFLINE")

    told(story)


def test_explain_says_when_the_lane_tries_again() -> None:
    """What failed everywhere is tried again where it is: the server that was asked knows in how many seconds."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", "db", "").replace("ctr1 ctr2", "ctr1"))
        await well(cluster, "crsctl start resource db")
        cluster.executors["ctr1"].service(ResourceName("db")).fails["start"] = 1
        cluster.executors["ctr1"].die(ResourceName("db"))
        await asyncio.sleep(20.0)  # of virtual time
        here, there = await cluster.run("understudy explain db"), await cluster.run("understudy explain db", on="ctr2")
        assert re.search(r"^  next step on ctr1: tried again later, in \d+ s$", here.text, re.MULTILINE), here.text
        assert "next step on" not in there.text, "ctr2 has nothing to do about it"

    told(story)


def test_a_disabled_resource_whose_end_no_event_would_tell_is_not_shown_as_online() -> None:
    """A mount, or a service that has left its control group: only checks would notice, and nobody checks."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", "db", ",CHECK_INTERVAL=1"), "crsctl start resource db -n ctr1")
        service = cluster.executors["ctr1"].service(ResourceName("db"))
        service.astray = True
        await asyncio.sleep(2.0)
        before = (await cluster.run("crsctl stat resource db")).text
        await well(cluster, "crsctl modify resource db -attr ENABLED=0")
        service.alive = False
        await asyncio.sleep(5.0)
        after = (await cluster.run("crsctl stat resource db -v")).text
        assert "STATE=ONLINE on ctr1" in before
        assert "STATE=UNKNOWN on ctr1" in after
        assert "STATE_DETAILS=WAS ONLINE,NOT CHECKED (ENABLED=0)" in after
        assert (await cluster.run("understudy explain db")).text.startswith("db: TARGET ONLINE, UNKNOWN on ctr1")

    told(story)
