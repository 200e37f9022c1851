"""The executor's child processes: how they are begun, and how every one of them is reaped.

Makes the executor the subreaper of what its actions leave behind: a service that dies is gone from the process table within a
millisecond, whatever the machine's init does (some reap once in two seconds, and a check that looks at a process id is deceived
meanwhile). The only place that waits for children: so a process id is ours until its future is done, and no stranger can be signalled.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence

from understudy.guard.configured import soft_limit
from understudy.linux.libc import libc

_SET_CHILD_SUBREAPER = 36


class Child:
    """One process that we began."""

    def __init__(self, process: subprocess.Popen[bytes], ended: asyncio.Future[int]) -> None:
        self._process = process
        self.pid = process.pid
        self.ended = ended
        """Its exit status, or minus the signal that ended it."""

    def kill(self, *, session: bool = False) -> None:
        """SIGKILL, to it alone or to its whole session; nothing happens if it has ended."""
        if self.ended.done():
            return
        try:
            if session:
                os.killpg(self.pid, signal.SIGKILL)
            else:
                os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # its session has not begun, or is empty

    def reaped(self, status: int) -> None:
        """It has ended."""
        self._process.returncode = status  # else Popen would wait for it again
        if not self.ended.done():
            self.ended.set_result(status)


class Children:
    """All of them."""

    def __init__(self) -> None:
        self._living: dict[int, Child] = {}
        self._reaped: Callable[[int], None] = lambda _: None
        self.files = soft_limit()
        """How many files a child may open: what we were given, before we took all that we may have for ourselves."""

    def begin(self, reaped: Callable[[int], None] = lambda _: None) -> None:
        """On the running loop, in the main thread; `reaped` is called with the id of every process that was ours and has ended."""
        self._reaped = reaped
        if libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def spawn(self, argv: Sequence[str], *, environment: Mapping[str, str], output: int, given: int = subprocess.DEVNULL) -> Child:
        """Begin a process in a session of its own; `given`: a file that it reads. OSError: it cannot be begun."""
        process = subprocess.Popen(
            argv,
            stdin=given,
            stdout=output,
            stderr=output,
            cwd="/",
            env=environment,
            start_new_session=True,
            umask=0o022,
        )
        child = Child(process, asyncio.get_running_loop().create_future())
        self._living[child.pid] = child
        return child

    def began(self, pid: int) -> bool:
        """Whether this is a process that we began and that has not ended: it may not have entered its group yet."""
        return pid in self._living

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._reaped(pid)
            child = self._living.pop(pid, None)
            if child:  # else a service's process, or one that an action left
                child.reaped(os.waitstatus_to_exitcode(status))
