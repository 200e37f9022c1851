"""The ports: what the daemon's loops need of the world, as small Protocols.

Adapters (registry client, executor client, guard link, clocks) and the simulator's stand-ins implement them; only
`daemon/main.py` wires them. Nothing here acts.
"""

__all__ = ["ActionName", "ActionOutcome", "ActionRequest", "Evidence", "GuardSight", "LastMessage"]

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from understudy.errors import UnderstudyError
from understudy.kinds.kind import Around
from understudy.model.actions import ActionName, ActionOutcome, ActionRequest, Evidence
from understudy.model.conditions import GuardSight, LastMessage
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.position import NOWHERE, Position
from understudy.model.servers import ServerRecord
from understudy.model.settings import NetworkSettings
from understudy.model.view import ClusterRecord


class Clock(Protocol):
    """Time as one server sees it."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; for durations and deadlines."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch, for people; never compared between servers."""
        ...


# --- registry -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the registry with its value and the revision of its last change."""

    key: str
    value: bytes
    revision: int

    @property
    def size(self) -> int:
        """Bytes of key and value, as limits count them."""
        return len(self.key.encode()) + len(self.value)


@dataclass(frozen=True, slots=True)
class CommitCondition:
    """`key` must still be at `revision` (of its last change); 0: the key must not exist."""

    key: str
    revision: int


@dataclass(frozen=True, slots=True)
class Write:
    """Put `value` at `key`; None deletes the key."""

    key: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Bound:
    """How much one commit may hold."""

    operations: int
    """Of conditions, and of writes."""
    bytes: int
    """Of all their keys and values."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A commit whose conditions did not hold: nothing was written."""

    failed: tuple[str, ...]
    """The keys whose condition failed."""


@dataclass(frozen=True, slots=True)
class Batch:
    """All changes of one commit, in order of keys; `entries` with value b"" and `deleted` name deletions."""

    revision: int
    changed: tuple[Entry, ...] = ()
    deleted: tuple[str, ...] = ()


class Registry(Protocol):
    """The replicated store; every call may raise RegistryUnreachable."""

    @property
    def bound(self) -> Bound:
        """How much one commit may hold."""
        ...

    async def read(self, prefix: str, *, without: str = "", after: str = "", limit_bytes: int = 0) -> tuple[int, tuple[Entry, ...]]:
        """Linearizable: the store's revision and all entries whose key starts with `prefix`, by key.

        `without`: but for those whose key starts with this. `after`: only those of a greater key. `limit_bytes`: only the first of them,
        as many as have no more bytes of keys and values than this, but at least one; 0: all, however many, as they were at one revision.
        """
        ...

    async def commit(self, conditions: Sequence[CommitCondition], writes: Sequence[Write]) -> int | Conflict:
        """All or nothing; the new revision. RegistryUnreachable: it may or may not have happened; CommitTooLarge: it has not."""
        ...

    def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Batch]:
        """Every commit after `from_revision` that touched the prefix, in order, whole. Raises RegistryUnreachable when the link is lost
        and `Compacted` (a RegistryUnreachable) when it can no longer start there: read again."""
        ...


class PastPort(Protocol):
    """Who keeps what the registry was: it is called with each View, and must not wait."""

    def taken(self, batch: Batch) -> None:
        """A commit was taken in."""
        ...

    def read_anew(self, revision: int, before: Mapping[str, int], entries: Collection[Entry]) -> None:
        """Everything was read; `before`: the revisions of what was known."""
        ...


# --- executor -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Something that a resource may wait for has changed: what failed over it is worth another try before its pause is over."""

    kind: Around
    """An address or a link came, changed or went; a link came up; the mount table changed; a stranger gave up an address."""
    resource: ResourceName | None = None
    """The one that waited for exactly this; None: any that might have."""


@dataclass(frozen=True, slots=True)
class ActionProgress:
    """An action that runs has something to say to whoever waits for it."""

    resource: ResourceName
    text: str
    activity: str = ""


class Executor(Protocol):
    """Runs actions, each in the resource's own control group."""

    async def run(self, request: ActionRequest) -> ActionOutcome:
        """Run one action to its end or deadline; never raises: an executor that is not there is an outcome (`executor-away`)."""
        ...

    async def kill(self, resource: ResourceName, activity: str = "") -> bool:
        """Kill everything in the resource's group; True when it was seen empty. `activity`: what the logs call it by."""
        ...

    async def empty(self, resource: ResourceName) -> bool:
        """Whether nothing runs in the resource's group (True also when there is no group)."""
        ...

    async def running(self) -> tuple[ResourceName, ...]:
        """Resources of which something is here, registered or not: a process, an address. Unreachable: no answer, or
        it could not look."""
        ...

    async def abandon(self) -> None:
        """Kill every action in flight (a new daemon's first word); what start actions left running goes on."""
        ...

    async def next_event(self) -> ResourceName | Surroundings | ActionProgress:
        """The next resource of which an event source says that something may have changed (it only wakes), or what changed around them."""
        ...

    async def ping(self) -> str:
        """Why no action can be begun there, in a few words; empty: one can. Unreachable: no answer within a few seconds."""
        ...


