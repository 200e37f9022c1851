"""Shut down a local file system at a lapse, so that dirty pages stay unwritten (design: Lapse).

Called by: `guard/kill.py`. Must never: touch anything but a file system of its own on a block device of its own. A shut down
root or a bind mount of it takes the machine with it, so whatever is in doubt is refused.
"""

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Sequence

from understudy.guard.helper import side_by_side
from understudy.linux.mounts import TABLE, MountLine, read_mounts

_SHUTDOWN = 0x8004587D
"""FS_IOC_SHUTDOWN: ext4, xfs, btrfs, f2fs."""
_WITHOUT_FLUSHING = struct.pack("=I", 2)


def shut_down_all(points: Sequence[str], *, within_s: float) -> list[str]:
    """What was not done, or not in time, as sentences."""
    hangs = "its storage does not answer: data not written yet may be written late"
    done = side_by_side(points, lambda point: shut_down(point) or "", cannot="shut down", within_s=within_s)
    return [f"{point}: {hangs}" if answer is None else answer for point, answer in done.items() if answer is None or answer]


def shut_down(point: str, *, table: str = TABLE) -> str | None:
    """None when done, else why not."""
    mounts = read_mounts(table)
    found = [mount for mount in mounts if mount.point == point]
    if not found:
        return None  # not mounted: nothing can be written
    refusal = refuse(found[-1], mounts)
    if refusal is not None:
        return refusal
    try:
        descriptor = os.open(point, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EIO:
            return None  # shut down already
        raise
    try:
        fcntl.ioctl(descriptor, _SHUTDOWN, _WITHOUT_FLUSHING)
    except OSError as error:
        return f"{point} cannot be shut down: {error.strerror}"
    finally:
        os.close(descriptor)
    return None


def refuse(mount: MountLine, mounts: list[MountLine]) -> str | None:
    """Why this mount may not be shut down, or None."""
    if mount.root != "/":
        return f"{mount.point}: a bind mount of {mount.root}"
    if mount.point == "/" or any(other.point == "/" and other.device == mount.device for other in mounts):
        return f"{mount.point}: on the root's device"
    if sum(other.device == mount.device for other in mounts) > 1:
        # A bind mount of a whole file system looks like the file system itself.
        return f"{mount.point}: its device is mounted elsewhere too"
    try:
        block = os.stat(mount.source)
    except OSError:
        return f"{mount.point}: {mount.source} is no block device"
    if not stat.S_ISBLK(block.st_mode) or f"{os.major(block.st_rdev)}:{os.minor(block.st_rdev)}" != mount.device:
        return f"{mount.point}: {mount.source} is not its block device"
    return None
