"""Values for what is not as it should be this minute: what one server knows itself (`Own`), and what follows from it (`Condition`).

`policy/conditions.py` makes the second from the first and a View; commands, alert log and exit statuses take their words from there.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from understudy.model.engines import DEFAULT_ENGINE
from understudy.model.messages import number, words
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.view import Report


class ConditionKind(StrEnum):
    """Every state in which a server or the cluster can be, besides well; `docs/guide/states.md` shows each."""

    GUARD_SILENT = "guard-silent"
    """The guard of this server does not answer its daemon."""
    TAKES_NO_PART = "takes-no-part"
    """The settings of this server are not the registry's: it neither asks for a lease nor grants any."""
    LEAVING = "leaving"
    """This server was asked to go."""
    REMOVED = "removed"
    """This server was taken out of the cluster for good."""
    LEFT = "left"
    """An operator took this server out: its guard begins no new incarnation until it is asked back."""
    MAJORITY_LOST = "majority-lost"
    """Too few voters are reached, and nobody leads: nothing runs, and nothing will."""
    NO_LEASE = "no-lease"
    """This server holds no lease, for another reason."""
    REGISTRY_AWAY = "registry-away"
    REGISTRY_FULL = "registry-full"
    """The registry answers, and its disk takes nothing."""
    MEMBER_AWAY = "member-away"
    """The member of etcd on a server does not answer; a majority of the others does."""
    REGISTRY_SET_BACK = "registry-set-back"
    """It is not the registry that was acted on, and no new era has begun yet."""
    RECOVERING = "recovering"
    """A new era has begun; it is not known yet what runs where."""
    NO_LEADER = "no-leader"
    """Nobody decides."""
    CANNOT_ACT = "cannot-act"
    """A server holds its lease, and its daemon, its executor or its way to the registry does not work."""
    OTHER_NO_LEASE = "other-no-lease"
    """The incarnation of another server that the registry knows is over: its guard has begun a new one."""
    OTHER_UNHEARD = "other-unheard"
    """No message comes from another server, and it is not yet proved lost."""
    LAST_MAJORITY = "no-voter-to-spare"
    """One more voter lost, and everything stops."""
    NOT_REAL_TIME = "not-real-time"
    NO_GATE = "no-gate"
    SETTINGS_DIFFER = "settings-differ"
    """Another server's settings are not this one's."""
    VOTERS_CHANGE = "voters-change"
    """A change of the voters has not ended: lost needs a majority of both sets until somebody acknowledges the new one."""
    VOTERS_DIFFER = "voters-differ"
    """understudy.toml of this server names other voters than the registry, which count for nothing."""
    SETTINGS_NOT_KEPT = "settings-not-kept"
    HELD_NOT_KEPT = "held-not-kept"
    """What a next daemon would need to restart something without the registry is not on this server's disk."""
    CHECKS_NOT_RUN = "checks-not-run"
    UNREGISTERED = "unregistered"
    """Something runs of which the registry knows nothing: nobody looks after it."""
    ALERTS_LOST = "alerts-lost"
    GUARD_SAYS = "guard-says"


class Weight(StrEnum):
    """How much a condition weighs; the exit status of whoever shows it follows from the heaviest."""

    DOWN = "down"
    """Something is not done that is wanted: exit status 1."""
    WEAK = "weak"
    """All is done, and the next fault may not be survived, or not be noticed: exit status 3."""


