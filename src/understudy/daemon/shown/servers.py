"""Servers: as `crsctl stat server` and `understudy server list` show them, and whether they take part (`crsctl check`)."""

from collections.abc import Mapping
from dataclasses import dataclass

from understudy.daemon.shown.known import KnownHere
from understudy.intent.facts import life, running_places
from understudy.model.categories import attributes_of_server
from understudy.model.conditions import ConditionKind, Lease, Weight, ago
from understudy.model.membership import pools_now
from understudy.model.names import Incarnation, PoolName, ResourceName, ServerName, short
from understudy.model.pools import FREE
from understudy.model.servers import ServerHardware, ServerRecord
from understudy.model.state import ALIVE, Life

_TITLES = {
    ConditionKind.CANNOT_ACT: "cannot act: {}",
    ConditionKind.TAKES_NO_PART: "takes no part: {}",
    ConditionKind.GUARD_SILENT: "its guard does not answer: {}",
    ConditionKind.LEFT: "has left: {}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """A server as crsctl shows it."""

    server: ServerName
    state: str
    """Its state in the registry, such as ONLINE; OFFLINE without a lease, UNKNOWN while nothing is known of it."""
    details: str
    """What is not as it should be with it, in short."""
    pools: tuple[PoolName, ...]
    """The pools that it is in now."""
    record: ServerRecord | None = None
    """What the cluster has registered of it."""
    hardware: ServerHardware | None = None
    """As it said last."""

    @property
    def profile(self) -> Mapping[str, str]:
        """What it is, by attribute, as filters and blocks name them; empty: nobody has said it."""
        return attributes_of_server(self.server, self.record, self.hardware)

    @property
    def now(self) -> Mapping[str, str]:
        """How it is now."""
        return {
            "STATE": self.state,
            "ACTIVE_POOLS": " ".join(self.pools),
            "STATE_DETAILS": self.details,
            "ACTIVE_CSS_ROLE": "hub" if self.state == Life.ONLINE.value else "",
        }

    @property
    def values(self) -> Mapping[str, str]:
        """Both."""
        return {**self.profile, **self.now}

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {key.lower(): value for key, value in self.values.items()}


def server_status(known: KnownHere, server: ServerName) -> ServerStatus:
    """How one server is."""
    active = [pool for pool, members in pools_now(known.view).items() if server in members]
    return ServerStatus(
        server=server,
        state=state_of(known, server),
        details=details_of(known, server),
        pools=tuple(sorted(active, key=lambda pool: (pool == FREE, pool))),
        record=known.view.servers.get(server),
        hardware=look.hardware if (look := known.view.looks.get(server)) is not None else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRow:
    """A server as `understudy server list` shows it."""

    server: ServerName
    state: str
    """With what is not as it should be."""
    lease: Lease
    leads: bool
    votes: bool
    incarnation: Incarnation | None
    """None: it was never seen."""
    resources: tuple[ResourceName, ...]
    """What runs there, local ones aside."""

    def as_json(self) -> dict[str, object]:
        """For `--json`; the cells of the table are the same."""
        return {
            "server": self.server,
            "state": self.state,
            "lease": self.lease.value,
            "leader": "yes" if self.leads else "",
            "voter": "yes" if self.votes else "",
            "incarnation": short(self.incarnation) if self.incarnation else "",
            "resources": " ".join(self.resources),
        }


def server_row(known: KnownHere, server: ServerName) -> ServerRow:
    """One line of the list."""
    view, held = known.view, known.lease(server)
    record, why = view.present().get(server), details_of(known, server)
    state = "NEVER SEEN" if record is None else state_of(known, server) if record.life in ALIVE else record.life.value
    moving = (name for name, resource in view.resources.items() if not resource.local)
    leads = view.leader is not None and record is not None and view.leader.incarnation == record.incarnation
    return ServerRow(
        server=server,
        state=state + (f", {why}" if why else ""),
        lease=held,
        leads=leads and held is Lease.HELD,
        votes=server in known.all_voters,
        incarnation=None if record is None else record.incarnation,
        resources=tuple(sorted(name for name in moving if server in running_places(view, name))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a server takes part in everything, as `crsctl check` asks."""

    server: ServerName
    acts: bool
    """It can act."""
    leased: bool
    gets_events: bool
    """It receives the events of the cluster."""
    lease: Lease
    cannot_act: str
    """Why it cannot; empty: it can."""
    silence_s: float | None
    """Time since the last message of its guard; None: that is not known."""

    @property
    def well(self) -> bool:
        """Whether it takes part in everything."""
        return self.acts and self.gets_events

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "name": self.server,
            "healthy": self.well,
            "lease": self.lease,
            "cannot_act": self.cannot_act,
            "heard_s": self.silence_s,
        }


def health(known: KnownHere, server: ServerName) -> Health:
    """How one server takes part."""
    own, lease = known.own, known.lease(server)
    held, about = lease is Lease.HELD, [condition for condition in known.conditions if condition.about == server]
    here = server == known.server
    return Health(
        server=server,
        acts=life(known.view, server) is Life.ONLINE and held and not any(condition.weight is Weight.DOWN for condition in about),
        leased=held,
        gets_events=held and not (here and any(condition.kind is ConditionKind.REGISTRY_AWAY for condition in known.conditions)),
        lease=lease,
        cannot_act=next((condition.cause for condition in about if condition.kind is ConditionKind.CANNOT_ACT), ""),
        silence_s=None if own is None else own.silence_s(server),
    )


def state_of(known: KnownHere, server: ServerName) -> str:
    """As crsctl shows it: a server without a lease is OFFLINE, one of which nothing is known UNKNOWN."""
    now, lease = life(known.view, server), known.lease(server)
    if now not in ALIVE or lease is Lease.OVER:
        return "OFFLINE"
    return "UNKNOWN" if lease is Lease.UNHEARD else now.value


def details_of(known: KnownHere, server: ServerName) -> str:
    """What is not as it should be with one server, in short."""
    about = [condition for condition in known.conditions if condition.about == server]
    witness = ["a witness: it votes and runs no resources"] if known.view.witness(server) else []
    found = [_TITLES[condition.kind].format(condition.cause) for condition in about if condition.kind in _TITLES]
    age_s, lease = known.age(server)
    if lease is Lease.OVER:
        found.append("holds no lease")
    elif lease is Lease.UNHEARD:
        found.append(f"no message for {ago(age_s)}")
    return "; ".join((*witness, *found))
