"""Servers come and go while the cluster runs: added, taken out, and voters changed or replaced, with a real etcd under it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.audited import audited, name_of_a_lab
from e2e.harness import Trio
from e2e.test_init import NETWORK, join, servers, token_in
from e2e.watched import WatchedCluster
from support import wait_for
from understudy.lab import Lab
from understudy.lab.places import places_of

pytestmark = [pytest.mark.lab, pytest.mark.long]

CTR5 = "ctr5=10.10.20.5,10.10.10.5"


@pytest.fixture(params=["plain", "systemd"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WatchedCluster]:
    """Five servers without settings and keys."""
    lab = Lab(name_of_a_lab("mem"), servers=[f"ctr{number}" for number in range(1, 6)], pause_tolerance=0.5, bare=True, init=request.param)
    with audited(lab, WatchedCluster, request, tmp_path) as cluster:
        yield cluster


def make(cluster: WatchedCluster, *numbers: int) -> None:
    """A cluster of these servers; the first one begins."""
    first, *others = numbers
    said = cluster.run("understudy", "cluster", "init", "prod", *servers(*numbers), *NETWORK, on=f"ctr{first}")
    for number in others:
        join(cluster, f"ctr{number}", token_in(said))
        said = cluster.run("understudy", "cluster", "token", on=f"ctr{first}")


def listed(cluster: WatchedCluster, on: str) -> dict[str, dict[str, str]]:
    """What `server list` says on a server, by server."""
    rows = json.loads(cluster.run("understudy", "server", "list", "--json", on=on))["servers"]
    return {row["server"]: row for row in rows}


def guard_of(cluster: WatchedCluster, server: str) -> int:
    """The process id of its guard; 0: there is none at this moment."""
    try:
        return cluster.keeper_and_guard(server)[1]
    except (ValueError, OSError):
        return 0


def test_a_server_is_added_runs_something_and_leaves_for_good(cluster: WatchedCluster, trio: Trio) -> None:
    """On any server, with no file edited; a guard that begins anew knows it too. What it ran goes elsewhere, and nothing of it is left."""
    make(cluster, 1, 2, 3, 4)
    refused = cluster.lab.exec("ctr4", ["understudy", "cluster", "add-server", "ctr5=10.10.20.4,10.10.10.5"], check=False)
    assert "UND-0305: 'ctr5' cannot be added: address 10.10.20.4 is of server ctr4" in refused.stdout
    said = cluster.run("understudy", "cluster", "add-server", CTR5, on="ctr4")
    assert "ctr5 is one of the servers now. Next, on ctr1, ctr2 or ctr3" in said
    assert "ctr5 is one of the servers already" in cluster.run("understudy", "cluster", "add-server", CTR5, on="ctr2")
    join(cluster, "ctr5", token_in(cluster.run("understudy", "cluster", "token", on="ctr2")))
    assert listed(cluster, "ctr3")["ctr5"]["state"] == "ONLINE"
    cluster.run("understudy", "cluster", "check", on="ctr5")

    before, struck = cluster.incarnation("ctr5"), cluster.strike("ctr2", "guard")
    wait_for(lambda: guard_of(cluster, "ctr2") not in (0, struck), 30, "ctr2 has another guard")
    cluster.lab.crash("ctr3")
    cluster.tells("fenced", on="ctr3")
    trio.run(on="ctr1", pool=("ctr1", "ctr2", "ctr5"))
    cluster.run("crsctl", "relocate", "resource", "web", "-n", "ctr5", "-f")
    assert trio.follows() == "ctr5"
    assert cluster.incarnation("ctr5") == before, "ctr2 has granted it its lease all the time"
    cluster.lab.boot("ctr3")

    lives = cluster.lab.exec("ctr1", ["understudy", "cluster", "remove-server", "ctr5"], check=False)
    assert "UND-0306: 'ctr5' cannot be removed: it is ONLINE" in lives.stdout
    voter = cluster.lab.exec("ctr1", ["understudy", "cluster", "leave"], check=False)
    assert "UND-0307: 'ctr1' is a voter, or runs a member of etcd" in voter.stdout
    assert "ctr5 has left cluster prod for good" in cluster.run("understudy", "cluster", "leave", on="ctr5")
    assert trio.follows() in ("ctr1", "ctr2")
    assert "ctr5" not in listed(cluster, "ctr3")
    assert not list(cluster.lab.host_path("ctr5", "/etc/understudy/keys").iterdir())
    wait_for(lambda: "ctr5" not in cluster.run("understudy", "cluster", "status"), 30, "nothing speaks of ctr5")


def voters(cluster: WatchedCluster, on: str) -> list[str]:
    """Who votes, as `server list` says on a server."""
    return [name for name, row in listed(cluster, on).items() if row["voter"] == "yes"]


ASK_MEMBERS = """
import http.client, json, ssl, sys
context = ssl.create_default_context(cafile="/etc/understudy/keys/authority.pem")
context.load_cert_chain("/etc/understudy/keys/server.pem", "/etc/understudy/keys/server.key")
connection = http.client.HTTPSConnection(sys.argv[1], 7401, timeout=5, context=context)
connection.request("GET", "/members")
print(" ".join(member["name"] for member in json.load(connection.getresponse())))
"""


def members(cluster: WatchedCluster, on: str) -> set[str]:
    """Names of etcd's members that have begun, as the member on a server says."""
    address = cluster.lab.plan.host(on).address("interconnect")
    return set(cluster.run("python3", "-c", ASK_MEMBERS, address, on=on).split())


