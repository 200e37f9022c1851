"""Servers whose first process is a real systemd, with the project's own units, on a registry in etcd: what survives what, and how a server
goes down."""

import time

import pytest

from e2e import service
from e2e.harness import SOON_S, Cluster, Trio
from e2e.test_etcd import accepts, answers
from e2e.test_leave import stops
from e2e.test_processes import ends
from support import wait_for
from understudy.lab import SYSTEMD

pytestmark = pytest.mark.lab

PARTS = ("understudy-guard.service", "understudy-exec.service", "understudyd.service", "understudy-resources.service")
UNITS = ("understudy.target", "understudy.slice", "understudy-etcd.service", *PARTS)


@pytest.fixture
def engine() -> str:
    """See the module."""
    return "etcd"


@pytest.fixture
def init() -> str:
    """See the module."""
    return SYSTEMD


def systemctl(cluster: Cluster, *words: str, on: str = "ctr1", check: bool = True) -> str:
    """What systemctl says on a server."""
    return cluster.run("systemctl", *words, on=on, check=check)


def states(cluster: Cluster, *units: str, on: str = "ctr1") -> set[str]:
    """In which states these units are."""
    return set(systemctl(cluster, "is-active", *units, on=on, check=False).split())


def is_off(cluster: Cluster, server: str) -> bool:
    """Whether the server has switched itself off."""
    return bool(cluster.lab.status()[server]["power"] == "off")


def left_in_order(cluster: Cluster, trio: Trio) -> None:
    """What ran on ctr1 was stopped in order, nothing by force, and runs on ctr2; nobody had to wait for a lease to end."""
    trio.follows(to="ctr2")
    assert stops(cluster, "ctr1") == [service.SERVICE, service.DATA, service.VIP]
    cluster.tells("left", on="ctr1")
    assert not cluster.history("lost", "fenced", on="ctr1")


def test_what_runs_survives_what_systemd_and_its_operator_do(cluster: Cluster, trio: Trio) -> None:
    """Reload, re-execution, restarts of daemon and executor, death of the process that keeps the group: nobody notices, and what fails next
    is restarted."""
    assert cluster.run("systemd-analyze", "verify", "--man=no", *UNITS, on="ctr1") == ""
    trio.register()
    trio.start("ctr1", patience_s=2.0)
    before, since, ran = cluster.incarnation("ctr1"), time.monotonic(), cluster.processes("ctr1", service.SERVICE)
    assert ran
    systemctl(cluster, "daemon-reload")
    systemctl(cluster, "daemon-reexec")
    assert "refused" in systemctl(cluster, "stop", "understudy-resources.service", check=False)
    systemctl(cluster, "kill", "--signal=KILL", "--kill-who=main", "understudy-resources.service")
    systemctl(cluster, "restart", "understudyd.service", "understudy-exec.service")
    cluster.lab.ready(SOON_S, ["ctr1"])
    cluster.runs(*service.TRIO, on="ctr1", ask="ctr1")
    assert trio.asker.noticed_nothing(since)
    assert cluster.processes("ctr1", service.SERVICE) == ran
    assert cluster.incarnation("ctr1") == before

    cluster.kill(service.SERVICE, on="ctr1")
    wait_for(lambda: set(cluster.processes("ctr1", service.SERVICE)) - set(ran), SOON_S, "it is restarted where it was")
    cluster.runs(*service.TRIO, on="ctr1", ask="ctr1")
    assert states(cluster, *PARTS) == {"active"}


@pytest.mark.long
def test_kill_of_keeper_and_guard_together(cluster: Cluster, trio: Trio) -> None:
    """The unit ends what ran before it begins again."""

    def strike() -> None:
        cluster.run("kill", "-9", *cluster.run("pgrep", "-f", "bin/understudy-guard", on="ctr1").split(), on="ctr1")

    trio.run(on="ctr1")
    ends(cluster, trio, strike)


@pytest.mark.long
def test_power_off_is_a_planned_leave(cluster: Cluster, trio: Trio) -> None:
    """What a resource has mounted stays mounted until it is stopped; then the server is off, and joins when it is switched on."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    systemctl(cluster, "poweroff", check=False)
    left_in_order(cluster, trio)
    wait_for(lambda: is_off(cluster, "ctr1"), SOON_S, "it is off")
    cluster.lab.boot("ctr1")
    cluster.rejoins("ctr1", after=before)
    cluster.runs(*service.TRIO, on="ctr2")


@pytest.mark.long
def test_reboot_is_a_planned_leave_and_a_return(cluster: Cluster, trio: Trio) -> None:
    """It joins again by itself, and holds nothing."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    systemctl(cluster, "reboot", check=False)
    left_in_order(cluster, trio)
    cluster.rejoins("ctr1", after=before)
    cluster.runs(*service.TRIO, on="ctr2")
    cluster.empty("ctr1")


@pytest.mark.long
def test_a_stop_of_the_target_is_a_planned_leave(cluster: Cluster, trio: Trio) -> None:
    """Everything of Understudy ends, no unit has failed, and a start of the target brings it back."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    systemctl(cluster, "stop", "understudy.target")
    left_in_order(cluster, trio)
    assert states(cluster, "understudy.target", "understudy-etcd.service", *PARTS) == {"inactive"}
    systemctl(cluster, "start", "understudy.target")
    cluster.rejoins("ctr1", after=before)
    assert states(cluster, "understudy.target", "understudy-etcd.service", *PARTS) == {"active"}


@pytest.mark.long
def test_restart_of_the_guards_unit_moves_what_runs(cluster: Cluster, trio: Trio) -> None:
    """A stop of that unit is a leave, whatever follows: the server comes back at once, and holds nothing."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    systemctl(cluster, "restart", "understudy-guard.service")
    left_in_order(cluster, trio)
    cluster.rejoins("ctr1", after=before)


@pytest.mark.long
def test_a_member_of_etcd_is_stopped(cluster: Cluster, trio: Trio) -> None:
    """Nothing stops, and changes are accepted; started again it has what it had."""
    trio.run(on="ctr1")
    before, since = cluster.incarnation("ctr1"), time.monotonic()
    cluster.lab.registry_stop("ctr1")
    assert states(cluster, "understudy-etcd.service") == {"inactive"}
    wait_for(lambda: accepts(cluster), SOON_S, "a change is accepted")
    assert states(cluster, *PARTS) == {"active"}
    cluster.lab.registry_start("ctr1")
    wait_for(lambda: answers(cluster, "ctr1"), SOON_S, "the member is back")
    assert trio.asker.noticed_nothing(since)
    assert cluster.incarnation("ctr1") == before
