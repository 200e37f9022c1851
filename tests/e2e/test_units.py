"""A service that its unit of systemd begins (START_BY=unit) is the cluster's all the same: watched, restarted, and ended with the lease."""

import pytest

from e2e.harness import SOON_S, Cluster
from support import wait_for
from understudy.lab import SYSTEMD

pytestmark = [pytest.mark.lab, pytest.mark.long]
HOME = "/opt/openstack-ha"
DATABASE = "mariadb"
SCRIPT_TEXT = f"""#!/bin/sh
lib={HOME}/lib
command . "$lib/common.sh" && command . "$lib/service.sh" || exit 3
service {DATABASE} "$1"
"""
RELEASE_TEXT = "daemon mariadb mysql sbin/mariadbd /usr/sbin/mariadbd\n"
"""What stands behind the name, in a release of this test's own."""


@pytest.fixture
def init() -> str:
    """See the module."""
    return SYSTEMD


def unit(cluster: Cluster, what: str, on: str) -> str:
    """What systemd says of the unit."""
    return cluster.run("systemctl", "show", "--value", "-p", what, "mariadb.service", on=on).strip()


def test_a_real_unit_is_watched_and_ended_as_what_a_script_starts(cluster: Cluster) -> None:
    pool = ("ctr1", "ctr2")
    cluster.put(f"{HOME}/{DATABASE}.scr", SCRIPT_TEXT, pool)
    cluster.put(f"{HOME}/lib/services/trial", RELEASE_TEXT, pool)
    cluster.put("/etc/openstack-ha-data.conf", "START_BY=unit\nOPENSTACK_RELEASE=trial\n", pool)
    cluster.run("crsctl", "add", "serverpool", "db_sp", "-attr", "SERVER_NAMES=ctr1 ctr2,MIN_SIZE=1,MAX_SIZE=2", on="ctr1")
    attributes = f"ACTION_SCRIPT={HOME}/{DATABASE}.scr,PLACEMENT=restricted,SERVER_POOLS=db_sp,START_TIMEOUT=110,RESTART_ATTEMPTS=2"
    cluster.run("crsctl", "add", "resource", DATABASE, "-type", "cluster_resource", "-attr", attributes, on="ctr1")
    cluster.run("crsctl", "start", "resource", DATABASE, "-n", "ctr1")
    assert unit(cluster, "ActiveState", on="ctr1") == "active"
    ran = cluster.processes("ctr1", DATABASE)
    assert ran, "it is in the resource's own control group"

    cluster.kill(DATABASE, on="ctr1")
    wait_for(lambda: set(cluster.processes("ctr1", DATABASE)) - set(ran), SOON_S, "it is restarted where it was")
    cluster.runs(DATABASE, on="ctr1")
    assert unit(cluster, "NRestarts", on="ctr1") == "0", "by the cluster, not by systemd"

    before = cluster.incarnation("ctr1")
    cluster.lab.cut("ctr1")
    cluster.runs(DATABASE, on="ctr2", within_s=120)
    assert cluster.processes("ctr1", DATABASE) == []
    assert cluster.run("pgrep", "-x", "mariadbd", on="ctr1", check=False) == ""
    cluster.lab.heal("ctr1")
    cluster.rejoins("ctr1", after=before)
    assert cluster.run("pgrep", "-x", "mariadbd", on="ctr1", check=False) == ""
    assert unit(cluster, "ActiveState", on="ctr1") == "failed"
    cluster.run("crsctl", "stop", "resource", DATABASE)
    assert cluster.processes("ctr2", DATABASE) == []
