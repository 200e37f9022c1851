"""A registry that is not the one it was: set back to an older copy, or recreated, while the servers run."""

import time

import pytest

from e2e import service
from e2e.attacks.harness import AttackedCluster
from e2e.harness import Trio
from support import wait_for

pytestmark = pytest.mark.lab

SETTLED_S = 60.0
"""Within this all servers have registered again with a registry that is another one."""


def registered(cluster: AttackedCluster) -> None:
    """All servers are in the registry, and commands say so."""

    def all_online() -> bool:
        shown = cluster.run("crsctl", "stat", "server", check=False)
        return shown.count("STATE=ONLINE") == len(cluster.lab.servers) and "does not answer" not in shown

    wait_for(all_online, SETTLED_S, "all servers are registered")


def settled(cluster: AttackedCluster, resource: str) -> None:
    """All servers are registered, the resource runs on one server, and can be moved to another."""
    registered(cluster)
    cluster.passes(3.0)
    wait_for(lambda: cluster.status(resource).state == "ONLINE", SETTLED_S, f"{resource} is ONLINE")
    home = cluster.status(resource).server
    other = "ctr2" if home == "ctr1" else "ctr1"
    cluster.run("crsctl", "relocate", "resource", resource, "-n", other, "-f")
    cluster.runs(resource, on=other, within_s=SETTLED_S)


def test_set_back_beyond_the_newest_life_of_the_owner(cluster: AttackedCluster) -> None:
    """The copy knows an earlier life of the owner only: what the owner runs in this life is not taken for lost."""
    cluster.watch_aux("aux")
    cluster.aux("aux", "ctr1", "ctr2")
    copy, before = cluster.copy_registry(), cluster.incarnation("ctr1")
    cluster.lab.crash("ctr1")
    cluster.runs("aux", on="ctr2")
    cluster.lab.boot("ctr1")
    cluster.rejoins("ctr1", after=before)
    cluster.run("crsctl", "relocate", "resource", "aux", "-n", "ctr1", "-f")
    ran = cluster.marked("ctr1", "aux")
    cluster.set_registry_back(copy)
    registered(cluster)
    cluster.passes(5.0)
    assert cluster.marked("ctr1", "aux") == ran
    settled(cluster, "aux")


@pytest.mark.long
def test_set_back_before_a_move(cluster: AttackedCluster, trio: Trio) -> None:
    """The copy says ctr1, it runs on ctr2: it goes on there without a break, and can be moved."""
    trio.run(on="ctr1")
    copy = cluster.copy_registry()
    cluster.run("crsctl", "relocate", "resource", service.SERVICE, "-n", "ctr2", "-f")
    trio.follows(to="ctr2")
    back = time.monotonic()
    cluster.set_registry_back(copy)
    registered(cluster)
    trio.asker.served_for(10.0, since=back)
    settled(cluster, service.SERVICE)
    trio.follows()


@pytest.mark.long
def test_made_anew(cluster: AttackedCluster, trio: Trio) -> None:
    """An empty registry: what runs goes on, the servers register again, and what is registered again is found running."""
    trio.run(on="ctr1")
    anew = time.monotonic()
    cluster.set_registry_back(None)
    wait_for(lambda: "controller_sp" not in cluster.run("crsctl", "stat", "serverpool", check=False), SETTLED_S, "it is the new registry")
    registered(cluster)
    trio.asker.served_for(10.0, since=anew)
    trio.register()
    cluster.run("crsctl", "start", "resource", *service.TRIO, "-n", "ctr1", check=False)
    cluster.runs(*service.TRIO, on="ctr1", within_s=SETTLED_S)
    assert trio.asker.noticed_nothing(since=anew)


@pytest.mark.long
def test_away_while_the_owner_is_lost(cluster: AttackedCluster, trio: Trio) -> None:
    """Nothing can be moved without it; once it is back, what its owner held is started elsewhere as soon as always."""
    trio.run(on="ctr1")
    cluster.lab.registry_stop()
    cluster.lab.crash("ctr1")
    cluster.passes(3.0)
    cluster.lab.registry_start()
    trio.asker.served(by="ctr2", within_s=10)
    trio.follows(to="ctr2")
