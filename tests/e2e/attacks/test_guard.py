"""What keeps a guard from stopping its server: its log, its descriptors, who stops it, who fills its processor."""

import os
import resource
import subprocess
import time
from pathlib import Path

import pytest

from e2e import service
from e2e.attacks.harness import AttackedCluster
from e2e.attacks.witness import ADDRESS
from e2e.harness import SOON_S, Trio
from support import wait_for

pytestmark = pytest.mark.lab

LEAK = """
import signal, socket
held = []
for _ in range(400):
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(0.5)
    try:
        one.connect("/run/understudy/guard.sock")
    except OSError:
        pass
    held.append(one)
open("/run/leaked", "w").close()
signal.pause()
"""
FILL = "mount -o remount,size=32m /run; dd if=/dev/zero of=/run/fill bs=1M; dd if=/dev/zero of=/run/more bs=1; true"
BEYOND_S = 2.0
"""For so long after its successor serves, what a server should have stopped is still looked for."""


def gone_over(cluster: AttackedCluster, trio: Trio, *, to: str = "ctr2") -> None:
    """The service runs elsewhere, and nothing of it comes back to life where it was."""
    trio.follows(to=to)
    cluster.passes(BEYOND_S)


def test_log_on_a_disk_that_hangs(cluster: AttackedCluster, trio: Trio, tmp_path: Path) -> None:
    """The file system of all logs stops answering, and the server is cut off: it stops what it runs as if nothing were."""
    before, disk = cluster.incarnation("ctr1"), cluster.disk("ctr1", "/var/log/understudy", tmp_path)
    cluster.restart_guard("ctr1")
    cluster.rejoins("ctr1", after=before)
    trio.run(on="ctr1")
    disk.freeze()
    cluster.lab.cut("ctr1")
    gone_over(cluster, trio)
    disk.thaw()
    cluster.stopped("ctr1")


@pytest.mark.parametrize("how", ["not one is left", pytest.param("a root client that leaks", marks=pytest.mark.long)])
def test_guard_without_descriptors(cluster: AttackedCluster, trio: Trio, how: str) -> None:
    """A guard that can open nothing any more stops its server as always."""
    parent = Path("/sys/fs/cgroup", cluster.lab.resources_cgroup("ctr1").relative_to(cluster.lab.host_cgroup("ctr1")))
    cluster.edit_settings("ctr1", lambda text: f'{text}\n[executor]\ncgroup = "{parent}"\n')
    cluster.reboot("ctr1")
    trio.run(on="ctr1")
    _, guard = cluster.keeper_and_guard("ctr1")
    if how == "not one is left":
        most = 1 + max(map(int, os.listdir(f"/proc/{guard}/fd")))
        resource.prlimit(guard, resource.RLIMIT_NOFILE, (most, most))
    else:
        resource.prlimit(guard, resource.RLIMIT_NOFILE, (256, 256))
        leaking = cluster.lab.popen("ctr1", ["python3", "-IS", "-c", LEAK])
        cluster.watching.callback(leaking.wait)
        cluster.watching.callback(leaking.kill)
        wait_for(lambda: cluster.lab.host_path("ctr1", "/run/leaked").exists(), 120, "the client has leaked")
    cluster.lab.cut("ctr1")
    gone_over(cluster, trio)
    cluster.stopped("ctr1")


def test_guard_and_keeper_are_stopped(cluster: AttackedCluster, trio: Trio) -> None:
    """SIGSTOP for both at once: nothing is left of the lease's keepers, and yet nothing outlives the lease."""
    trio.run(on="ctr1")
    with cluster.stood_still(*cluster.keeper_and_guard("ctr1")):
        gone_over(cluster, trio)
    cluster.stopped("ctr1")


@pytest.mark.long
def test_all_who_could_stop_the_server_are_stopped(cluster: AttackedCluster, trio: Trio) -> None:
    """Guard, keeper, executor and daemon at once: what runs runs on until one of them goes on, but answers for the address no more."""
    trio.run(on="ctr1")
    pids = [pid for process in cluster.lab.plan.host("ctr1").services for pid in cluster.lab.service_pids("ctr1", process.name)]
    assert len(pids) >= 4
    since = time.monotonic()
    with cluster.stood_still(*pids):
        gone_over(cluster, trio)
    cluster.stopped("ctr1")
    cluster.not_prevented(service.SERVICE, "ctr1", since, time.monotonic())


