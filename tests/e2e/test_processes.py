"""A process of the clusterware dies or hangs, one at a time: the users of the service do not notice."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e import service
from e2e.harness import Cluster, Trio
from support import wait_for

pytestmark = pytest.mark.lab


@pytest.fixture
def patient(trio: Trio) -> Trio:
    """The trio on ctr1, asked by a client that fails only after two seconds without an answer."""
    trio.register()
    trio.start("ctr1", patience_s=2.0)
    return trio


@pytest.mark.parametrize("process", ["understudyd", "understudy-exec", "guard"])
def test_kill_of_one_process_is_not_noticed_by_the_client(cluster: Cluster, patient: Trio, process: str) -> None:
    """kill -9 of the daemon, the executor, the guard: same process serves on, same incarnation, and the next failure is handled."""
    before, since = cluster.incarnation("ctr1"), time.monotonic()
    cluster.replaced("ctr1", cluster.strike("ctr1", process))
    cluster.runs(*service.TRIO, on="ctr1", ask="ctr1")
    assert patient.asker.noticed_nothing(since)
    assert cluster.incarnation("ctr1") == before

    killed = time.monotonic()
    cluster.kill(service.SERVICE, on="ctr1")
    patient.asker.served(by="ctr1", since=killed)
    assert {answer.server for answer in patient.asker.during(killed)} == {"ctr1"}


def test_guard_that_hangs_is_replaced_by_its_keeper(cluster: Cluster, patient: Trio) -> None:
    """A guard that is stopped is killed and succeeded under the same incarnation, before its lease ends."""
    before, since = cluster.incarnation("ctr1"), time.monotonic()
    cluster.replaced("ctr1", cluster.strike("ctr1", "guard", signal.SIGSTOP))
    cluster.runs(*service.TRIO, on="ctr1", ask="ctr1")
    assert patient.asker.noticed_nothing(since)
    assert cluster.incarnation("ctr1") == before


def ends(cluster: Cluster, trio: Trio, strike: Callable[[], object]) -> None:
    """What runs on ctr1 ends by the blow; its server joins as a new incarnation, and the service runs again, there or elsewhere."""
    before, ran = cluster.incarnation("ctr1"), cluster.processes("ctr1", service.SERVICE)
    strike()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in ran), 30, "what ran has ended")
    cluster.rejoins("ctr1", after=before)
    home = trio.follows()
    if home != "ctr1":
        cluster.empty("ctr1")


def test_death_of_the_keeper_stops_everything_on_its_server_at_once(cluster: Cluster, trio: Trio) -> None:
    """Without a keeper nobody could stop what runs, so it stops now."""
    trio.run(on="ctr1")
    ends(cluster, trio, lambda: cluster.strike("ctr1", "keeper"))


@pytest.mark.long
def test_kill_of_everything_of_the_clusterware_at_once(cluster: Cluster, trio: Trio) -> None:
    """Daemon, executor and keeper killed in one blow: what ran is ended by who clears up after them."""

    def strike() -> None:
        for process in ("keeper", "understudyd", "understudy-exec"):
            cluster.strike("ctr1", process)

    trio.run(on="ctr1")
    ends(cluster, trio, strike)


@pytest.mark.long
def test_server_whose_daemon_hangs_can_be_evicted(cluster: Cluster, trio: Trio) -> None:
    """The guard of a hung daemon still renews, so nobody misses the server; evicted, it stops all it runs and rejoins by itself."""
    trio.run(on="ctr1")
    cluster.strike("ctr1", "understudyd", signal.SIGSTOP)
    ends(cluster, trio, lambda: cluster.run("understudy", "server", "evict", "ctr1"))
