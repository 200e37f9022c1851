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


@pytest.fixture
def engine() -> str:
    """See the module."""
    return "etcd"


def key_on(cluster: Cluster, server: str) -> str:
    """What the key file of a server says."""
    return cluster.run("cat", KEY, on=server)


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
