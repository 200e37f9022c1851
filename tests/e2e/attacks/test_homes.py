"""Servers that come and go as they should: nothing moves without need, and who leaves stops in order."""

import signal

import pytest

from e2e import service
from e2e.attacks.harness import AttackedCluster
from e2e.harness import SOON_S, Trio

pytestmark = [pytest.mark.lab, pytest.mark.long]


def test_pools_of_one_server_each(cluster: AttackedCluster) -> None:
    """The more important pool loses its server and gets it back: what moved stays where it is, and so does what ran there all the time."""
    cluster.watch_aux("first", "second")
    for name, importance in (("first", 9), ("second", 1)):
        cluster.aux(name, "ctr1", "ctr2", start=False)
        cluster.run(
            "crsctl", "add", "serverpool", f"{name}_one", "-attr", f"MIN_SIZE=1,MAX_SIZE=1,IMPORTANCE={importance},SERVER_NAMES=ctr1 ctr2"
        )
        cluster.run("crsctl", "modify", "resource", name, "-attr", f"SERVER_POOLS={name}_one")
        cluster.run("crsctl", "delete", "serverpool", f"{name}_sp")
        cluster.run("crsctl", "start", "resource", name)
    home = cluster.status("first").server
    assert home is not None
    other = "ctr2" if home == "ctr1" else "ctr1"
    cluster.lab.crash(home)
    cluster.runs("first", on=other)
    ran = {name: cluster.marked(other, name) for name in ("first", "second")}
    cluster.lab.boot(home)
    cluster.lab.ready(30, [home])
    cluster.passes(3.0)
    assert {name: cluster.marked(other, name) for name in ("first", "second")} == ran


@pytest.mark.parametrize("how", ["by command", "by SIGTERM"])
def test_planned_leave_stops_in_order(cluster: AttackedCluster, trio: Trio, how: str) -> None:
    """A server that leaves stops its service by its script before the address goes, kills nothing, and comes back when it is asked to."""
    trio.register()
    running = f"-f '{service.HOME}/web[.]py'"
    cluster.story("stop", f"echo stopped >>/root/said; pkill {running}; while pgrep {running} >/dev/null; do sleep 0.05; done", "ctr1")
    trio.start("ctr1")
    if how == "by command":
        cluster.run("understudy", "server", "leave", "ctr1")
    else:
        cluster.strike("ctr1", "keeper", signal.SIGTERM)
    trio.follows(to="ctr2")
    cluster.empty("ctr1")
    assert cluster.lab.host_path("ctr1", "/root/said").read_text() == "stopped\n"
    if how == "by command":  # else the host's init begins it again
        cluster.run("understudy", "server", "join", on="ctr1")
    cluster.lab.ready(SOON_S, ["ctr1"])
    cluster.runs(*service.TRIO, on="ctr2")
