"""A service that dies, does not start, or cannot be stopped."""

import time

import pytest

from e2e import service
from e2e.harness import Cluster, ShownStatus, Trio
from support import wait_for

pytestmark = pytest.mark.lab

DEAF_SERVER = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + service.SERVER_TEXT
HIDE = """
import os, sys
if "hidden" not in sys.argv:
    if starting := os.fork():
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(starting, 0)[1]))
    os.setsid()
    os.makedirs("/sys/fs/cgroup/elsewhere", exist_ok=True)
    with open("/sys/fs/cgroup/elsewhere/cgroup.procs", "w") as file:
        file.write("0")
    os.execve(sys.executable, [sys.executable, "-IS", sys.argv[0], "hidden"], {})
"""
"""A session of its own, another control group, and nothing in the environment that shows whose it is: all of it before it is anybody's
child but its own script's, for what was seen once is not forgotten."""


def test_three_kills_in_a_row_move_the_whole_trio(cluster: Cluster, trio: Trio) -> None:
    """RESTART_ATTEMPTS=2: two deaths are answered by a restart in place, the third by a relocation of all three."""
    trio.run(on="ctr1")
    for _ in range(2):
        killed = time.monotonic()
        cluster.kill(service.SERVICE, on="ctr1")
        trio.asker.served(by="ctr1", since=killed)
    cluster.runs(service.SERVICE, on="ctr1")
    cluster.kill(service.SERVICE, on="ctr1")
    trio.follows(to="ctr2")
    cluster.empty("ctr1")
    assert "CRS-2771:Maximum restart attempts reached for resource 'web'" in cluster.alerts("ctr2")


@pytest.mark.parametrize("end", ["exit 1", pytest.param("kill -9 $$", marks=pytest.mark.long)])
def test_failed_start_here_is_a_success_there(cluster: Cluster, trio: Trio, end: str) -> None:
    """What cannot be started on one server is cleaned up there and started, with all it needs, on the next."""
    trio.register()
    cluster.story("start", f"echo CRS_ERROR:no licence for this server; {end}", "ctr1")
    trio.watch()
    said = cluster.run("crsctl", "start", "resource", *service.TRIO, check=False)
    assert "no licence for this server" in said
    assert "CRS-2674: Start of 'web' on 'ctr1' failed" in said
    assert "CRS-2676: Start of 'web' on 'ctr2' succeeded" in said
    trio.follows(to="ctr2")
    cluster.empty("ctr1")
    (failed,) = cluster.history("start-failed", resource="web")
    assert "no licence for this server" in failed["text"]


def test_service_that_never_starts_stays_wanted_and_says_so(cluster: Cluster, trio: Trio) -> None:
    """Failed on every candidate and left so (-l): retried without end, with growing pauses; comes up by itself when the cause is gone."""
    trio.register()
    cluster.story("start", "exit 1", "ctr1", "ctr2")
    trio.watch()
    said = cluster.run("crsctl", "start", "resource", *service.TRIO, "-l", check=False)
    assert "CRS-2674: Start of 'web' on 'ctr2' failed" in said
    assert "CRS-2632: There are no more servers to try to place resource 'web' on that would satisfy its placement policy" in said
    cluster.tells("no-candidate", resource="web")
    assert "failed on every candidate; it is tried again here, with growing pauses" in cluster.explain("web")
    cluster.story("start", f"exec python3 -IS {service.HOME}/web.py", "ctr1", "ctr2")
    wait_for(lambda: cluster.status("web").state == "ONLINE", 60, "web comes up by itself")


def test_power_loss_while_starting(cluster: Cluster, trio: Trio) -> None:
    """A server that dies in the middle of a long start is no obstacle: the start is made on the other."""
    trio.register()
    cluster.story("start", f"touch /run/starting; sleep 20; exec python3 -IS {service.HOME}/web.py", "ctr1")
    trio.watch()
    with cluster.meanwhile("crsctl", "start", "resource", *service.TRIO, "-n", "ctr1"):
        wait_for(lambda: cluster.lab.host_path("ctr1", "/run/starting").exists(), 30, "the start is under way")
        cluster.lab.crash("ctr1")
        trio.follows(to="ctr2")


