"""Small files, read whole and with a bound, and files in the run directory that can be written while it is full: their blocks are taken
once, when they are made.

Called by: whoever reads settings or a key; executor, daemon and keeper (kill list, pid files).
Must never: leave a reader with half of a file.
"""

import errno
import os

from understudy.errors import BadSettings
from understudy.linux.libc import libc

LARGEST = 1 << 20
"""Bytes of a file that people write."""
_AT_FDCWD, _EXCHANGE = -100, 2


class SteadyFile:
    """A file that is replaced whole, by one that is there already: the two change places."""

    def __init__(self, path: str, *, room: int) -> None:
        self._path = path
        self._spare = f"{path}.spare"
        self._room = room

    def write(self, content: bytes) -> None:
        """Padded with blanks to the room it has, which grows if need be. OSError: only if more room was needed, or at the first write."""
        while len(content) >= self._room:
            self._room *= 2
        self._fill(content)
        if not os.path.exists(self._path):
            os.replace(self._spare, self._path)
            self._fill(content)  # the next write finds its blocks taken already
        elif libc.renameat2(_AT_FDCWD, self._spare.encode(), _AT_FDCWD, self._path.encode(), _EXCHANGE) != 0:
            os.replace(self._spare, self._path)  # a file system that cannot exchange: then a full one is in the way

    def _fill(self, content: bytes) -> None:
        descriptor = os.open(self._spare, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.posix_fallocate(descriptor, 0, self._room)
            os.pwrite(descriptor, content.ljust(self._room - 1) + b"\n", 0)
        finally:
            os.close(descriptor)


def read_whole(path: str) -> bytes:
    """A file that people write. OSError; BadSettings where it is too large to be one."""
    with open(path, "rb") as file:
        found = file.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise BadSettings(f"{path} has more than {LARGEST >> 20} MiB")
    return found


def advice(error: OSError, run_dir: str) -> str:
    """What the operator should do about it."""
    if error.errno == errno.ENOSPC:
        return f"{run_dir} is full: free some space there (df {run_dir}; du -x {os.path.dirname(run_dir)})"
    return error.strerror or str(error)
