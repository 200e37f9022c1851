"""Processes of resources that have left their control groups: found by what every action carries in its environment, and ended.

Standard library only: guard, keeper and executor use it. A process is a stray of a cluster's server if its environment names that server's
parent control group (`_CRS_CGROUP`, given to every action and inherited by what it starts) and it runs outside it. One that has cleared
its environment, or was started by a service manager, is not found here. Reads /proc alone; never waits, never raises for what it reads.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from understudy.linux.processes import status

MARK = "_CRS_CGROUP"
"""Variable of every action: the parent control group of the server that runs it."""
NAME = "_CRS_NAME"
_MOST_BYTES = 1 << 17
"""Of an environment: ours stand first, unless somebody sorted them; no environment of a process is worth more."""


@dataclass(frozen=True, slots=True)
class Stray:
    """One process outside its control group."""

    pid: int
    started: str
    """Its start time as the kernel writes it: a number that is used again belongs to another process."""
    resource: str
    command: str

    def description(self) -> str:
        """For people: `mysqld (pid 4711)`."""
        return f"{self.command} (pid {self.pid})"


def strays(parent: str, pids: Iterator[int] | None = None) -> list[Stray]:
    """All strays of the server whose groups are below this parent, or those among some processes."""
    namespace = _link("/proc/self/ns/pid")
    return [found for pid in (_all() if pids is None else pids) if (found := stray(parent, pid, namespace)) is not None]


def stray(parent: str, pid: int, namespace: str = "") -> Stray | None:
    """The process as a stray of this server; None if it is none, or gone."""
    mark = f"{MARK}={parent}".encode()
    environment = _bytes(f"/proc/{pid}/environ").split(b"\0")
    if mark not in environment or within(parent, pid) or pid == os.getpid():
        return None
    if namespace and _link(f"/proc/{pid}/ns/pid") != namespace:
        return None  # of a lab host on this machine, whose groups have the same names
    name = next((variable for variable in environment if variable.startswith(f"{NAME}=".encode())), b"=").split(b"=", 1)[1]
    now = status(pid)
    return Stray(pid, now.started, os.fsdecode(name), now.command) if now.alive else None


def within(parent: str, pid: int) -> bool:
    """Whether the process is in a control group below this parent (in one with the parent's name, as seen from any namespace)."""
    return f"/{os.path.basename(parent)}/" in _unified(pid) + "/"


def group_of(parent: str, pid: int) -> str:
    """The folder below the parent in which the process is, as a resource's group is named; empty if it is outside."""
    before, _, below = _unified(pid).partition(f"/{os.path.basename(parent)}/")
    return below.partition("/")[0] if before != below else ""


def is_alive(process: Stray) -> bool:
    """Whether this very process still runs."""
    now = status(process.pid)
    return now.started == process.started and now.alive


def end(found: list[Stray]) -> list[Stray]:
    """SIGKILL to each, and to none that has taken its number since; those that may not be killed are answered."""
    left = []
    for process in found:
        try:
            pidfd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        except OSError:
            left.append(process)
            continue
        try:
            if is_alive(process):  # asked after the descriptor was had: from here on it cannot be another
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except ProcessLookupError:
            continue
        except OSError:
            left.append(process)
        finally:
            os.close(pidfd)
    return left


def end_all(parent: str, within_s: float) -> str:
    """Find and end until none is seen any more; those that are left after that time, for people. For a process of its own: to read what
    another process has in its memory may take as long as that one hangs in the kernel."""
    deadline = time.monotonic() + within_s
    while (found := strays(parent)) and time.monotonic() < deadline:
        end(found)
        while any(map(is_alive, found)) and time.monotonic() < deadline:
            time.sleep(0.001)
    return ", ".join(process.description() for process in found)


def _all() -> Iterator[int]:
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    for name in names:
        if name.isdigit():
            yield int(name)


def _unified(pid: int) -> str:
    for line in _bytes(f"/proc/{pid}/cgroup").decode(errors="replace").splitlines():
        if line.startswith("0::"):
            return line[3:]
    return ""


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(_MOST_BYTES)
    except OSError:
        return b""  # gone, or not ours to read


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
