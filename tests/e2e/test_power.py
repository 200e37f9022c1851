"""Power losses, and the registry's process away."""

import re
import time

import pytest

from e2e import service
from e2e.harness import Cluster, Trio
from support import wait_for

pytestmark = pytest.mark.lab


def test_power_loss_of_the_active_server_and_its_return(cluster: Cluster, trio: Trio) -> None:
    """The trio starts elsewhere; the server that comes back joins as another, runs nothing, and nothing moves back to it."""
    trio.run(on="ctr1")
    crashed = cluster.lab.crash("ctr1")
    trio.follows(to="ctr2")
    cluster.lab.boot("ctr1")
    cluster.lab.ready(30, ["ctr1"])
    cluster.runs(*service.TRIO, on="ctr2", ask="ctr1")
    assert {answer.server for answer in trio.asker.during(crashed)} == {"ctr2"}
    assert not cluster.runs_anything("ctr1")


def test_cold_start_after_a_power_loss_of_all(cluster: Cluster, trio: Trio) -> None:
    """Everything that was wanted comes back by itself, on one server."""
    trio.run(on="ctr1")
    for server in cluster.lab.servers:
        cluster.lab.crash(server)
    cluster.lab.boot(*cluster.lab.servers)
    cluster.lab.ready(60)
    trio.follows(within_s=60)


@pytest.mark.parametrize("away_s", [5.0, pytest.param(60.0, marks=pytest.mark.long)])
@pytest.mark.parametrize("how", ["stopped", pytest.param("paused", marks=pytest.mark.long)])
def test_registry_is_no_lifeline(cluster: Cluster, trio: Trio, how: str, away_s: float) -> None:
    """While it is away nothing stops and what dies is restarted in place; when it is back all is reported and moves again."""
    trio.run(on="ctr1")
    before, given, since = cluster.incarnation("ctr1"), len(cluster.history("assigned")), time.monotonic()
    away, back = {
        "stopped": (cluster.lab.registry_stop, cluster.lab.registry_start),
        "paused": (cluster.lab.registry_pause, cluster.lab.registry_resume),
    }[how]
    away()
    trio.asker.served_for(away_s, since)
    cluster.kill(service.SERVICE, on="ctr1")
    trio.asker.served(by="ctr1")
    stat = ("crsctl", "stat", "res", service.SERVICE)
    # it answers before the check that ends its start has said so
    wait_for(lambda: "ONLINE on ctr1" in cluster.run(*stat, on="ctr1"), 10, "what has answered is ONLINE")
    shown = cluster.run(*stat, on="ctr1")
    assert "UND-0068: The registry does not answer: for " in shown
    table = cluster.run("crsctl", "stat", "res", "-t", on="ctr1")
    assert "UND-0068: The registry does not answer: for " in table
    assert re.search(r"what is shown is \d+ s old|what is shown is \d+ min", table)
    back()
    cluster.tells("failed", resource=service.SERVICE, on="ctr1")
    cluster.tells("registry-back", on="ctr1")
    assert cluster.incarnation("ctr1") == before
    assert len(cluster.history("assigned")) == given, "nothing moves without need"
    cluster.acts("ctr2")
    cluster.run("crsctl", "relocate", "resource", service.SERVICE, "-n", "ctr2", "-f")
    trio.follows(to="ctr2")
