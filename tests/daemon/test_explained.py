"""In every state `understudy explain` says what `crsctl stat res -v` shows; and what it advises works, typed as it stands there."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest

from daemon.cluster import Cluster, request, running
from understudy.cli.options import Usage
from understudy.model.names import ResourceName, ServerName
from understudy.model.reasons import Reason, Why
from understudy.policy.sentences import _REMEDIES, remedy
from understudy.sim.loop import VirtualLoop

ADD = 'crsctl add resource {0} -type cluster_resource -attr "ACTION_SCRIPT=/{0},CHECK_INTERVAL=5,RESTART_ATTEMPTS=1{1}"'
ON_1_2 = ",PLACEMENT=restricted,HOSTING_MEMBERS=ctr1 ctr2"
_COMMAND = re.compile(r"(?:on (?P<place>\w+): )?(?P<command>(?:crsctl|understudy) (?:\"[^\"]*\"|[^\";,()\n])+)")
_ENDS = re.compile(r" (?:moves it|-> .*|takes .*)$")
StoryTold = Callable[[Cluster], Awaitable[None]]


def commands_in(text: str) -> list[tuple[str | None, str]]:
    """Every command that a text advises, and the server on which it is to be typed."""
    return [(found["place"], _ENDS.sub("", found["command"].strip())) for found in _COMMAND.finditer(text)]


def told(story: StoryTold) -> None:
    """A story of three servers, in virtual time."""

    async def whole() -> None:
        async with running("ctr1", "ctr2", "ctr3") as cluster:
            await story(cluster)

    VirtualLoop().run_until_complete(whole())  # type: ignore[abstract]


async def well(cluster: Cluster, *commands: str) -> None:
    """Each command is done."""
    for command in commands:
        lines = await cluster.run(command)
        assert lines.status == 0, (command, lines.text)


async def explained(cluster: Cluster, name: str) -> str:
    """What is explained, once all is at rest; it is what is shown."""
    await asyncio.sleep(3.0)  # of virtual time
    text, shown = (await cluster.run(f"understudy explain {name}")).text, (await cluster.run(f"crsctl stat res {name} -v")).text
    values = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    internal = "" if values["INTERNAL_STATE"] == "STABLE" else values["INTERNAL_STATE"]
    state = ", ".join(part for part in (values["STATE"], internal, values["STATE_DETAILS"]) if part)
    assert text.splitlines()[0] == f"{name}: TARGET {values['TARGET']}, {state}"
    return text


async def advised(cluster: Cluster, text: str, *, word: str = "") -> None:
    """Each command that is advised is typed, where it is to be typed; `word`: only those with it. There is one."""
    found = [(place, command) for place, command in commands_in(text) if word in command]
    assert found, text
    for place, command in found:
        lines = await cluster.run(command, on=place)
        assert lines.status == 0, (command, lines.text)


def runs(cluster: Cluster, server: str, name: str, *, alive: bool = True) -> None:
    """Somebody starts it there by hand."""
    cluster.executors[server].service(ResourceName(name)).alive = alive
    cluster.executors[server].wake(ResourceName(name))


def test_found_running() -> None:
    """Nobody has wanted it: it is left alone, and the advice takes it over, or stops it."""

    async def story(cluster: Cluster) -> None:
        runs(cluster, "ctr2", "db")
        await well(cluster, ADD.format("db", ""))
        text = await explained(cluster, "db")
        assert "db: TARGET OFFLINE, ONLINE on ctr2" in text
        assert "it was found running, and is left alone" in text
        await advised(cluster, text, word="stop resource")
        assert "db: TARGET OFFLINE, OFFLINE" in await explained(cluster, "db")

    told(story)


def test_running_twice() -> None:
    """Both copies are shown by both commands, and stopped by what is advised."""

    async def story(cluster: Cluster) -> None:
        for server in ("ctr1", "ctr2"):
            runs(cluster, server, "db")
        await well(cluster, ADD.format("db", ""))
        text = await explained(cluster, "db")
        assert "ALSO RUNS ON ctr2" in text
        await advised(cluster, text, word="stop resource")
        assert "db: TARGET OFFLINE, OFFLINE" in await explained(cluster, "db")
        assert not any(cluster.executors[server].service(ResourceName("db")).alive for server in cluster.servers)

    told(story)


def test_failing_where_it_is_assigned() -> None:
    """On every candidate: why, and what it printed."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", ON_1_2), "crsctl start resource db")
        for server in cluster.servers:
            service = cluster.executors[server].service(ResourceName("db"))
            service.fails["start"], service.says["start"] = 1, ("no room",)
        cluster.executors["ctr1"].die(ResourceName("db"))
        await asyncio.sleep(30.0)  # of virtual time
        text = await explained(cluster, "db")
        assert "waits for the next try on" in text
        assert "no room" in text
        await advised(cluster, text, word="HOSTING_MEMBERS")
        assert "ctr3  refused" not in await explained(cluster, "db")

    told(story)


