"""Control groups of resources: their names, what lives in them, and how to end it.

Owns the layout below the one parent: `PARENT/<resource>/run` (what start actions leave behind: the service) and `PARENT/<resource>/act`
(stop, check, clean, abort). The executor makes and kills groups, event sources watch them, the daemon asks whether they are empty.
Must never touch a group outside the parent, nor put its own process into one: the guard kills all of it at a lapse.
"""

import asyncio
import errno
import os
import re
import time
from pathlib import Path

from understudy.errors import BadSettings
from understudy.model.names import directory_of

PARENT_NAME = "understudy"
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV)
"""ENODEV: removed between open and read."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.0003, 0.01


def group_name(resource: str) -> str:
    """The directory name of a resource's group."""
    return directory_of(resource)


def resource_of(name: str) -> str:
    """The resource whose group has this directory name."""
    return name.replace("%2F", "/").replace("%25", "%")


def parent_group(configured: str, mountinfo: str) -> str:
    """The one parent of all groups: as configured, else `understudy` below the cgroup v2 mount in this mountinfo text."""
    if configured:
        return configured
    for line in mountinfo.splitlines():
        own, _, rest = line.partition(" - ")
        if rest.split(" ", 1)[0] == "cgroup2":
            mount_point = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), own.split()[4])
            return f"{mount_point}/{PARENT_NAME}"
    raise BadSettings("no cgroup v2 is mounted here: mount one, or write [executor] cgroup in understudy.toml")


def find_parent(configured: str = "") -> str:
    """`parent_group` for this process's own mounts."""
    return parent_group(configured, Path("/proc/self/mountinfo").read_text())


class Groups:
    """All resources' control groups below one parent."""

    def __init__(self, parent: str) -> None:
        self.parent = parent

    def group(self, resource: str) -> str:
        """The resource's whole group."""
        return f"{self.parent}/{group_name(resource)}"

    def run(self, resource: str) -> str:
        """Where the service lives."""
        return f"{self.group(resource)}/run"

    def act(self, resource: str) -> str:
        """Where actions other than start run."""
        return f"{self.group(resource)}/act"

    def make(self, resource: str) -> None:
        """Make the resource's groups; no harm if they are there."""
        for path in (self.run(resource), self.act(resource)):
            if not os.path.isdir(path):
                os.makedirs(path, exist_ok=True)

    def resources(self) -> list[str]:
        """Resources that have a group."""
        try:
            names = [one.name for one in os.scandir(self.parent) if one.is_dir()]
        except FileNotFoundError:
            return []
        return sorted(resource_of(name) for name in names)

    def sweep(self) -> None:
        """Remove groups in which nothing lives. Only where nobody starts anything: at the executor's own start."""
        for resource in self.resources():
            for path in (self.run(resource), self.act(resource), self.group(resource)):
                try:
                    os.rmdir(path)
                except OSError:
                    pass  # somebody lives there, or it is gone already: both are fine


def populated(path: str) -> bool:
    """Whether anything lives in this group or below it; False when there is no such group."""
    try:
        with open(f"{path}/cgroup.events", "rb", buffering=0) as file:
            return b"populated 1" in file.read(256)
    except OSError as error:
        if error.errno in _GONE:
            return False
        raise


def processes(path: str) -> list[int]:
    """Ids of the processes in this group and those below it."""
    found: list[int] = []
    for folder, _, _ in os.walk(path):
        try:
            found += [int(line) for line in Path(folder, "cgroup.procs").read_text().split()]
        except OSError:
            continue  # removed meanwhile
    return found


def kill(path: str) -> None:
    """Tell the kernel to end everything in this group and below; no harm if there is none."""
    try:
        with open(f"{path}/cgroup.kill", "wb", buffering=0) as file:
            file.write(b"1")
    except (FileNotFoundError, NotADirectoryError):
        pass


async def kill_and_see(path: str, within_s: float) -> bool:
    """Kill everything in this group; True when it was seen empty within this time (a process in D state survives even this)."""
    if not populated(path):
        return True
    kill(path)
    return await seen_empty(path, within_s)


async def seen_empty(path: str, within_s: float) -> bool:
    """Wait until the kernel says the group is empty, at most this long."""
    end, pause = time.monotonic() + within_s, _FIRST_PAUSE_S
    while populated(path):
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)
    return True
