"""What can happen to a lane, and what comes of it. Values only.

An action begins or ends, the kernel tells something, something around the resource changes, a failure is charged, an assignment is new.
"""

from dataclasses import dataclass

from understudy.lane.local import Local
from understudy.lane.phases import Rung
from understudy.model.actions import ActionOutcome
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One event for the history."""

    kind: str
    ms: float | None = None
    cause: str = ""
    text: str = ""


def milliseconds(seconds: float) -> float:
    """For a line of the history."""
    return round(seconds * 1000.0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneUpdate:
    """The memory after something happened, what to write in the history, and whom to look at because of it."""

    local: Local
    lines: tuple[HistoryLine, ...] = ()
    alarm: tuple[ResourceName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """When, and under which assignment, an outcome is taken in."""

    now: float
    wall: float
    epoch: int = 0
    empty: bool = True
    """Whether nothing of the resource was seen to live after the action: in its control group, or outside it."""
    mine: bool = True
    """Whether this incarnation is a holder of it (a local resource is everybody's)."""
    owner: str = ""
    """The server that it belongs to, if any."""
    spread: float = 0.5
    """0 to 1, another for each resource and server: what is due on all at the same time is spread by it."""


# --- an action begins -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckBegun:
    """A check, in whatever phase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartBegun:
    """A start, under this epoch."""

    epoch: int
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanBegun:
    """The clean before a start."""

    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RungBegun:
    """A rung of the stop ladder."""

    rung: Rung
    now: float


# --- an action has ended --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEnd:
    """What all ends of actions have in common."""

    resource: Resource
    """As it was defined when the action began."""
    outcome: ActionOutcome
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDone(ActionEnd):
    """The start, clean or rung says that it has done its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFailed(ActionEnd):
    """The start, clean or rung says that it has not, or was out of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionHeld(ActionEnd):
    """The start, clean or rung could not be run now, and will be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckUp(ActionEnd):
    """A check says that it runs, perhaps not wholly."""

    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDown(ActionEnd):
    """A check says that it does not run, or the kernel does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSilent(ActionEnd):
    """A check gave no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckHeld(ActionEnd):
    """A check was not asked at all: that says nothing of the resource."""


# --- what else can happen -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An event of the kernel says that something may have changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AroundChanged:
    """Something around the resource has changed, for which it may have waited."""

    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """What its last failure costs is decided; `down` are the dependencies that are to blame."""

    resource: Resource
    down: tuple[ResourceName, ...]
    at: Instant
    after: str = ""
    """What the failures that count came after, by the View (`model/failures.py`)."""
    failures: tuple[float, ...] = ()
    """Those before this one, of all servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """It was assigned to this server again, under this epoch."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redefined:
    """Its definition is another from now on."""

    before: Resource
    after: Resource
    acts_anew: bool = False
    """Its actions may do otherwise (`model/attributes.py`: RELOAD)."""


Happening = (
    CheckBegun | StartBegun | CleanBegun | RungBegun
    | ActionDone | ActionFailed | ActionHeld | CheckUp | CheckDown | CheckSilent | CheckHeld
    | Alarm | AroundChanged | Charged | Renewed | Redefined
)  # fmt: skip
HAPPENINGS: tuple[type[Happening], ...] = (
    CheckBegun, StartBegun, CleanBegun, RungBegun,
    ActionDone, ActionFailed, ActionHeld, CheckUp, CheckDown, CheckSilent, CheckHeld,
    Alarm, AroundChanged, Charged, Renewed, Redefined,
)  # fmt: skip
