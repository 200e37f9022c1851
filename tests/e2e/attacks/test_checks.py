"""Checks and scripts that give no answer: they cost neither what runs nor what others need."""

import os
import resource
import time

import pytest

from e2e import service
from e2e.attacks.harness import AttackedCluster
from e2e.harness import SOON_S, ShownStatus
from support import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.long]


def test_check_that_ends_by_a_signal(cluster: AttackedCluster) -> None:
    """The service runs, its check kills itself: that is no answer, it is reported, and after a few the service has failed and moves."""
    cluster.watch_aux("aux")
    cluster.aux("aux", "ctr1", "ctr2", RESTART_ATTEMPTS=0)
    cluster.put(f"{service.HOME}/aux-check", "#!/bin/sh\nkill -9 $$\n", ["ctr1"])
    wait_for(lambda: cluster.told("signal", on="ctr1"), SOON_S, "the history tells that the check ended by a signal")
    cluster.runs("aux", on="ctr2", within_s=60)


def test_script_that_is_not_executable_for_a_while(cluster: AttackedCluster) -> None:
    """A deployment takes the script's permission away for eight seconds: what runs is left alone, and the reason is reported."""
    cluster.watch_aux("aux")
    cluster.aux("aux", "ctr1", "ctr2")
    cluster.runs("aux", on="ctr1")
    ran = cluster.marked("ctr1", "aux")
    cluster.run("chmod", "-x", f"{service.HOME}/aux.scr", on="ctr1")
    cluster.passes(8.0)
    cluster.run("chmod", "+x", f"{service.HOME}/aux.scr", on="ctr1")
    wait_for(lambda: cluster.status("aux").state == "ONLINE", SOON_S, "aux is ONLINE")
    assert cluster.marked("ctr1", "aux") == ran
    assert cluster.status("aux").server == "ctr1"
    assert cluster.told("executable", on="ctr1")


def test_executor_that_can_open_nothing(cluster: AttackedCluster) -> None:
    """It has used up its descriptors: what runs is left alone, it is shown and alarmed that nothing is checked, and it heals by itself."""
    cluster.watch_aux("aux")
    cluster.aux("aux", "ctr1", "ctr2")
    cluster.runs("aux", on="ctr1")
    ran = cluster.marked("ctr1", "aux")
    (executor,) = cluster.lab.service_pids("ctr1", "understudy-exec")
    limits, used = resource.prlimit(executor, resource.RLIMIT_NOFILE), {int(number) for number in os.listdir(f"/proc/{executor}/fd")}
    lowest_free = min(set(range(len(used) + 1)) - used)
    resource.prlimit(executor, resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    cluster.reaches("aux", ShownStatus("ONLINE", "INTERMEDIATE", "ctr1"))
    assert "CHECK CANNOT BE BEGUN" in cluster.run("crsctl", "stat", "res", "aux", "-v", on="ctr1")
    wait_for(lambda: "cannot be run on server 'ctr1'" in cluster.alerts("ctr2"), 60, "it is alarmed")
    resource.prlimit(executor, resource.RLIMIT_NOFILE, limits)
    cluster.reaches("aux", ShownStatus("ONLINE", "ONLINE", "ctr1"), within_s=30)
    assert cluster.marked("ctr1", "aux") == ran


@pytest.mark.parametrize("why", ["its check hangs", "its owner is not there"])
def test_server_boots_that_can_never_check_one_resource(cluster: AttackedCluster, why: str) -> None:
    """It joins for all other resources, and takes over what it can; `explain` of the one names it."""
    cluster.watch_aux("aux", "odd")
    cluster.aux("aux", "ctr1", "ctr2")
    if why == "its check hangs":
        cluster.put(f"{service.HOME}/odd-check", "#!/bin/sh\nexec sleep 100000\n", ["ctr2"])
        cluster.aux("odd", "ctr1", "ctr2", SCRIPT_TIMEOUT=2, CHECK_TIMEOUT=2, start=False)
    else:
        for server in cluster.lab.servers:
            if server != "ctr2":
                cluster.run("useradd", "-M", "odd", on=server)
        cluster.aux("odd", "ctr1", "ctr2", ACL="'owner:odd:rwx,pgrp:odd:r-x,other::r--'", start=False)
    cluster.lab.crash("ctr2")
    cluster.lab.boot("ctr2")
    cluster.lab.ready(60, ["ctr2"])
    wait_for(lambda: "ctr2  admitted" in cluster.explain("aux"), SOON_S, "ctr2 is a candidate for aux")
    crashed = time.monotonic()
    cluster.lab.crash("ctr1")
    cluster.runs("aux", on="ctr2")
    assert time.monotonic() - crashed < SOON_S
    assert "ctr2" in cluster.explain("odd")


def test_file_system_of_one_script_that_hangs(cluster: AttackedCluster) -> None:
    """One script lies where nobody answers any more: the other resources of its server are restarted as always."""
    cluster.watch_aux("aux")
    cluster.aux("aux", "ctr1", "ctr2")
    cluster.aux("odd", "ctr1", start=False)
    cluster.run("sh", "-c", f"mkdir /scripts; cp {service.HOME}/aux.scr /scripts/odd.scr", on="ctr1")
    cluster.run("crsctl", "modify", "resource", "odd", "-attr", "ACTION_SCRIPT=/scripts/odd.scr", on="ctr1")
    cluster.run("crsctl", "start", "resource", "odd", on="ctr1")
    with cluster.hung_file_system("ctr1", "/scripts"):
        cluster.passes(3.0)  # odd is checked every second
        killed = cluster.marked("ctr1", "aux")
        cluster.kill("aux", on="ctr1")
        wait_for(lambda: cluster.marked("ctr1", "aux") not in ([], killed), 10, "aux is restarted")
    cluster.runs("aux", "odd", on="ctr1")
