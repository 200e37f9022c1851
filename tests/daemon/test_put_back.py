"""What a failed start puts back, and what it leaves: TARGETs that others rely on, or that were reported to a caller, stay."""

from dataclasses import replace

from daemon.cluster import Cluster, PrintedLines, running
from understudy.daemon.verbs import start as start_verb
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.restart import start_again
from understudy.daemon.verbs.stop import stop
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import Target

SERVERS = ("ctr1", "ctr2", "ctr3")


def target(cluster: Cluster, name: str) -> Target:
    """As the registry says."""
    return cluster.nodes["ctr1"].mirror.view.target(ResourceName(name))


def fails(cluster: Cluster, name: str, *servers: str) -> None:
    """Its start fails there."""
    for server in servers:
        cluster.executors[server].service(ResourceName(name)).fails["start"] = 1


async def added(cluster: Cluster, *definitions: str) -> None:
    """Resources of which each is given as `name attributes`."""
    for definition in definitions:
        name, _, attributes = definition.partition(" ")
        done = await cluster.run(f"crsctl add resource {name} -type {attributes}")
        assert done.status == 0, done.text


async def test_a_local_resource_stays_wanted_where_it_came_up() -> None:
    """It runs on two servers of three: that is left, and the third goes on trying."""
    async with running(*SERVERS) as cluster:
        await added(cluster, "agent local_resource -attr ACTION_SCRIPT=/agent")
        fails(cluster, "agent", "ctr2")

        done = await cluster.run("crsctl start resource agent")

        assert done.status == 1
        assert target(cluster, "agent") is Target.ONLINE


async def test_a_local_resource_that_came_up_nowhere_is_not_wanted() -> None:
    """Nothing is left changed."""
    async with running(*SERVERS) as cluster:
        await added(cluster, "agent local_resource -attr ACTION_SCRIPT=/agent")
        fails(cluster, "agent", *SERVERS)

        done = await cluster.run("crsctl start resource agent")

        assert done.status == 1
        assert "UND-0157" in done.text
        assert target(cluster, "agent") is Target.OFFLINE


async def test_what_somebody_else_wants_meanwhile_stays() -> None:
    """Another command began to rely on the dependency while the start went wrong."""
    async with running(*SERVERS) as cluster:
        await added(
            cluster,
            "data cluster_resource -attr ACTION_SCRIPT=/data,SERVER_POOLS=*",
            "app cluster_resource -attr ACTION_SCRIPT=/app,SERVER_POOLS=*,START_DEPENDENCIES=hard(global:data)",
            "web cluster_resource -attr ACTION_SCRIPT=/web,SERVER_POOLS=*,START_DEPENDENCIES=hard(global:data)",
        )
        fails(cluster, "app", *SERVERS)

        done = await cluster.run("crsctl start resource app web")

        assert done.status == 1
        assert target(cluster, "app") is Target.OFFLINE
        assert target(cluster, "data") is Target.ONLINE
        assert target(cluster, "web") is Target.ONLINE


async def test_what_ran_before_is_not_stopped() -> None:
    """Found running by hand, taken over by a start that then failed: it goes on running."""
    async with running(*SERVERS) as cluster:
        cluster.executors["ctr1"].service(ResourceName("data")).alive = True
        await added(
            cluster,
            "data cluster_resource -attr ACTION_SCRIPT=/data,SERVER_POOLS=*",
            "app cluster_resource -attr ACTION_SCRIPT=/app,SERVER_POOLS=*,START_DEPENDENCIES=hard(global:data)",
        )
        node = cluster.nodes["ctr1"]
        while not node.mirror.view.reports.get(ResourceName("data")):
            await node.mirror.wait(node.mirror.view.revision, 1.0)
        fails(cluster, "app", *SERVERS)

        done = await cluster.run("crsctl start resource app")

        assert done.status == 1
        assert target(cluster, "data") is Target.ONLINE
        assert cluster.executors["ctr1"].service(ResourceName("data")).alive


async def test_what_a_detached_caller_asked_for_stays_wanted() -> None:
    """Ctrl-C said so."""
    async with running(*SERVERS) as cluster:
        await added(cluster, "app cluster_resource -attr ACTION_SCRIPT=/app,SERVER_POOLS=*")
        fails(cluster, "app", *SERVERS)
        world = replace(cluster.world(PrintedLines(), "ctr1"), detached=lambda: True)

        status = await start_verb.run(world, Arguments({"names": ["app"]}))

        assert status == 1
        assert target(cluster, "app") is Target.ONLINE