# --- guard ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardState:
    """What the guard holds for this server."""

    server: ServerName
    incarnation: Incarnation
    held: bool
    epochs: Mapping[ResourceName, int] = field(default_factory=dict)
    released: frozenset[ResourceName] = frozenset()
    """Of these: nothing of it is here under that epoch."""
    epoch_floor: int = 0
    """What it has forgotten starts here only above this epoch."""
    refused: str = ""
    """Why this server's guard takes no part: its settings are not the registry's. Empty: it does."""
    position: Position = NOWHERE
    """Where a daemon of this server has seen the registry to be, since the machine booted, in this or an earlier incarnation."""
    voter_set: int = 0
    """The number of the voters on whose grants alone this incarnation holds its lease. 0: it holds none, or the guard is of a version that
    knows of no change of the voters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """An incarnation that may hold a lease, as a voter knows it."""

    server: ServerName
    incarnation: Incarnation
    position: Position = NOWHERE
    """NOWHERE: it has not registered yet."""


@dataclass(frozen=True, slots=True)
class LeaseChanged:
    """The lease of this server was won, lost or moved to a new incarnation."""

    incarnation: Incarnation
    held: bool


@dataclass(frozen=True, slots=True)
class SilentWord:
    """A voter has not been asked by an incarnation for silent_after_s: a reason to ask for proof, no proof."""

    server: ServerName
    incarnation: Incarnation
    voter: ServerName


@dataclass(frozen=True, slots=True)
class Farewell:
    """An incarnation has stopped everything and said so: proof like a release."""

    server: ServerName
    incarnation: Incarnation


@dataclass(frozen=True, slots=True)
class GuardSays:
    """Something is not as it should be on this server, and people have to know."""

    text: str


@dataclass(frozen=True, slots=True)
class AbilityChanged:
    """Whether a server can act (its daemon, its executor, its way to the registry), as its guard reported; `why` is empty when it can."""

    server: ServerName
    incarnation: Incarnation
    able: bool
    why: str
    for_s: float
    """For how long it had been so when this was reported."""


@dataclass(frozen=True, slots=True)
class LeaveAsked:
    """This server was asked to leave in order, by a signal to its guard or by a daemon before this one."""

    left_s: float
    """Within how many seconds everything has to be stopped; then the guard does it at once."""


@dataclass(frozen=True, slots=True)
class VotersAcknowledged:
    """An incarnation of this server holds its lease by the grants of the voters of this number alone from now on."""

    incarnation: Incarnation
    voter_set: int


GuardEvent = LeaseChanged | SilentWord | Farewell | AbilityChanged | LeaveAsked | GuardSays | VotersAcknowledged


class Guard(Protocol):
    """The local guard, as the daemon sees it."""

    async def state(self) -> GuardState:
        """Unreachable: no guard answers; then no action may begin."""
        ...

    def held(self) -> bool:
        """Whether this server's lease is valid at this instant on its own clocks (reads the mapped lease, no round trip)."""
        ...

    async def remember(self, resource: ResourceName, epoch: int, *, released: bool = False) -> bool:
        """S2: keep the highest epoch; False if a higher one was seen already (then nothing may start under this one). `released`: nothing
        of it is here, and from now on nothing starts below this epoch."""
        ...

    async def forget(self, floor: int, names: Sequence[ResourceName]) -> frozenset[ResourceName]:
        """Forget names that are registered no more, as far as they were released here under no epoch above the floor; from now on what is
        not remembered starts only above the floor. Which are kept."""
        ...

    async def prove_lost(self, server: ServerName, incarnation: Incarnation, phase: int) -> bool:
        """One round among all voters; True: a majority said silent in it, of both sets while they change, which is proof for good. False
        too if the guard goes by voters of another phase (`ClusterRecord.phase`) than given."""
        ...

    async def note(self, position: Position, seen: Position) -> None:
        """What this incarnation acts on from now on, sent to the voters with the next renew; and where the registry was seen to be, kept
        for the daemons after this one."""
        ...

    async def census(self, phase: int) -> tuple[Counted, ...] | None:
        """One round among all voters: every incarnation that any of a majority grants, so every one that can hold a lease; the same one
        more than once where voters know different positions. None: no majority answered in time, or the guard goes by voters of another
        phase. A mute voter does not answer."""
        ...

    async def able(self, able: bool, why: str) -> None:
        """Prove that this daemon runs, and say whether this server can act; a guard that receives nothing says that it cannot."""
        ...

    async def sight(self) -> GuardSight:
        """What it can tell people, about others too. It changes nothing, not even whose daemon this is."""
        ...

    async def cluster(self, record: ClusterRecord) -> ClusterRecord:
        """What the registry says of voters and pause_tolerance; kept on this server's disk. A guard with another tolerance takes no part:
        it lapses if it held a lease, and `state` says why. The answer has the voters that it goes by: those of a higher number if an
        earlier reading of the registry named such."""
        ...

    async def servers(self, servers: Collection[ServerRecord]) -> None:
        """Which servers there are, by the registry; kept on this server's disk. The guard sends to these and listens to no others. None:
        the registry does not say it, and the settings count."""
        ...

    async def keys(self, keys: tuple[bytes, ...]) -> bool:
        """The keys of the guards' messages from now on: the first to send with, each to accept. They are in the key file already. False: it
        takes none."""
        ...

    async def dead(self, incarnations: Sequence[Incarnation]) -> None:
        """Tell the voter part which incarnations the registry calls lost, fenced or evicted."""
        ...

    async def protect(self, addresses: Sequence[str]) -> None:
        """All addresses that the cluster has (of every definition in the View): behind the gate, shut until each is started here."""
        ...

    async def leave(self, within_s: float, stay_out: str = "") -> None:
        """This server leaves in order: the guard gives the daemon this long. `stay_out`: who took it out, and so no new one begins here
        until it is asked back."""
        ...

    async def farewell(self, *, in_order: bool = False) -> None:
        """Stop everything on this server, prove it, and leave. `in_order`: the daemon has stopped everything already."""
        ...

    async def next_event(self) -> GuardEvent:
        """The next thing the guard has to tell."""
        ...


