"""A log file with a bound: opened anew when somebody has moved it away, and begun anew by us before it grows too long; one old one is kept.

Used by whoever writes a log: `guard/scribe.py` for keeper and guard, `guard/lines.py` for everybody else. Stdlib only. It may wait for its
disk: never called where something waits for its caller.
"""

import contextlib
import os
import stat

MOST_BYTES = 8 << 20
"""Of a log, and as many of the one before it, NAME.1."""


class LogFile:
    """By its path, or by a descriptor that may be a file (standard error)."""

    def __init__(self, path: str = "", *, fd: int = -1, most_bytes: int = MOST_BYTES) -> None:
        self._path = path or _file_behind(fd)
        self._fd = fd
        self._fixed = fd >= 0
        """Whether others write to the descriptor too: then the file takes its place, whatever it is called meanwhile."""
        self._most_bytes = most_bytes

    def write(self, data: bytes) -> None:
        """Append whole lines. OSError: not all of it is written, the disk is full, say."""
        if self._path:
            self._follow_the_name()
            if os.fstat(self._fd).st_size + len(data) > self._most_bytes:
                self._begin_anew()
        while data:
            data = data[os.write(self._fd, data) :]

    def _follow_the_name(self) -> None:
        if self._fd >= 0:
            ours = os.fstat(self._fd)
            try:
                named = os.stat(self._path)
            except FileNotFoundError:
                named = None
            if named is not None and (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino):
                return
        self._open()

    def _begin_anew(self) -> None:
        # where it may not be renamed it grows on: a log that is too long is better than none
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.stat(self._path, follow_symlinks=False).st_mode) and os.fstat(self._fd).st_size:
                os.rename(self._path, f"{self._path}.1")
                self._open()

    def _open(self) -> None:
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        fresh = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        if self._fixed:
            os.dup2(fresh, self._fd)
            os.close(fresh)
            return
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fresh


def _file_behind(fd: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}") if stat.S_ISREG(os.fstat(fd).st_mode) else ""
    except OSError:
        return ""
