"""What reconcile answers: the next step for one resource. Values only."""

from dataclasses import dataclass

from understudy.lane.phases import Rung
from understudy.model.names import ResourceName


@dataclass(frozen=True, slots=True)
class Check:
    """Run `check`."""


@dataclass(frozen=True, slots=True)
class Start:
    """Run `start` under this epoch (S2: the guard is asked first)."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Clean:
    """Run `clean` before a start."""


@dataclass(frozen=True, slots=True)
class Climb:
    """Take the next rung of the stop ladder."""

    rung: Rung


@dataclass(frozen=True, slots=True)
class Charge:
    """Decide what the last failure costs; `down` are the dependencies that are to blame."""

    down: tuple[ResourceName, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """Write this incarnation's release of the resource under the assignment's present epoch."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now. `until` (None: until something changes) and why, in the vocabulary of explain."""

    why: str
    of: tuple[ResourceName, ...] = ()
    until: float | None = None


Action = Check | Start | Clean | Climb
"""What the executor does."""
Step = Action | Charge | Release | Wait
