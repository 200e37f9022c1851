"""How the keeper judges its guard: is it what it should be, is it late, how far has it come; pure.

Owns: what a keeper sees (`KeeperSight`), and what follows from a look at it while its guard is alive.
Called by: `core/keeper.py`, often while nothing happens and more often while everything is being stopped.
Must never: have the kill begun again from the start because it is slow (then under load it would never end): the keeper helps instead, for
every step may be done twice.
"""

from typing import NamedTuple

from understudy.guard.core.ending import EndStage
from understudy.linux.reading import Reading, most_elapsed
from understudy.model.limits import Limits
from understudy.model.position import NOWHERE, Position

STOPPING_LOOK_S = 0.005
SURE_LOOKS = 2
"""So many looks must find a guard at the same beat before it is said to hang."""
_JUST_AFTER_S = 0.001
UNKILLABLE_S = 0.05
"""A guard that is alive this long after SIGKILL hangs in the kernel: nobody waits for it with the end of the lease."""
ENDS_WITHIN_S = 2.0
"""A guard that needs longer hangs: the kill itself, processes outside their groups, and file systems have their own bounds within this."""


def look_boot_ns(limits: Limits, now: Reading, stop_in_ns: int | None) -> int:
    """When its keeper must look at a guard that beats now, on the boot clock, should nothing more come of it. `stop_in_ns`: until it has to
    stop this server; None: it holds no lease."""
    calm_ns = round(_calm_s(limits) * 1e9)
    if stop_in_ns is None:
        return now.boot_ns + calm_ns
    return now.boot_ns + min(calm_ns, stop_in_ns + round((_help_after_s(limits) + _JUST_AFTER_S) * 1e9))


def _calm_s(limits: Limits) -> float:
    """Until so long after its last beat nobody needs to look at a guard."""
    return limits.hang_s - SURE_LOOKS * limits.look_s


def _help_after_s(limits: Limits) -> float:
    return limits.pace.reaction_s / 2


class HeldState(NamedTuple):
    """A guard's state as a successor needs it."""

    incarnation: bytes
    sequence: int
    base: Reading | None
    position: Position = NOWHERE
    """What the daemon of this incarnation acts on."""
    seen: Position = NOWHERE
    """Where the registry was seen to be, by daemons of any incarnation."""
    voter_set: int = 0
    """The number of the voters on whose grants the lease rests."""


class KeeperSight(NamedTuple):
    """What the keeper sees, all of it at one instant."""

    now: Reading
    held: HeldState
    """What its guard has left in the memory that both share."""
    stage: EndStage
    beats: int = 0
    """Grows while the guard's loop runs."""
    beat_boot_ns: int = 0
    """When it did so last, on the boot clock."""
    stays_out: bool = False
    """An operator took this server out, and has not asked it back."""
    leaving: bool = False
    """The guard was asked to leave in order, and knows it."""
    guard: int = 0
    """Process id of the guard, for people; 0: there is none."""


class WatchVerdict(NamedTuple):
    """What the keeper does now."""

    strike: bool = False
    """Do the kill itself, beside the guard."""
    kill: str | None = None
    """Kill the guard, for this reason."""
    alone: bool = False
    """The guard cannot be killed and the lease is over: end everything without it."""


