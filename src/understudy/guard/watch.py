"""How the keeper judges its guard: is it what it should be, is it late, how far has it come; pure.

Called by: `guard/keeper.py`, often while nothing happens and more often while everything is being stopped.
Must never: have the kill begun again from the start because it is slow (then under load it would never end): the keeper helps instead, for
every step may be done twice.
"""

from typing import NamedTuple

from understudy.guard.core.ending import Stage
from understudy.guard.held import Held
from understudy.linux.reading import Reading, most_elapsed
from understudy.model.limits import Limits

STOPPING_LOOK_S = 0.005
UNKILLABLE_S = 0.05
"""A guard that lives this long after SIGKILL hangs in the kernel: nobody waits for it with the end of the lease."""


class Verdict(NamedTuple):
    """What the keeper does now."""

    strike: bool = False
    """Do the kill itself, beside the guard."""
    kill: str | None = None
    """Kill the guard, for this reason."""
    alone: bool = False
    """The guard cannot be killed and the lease is over: end everything without it."""


class Watch:
    """One guard's life as its keeper sees it."""

    def __init__(self, limits: Limits, *, ends_within_s: float) -> None:
        self._limits = limits
        self._interval_s = limits.beat_s / 2
        self._help_after_s = limits.pace.reaction_s / 2
        self._ends_within_s = ends_within_s
        self._beats = -1
        self._still_s = self._stopping_s = self._killed_s = 0.0
        self._struck = self._killed = self._alone = False
        self._looked: Reading | None = None

    def wait_s(self, held: Held, now: Reading) -> float:
        """Until the next look, if the guard does not end before."""
        if held.stage is not Stage.RUNNING or self._killed:
            return STOPPING_LOOK_S
        late_s = self._late_s(held, now)
        if late_s is None or late_s > self._help_after_s:
            return self._interval_s
        return min(self._interval_s, self._help_after_s - late_s + 0.001)

    def look(self, held: Held, now: Reading) -> Verdict:
        """What is to be done, each thing once."""
        since_s = 0.0 if self._looked is None else most_elapsed(self._looked, now) / 1e9
        self._looked = now
        if held.stage is not Stage.RUNNING:
            self._stopping_s += since_s
        if self._killed:
            self._killed_s += since_s
        strike, kill, alone = self._must_strike(held, now), self._must_kill(held, now, since_s), self._must_go_alone(held, now)
        self._struck, self._killed, self._alone = self._struck or strike, self._killed or kill is not None, self._alone or alone
        return Verdict(strike, kill, alone)

    def _must_strike(self, held: Held, now: Reading) -> bool:
        """The lease is over and the kill was not sent. After a pause of the whole machine this look may be the first thing that runs."""
        if self._struck or held.stage >= Stage.STRUCK:
            return False
        late_s = self._late_s(held, now)
        return (late_s is not None and late_s > self._help_after_s) or self._stopping_s > STOPPING_LOOK_S

    def _must_kill(self, held: Held, now: Reading, since_s: float) -> str | None:
        if self._killed:
            return None
        if held.stage is not Stage.RUNNING:
            return "it does not come to an end" if self._stopping_s > self._ends_within_s else None
        late_s = self._late_s(held, now)
        # After a pause of the whole machine the guard is given its turn first.
        if late_s is not None and late_s > self._limits.pace.reaction_s and since_s < 2 * self._interval_s:
            return "it did not stop this server when the lease ended"
        # If we ourselves were late, the whole machine stood still: that is not the guard's fault, and to replace the
        # guards of all voters at once would end every lease of the cluster.
        moved = held.beats != self._beats or since_s > 2 * self._interval_s
        self._beats = held.beats
        self._still_s = 0.0 if moved else self._still_s + since_s
        return "it hangs" if self._still_s >= self._limits.hang_s else None

    def _must_go_alone(self, held: Held, now: Reading) -> bool:
        over = self._struck or held.stage is not Stage.RUNNING or held.read().base is None
        return over and self._killed_s > UNKILLABLE_S and not self._alone

    def _late_s(self, held: Held, now: Reading) -> float | None:
        """Seconds since the server had to be stopping; None without a lease."""
        base = held.read().base
        if base is None:
            return None
        return most_elapsed(base, now) / 1e9 - (self._limits.lease_s - self._limits.stop_now_s)
