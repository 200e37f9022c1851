"""Whether what pid files and names of executables stand for is running: read from files and from /proc, which may hang or lie.

Called by the agent for applications, beside the loop. Never signals anything.
"""

import os
import pwd
import time
from collections.abc import Collection, Iterable

from understudy.linux.processes import status

_SLACK_S = 2.0
"""By how much a process may seem to have begun after its pid file was written: clocks are set, and the kernel counts in ticks."""
_TICKS = os.sysconf("SC_CLK_TCK")
_MOST = 64
"""Bytes of a pid file that are read."""


def missing(files: Iterable[str], names: Iterable[str], own: Collection[int], user: str) -> str:
    """What is not running, with why; empty: all is. `own` are the processes of the resource's control group; where there are none, an
    executable is looked for among all processes of the user, if one is given."""
    for path in files:
        if why := _no_process(path, own):
            return f"PID_FILES: {path}: {why}"
    wanted = tuple(names)
    if not wanted:
        return ""
    running = [_executables(pid) for pid in (own or _of_user(user))]
    for name in wanted:
        if not any(_is_called(name, each) for each in running):
            return f"EXECUTABLE_NAMES: no process {f'of user {user}' if user and not own else 'of its control group'} runs {name}"
    return ""


def _no_process(path: str, own: Collection[int]) -> str:
    try:
        with open(path, "rb") as file:
            text = file.read(_MOST).split()
            written = os.fstat(file.fileno()).st_mtime
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if not text or not text[0].isdigit() or len(text[0]) > 10:
        return "it holds no process id"
    pid = int(text[0])
    found = status(pid)
    if not found.alive:
        return f"process {pid} does not run"
    if pid in own or _began(found.started) <= written + _SLACK_S:
        return ""
    return f"process {pid} began after the file was written: it is another one ({found.command})"


def _began(started: str) -> float:
    """Seconds since the epoch."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + int(started) / _TICKS


def _of_user(user: str) -> list[int]:
    try:
        uid = pwd.getpwnam(user).pw_uid
    except KeyError:
        return []  # none is looked for, or there is no such user
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == uid:
                    found.append(int(entry.name))
            except OSError:
                continue  # it has ended
    return found


def _executables(pid: int) -> tuple[str, ...]:
    """What a process runs, by whatever name: the file, its first word, and of an interpreter the script."""
    found = []
    try:
        found.append(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            found += [word.decode(errors="replace") for word in file.read(4096).split(b"\0")[:2]]
    except OSError:
        return tuple(found)
    return tuple(found) if status(pid).alive else ()


def _is_called(name: str, running: Iterable[str]) -> bool:
    return any(name == each or ("/" not in name and name == os.path.basename(each)) for each in running if each)