def test_service_that_ignores_term_and_whose_scripts_fail_is_killed(cluster: Cluster, trio: Trio) -> None:
    """stop fails, clean fails, TERM is ignored: the control group is killed, and the relocation goes through."""
    trio.register()
    cluster.put(f"{service.HOME}/web.py", DEAF_SERVER, ["ctr1"])
    for action in ("stop", "clean"):
        cluster.story(action, f"pkill -f 'openstack-ha/web[.]py'; echo CRS_ERROR:{action} does not work here; exit 1", "ctr1")
    trio.start(on="ctr1")
    said = cluster.run("crsctl", "relocate", "resource", "web", "-n", "ctr2", "-f")
    assert "CRS-2675: Stop of 'web' on 'ctr1' failed" in said
    assert "CRS-2680: Clean of 'web' on 'ctr1' failed" in said
    trio.follows(to="ctr2")
    cluster.empty("ctr1")
    assert [event["kind"] for event in cluster.history("stop-failed", "clean-failed", "killed", "stop-done", resource="web")] == [
        "stop-failed", "clean-failed", "killed", "stop-done",
    ]  # fmt: skip


def test_service_that_cannot_be_stopped_blocks_and_says_why(cluster: Cluster, trio: Trio) -> None:
    """Out of reach of every rung: UNKNOWN, CRS-2678, nothing is started elsewhere; when somebody has helped, all goes on by itself."""
    trio.register()
    cluster.put(f"{service.HOME}/web.py", HIDE + DEAF_SERVER, ["ctr1"])
    for action in ("stop", "clean"):
        cluster.story(action, "exit 1", "ctr1")
    trio.start(on="ctr1")
    said = cluster.run("crsctl", "relocate", "resource", "web", "-n", "ctr2", "-f", check=False)
    assert "CRS-2678: 'web' on 'ctr1' has experienced an unrecoverable failure" in said
    assert "CRS-0267: Human intervention required to resume its availability." in said
    cluster.reaches("web", ShownStatus("ONLINE", "UNKNOWN", "ctr1"))
    assert "CRS-2678:'web' on 'ctr1' has experienced an unrecoverable failure" in cluster.alerts("ctr2")
    assert "ctr1: stop, clean and kill were tried: the check still finds it" in cluster.explain("web")
    assert "ctr2  is next" in cluster.explain("web")
    assert not any(cluster.processes("ctr2", name) for name in service.TRIO)
    cluster.run("pkill", "-9", "-f", "openstack-ha/web[.]py", on="ctr1")
    trio.follows(to="ctr2", within_s=60)
    cluster.empty("ctr1")


@pytest.mark.long
def test_service_that_dies_while_its_daemon_is_down_is_restarted_by_the_next(cluster: Cluster, trio: Trio) -> None:
    """The event is missed, the first look of the new daemon is not: the service runs again where it ran."""
    trio.run(on="ctr1")
    daemon = cluster.strike("ctr1", "understudyd")
    cluster.kill(service.SERVICE, on="ctr1")
    killed = time.monotonic()
    cluster.replaced("ctr1", daemon)
    trio.asker.served(by="ctr1", since=killed)
    assert {answer.server for answer in trio.asker.during(killed)} == {"ctr1"}


@pytest.mark.long
def test_hung_check_is_no_verdict(cluster: Cluster, trio: Trio) -> None:
    """A check that does not answer makes INTERMEDIATE, not a restart; when it answers again the service is ONLINE, the same process."""
    trio.register(SCRIPT_TIMEOUT=2, CHECK_INTERVAL=2)
    trio.start(on="ctr1")
    served = trio.asker.served(by="ctr1")
    cluster.story("check", "sleep 600", "ctr1")
    wait_for(lambda: cluster.status("web").state == "INTERMEDIATE", 60, "web is INTERMEDIATE")
    cluster.lab.host_path("ctr1", f"{service.HOME}/web-check").unlink()
    cluster.runs("web", on="ctr1")
    assert trio.asker.served(by="ctr1").pid == served.pid


@pytest.mark.long
@pytest.mark.parametrize("process", ["understudyd", "understudy-exec", "guard"])
def test_kill_of_a_process_while_a_start_is_under_way(cluster: Cluster, trio: Trio, process: str) -> None:
    """The start ends or is repeated; either way there is one service in the end, where it was asked for."""
    trio.register()
    cluster.story("start", f"touch /run/starting; sleep 3; exec python3 -IS {service.HOME}/web.py", "ctr1")
    trio.watch()
    with cluster.meanwhile("crsctl", "start", "resource", *service.TRIO, "-n", "ctr1"):
        wait_for(lambda: cluster.lab.host_path("ctr1", "/run/starting").exists(), 30, "the start is under way")
        cluster.replaced("ctr1", cluster.strike("ctr1", process))
        assert trio.follows(within_s=60) == "ctr1"
