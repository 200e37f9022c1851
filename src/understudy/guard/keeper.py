"""The keeper: the guard's parent, at a priority just above it.

Owns: the process. It carries out what `core/keeper.py` decides: forks guards, watches the present one, holds what a successor needs
(`held.py`), and sends the kill itself where no guard stops this server in time.
Called by: `guard/main.py`; it runs until the guard said farewell or SIGTERM.
Must never: decide, or wait for anything but its guard and the end of a pause.
"""

import fcntl
import os
import select
import signal
import time
import traceback
from collections import deque
from typing import assert_never

from understudy.errors import BadSettings
from understudy.guard import kill, registered
from understudy.guard.configured import UNUSABLE
from understudy.guard.core import GuardStart
from understudy.guard.core import keeper as core
from understudy.guard.core.ending import EndScope, EndStage
from understudy.guard.core.watch import KeeperSight
from understudy.guard.held import Held
from understudy.guard.leave import stays_out
from understudy.guard.means import LOOK_S, Means
from understudy.guard.networks import cannot_listen
from understudy.guard.notice import Notice
from understudy.guard.process import KILL_WITHIN_S, GuardProcess
from understudy.guard.protected import Protected
from understudy.guard.scribe import Scribe
from understudy.guard.starters import STARTERS
from understudy.guard.system import GUARD_PRIORITY, KEEPER_PRIORITY, become_real_time, die_with, reboot_now, say
from understudy.linux.clocks import read_clocks
from understudy.linux.keys import Keys
from understudy.linux.lease import NOBODY, LeaseFile
from understudy.linux.processes import start_time, write_pid
from understudy.model import logevents
from understudy.model.limits import Limits
from understudy.model.settings import Settings

PID_FILE = "understudy-guard"
CALM_LOOK_S = 1.0
"""How often it looks at a guard that puts off every look; also a second alarm, should the boot clock stop."""
MOST_TRACEBACKS = 2
"""Of guards that die one after the other: then a line each."""


