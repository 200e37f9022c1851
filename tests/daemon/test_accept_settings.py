"""Other voters, or another pause_tolerance, for a cluster that is stopped; refused for one that runs."""

from dataclasses import replace

from daemon.cluster import Cluster, PrintedLines, running
from understudy.daemon.verbs import accept_settings
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext
from understudy.model.names import ServerName
from understudy.model.view import ClusterRecord

THREE = ("ctr1", "ctr2", "ctr3")


def edited(cluster: Cluster, lines: PrintedLines) -> CommandContext:
    """The World of ctr1 after somebody edited its understudy.toml."""
    world = cluster.world(lines, "ctr1")
    return replace(world, settings=replace(world.settings, pause_tolerance=0.5, voter_set=2))


async def run(cluster: Cluster, *flags: str) -> tuple[int, str]:
    lines = PrintedLines()
    status = await accept_settings.run(edited(cluster, lines), Arguments({"flags": list(flags)} | dict.fromkeys(flags, True)))
    return status, lines.text


def nobody_leads(cluster: Cluster) -> None:
    """As when no guard has a lease: daemons run, and wait."""
    for node in cluster.nodes.values():
        node.guard.held = lambda: False  # type: ignore[method-assign]


def record(cluster: Cluster) -> ClusterRecord:
    made = cluster.nodes["ctr1"].mirror.view.cluster
    assert made is not None
    return made


async def test_settings_of_a_living_cluster_do_not_change() -> None:
    async with running(*THREE) as cluster:
        before = record(cluster)
        status, text = await run(cluster, "force")
        assert status == 1
        assert "is the leader, so the cluster is running. Stop it on every server first" in text
        assert record(cluster) == before


async def test_settings_of_a_cluster_that_is_stopped_are_accepted_once_that_was_said() -> None:
    async with running(*THREE) as cluster:
        nobody_leads(cluster)
        before = record(cluster)
        status, text = await run(cluster)
        assert status == 1
        assert "Is the cluster stopped on every server" in text
        assert record(cluster) == before

        status, text = await run(cluster, "force")
        assert (status, record(cluster)) == (0, replace(before, pause_tolerance=0.5, voter_set=2))
        assert text.startswith("the cluster's settings are now cluster")


async def test_there_may_be_nothing_to_accept() -> None:
    async with running(*THREE) as cluster:
        answer = await cluster.run("understudy cluster accept-settings -f")
        assert answer.status == 0
        assert "nothing to accept" in answer.text
        assert record(cluster).voters == tuple(ServerName(server) for server in THREE)
