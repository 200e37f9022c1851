"""What a lane learns of an action that ended, and what comes of it. Values only."""

from dataclasses import dataclass

from understudy.lane.local import Local
from understudy.model.names import ResourceName


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event for the history."""

    kind: str
    ms: float | None = None
    cause: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The memory after something happened, what to tell, and whom to look at because of it."""

    local: Local
    told: tuple[Told, ...] = ()
    alarm: tuple[ResourceName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
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
