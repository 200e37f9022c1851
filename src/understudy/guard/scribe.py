"""Who writes the log on behalf of keeper and guard: a small process at normal priority, behind a pipe that never keeps its writer waiting.

A regular file calls itself writable and then the write waits for its disk: on a log disk that hangs, a guard that wrote its own log would
hang before it has killed anything. So descriptor 2 of keeper and guard is a pipe that does not block; what does not fit is dropped
and counted (`system.say`).
Owns: the pipe, and the descriptor that the log had.
Called by: `guard/keeper.py`, `guard/main.py`. Must never: be waited for, or keep anything of its keeper's open but that pipe (the keeper's
lock would be held by a process that hangs).
"""

import contextlib
import os
import select
import signal
import sys
import time

from understudy.guard.logfile import LogFile
from understudy.guard.system import PROCESS, before, to_the_journal
from understudy.linux.journal import is_journal
from understudy.linux.logline import head, line
from understudy.model.logevents import LINES_LOST

LONGEST_CHUNK = 65536
SHORT_LIFE_S = 5.0
"""After one that did not live as long its successor goes on as it was forked: perhaps no other Python can begin."""
AGAIN_AFTER_S = 1.0
"""At least this long between one scribe and its successor."""


class Scribe:
    """The pipe in place of descriptor 2, and the process behind it."""

    def __init__(self, *, lasting: bool = True) -> None:
        """`lasting`: it goes on for as long as the guard does, so that what it takes of memory matters."""
        self._lasting = lasting
        to_the_journal(is_journal(2))
        self._log = os.dup(2)
        self._reading, writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(writing, False)
        os.dup2(writing, 2, inheritable=False)
        os.close(writing)
        self._alive = -1
        self._begun_s = 0.0
        self._begin()

    def look(self) -> None:
        """Have a successor if it has died; what nobody has read yet is in the pipe still."""
        if time.monotonic() - self._begun_s >= AGAIN_AFTER_S and _hung_up(self._alive, 0):
            os.close(self._alive)
            self._lasting &= time.monotonic() - self._begun_s > SHORT_LIFE_S
            self._begin()

    def close(self, within_s: float) -> None:
        """Give descriptor 2 back to the log, and wait a moment for what was said."""
        os.dup2(self._log, 2)
        os.close(self._reading)
        os.close(self._log)
        _hung_up(self._alive, within_s)
        os.close(self._alive)

    def _begin(self) -> None:
        self._begun_s = time.monotonic()
        self._alive, its_end = os.pipe2(os.O_CLOEXEC)
        # Forked twice: it is no child of ours, so we need not reap it.
        middle = os.fork()
        if middle == 0:
            try:
                if os.fork() == 0:
                    self._write(its_end)
            finally:
                os._exit(0)
        os.close(its_end)
        os.waitpid(middle, 0)

    def _write(self, its_end: int) -> None:
        """The process itself, to the end of the last writer."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # it ends when those for whom it writes have ended
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.dup2(self._log, 2)
        kept = sorted((2, self._reading, its_end))
        for after, following in zip(kept, (*kept[1:], os.sysconf("SC_OPEN_MAX")), strict=True):
            os.closerange(after + 1, following)
        if self._lasting:
            with contextlib.suppress(OSError):  # then as it is, with all that a keeper has in memory
                _begin_anew(self._reading, its_end)
        follow(self._reading)


def _begin_anew(reading: int, its_end: int) -> None:
    """As a Python that has loaded what this file needs and no more. Beside it keeper and guard share nothing of their memory, for theirs is
    locked: it would keep all of a keeper's for itself."""
    for descriptor in (reading, its_end):
        os.set_inheritable(descriptor, True)
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = f"import sys; sys.path.insert(0, {source!r}); from {__name__} import follow; follow({reading}, named={PROCESS!r})"
    python = sys.executable or "python3"
    os.execv(python, [python, "-IS", "-c", code])


def follow(reading: int, *, named: str = "") -> None:
    """Write what is said to descriptor 2, to the end of the last who says anything. `named`: what this process is called from now on."""
    if named:
        to_the_journal(is_journal(2))
        with contextlib.suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(named)
    log, lost = LogFile(fd=2), 0
    while chunk := os.read(reading, LONGEST_CHUNK):
        gap = _missing(lost) if lost else b""
        try:
            log.write(gap + chunk)
            lost = 0
        except OSError:  # its disk is full: this is lost, the next may not be
            lost += chunk.count(b"\n")


def _missing(lost: int) -> bytes:
    begins = head(LINES_LOST.name, LINES_LOST.level, PROCESS, pid=os.getpid(), at=time.time())
    return before(LINES_LOST) + line({**begins, "lost": lost, "why": "the log's disk took none"})


def _hung_up(descriptor: int, within_s: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(within_s * 1000))
