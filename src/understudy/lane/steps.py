"""What reconcile answers: the next step for one resource. Values only."""

from dataclasses import dataclass
from enum import Enum

from understudy.lane.phases import Rung
from understudy.model.names import ResourceName, ServerName


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


class WaitsFor(Enum):
    """Why there is nothing to do now: each with its sentence, which stories and `understudy explain` tell."""

    IN_FLIGHT = "an action is under way"
    CANNOT_ACT = "an action could not be run"
    FIRST_LOOK = "the first look"
    LOOKED_AT_AGAIN = "a check, for the last one could not say whether something of it is left"
    NOT_ASSIGNED_HERE = "not assigned here"
    REGISTRY_WENT_BACK = "the registry went back, and what it says is not confirmed yet"
    RUNNING = "it runs"
    DEPENDENTS_STOP_FIRST = "its dependents stop first"
    DEPENDENCIES_LOOKED_AT = "its dependencies are checked first"
    UNPROVEN_HOLDERS = "another server may still be running it"
    GAVE_UP_HERE = "it has given up here"
    RETRY_LATER = "tried again later"
    DEPENDENCIES = "its dependencies are not up"
    COMING_UP = "what AUTO_START says of this server's coming up is decided first"
    OTHER_SERVERS_FIRST = "as many as may be are starting or stopping on other servers"
    EXCLUDED_STOPS_FIRST = "what it excludes stops first"
    PREEMPTED = "what preempts it comes up first"
    STUCK = "it cannot be stopped"
    NOT_WANTED = "not wanted"
    UNAVAILABLE = "it has failed too often, and waits to be started by hand"
    STILL_THE_OWNER = "the leader has not taken it back yet"
    DISABLED = "it is disabled"
    NOT_LIVING = "its server has no live incarnation"

    @property
    def at_rest(self) -> bool:
        """Whether it is as it should be: nothing is awaited."""
        return self in (WaitsFor.RUNNING, WaitsFor.NOT_WANTED, WaitsFor.NOT_ASSIGNED_HERE, WaitsFor.DISABLED)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now, and why; `until` (None: until something changes)."""

    why: WaitsFor
    of: tuple[ResourceName, ...] = ()
    until: float | None = None
    servers: tuple[ServerName, ...] = ()
    """Whose turn it is first."""


LaneAction = Check | Start | Clean | Climb
"""What the executor does."""
LaneStep = LaneAction | Charge | Release | Wait
