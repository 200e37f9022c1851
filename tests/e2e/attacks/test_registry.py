"""A registry that is not the one it was: set back to an older copy, or made anew, while the servers live."""

import time

import pytest

from e2e import service
from e2e.harness import SOON_S
from support import wait_for

pytestmark = pytest.mark.lab

SETTLED_S = 60.0
"""Within this all servers have registered again with a registry that is another one."""


def registered(cluster):
    """All servers are in the registry, and commands say so."""

    def all_online():
        return cluster.run("crsctl", "stat", "server", check=False).count("STATE=ONLINE") == len(cluster.lab.servers)

    wait_for(all_online, SETTLED_S, "all servers are registered")


def settled(cluster, trio):
    """All servers are in the registry, the service is served, and what is asked for happens."""
    registered(cluster)
    trio.asker.served()


def test_set_back_beyond_the_newest_life_of_the_owner(cluster, trio):
    """The copy knows an earlier life of the owner only: what the owner runs in this life is not taken for lost."""
    trio.run(on="ctr1")
    copy, before = cluster.copy_registry(), cluster.incarnation("ctr1")
    cluster.lab.crash("ctr1")
    trio.follows(to="ctr2")
    cluster.lab.boot("ctr1")
    cluster.rejoins("ctr1", after=before)
    cluster.run("crsctl", "relocate", "resource", service.SERVICE, "-n", "ctr1", "-f")
    trio.follows(to="ctr1")
    cluster.set_registry_back(copy)
    settled(cluster, trio)
    cluster.passes(3.0)
    home = trio.follows(within_s=SETTLED_S)
    cluster.run("crsctl", "relocate", "resource", service.SERVICE, "-n", "ctr2" if home == "ctr1" else "ctr1", "-f")
    assert trio.follows(within_s=SETTLED_S) != home


@pytest.mark.long
def test_set_back_before_a_move(cluster, trio):
    """The copy says ctr1, it runs on ctr2: it goes on there, and can be moved."""
    trio.run(on="ctr1")
    copy = cluster.copy_registry()
    cluster.run("crsctl", "relocate", "resource", service.SERVICE, "-n", "ctr2", "-f")
    trio.follows(to="ctr2")
    back = time.monotonic()
    cluster.set_registry_back(copy)
    settled(cluster, trio)
    cluster.passes(3.0)
    home = trio.follows(within_s=SETTLED_S)
    assert not trio.asker.failures(back) or home == "ctr2"
    cluster.run("crsctl", "relocate", "resource", service.SERVICE, "-n", "ctr1", "-f")
    trio.follows(to="ctr1", within_s=SETTLED_S)


@pytest.mark.long
def test_made_anew(cluster, trio):
    """An empty registry: what runs goes on, the servers register again, and what is registered again is found running."""
    trio.run(on="ctr1")
    ran = cluster.processes("ctr1", service.SERVICE)
    cluster.set_registry_back(None)
    registered(cluster)
    assert cluster.processes("ctr1", service.SERVICE) == ran
    trio.register()
    cluster.run("crsctl", "start", "resource", *service.TRIO, "-n", "ctr1", check=False)
    trio.follows(within_s=SOON_S)
