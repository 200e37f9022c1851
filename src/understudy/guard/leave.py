"""A planned leave: this server was asked to go, and its daemon stops everything in order while the lease still holds.

Owns: until when the daemon has time for that, in the memory that survives the guard. The daemon ends a leave with `farewell`; when it
does not, everything is stopped at once, as at a lapse.
Called by: `guard/process.py`. Must never: wait without an end, or hold up a lapse.
"""

import os

from understudy.guard.held import Held
from understudy.linux.reading import Reading
from understudy.model.settings import Settings

DAEMON_BACK_S = 5.0
"""How long no daemon may be connected: one that died is back within a second or two, one that was ended for good never comes."""

STAY_OUT = "stay-out"
"""File in the run directory: an operator took this server out, and it stays out until the file is gone; a boot clears it."""


def stays_out(settings: Settings) -> bool:
    """Whether this server is to begin no new incarnation for now."""
    return os.path.exists(os.path.join(settings.run_dir, STAY_OUT))


def stay_away(settings: Settings, by: str) -> None:
    """From the end of this incarnation on, begin no new one; OSError."""
    with open(os.path.join(settings.run_dir, STAY_OUT), "w", encoding="utf-8") as file:
        file.write(f"{by}\n")


class LeaveDeadline:
    """Whether this server is leaving in order, and for how much longer."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._alone_since_ns: int | None = None

    def begin(self, now: Reading, within_s: float) -> None:
        """The daemon has this long; a leave that is under way can only be shortened."""
        by = now.boot_ns + round(within_s * 1e9)
        known = self._held.leave_by_boot_ns
        self._held.leave_by_boot_ns = min(known, by) if known else by

    @property
    def under_way(self) -> bool:
        """Whether this server was asked to leave."""
        return self._held.leave_by_boot_ns != 0

    def left_s(self, now: Reading) -> float:
        """How much time the daemon still has."""
        return max(0.0, (self._held.leave_by_boot_ns - now.boot_ns) / 1e9)

    def over(self, now: Reading, *, daemon_there: bool) -> str | None:
        """Why it is waited for no longer; None: it goes on."""
        if not self.under_way:
            return None
        if now.boot_ns >= self._held.leave_by_boot_ns:
            return "asked to end, and not everything was stopped in order within the time for it"
        if daemon_there:
            self._alone_since_ns = None
            return None
        if self._alone_since_ns is None:
            self._alone_since_ns = now.boot_ns
        if now.boot_ns - self._alone_since_ns >= DAEMON_BACK_S * 1e9:
            return "asked to end, and no daemon is there that could stop things in order"
        return None
