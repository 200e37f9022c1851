"""The acts of the demo, one by one, with a real database and a client that writes a row every 20 ms."""

import time

import pytest

from e2e.harness import Cluster
from e2e.watched import WatchedCluster
from understudy.demo import acts
from understudy.demo.traffic import Traffic

pytestmark = pytest.mark.lab


@pytest.fixture
def traffic(cluster: WatchedCluster) -> Traffic:
    """The guide's MySQL trio on ctr1, watched, and rows that flow into it."""
    cluster.watch(acts.ADDRESS, acts.TRIO)
    acts.register(cluster.lab, lambda text: None)
    traffic = Traffic(cluster.lab, acts.ADDRESS)
    cluster.watching.callback(traffic.close)
    traffic.await_flow(time.monotonic(), 60)
    return traffic


def strike(cluster: Cluster, act: str) -> None:
    """One act's blow."""
    match act:
        case "kill":
            cluster.kill("mysqld", on="ctr1")
        case "crash":
            cluster.lab.crash("ctr1")
        case "cut":
            cluster.lab.cut("ctr1")
        case "relocate":
            cluster.run("crsctl", "relocate", "resource", "mysqld", "-n", "ctr2", "-f")


@pytest.mark.parametrize(
    ("act", "home"),
    [
        pytest.param("kill", "ctr1", marks=pytest.mark.long),
        ("crash", "ctr2"),
        pytest.param("cut", "ctr2", marks=pytest.mark.long),
        pytest.param("relocate", "ctr2", marks=pytest.mark.long),
    ],
)
def test_act_of_the_demo_loses_no_row(cluster: Cluster, traffic: Traffic, act: str, home: str) -> None:
    """Whatever strikes the active server, rows flow again by themselves, and every acknowledged one is there."""
    struck = time.monotonic()
    strike(cluster, act)
    traffic.await_flow(struck, 60)
    cluster.runs(*acts.TRIO, on=home)
    assert traffic.acknowledged(struck, time.monotonic())
    assert traffic.finish() == set()


@pytest.mark.long
def test_frozen_server_keeps_its_database_locked_until_the_thaw(cluster: Cluster, traffic: Traffic) -> None:
    """The address has moved on, the frozen database still holds the lock on its files: rows flow again after the thaw, and none is lost."""
    frozen = cluster.lab.freeze("ctr1")
    cluster.runs("mysqlVIP", "mysql-data", on="ctr2")
    assert cluster.status("mysqld").state == "OFFLINE"
    assert not traffic.acknowledged(frozen + cluster.limits.lease_s, time.monotonic())
    thawed = time.monotonic()
    cluster.thaw("ctr1")
    traffic.await_flow(thawed, 120)
    cluster.runs(*acts.TRIO, on="ctr2")
    assert traffic.finish() == set()
