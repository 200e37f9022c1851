"""Those who start things, the daemon and the executor: who they are, and their end.

Owns: a pidfd of each that is known, opened beforehand: a pid file that is gone at a lapse, or a guard without a free descriptor, changes
nothing. Known is who said hello on guard.sock, who wrote the pid file, and where there is none who holds the lock file.
Called by: `guard/kill.py`, through `guard/means.py`. Must never: trust a pid without its start time, take "there is no pid file" for
"it is dead", or forget a process that was not seen to be dead.
"""

import contextlib
import os
import select
import signal
import time

from understudy.linux.processes import Process, holder_of, read_pid, start_time

STARTERS = ("understudyd", "understudy-exec")
"""Names of the pid files of those who start things."""


class Starters:
    """All of them that are known to live."""

    def __init__(self, run_dir: str) -> None:
        self._run_dir = run_dir
        self._known: dict[str, dict[Process, int]] = {name: {} for name in STARTERS}
        self._poll = select.poll()
        """For the end of each."""
        self._seen: dict[str, tuple[int, ...]] = {}
        """What the pid file was when it was last read."""
        self.unchecked: dict[str, str] = {}
        """Those of which it is not known whether they are alive, and why."""

    def look(self) -> None:
        """Take in what the pid files say now. Costs two `stat` when nothing has changed."""
        self._bury()
        for name in STARTERS:
            path = os.path.join(self._run_dir, f"{name}.pid")
            seen: tuple[int, ...] = ()
            with contextlib.suppress(OSError):
                now = os.stat(path)
                seen = (now.st_ino, now.st_mtime_ns, now.st_size)
            if seen != self._seen.get(name) or name in self.unchecked or not (seen or self._known[name]):
                self._seen[name] = seen
                self._find(name, path)

    def met(self, name: str, process: Process) -> None:
        """This one said hello."""
        if name in self._known:
            self._know(name, process)

    def living(self, name: str) -> set[Process]:
        """Those of this name that are known and not dead."""
        self._bury()
        return set(self._known[name])

    def kill(self) -> None:
        """SIGKILL to each."""
        for descriptor in self._descriptors():
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    def left(self, deadline: float) -> list[str]:
        """Wait until all are dead, at most so long (time.monotonic); names of those that are not."""
        poll, waiting = select.poll(), set(self._descriptors())
        for descriptor in waiting:
            poll.register(descriptor, select.POLLIN)
        while waiting:
            for descriptor, _ in poll.poll(max(deadline - time.monotonic(), 0) * 1000):
                waiting.discard(descriptor)
                poll.unregister(descriptor)
            if time.monotonic() >= deadline:
                break
        return [name for name in STARTERS if waiting & set(self._known[name].values())]

    def close(self) -> None:
        """Watch nobody any longer."""
        for known in self._known.values():
            for descriptor in known.values():
                self._let_go(descriptor)
            known.clear()

    def _find(self, name: str, path: str) -> None:
        self.unchecked.pop(name, None)
        process = read_pid(path)
        if process is not None:
            self._know(name, process)
        elif not self._known[name]:
            # No pid file: the lock that it holds while it runs says who it is.
            holder = holder_of(os.path.join(self._run_dir, f"{name}.lock"))
            started = None if holder is None else start_time(holder)
            if holder is not None and started is not None:
                self._know(name, (holder, started))

    def _know(self, name: str, process: Process) -> None:
        known = self._known[name]
        if process in known:
            return
        try:
            descriptor = os.pidfd_open(process[0])
        except ProcessLookupError:
            return
        except OSError as error:
            self.unchecked[name] = f"{name} (process {process[0]}) cannot be watched: {error.strerror}"
            return
        # Read after the pidfd is open: the number cannot be reused between the two.
        if start_time(process[0]) != process[1]:
            os.close(descriptor)
            return
        known[process] = descriptor
        self._poll.register(descriptor, select.POLLIN)

    def _bury(self) -> None:
        dead = {descriptor for descriptor, _ in self._poll.poll(0)}
        for known in self._known.values() if dead else ():
            for process, descriptor in list(known.items()):
                if descriptor in dead:
                    self._let_go(descriptor)
                    del known[process]

    def _let_go(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        os.close(descriptor)

    def _descriptors(self) -> list[int]:
        return [descriptor for known in self._known.values() for descriptor in known.values()]
