"""What one server knows of one resource by itself: the lane's memory, a frozen value.

`lane/outcome.py` makes the next one from an action's outcome; `lane/reconcile.py` reads it. It lives in the daemon's memory only: after a
restart of the daemon everything is looked at again.
"""

from dataclasses import dataclass
from enum import IntEnum

from understudy.model.actions import ActionName
from understudy.model.names import ResourceName
from understudy.model.state import State
from understudy.model.view import Failure


class Rung(IntEnum):
    """The stop ladder: each rung is tried once, in this order, until nothing is left (design section 6)."""

    NONE = 0
    STOP = 1
    ABORT = 2
    """Only after a stop that overran its time."""
    CLEAN = 3
    KILL = 4
    STUCK = 5
    """Everything was tried: UNKNOWN. Begun again with growing pauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """The lane's memory of one resource. Times are seconds on the server's monotonic clock, but for `_wall`."""

    resource: ResourceName
    uid: str
    """Of the definition this is about."""
    state: State | None = None
    """None: not looked at in this daemon's life."""
    details: str = ""
    action: ActionName | None = None
    """In flight."""
    action_since: float = 0.0
    check_after: bool = False
    """A start or a rung is done; a check has to confirm it."""
    starting: bool = False
    """Between the beginning of a start and the check that confirms it."""
    start_epoch: int = 0
    """Epoch under which the start in progress was begun."""
    rung: Rung = Rung.NONE
    """The rung of the stop ladder that was tried last."""
    stopping: bool = False
    """The ladder was begun with a stop, not with the clean before a start."""
    unclean: bool = False
    """The clean of this ladder has failed: if nothing is left at its end, it was not the clean's doing."""
    overran: bool = False
    """The last stop did not end in its time."""
    phase_since: float = 0.0
    """When the start or the stop in progress was begun: for the history's milliseconds."""
    restarts: int = 0
    """RESTART_COUNT: restarts since it last proved itself here."""
    starts: int = 0
    believed: State | None = None
    """What this incarnation had reported of it before this daemon's life."""
    silent: int = 0
    """Silent checks in a row."""
    dirty: bool = False
    """Has to be cleaned before it is started."""
    uncharged: bool = False
    """It failed, and whether that spends a restart is not decided yet: its dependencies are looked at first."""
    trouble: str = ""
    """What it said when it failed last."""
    failed_starts: int = 0
    """Starts in a row that failed."""
    failure: Failure | None = None
    retry_at: float = 0.0
    retries: int = 0
    hold_until: float = 0.0
    """An action could not be run at all (no lease, no executor): not again before this."""
    held: int = 0
    """How many times in a row that was so."""
    cannot: str = ""
    """Why, once it is no passing thing."""
    hastened: float = 0.0
    """When an event last ended a pause before its time."""
    hastes: int = 0
    """How many times in a row events did, and it did not help."""
    acted_at: float = 0.0
    """When its last action ended."""
    check_due: float = 0.0
    """0: at once."""
    alarmed: bool = False
    """An event says that something may have changed: check now."""
    up_since: float | None = None
    proven: bool = False
    empty: bool = True
    """Whether its control group is known to be empty."""
    guarded: bool = True
    """Whether, while it is up, its processes were seen in its control group, and none outside."""
    epoch: int = 0
    """Epoch of the assignment under which it last came up (or was found)."""
    assigned: int = 0
    """Epoch of the assignment for which budget and failures are counted."""
    changed_wall: float = 0.0
    started_wall: float = 0.0

    @property
    def off(self) -> bool:
        """Whether it is known not to run: checked OFFLINE, group empty, nothing in flight (what a release needs, S3).

        What is OFFLINE with processes left is dirty as well: it is asked twice, as nothing counts for more.
        """
        quiet = self.action is None and not self.check_after and not self.dirty
        return self.state is State.OFFLINE and self.empty and quiet

    @property
    def up(self) -> bool:
        """Whether others may count on it."""
        return self.state in (State.ONLINE, State.INTERMEDIATE) and not self.starting and self.rung is Rung.NONE
