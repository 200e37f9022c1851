"""What the keeper does next: begin a new incarnation, let a successor continue, kill, end everything, wait, reboot, give up; pure.

Owns: every decision of the guard's parent. It is given what happened, with a sight taken after it, and returns effects in the order in
which they must be carried out.
Called by: `guard/keeper.py` (the real one) and `sim/guard.py`, which carry out the same effects.
Must never: have a second guard while the first may live, continue an incarnation whose lease has run out, or begin a new one before
everything of the old one was seen to be gone.
"""

from enum import Enum, IntEnum
from typing import NamedTuple

from understudy.guard.core.ending import EndScope, EndSeen, EndStage
from understudy.guard.core.start import GuardStart
from understudy.guard.core.watch import GuardWatch, HeldState, KeeperSight
from understudy.linux.reading import most_elapsed
from understudy.model import logevents
from understudy.model.limits import Limits
from understudy.model.logevents import LogEvent

STEADY_S = 5.0
"""A guard that lived this long does not count as one that keeps ending."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 2.0
"""Before the successor of a guard that keeps ending: from the first to the second, doubling."""
DOUBLINGS = 10
"""Beyond so many the pause has reached its longest."""
SOON_S, AGAIN_S = 0.05, 1.0
"""Between attempts to stop what could not be stopped: from the first to the second, doubling."""
REBOOT_AFTER_S = 5.0
"""How long a guard that cannot be killed is waited for before the reboot, where that is allowed."""
STAY_OUT_S = 0.2
"""How often a keeper whose server has left looks whether it is asked back."""
ADVICE = "fix what is named there, or reboot this server ([guard] reboot_on_lapse does that by itself)"
OUT = "this server has left the cluster; it comes back with: understudy server join"
HANGS = "it hangs in the kernel (a frozen control group, or storage that does not answer): fix that, or reboot this server"


class Exit(IntEnum):
    """How a guard ended; its exit code."""

    FAREWELL = 0
    """Asked to end: everything was seen to be stopped."""
    DIED = 1
    """Of anything else: a signal, a fault of its own."""
    LAPSED = 10
    """Everything was seen to be stopped: a new incarnation may begin."""
    NOT_EMPTY = 11
    """Something is left: the keeper goes on killing, then begins a new incarnation."""
    FAREWELL_NOT_EMPTY = 12
    """The same, but the keeper ends too."""
    CANNOT_LISTEN = 13
    """It never began: nothing of its settings' addresses and port can be listened on."""

    @classmethod
    def of(cls, code: int) -> "Exit":
        """Of an exit code, negative if a signal ended it."""
        return cls(code) if code in _CODES else cls.DIED


_CODES = frozenset(Exit)


class LastWords(NamedTuple):
    """What a guard does when it has ended everything."""

    farewell: bool
    """Tell the others: everything was seen to be stopped."""
    exit: Exit


def last_words(ended: EndSeen, *, asked: bool) -> LastWords:
    """Of a guard that has lapsed, or was asked to end."""
    if ended.left:
        return LastWords(False, Exit.FAREWELL_NOT_EMPTY if asked else Exit.NOT_EMPTY)
    return LastWords(True, Exit.FAREWELL if asked else Exit.LAPSED)


def new_life(held: HeldState, dice: bytes) -> HeldState:
    """A new incarnation, holding nothing, made of 16 random bytes; where the registry was seen to be outlives all of them."""
    return HeldState(dice, 0, None, seen=held.seen)


class BeginAnew(NamedTuple):
    """Make a new incarnation that holds nothing, and a guard for it."""


class Succeed(NamedTuple):
    """Make a guard that continues."""

    start: GuardStart


class PassOn(NamedTuple):
    """Ask the guard to end, as the keeper was asked."""


class KillGuard(NamedTuple):
    """The guard alone; all else goes on."""

    why: str


class Strike(NamedTuple):
    """Send the kill beside the guard, without waiting to see what comes of it."""


class EndEverything(NamedTuple):
    """Go through the order once; then say `ended`."""

    scope: EndScope


class Pause(NamedTuple):
    """Wait so long, or until the guard has ended; then say `go_on`."""

    seconds: float


class Reboot(NamedTuple):
    """Restart this machine at once. If that fails, the effects after it hold."""

    why: str


class NoteLapse(NamedTuple):
    """Since when this server holds no lease, on the boot clock, for whoever asks its next life; 0: it was not robbed of one."""

    boot_ns: int


class Log(NamedTuple):
    """To the log."""

    event: LogEvent
    why: str = ""


class Post(NamedTuple):
    """Where operators see it although no guard answers."""

    sentences: tuple[str, ...]


class TakeBack(NamedTuple):
    """What was posted is over."""


class Finish(NamedTuple):
    """The keeper ends."""

    cannot_listen: bool


