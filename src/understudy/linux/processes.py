"""Processes as the kernel shows them, and the files by which ours are known: pid files and locks.

A process is its number and its start time: a number alone may belong to another by now.
Called by: guard, keeper, executor, daemon, registry, lab. Reads /proc alone, and writes the priority of its own process there; never
waits, never raises for what it reads.
"""

import contextlib
import os
import signal
from typing import NamedTuple

_ENDING = 0x4
"""PF_EXITING among the kernel's flags of a process."""
_ROOM = 64
_LONGEST = 4096
Process = tuple[int, int]
"""Process id and start time."""
NICE = -10
"""Of the processes in which the cluster is decided. Such a one gets as much of the processor as nine others."""


def be_served_first() -> None:
    """Give this process the processor before others that are no real-time processes: a server that joins may have thousands of first looks
    to do, and whoever leads must not be late meanwhile. Where the kernel shares the processor among sessions (`sched_autogroup`) a nice
    value counts only within one: so a session of its own gets the same. Without the right to, all stays as it is; so does a lower value."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, min(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
        if os.getsid(0) == os.getpid():
            with open("/proc/self/autogroup", "w") as file:
                file.write(str(os.getpriority(os.PRIO_PROCESS, 0)))


class Status(NamedTuple):
    """A process at this moment; all empty if it is gone."""

    command: str = ""
    started: str = ""
    """Start time, as the kernel writes it."""
    state: str = ""
    """Its letter."""
    session: str = ""
    ending: bool = False
    """It is about to be gone, and has left its control group already."""

    @property
    def alive(self) -> bool:
        """Whether it runs on: neither gone, nor ending, nor dead and not yet reaped."""
        return bool(self.started) and self.state not in "ZX" and not self.ending


def status(pid: int | str) -> Status:
    """The process of this number, or `self`. The name in the second field may hold blanks and brackets."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            before, _, after = file.read(_LONGEST).rpartition(b") ")
    except OSError:
        return Status()
    fields = after.split()
    if len(fields) < 20:
        return Status()
    command = before.partition(b"(")[2].decode(errors="replace")
    return Status(command, fields[19].decode(), fields[0].decode(), fields[3].decode(), bool(int(fields[6]) & _ENDING))


def start_time(pid: int) -> int | None:
    """When it began, in the kernel's ticks; None: there is no such process."""
    started = status(pid).started
    return int(started) if started else None


def write_pid(descriptor: int, pid: int, started: int | None) -> None:
    """`PID STARTTIME` into an open file, over what was there: no new block where it is not the first."""
    os.posix_fallocate(descriptor, 0, _ROOM)
    os.pwrite(descriptor, f"{pid} {started}".encode().ljust(_ROOM - 1) + b"\n", 0)


def write_own_pid(path: str) -> None:
    """A pid file of this process, over what was there. OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        write_pid(descriptor, os.getpid(), start_time(os.getpid()))
    finally:
        os.close(descriptor)


def read_pid(path: str) -> Process | None:
    """Who wrote this pid file; None: nobody, or it cannot be read."""
    try:
        with open(path, encoding="ascii") as file:
            pid, started = (int(word) for word in file.read().split())
    except (OSError, ValueError):
        return None
    return pid, started


def kill_by_file(path: str) -> None:
    """SIGKILL to the process of a pid file, if it still is the one that wrote it."""
    process = read_pid(path)
    with contextlib.suppress(OSError):
        if process is not None:
            descriptor = os.pidfd_open(process[0])
            if start_time(process[0]) == process[1]:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            os.close(descriptor)


def holder_of(path: str) -> int | None:
    """Which process holds the lock on this file; None: nobody, or there is no such file."""
    try:
        file_stat = os.stat(path)
        name = f"{os.major(file_stat.st_dev):02x}:{os.minor(file_stat.st_dev):02x}:{file_stat.st_ino}"
        with open("/proc/locks", encoding="ascii") as file:
            for line in file:
                fields = line.split()
                if fields[1] == "FLOCK" and fields[5] == name and int(fields[4]) > 0:
                    return int(fields[4])
    except (OSError, ValueError, IndexError):
        return None
    return None
