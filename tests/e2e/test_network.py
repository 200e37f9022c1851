"""Cables: cut and healed, in one direction only, one network at a time, with and without the leader behind them."""

import time

import pytest

from e2e import service
from e2e.harness import Cluster, Trio
from support import wait_for
from understudy.lab.lab import CutWay

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("way", [None, pytest.param("in", marks=pytest.mark.long), pytest.param("out", marks=pytest.mark.long)])
def test_cut_of_the_active_server(cluster: Cluster, trio: Trio, way: CutWay | None) -> None:
    """Cut off, wholly or in one direction, a server ends what it runs before another begins it; healed, it joins anew and holds nothing."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    cluster.lab.cut("ctr1", one_way=way)
    trio.follows(to="ctr2")
    cluster.stopped("ctr1")
    healed = cluster.lab.heal("ctr1")
    cluster.rejoins("ctr1", after=before)
    cluster.empty("ctr1")
    trio.asker.served_for(1.0, since=healed)


def test_cut_of_the_interconnect_alone_stops_nothing(cluster: Cluster, trio: Trio) -> None:
    """The guards still reach each other, the registry is out of reach: all runs on, and is restarted in place; later it is reported."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    cut = cluster.lab.cut("ctr1", networks=["interconnect"])
    trio.asker.served_for(3 * cluster.limits.silent_after_s, since=cut)
    cluster.kill(service.SERVICE, on="ctr1")
    trio.asker.served(by="ctr1")
    cluster.lab.heal("ctr1", networks=["interconnect"])
    cluster.tells("failed", resource=service.SERVICE, on="ctr1")
    cluster.runs(*service.TRIO, on="ctr1")
    assert cluster.incarnation("ctr1") == before


@pytest.mark.long
def test_cut_of_the_management_network_alone_moves_nothing_by_itself(cluster: Cluster, trio: Trio) -> None:
    """The link still has its carrier and the guards the interconnect: nothing moves, nothing doubles; an operator may move it."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    cluster.lab.cut("ctr1", networks=["management"])
    trio.asker.unserved()
    cluster.runs(*service.TRIO, on="ctr1")
    cluster.run("crsctl", "relocate", "resource", service.SERVICE, "-f")
    trio.follows(to="ctr2")
    cluster.lab.heal("ctr1", networks=["management"])
    assert cluster.incarnation("ctr1") == before


def test_link_without_carrier_moves_what_needs_the_network(cluster: Cluster, trio: Trio) -> None:
    """The network resource goes OFFLINE where its interface is down, and the trio goes where the network is; nothing else moves it back."""
    trio.run(on="ctr1")
    cluster.run("ip", "link", "set", "eth1", "down", on="ctr1")
    trio.follows(to="ctr2")
    cluster.empty("ctr1")
    cluster.run("ip", "link", "set", "eth1", "up", on="ctr1")
    wait_for(lambda: "ctr1  admitted" in cluster.explain(service.SERVICE), 30, "ctr1 is a candidate again")
    cluster.runs(*service.TRIO, on="ctr2")


def test_cut_of_the_leader_is_not_noticed_by_the_client(cluster: Cluster, trio: Trio) -> None:
    """Who leads is of no concern to what runs; another takes the term and can move things."""
    leader = cluster.leader()
    cluster.onlooker = "ctr3" if leader == "ctr4" else "ctr4"
    home, other = ("ctr2", "ctr1") if leader == "ctr1" else ("ctr1", "ctr2")
    trio.run(on=home)
    cut = cluster.lab.cut(leader)
    wait_for(lambda: cluster.leader() != leader, 30, "another server leads")
    cluster.tells("fenced", on=leader)
    trio.asker.served_for(1.0, since=cut)
    cluster.lab.heal(leader)
    cluster.lab.ready(30, [leader])
    cluster.run("crsctl", "relocate", "resource", service.SERVICE, "-n", other, "-f")
    trio.follows(to=other)


def test_power_loss_of_the_leader_that_is_the_active_server(cluster: Cluster, trio: Trio) -> None:
    """One blow takes the leader and the service: a new leader is there in time to move it."""
    leader = cluster.leader()
    cluster.onlooker = "ctr3" if leader == "ctr4" else "ctr4"
    trio.run(on=leader, pool=cluster.lab.servers)
    cluster.lab.crash(leader)
    crashed = time.monotonic()
    assert trio.follows() != leader
    assert cluster.leader() != leader
    cluster.lab.boot(leader)
    cluster.lab.ready(30, [leader])
    assert leader not in {answer.server for answer in trio.asker.during(crashed)}


@pytest.mark.long
def test_without_a_majority_of_voters_everything_stops_until_it_is_back(cluster: Cluster, trio: Trio) -> None:
    """Two of three voters cut off: nobody may run anything, for nobody can know; healed, all comes back by itself."""
    trio.run(on="ctr1")
    for server in ("ctr2", "ctr3"):
        cluster.lab.cut(server)
    trio.asker.unserved()
    cluster.stopped("ctr1")
    for server in ("ctr2", "ctr3"):
        cluster.lab.heal(server)
    cluster.lab.ready(60)
    trio.follows(within_s=60)
