"""Notices within about 0.2 ms that the last process of a service has died, from the kernel's own events on control groups.

Runs in the daemon's loop. Watches every resource's `run` group below the one parent; groups may come and go. It only wakes: whoever is
called reads the state anew and asks the agent. Must never wait, nor miss a death between two looks: after each new watch it looks. An event
costs what it is about, however many groups there are.
"""

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable
from pathlib import Path

from understudy.agents.groups import resource_of
from understudy.linux.cgroups import populated
from understudy.linux.libc import libc

_MODIFY, _CREATE, _DELETE, _IGNORED, _OVERFLOW, _FOLDER = 0x2, 0x100, 0x200, 0x8000, 0x4000, 0x40000000
_NONBLOCK, _CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_EVENT = struct.Struct("iIII")
_BUFFER = 65536


class CgroupEvents:
    """Calls back with (resource, populated) whenever that changes for a resource's service."""

    def __init__(self, parent: str, changed: Callable[[str, bool], None]) -> None:
        self._parent = parent
        self._changed = changed
        self._fd = -1
        self._places: dict[int, str] = {}
        """Watch descriptor to what is watched: the parent, a resource's group, or the events file of a `run` group."""
        self._watches: dict[str, int] = {}
        self._last: dict[str, bool] = {}

    def start(self) -> None:
        """Begin, on the running loop."""
        os.makedirs(self._parent, exist_ok=True)
        self._fd = libc.inotify_init1(_NONBLOCK | _CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        asyncio.get_running_loop().add_reader(self._fd, self._read)
        self._watch(self._parent, _CREATE | _DELETE)
        self._look_for_groups()

    def close(self) -> None:
        """End."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _BUFFER)
        except BlockingIOError:
            return
        offset, overflown = 0, False
        groups: dict[str, None] = {}
        while offset < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, offset)
            name = os.fsdecode(data[offset + _EVENT.size : offset + _EVENT.size + length].rstrip(b"\0"))
            offset += _EVENT.size + length
            place = self._places.get(watch, "")
            if mask & _IGNORED:  # what was watched is gone
                self._forget(watch)
            elif mask & _OVERFLOW:
                self._look_at_all()
                overflown = True
            elif place.endswith("/run/cgroup.events"):
                self._look(place, happened=True)
            elif place and mask & _FOLDER:
                groups[f"{place}/{name}" if place == self._parent else place] = None
        if overflown:
            self._look_for_groups()
        for group in groups:
            self._look_for(group)

    def _look_for_groups(self) -> None:
        for group in self._folders(self._parent):
            self._look_for(group)

    def _look_for(self, group: str) -> None:
        """It may be there, and its `run` group may be."""
        self._watch(group, _CREATE | _DELETE)
        events = f"{group}/run/cgroup.events"
        if self._watch(events, _MODIFY):
            self._look(events)

    def _look_at_all(self) -> None:
        for place in list(self._watches):
            if place.endswith("/run/cgroup.events"):
                self._look(place)

    def _look(self, events: str, *, happened: bool = False) -> None:
        """`happened`: the kernel says that something changed. An empty group that was empty before was not so all the time: what was begun
        in it has ended before anybody looked, and several events of the kernel are one by then."""
        run = Path(events).parent
        resource, now = resource_of(run.parent.name), populated(str(run))
        if self._last.get(resource, False) != now or (happened and not now):
            self._last[resource] = now
            self._changed(resource, now)

    def _watch(self, path: str, mask: int) -> bool:
        """Watch this too; True if it is new."""
        watch = libc.inotify_add_watch(self._fd, os.fsencode(path), mask)
        if watch < 0 or watch in self._places:
            return False  # gone again, or known
        stale = self._watches.pop(path, None)
        if stale is not None:
            self._places.pop(stale, None)
        self._places[watch] = path
        self._watches[path] = watch
        return True

    def _forget(self, watch: int) -> None:
        place = self._places.pop(watch, None)
        if place is None:
            return
        self._watches.pop(place, None)
        if place.endswith("/run/cgroup.events"):
            self._look(place)

    @staticmethod
    def _folders(path: str) -> list[str]:
        try:
            return [entry.path for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