KeeperEffect = (
    BeginAnew | Succeed | PassOn | KillGuard | Strike | EndEverything | Pause | Reboot | NoteLapse | Log | Post | TakeBack | Finish
)


class KeeperPhase(Enum):
    """What the keeper is about."""

    GUARDED = "a guard lives, and is watched"
    SUCCEEDING = "a pause, then a successor"
    ENDING = "everything is being ended"
    AGAIN = "a pause, then everything is ended again"
    OUTLIVED = "everything has ended but a guard that cannot be killed"
    OUT = "taken out of the cluster by an operator"
    OVER = "finished"


class Keeper:
    """One keeper, from its start to its end."""

    def __init__(self, limits: Limits, *, reboots: bool) -> None:
        """`reboots`: what cannot be ended may be ended by a reboot."""
        self.phase = KeeperPhase.ENDING
        self.guard_alive = False
        self._limits = limits
        self.reboots = reboots
        self._watch = GuardWatch(limits)
        self._asked = self._passed_on = 0
        """Requests to end (the first asks for a leave in order, the second to end at once): how many came, and how many the guard knows."""
        self.failures = 0
        """Guards that ended soon, one after the other."""
        self._exit: Exit | None = None
        """How the last guard ended; None: there was none."""
        self._scope = EndScope()
        self._said: tuple[str, ...] = ()
        self._pause_s = SOON_S

    # What happens.

    def started(self, *, after_a_lease: bool) -> list[KeeperEffect]:
        """The keeper begins. What is older than it is from a lease only if an earlier keeper made one."""
        return self._end(EndScope(after_a_lease=after_a_lease))

    def asked(self) -> None:
        """This server was asked to end (SIGTERM)."""
        self._asked += 1

    def wait_s(self, sight: KeeperSight) -> float | None:
        """Until the next look, if the guard does not end before; None: there is nothing to look at."""
        return self._watch.wait_s(sight) if self.phase is KeeperPhase.GUARDED else None

    def is_calm(self, sight: KeeperSight) -> bool:
        """Whether the guard may put off the next look by itself, with each of its beats (`watch.look_boot_ns`)."""
        return self.phase is KeeperPhase.GUARDED and self._asked == self._passed_on and self._watch.is_calm(sight)

    def look(self, sight: KeeperSight, *, put_off: bool = False) -> list[KeeperEffect]:
        """Is the guard what it should be? `put_off`: this look was put off by the guard."""
        if self.phase is not KeeperPhase.GUARDED:
            return []
        if put_off:
            self._watch.put_off(sight)
        effects: list[KeeperEffect] = []
        if self._asked > self._passed_on:
            self._passed_on += 1
            effects.append(PassOn())
        verdict = self._watch.look(sight)
        if verdict.strike:
            effects += [Strike(), Log(logevents.KEEPER_STRUCK)]
        if verdict.kill is not None:
            effects += [Log(logevents.GUARD_KILLED, verdict.kill), KillGuard(verdict.kill)]
        if verdict.alone:
            effects += self._end(EndScope())
        return effects

    def guard_ended(self, code: int, lived_s: float, sight: KeeperSight) -> list[KeeperEffect]:
        """It is dead and reaped: its exit code, negative if a signal ended it."""
        self.guard_alive = False
        self.failures = 0 if lived_s > STEADY_S else self.failures + 1
        self._exit = Exit.of(code)
        if self.phase not in (KeeperPhase.GUARDED, KeeperPhase.OUTLIVED):
            return []  # one that could not be killed, and everything is being ended already
        if self._exit in (Exit.LAPSED, Exit.FAREWELL) and sight.stage is EndStage.GONE:
            said = [Log(logevents.LEASE_ENDED)] if self._exit is Exit.LAPSED else []
            return [TakeBack(), *said, *self._all_gone(sight)]
        if self._exit is Exit.DIED and sight.stage is EndStage.RUNNING:
            return [Log(logevents.GUARD_ENDED, _in_words(code)), *self._pause_or_continue(sight)]
        return self._end(EndScope())

    def ended(self, ended: EndSeen, sight: KeeperSight) -> list[KeeperEffect]:
        """Everything was ended, as far as it could be."""
        effects: list[KeeperEffect] = []
        if ended.left and ended.left != self._said:
            effects += _alarms_of_what_is_left(ended)
        self._said = ended.left
        if not ended.left:
            return [TakeBack(), *self._all_gone(sight)]
        if self.reboots and (self._scope.after_a_lease or not ended.stopped):
            effects.append(Reboot("something could not be stopped"))
        if ended.stopped:
            return [*effects, *self._all_gone(sight)]
        self.phase = KeeperPhase.AGAIN
        effects.append(Pause(self._pause_s))
        self._pause_s = min(2 * self._pause_s, AGAIN_S)
        return effects

    def go_on(self, sight: KeeperSight) -> list[KeeperEffect]:
        """A pause is over."""
        match self.phase:
            case KeeperPhase.SUCCEEDING:
                return self._continue(sight)
            case KeeperPhase.AGAIN:
                self.phase = KeeperPhase.ENDING
                return [EndEverything(self._scope)]
            case KeeperPhase.OUTLIVED if self.reboots:
                return [Reboot("the guard cannot be ended")]
            case KeeperPhase.OUT if self._asked:
                return self._finish()
            case KeeperPhase.OUT:
                return [Pause(STAY_OUT_S)] if sight.stays_out else [TakeBack(), *self._guarded(BeginAnew(), sight)]
            case _:
                return []

    # What follows.

    def _pause_or_continue(self, sight: KeeperSight) -> list[KeeperEffect]:
        """Between guards that keep ending; never beyond the lapse."""
        if self.failures < 2:
            return self._continue(sight)
        left_s = LONGEST_PAUSE_S if sight.held.base is None else max(self._left_ns(sight) / 1e9, 0.0)
        self.phase = KeeperPhase.SUCCEEDING
        doubled = min(self.failures - 2, DOUBLINGS)
        return [Pause(min(FIRST_PAUSE_S * 2**doubled, LONGEST_PAUSE_S, left_s))]

    def _continue(self, sight: KeeperSight) -> list[KeeperEffect]:
        """The unexpired incarnation with a successor; none if it has run out or never held a lease."""
        held = sight.held
        if held.base is None or self._left_ns(sight) <= 0:
            return self._end(EndScope())
        # It has not seen what its predecessor has started: a farewell is not its to say.
        start = GuardStart(
            held.incarnation, held.sequence, held.base, begun_here=False, position=held.position, voter_set=held.voter_set
        )  # fmt: skip
        return self._guarded(Succeed(start), sight)

    def _end(self, scope: EndScope) -> list[KeeperEffect]:
        """Until nothing is left, however long that takes."""
        self.phase = KeeperPhase.ENDING
        self._scope, self._said, self._pause_s = scope, (), SOON_S
        return [EndEverything(scope)]

    def _all_gone(self, sight: KeeperSight) -> list[KeeperEffect]:
        """Everything but perhaps the guard was seen to be gone."""
        if self.guard_alive:
            self.phase = KeeperPhase.OUTLIVED
            whose = f"understudy-guard (process {sight.guard}) does not die of SIGKILL"
            left = f"{whose}, and this server stays out of the cluster until it does: {HANGS}"
            return [Log(logevents.GUARD_OUTLIVES, left), Post((left,)), Pause(REBOOT_AFTER_S)]
        return [*self._lease_over(sight), *self._next(sight)]

    def _lease_over(self, sight: KeeperSight) -> list[KeeperEffect]:
        """One that left was not robbed of its lease."""
        if self._left():
            return [NoteLapse(0)]
        if self._exit is None or sight.held.base is None:
            return []
        return [NoteLapse(sight.held.base.boot_ns + round(self._limits.lease_s * 1e9))]

    def _next(self, sight: KeeperSight) -> list[KeeperEffect]:
        """Nothing is left of the incarnation before: a new one, unless this server was asked to end."""
        if self._exit is Exit.CANNOT_LISTEN or self._asked or (self._left() and not sight.stays_out):
            return self._finish()
        if sight.stays_out:
            self.phase = KeeperPhase.OUT
            return [Log(logevents.STAYS_OUT, OUT), Post((OUT,)), Pause(STAY_OUT_S)]
        return self._guarded(BeginAnew(), sight)

    def _finish(self) -> list[KeeperEffect]:
        self.phase = KeeperPhase.OVER
        return [Finish(self._exit is Exit.CANNOT_LISTEN)]

    def _left(self) -> bool:
        return self._exit in (Exit.FAREWELL, Exit.FAREWELL_NOT_EMPTY)

    def _guarded(self, by: BeginAnew | Succeed, sight: KeeperSight) -> list[KeeperEffect]:
        assert not self.guard_alive, "two guards at once"
        self.phase, self.guard_alive, self._exit = KeeperPhase.GUARDED, True, None
        self._watch = GuardWatch(self._limits)
        if not sight.leaving:
            self._passed_on = 0  # a predecessor that ended before it could heed the request
        return [by]

    def _left_ns(self, sight: KeeperSight) -> int:
        """Until the lapse of the lease."""
        assert sight.held.base is not None, "asked of a server with a lease"
        return round((self._limits.lease_s - self._limits.stop_now_s) * 1e9) - most_elapsed(sight.held.base, sight.now)


def _alarms_of_what_is_left(ended: EndSeen) -> list[KeeperEffect]:
    head = (
        "everything is stopped, but not all could be made certain"
        if ended.stopped
        else "this server is out of the cluster: not everything of its last lease could be stopped; it is retried until it succeeds"
    )
    return [*(Log(logevents.NOT_STOPPED, sentence) for sentence in ended.left), Post((head, *ended.left, ADVICE))]


def _in_words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