async def test_a_restart_whose_start_is_refused_leaves_nothing_down() -> None:
    """It may not start where it ran any more: it was wanted before, and is wanted still."""
    async with running(*SERVERS) as cluster:
        await added(cluster, "app cluster_resource -attr ACTION_SCRIPT=/app,PLACEMENT=restricted,HOSTING_MEMBERS=ctr1")
        assert (await cluster.run("crsctl start resource app")).status == 0
        world = cluster.world(PrintedLines(), "ctr1")
        assert await stop(world, (ResourceName("app"),), force=False)

        well = await start_again(world, {ResourceName("app"): ServerName("ctr2")})

        assert not well
        assert target(cluster, "app") is Target.ONLINE


async def test_a_stop_that_fails_within_a_restart_leaves_nothing_down() -> None:
    """What it stood under was stopped first: it is brought back."""
    async with running(*SERVERS) as cluster:
        hard = "START_DEPENDENCIES=hard(data),STOP_DEPENDENCIES=hard(data)"
        await added(
            cluster,
            "data cluster_resource -attr ACTION_SCRIPT=/data,SERVER_POOLS=*",
            f"app cluster_resource -attr ACTION_SCRIPT=/app,SERVER_POOLS=*,{hard}",
        )
        assert (await cluster.run("crsctl start resource app -n ctr1")).status == 0
        service = cluster.executors["ctr1"].service(ResourceName("data"))
        service.fails |= {"stop": 1, "clean": 1}
        service.undying = True

        done = await cluster.run("crsctl restart resource data -f")

        assert done.status == 1
        assert "UND-0155" in done.text
        assert target(cluster, "app") is Target.ONLINE
        assert target(cluster, "data") is Target.ONLINE


async def test_what_could_not_be_ended_is_not_forgotten() -> None:
    """delete -f of an UNKNOWN resource tries once more, says where something is left, and forgets it once the way is clear."""
    async with running(*SERVERS) as cluster:
        await added(cluster, "db cluster_resource -attr ACTION_SCRIPT=/db,SERVER_POOLS=*")
        assert (await cluster.run("crsctl start resource db -n ctr1")).status == 0
        service = cluster.executors["ctr1"].service(ResourceName("db"))
        service.fails |= {"stop": 1, "clean": 1}
        service.undying = True

        refused = await cluster.run("crsctl delete resource db -f")
        service.fails.clear()
        service.undying = False
        done = await cluster.run("crsctl delete resource db -f")

        assert "UND-0029: Resource 'db' cannot be deleted as it is UNKNOWN on 'ctr1' (stop, clean and kill were tried" in refused.text
        assert "None" not in refused.text
        assert done.status == 0, done.text
        assert ResourceName("db") not in cluster.nodes["ctr1"].mirror.view.resources


async def test_a_start_on_a_server_that_fails_leaves_the_network_stopped_too() -> None:
    """What it stands on was started for it first, and is put back with it."""
    async with running(*SERVERS) as cluster:
        assert (await cluster.run("crsctl stop resource ora.net1.network")).status == 0
        hard = "START_DEPENDENCIES=hard(ora.net1.network)"
        await added(cluster, f"app cluster_resource -attr ACTION_SCRIPT=/app,PLACEMENT=restricted,HOSTING_MEMBERS=ctr1,{hard}")
        fails(cluster, "app", "ctr1")

        refused = await cluster.run("crsctl start resource app -n ctr2")
        failed = await cluster.run("crsctl start resource app -n ctr1")

        assert "CRS-2549" in refused.text
        assert "CRS-2674: Start of 'app' on 'ctr1' failed" in failed.text
        assert target(cluster, "ora.net1.network") is Target.OFFLINE
        assert target(cluster, "app") is Target.OFFLINE


async def test_one_that_nobody_can_take_keeps_nobody_else_from_starting() -> None:
    """Of many it is said which, and why."""
    async with running(*SERVERS) as cluster:
        await added(
            cluster,
            "base cluster_resource -attr ACTION_SCRIPT=/base,PLACEMENT=restricted,HOSTING_MEMBERS=ctr1",
            "lost cluster_resource -f -attr ACTION_SCRIPT=/l,PLACEMENT=restricted,HOSTING_MEMBERS=ctr2,START_DEPENDENCIES=hard(base)",
            "web cluster_resource -attr ACTION_SCRIPT=/web,SERVER_POOLS=*",
        )

        done = await cluster.run("crsctl start resource -all")

        assert done.status == 1
        assert "CRS-2632: There are no more servers to try to place resource 'lost'" in done.text
        assert "CRS-2676: Start of 'web'" in done.text
        assert target(cluster, "lost") is Target.OFFLINE
        assert target(cluster, "base") is target(cluster, "web") is Target.ONLINE
