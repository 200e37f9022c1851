"""Processes of resources that left their control groups, among the executor's children.

The executor is the subreaper of all that its actions begin: whatever loses its parent becomes its child, so that one file of the kernel's
names every main process of every service. Which resource a child belongs to is known by the group it was seen in, or by the mark in its
environment. Called by the runner after every action; reads a few small files of /proc, never waits on anything else.
"""

import asyncio
import os
import time
from collections.abc import Callable

from understudy.agents.groups import Groups, resource_of
from understudy.guard.strays import Stray, end, group_of, is_alive, stray, strays, within
from understudy.linux.processes import status

_PAUSE_S = 0.005


class Outside:
    """Processes that run outside, by resource."""

    def __init__(self, groups: Groups, began: Callable[[int], bool]) -> None:
        self._groups = groups
        self._began = began
        self._of: dict[int, str] = {}
        """Child -> its resource, as found when it was new; empty: of no resource. Exact, as only we reap them: see `reaped`."""
        self._children_of: dict[str, set[int]] = {}
        """The same by resource: there may be thousands, and each action asks about one resource."""
        self._known: dict[str, list[Stray]] = {}
        self._sessions: dict[str, str] = {}
        """Resource -> the session of its last start: what stays in it is the resource's, whatever its environment says."""

    def begin(self) -> None:
        """At the executor's own start: what a former one left may be anybody's child by now."""
        for process in strays(self._groups.parent):
            self._known.setdefault(process.resource, []).append(process)

    def starts(self, resource: str, pid: int) -> None:
        """A start action begins, in a session of its own that has this number."""
        self._sessions[resource] = str(pid)

    def reaped(self, pid: int) -> None:
        """A child has ended: its number may be used again."""
        if (resource := self._of.pop(pid, None)) is not None:
            self._children_of[resource].discard(pid)
            if not self._children_of[resource]:
                del self._children_of[resource]

    def resources(self) -> list[str]:
        """Of which something is known to live outside."""
        return [name for name in list(self._known) if self.look(name)]

    def look(self, resource: str) -> list[Stray]:
        """What of this resource runs outside now."""
        parent = self._groups.parent
        found = {process.pid: process for process in self._known.get(resource, ()) if is_alive(process) and not within(parent, process.pid)}
        children = set(_children())
        for pid in children - self._of.keys():
            if not self._began(pid):
                self._note_whose(pid)
        for pid in sorted(self._children_of.get(resource, set()) & children):
            if pid not in found and not self._began(pid) and not within(parent, pid):
                now = status(pid)
                if now.alive:
                    found[pid] = Stray(pid, now.started, resource, now.command)
        if found:
            self._known[resource] = list(found.values())
        else:
            self._known.pop(resource, None)
        return list(found.values())

    async def end(self, resource: str, within_s: float) -> bool:
        """Kill them, and what they leave behind becomes ours and is killed as well; True when none was seen any more."""
        deadline = time.monotonic() + within_s
        while left := self.look(resource):
            end(left)
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_PAUSE_S)
        return True

    def _note_whose(self, pid: int) -> None:
        """Which resource a new child is of."""
        parent = self._groups.parent
        group = group_of(parent, pid)
        marked = None if group else stray(parent, pid)
        resource = resource_of(group) if group else marked.resource if marked is not None else self._by_session(pid)
        self._of[pid] = resource
        self._children_of.setdefault(resource, set()).add(pid)

    def _by_session(self, pid: int) -> str:
        session = status(pid).session
        return next((resource for resource, known in self._sessions.items() if known == session), "")


def _children() -> list[int]:
    """Our children: of every thread, as the kernel may give them to any."""
    found: list[int] = []
    try:
        threads = os.listdir("/proc/self/task")
    except OSError:
        return []  # no descriptor to be had; who asks whether all is gone gets that error elsewhere
    for thread in threads:
        try:
            with open(f"/proc/self/task/{thread}/children", "rb", buffering=0) as file:
                while part := file.read(1 << 16):
                    found += [int(word) for word in part.split()]
        except OSError:
            continue  # the thread has ended, or the kernel does not tell: then only the mark is left, at our own start
    return found
