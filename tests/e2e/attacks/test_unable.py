"""Servers that hold a lease and cannot act, because one of their processes or their way to the registry is gone."""

import signal
import time

import pytest

from e2e import service
from e2e.attacks.harness import AttackedCluster
from e2e.harness import Trio
from support import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.long]

SHOWN_S = 15.0
"""Within this a server that cannot act is shown as such (a few seconds on an idle machine)."""
MOVED_S = 60.0
"""Within this it loses what another could take: ten seconds, and the eviction."""
REGISTRY = "10.10.20.250/32"


def shown(cluster: AttackedCluster, server: str) -> bool:
    """Whether commands elsewhere say of a server that it cannot act."""
    said = [cluster.run("crsctl", *words, check=False) for words in (("check", "cluster", "-all"), ("stat", "server", server, "-f"))]
    return any("cannot act" in line for line in said)


@pytest.mark.parametrize("how", ["daemon away", "registry blocked"])
def test_standby_that_cannot_act_is_given_nothing(cluster: AttackedCluster, how: str) -> None:
    """Of two standbys the first cannot act when the owner loses its power: the other gets the service."""
    cluster.watch_aux("aux")
    cluster.aux("aux", "ctr1", "ctr2", "ctr3")
    if how == "daemon away":
        cluster.stop_service("ctr2", "understudyd")
    else:
        cluster.run("ip", "route", "add", "blackhole", REGISTRY, on="ctr2")
    wait_for(lambda: shown(cluster, "ctr2"), SHOWN_S, "ctr2 is shown as one that cannot act")
    cluster.lab.crash("ctr1")
    cluster.runs("aux", on="ctr3")
    if how == "daemon away":
        cluster.start_service("ctr2", "understudyd")
    else:
        cluster.run("ip", "route", "del", "blackhole", REGISTRY, on="ctr2")
    cluster.lab.ready(60, ["ctr2"])
    wait_for(lambda: not shown(cluster, "ctr2"), SHOWN_S, "ctr2 can act again")
    cluster.runs("aux", on="ctr3")


@pytest.mark.parametrize("process", ["understudy-exec", "understudyd"])
def test_owner_that_cannot_act_loses_what_it_holds(cluster: AttackedCluster, trio: Trio, process: str) -> None:
    """Executor or daemon of the owner hangs, then the service dies: it is served again, elsewhere, and nobody was asked."""
    trio.run(on="ctr1")
    cluster.strike("ctr1", process, signal.SIGSTOP)
    killed = time.monotonic()
    cluster.kill(service.SERVICE, on="ctr1")
    trio.asker.served(by="ctr2", within_s=MOVED_S, since=killed)
    trio.follows(to="ctr2", within_s=MOVED_S)


def test_owner_without_its_daemon_is_moved_off(cluster: AttackedCluster, trio: Trio) -> None:
    """The daemon of the owner does not come back: what another server can take is taken."""
    trio.run(on="ctr1")
    cluster.stop_service("ctr1", "understudyd")
    trio.asker.served(by="ctr2", within_s=MOVED_S)
    cluster.start_service("ctr1", "understudyd")
    cluster.lab.ready(60, ["ctr1"])
    cluster.runs(*service.TRIO, on="ctr2")


def test_new_daemon_restarts_without_the_registry(cluster: AttackedCluster, trio: Trio) -> None:
    """The registry is away and the owner's daemon begins anew: what dies here is restarted here, by what was kept on disk."""
    trio.run(on="ctr1")
    wait_for(lambda: cluster.run("cat", "/var/lib/understudy/held.json", on="ctr1", check=False), SHOWN_S, "what is held is kept on disk")
    cluster.lab.registry_stop()
    cluster.strike("ctr1", "understudyd", signal.SIGKILL)
    wait_for(lambda: "4638" in cluster.run("crsctl", "check", "has", on="ctr1", check=False), SHOWN_S, "another daemon answers")
    killed = time.monotonic()
    cluster.kill(service.SERVICE, on="ctr1")
    trio.asker.served(by="ctr1", within_s=MOVED_S, since=killed)
    cluster.lab.registry_start()
    cluster.registry_answers()
    cluster.runs(*service.TRIO, on="ctr1")


def test_registry_away_for_all_evicts_nobody(cluster: AttackedCluster, trio: Trio) -> None:
    """Nobody can reach the registry for longer than an eviction takes: nothing moves, neither meanwhile nor when it is back."""
    trio.run(on="ctr1")
    before, since = cluster.incarnation("ctr1"), time.monotonic()
    cluster.lab.registry_stop()
    cluster.passes(25.0)
    cluster.lab.registry_start()
    trio.asker.served_for(35.0, since)
    assert cluster.incarnation("ctr1") == before


@pytest.fixture
def pause_tolerance(request: pytest.FixtureRequest) -> float:
    """So long for the farewell that silence could not be meant."""
    return 5.0 if "farewell" in request.node.name else 0.5


def test_farewell_of_an_evicted_life_is_believed(cluster: AttackedCluster, trio: Trio) -> None:
    """An evicted server has stopped everything and says so: its successor need not wait for silence."""
    trio.run(on="ctr1")
    evicted = time.monotonic()
    cluster.run("understudy", "server", "evict", "ctr1")
    moved = trio.asker.served(by="ctr2", since=evicted)
    assert moved.at - evicted < 0.6 * cluster.limits.silent_after_s
    trio.follows(to="ctr2")
