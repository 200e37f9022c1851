"""The keeper: the guard's parent, at a priority just above it.

Owns: what a successor needs (`held.py`), the guard's life, and the last word: if no guard stops this server in time, it does.
Called by: `guard/main.py`; it runs until the guard said farewell or SIGTERM.
Must never: let a second guard bind before the first is dead and reaped, continue an incarnation whose lease has run out, or
begin a new one before everything of the old one was seen to be gone.
"""

import fcntl
import os
import select
import signal
import time
import traceback

from understudy.errors import BadSettings
from understudy.guard import kill, registered
from understudy.guard.configured import UNUSABLE
from understudy.guard.core import Start
from understudy.guard.core.ending import Ended, Scope, Stage
from understudy.guard.held import Held, State
from understudy.guard.leave import stays_out
from understudy.guard.means import LOOK_S, Means
from understudy.guard.networks import cannot_listen
from understudy.guard.notice import Notice
from understudy.guard.process import CANNOT_LISTEN, ENDED_FAREWELL, ENDED_FAREWELL_NOT_EMPTY, ENDED_LAPSED, KILL_WITHIN_S, GuardProcess
from understudy.guard.protected import Protected
from understudy.guard.scribe import Scribe
from understudy.guard.starters import STARTERS
from understudy.guard.system import GUARD_PRIORITY, KEEPER_PRIORITY, become_real_time, die_with, reboot_now, say
from understudy.guard.watch import Watch
from understudy.linux.clocks import read_clocks
from understudy.linux.lease import NOBODY, LeaseFile
from understudy.linux.processes import start_time, write_pid
from understudy.linux.reading import Reading, most_elapsed
from understudy.model.limits import Limits
from understudy.model.settings import Settings

PID_FILE = "understudy-guard"
STEADY_S = 5.0
"""A guard that lived this long does not count as one that keeps ending."""
LONGEST_PAUSE_S = 2.0
ENDS_WITHIN_S = 2.0
"""A guard that needs longer hangs: the kill itself, processes outside their groups, and file systems have their own bounds within this."""
FIRST_PAUSE_S, AGAIN_S = 0.05, 1.0
"""Between attempts to stop what could not be stopped: from the first to the second, doubling."""
REBOOT_AFTER_S = 5.0
"""How long a guard that cannot be killed is waited for before the reboot, where that is allowed."""
ADVICE = "mend what is named there, or reboot this server ([guard] reboot_on_lapse does that by itself)"
STAY_OUT_S = 0.2
"""How often a keeper whose server has left looks whether it is asked back."""