def test_held_up_by_an_address_outside_its_pool() -> None:
    """The address runs where the service may not: what is advised moves it, and both run."""

    async def story(cluster: Cluster) -> None:
        pool = 'crsctl add serverpool app_sp -attr "SERVER_NAMES=ctr1 ctr2,PARENT_POOLS=Generic"'
        needs = ",PLACEMENT=restricted,SERVER_POOLS=app_sp,START_DEPENDENCIES=hard(vip),STOP_DEPENDENCIES=hard(vip)"
        await well(cluster, pool, ADD.format("vip", ""), "crsctl start resource vip -n ctr3", ADD.format("app", needs))
        text = await explained(cluster, "app")
        assert "in the way: vip, which must be on the same server, runs on ctr3" in text
        await advised(cluster, text, word="start resource app -f")
        assert "app: TARGET ONLINE, ONLINE on ctr1" in await explained(cluster, "app")

    told(story)


def test_waiting() -> None:
    """For what it needs: it is said what that waits for, and what is advised brings both up."""

    async def story(cluster: Cluster) -> None:
        needs = ",START_DEPENDENCIES=hard(global:base)"
        await well(cluster, ADD.format("base", ""), ADD.format("app", needs), "crsctl start resource app", "crsctl stop resource base -f")
        for server in cluster.servers:
            cluster.executors[server].die(ResourceName("app"))
        text = await explained(cluster, "app")
        assert "waits for 'base' to be ONLINE" in text
        await advised(cluster, text, word="start resource base")
        assert "app: TARGET ONLINE, ONLINE on" in await explained(cluster, "app")

    told(story)


def test_disabled() -> None:
    """As long as it runs that is said; what is advised makes it a candidate again."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", ""), "crsctl start resource db -n ctr1", "crsctl modify resource db -attr ENABLED=0")
        text = await explained(cluster, "db")
        assert "NOT CHECKED (ENABLED=0)" in text.splitlines()[0]
        await advised(cluster, text, word="ENABLED=1")
        assert "NOT CHECKED" not in await explained(cluster, "db")

    told(story)


def test_refused_by_placement_and_use() -> None:
    """A server that is not named, one that is not used, one in no pool."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("db", ON_1_2))
        await advised(cluster, await explained(cluster, "db"), word="modify resource db")
        assert "refused" not in await explained(cluster, "db")
        await cluster.run("crsctl set resource use 0", on="ctr3")
        await advised(cluster, await explained(cluster, "db"), word="resource use")
        assert "refused" not in await explained(cluster, "db")
        await well(cluster, 'crsctl add serverpool sp -attr "SERVER_NAMES=ctr1,PARENT_POOLS=Generic"')
        await well(cluster, ADD.format("web", ",PLACEMENT=restricted,SERVER_POOLS=sp"))
        await advised(cluster, (await explained(cluster, "web")).split("ctr3")[0], word="serverpool")
        assert "ctr2  admitted" in await explained(cluster, "web")

    told(story)


def test_refused_by_what_runs_or_does_not_run_there() -> None:
    """Where something that excludes it runs; where nothing of a type runs, or the network is stopped, or has no instance."""

    async def story(cluster: Cluster) -> None:
        await well(cluster, ADD.format("red", ""), ADD.format("blue", ",START_DEPENDENCIES=exclusion(red)"), "crsctl start resource red")
        await advised(cluster, await explained(cluster, "blue"), word="stop resource red")
        assert "refused" not in await explained(cluster, "blue")
        await well(
            cluster, 'crsctl add resource agent -type local_resource -attr "ACTION_SCRIPT=/agent"', "crsctl start resource agent -n ctr1"
        )
        await well(cluster, ADD.format("user", ",START_DEPENDENCIES=hard(agent)"))
        await advised(cluster, await explained(cluster, "user"), word="start resource agent")
        assert "refused" not in await explained(cluster, "user")
        await well(cluster, 'crsctl add serverpool sp -attr "SERVER_NAMES=ctr1 ctr2,PARENT_POOLS=Generic"')
        await well(cluster, "crsctl modify resource agent -attr SERVER_POOLS=sp -f")
        await advised(cluster, await explained(cluster, "user"), word="sp")
        assert "refused" not in await explained(cluster, "user")

    told(story)


@pytest.mark.parametrize("why", _REMEDIES)
def test_no_advice_leaves_anything_open(why: Why) -> None:
    """Every command in every remedy is a whole one, with a name, that the command line understands."""
    text = remedy(Reason(why, ("red", "blue", "green")), ServerName("ctr1"), ResourceName("db"))
    assert "..." not in text
    for _, command in commands_in(text):
        try:
            _, body = request(command)
        except (Usage, KeyError) as error:
            raise AssertionError(f"{command}: {error}") from None
        assert body.get("names"), command
