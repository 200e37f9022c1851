"""`understudy openstack` on one server of a real cluster does them all, through their daemons: no key for ssh, no second command."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.audited import audited, name_of_a_lab
from e2e.harness import Cluster
from e2e.test_openstack import FILES, SITE
from e2e.watched import WatchedCluster
from understudy.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long]

INIT = ("--server", "ctr1=10.10.20.1,10.10.10.1", "--server", "ctr2=10.10.20.2,10.10.10.2", "--accept-single-voter")
BOTH = ("ctr1", "ctr2")
TWO = SITE.replace("[networks.management]", '[servers.ctr2]\nroles = ["controller"]\naddress = "10.10.10.2"\n[networks.management]')


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """Two servers that were made a cluster as an operator does it, so they have certificates."""
    lab = Lab(name_of_a_lab("osr"), servers=BOTH, pause_tolerance=0.5, bare=True)
    with audited(lab, WatchedCluster, request, tmp_path) as cluster:
        said = cluster.run("understudy", "cluster", "init", "prod", *INIT, "--network", "1=10.10.10.0/24,eth1", on="ctr1")
        token = re.search(r"^  understudy cluster join (\S+)$", said, re.MULTILINE)
        assert token is not None
        cluster.run("sh", "-c", f"printf %s {token[1]} >/root/token; understudy cluster join - </root/token; rm /root/token", on="ctr2")
        yield cluster


def test_one_apply_does_every_server_of_the_cluster(cluster: Cluster) -> None:
    """Planned, applied, verified and undone on ctr1; the files of ctr2 are to the byte as before, and its history says who changed what."""
    cluster.put("/etc/understudy/site.toml", TWO, ["ctr1"])
    before = {server: cluster.run("sh", "-c", FILES, on=server) for server in BOTH}
    plan = json.loads(cluster.run("understudy", "openstack", "plan", "--json", on="ctr1"))
    assert {step["server"] for step in plan["steps"]} == set(BOTH)
    assert plan["left"] == []

    a_server_that_is_cut_off_is_named_and_done_later(cluster)
    assert json.loads(cluster.run("understudy", "openstack", "verify", "--json", on="ctr1"))["status"] == 0
    assert cluster.run("sh", "-c", FILES, on="ctr2") != before["ctr2"]
    changes = cluster.history("place-changed", ask="ctr1")
    assert {event["cause"] for event in changes} == {"by root@ctr1"}
    assert len(changes) == len([step for step in plan["steps"] if step["server"] == "ctr2"])

    cluster.run("understudy", "openstack", "undo", on="ctr1")
    assert {server: cluster.run("sh", "-c", FILES, on=server) for server in BOTH} == before


def a_server_that_is_cut_off_is_named_and_done_later(cluster: Cluster) -> None:
    """Nothing is registered meanwhile; the same command does the rest."""
    cluster.lab.cut("ctr2")
    said, *_ = cluster.run("understudy", "openstack", "apply", "--json", on="ctr1", check=False).splitlines()
    left = json.loads(said)["left"]
    assert [(item["server"], item["place"]) for item in left] == [("ctr2", ""), ("", "the cluster")]
    assert left[0]["cause"].startswith("the daemon of ctr2 cannot be asked: ctr2 (10.10.20.2 port 7403): no answer")
    cluster.lab.heal("ctr2")
    cluster.lab.ready(30)
    cluster.run("understudy", "openstack", "apply", on="ctr1")
