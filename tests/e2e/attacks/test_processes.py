"""Processes that are not where they should be, or do not die; and a service that somebody starts by hand."""

import time
from pathlib import Path

import pytest

from e2e import service
from e2e.attacks.harness import AttackedCluster
from e2e.harness import SOON_S, ShownStatus, Trio
from support import wait_for

pytestmark = pytest.mark.lab

LEAVE = f"""
rm -f /run/off
mkdir -p /sys/fs/cgroup/elsewhere
echo 0 >/sys/fs/cgroup/elsewhere/cgroup.procs
exec python3 -IS {service.HOME}/web.py
"""
STUCK = """#!/usr/bin/python3 -IS
import select
while True:
    with open("/stuck/diary", "a") as diary:
        diary.write("alive ")
    select.select([], [], [], 0.05)
"""
LEAVE_BARE = f"""#!/bin/sh
ln -sf /bin/sleep {service.HOME}/aux.py
mkdir -p /sys/fs/cgroup/elsewhere
(echo 0 >/sys/fs/cgroup/elsewhere/cgroup.procs; exec env -i {service.HOME}/aux.py 100000) </dev/null >/dev/null 2>&1 &
while ! pgrep -f "{service.HOME}/aux.py 100000" >/dev/null; do sleep 0.02; done
"""
"""Nor does its environment tell whose it is."""


@pytest.mark.parametrize("then", ["relocated", "cut off"])
def test_start_that_leaves_its_control_group_and_lies(cluster: AttackedCluster, trio: Trio, then: str) -> None:
    """The service moves itself to another control group, and stop and check speak of it as if it were gone: it ends all the same."""
    trio.register()
    cluster.story("start", LEAVE, "ctr1")
    cluster.story("check", f"[ ! -e /run/off ] && pgrep -f '{service.HOME}/web[.]py' >/dev/null", "ctr1")
    for action in ("stop", "clean", "abort"):
        cluster.story(action, "touch /run/off", "ctr1")
    trio.start("ctr1")
    if then == "relocated":
        with cluster.meanwhile("crsctl", "relocate", "resource", service.SERVICE, "-n", "ctr2", "-f"):
            trio.follows(to="ctr2")
    else:
        cluster.lab.cut("ctr1")
        trio.follows(to="ctr2")
    cluster.passes(2.0)


@pytest.mark.long
def test_service_outside_its_group_is_shown_unguarded(cluster: AttackedCluster) -> None:
    """Whoever looks sees at once that the kernel does not report this service's death, and that a lapse has to search for it."""
    cluster.aux("aux", "ctr1", "ctr2", start=False)
    cluster.put(f"{service.HOME}/aux-start", LEAVE_BARE, ["ctr1"])
    cluster.run("crsctl", "start", "resource", "aux", "-n", "ctr1")
    wait_for(lambda: cluster.told("unguarded", on="ctr1"), SOON_S, "the history tells that aux is unguarded")


def test_process_that_cannot_be_killed(cluster: AttackedCluster, tmp_path: Path) -> None:
    """It hangs in a write to a disk that does not answer. Its server cannot stop it and says so; it is not taken for gone when that
    server is cut off, and it runs again once the disk answers."""
    disk = cluster.disk("ctr1", "/stuck", tmp_path)
    cluster.run("mkdir", "-p", "/stuck", on="ctr2")
    cluster.put(f"{service.HOME}/stuck.py", STUCK, ["ctr1", "ctr2"])
    cluster.watch_aux("stuck")
    cluster.aux("stuck", "ctr1", "ctr2", SCRIPT_TIMEOUT=2, STOP_TIMEOUT=2, CLEAN_TIMEOUT=2, START_TIMEOUT=5)
    cluster.aux("other", "ctr1", "ctr2")
    disk.freeze()
    with cluster.meanwhile("crsctl", "relocate", "resource", "stuck", "-n", "ctr2", "-f"):
        wait_for(lambda: cluster.status("stuck").state == "UNKNOWN", 60, "stuck is UNKNOWN")
        cluster.lab.cut("ctr1")
        cluster.runs("other", on="ctr2")
        cluster.passes(2.0)
        assert cluster.status("stuck") != ShownStatus("ONLINE", "ONLINE", "ctr2")
        assert "ctr1" in cluster.explain("stuck")
    disk.thaw()
    cluster.lab.heal("ctr1")
    wait_for(lambda: cluster.status("stuck").state == "ONLINE", SOON_S, "stuck runs again")


def test_service_started_by_hand_on_the_standby(cluster: AttackedCluster) -> None:
    """Nothing can prevent it; it is seen, reported, and ended, and the owner's goes on."""
    witness = cluster.watch_aux("aux")
    cluster.aux("aux", "ctr1", "ctr2", OFFLINE_CHECK_INTERVAL=2)
    cluster.passes(0.3)
    (owner,) = cluster.marked("ctr1", "aux")
    by_hand = time.monotonic()
    copy = f"{service.HOME}/aux.py"
    cluster.run("sh", "-c", f"ln -sf /bin/sleep {copy}; {copy} 100000 </dev/null >/dev/null 2>&1 &", on="ctr2")
    wait_for(lambda: not cluster.marked("ctr2", "aux"), SOON_S, "the copy on ctr2 is ended")
    ended = time.monotonic()
    cluster.not_prevented("aux", "ctr2", by_hand, ended)
    assert cluster.told("nobody assigned", on="ctr1")
    assert cluster.marked("ctr1", "aux") == [owner]
    witness.stop()
    assert witness.longest("aux", "ctr2") > 0.0
    cluster.runs("aux", on="ctr1")
