"""Directories of this server that are watched between two looks: what changes there is looked at when it has come to rest.

Called by `understudy openstack keys --every`. It only wakes; whoever is woken looks at everything anew. A directory that is not there yet,
or is recreated, is watched from the next wait on. Where the kernel gives no more watches, waiting is all that is left.
"""

import ctypes
import os
import select
import time
from collections.abc import Sequence

from understudy.linux.libc import libc

_WRITTEN, _MOVED_AWAY, _MOVED_HERE, _DELETED = 0x8, 0x40, 0x80, 0x200
_CHANGES = _WRITTEN | _MOVED_AWAY | _MOVED_HERE | _DELETED
REST_S = 1.0
"""Who rotates writes several files; they are looked at when nothing has changed for so long."""
LONGEST_REST_S = 10.0
_BUFFER = 65536


class FoldersWatched:
    """Those directories, until the process ends."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = folders
        self._inotify = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._watch()

    def wait(self, seconds: float) -> bool:
        """Until something has changed in one of them since the last wait began, and has come to rest; else so long. True: it has."""
        if self._inotify < 0:
            time.sleep(seconds)
            return False
        self._watch()
        if not self._changes(seconds):
            return False
        until = time.monotonic() + LONGEST_REST_S
        while time.monotonic() < until and self._changes(REST_S):
            pass
        return True

    def _watch(self) -> None:
        """Each that is there; the same one twice is one."""
        for folder in self._folders if self._inotify >= 0 else ():
            libc.inotify_add_watch(self._inotify, os.fsencode(folder), ctypes.c_uint32(_CHANGES))

    def _changes(self, within_s: float) -> bool:
        if not select.select([self._inotify], [], [], within_s)[0]:
            return False
        try:
            return bool(os.read(self._inotify, _BUFFER))
        except BlockingIOError:
            return False
