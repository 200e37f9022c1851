"""The table of mounts, as the kernel tells it to this process (mountinfo): never asked of the storage itself, which may hang.

Called by: control groups (where are they mounted), guard and executor (which end mounts), the lab.
"""

import ctypes
import errno
import os
import re
from typing import NamedTuple

from understudy.linux.libc import libc

TABLE = "/proc/self/mountinfo"
_FORCE, _DETACH, _NOFOLLOW = 1, 2, 8
_STACKED = 32
"""Mounts on one point, one over the other."""
_ESCAPED = re.compile(r"\\([0-7]{3})")


class MountLine(NamedTuple):
    """One line of mountinfo."""

    device: str
    """`MAJOR:MINOR`."""
    root: str
    """What of the file system is shown: `/`, or the directory that a bind mount shows."""
    point: str
    kind: str
    """Type of the file system."""
    source: str


def read_mounts(table: str = TABLE) -> list[MountLine]:
    """All mounts that this process sees, in the kernel's order: a later one at the same point covers the earlier. OSError."""
    with open(table, encoding="utf-8", errors="surrogateescape") as file:
        return parse_mounts(file.read())


def parse_mounts(text: str) -> list[MountLine]:
    """The lines of a mountinfo text."""
    mounts = []
    for line in text.splitlines():
        fields = line.split(" ")
        after = fields.index("-")
        mounts.append(MountLine(fields[2], _plain(fields[3]), _plain(fields[4]), fields[after + 1], _plain(fields[after + 2])))
    return mounts


def mount_over(path: str, mounts: list[MountLine]) -> MountLine | None:
    """The mount that a path is on, without following links; None: none that this process sees."""
    best = None
    for mount in mounts:
        reaches = f"{path}/".startswith(mount.point.rstrip("/") + "/")
        if reaches and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def is_mounted(point: str, *, table: str = TABLE) -> bool:
    """Whether anything is mounted at exactly this point. OSError: the table cannot be read."""
    return any(mount.point == point for mount in read_mounts(table))


def cut_off(point: str) -> str:
    """Take away what is mounted at this point, however busy it is and whether or not its storage answers: by force (requests under way end
    with an error) and lazily (it leaves the tree at once; what has files open there keeps them, and can reach nothing by name). Nothing
    mounted: nothing done. Empty, or why it is still there. May hang where the last write to a device does: to be called with a bound."""
    for _ in range(_STACKED):
        if not is_mounted(point):
            return ""
        if libc.umount2(os.fsencode(point), _FORCE | _DETACH | _NOFOLLOW) != 0:
            number = ctypes.get_errno()
            if number not in (errno.EINVAL, errno.ENOENT, errno.EAGAIN):  # gone meanwhile; the table says it
                return f"{point} cannot be unmounted: {os.strerror(number)}"
    return f"{point} cannot be unmounted: something is mounted there again and again" if is_mounted(point) else ""


def _plain(field: str) -> str:
    """Undo the octal escapes of blank, tab, newline and backslash."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), field)