@dataclass(frozen=True, slots=True)
class KeysOnDisk:
    """What a server's disk has of keys."""

    keys: tuple[bytes, ...] = field(repr=False)
    """The guards', the first to send with."""
    seal: str = ""
    """For what others seal what is meant for this server; empty: it cannot open any."""
    forgotten: tuple[str, ...] = ()
    """Names of keys that it has had and is never to have again, the newest last."""


class KeyStore(Protocol):
    """The keys of this server, on its disk. OSError, TimeoutError, BadSettings, BadInput: they cannot be read, written or used."""

    async def read(self) -> KeysOnDisk:
        """All of it."""
        ...

    async def unseal(self, sealed: str, key: str) -> bytes:
        """A key that was sealed for this server; `key`: its name."""
        ...

    async def seal(self, key: bytes, seals: Mapping[ServerName, str]) -> Mapping[ServerName, str]:
        """A key, sealed for each of these servers alone, which have said for what to seal."""
        ...

    async def write(self, keys: tuple[bytes, ...], forgotten: tuple[str, ...]) -> None:
        """Replace the guards' keys, and what is said of those before; both are on the disk when this returns. Who loses its power in the
        midst may have forgotten a key that it still has."""
        ...


class Disk(Protocol):
    """One small file of this server, which outlives its daemon."""

    async def read(self) -> bytes | None:
        """What was written last; None: nothing, or it cannot be read."""
        ...

    async def write(self, content: bytes) -> None:
        """Replace it at once. OSError: it could not be, and what was there stands."""
        ...


# --- the server under the daemon ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcdMember:
    """One member of the registry's etcd."""

    identity: int
    name: str
    urls: tuple[str, ...]
    """Where the other members reach it."""
    learner: bool
    """It copies and does not count."""
    begun: bool
    """It has run, and said so."""


class NotInStep(UnderstudyError):
    """A learner has not copied all yet."""


class RegistryMembers(Protocol):
    """The members of a registry that has several, as commands change them. RegistryUnreachable: none did it, or it is not known; Refused:
    it may not be done, and why."""

    async def listed(self) -> tuple[EtcdMember, ...]:
        """All that it has, learners too."""
        ...

    async def add_learner(self, url: str) -> None:
        """One more, at this URL, which copies and does not count."""
        ...

    async def promote(self, identity: int) -> None:
        """A learner counts from now on. NotInStep: not yet."""
        ...

    async def remove(self, identity: int) -> None:
        """One less."""
        ...

    async def answers(self, endpoint: str) -> bool:
        """Whether the member at this ADDRESS:PORT answers."""
        ...


class OwnServer(Protocol):
    """What commands ask of the very server that they were given on: its users, files and networks. Each answers within a few seconds."""

    async def script(self, path: str, user: str = "root") -> str:
        """`ok`, `missing`, `not executable`, `silent` (its storage does not answer), or what else is wrong with it, in words, if it is to
        run as this user."""
        ...

    async def user_exists(self, name: str) -> bool:
        """Whether the user is known here. TimeoutError: nobody says."""
        ...

    async def group_exists(self, name: str) -> bool:
        """Whether the group is known here. TimeoutError: nobody says."""
        ...

    async def groups_of(self, user: str) -> frozenset[str] | None:
        """The groups of a user, by name; none if there is no such user. None: nobody could say in time."""
        ...

    async def names_of(self, uid: int, gid: int) -> tuple[str, str]:
        """Names of a user and a group; their numbers where they have none. TimeoutError: nobody says."""
        ...

    async def in_use(self, address: str, network: NetworkSettings) -> str | None:
        """Who answers for an address on a network, in words; None: nobody does, or it cannot be asked from here."""
        ...

    def no_way(self, own: str, other: str) -> str:
        """Why nothing can be sent from an address of this server to another's, as the kernel's routes say; empty: it can."""
        ...

    def taken_out_by(self) -> str:
        """By whose word this server stays out of the cluster; empty: it does not."""
        ...

    def come_back(self) -> bool:
        """Let this server begin a new incarnation; False: nobody had taken it out."""
        ...
