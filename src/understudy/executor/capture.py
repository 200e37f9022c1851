"""What actions print: kept in a file, not a pipe, and cut down before it grows.

A service that a start action leaves behind inherits our end of its output and may write to it for years. A pipe would delay the answer
until the service ends, and kill it with SIGPIPE when the executor is restarted; so it is a file, opened to append, which we truncate
whenever it has grown. The runner opens and trims captures. Must never wait.
"""

import fcntl
import os
from pathlib import Path

from understudy.agents.output import LONGEST_OUTPUT

GROWN = 4 * LONGEST_OUTPUT
"""Bytes: what is longer is cut back."""


class Capture:
    """One file that an action (and what it leaves behind) prints to."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._kept = b""

    @classmethod
    def in_memory(cls) -> "Capture":
        """For actions that leave nothing behind: gone with its last user."""
        fd = os.memfd_create("output", os.MFD_CLOEXEC)
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
        return cls(fd)

    @classmethod
    def in_file(cls, path: Path) -> "Capture":
        """For start actions: a new file under this name, which the next executor can find."""
        path.unlink(missing_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        os.fchmod(fd, 0o666)  # a script that runs as another user may open /dev/stderr anew; the folder is closed to others
        return cls(fd)

    @classmethod
    def unnamed(cls, folder: Path) -> "Capture":
        """For actions that leave nothing behind, in a folder whose file system has a bound."""
        fd = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o666)
        os.fchmod(fd, 0o666)
        return cls(fd)

    def text(self) -> str:
        """The last of what was printed."""
        size = os.fstat(self.fd).st_size
        start = max(0, size - LONGEST_OUTPUT)
        return (self._kept + os.pread(self.fd, LONGEST_OUTPUT, start))[-LONGEST_OUTPUT:].decode(errors="replace")

    def trim(self, most: int = GROWN) -> None:
        """Cut the file if it has grown beyond so many bytes; what is in its last part stays readable here."""
        if os.fstat(self.fd).st_size > most:
            self._kept = self.text().encode()
            os.ftruncate(self.fd, 0)

    def close(self) -> None:
        """Our end only: the service may go on writing."""
        os.close(self.fd)


def cut(path: Path, most: int = GROWN) -> None:
    """Cut down what a started service has printed, if that is more than so many bytes."""
    try:
        if os.stat(path).st_size > most:
            os.truncate(path, 0)
    except OSError:
        pass  # gone meanwhile
