"""Small files in the run directory that can be written while it is full: their blocks are taken once, when they are made.

Called by: executor (kill list, pid file), daemon (pid file), keeper (pid file). Must never: leave a reader with half of a file.
"""

import ctypes
import errno
import os

_AT_FDCWD, _EXCHANGE = -100, 2
_libc = ctypes.CDLL(None, use_errno=True)
_PID_ROOM = 64


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
        elif _libc.renameat2(_AT_FDCWD, self._spare.encode(), _AT_FDCWD, self._path.encode(), _EXCHANGE) != 0:
            os.replace(self._spare, self._path)  # a file system that cannot exchange: then a full one is in the way

    def _fill(self, content: bytes) -> None:
        descriptor = os.open(self._spare, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.posix_fallocate(descriptor, 0, self._room)
            os.pwrite(descriptor, content.ljust(self._room - 1) + b"\n", 0)
        finally:
            os.close(descriptor)


def write_pid(descriptor: int, pid: int, started: int | None) -> None:
    """`PID STARTTIME` into an open file, over what was there: no new block where it is not the first."""
    os.posix_fallocate(descriptor, 0, _PID_ROOM)
    os.pwrite(descriptor, f"{pid} {started}".encode().ljust(_PID_ROOM - 1) + b"\n", 0)


def advice(error: OSError, run_dir: str) -> str:
    """What the operator should do about it."""
    if error.errno == errno.ENOSPC:
        return f"{run_dir} is full: free some space there (df {run_dir}; du -x {os.path.dirname(run_dir)})"
    return error.strerror or str(error)
