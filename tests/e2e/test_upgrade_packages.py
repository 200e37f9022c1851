"""Servers with systemd, the package installed by apt, a cluster made by `init` and `join`; then all of them are upgraded while a client
writes to the database, once without and once with a power loss in the middle."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import packages
from e2e.audited import audited, name_of_a_lab
from e2e.watched import WatchedCluster
from makepackage import project
from support import wait_for
from understudy.demo import acts, real
from understudy.demo.traffic import Traffic
from understudy.lab import SYSTEMD, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]
SETTLED_S = 120.0


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is installed first."""
    return packages.made(tmp_path_factory.mktemp("package"), project.version())


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What upgrades it."""
    return packages.made(tmp_path_factory.mktemp("newer"), project.local_version(packages.NEXT))


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path, package: Path) -> Iterator[WatchedCluster]:
    """Four servers that were empty, with the package installed and a cluster made of them."""
    lab = Lab(name_of_a_lab("upg"), pause_tolerance=0.5, empty=True, init=SYSTEMD)
    with audited(lab, WatchedCluster, request, tmp_path) as cluster:
        for server in lab.servers:
            assert cluster.lab.exec(server, ["ls", "/opt/understudy", "/usr/bin/crsctl"], check=False).stdout == ""
            real.install(lab, server, package)
        real.make_cluster(lab, print)
        yield cluster


@pytest.fixture
def traffic(cluster: WatchedCluster) -> Traffic:
    """The guide's MySQL trio on ctr1, watched, and rows that flow into it."""
    cluster.watch(acts.ADDRESS, acts.TRIO)
    acts.register(cluster.lab, print)
    traffic = Traffic(cluster.lab, acts.ADDRESS)
    cluster.watching.callback(traffic.close)
    traffic.await_flow(time.monotonic(), 60)
    return traffic


def versions(cluster: WatchedCluster) -> dict[str, str]:
    """Which version is installed on each server."""
    return {server: real.installed(cluster.lab, server) for server in cluster.lab.servers}


def test_a_rolling_upgrade_is_noticed_by_no_client(cluster: WatchedCluster, traffic: Traffic, newer: Path) -> None:
    """Server after server, the one with the database among them: no write fails, no lease ends; a guard is replaced in order afterwards."""
    servers, since = cluster.lab.servers, time.monotonic()
    before = {server: cluster.incarnation(server) for server in servers}
    old = {server: cluster.lab.service_pids(server, "understudyd") for server in servers}
    real.upgrade(cluster.lab, servers, newer, print)
    assert set(versions(cluster).values()) == {project.local_version(packages.NEXT)}
    assert all(not set(cluster.lab.service_pids(server, "understudyd")) & set(old[server]) for server in servers)
    traffic.await_flow(time.monotonic(), 30)
    assert traffic.failures(since, time.monotonic()) == 0
    assert {server: cluster.incarnation(server) for server in servers} == before

    cluster.run("understudy", "server", "leave", on="ctr3")
    cluster.run("systemctl", "restart", "understudy-guard", on="ctr3")
    assert "CRS-4123" in cluster.run("understudy", "server", "join", on="ctr3")
    cluster.rejoins("ctr3", after=before["ctr3"], within_s=SETTLED_S)
    assert traffic.failures(since, time.monotonic()) == 0
    assert traffic.finish() == set()


@pytest.mark.parametrize("mixed", [False, True], ids=["before any file is replaced", "between two files"])
def test_a_power_loss_of_all_in_the_middle_of_an_upgrade(cluster: WatchedCluster, traffic: Traffic, newer: Path, mixed: bool) -> None:
    """Two servers have the new version, the third loses power while its files are being replaced, and with it all others: they come back
    by themselves in mixed versions, with every row, and the upgrade is finished by the commands of the guide. Where the files of the third
    do not fit each other it stays away until then, and no longer."""
    lab = cluster.lab
    real.upgrade(lab, ("ctr2", "ctr4"), newer, print)
    half_installed(cluster, "ctr3", newer, mixed=mixed)
    for server in lab.servers:
        lab.crash(server)
    lost = time.monotonic()
    lab.boot(*lab.servers)
    traffic.await_flow(lost, SETTLED_S)
    if not mixed:
        lab.ready(SETTLED_S)
        assert len(set(versions(cluster).values())) == 2
    assert "reinstreq" in cluster.run("dpkg-query", "--show", "--showformat", "${Status}", "understudy", on="ctr3")

    # It says that the package has to be reinstalled, and ends with status 1: the next command does that.
    cluster.run("dpkg", "--configure", "-a", on="ctr3", check=False)
    finished = time.monotonic()
    real.upgrade(lab, ("ctr3",), newer, print, again=True)
    real.upgrade(lab, ("ctr1",), newer, print)
    assert set(versions(cluster).values()) == {project.local_version(packages.NEXT)}
    lab.ready(SETTLED_S)
    traffic.await_flow(time.monotonic(), 30)
    assert traffic.failures(finished, time.monotonic()) == 0, "who comes back, and who is upgraded, is noticed by no client"
    done = time.monotonic()
    lab.crash("ctr1")
    traffic.await_flow(done, 60)
    assert traffic.finish() == set()


def half_installed(cluster: WatchedCluster, server: str, package: Path, *, mixed: bool) -> None:
    """Begin an installation; returns when new files lie beside the old ones, and dpkg is paused. `mixed`: a file is one of a version
    that does not fit the others."""
    there = f"/var/tmp/{package.name}"
    cluster.lab.host_path(server, there).write_bytes(package.read_bytes())
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "install", there]
    installing = cluster.lab.popen(server, command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cluster.watching.callback(installing.wait)
    home = cluster.lab.host_path(server, "/usr/lib/understudy/src/understudy")
    wait_for(lambda: any(name.endswith(".dpkg-new") for _, _, names in os.walk(home) for name in names), 60, "new files are being unpacked")
    cluster.run("pkill", "-STOP", "dpkg", on=server)
    if mixed:
        cluster.expected.append("Traceback (most recent call last):")  # of processes that cannot begin
        (home / "guard/process.py").write_text('raise ImportError("what it needs is not in this version")\n')
        (home / "daemon/node.py").write_text("raise SystemExit(2)\n")  # as one that cannot use its settings: systemd leaves it so
