"""The second line: whoever starts things ends everything by itself when the lease has run out and nobody else did.

Guard and keeper may both be paused (SIGSTOP, a frozen control group, a real-time loop above them). Executor and daemon each know when the
lease ends, for it is in a mapped file; each has a thread with a timer aimed at that end. It sleeps from aim to aim (a lease that is
renewed moves on meanwhile), so it costs a wake-up or two per lease.
Owns: the control group's files and the netlink socket that it needs, opened beforehand.
Called by: `executor/main.py`, `daemon/main.py`. Must never: act under a lease that is valid on this server's clocks, or where no lease was
seen to have been; what runs then may be an operator's, or a test's.
"""

import os
import select
import threading
import time
from collections.abc import Callable

from understudy.errors import UnderstudyError
from understudy.guard import strays
from understudy.guard.gate import Gate
from understudy.guard.kill import mute_namespaces
from understudy.guard.mounts import cut_off_all
from understudy.guard.notice import Notice
from understudy.holdings.listing import KillList, KillListReader, read_kill_list
from understudy.linux.cgroups import Group, likely_parent
from understudy.linux.clocks import Timer, read_clocks
from understudy.linux.interfaces import Addresses
from understudy.linux.lease import NOBODY, LeaseEntry, LeaseReader
from understudy.linux.namespaces import NamespaceDoor
from understudy.linux.reading import Reading
from understudy.model.settings import Settings

LOOK_S = 0.25
"""How often it looks for a first lease: no lease is that short."""
STILL = "the lease ended and understudy-guard stopped nothing: it is paused; daemon and executor have ended everything themselves"
ADVICE = "find out what stopped understudy-guard (SIGSTOP, a frozen control group, a real-time loop): resume it, or kill it; it joins"
AGAIN_S = 0.5
"""Between attempts, while something is left and no new incarnation has begun."""


NEVER = Reading(0, 0)


class Aim:
    """When to act; pure. From what the lease file says at an instant it finds how long to wait, or that it is time."""

    def __init__(self, after_s: float) -> None:
        self._after_ns = round(after_s * 1e9)
        self._incarnation = NOBODY
        self._end: Reading | None = None
        """The latest end that the present incarnation was seen to have."""
        self._done = NEVER
        """The end for which everything was ended already: the file goes on showing it."""

    def left_s(self, lease: LeaseEntry, now: Reading) -> float | None:
        """Seconds until everything is to be ended, 0: now; None: no lease was seen, so nothing is ever to be ended for it."""
        if lease.incarnation != self._incarnation:
            self._incarnation, self._end, self._done = lease.incarnation, None, NEVER
        if 0 not in lease.until and lease.until > (self._end or self._done):
            self._end = lease.until  # ends only grow; a cleared file takes none back: the guard has begun, and may not finish
        if self._end is None or self._incarnation == NOBODY:
            return None
        left_ns = min(self._end.boot_ns - now.boot_ns, self._end.raw_ns - now.raw_ns) + self._after_ns
        return max(left_ns, 0) / 1e9

    def done(self) -> None:
        """Everything was ended: until there is another lease there is nothing to do."""
        self._done = self._end or self._done
        self._end = None


class SecondLine:
    """The thread, and what it ends."""

    def __init__(self, settings: Settings, *, after_s: float, ended: Callable[[list[str]], None]) -> None:
        """`after_s` beyond the end of the lease; `ended` is called in the thread with what is left, after the first attempt."""
        self._lease = LeaseReader(os.path.join(settings.run_dir, "lease"))
        self._settings = settings
        self._aim = Aim(after_s)
        self._ended = ended
        self._own = frozenset(address for server in settings.servers for address in server.addresses)
        self._timer = Timer()
        self._poll = select.poll()
        self._poll.register(self._timer.fileno(), select.POLLIN)
        self._group = Group(likely_parent(settings.cgroup))
        self._addresses: Addresses | None = None
        self._gate: Gate | None = None
        self._door: NamespaceDoor | None = None
        self._notice: Notice | None = None
        self._list = KillList(cgroup=self._group.path, filesystems=settings.filesystems)
        self._reader = KillListReader(settings.run_dir, self._list, filesystems=settings.filesystems)
        self._thread = threading.Thread(target=self._run, name="second line", daemon=True)

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def _run(self) -> None:
        self._be_prompt()
        while True:
            left_s = self._aim.left_s(self._lease.read(), read_clocks())
            if left_s is None:
                self._prepare()
                self._wait(LOOK_S)
            elif left_s > 0:
                self._prepare()
                self._wait(left_s)
            else:
                self._end()

    def _end(self) -> None:
        """The lease has run out and we live: whoever should have ended us did not. Until nothing is left, or another one has begun."""
        incarnation, said = self._lease.read().incarnation, False
        while True:
            left = self._end_once()
            if not said:
                self._say(left)
            said = True
            if not left or self._lease.read().incarnation != incarnation:
                self._aim.done()
                return
            time.sleep(AGAIN_S)

    def _say(self, left: list[str]) -> None:
        if self._notice is not None:
            self._notice.post([STILL, *(f"left: {what}" for what in left), ADVICE])
        self._ended([STILL, *(f"not stopped: {what}" for what in left)])

    def _end_once(self) -> list[str]:
        which = self._cluster_addresses()
        self._group.kill()
        left = [] if self._addresses is None else self._addresses.remove(which)
        self._group.hurry()
        mute_namespaces(self._door, self._list, {})
        deadline = time.monotonic() + AGAIN_S
        while not self._group.empty() and time.monotonic() < deadline:
            time.sleep(0.002)
            self._group.kill()
        outside = strays.end_all(self._group.path, AGAIN_S)
        left += [f"processes outside their control groups do not die: {outside}"] if outside else []
        left += mute_namespaces(self._door, self._list, {})  # once more: nobody is left who could have made one
        left += cut_off_all(self._list.mounts, keep=self._settings.places(), within_s=AGAIN_S)
        return [*left, *([] if self._group.empty() else [f"control group {self._group.path} is not empty"])]

    def _cluster_addresses(self) -> frozenset[str]:
        self._list = read_kill_list(self._settings.run_dir, self._list, filesystems=self._settings.filesystems)
        known = set(self._list.addresses)
        try:
            known |= self._gate.remembered() if self._gate is not None else set()
        except OSError:
            pass  # the gate itself has run out in the kernel: what is left there is mute
        return frozenset(known) - self._own

    def _prepare(self) -> None:
        """Open what is missing; whatever fails is tried again at the next look."""
        self._group.look()
        self._lease.look()
        self._list = self._reader.look()
        try:
            self._notice = self._notice or Notice(self._settings.run_dir)
            self._addresses = self._addresses or Addresses()
            self._door = self._door or NamespaceDoor()
            self._door.look()
            self._gate = self._gate or Gate()
        except OSError:
            pass

    def _wait(self, seconds: float) -> None:
        boot_ns = read_clocks().boot_ns
        self._timer.set(boot_ns + round(seconds * 1e9))
        self._poll.poll((seconds + 0.01) * 1000)

    def _be_prompt(self) -> None:
        """Before whatever else wants the processor, but not before the guard; what is forked elsewhere does not inherit it."""
        try:
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        except OSError:
            return  # later under load then


def start_second_line(settings: Settings, *, after_s: float, ended: Callable[[list[str]], None]) -> None:
    """Begin, where control groups can be found at all."""
    try:
        SecondLine(settings, after_s=after_s, ended=ended).start()
    except (OSError, UnderstudyError) as error:
        ended([f"the second line cannot begin: {error}"])
