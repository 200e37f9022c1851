"""START_BY=unit, with the real systemd and real services: the unit's own way to start, the resource's own control group."""

from collections.abc import Iterator

import pytest

from debianroot import SYSTEMD
from executor.rig import have_root
from openstack.scripts import contract
from openstack.scripts.machine import HOME, Called, ScriptedMachine
from support import wait_for
from understudy.lab import image

pytestmark = [
    pytest.mark.lab,
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not have_root(), reason="needs root"),
    pytest.mark.xdist_group("services"),
]
IN_ITS_GROUP = 'mkdir -p "$1"; echo 0 >"$1/cgroup.procs"; exec env _CRS_START_TIMEOUT=300 "$2" "$3"'
"""As an executor calls a script."""


class UnitMachine(ScriptedMachine):
    """A machine with systemd, on which actions are called in a control group."""

    def group(self, script: str) -> str:
        """The resource's."""
        return f"/sys/fs/cgroup/resources/{script}"

    def call(self, script: str, action: str, within_s: float = 450, **environment: str) -> Called:
        """See ScriptedMachine."""
        path = f"{HOME}/{script}.scr"
        line = f"({IN_ITS_GROUP}) >/tmp/said 2>&1 </dev/null; status=$?; cat /tmp/said; exit $status"
        done = self.tried("bash", "-c", line, "bash", self.group(script), path, action, within_s=within_s)
        return Called(done.returncode, done.stdout)

    def groups_of(self, processes: list[str]) -> set[str]:
        """In which control groups these are."""
        return {line for process in processes for line in self.run("cat", f"/proc/{process}/cgroup").splitlines() if line.startswith("0::")}

    def unit(self, name: str, what: str) -> str:
        """What systemd says of a unit."""
        return self.run("systemctl", "show", "--value", "-p", what, f"{name}.service").strip()


@pytest.fixture(scope="module")
def machine() -> Iterator[UnitMachine]:
    made = UnitMachine(image.SETS["openstack"], SYSTEMD)
    with made:
        made.settings(START_BY="unit")
        made.shell("printf 'NODENAME=rabbit@rabbitvip\\nNODE_IP_ADDRESS=10.10.10.12\\n' >/etc/rabbitmq/rabbitmq-env.conf")
        made.wait(lambda: made.tried("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), "systemd has booted", 120)
        yield made


@pytest.mark.parametrize(("script", "user"), [("memcached", "memcache"), ("rabbitmq-server", "rabbitmq")])
def test_a_unit_runs_in_the_resources_own_control_group(machine: UnitMachine, script: str, user: str) -> None:
    assert machine.call(script, "check").status == contract.OFFLINE
    machine.does(script, "start")
    machine.does(script, "check")
    assert machine.unit(script, "ActiveState") == "active"
    processes = contract.noted(machine, script)
    assert processes == [machine.unit(script, "MainPID")]
    assert machine.groups_of(contract.marked(machine, script)) == {f"0::/resources/{script}"}
    assert machine.run("ps", "-o", "user=", "-p", processes[0]).strip() == user

    machine.run("kill", "-9", *processes)
    wait_for(lambda: machine.unit(script, "ActiveState") == "failed", 30, "systemd has seen its end")
    assert machine.call(script, "check").status == contract.OFFLINE
    assert machine.unit(script, "NRestarts") == "0", "nothing starts it behind the cluster's back"
    machine.does(script, "clean")
    assert contract.marked(machine, script) == []

    machine.does(script, "start")
    machine.does(script, "stop")
    assert contract.marked(machine, script) == []
    assert machine.unit(script, "MainPID") == "0"


def test_the_end_of_a_lease_ends_it(machine: UnitMachine) -> None:
    """Which kills the control group and asks nobody, systemd neither."""
    machine.does("memcached", "start")
    machine.shell(f"echo 1 >{machine.group('memcached')}/cgroup.kill")
    wait_for(lambda: contract.marked(machine, "memcached") == [], 10, "it is dead")
    wait_for(lambda: machine.unit("memcached", "ActiveState") == "failed", 30, "systemd has seen its end")
    assert machine.unit("memcached", "NRestarts") == "0"
    machine.does("memcached", "clean")


def test_what_systemd_begins_when_no_action_waits_for_it_does_not_begin(machine: UnitMachine) -> None:
    """As when the server lost its lease between the two; and as when somebody starts the unit by hand."""
    machine.does("memcached", "start")
    machine.does("memcached", "stop")
    done = machine.tried("systemctl", "start", "memcached.service")
    wait_for(lambda: machine.unit("memcached", "ActiveState") == "failed", 30, "it is refused")
    assert machine.unit("memcached", "ExecMainStatus") == "75", done.stderr
    assert machine.run("pgrep", "-x", "memcached", check=False) == ""
    assert "the cluster starts this unit" in machine.run("journalctl", "-u", "memcached", "--no-pager", check=False)


def test_a_word_that_is_neither_is_refused(machine: UnitMachine) -> None:
    machine.settings(START_BY="hand")
    called = machine.call("memcached", "start")
    assert (called.status, "START_BY in /etc/openstack-ha-data.conf is hand: write daemon or unit" in called.said) == (1, True)
    assert machine.call("memcached", "check").status == 3
    machine.settings(START_BY="unit")
