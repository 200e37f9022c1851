"""A planned leave: everything is stopped in order, nothing is killed, and it starts elsewhere."""

import signal

import pytest

from e2e import service
from e2e.harness import Cluster, Trio
from support import wait_for

pytestmark = pytest.mark.lab


def stops(cluster: Cluster, server: str) -> list[str]:
    """What was stopped there, in order; nothing of it by force."""
    assert not cluster.history("killed", "clean-begun", "stop-failed", "left-behind", on=server)
    return [event["resource"] for event in cluster.history("stop-done", on=server)]


def outage(trio: Trio, since: float) -> float:
    """Seconds for which the client was not served, from the last answer of the old server to the first of the new."""
    answers = trio.asker.during(since - 2.0)
    before = [answer for answer in answers if answer.server == "ctr1"]
    after = [answer for answer in answers if answer.server == "ctr2"]
    return after[0].at - before[-1].at


def test_a_server_leaves_at_an_operators_word_and_comes_back(cluster: Cluster, trio: Trio) -> None:
    """Stopped in order, unmounted, started elsewhere; it stays out, and holds nothing when it is back."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    told = cluster.run("understudy", "server", "leave", "ctr1")
    at = trio.asker.served(by="ctr2").at
    assert "CRS-2677: Stop of 'web' on 'ctr1' succeeded" in told
    assert told.rstrip().endswith("CRS-4133: Oracle High Availability Services has been stopped.")
    assert stops(cluster, "ctr1") == [service.SERVICE, service.DATA, service.VIP]
    cluster.empty("ctr1")
    cluster.tells("left", on="ctr1")
    print(f"\n    left: served again after {outage(trio, at):.2f} s")
    assert "STATE=OFFLINE" in cluster.run("crsctl", "stat", "server", "ctr1")
    assert cluster.incarnation("ctr1") == before
    assert "CRS-4123" in cluster.run("understudy", "server", "join", on="ctr1")
    cluster.rejoins("ctr1", after=before)
    cluster.runs(*service.TRIO, on="ctr2")


def test_the_server_itself_stops_its_stack_and_starts_it(cluster: Cluster, trio: Trio) -> None:
    """crsctl stop crs, as administrators know it; the command sees its own end coming."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    told = cluster.run("crsctl", "stop", "crs", on="ctr1")
    assert told.rstrip().endswith("CRS-4133: Oracle High Availability Services has been stopped.")
    trio.follows(to="ctr2")
    assert stops(cluster, "ctr1") == [service.SERVICE, service.DATA, service.VIP]
    assert "CRS-4123" in cluster.run("crsctl", "start", "crs", on="ctr1")  # while its daemon is being begun again
    cluster.rejoins("ctr1", after=before)


@pytest.mark.long
def test_a_signal_to_the_guard_does_the_same(cluster: Cluster, trio: Trio) -> None:
    """As systemd sends it at a shutdown; here the host's init starts the guard again, so the server comes back by itself."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    cluster.strike("ctr1", "keeper", signal.SIGTERM)
    trio.follows(to="ctr2")
    assert stops(cluster, "ctr1") == [service.SERVICE, service.DATA, service.VIP]
    cluster.rejoins("ctr1", after=before)
    cluster.empty("ctr1")


@pytest.mark.long
def test_without_the_registry_it_stops_in_order_all_the_same(cluster: Cluster, trio: Trio) -> None:
    """The farewell is the proof by which another server starts it when the registry is back."""
    trio.run(on="ctr1")
    cluster.lab.registry_stop()
    away = '"registry_reachable": false'
    wait_for(lambda: away in cluster.run("understudy", "cluster", "status", "--json", on="ctr1", check=False), 30, "it is away")
    told = cluster.run("understudy", "server", "leave", on="ctr1")
    assert "UND-0070" in told
    cluster.empty("ctr1")
    cluster.lab.registry_start()
    trio.follows(to="ctr2")
    assert not cluster.history("left-behind")
