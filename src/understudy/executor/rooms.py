"""Where actions print to: for each owner a small file system of its own, so that what one service prints can use up its own room alone.

Owned by the runner. A room is a tmpfs with a size, mounted when its owner's first action begins; it outlives the executor, since services
go on printing, and a successor finds it by its path. Where none can be mounted (a container without the right) it is a plain folder, and
only trimming bounds it. Must never wait.
"""

import ctypes
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from understudy.executor.capture import GROWN, Capture, cut
from understudy.linux.libc import libc
from understudy.model.names import directory_of

ROOM_MB = 64
"""What the services of one owner may have printed before it is cut back; the same for the owner's other actions."""
_INODES = 65536
_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
_OWNER = "of-"
"""So that no user's name is a path."""
_ACTS = "acts-of-"


class Rooms:
    """All rooms below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.unbounded: Callable[[str], None] = lambda _: None
        """Called once, with the reason why rooms have no bound."""
        self._plain = False

    def started(self, user: str, name: str) -> Capture:
        """For a start, and what it leaves behind: a new file of this name, which the next executor can find."""
        return Capture.in_file(self._room(f"{_OWNER}{user}") / name)

    def passing(self, user: str) -> Capture:
        """For an action that leaves nothing behind. What runs as root may fill memory anyway, and is spared a neighbour's full room."""
        return Capture.in_memory() if user == "root" else Capture.unnamed(self._room(f"{_ACTS}{user}"))

    def files(self) -> Iterable[Path]:
        """What starts print, or have printed, to."""
        return self._folder.glob(f"{_OWNER}*/*")

    def crowded(self) -> bool:
        """Whether half of any room is used up. A plain folder never is: the file system is not ours. OSError: it cannot be looked at."""
        return not self._plain and any(map(_half_full, self._folder.glob("*of-*")))

    def trim(self) -> None:
        """Cut down what has grown; in a room that is half full, everything. By name: no descriptor is kept for each of a thousand.
        OSError: it cannot be looked at."""
        for room in self._folder.glob(f"{_OWNER}*"):
            most = 0 if not self._plain and _half_full(room) else GROWN
            for file in room.iterdir():
                cut(file, most)

    def _room(self, name: str) -> Path:
        room = self._folder / directory_of(name)
        if not room.is_dir():
            room.mkdir(parents=True, mode=0o700)
        if not self._plain and not os.path.ismount(room):
            self._mount(room)
        return room

    def _mount(self, room: Path) -> None:
        options = f"size={ROOM_MB}m,nr_inodes={_INODES},mode=0700"
        if libc.mount(b"understudy", os.fsencode(room), b"tmpfs", _NOSUID_NODEV_NOEXEC, options.encode()):
            self._plain = True
            self.unbounded(os.strerror(ctypes.get_errno()))


def _half_full(room: Path) -> bool:
    found = os.statvfs(room)
    return found.f_bfree * 2 < found.f_blocks
