"""A backup and its restore, in a lab: the registry is lost under what runs; and everything is."""

import json
import time

import pytest

from e2e import service
from e2e.harness import SOON_S, Cluster, Trio
from support import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.long]

FILE = "/root/understudy.json"


def back_up(cluster: Cluster, on: str) -> str:
    """The file, as it was written there."""
    cluster.run("understudy", "cluster", "backup", FILE, on=on)
    assert cluster.run("stat", "-c", "%a %U", FILE, on=on).split() == ["600", "root"]
    return cluster.run("cat", FILE, on=on)


def epoch_of(cluster: Cluster, resource: str) -> int:
    """As explain shows it."""
    said = json.loads(cluster.run("understudy", "explain", resource, "--json", on="ctr2"))
    return int(said["epoch"])


def test_the_registry_is_lost_under_what_runs(cluster: Cluster, trio: Trio) -> None:
    """An empty file takes its place: nobody notices, and after the restore it is watched and moves again."""
    trio.run(on="ctr1")
    text = back_up(cluster, "ctr3")
    since = time.monotonic()
    cluster.set_registry_back(None)
    cluster.tells("registry-recovered")

    shown = cluster.run("understudy", "cluster", "restore", FILE, "--dry-run", on="ctr3")
    assert "add  resource" in shown
    assert "nothing was changed" in shown
    said = cluster.run("understudy", "cluster", "restore", FILE, on="ctr3")

    assert "UND-0355: The backup is restored, and it is known what runs where." in said
    cluster.runs(*service.TRIO, on="ctr1")
    assert trio.asker.noticed_nothing(since)
    assert "there is nothing to restore" in cluster.run("understudy", "cluster", "restore", FILE, on="ctr3")
    assert json.loads(text)["content"]["epochs"][service.SERVICE] < 1_000
    cluster.kill(service.SERVICE, on="ctr1")
    cluster.runs(*service.TRIO, on="ctr1")
    cluster.lab.crash("ctr1")
    assert trio.follows(within_s=30) == "ctr2"


def test_everything_is_lost(cluster: Cluster, trio: Trio) -> None:
    """All servers and the registry; what was wanted runs again once a server has the file."""
    trio.run(on="ctr1")
    text = back_up(cluster, "ctr2")
    for server in cluster.lab.servers:
        cluster.lab.crash(server)
    cluster.set_registry_back(None)
    for server in cluster.lab.servers:
        cluster.lab.boot(server)
    cluster.lab.ready(60)
    assert "mysql" not in cluster.run("crsctl", "stat", "res", on="ctr4")
    cluster.put(FILE, text, on=["ctr4"])

    cluster.run("understudy", "cluster", "restore", FILE, on="ctr4")

    wait_for(lambda: cluster.status(service.SERVICE, ask="ctr4").state == "ONLINE", SOON_S, "what was wanted runs")


def test_a_backup_is_made_while_the_registry_is_away(cluster: Cluster, trio: Trio) -> None:
    """It says how old it is."""
    trio.run(on="ctr1")
    cluster.lab.registry_stop()
    made = cluster.lab.exec("ctr2", ["understudy", "cluster", "backup", FILE], check=False)
    cluster.lab.registry_start()

    assert made.returncode == 0
    assert "UND-0354: The registry has not answered for" in made.stderr
    assert json.loads(cluster.run("cat", FILE, on="ctr2"))["content"]["read_s_ago"] > 0
