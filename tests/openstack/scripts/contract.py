"""What every action script of a service keeps to, whether its daemon is the real one or a stand-in."""

from openstack.scripts.machine import UNANSWERED, ScriptedMachine
from support import wait_for

OFFLINE, PARTIAL = 1, 4
SPELT_OTHERWISE = {"openstack-nova-xvpvncproxy": "openstack-nova-xvpxvncproxy"}
"""Scripts under a service's own name, and what the guide calls it."""


def noted(machine: ScriptedMachine, script: str) -> list[str]:
    """The process ids of its daemons."""
    return [line.split()[0] for line in machine.run("cat", f"/run/openstack-ha/{script}.pid").splitlines()]


def marked(machine: ScriptedMachine, script: str) -> list[str]:
    """The process ids of all that runs for it."""
    found = machine.run("sh", "-c", f"grep -lazx OPENSTACK_HA_SERVICE={script} /proc/[0-9]*/environ 2>/dev/null", check=False)
    return [line.split("/")[2] for line in found.splitlines()]


def starts_and_stops(machine: ScriptedMachine, script: str) -> None:
    """Each twice: scripts are called again when nobody knows whether they were."""
    assert machine.call(script, "check").status == OFFLINE
    machine.does(script, "start")
    machine.does(script, "check")
    first = noted(machine, script)
    machine.does(script, "start")
    assert noted(machine, script) == first, "a second start has nothing to do"
    machine.does(script, "stop")
    assert marked(machine, script) == []
    machine.does(script, "stop")
    assert machine.call(script, "check").status == OFFLINE
    machine.does(script, "clean")


def survives_a_crash(machine: ScriptedMachine, script: str) -> None:
    """Its main process is killed: check says no, clean takes away what is left, and it can be started."""
    machine.does(script, "start")
    machine.run("kill", "-9", noted(machine, script)[0])
    wait_for(lambda: machine.call(script, "check").status == OFFLINE, 10, f"{script}: its death is seen")
    machine.does(script, "clean")
    assert marked(machine, script) == []
    machine.does(script, "start")
    machine.does(script, "check")


def is_silent_when_it_hangs(machine: ScriptedMachine, script: str) -> None:
    """It runs when this is called. Silence is not a no; and the end of what hangs does not hang."""
    machine.run("kill", "-STOP", *marked(machine, script))
    assert machine.call(script, "check", 40).status == UNANSWERED
    machine.does(script, "stop")
    assert marked(machine, script) == []


def refuses_a_taken_port(machine: ScriptedMachine, script: str, address: str, port: int) -> None:
    """Nothing is started, and the message says who has it."""
    machine.shell(f"nc -lk {address} {port} >/dev/null 2>&1 </dev/null & echo $! >/run/squatter")
    wait_for(lambda: machine.run("ss", "-Hltn", f"sport = :{port}"), 10, "the port is taken")
    called = machine.call(script, "start")
    machine.shell("kill $(cat /run/squatter)")
    assert called.status == 1
    assert f"port {port} of {address} is taken by something else" in called.said
    assert marked(machine, script) == []