@pytest.mark.parametrize("whom", ["guard", pytest.param("both", marks=pytest.mark.long)])
def test_guard_that_cannot_be_killed(cluster: AttackedCluster, trio: Trio, whom: str) -> None:
    """A frozen guard neither renews nor dies: its server is stopped by others."""
    trio.run(on="ctr1")
    keeper, guard = cluster.keeper_and_guard("ctr1")
    with cluster.unkillable(*([guard] if whom == "guard" else [keeper, guard])):
        gone_over(cluster, trio)
    cluster.stopped("ctr1")


@pytest.mark.long
def test_frozen_owner_whose_rules_are_flushed(cluster: AttackedCluster, trio: Trio) -> None:
    """`nft flush ruleset` while every process of the server is frozen: nobody could put the gate back. It ends with the thaw."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    cluster.lab.freeze("ctr1")
    trio.follows(to="ctr2")
    flushed = time.monotonic()
    cluster.flush_rules("ctr1")
    cluster.thaw("ctr1")
    cluster.not_prevented(ADDRESS, "ctr1", flushed, cluster.thaws[-1].done + cluster.thaw_window_s)
    cluster.rejoins("ctr1", after=before)
    cluster.empty("ctr1")


@pytest.mark.long
def test_rules_flushed_on_the_owner(cluster: AttackedCluster, trio: Trio) -> None:
    """A firewall's reload takes the gate away: it is put back, that is reported, and a server that is then frozen does not answer."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    cluster.flush_rules("ctr1")
    wait_for(lambda: "cluster4" in cluster.run("nft", "list", "ruleset", on="ctr1"), SOON_S, "the gate is there again")
    cluster.lab.freeze("ctr1")
    trio.follows(to="ctr2")
    cluster.passes(0.5)
    cluster.thaw("ctr1")
    cluster.rejoins("ctr1", after=before)


@pytest.mark.long
def test_thaw_under_load(cluster: AttackedCluster, trio: Trio) -> None:
    """With seventy busy processes beside it, a thawed guard kills within the window of docs/safety.md."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    cluster.lab.freeze("ctr1")
    trio.follows(to="ctr2")
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(70)]
    try:
        cluster.passes(1.0)
        cluster.thaw("ctr1")
        cluster.passes(1.0)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    cluster.rejoins("ctr1", after=before)


@pytest.mark.long
def test_real_time_loop_above_the_guard(cluster: AttackedCluster, trio: Trio) -> None:
    """A loop at the highest priority has the only processor of keeper and guard: nothing is twice, the service is served on."""
    trio.run(on="ctr1")
    for pid in cluster.keeper_and_guard("ctr1"):
        os.sched_setaffinity(pid, {0})
    hog = cluster.lab.popen("ctr1", ["taskset", "-c", "0", "chrt", "-f", "99", "sh", "-c", "while :; do :; done"])
    try:
        cluster.passes(4.0)
    finally:
        hog.kill()
        hog.wait()
    trio.asker.served(within_s=SOON_S)


@pytest.mark.long
def test_run_is_full_on_the_owner(cluster: AttackedCluster, trio: Trio) -> None:
    """No block is left on /run, and the service dies: it is served again, here or elsewhere, as soon as always."""
    trio.run(on="ctr1")
    cluster.run("sh", "-c", FILL, on="ctr1")
    killed = time.monotonic()
    cluster.kill(service.SERVICE, on="ctr1")
    trio.asker.served(within_s=10, since=killed)
    cluster.run("rm", "-f", "/run/fill", "/run/more", on="ctr1")


@pytest.mark.long
def test_run_is_full_on_the_owner_and_it_is_cut_off(cluster: AttackedCluster, trio: Trio) -> None:
    """No block is left on /run, and the server is cut off: it stops, and once healed it joins anew as soon as there is room."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    cluster.run("sh", "-c", FILL, on="ctr1")
    cluster.lab.cut("ctr1")
    gone_over(cluster, trio)
    cluster.lab.heal("ctr1")
    cluster.passes(BEYOND_S)
    cluster.run("rm", "-f", "/run/fill", "/run/more", on="ctr1")
    cluster.rejoins("ctr1", after=before)