class KeeperProcess:
    """Forks guards one after the other and watches the present one."""

    def __init__(self, settings: Settings, limits: Limits, keys: Keys) -> None:
        self._settings = settings
        self._limits = limits
        os.makedirs(settings.run_dir, exist_ok=True)
        self._scribe = Scribe()  # before the lock: nobody but keeper and guard may hold it
        self._lock = _claim(os.path.join(settings.run_dir, f"{PID_FILE}.pid"))
        self._held = Held()
        self._held.keys = keys
        self._protected = Protected(self._held.protected)
        registry = registered.read(registered.path_of(settings))
        if registry is not None:
            self._held.registry = registry
        self._lease = LeaseFile(os.path.join(settings.run_dir, "lease"))
        self._notice = Notice(settings.run_dir)
        self._means = Means(settings)
        self._core = core.Keeper(limits, reboots=settings.reboot_on_lapse)
        self._guard = 0
        """Process id; 0: there is none."""
        self._pidfd = -1
        self._poll, self._calm_poll = select.poll(), select.poll()
        """For the guard's end, if there is a guard; and for that or the alarm that it puts off."""
        self._calm_poll.register(self._held.alarm.fileno(), select.POLLIN)
        self._forked_s = 0.0
        self._pause_over_s: float | None = None
        self._looked_s = 0.0

    def run(self) -> int:
        """Keep a guard running; the exit code once this server was asked to end."""
        say(logevents.PRIORITY, why=become_real_time(KEEPER_PRIORITY, children_too=True))
        signal.signal(signal.SIGTERM, lambda *_: self._asked())
        for address in self._means.remember_addresses():
            self._protected.protect(address)
        effects = deque(self._core.started(after_a_lease=self._lease.read().incarnation != NOBODY))
        while True:
            if not effects:
                effects += self._wait()
                continue
            effect = effects.popleft()
            if isinstance(effect, core.Finish):
                return self._give_up() if effect.cannot_listen else 0
            effects += self._perform(effect)

    def _give_up(self) -> int:
        """In order: everything is stopped. Whoever starts us tries again; until then operators see why."""
        why = cannot_listen(self._settings) or "what it is to listen on could not be had a moment ago"
        say(logevents.CANNOT_LISTEN, why=why)
        self._notice.post([why])
        return UNUSABLE

    def _wait(self) -> list[core.KeeperEffect]:
        """For what comes first: the guard's end, the end of a pause, or the next look."""
        pause_over_s, before = self._pause_over_s, self._sight()
        wait_s = self._core.wait_s(before) if pause_over_s is None else max(pause_over_s - time.monotonic(), 0)
        assert self._guard or wait_s is not None, "waits for nothing"
        calm = pause_over_s is None and wait_s is not None and self._core.is_calm(before)
        if self._ends_within(CALM_LOOK_S if calm else wait_s, alarm_boot_ns=before.now.boot_ns + round((wait_s or 0) * 1e9) if calm else 0):
            return self._reap()
        if pause_over_s is not None:
            self._pause_over_s = None
            return self._core.go_on(self._sight())
        sight = self._sight()
        effects = self._core.look(sight, put_off=calm)
        if self._core.phase is core.KeeperPhase.GUARDED and sight.stage is EndStage.RUNNING:
            self._look_around()
        return effects

    def _ends_within(self, wait_s: float | None, *, alarm_boot_ns: int) -> bool:
        """Whether the guard ends before the wait is over, or before the alarm of that time on the boot clock, if there is one: a guard that
        beats puts it off, so that nobody is woken to see that it does."""
        poll = self._poll
        if alarm_boot_ns:
            self._held.alarm.set(alarm_boot_ns)
            poll = self._calm_poll
        return any(descriptor == self._pidfd for descriptor, _ in poll.poll(None if wait_s is None else wait_s * 1000))

    def _asked(self) -> None:
        """A request to end does not wait for the next look; should the guard put that off at this very instant, it waits `CALM_LOOK_S`."""
        self._core.asked()
        self._held.alarm.set(0)

    def _sight(self) -> KeeperSight:
        held, stage = self._held, self._held.stage
        out = stage is EndStage.GONE and stays_out(self._settings)  # no file is asked about before the end of the kill
        leaving = held.leave_by_boot_ns != 0
        beats, beat_boot_ns = held.beats, held.beat_boot_ns
        return KeeperSight(read_clocks(), held.read(), stage, beats, beat_boot_ns, stays_out=out, leaving=leaving, guard=self._guard)

    def _perform(self, effect: core.KeeperEffect) -> list[core.KeeperEffect]:
        """Carry it out; what follows from that at once."""
        match effect:
            case core.BeginAnew():
                self._begin_anew()
            case core.Succeed(start):
                self._fork(start)
            case core.PassOn():
                signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)
            case core.KillGuard():
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            case core.Strike():
                self._strike()
            case core.EndEverything(scope):
                return self._end_everything(scope)
            case core.Pause(seconds):
                self._pause_over_s = time.monotonic() + seconds
            case core.Reboot(why):
                say(logevents.REBOOTING, why=why)
                reboot_now()
            case core.NoteLapse(boot_ns):
                self._held.lapsed_boot_ns = boot_ns
            case core.Log(event, why):
                say(event, why=why)
            case core.Post(sentences):
                self._notice.post(sentences)
            case core.TakeBack():
                self._notice.clear()
            case core.Finish():
                pass  # `run` ends
            case _:
                assert_never(effect)
        return []

    # Guards.

    def _begin_anew(self) -> None:
        """A new incarnation, holding nothing."""
        self._held.leave_by_boot_ns = 0
        kill.allow_again(self._means)
        state = core.new_life(self._held.read(), os.urandom(16))
        self._held.write(state)
        self._held.stage = EndStage.RUNNING
        self._lease.begin(state.incarnation)
        self._fork(GuardStart(state.incarnation, state.sequence))

    def _fork(self, start: GuardStart) -> None:
        keeper = os.getpid()
        self._forked_s = time.monotonic()
        self._guard = os.fork()
        if self._guard == 0:
            self._be_the_guard(keeper, start)
        self._pidfd = os.pidfd_open(self._guard)
        for poll in (self._poll, self._calm_poll):
            poll.register(self._pidfd, select.POLLIN)

    def _be_the_guard(self, keeper: int, start: GuardStart) -> None:
        code = int(core.Exit.DIED)
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            die_with(keeper)
            priority = become_real_time(GUARD_PRIORITY)
            process = GuardProcess(self._settings, self._limits, self._held, self._lease, start, notice=self._notice)
            process.priority = priority
            code = process.run()
        except BadSettings:
            code = core.Exit.CANNOT_LISTEN
        except BaseException as error:  # noqa: BLE001 - whatever it was, the keeper sees the exit code
            again = self._core.failures >= MOST_TRACEBACKS
            found = "" if again else traceback.format_exc()
            say(logevents.FAULT, what="the guard", why=f"{type(error).__name__}: {error}", traceback=found)
        finally:
            os._exit(code)

    def _reap(self) -> list[core.KeeperEffect]:
        """The guard has ended."""
        for poll in (self._poll, self._calm_poll):
            poll.unregister(self._pidfd)
        os.close(self._pidfd)
        _, status = os.waitpid(self._guard, 0)
        self._guard, self._pidfd, self._pause_over_s = 0, -1, None
        return self._core.guard_ended(os.waitstatus_to_exitcode(status), time.monotonic() - self._forked_s, self._sight())

    def _look_around(self) -> None:
        """While nothing is pressing, now and then: have all at hand that the end needs."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S and not self._means.changed():
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
        """Whoever is slower, guard or keeper, finds it done."""
        self._begin_to_stop()
        kill.strike(self._means)
        self._held.reach(EndStage.STRUCK)

    def _end_everything(self, scope: EndScope) -> list[core.KeeperEffect]:
        self._begin_to_stop()
        ended = kill.end_everything(self._means, within_s=KILL_WITHIN_S, scope=scope, on_stage=self._held.reach)
        return self._core.ended(ended, self._sight())

    def _begin_to_stop(self) -> None:
        self._held.reach(EndStage.STOPPING)
        self._lease.clear()
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