class GuardWatch:
    """One guard's life as its keeper sees it."""

    def __init__(self, limits: Limits, *, ends_within_s: float = ENDS_WITHIN_S) -> None:
        self._limits = limits
        self._interval_s = limits.look_s
        self._calm_s, self._help_after_s = _calm_s(limits), _help_after_s(limits)
        self._ends_within_s = ends_within_s
        self._beats, self._beat_boot_ns = -1, 0
        self._still_s = self._stopping_s = self._killed_s = 0.0
        self._still_looks = 0
        self._planned_s = self._interval_s
        """When this look was to be, after the last one."""
        self._struck = self._killed = self._alone = False
        self._looked: Reading | None = None

    def wait_s(self, sight: KeeperSight) -> float:
        """Until the next look, if the guard does not end before."""
        if sight.stage is not EndStage.RUNNING or self._killed:
            return STOPPING_LOOK_S
        wait_s = max(self._interval_s, self._calm_s - self._age_s(sight))
        late_s = self._late_s(sight)
        if late_s is None or late_s > self._help_after_s:
            return wait_s
        return min(wait_s, self._help_after_s - late_s + _JUST_AFTER_S)

    def is_calm(self, sight: KeeperSight) -> bool:
        """Whether the guard itself may put off the next look, with every beat until so long after it."""
        return sight.stage is EndStage.RUNNING and not self._killed and self.wait_s(sight) > self._interval_s

    def put_off(self, sight: KeeperSight) -> None:
        """The guard did: this look is late only by what it is later than its last beat put it off to."""
        if self._looked is not None:
            since_s = most_elapsed(self._looked, sight.now) / 1e9
            self._planned_s = max(self._planned_s, since_s - max(self._age_s(sight) - self._calm_s, 0.0))

    def look(self, sight: KeeperSight) -> WatchVerdict:
        """What is to be done, each thing once."""
        since_s = 0.0 if self._looked is None else most_elapsed(self._looked, sight.now) / 1e9
        self._looked = sight.now
        if sight.stage is not EndStage.RUNNING:
            self._stopping_s += since_s
        if self._killed:
            self._killed_s += since_s
        late = since_s > self._planned_s + self._interval_s
        strike, kill, alone = self._must_strike(sight), self._must_kill(sight, since_s, late=late), self._must_go_alone(sight)
        self._struck, self._killed, self._alone = self._struck or strike, self._killed or kill is not None, self._alone or alone
        self._planned_s = self.wait_s(sight)
        return WatchVerdict(strike, kill, alone)

    def _must_strike(self, sight: KeeperSight) -> bool:
        """The lease is over and the kill was not sent. After a pause of the whole machine this look may be the first thing that runs."""
        if self._struck or sight.stage >= EndStage.STRUCK:
            return False
        late_s = self._late_s(sight)
        return (late_s is not None and late_s > self._help_after_s) or self._stopping_s > STOPPING_LOOK_S

    def _must_kill(self, sight: KeeperSight, since_s: float, *, late: bool) -> str | None:
        if self._killed:
            return None
        if sight.stage is not EndStage.RUNNING:
            return "it does not come to an end" if self._stopping_s > self._ends_within_s else None
        late_s = self._late_s(sight)
        # After a pause of the whole machine the guard is given its turn first.
        if late_s is not None and late_s > self._limits.pace.reaction_s and not late:
            return "it did not stop this server when the lease ended"
        self._note_beat(sight, since_s, late=late)
        hangs = self._still_s >= self._limits.hang_s or (
            self._still_looks >= SURE_LOOKS and self._age_s(sight) >= self._limits.hang_s
        )  # fmt: skip
        return "it hangs" if hangs else None

    def _note_beat(self, sight: KeeperSight, since_s: float, *, late: bool) -> None:
        """If we ourselves were late, the whole machine was paused: that is not the guard's fault, and to replace the guards of all voters
        at once would end every lease of the cluster. A shorter pause may make nobody late: so an old beat alone proves nothing, until some
        looks have found the guard at the same beat."""
        if late or sight.beats != self._beats:
            self._still_s, self._still_looks = 0.0, 0
            self._beat_boot_ns = sight.now.boot_ns if late or self._beats < 0 else sight.beat_boot_ns
            self._beats = sight.beats
        else:
            self._still_s += min(since_s, self._interval_s)
            self._still_looks += 1

    def _age_s(self, sight: KeeperSight) -> float:
        """Seconds since its last beat that we know of."""
        return (sight.now.boot_ns - max(self._beat_boot_ns, sight.beat_boot_ns)) / 1e9

    def _must_go_alone(self, sight: KeeperSight) -> bool:
        over = self._struck or sight.stage is not EndStage.RUNNING or sight.held.base is None
        return over and self._killed_s > UNKILLABLE_S and not self._alone

    def _late_s(self, sight: KeeperSight) -> float | None:
        """Seconds since the server had to be stopping; None without a lease."""
        base = sight.held.base
        if base is None:
            return None
        return most_elapsed(base, sight.now) / 1e9 - (self._limits.lease_s - self._limits.stop_now_s)