STATUS = {Weight.DOWN: 1, Weight.WEAK: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that is not as it should be."""

    kind: ConditionKind
    weight: Weight
    about: ServerName | None
    """Which server; None: the cluster."""
    cause: str
    """In plain words, with what follows from it."""
    advice: str
    """What to do."""
    since_s: float | None = None
    """For how long it has been so; None: nobody knows."""

    @property
    def text(self) -> str:
        """The whole of it in words, without its number."""
        about = (self.about,) if self.kind in _ABOUT else ()
        return words(NUMBERS[self.kind], *about, self.cause, self.advice)

    @property
    def line(self) -> str:
        """As every command prints it."""
        return f"{number(NUMBERS[self.kind])}: {self.text}"


NUMBERS: dict[ConditionKind, int] = {
    ConditionKind.GUARD_SILENT: 20142,
    ConditionKind.TAKES_NO_PART: 20120,
    ConditionKind.LEAVING: 20149,
    ConditionKind.REMOVED: 20130,
    ConditionKind.LEFT: 20149,
    ConditionKind.MAJORITY_LOST: 20140,
    ConditionKind.NO_LEASE: 20141,
    ConditionKind.REGISTRY_AWAY: 20068,
    ConditionKind.REGISTRY_FULL: 20171,
    ConditionKind.MEMBER_AWAY: 20145,
    ConditionKind.REGISTRY_SET_BACK: 20144,
    ConditionKind.RECOVERING: 20144,
    ConditionKind.NO_LEADER: 20143,
    ConditionKind.CANNOT_ACT: 20101,
    ConditionKind.OTHER_NO_LEASE: 20141,
    ConditionKind.OTHER_UNHEARD: 20102,
    ConditionKind.LAST_MAJORITY: 20145,
    ConditionKind.NOT_REAL_TIME: 20145,
    ConditionKind.NO_GATE: 20145,
    ConditionKind.SETTINGS_DIFFER: 20145,
    ConditionKind.VOTERS_CHANGE: 20128,
    ConditionKind.VOTERS_DIFFER: 20129,
    ConditionKind.SETTINGS_NOT_KEPT: 20145,
    ConditionKind.HELD_NOT_KEPT: 20145,
    ConditionKind.CHECKS_NOT_RUN: 20146,
    ConditionKind.UNREGISTERED: 20230,
    ConditionKind.ALERTS_LOST: 20147,
    ConditionKind.GUARD_SAYS: 20069,
}
"""The number under which each is printed."""
_ABOUT = frozenset(
    {
        ConditionKind.TAKES_NO_PART,
        ConditionKind.LEAVING,
        ConditionKind.REMOVED,
        ConditionKind.LEFT,
        ConditionKind.NO_LEASE,
        ConditionKind.CANNOT_ACT,
        ConditionKind.OTHER_NO_LEASE,
        ConditionKind.OTHER_UNHEARD,
        ConditionKind.CHECKS_NOT_RUN,
        ConditionKind.UNREGISTERED,
        ConditionKind.VOTERS_DIFFER,
    }
)
"""Those whose line names the server."""


class Lease(StrEnum):
    """What is known of a server's lease, this minute."""

    HELD = "held"
    OVER = "over"
    """The incarnation of which the registry knows has ended, and everything was stopped before."""
    UNHEARD = "unheard"
    """Nobody has said anything for longer than a lease lasts, and nobody looks after it."""
    NONE = "none"
    """The registry knows of no incarnation of this server that could hold one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastMessage:
    """The last message that this server's guard has from another's. A registered incarnation that sent one held its lease then: it has won
    one to be registered, and a guard sends nothing after a lapse."""

    incarnation: Incarnation
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSight:
    """What the guard can tell people about this minute; no decision rests on it."""

    incarnation: Incarnation
    voters: tuple[ServerName, ...] = ()
    """Those of the newest number of which the guard knows,"""
    old_voters: tuple[ServerName, ...] = ()
    """and while the voters change those before;"""
    acknowledged: bool = True
    """whether this server holds its lease by the newest alone."""
    grants: Mapping[ServerName, float] = field(default_factory=dict)
    """Voter -> seconds since the newest renew was sent that it has granted to this incarnation."""
    last_messages: Mapping[ServerName, LastMessage] = field(default_factory=dict)
    """Other servers; one that has sent nothing since this guard began is not named."""
    lapsed_s: float | None = None
    """Since the last lease of this server ended by a lapse; None: it holds one, or never lost one since its keeper began."""
    gap_s: float | None = None
    """For how long this server had no lease before it won the present one; None: it has won none in this incarnation."""
    mute: bool = False
    """Whether its voter grants nobody yet: it has begun anew."""
    priority: str = ""
    """Why it does not run at real-time priority; empty: it does."""
    gate: str = ""
    """Why there is no gate; empty: there is."""
    differing: tuple[str, ...] = ()
    """Sentences: servers that have sent messages, with other settings than this one."""
    refused: str = ""
    not_kept: str = ""
    """Why what the registry says of the settings is not on this server's disk."""
    leave_left_s: float | None = None
    """This server leaves in order, and has this long for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneWait:
    """What the lane of a resource on this server waits for, as it says itself."""

    what: str
    of: tuple[ResourceName, ...] = ()
    """Whom it waits for."""
    until: float | None = None
    """On this daemon's monotonic clock; None: until something changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What one server knows by itself, without the registry. Ages in seconds, at the moment of asking."""

    server: ServerName
    now: float = 0.0
    """On this daemon's monotonic clock, for the View's times."""
    voters: tuple[ServerName, ...] = ()
    """Those by whose majority this server holds its lease."""
    settings_voters: tuple[ServerName, ...] = ()
    """As understudy.toml of this server names them; empty: not asked about."""
    lease_s: float = 2.5
    """How long a lease lasts."""
    daemon_s: float = 0.0
    """For how long its daemon has been running: what it has never received is at least that old."""
    guard: GuardSight | None = None
    """What the guard said last; None: nothing yet."""
    guard_age_s: float = 0.0
    """Since it said so, or since the daemon began."""
    held: bool = True
    left: str = ""
    """At whose request this server has left the cluster and stays out; empty: it does not."""
    notices: tuple[str, ...] = ()
    engine: str = DEFAULT_ENGINE
    """What the registry is built on."""
    registry_away_s: float = 0.0
    """Since the registry last answered; 0: it answers."""
    registry_refuses: str = ""
    """Why a registry that answers writes nothing; empty: it does."""
    members_away: Mapping[ServerName, float] = field(default_factory=dict)
    """Servers whose member of etcd has not answered this one, and for how long."""
    read_once: bool = True
    """Whether the registry was read in this daemon's life."""
    leader_silent_s: float | None = None
    """Since a leader was last seen to make progress; None: not in this daemon's life."""
    leader_watched_s: float = math.inf
    """For how long this daemon has looked for one; before it has read the registry it knows nothing of a leader's silence."""
    unable: str = ""
    """Why this server cannot act, as its own daemon finds."""
    not_run: Mapping[ResourceName, str] = field(default_factory=dict)
    """Resources whose actions cannot be run here, and why."""
    waits: Mapping[ResourceName, LaneWait] = field(default_factory=dict)
    """What its own lanes wait for, of those that wait for anything."""
    not_kept: str = ""
    """Why what this server holds is not on its disk; empty: it is."""
    alerts_lost: int = 0
    """Lines that could not be written to the alert log."""
    alerts_why: str = ""
    reports: Mapping[ResourceName, Report] = field(default_factory=dict)
    """What its own lanes know, newer than what the registry says."""

    @property
    def incarnation(self) -> Incarnation | None:
        """The incarnation that its guard is in; None: the guard has not answered yet."""
        return None if self.guard is None else self.guard.incarnation

    @property
    def lapsed_s(self) -> float | None:
        """Since its last lease ended; None: it holds one, or has lost none."""
        if self.held or self.guard is None or self.guard.lapsed_s is None:
            return None
        return self.guard.lapsed_s + self.guard_age_s

    def silence_s(self, server: ServerName) -> float | None:
        """Since the last message of another server's guard; None: none since this guard began."""
        last = None if self.guard is None else self.guard.last_messages.get(server)
        return None if last is None else last.age_s + self.guard_age_s

    def last_incarnation(self, server: ServerName) -> Incarnation | None:
        """The incarnation of another server that sent a message a moment ago; None: it sent none."""
        age_s = self.silence_s(server)
        if self.guard is None or age_s is None or age_s > self.fresh_s:
            return None
        return self.guard.last_messages[server].incarnation

    def unheard(self) -> frozenset[ServerName]:
        """Other voters from which no message has come a moment ago."""
        return frozenset(voter for voter in self.voters if voter != self.server and self.last_incarnation(voter) is None)

    def granted(self, voter: ServerName) -> bool:
        """Whether a voter has granted something a moment ago."""
        age_s = None if self.guard is None else self.guard.grants.get(voter)
        return age_s is not None and age_s < self.lease_s

    @property
    def needed(self) -> int:
        """How many voters are a majority."""
        return len(self.voters) // 2 + 1

    @property
    def fresh_s(self) -> float:
        """Who has sent a message within this is there: the others send at least one a second, and some may be lost."""
        return max(self.lease_s, FRESH_S)


FRESH_S = 3.0
UNREACHED = "it cannot reach the registry"
"""Why a server cannot act, in these words: one cause, if it is away for all."""
NOTHING_BEGINS = "its executor can begin nothing"
"""Another; what is used up follows."""
BEGINNING = "its daemon is beginning, and has not proved yet that it can act"
"""Another, as guards say it (`guard/core/ability.py`, which loads no more of the model than it must): it is over in a moment."""


def status(found: Iterable[Condition]) -> int:
    """The exit status of a command that shows these: 0 for none."""
    weights = {condition.weight for condition in found}
    return next((STATUS[heaviest] for heaviest in (Weight.DOWN, Weight.WEAK) if heaviest in weights), 0)


_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def ago(seconds: float) -> str:
    """A duration as people say it: `4 s`, `3 min 20 s`, `5 h 2 min`, `3 d 4 h`."""
    whole = max(0, int(seconds))
    at = next((place for place, (_, size) in enumerate(_UNITS) if whole >= size), len(_UNITS) - 1)
    first, size = _UNITS[at]
    rest = [f"{whole % size // smaller} {unit}" for unit, smaller in _UNITS[at + 1 : at + 2] if whole % size // smaller]
    return " ".join([f"{whole // size} {first}", *rest])
