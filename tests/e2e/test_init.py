"""From bare servers to a cluster, in a lab: `init` on the first, `join` on the others, a real etcd on the voters; then bad luck as ever."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.audited import audited, name_of_a_lab
from e2e.harness import Cluster, Trio
from e2e.watched import WatchedCluster
from understudy.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long]

NETWORK = ("--network", "1=10.10.10.0/24,eth1", "--pause-tolerance", "0.5")


@pytest.fixture(params=["plain", "systemd"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WatchedCluster]:
    """Servers without settings and keys, whose services begin when they are configured."""
    lab = Lab(name_of_a_lab("ini"), pause_tolerance=0.5, bare=True, init=request.param)
    with audited(lab, WatchedCluster, request, tmp_path) as cluster:
        yield cluster


def servers(*numbers: int) -> list[str]:
    """The options that name them."""
    return [word for number in numbers for word in ("--server", f"ctr{number}=10.10.20.{number},10.10.10.{number}")]


def token_in(text: str) -> str:
    """The token that a command printed."""
    found = re.search(r"^  understudy cluster join (\S+)$", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


def join(cluster: Cluster, server: str, token: str) -> str:
    """What the command says."""
    return cluster.run("understudy", "cluster", "join", token, on=server)


def test_bare_servers_become_a_cluster_that_survives_a_power_loss(cluster: WatchedCluster, trio: Trio) -> None:
    """Every command as an operator types it; the first server joins again by itself when its power is back."""
    said = cluster.run("understudy", "cluster", "init", "prod", *servers(1, 2, 3, 4), *NETWORK, on="ctr1")
    assert "1 of 3 voters is there (ctr1) and 2 are needed: ctr2 or ctr3 has to join" in said

    first = token_in(said)
    assert "Nothing was changed." in cluster.run("understudy", "cluster", "join", first, "--dry-run", on="ctr2")
    assert not cluster.lab.host_path("ctr2", "/etc/understudy/understudy.toml").exists()
    assert "ctr2 is ONLINE in cluster prod" in join(cluster, "ctr2", first)
    used = cluster.lab.exec("ctr3", ["understudy", "cluster", "join", first], check=False)
    assert (used.returncode, "it was used already" in used.stderr) == (1, True)
    assert "ctr3 is ONLINE" in join(cluster, "ctr3", token_in(cluster.run("understudy", "cluster", "token", on="ctr2")))
    assert "ctr4 is ONLINE" in join(cluster, "ctr4", token_in(cluster.run("understudy", "cluster", "token", on="ctr3")))
    refused = cluster.lab.exec("ctr4", ["understudy", "cluster", "token"], check=False)
    assert "UND-0278: The key of the cluster's authority is not on this server; run this command on ctr1 or ctr2 or ctr3" in refused.stderr
    for server in cluster.lab.servers:
        cluster.run("understudy", "cluster", "check", on=server)
    other = cluster.lab.exec("ctr1", ["understudy", "cluster", "init", "prod", *servers(1, 2, 3), *NETWORK], check=False)
    assert "UND-0273: This server is configured already, and otherwise than asked for" in other.stderr
    assert "[servers] is ctr1=10.10.20.1,10.10.10.1, ctr2=" in other.stderr

    cluster.run("rm", "/etc/understudy/keys/server.pem", on="ctr3")
    assert cluster.lab.exec("ctr3", ["understudy", "cluster", "check"], check=False).returncode == 1
    join(cluster, "ctr3", token_in(cluster.run("understudy", "cluster", "token", on="ctr1")))
    cluster.run("understudy", "cluster", "check", on="ctr3")

    trio.run(on="ctr1")
    cluster.lab.crash("ctr1")
    assert trio.follows(within_s=30) == "ctr2"
    cluster.lab.boot("ctr1")
    cluster.lab.ready(60)
    assert "ctr1 is ONLINE" in cluster.run("understudy", "cluster", "init", "prod", *servers(1, 2, 3, 4), *NETWORK, on="ctr1")


def test_one_server_is_a_cluster(cluster: WatchedCluster) -> None:
    """It is its own voter, with an etcd of one member."""
    said = cluster.run("understudy", "cluster", "init", "small", *servers(4), *NETWORK, on="ctr4")
    assert "ctr4 is ONLINE in cluster small" in said
    assert "understudy cluster join" not in said
    cluster.run("crsctl", "add", "resource", "db", "-type", "cluster_resource", "-attr", "ACTION_SCRIPT=/bin/true", on="ctr4")
