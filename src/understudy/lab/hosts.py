"""One lab host: switched on, and what it leaves when its power is gone.

Used by `power.py` alone, which must be a single thread: the first process of a host is made by fork. Never decides
whether a host should run.
"""

import json
import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pyroute2 import NetlinkError

from understudy.errors import LabError
from understudy.lab import SYSTEMD, cgroups, kernel, root
from understudy.lab.network import Switch
from understudy.lab.places import Places
from understudy.lab.plan import Host

_BOOT_S = 20.0
_BOOT_SYSTEMD_S = 60.0
_NAMESPACES = kernel.CLONE_NEWNET | kernel.CLONE_NEWNS | kernel.CLONE_NEWUTS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWCGROUP
_INIT = "/opt/understudy/src/understudy/lab/init.py"
_INIT_TEXT = Path(__file__).with_name("init.py")
"""The same as the machine has it: an empty host has no file of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a host is put together from."""

    host: Host
    places: Places
    group: Path
    image: Path


@dataclass(frozen=True, slots=True)
class Booting:
    """A host that has been switched on: its first process, and the ends of the pipes by which the two talk until it has booted."""

    pid: int
    said: int
    """Read end: one line when the namespaces exist, one when it has booted."""
    go: int
    """Write end: one byte when the cables are there."""

    def close(self) -> None:
        """The two have nothing more to say."""
        os.close(self.said)
        os.close(self.go)


def switch_on(parts: Parts) -> Booting:
    """Start the host's first process in a PID namespace and control group of its own; it waits for its cables."""
    for leaf in ("init", "exec"):
        (parts.group / leaf).mkdir(parents=True)
    said, say = os.pipe()
    listen, go = os.pipe()
    own = os.open("/proc/self/ns/pid", os.O_RDONLY)
    try:
        kernel.unshare(kernel.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            _become_first_process(parts, say, listen)
        kernel.setns(own, kernel.CLONE_NEWPID)  # whatever is started next belongs to the machine again
    finally:
        os.close(own)
        os.close(say)
        os.close(listen)
    return Booting(pid, said, go)


def wire(host: Host, booting: Booting, switch: Switch, cuts: dict[str, set[str]]) -> None:
    """Lay the cables as soon as the host's network namespace exists."""
    _expect(host, booting, "namespaces")
    try:
        switch.plug(host, booting.pid, cuts)
        os.write(booting.go, b"1")
    except (OSError, NetlinkError) as error:
        # its namespaces end with it: what it said before it ended is the cause, and what the kernel says of them is none
        raise LabError(f"{host.name} did not boot: {_said_meanwhile(booting) or error}") from error


def wait_until_booted(host: Host, booting: Booting) -> None:
    """Return when the host's init is at work."""
    _expect(host, booting, "booted")


def switch_off(pid: int, group: Path) -> None:
    """Every process of the host dies at once: its first one, with it the PID namespace, and whatever was just on its way in."""
    os.kill(pid, signal.SIGKILL)
    cgroups.kill(group)


def sweep(pid: int, group: Path) -> None:
    """Wait until nothing of the host is left, then remove its control groups; its mounts and networks ended with its processes."""
    os.waitpid(pid, 0)
    cgroups.wait_until_empty(group)
    cgroups.remove(group)


def has_spoken(booting: Booting) -> bool:
    """Whether the host has said something that was not read, or can say nothing more."""
    return bool(select.select([booting.said], [], [], 0.0)[0])


def _said_meanwhile(booting: Booting) -> str:
    return os.read(booting.said, 4096).decode().strip() if has_spoken(booting) else ""


def _expect(host: Host, booting: Booting, word: str) -> None:
    within_s = _BOOT_SYSTEMD_S if host.init == SYSTEMD else _BOOT_S
    deadline = time.monotonic() + within_s
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([booting.said], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(booting.said, 1) if ready else b""
        if not piece:
            why = "its first process ended" if ready else f"it took more than {within_s:.0f} s"
            raise LabError(f"{host.name} did not boot: {text.decode().strip() or why}")
        text += piece
    if text.decode().strip() != word:
        raise LabError(f"{host.name} did not boot: {text.decode().strip()}")


def _become_first_process(parts: Parts, say: int, listen: int) -> NoReturn:
    """Runs in the new process; ends in the host's init, never returns."""
    try:
        kernel.die_with_parent(signal.SIGKILL)
        os.setsid()
        cgroups.join(parts.group)
        kernel.unshare(_NAMESPACES)
        os.write(say, b"namespaces\n")
        host = parts.host
        program = ["-c", _INIT_TEXT.read_text()] if host.empty else [_INIT]
        root.enter_root(_prepare(parts), host)
        os.read(listen, 1)
        os.set_inheritable(say, True)
        order = {
            "hostname": host.name,
            "say": say,
            "init": host.init,
            "links": {link.interface: [link.address, link.address6] for link in host.links},
            "services": [
                {"name": service.name, "command": service.command, "cleanup": service.cleanup, "needs": service.needs}
                for service in host.services
            ],
        }
        os.execve("/usr/bin/python3", ["python3", "-IS", *program], {"LAB_ORDER": json.dumps(order)})
    except Exception as error:  # noqa: BLE001 - this process ends here, and its parent tells the operator why
        os.write(say, f"{error}\n".encode())
        os._exit(1)


def _prepare(parts: Parts) -> Path:
    console = os.open(parts.places.host(parts.host.name) / "console.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    mounted = root.mount_root(parts.places, parts.host, parts.image)
    os.dup2(console, 1)
    os.dup2(console, 2)
    return mounted
