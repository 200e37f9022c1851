"""A lab host whose first process is a real systemd, and hosts that reboot or power themselves off."""

from collections.abc import Iterator

import pytest

from support import wait_for
from understudy.errors import LabError
from understudy.lab import INITS, SYSTEMD, Lab

pytestmark = pytest.mark.lab


@pytest.fixture(params=INITS)
def single(request: pytest.FixtureRequest, lab_name: str) -> Iterator[Lab]:
    """One bare server, with each kind of first process."""
    with Lab(lab_name, ("ctr1",), services=(), init=request.param) as lab:
        lab.up()
        yield lab


def restarted(lab: Lab, first: int) -> bool:
    """Whether the server has another first process than this."""
    try:
        return lab.first_process("ctr1") != first
    except LabError:
        return False  # it is off for a moment


def test_a_server_may_reboot_and_power_itself_off(single: Lab) -> None:
    """A reboot keeps its disk and its cables; powered off it stays off until it is switched on."""
    first = single.first_process("ctr1")
    single.exec("ctr1", ["sh", "-c", "echo kept >/root/disk; echo lost >/run/memory; reboot -ff"], check=False)
    wait_for(lambda: restarted(single, first), 30, "it has rebooted")
    assert single.exec("ctr1", ["cat", "/root/disk"]).stdout == "kept\n"
    assert single.exec("ctr1", ["ls", "/run/memory"], check=False).returncode != 0
    assert single.client(["ping", "-c1", "-w5", "ctr1"], check=False).returncode == 0
    single.exec("ctr1", ["poweroff", "-ff"], check=False)
    wait_for(lambda: single.status()["ctr1"]["power"] == "off", 30, "it is off")
    single.boot("ctr1")
    assert single.exec("ctr1", ["cat", "/root/disk"]).stdout == "kept\n"


def test_systemd_runs_as_on_a_server_and_reaches_nothing_outside(lab_name: str) -> None:
    """It has booted when `up` says so, with no unit that failed; the machine's kernel has no setting that a host could change."""
    with Lab(lab_name, ("ctr1",), services=(), init=SYSTEMD) as lab:
        lab.up()
        assert lab.exec("ctr1", ["systemctl", "is-system-running"]).stdout == "running\n"
        assert lab.exec("ctr1", ["cat", "/proc/1/comm"]).stdout == "systemd\n"
        assert "Reached target" in lab.exec("ctr1", ["journalctl", "--boot"]).stdout
        for setting in ("/proc/sys/kernel/panic", "/proc/sysrq-trigger", "/sys/kernel/mm/transparent_hugepage/enabled"):
            assert lab.exec("ctr1", ["test", "-w", setting], check=False).returncode == 1
        lab.freeze("ctr1")
        lab.thaw("ctr1")
        lab.crash("ctr1")
        lab.boot("ctr1")
        assert lab.exec("ctr1", ["systemctl", "is-system-running"]).stdout == "running\n"
        lab.exec("ctr1", ["systemctl", "poweroff"], check=False)
        wait_for(lambda: lab.status()["ctr1"]["power"] == "off", 30, "it is off")
