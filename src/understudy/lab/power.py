"""The lab's hardware: one process per lab, outside all lab hosts. It switches hosts on and off, freezes them, cuts
their cables.

Started by `Lab.up` as `python -m understudy.lab.power LAB IMAGE`, its error output a log. It takes one order per connection
on the lab's socket, as a line of JSON, and answers with one. It runs in a network namespace of its own, the switch, and is
the parent of every host's first process: when it dies, all hosts die. A host that powers itself off stays off, one that reboots is
switched on again. A single thread, because it forks. It never looks into a host: what runs there is not its business.
"""

import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyroute2 import NetlinkError

from understudy.errors import LabError
from understudy.lab import cgroups, hosts, kernel, storage
from understudy.lab.network import DIRECTIONS, Switch
from understudy.lab.places import Places, places_of, read_plan, write_process
from understudy.lab.plan import Host

_ORDER_BYTES_MAX = 65536
_ORDER_S = 5.0
_WAITING_MAX = 64
_FAILURES = (LabError, OSError, NetlinkError)


class Power:
    """The state of the lab's hardware, and what can be done to it."""

    def __init__(self, places: Places, image: Path) -> None:
        self._places = places
        self._image = image
        self._plan = read_plan(places)
        self.is_on = True
        self._running: dict[str, int] = {}
        self._watched: dict[str, int] = {}
        """A pidfd of each host's first process."""
        self._rebooting: dict[str, hosts.Booting] = {}
        """Hosts that restarted themselves and have not booted yet: no order waits for them."""
        self._frozen: set[str] = set()
        self._cuts: dict[str, dict[str, set[str]]] = {host.name: {} for host in self._plan.hosts}
        kernel.unshare(kernel.CLONE_NEWNET | kernel.CLONE_NEWNS)
        # What is mounted from here on stays here; what the machine unmounts goes away here, too.
        kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_SLAVE)
        storage.mount_exports(places)
        self._switch = Switch()
        self._orders: dict[str, Callable[..., dict[str, Any]]] = {
            "boot": self.boot,
            "crash": self.crash,
            "freeze": self.freeze,
            "thaw": self.thaw,
            "cut": self.cut,
            "heal": self.heal,
            "status": self.status,
            "off": self.off,
        }

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order; the answer, or `{"error": SENTENCE}`."""
        self.notice()
        arguments = dict(order)
        try:
            return self._orders[arguments.pop("do")](**arguments)
        except _FAILURES as error:
            return {"error": str(error)}

    def boot(self, names: list[str]) -> dict[str, Any]:
        """Switch hosts on, all at once; answers when all have booted."""
        for name in names:
            if name in self._running:
                raise LabError(f"{name} is already on")
        booting: dict[str, hosts.Booting] = {}
        try:
            for name in names:
                booting[name] = self._switch_on(name)
            for name, booted in booting.items():
                hosts.wire(self._plan.host(name), booted, self._switch, self._cuts[name])
            for name, booted in booting.items():
                hosts.wait_until_booted(self._plan.host(name), booted)
                write_process(self._places.first_process(name), booted.pid)
        except _FAILURES:
            for name in booting:
                self._lose_power(self._plan.host(name))
            raise
        finally:
            for host in booting.values():
                host.close()
        return {"at": time.monotonic()}

    def crash(self, name: str) -> dict[str, Any]:
        """Power loss; answers when nothing of the host is left, with the moment at which its power was gone."""
        self._must_run(name)
        return {"at": self._lose_power(self._plan.host(name))}

    def freeze(self, name: str) -> dict[str, Any]:
        """Stop every process of the host where it is; its kernel still answers."""
        self._must_run(name)
        cgroups.freeze(self._group(name))
        self._frozen.add(name)
        return {"at": time.monotonic()}

    def thaw(self, name: str) -> dict[str, Any]:
        """Let a frozen host run on."""
        self._must_run(name)
        cgroups.thaw(self._group(name))
        self._frozen.discard(name)
        return {"at": time.monotonic()}

    def cut(self, name: str, networks: list[str], directions: list[str]) -> dict[str, Any]:
        """Drop what the host sends (`out`) or what is sent to it (`in`) on these networks, until it is healed; a reboot does not."""
        for network in networks:
            self._cuts[name].setdefault(network, set()).update(directions)
        self._switch.set_cuts(self._plan.host(name), self._cuts[name])
        return {"at": time.monotonic()}

    def heal(self, name: str, networks: list[str]) -> dict[str, Any]:
        """Repair the cables of a host."""
        for network in networks:
            self._cuts[name].pop(network, None)
        self._switch.set_cuts(self._plan.host(name), self._cuts[name])
        return {"at": time.monotonic()}

    def status(self) -> dict[str, Any]:
        """What is on, frozen, cut."""
        return {
            "hosts": {
                host.name: {
                    "power": "on" if host.name in self._running else "off",
                    "frozen": host.name in self._frozen,
                    "cut": {network: [way for way in DIRECTIONS if way in ways] for network, ways in self._cuts[host.name].items()},
                    "pid": self._running.get(host.name),
                }
                for host in self._plan.hosts
            }
        }

    def off(self) -> dict[str, Any]:
        """Take the power of all hosts away; this process ends after the answer."""
        for name in list(self._running):
            self._lose_power(self._plan.host(name))
        self.is_on = False
        return {"at": time.monotonic()}

    def descriptors(self) -> tuple[int, ...]:
        """What poll is to watch: one can be read when there is something to `notice`."""
        return (*self._watched.values(), *(booting.said for booting in self._rebooting.values()))

    def notice(self) -> None:
        """Take in what has happened by itself: first processes that ended, hosts that have booted again."""
        self._notice_ends()
        for name, booting in list(self._rebooting.items()):
            if hosts.has_spoken(booting):
                self._finish_reboot(name, booting)

    def _notice_ends(self) -> None:
        """A host whose first process has ended by itself is off; one that asked the kernel for a reboot is switched on again."""
        for name, pid in list(self._running.items()):
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended:
                self._lose_power(self._plan.host(name))
                if (ended.si_code, ended.si_status) == (os.CLD_KILLED, signal.SIGHUP):  # how the kernel reboots a PID namespace
                    self._reboot(name)

    def _reboot(self, name: str) -> None:
        try:
            self._rebooting[name] = self._switch_on(name)
            hosts.wire(self._plan.host(name), self._rebooting[name], self._switch, self._cuts[name])
        except _FAILURES as error:
            self._fail_reboot(name, error)

    def _finish_reboot(self, name: str, booting: hosts.Booting) -> None:
        try:
            hosts.wait_until_booted(self._plan.host(name), booting)
            write_process(self._places.first_process(name), booting.pid)
        except _FAILURES as error:
            self._fail_reboot(name, error)
        else:
            self._rebooting.pop(name).close()

    def _fail_reboot(self, name: str, error: Exception) -> None:
        print(f"{name} did not reboot: {error}", file=sys.stderr, flush=True)
        if name in self._running:
            self._lose_power(self._plan.host(name))

    def _switch_on(self, name: str) -> hosts.Booting:
        booting = hosts.switch_on(self._parts(name))
        self._running[name] = booting.pid
        self._watched[name] = os.pidfd_open(booting.pid)
        return booting

    def _lose_power(self, host: Host) -> float:
        group = self._group(host.name)
        self._places.first_process(host.name).unlink(missing_ok=True)
        pid = self._running.pop(host.name)
        os.close(self._watched.pop(host.name))
        if rebooting := self._rebooting.pop(host.name, None):
            rebooting.close()
        self._frozen.discard(host.name)
        self._switch.silence(host)
        hosts.switch_off(pid, group)
        at = time.monotonic()
        self._switch.unplug(host)
        hosts.sweep(pid, group)
        return at

    def _must_run(self, name: str) -> None:
        self._plan.host(name)
        if name not in self._running:
            raise LabError(f"{name} is off: understudy lab boot {name}")

    def _parts(self, name: str) -> hosts.Parts:
        return hosts.Parts(host=self._plan.host(name), places=self._places, group=self._group(name), image=self._image)

    def _group(self, name: str) -> Path:
        return cgroups.group_of(self._plan.name, name)


def main(lab: str, image: str) -> int:
    """Be the lab's hardware; says `ready` on its output when it takes orders, else why not, and closes it."""
    places = places_of(lab)
    os.setsid()
    os.chdir("/")
    cgroups.join(cgroups.group_of(lab, "power"))
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            power = Power(places, Path(image))
            listener.bind(str(places.socket))
            listener.listen(_WAITING_MAX)
        except _FAILURES as error:
            os.write(1, str(error).encode())
            return 1
        write_process(places.power_pid, os.getpid())
        os.write(1, b"ready")
        os.dup2(2, 1)
        while power.is_on:
            if _wait(listener, power):
                _serve_one(listener, power)
            else:
                power.notice()
    return 0


def _wait(listener: socket.socket, power: Power) -> bool:
    """Until an order comes (True), or there is something to notice."""
    poll = select.poll()
    for descriptor in (listener.fileno(), *power.descriptors()):
        poll.register(descriptor, select.POLLIN)
    return any(descriptor == listener.fileno() for descriptor, _ in poll.poll())


def _serve_one(listener: socket.socket, power: Power) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(_ORDER_S)
        try:
            with connection.makefile("rb") as lines:
                text = lines.readline(_ORDER_BYTES_MAX)
            if text.endswith(b"\n"):
                connection.sendall(json.dumps(power.obey(json.loads(text))).encode() + b"\n")
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass  # whoever asked did not finish, or did not wait for the answer; what was asked for is done all the same


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
