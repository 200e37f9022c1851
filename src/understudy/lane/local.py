"""What one server knows of one resource by itself: the lane's memory, a frozen value. Identity, budget, one phase, and what holds in any.

`lane/table.py` makes the next one of it and of what happens; `lane/reconcile.py` reads it. It is kept in the daemon's memory only: after a
restart of the daemon everything is looked at again.
"""

from dataclasses import dataclass, field

from understudy.lane.phases import Climbing, Down, Phase, Starting, Stuck, Unseen, Up
from understudy.model.actions import ActionName
from understudy.model.names import ResourceName
from understudy.model.state import State
from understudy.model.view import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What failures have cost under one assignment, and when the next try is due."""

    assigned: int = 0
    """Epoch of the assignment for which all this is counted."""
    restarts: int = 0
    """RESTART_COUNT: restarts since it last proved itself here."""
    failed_starts: int = 0
    """Starts in a row that failed."""
    failure: Failure | None = None
    """It has been given up here, or cannot be stopped."""
    retries: int = 0
    """Tries after that."""
    retry_at: float = 0.0
    hastened: float = 0.0
    """When an event last ended a pause before its time."""
    hastes: int = 0
    """How many times in a row events did, and it did not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """The lane's memory of one resource. Times are seconds on the server's monotonic clock, but for `_wall`."""

    resource: ResourceName
    uid: str
    """Of the definition this is about."""
    phase: Phase = field(default_factory=Unseen)
    budget: Budget = field(default_factory=Budget)
    action: ActionName | None = None
    """In flight."""
    acted_at: float = 0.0
    """When its last action ended."""
    details: str = ""
    empty: bool = True
    """Whether its control group is known to be empty."""
    alarmed: bool = False
    """An event says that something may have changed: check now."""
    check_due: float = 0.0
    """0: at once."""
    silent: int = 0
    """Silent checks in a row."""
    hold_until: float = 0.0
    """An action could not be run at all (no lease, no executor): not again before this."""
    held: int = 0
    """How many times in a row that was so."""
    cannot: str = ""
    """Why, once it is no passing thing."""
    start_epoch: int = 0
    """Epoch under which the last start was begun, confirmed or not."""
    epoch: int = 0
    """Epoch of the assignment under which it last came up (or was found)."""
    starts: int = 0
    changed_wall: float = 0.0
    started_wall: float = 0.0
    failed_at: tuple[float, ...] = ()
    """When it failed here in this daemon's life, as far as that counts, by the wall clock; what was before is in the report."""
    failed_after: str = ""
    """Which start by hand that was after (`model/failures.py`)."""

    @property
    def state(self) -> State | None:
        """What it is here; None: not looked at in this daemon's life."""
        return self.phase.state

    @property
    def up(self) -> bool:
        """Whether others may count on it."""
        return isinstance(self.phase, Up)

    @property
    def dirty(self) -> bool:
        """Whether it has to be cleaned before it is started."""
        return isinstance(self.phase, (Down, Stuck, Unseen)) and self.phase.dirty

    @property
    def confirming(self) -> bool:
        """Whether a start or a rung is done, and a check has to confirm it."""
        return isinstance(self.phase, (Starting, Climbing)) and self.phase.confirming

    @property
    def off(self) -> bool:
        """Whether it is known not to run: checked OFFLINE, group empty, nothing in flight (what a release needs, S3).

        What is OFFLINE with processes left is dirty as well: it is asked twice, as nothing counts for more.
        """
        return isinstance(self.phase, Down) and self.action is None and self.empty and not self.dirty
