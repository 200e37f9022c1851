"""The registry in an etcd of three members on the servers themselves, with mutual TLS: stories of power and registry, and its own.

Nothing is a lifeline: a member dies or is slow, etcd's leader and the cluster's die together, members are parted, all are away.
"""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import service, test_power
from e2e.harness import SOON_S, Cluster, Trio
from support import wait_for
from understudy.lab import members
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
    trio.run(on=lost, pool=("ctr1", "ctr2", "ctr3"))
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


@pytest.mark.long
def test_both_leaders_and_the_service_are_lost_together(cluster: Cluster, trio: Trio) -> None:
    """One server leads the cluster and etcd and runs the trio; its power goes. The others elect, prove, and start it."""
    trio.run(on="ctr1", pool=("ctr1", "ctr2", "ctr3"))
    lost = gathered(cluster)
    cluster.onlooker = next(server for server in online(cluster) if server != lost)
    cluster.lab.crash(lost)
    assert trio.follows(within_s=15) != lost
    others = set(cluster.lab.servers) - {lost}
    wait_for(lambda: status_of(cluster)["leader"] in others, SOON_S, "another server leads the cluster")


@pytest.mark.long
@pytest.mark.parametrize("which", ["etcd's leader", "another"])
def test_a_member_with_a_slow_disk(cluster: Cluster, trio: Trio, which: str) -> None:
    """A member that is away for 300 ms again and again, as one whose disk takes that long: nothing stops, nobody is evicted, changes are
    accepted, and what dies is restarted."""
    trio.run(on="ctr1")
    before, since = cluster.incarnation("ctr1"), time.monotonic()
    leader = members.leader(cluster.lab)
    slow = leader if which == "etcd's leader" else next(host for host in cluster.lab.plan.registry_hosts if host != leader)
    with in_bursts(*cluster.lab.service_pids(slow, REGISTRY_PROCESS)):
        trio.asker.served_for(20.0, since)
        wait_for(lambda: accepts(cluster), SOON_S, "a change is accepted")
        cluster.kill(service.SERVICE, on="ctr1")
        trio.asker.served(by="ctr1")
    wait_for(lambda: answers(cluster, slow), SOON_S, "the member is as it was")
    assert cluster.incarnation("ctr1") == before
    assert not cluster.history("evicted", "lost")


@pytest.mark.long
def test_etcds_leader_is_parted_from_the_two_others(cluster: Cluster, trio: Trio) -> None:
    """Its server keeps its lease, for leases use all networks, and says that it reaches no registry; the two go on. Nothing moves, then or
    afterwards, and what was changed meanwhile is known everywhere."""
    members.lead_from(cluster.lab, "ctr3")
    trio.run(on="ctr1")
    before, since = {server: cluster.incarnation(server) for server in ("ctr1", "ctr3")}, time.monotonic()
    given = len(cluster.history("assigned"))
    cluster.lab.cut("ctr3", networks=["interconnect"])
    wait_for(lambda: accepts(cluster, "parted"), SOON_S, "the two accept a change")
    assert leader_among(cluster, "ctr1", "ctr2")
    cluster.says("UND-0068", on="ctr3")
    shown = cluster.run("crsctl", "stat", "res", "-t", on="ctr3")
    assert "UND-0068: The registry does not answer: for " in shown
    assert cluster.lab.exec("ctr3", ["crsctl", "stop", "resource", service.SERVICE], check=False).returncode != 0
    cluster.lab.heal("ctr3", networks=["interconnect"])
    wait_for(lambda: "DESCRIPTION=parted" in cluster.run("crsctl", "stat", "res", service.SERVICE, "-p", on="ctr3"), SOON_S, "it is known")
    trio.asker.served_for(2.0, time.monotonic())
    assert trio.asker.noticed_nothing(since)
    assert {server: cluster.incarnation(server) for server in before} == before
    assert len(cluster.history("assigned")) == given


@pytest.mark.long
@pytest.mark.parametrize("order", [("ctr4", "ctr3", "ctr2", "ctr1"), ("ctr2", "ctr4", "ctr1", "ctr3"), ("ctr1", "ctr2", "ctr3", "ctr4")])
def test_servers_are_switched_on_in_any_order(cluster: Cluster, trio: Trio, order: tuple[str, ...]) -> None:
    """After a power loss of all: nothing runs until two of three voters are on; then everything that was wanted does."""
    trio.run(on="ctr1", pool=cluster.lab.servers)
    for server in cluster.lab.servers:
        cluster.lab.crash(server)
    voters: set[str] = set()
    since, cluster.onlooker = time.monotonic(), order[0]
    for server in order:
        cluster.lab.boot(server)
        voters |= {server} & {"ctr1", "ctr2", "ctr3"}
        if len(voters) < 2:
            cluster.says("UND-0140", on=server)
            assert not trio.asker.during(since)
        elif len(voters) == 2:
            trio.follows(within_s=60)
    cluster.lab.ready(60)
    cluster.runs(*service.TRIO, on=str(cluster.status(service.SERVICE).server))


@contextlib.contextmanager
def in_bursts(*pids: int, away_s: float = 0.3, there_s: float = 0.1) -> Iterator[None]:
    """These processes are paused again and again meanwhile."""
    over = threading.Event()

    def pause_and_resume() -> None:
        while not over.wait(there_s):
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            over.wait(away_s)
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=pause_and_resume)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def gathered(cluster: Cluster) -> str:
    """Bring etcd's leadership and the trio to the voter that leads the cluster, as often as it takes; its name."""
    cluster.onlooker = "ctr1"
    for _ in range(5):
        leader = leader_now(cluster)
        if leader not in cluster.lab.plan.registry_hosts:
            cluster.run("understudy", "server", "leave", leader)
            continue
        members.lead_from(cluster.lab, leader)
        if cluster.status(service.SERVICE).server != leader:
            cluster.run("crsctl", "relocate", "resource", service.SERVICE, "-n", leader, "-f")
        if leader_now(cluster) == leader and leads(cluster, leader):
            return leader
    raise AssertionError("who leads changes by itself all the time")


def leader_now(cluster: Cluster) -> str:
    """Who leads the cluster, as soon as one does."""
    wait_for(lambda: status_of(cluster)["leader"] in cluster.lab.servers, SOON_S, "a server leads the cluster")
    return str(status_of(cluster)["leader"])


def status_of(cluster: Cluster) -> dict[str, Any]:
    """What `understudy cluster status` says."""
    found: dict[str, Any] = json.loads(cluster.run("understudy", "cluster", "status", "--json", check=False).splitlines()[0])
    return found


def online(cluster: Cluster) -> list[str]:
    """The servers that take part."""
    return [str(server) for server in status_of(cluster)["servers_online"]]


def leader_among(cluster: Cluster, *servers: str) -> bool:
    """Whether one of these members leads etcd."""
    return any(leads(cluster, server) for server in servers)


def accepts(cluster: Cluster, word: str = "changed") -> bool:
    """Whether the cluster takes a change."""
    return not cluster.run("crsctl", "modify", "resource", service.SERVICE, "-attr", f"DESCRIPTION={word}", check=False)


def answers(cluster: Cluster, server: str) -> bool:
    """Whether the member on this server has a leader, and answers."""
    return "true" in ask(cluster, server, "health")