def test_voters_are_added_removed_and_replaced(cluster: WatchedCluster, trio: Trio) -> None:
    """A lost one by another; then five, then three. What runs is not touched, and each of the new ones carries the cluster."""
    make(cluster, 1, 2, 3, 4, 5)
    cluster.onlooker = "ctr5"
    trio.run(on="ctr1", pool=("ctr1", "ctr2"))
    before = cluster.incarnation("ctr1")
    two = cluster.lab.exec("ctr1", ["understudy", "cluster", "add-voter", "ctr4"], check=False)
    assert "UND-0296" in two.stdout

    cluster.lab.crash("ctr3")
    cluster.tells("fenced", on="ctr3")
    said = cluster.run("understudy", "cluster", "replace-voter", "ctr3", "--by", "ctr4", on="ctr2")
    assert "the voters are ctr1, ctr2, ctr4" in said
    assert voters(cluster, "ctr5") == ["ctr1", "ctr2", "ctr4"]
    assert members(cluster, "ctr4") == {"ctr1", "ctr2", "ctr4"}
    assert "the voters are ctr1, ctr2, ctr4" in cluster.run("understudy", "cluster", "replace-voter", "ctr3", "--by", "ctr4", on="ctr1")
    cluster.lab.boot("ctr3")
    wait_for(lambda: listed(cluster, "ctr2")["ctr3"]["state"] == "ONLINE", 60, "ctr3 is back, as a server that does not vote")
    assert token_in(cluster.run("understudy", "cluster", "token", on="ctr4"))

    cluster.run("understudy", "cluster", "add-voter", "ctr3", "ctr5", on="ctr4")
    assert len(voters(cluster, "ctr5")) == len(members(cluster, "ctr5")) == 5
    assert cluster.incarnation("ctr1") == before
    cluster.lab.crash("ctr1")
    cluster.lab.crash("ctr4")
    assert trio.follows(within_s=30) == "ctr2", "three of five are a majority"
    for server in ("ctr1", "ctr4"):
        cluster.lab.boot(server)
    wait_for(lambda: all(row["state"] == "ONLINE" for row in listed(cluster, "ctr2").values()), 90, "all are ONLINE")
    cluster.run("understudy", "cluster", "remove-voter", "ctr1", "ctr4", on="ctr2")
    assert voters(cluster, "ctr4") == ["ctr2", "ctr3", "ctr5"]
    assert members(cluster, "ctr5") == {"ctr2", "ctr3", "ctr5"}
    wait_for(
        lambda: not cluster.lab.host_path("ctr1", "/etc/understudy/keys/authority.key").exists(), 30, "ctr1 has no key of the authority"
    )


