"""Keys of a cluster that lives, in a lab on etcd: the guards get a new one while a client asks the trio, and a server that was away gets it
from the registry, sealed."""

import time

import pytest

from e2e import service
from e2e.harness import SOON_S, Cluster, Trio
from support import wait_for
from understudy.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long]

KEY = "/etc/understudy/keys/guard.key"
WRITTEN_S = 60.0
"""Within this etcd serves again, an era begins, every server has said what it has, the leader writes: ten seconds on an idle machine."""
MEMBER, COPY = "/var/lib/understudy/etcd", "/root/etcd.copy"


@pytest.fixture
def engine() -> str:
    """See the module."""
    return "etcd"


def key_on(cluster: Cluster, server: str) -> str:
    """What the key file of a server says."""
    return cluster.run("cat", KEY, on=server)


def copy_members(cluster: Cluster) -> None:
    """What each member of etcd has on its disk now."""
    at_each_member(cluster, f"rm -rf {COPY}; cp -a {MEMBER} {COPY}")


def set_members_back(cluster: Cluster) -> None:
    """To that, under running servers."""
    at_each_member(cluster, f"rm -rf {MEMBER}; cp -a {COPY} {MEMBER}")


def at_each_member(cluster: Cluster, command: str) -> None:
    """While all are stopped."""
    cluster.lab.registry_stop()
    for server in cluster.lab.plan.registry_hosts:
        cluster.run("sh", "-c", command, on=server)
    cluster.lab.registry_start()


def test_the_guards_get_a_new_key_while_everything_runs(cluster: Cluster, trio: Trio) -> None:
    """Nobody notices; ctr3, which was off, joins with the new key by itself; the old one is nowhere any more."""
    lab: Lab = cluster.lab
    trio.run(on="ctr1")
    old = key_on(cluster, "ctr2")
    before = {server: cluster.incarnation(server) for server in ("ctr1", "ctr2", "ctr4")}
    lab.crash("ctr3")
    cluster.tells("fenced", on="ctr3")
    since = time.monotonic()

    said = cluster.run("understudy", "cluster", "rotate-keys", on="ctr2")

    assert "UND-0367: The guards of all servers that are there use key" in said
    assert "UND-0368: Not there: ctr3." in said
    keys = {key_on(cluster, server) for server in before}
    assert len(keys) == 1
    assert old not in keys
    assert trio.asker.noticed_nothing(since)
    assert {server: cluster.incarnation(server) for server in before} == before
    cluster.runs(*service.TRIO, on="ctr1")

    lab.boot("ctr3")
    wait_for(lambda: key_on(cluster, "ctr3") in keys, SOON_S, "ctr3 has the new key")
    lab.ready(SOON_S, ["ctr3"])
    assert cluster.run("grep", "-rl", old.strip(), "/etc/understudy", "/var/lib/understudy", on="ctr3", check=False) == ""


def test_a_guard_that_begins_in_the_middle_goes_on_with_both(cluster: Cluster, trio: Trio) -> None:
    """Guard, keeper and daemon end one after the other between two exchanges: each successor has the key that counts."""
    trio.run(on="ctr1")
    for process in ("guard", "understudyd"):
        cluster.run("understudy", "cluster", "rotate-keys", on="ctr1")
        before = cluster.incarnation("ctr2")
        cluster.replaced("ctr2", cluster.strike("ctr2", process))
        assert cluster.incarnation("ctr2") == before
    cluster.lab.crash("ctr1")
    assert trio.follows(within_s=30) == "ctr2"


def test_an_older_registry_brings_no_key_back(cluster: Cluster, trio: Trio) -> None:
    """The registry is set back to between two exchanges of the key, while ctr4 is off: nobody takes the key of then again, no lease ends,
    and ctr4, which has missed the second, joins with the key of now."""
    trio.run(on="ctr1")
    cluster.run("understudy", "cluster", "rotate-keys", on="ctr1")
    between = key_on(cluster, "ctr1")
    copy_members(cluster)
    cluster.lab.crash("ctr4")
    cluster.run("understudy", "cluster", "rotate-keys", on="ctr1")
    now = key_on(cluster, "ctr1")
    before = {server: cluster.incarnation(server) for server in ("ctr1", "ctr2", "ctr3")}

    set_members_back(cluster)

    lost = "the registry had lost which key is used"
    wait_for(lambda: lost in cluster.run("understudy", "history", on="ctr1", check=False), WRITTEN_S, "it is written down again")
    assert {key_on(cluster, server) for server in before} == {now} != {between}
    assert {server: cluster.incarnation(server) for server in before} == before
    cluster.runs(*service.TRIO, on="ctr1", ask="ctr1")
    cluster.lab.boot("ctr4")
    cluster.lab.ready(SOON_S, ["ctr4"])
    assert key_on(cluster, "ctr4") == now
