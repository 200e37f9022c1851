"""A short-lived process for what may hang: reading other processes, file systems on storage that does not answer.

Called by: `guard/filesystems.py`, `guard/mounts.py`, `guard/kill.py`. Must never: be waited for without an end, or keep anything of its
parent's open (the keeper's lock would be held by a process that hangs).
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial

PRIORITY = 50
"""Real time, below keeper and guard: what it does is part of the end."""


class Helper:
    """One piece of work, begun at once."""

    def __init__(self, work: Callable[[], str]) -> None:
        """`work` is done in the process; what it returns is the answer. OSError: no process could be made."""
        self._wire, writing = os.pipe2(os.O_CLOEXEC)
        try:
            self._pid = os.fork()
        except OSError:
            os.close(self._wire)
            os.close(writing)
            raise
        if self._pid == 0:
            self._be_it(work, writing)
        os.close(writing)

    def answer(self, deadline: float) -> str | None:
        """What it has answered by then (time.monotonic); None: it hangs. To be called once."""
        poll = select.poll()
        poll.register(self._wire, select.POLLIN)
        said = b""
        while poll.poll(max(deadline - time.monotonic(), 0) * 1000):
            part = os.read(self._wire, 65536)
            if not part:
                break
            said += part
        os.close(self._wire)
        whole = said.endswith(b"\n")
        with contextlib.suppress(OSError):
            os.kill(self._pid, signal.SIGKILL)  # ours still, for it was not reaped; one that hangs dies when the kernel lets it
            os.waitpid(self._pid, 0 if whole else os.WNOHANG)
        return said.decode(errors="replace").strip() if whole else None

    def _be_it(self, work: Callable[[], str], writing: int) -> None:
        try:
            os.closerange(3, writing)
            os.closerange(writing + 1, os.sysconf("SC_OPEN_MAX"))
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
            try:
                said = work()
            except OSError as error:
                said = error.strerror or str(error)
            os.write(writing, said.encode()[:60000] + b"\n")
        finally:
            os._exit(0)


def side_by_side(places: Sequence[str], work: Callable[[str], str], *, cannot: str, within_s: float) -> dict[str, str | None]:
    """The answer for each place, from a process of its own, so that storage that hangs delays nobody; None: not in time. What an OSError
    prevents is answered as `PLACE cannot be WHAT: why`; `cannot` is WHAT."""

    def failed(place: str, error: OSError) -> str:
        return f"{place} cannot be {cannot}: {error.strerror or error}"

    def work_or_say(place: str) -> str:
        try:
            return work(place)
        except OSError as error:
            return failed(place, error)

    answer: dict[str, str | None] = {}
    begun: list[tuple[str, Helper]] = []
    for place in places:
        try:
            begun.append((place, Helper(partial(work_or_say, place))))
        except OSError as error:
            answer[place] = failed(place, error)
    deadline = time.monotonic() + within_s
    return answer | {place: helper.answer(deadline) for place, helper in begun}
