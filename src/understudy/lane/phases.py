"""Where a lane stands with its resource: the phases, each with what belongs to it alone. Values only.

What may lead from one to another is ruled on in `table.py`, and nowhere else.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import ClassVar

from understudy.model.state import State


class Rung(IntEnum):
    """The stop ladder: each rung is tried once, in this order, until nothing is left (design section 6)."""

    STOP = 1
    ABORT = 2
    """Only after a stop that overran its time."""
    CLEAN = 3
    KILL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Not checked since this daemon started."""

    state: ClassVar[None] = None
    believed: State | None = None
    """What this incarnation had reported of it before this daemon's life."""
    dirty: bool = False
    """An action was under way then: if it does not run, it has to be cleaned before it is started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """It does not run, as far as is known."""

    state: ClassVar[State] = State.OFFLINE
    dirty: bool = False
    """Has to be cleaned before it is started."""
    uncharged: bool = False
    """It failed, and whether that spends a restart is not decided yet: its dependencies are checked first."""
    trouble: str = ""
    """What it said when it failed last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """The clean before a start is under way."""

    state: ClassVar[State] = State.OFFLINE
    down: Down
    """What it was before: what it is again if the clean cannot be run."""
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """Between the beginning of a start and the check that confirms it."""

    state: ClassVar[State] = State.OFFLINE
    since: float
    confirming: bool = False
    """The start is done; a check has to confirm it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """Others may count on it."""

    state: State = State.ONLINE
    """ONLINE or INTERMEDIATE."""
    since: float = 0.0
    partial_since: float = 0.0
    """Of what is INTERMEDIATE: since when."""
    proven: bool = False
    """It has been up for UPTIME_THRESHOLD."""
    guarded: bool = True
    """Its processes were seen in its control group, and none outside (or it is of a kind that has none)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Everything was tried to stop it: UNKNOWN. The ladder is begun again with growing pauses."""

    state: ClassVar[State] = State.UNKNOWN
    dirty: bool = False
    """Has to be cleaned, should it be down all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Climbing:
    """On the stop ladder."""

    rung: Rung
    """Under way, or next."""
    before: Down | Up | Stuck
    """What it was when the ladder was begun, and what is said of it until the end of that."""
    since: float
    stopping: bool = False
    """The ladder was begun with a stop, not with a clean."""
    confirming: bool = False
    """The rung was tried; a check has to say what is left."""
    unclean: bool = False
    """The clean of this ladder has failed: if nothing is left at its end, it was not the clean's doing."""
    overran: bool = False
    """The rung did not end in its time."""

    @property
    def state(self) -> State:
        """What it was before."""
        return self.before.state

    @property
    def first(self) -> bool:
        """Whether nothing of this ladder was tried before this rung."""
        return self.rung is (Rung.STOP if self.stopping else Rung.CLEAN)

    @property
    def next(self) -> Rung:
        """What follows when this rung has left something: abort only after a stop that overran. KILL is the last."""
        if self.rung is Rung.STOP and not self.overran:
            return Rung.CLEAN
        return Rung(min(self.rung + 1, Rung.KILL))


Phase = Unseen | Down | Cleaning | Starting | Up | Climbing | Stuck
PHASES: tuple[type[Phase], ...] = (Unseen, Down, Cleaning, Starting, Up, Climbing, Stuck)


def settled(phase: Phase) -> Phase:
    """The same with nothing left to be charged: under a new assignment failures before it count no more."""
    match phase:
        case Down():
            return replace(phase, uncharged=False)
        case Cleaning():
            return replace(phase, down=replace(phase.down, uncharged=False))
        case Climbing(before=Down() as before):
            return replace(phase, before=replace(before, uncharged=False))
        case _:
            return phase