class Keeper:
    """Forks guards one after the other and watches the present one."""

    def __init__(self, settings: Settings, limits: Limits, key: bytes) -> None:
        self._settings = settings
        self._limits = limits
        self._key = key
        os.makedirs(settings.run_dir, exist_ok=True)
        self._scribe = Scribe()  # before the lock: nobody but keeper and guard may hold it
        self._lock = _claim(os.path.join(settings.run_dir, f"{PID_FILE}.pid"))
        self._held = Held()
        self._protected = Protected(self._held.protected)
        registry = registered.read(registered.path_of(settings))
        if registry is not None:
            self._held.registry = registry
        self._lease = LeaseFile(os.path.join(settings.run_dir, "lease"))
        self._notice = Notice(settings.run_dir)
        self._means = Means(settings)
        self._asked_to_end = 0
        """How many SIGTERMs came: the first asks for a leave in order, the second to end at once."""
        self._passed_on = 0
        self._failures = 0
        self._looked_s = 0.0

    def run(self) -> int:
        """Keep a guard running; the exit code once this server was asked to end."""
        say(f"keeper: priority {become_real_time(KEEPER_PRIORITY, children_too=True)}")
        signal.signal(signal.SIGTERM, lambda *_: self._end_soon())
        for address in self._means.remember_addresses():
            self._protected.protect(address)
        # What is older than this keeper is from a lease only if an earlier one made a lease.
        self._end_everything(after_a_lease=self._lease.read().incarnation != NOBODY)
        start = self._begin()
        while start is not None:
            began_s = time.monotonic()
            code = self._guard_life(start)
            self._failures = 0 if time.monotonic() - began_s > STEADY_S else self._failures + 1
            start = self._after(code)
            if code == CANNOT_LISTEN:
                return self._give_up()
        return 0

    def _give_up(self) -> int:
        """In order: everything is stopped. Whoever starts us tries again; until then operators see why."""
        why = cannot_listen(self._settings) or "what it is to listen on could not be had a moment ago"
        say(f"{why}; everything here is stopped, and understudy-guard ends")
        self._notice.post([why])
        return UNUSABLE

    def _after(self, code: int) -> Start | None:
        """What the next guard begins with; None: this server was asked to end."""
        if code in (ENDED_LAPSED, ENDED_FAREWELL):
            self._notice.clear()
        left = code in (ENDED_FAREWELL, ENDED_FAREWELL_NOT_EMPTY)
        if code == ENDED_LAPSED:
            say("the lease ended, everything is stopped")
        elif code != ENDED_FAREWELL:
            if self._held.stage is Stage.RUNNING and code != CANNOT_LISTEN:
                say(f"the guard ended ({_in_words(code)})")
                successor = self._continue()
                if successor is not None:
                    return successor
            self._end_everything()
        self._note_end(left=left)
        if code == CANNOT_LISTEN or self._asked_to_end or (left and not stays_out(self._settings)):
            return None
        return self._begin()

    def _note_end(self, *, left: bool) -> None:
        """Since when this server holds no lease, for whoever asks its next life. One that left was not robbed of it."""
        base = self._held.read().base
        if left:
            self._held.lapsed_boot_ns = 0
        elif base is not None:
            self._held.lapsed_boot_ns = base.boot_ns + round(self._limits.lease_s * 1e9)

    def _begin(self) -> Start | None:
        """A new incarnation, holding nothing; None: asked to end before there was one."""
        if stays_out(self._settings):
            told = "this server has left the cluster; it comes back with: understudy server join"
            say(told)
            self._notice.post([told])
            while stays_out(self._settings) and not self._asked_to_end:
                time.sleep(STAY_OUT_S)
            if self._asked_to_end:
                return None
            self._notice.clear()
        self._held.leave_by_boot_ns = 0
        kill.allow_again(self._means)
        incarnation = os.urandom(16)
        self._held.write(State(incarnation, 0, None, seen=self._held.read().seen))
        self._held.stage = Stage.RUNNING
        self._lease.begin(incarnation)
        return Start(incarnation)

    def _continue(self) -> Start | None:
        """The unexpired incarnation with a successor; None if it has run out or never held a lease."""
        self._pause()
        state = self._held.read()
        if state.base is None or self._left_ns(state.base) <= 0:
            return None
        return Start(state.incarnation, state.sequence, state.base, begun_here=False, position=state.position)

    def _pause(self) -> None:
        """Between guards that keep ending; never beyond the lapse."""
        if self._failures < 2:
            return
        base = self._held.read().base
        left_s = LONGEST_PAUSE_S if base is None else max(self._left_ns(base) / 1e9, 0.0)
        time.sleep(min(0.005 * 2**self._failures, LONGEST_PAUSE_S, left_s))

    def _left_ns(self, base: Reading) -> int:
        """Until the lapse of a lease that rests on `base`."""
        return round((self._limits.lease_s - self._limits.stop_now_s) * 1e9) - most_elapsed(base, read_clocks())

    def _end_soon(self) -> None:
        self._asked_to_end += 1

    # One guard's life.

    def _guard_life(self, start: Start) -> int:
        """Fork, watch, reap: the guard's exit code, negative if a signal ended it."""
        if not self._held.leave_by_boot_ns:
            self._passed_on = 0  # a predecessor that ended before it could heed the signal
        keeper = os.getpid()
        guard = os.fork()
        if guard == 0:
            self._be_the_guard(keeper, start)
        descriptor = os.pidfd_open(guard)
        try:
            self._watch(descriptor, guard)
        finally:
            os.close(descriptor)
        _, status = os.waitpid(guard, 0)
        return os.waitstatus_to_exitcode(status)

    def _be_the_guard(self, keeper: int, start: Start) -> None:
        code = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            die_with(keeper)
            priority = become_real_time(GUARD_PRIORITY)
            process = GuardProcess(self._settings, self._limits, self._key, self._held, self._lease, start, notice=self._notice)
            process.priority = priority
            code = process.run()
        except BadSettings:
            code = CANNOT_LISTEN
        except BaseException:  # noqa: BLE001 - whatever it was, the keeper sees the exit code
            say(traceback.format_exc() if self._failures < 2 else f"the same again: {traceback.format_exc().splitlines()[-1]}")
        finally:
            os._exit(code)

    def _watch(self, descriptor: int, guard: int) -> None:
        """Until the guard has ended: by itself, or because it had to be killed. Not held up by one that cannot be."""
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        watch = Watch(self._limits, ends_within_s=ENDS_WITHIN_S)
        while not poll.poll(watch.wait_s(self._held, read_clocks()) * 1000):
            if self._asked_to_end > self._passed_on:
                self._passed_on += 1
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            verdict = watch.look(self._held, read_clocks())
            if verdict.strike:
                self._strike()
            if verdict.kill is not None:
                say(f"killing the guard: {verdict.kill}")
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            if verdict.alone:
                self._outlive(guard, poll)
            elif self._held.stage is Stage.RUNNING:
                self._look_around()

    def _look_around(self) -> None:
        """While nothing is pressing, now and then: have all at hand that the end needs."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        for number, name in enumerate(STARTERS):
            process = self._held.starter(number)
            if process is not None:
                self._means.starters.met(name, process)
        self._means.look()
        self._scribe.look()

    # The last word.

    def _strike(self) -> None:
        """The lease is over and the guard has not sent the kill: send it beside it. Whoever is slower finds it done."""
        self._held.reach(Stage.STOPPING)
        self._lease.clear()
        self._know_addresses()
        kill.strike(self._means)
        self._held.reach(Stage.STRUCK)
        say("the lease ended and the guard was late: the keeper has sent the kill")

    def _outlive(self, guard: int, poll: "select.poll") -> None:
        """The guard does not die of SIGKILL: it hangs in the kernel. All the rest ends without it; no successor binds beside it."""
        self._end_everything()
        left = f"understudy-guard (process {guard}) does not die of SIGKILL, and this server stays out of the cluster until it does"
        advice = "it hangs in the kernel (a frozen control group, or storage that does not answer): mend that, or reboot this server"
        say(f"{left}: {advice}")
        self._notice.post([f"{left}: {advice}"])
        if not poll.poll(REBOOT_AFTER_S * 1000) and self._settings.reboot_on_lapse:
            say("rebooting: the guard cannot be ended")
            reboot_now()
        poll.poll()
        self._notice.clear()

    def _end_everything(self, *, after_a_lease: bool = True) -> None:
        """Until nothing is left, however long that takes; those who start things are ended once, for without a lease they begin nothing."""
        self._held.reach(Stage.STOPPING)
        self._lease.clear()
        self._know_addresses()
        said: tuple[str, ...] = ()
        pause_s = FIRST_PAUSE_S
        while True:
            ended = kill.end_everything(
                self._means, within_s=KILL_WITHIN_S, scope=Scope(after_a_lease=after_a_lease), told=self._held.reach
            )
            if ended.left and ended.left != said:
                self._say_what_is_left(ended)
            said = ended.left
            if not ended.left:
                self._notice.clear()
                return
            if self._settings.reboot_on_lapse and (after_a_lease or not ended.stopped):
                say("rebooting: something could not be stopped")
                reboot_now()
            if ended.stopped:
                return
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, AGAIN_S)

    def _say_what_is_left(self, ended: Ended) -> None:
        """To the log, and where operators see it although no guard answers."""
        head = (
            "everything is stopped, but not all could be made certain"
            if ended.stopped
            else "this server is out of the cluster: not everything of its last lease could be stopped; it is tried again for ever"
        )
        for one in ended.left:
            say(f"not stopped: {one}")
        self._notice.post([head, *ended.left, ADVICE])

    def _know_addresses(self) -> None:
        self._protected.reload()
        self._means.cluster_addresses = self._protected.cluster()


def _claim(path: str) -> int:
    """Our pid file, locked; waits for a guard that outlives its keeper by a moment."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + 2.0
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise SystemExit(f"understudy-guard: another one is running (it holds {path})") from None
            time.sleep(0.02)
    write_pid(descriptor, os.getpid(), start_time(os.getpid()))
    return descriptor


def _in_words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
