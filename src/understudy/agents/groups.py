"""Control groups of resources: their names and places, and how to see one empty without holding up the loop.

Owns the layout below the one parent: `PARENT/<resource>/run` (what start actions leave behind: the service) and `PARENT/<resource>/act`
(stop, check, clean, abort). The executor makes and kills groups, event sources watch them, the daemon asks whether they are empty.
Must never touch a group outside the parent, nor put its own process into one: the guard kills all of it at a lapse.
"""

import asyncio
import contextlib
import os
import signal
import time

from understudy.linux.cgroups import kill, populated, processes
from understudy.model.names import directory_of

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.0003, 0.01


def group_name(resource: str) -> str:
    """The directory name of a resource's group."""
    return directory_of(resource)


def resource_of(name: str) -> str:
    """The resource whose group has this directory name."""
    return name.replace("%2F", "/").replace("%25", "%")


class Groups:
    """All resources' control groups below one parent."""

    def __init__(self, parent: str) -> None:
        self.parent = parent

    def group(self, resource: str) -> str:
        """The resource's whole group."""
        return f"{self.parent}/{group_name(resource)}"

    def run(self, resource: str) -> str:
        """Where the service runs."""
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
            names = [entry.name for entry in os.scandir(self.parent) if entry.is_dir()]
        except FileNotFoundError:
            return []
        return sorted(resource_of(name) for name in names)

    def sweep(self) -> None:
        """Remove groups in which nothing runs. Only where nobody starts anything: at the executor's own start."""
        for resource in self.resources():
            self.remove(resource)

    def remove(self, resource: str) -> None:
        """Remove the resource's groups as far as nothing runs in them. Only where nothing is about to enter them."""
        for path in (self.act(resource), self.run(resource), self.group(resource)):
            try:
                os.rmdir(path)
            except OSError:
                pass  # something runs there, or it is gone already: both are fine


async def kill_and_see(path: str, within_s: float) -> bool:
    """Kill everything in this group; True when it was seen empty within this time (a process in D state survives even this)."""
    if not populated(path):
        return True
    kill(path)
    return await seen_empty(path, within_s)


async def terminate_and_see(path: str, within_s: float, halted: asyncio.Future[None]) -> bool:
    """SIGTERM to everything in this group, and to what comes to it meanwhile; True when it was seen empty in time, before `halted`."""
    end, asked = time.monotonic() + within_s, set[int]()
    while populated(path):
        for pid in processes(path):
            if pid not in asked:
                asked.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        if halted.done() or time.monotonic() >= end:
            return False
        await asyncio.sleep(_LONGEST_PAUSE_S)
    return True


async def seen_empty(path: str, within_s: float) -> bool:
    """Wait until the kernel says the group is empty, at most this long."""
    end, pause = time.monotonic() + within_s, _FIRST_PAUSE_S
    while populated(path):
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)
    return True
