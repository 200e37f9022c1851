"""The registry in an etcd of three members on the servers themselves, with mutual TLS: stories of power and registry, and its own.

Nothing is a lifeline: a member dies, etcd's leader and the cluster's die together, all members are away.
"""

import time

import pytest

from e2e import service, test_power
from e2e.harness import Cluster, Trio
from support import wait_for
from understudy.lab.plan import REGISTRY_PROCESS
from understudy.registry.engines import PORT

pytestmark = pytest.mark.lab

KEYS = "/etc/understudy/keys"
PROOF = ("--cacert", f"{KEYS}/registry-ca.pem", "--cert", f"{KEYS}/registry.pem", "--key", f"{KEYS}/registry.key")


@pytest.fixture
def engine() -> str:
    """See the module."""
    return "etcd"


def ask(cluster: Cluster, server: str, path: str) -> str:
    """What the member on a server says over HTTP to who has the server's certificate; empty: nothing."""
    if not cluster.lab.is_on(server):
        return ""
    address = cluster.lab.plan.host(server).address("interconnect")
    return cluster.run("curl", "-sf", "-m", "2", *PROOF, f"https://{address}:{PORT}/{path}", on=server, check=False)


def leads(cluster: Cluster, server: str) -> bool:
    """Whether the member on this server is etcd's leader, as its metrics say."""
    return "etcd_server_is_leader 1" in ask(cluster, server, "metrics")


def leader_of(cluster: Cluster) -> str:
    """The server whose member leads etcd."""
    found: list[str] = []

    def one_leads() -> bool:
        found[:] = [server for server in cluster.lab.plan.registry_hosts if leads(cluster, server)]
        return len(found) == 1

    wait_for(one_leads, 30, "etcd has a leader")
    return found[0]


@pytest.mark.long
def test_power_loss_of_the_active_server_and_its_return(cluster: Cluster, trio: Trio) -> None:
    """A member of etcd comes back with it."""
    test_power.test_power_loss_of_the_active_server_and_its_return(cluster, trio)


@pytest.mark.long
def test_cold_start_after_a_power_loss_of_all(cluster: Cluster, trio: Trio) -> None:
    """The members find each other again, and everything comes back by itself."""
    test_power.test_cold_start_after_a_power_loss_of_all(cluster, trio)


@pytest.mark.parametrize("away_s", [5.0, pytest.param(600.0, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_all_members_are_away(cluster: Cluster, trio: Trio, away_s: float) -> None:
    """Nothing stops, and what dies is restarted in place."""
    test_power.test_registry_is_no_lifeline(cluster, trio, "stopped", away_s)


def test_the_active_server_takes_etcds_leader_with_it(cluster: Cluster, trio: Trio) -> None:
    """A power loss of both at once: the others elect one, and the trio starts elsewhere."""
    lost = leader_of(cluster)
    trio.run(on=lost)
    cluster.lab.crash(lost)
    assert trio.follows(within_s=15) != lost
    assert leader_of(cluster) != lost


@pytest.mark.parametrize("server", ["ctr1", pytest.param("ctr2", marks=pytest.mark.long), pytest.param("ctr3", marks=pytest.mark.long)])
def test_a_member_is_killed(cluster: Cluster, trio: Trio, server: str) -> None:
    """Nothing that runs notices, a change is accepted, and the member comes back with what it had."""
    trio.run(on="ctr1")
    before, since = cluster.incarnation("ctr1"), time.monotonic()
    cluster.strike(server, REGISTRY_PROCESS)
    wait_for(lambda: accepts(cluster), 30, "a change is accepted")
    wait_for(lambda: answers(cluster, server), 30, "the member is back")
    trio.asker.served_for(0.0, since)
    assert cluster.incarnation("ctr1") == before


def accepts(cluster: Cluster) -> bool:
    """Whether the cluster takes a change."""
    return not cluster.run("crsctl", "modify", "resource", service.SERVICE, "-attr", "DESCRIPTION=changed", check=False)


def answers(cluster: Cluster, server: str) -> bool:
    """Whether the member on this server has a leader, and answers."""
    return "true" in ask(cluster, server, "health")
