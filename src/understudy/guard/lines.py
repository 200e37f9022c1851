"""Lines of a log whose disk may hang or be full, and which may be renamed: written by a thread, never waited for.

Used by daemon, executor and registry for their own logs, and for the alert log. What cannot be written is dropped beyond a bound and
counted, and the count is written once something can be. How long a log may grow, and what becomes of one that was renamed: `logfile.py`.
Must never block nor raise.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from understudy.guard.logfile import LogFile
from understudy.linux.journal import is_journal, prefix
from understudy.linux.logline import head, line
from understudy.model.logevents import LINES_LOST

MOST_BYTES = 1 << 20
"""Waiting to be written; the oldest lines go first."""
_AGAIN_S = 1.0


def in_words(lost: int, why: str) -> bytes:
    """How a log that is read by people alone says that lines are missing."""
    return f"{lost} lines before this one are lost: {why}\n".encode()


class Lines:
    """A log file by its path, or by a descriptor that may be one (standard error)."""

    def __init__(self, path: str = "", *, fd: int = -1, missing: Callable[[int, str], bytes] = in_words) -> None:
        """`missing` makes the line that says how many are lost, and why."""
        self._file = LogFile(path, fd=fd)
        self._missing = missing
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._lost = 0
        self.lost = 0
        """Lines that could not be written so far, those that wait not counted."""
        self._why = ""
        self._more = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._write_all, daemon=True, name="lines")
        self._thread.start()

    def write(self, text: str) -> None:
        """Whole lines."""
        self.put(text.encode(errors="replace"))

    def put(self, lines: bytes) -> None:
        """The same of lines that are encoded."""
        with self._more:
            self._waiting.append(lines)
            self._bytes += len(lines)
            while self._bytes > MOST_BYTES:
                self._bytes -= len(self._waiting.popleft())
                self._lost += 1
                self.lost += 1
            self._more.notify()

    @property
    def why(self) -> str:
        """Why the last line could not be written; empty: it could."""
        return self._why

    def close(self, within_s: float = 1.0) -> None:
        """Write what waits, if that is possible in this time."""
        with self._more:
            self._closing = True
            self._more.notify()
        self._thread.join(within_s)

    def _write_all(self) -> None:
        while True:
            with self._more:
                while not self._waiting:
                    if self._closing:
                        return
                    self._more.wait()
                lines, self._bytes = list(self._waiting), 0
                self._waiting.clear()
                lost, self._lost = self._lost, 0
            gap = [self._missing(lost, self._why or "too many at once")] if lost else []
            if not self._written(b"".join((*gap, *lines))):
                with self._more:
                    self._lost += lost + len(lines)
                    self.lost += len(lines)
                    self._more.wait_for(lambda: self._closing, _AGAIN_S)
                    if self._closing:
                        return

    def _written(self, data: bytes) -> bool:
        try:
            self._file.write(data)
        except OSError as error:
            self._why = error.strerror or str(error)
            return False
        self._why = ""
        return True


def standard_error(process: str) -> Lines:
    """This process's own log, wherever it goes."""

    before = prefix(LINES_LOST.level) if is_journal(2) else b""

    def missing(lost: int, why: str) -> bytes:
        begins = head(LINES_LOST.name, LINES_LOST.level, process, pid=os.getpid(), at=time.time())
        return before + line({**begins, "lost": lost, "why": why})

    sys.stderr.flush()
    return Lines(fd=2, missing=missing)
