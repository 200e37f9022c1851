"""What would happen, as values: actions in stages, what becomes of servers, what is down meanwhile, and what is lost.

Made by `policy/rehearsal.py`, which goes through a change; shown by `daemon/text/` and as JSON. Values only. Times in seconds from the
moment of the change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from understudy.model.limits import Limits
from understudy.model.names import ResourceName, ServerName
from understudy.model.reasons import Reason
from understudy.model.view import Event, View

ASSUMED_S: Mapping[str, float] = {"start": 1.0, "stop": 1.0, "clean": 0.5}
"""How long an action takes of which the history knows none."""
NEWEST = 5
"""Of an action's recorded durations so many count, the newest; of these the longest: what was slow once is forgotten some day."""
JOINS_S = 3.0
"""A server that has ended everything and begins anew holds a lease after about as long."""


class ActSort(StrEnum):
    """What is done with a resource on a server."""

    START = "start"
    STOP = "stop"
    CLEAN = "clean"
    ENDS = "ends"
    """It ends with its server, or with that server's lease: nobody stops it in order."""


class Because(StrEnum):
    """Why something is done; the comment says what else an act names then."""

    UNDER_WAY = "under-way"  # it was, before the change
    TARGET = "target"  # its TARGET is another
    PLACE = "place"  # `why`: the leader's reason
    STANDS_ON = "stands-on"  # `by`: what goes down
    BACK = "back"  # `by`: what is up again
    FAILED = "failed"
    LEFT_OVER = "left-over"  # a clean before a start
    SERVER_LOST = "server-lost"
    SERVER_EVICTED = "server-evicted"
    SERVER_LEAVES = "server-leaves"
    SERVER_JOINS = "server-joins"
    NO_MAJORITY = "no-majority"


class ServerTurn(StrEnum):
    """What becomes of a server."""

    LOST = "is lost"
    PROVED = "is proved gone"
    EVICTED = "is evicted"
    LEAVES = "leaves"
    LEFT = "has left"
    JOINS = "joins"
    NO_LEASE = "loses its lease"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedAct:
    """One action. The acts of one stage may run beside each other; each goes after those of earlier stages that concern it."""

    sort: ActSort
    resource: ResourceName
    server: ServerName
    stage: int
    begins_s: float
    ends_s: float
    because: Because
    required: bool = True
    """Else nothing depends on what comes of it."""
    assumed: bool = False
    """The history knows no such action: its duration is assumed."""
    why: Reason | None = None
    by: ResourceName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerNews:
    """Something becomes of a server."""

    at_s: float
    server: ServerName
    turn: ServerTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A resource that moves does not run."""

    resource: ResourceName
    from_s: float
    until_s: float | None = None
    """None: for good, as far as can be said."""

    @property
    def for_s(self) -> float | None:
        """How long; None: for good."""
        return None if self.until_s is None else self.until_s - self.from_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What would happen."""

    before: View
    after: View
    acts: tuple[PredictedAct, ...] = ()
    """In the order in which they begin."""
    servers: tuple[ServerNews, ...] = ()
    outages: tuple[Outage, ...] = ()
    """Of what ran before and is wanted afterwards, in order; what was asked to stop is down on purpose."""
    takes_s: float = 0.0
    settled: bool = True
    """Whether it comes to rest; else no more was worked out after a bound."""
    majority: bool = True
    """Whether a majority of voters is left; without one nothing can be started anywhere."""
    registry: bool = True
    """Whether the registry is left; without it what runs goes on, and nothing is started or moved."""

    @property
    def lost(self) -> tuple[Outage, ...]:
        """What does not come back by itself."""
        return tuple(outage for outage in self.outages if outage.until_s is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How long things take."""

    limits: Limits
    recorded: Mapping[tuple[str, ResourceName], float] = field(default_factory=dict)
    """`start`, `stop` or `clean`, and the resource: seconds."""
    etcd: bool = False
    """The registry is an etcd: after a loss commits wait for its members as well."""
    registry_on: ServerName | None = None
    """The server that the registry is on; None: on none, or on a majority of the voters."""

    def takes(self, action: str, name: ResourceName) -> tuple[float, bool]:
        """Seconds, and whether they are assumed."""
        known = self.recorded.get((action, name))
        return (ASSUMED_S[action], True) if known is None else (known, False)

    def detected_s(self, *, leader_lost: bool) -> float:
        """From a loss until the server is proved gone, at the latest (`model/limits.py`)."""
        return self.limits.outage_with_etcd_s(leader_lost=leader_lost) if self.etcd else self.limits.outage_s


def recorded(events: Iterable[Event], ends: Mapping[str, str]) -> dict[tuple[str, ResourceName], float]:
    """How long actions took: the longest of the newest of each. `events` in order, the oldest first; `ends`: kind -> action."""
    found: dict[tuple[str, ResourceName], list[float]] = {}
    for event in events:
        action = ends.get(event.kind)
        if action is not None and event.resource is not None and event.ms is not None:
            found.setdefault((action, event.resource), []).append(event.ms / 1000)
    return {key: max(durations[-NEWEST:]) for key, durations in found.items()}