def lose_the_disk(cluster: WatchedCluster, server: str) -> None:
    """Power loss, and nothing of Understudy is left on its disk when it boots."""
    cluster.lab.crash(server)
    disk = places_of(cluster.lab.name).disk(server)
    for folder in ("etc/understudy", "var/lib/understudy"):
        shutil.rmtree(disk / folder)
        (disk / folder).mkdir()
    cluster.lab.boot(server)


def test_a_voter_that_lost_its_disk_is_set_up_anew(cluster: WatchedCluster, trio: Trio) -> None:
    """Its member of etcd may not begin with an empty memory, so a join is refused before it is replaced."""
    make(cluster, 1, 2, 3)
    cluster.onlooker = "ctr1"
    trio.run(on="ctr1", pool=("ctr1", "ctr2"))
    answers = cluster.lab.exec("ctr1", ["understudy", "cluster", "replace-voter", "ctr3"], check=False)
    assert "UND-0310: The voters cannot be changed so: the member of etcd on ctr3 answers" in answers.stdout
    lose_the_disk(cluster, "ctr3")
    token = token_in(cluster.run("understudy", "cluster", "token", on="ctr1"))
    early = cluster.lab.exec("ctr3", ["understudy", "cluster", "join", token], check=False)
    assert "UND-0313: The member of etcd of 'ctr3' has run before" in early.stderr
    said = cluster.run("understudy", "cluster", "replace-voter", "ctr3", on="ctr2")
    assert "ctr3 has no member of etcd any more" in said
    join(cluster, "ctr3", token_in(cluster.run("understudy", "cluster", "token", on="ctr1")))
    assert "ctr3 has a new member of etcd" in cluster.run("understudy", "cluster", "replace-voter", "ctr3", on="ctr2")
    assert members(cluster, "ctr3") == {"ctr1", "ctr2", "ctr3"}
    cluster.run("understudy", "cluster", "check", on="ctr3")
    cluster.lab.crash("ctr1")
    cluster.onlooker = "ctr3"
    assert trio.follows(within_s=30) == "ctr2", "ctr3 votes, and its member counts"


def test_two_servers_and_a_witness_survive_the_loss_of_either(cluster: WatchedCluster, trio: Trio) -> None:
    """The witness votes and runs a member of etcd, and nothing else is ever placed there."""
    witness = ("--witness", "ctr3=10.10.20.3,10.10.10.3")
    said = cluster.run("understudy", "cluster", "init", "prod", *servers(1, 2), *witness, *NETWORK, on="ctr1")
    for server in ("ctr2", "ctr3"):
        join(cluster, server, token_in(said))
        said = cluster.run("understudy", "cluster", "token", on="ctr1")
    assert voters(cluster, "ctr2") == ["ctr1", "ctr2", "ctr3"]
    assert "STATE_DETAILS=a witness: it votes and runs no resources" in cluster.run("crsctl", "stat", "server", "ctr3", on="ctr1")
    cluster.onlooker = "ctr3"
    trio.run(on="ctr1", pool=("ctr1", "ctr2"))
    cluster.run("crsctl", "add", "resource", "any", "-type", "cluster_resource", "-attr", "ACTION_SCRIPT=/bin/true", on="ctr1")
    refused = cluster.lab.exec("ctr1", ["crsctl", "start", "resource", "any", "-n", "ctr3"], check=False)
    assert "it is a witness, which votes and runs no resources" in refused.stdout
    cluster.lab.crash("ctr1")
    assert trio.follows(within_s=30) == "ctr2"
    cluster.lab.crash("ctr2")
    cluster.lab.boot("ctr1")
    assert trio.follows(within_s=60) == "ctr1"
    assert not cluster.runs_anything("ctr3")
