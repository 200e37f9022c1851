"""The package on one server of a lab's cluster, which has an init of its own: put in the place of the checkout, upgraded, and not removed
while that server may run something. A client asks the service all the time.
"""

import time
from functools import partial
from pathlib import Path

import pytest

from e2e import service
from e2e.audited import audited, name_of_a_lab
from e2e.harness import Trio
from e2e.watched import WatchedCluster
from support import wait_for
from understudy.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long]
SERVER = "ctr1"
RESTARTED = ("understudyd", "understudy-exec")


def install(cluster: WatchedCluster, package: Path) -> str:
    """dpkg -i on the server."""
    cluster.lab.host_path(SERVER, f"/tmp/{package.name}").write_bytes(package.read_bytes())
    return cluster.run("dpkg", "-i", f"/tmp/{package.name}", on=SERVER)


def commands(cluster: WatchedCluster, service_name: str) -> set[str]:
    """From where the processes of a service were started."""
    lines = (Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in cluster.lab.service_pids(SERVER, service_name))
    return {word for line in lines for word in line if word.endswith(service_name)}


def from_the_package(cluster: WatchedCluster) -> bool:
    """Whether the installed daemon and executor are what runs."""
    return all(commands(cluster, name) == {f"/usr/bin/{name}"} for name in RESTARTED)


def gone(pids: set[int]) -> bool:
    """Whether none of these processes is there."""
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_clients_notice_nothing_of_an_upgrade(request: pytest.FixtureRequest, tmp_path: Path, package: Path, newer: Path) -> None:
    """Daemon and executor run in the new version, guard and resources go on; a removal is refused meanwhile."""
    with audited(Lab(name_of_a_lab("pkg"), pause_tolerance=2.0), WatchedCluster, request, tmp_path) as cluster:
        trio = Trio(cluster)
        trio.register()
        trio.start(SERVER, patience_s=2.0)
        before, since = cluster.incarnation(SERVER), time.monotonic()
        guard = cluster.lab.service_pids(SERVER, "understudy-guard")
        cluster.run("sh", "-c", "rm /usr/bin/crsctl /usr/bin/understudy*", on=SERVER)

        for made in (package, newer):
            old = {pid for name in RESTARTED for pid in cluster.lab.service_pids(SERVER, name)}
            install(cluster, made)
            wait_for(lambda: from_the_package(cluster), 30, "they run from the package")
            wait_for(partial(gone, old), 30, "the old ones have ended")
            wait_for(lambda: cluster.lab.exec(SERVER, ["crsctl", "check", "crs"], check=False).returncode == 0, 30, "the new one answers")
            cluster.runs(*service.TRIO, on=SERVER, ask=SERVER)
            cluster.acts(SERVER)

        assert cluster.run("crsctl", "--version", on=SERVER) == "understudy 99.0\n"
        assert cluster.lab.service_pids(SERVER, "understudy-guard") == guard
        assert cluster.incarnation(SERVER) == before
        assert trio.asker.noticed_nothing(since)

        assert "UND-0266" in cluster.run("dpkg", "--remove", "understudy", on=SERVER, check=False)
        cluster.run("understudy", "server", "leave", on=SERVER)
        assert trio.follows() != SERVER
        assert "UND-0268: still running: understudy" in cluster.run("dpkg", "--remove", "understudy", on=SERVER, check=False)
        assert cluster.run("crsctl", "--version", on=SERVER) == "understudy 99.0\n"
