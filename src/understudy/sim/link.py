"""The registry as seen from servers: one store in memory behind a disk, and one link per daemon that is slow, loses answers or is cut.

It is one process apart, as the engine `sqlite`, or has members on servers, as `etcd` (`sim/ensemble.py`): then a link leads to one of them.

Called by `sim/machine.py`; implements ports.Registry. As in registry/sqlite/server.py a commit is judged, flushed and then answered,
several at a time. A commit whose answer was lost may have happened, and one that was sent before a cut may happen long after its
sender gave up, or died: safety rests on conditions alone (S7). The registry may lose power: what was not flushed yet is gone, and was
not answered (S9).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from understudy.errors import RegistryUnreachable
from understudy.model.names import Incarnation
from understudy.model.view import View
from understudy.ports import Batch, Bound, CommitCondition, Conflict, Entry, Write
from understudy.registry import keys
from understudy.registry.commits import BOUND, Commit, checked
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.store import Store
from understudy.sim.chance import Chance, dice
from understudy.sim.ensemble import Ensemble
from understudy.sim.loop import Place, VirtualLoop

DEADLINE_S = 1.0
"""As registry/sqlite/client.py."""
NOTICED_S = (0.8, 1.0)
"""How long a watcher takes to see that its link is dead."""
COPIES_MAX = 12
KEPT = (30, 1000)
"""Commits that the store keeps: with few of them who was away for long is sent back to reading everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """How bad the way to the registry is, and its disk."""

    delay_s: tuple[float, float] = (0.0003, 0.002)
    flush_s: tuple[float, float] = (0.0002, 0.002)
    """How long the disk takes to make a commit durable."""
    slow: float = 0.0
    """Chance that a message, or a flush, takes up to `slow_s`: longer than anybody waits."""
    slow_s: float = 3.0
    lost_answer: float = 0.0
    """Chance that something was done and its answer never arrives."""
    torn: float = 0.0
    """Chance that a watch breaks between two commits that it reports."""
    late_request: float = 0.5
    """Chance that what was underway when the link was cut arrives when it is healed."""

    @property
    def fine(self) -> bool:
        """Everything arrives, soon."""
        return not (self.slow or self.lost_answer or self.torn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """A daemon at the instant when it sends a commit."""

    incarnation: Incarnation | None = None
    """The one that it takes itself for."""
    view: View = field(default_factory=View)
    """What it had seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A commit on its way: whose it is, what it rests on, and whom to answer."""

    server: str
    writer: Incarnation | None
    """The incarnation that its daemon took itself for when it was sent."""
    view: View
    """What it had seen then."""
    commit: Commit
    answer: Callable[[int | Conflict], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stuck:
    """A message that was underway when its way was cut."""

    server: str
    member: str
    arrive: Callable[[], None]


class Hub:
    """The store, its disk, and who can reach it."""

    def __init__(self, loop: VirtualLoop, seed: int, bound: Bound = BOUND) -> None:
        """`bound`: of the servers' commits; operators' own, in this world, have the usual one."""
        self.loop = loop
        self.bound = bound
        self.seed = seed
        self.road = Road()
        self._keep_commits = dice(seed, "registry").choice(KEPT)
        self.store = Store(keep_commits=self._keep_commits)
        self.generation = 0
        """Grows when the registry is replaced by a copy: every connection to the one before is gone, with what was underway on it."""
        self.copies: list[bytes] = []
        """Of the registry's file, oldest first; the newest `COPIES_MAX` are kept."""
        self.registry = LocalRegistry(self.store)
        self.judge: Callable[[Written], None] = lambda written: None
        """Asked at the instant before a commit is carried out."""
        self._absences = 0
        self._cuts: dict[str, int] = {}
        self._luck: dict[str, Chance] = {}
        self._disk_luck = Chance(loop, seed, "disk")
        self._waiting: list[Written] = []
        self._flushing = False
        self._power = 0
        self._changed: list[asyncio.Future[None]] = []
        self._links: dict[RegistryLink, None] = {}
        self._stuck: list[_Stuck] = []
        self.ensemble: Ensemble | None = None
        """None: one process, on no server."""
        self.losses: dict[str, int] = {}
        """How often each member's server has lost its power: every connection to it is gone since."""
        self._traps: list[Callable[[str], None]] = []

    # --- who reaches it ---------------------------------------------------------------------------------------------

    @property
    def away(self) -> bool:
        """Nobody reaches it."""
        return self._absences > 0

    @property
    def whole(self) -> bool:
        """Everybody reaches it, and everything arrives soon."""
        sound = self.ensemble is None or self.ensemble.whole
        return sound and not (self._absences or self._cuts or self._stuck) and self.road.fine

    @property
    def _commits(self) -> bool:
        return self.ensemble is None or self.ensemble.commits

    @property
    def idle(self) -> bool:
        """Nothing is being flushed."""
        return not (self._waiting or self._flushing)

    def reachable(self, server: str) -> bool:
        """Whether this server has a way to the registry now."""
        return self.way(server, "") is not None

    def way(self, server: str, present: str) -> str | None:
        """The member by which this server reaches the registry ("": the one process); None: it does not. `present`: that to which it is
        connected, and stays connected for as long as it is served."""
        members = ("",) if self.ensemble is None else self.ensemble.members
        first = members.index(present) if present in members else sum(server.encode()) % len(members)
        return next((member for member in (*members[first:], *members[:first]) if self.serves(server, member)), None)

    def serves(self, server: str, member: str) -> bool:
        """Whether this server gets an answer from this member now ("": from the one process)."""
        if self._absences:
            return False
        if self.ensemble is None:
            return server not in self._cuts
        return (server == member or server not in self._cuts) and self.ensemble.serves(member)

    def seat(self, members: Sequence[str], runs: Callable[[str], bool]) -> None:
        """The registry's members are on these servers; `runs`: whether a server does."""
        alone = len(members) == 1
        self.ensemble = Ensemble(
            self.loop, self.seed, members, lambda member: runs(member) and (alone or member not in self._cuts), self._wake_waiting
        )

    def servers_changed(self, lost: str | None = None) -> None:
        """A server runs again, or does not; `lost`: this one lost its power, and with it what was underway to its member."""
        if self.ensemble is not None:
            if lost is not None:
                self.losses[lost] = self.losses.get(lost, 0) + 1
            self._stuck = [message for message in self._stuck if message.member != lost]
            self._wake_waiting()

    def go(self) -> None:
        """The registry goes; as often as this is called it has to come back."""
        self._absences += 1
        self._wake_waiting()

    def come_back(self) -> None:
        """It is back, if nothing else keeps it away."""
        self._absences = max(0, self._absences - 1)
        self._wake_waiting()

    def cut(self, server: str) -> None:
        """This server's link carries nothing from now on."""
        self._cuts[server] = self._cuts.get(server, 0) + 1
        self._wake_waiting()

    def mend(self, server: str) -> None:
        """It carries again, if nothing else cuts it."""
        left = self._cuts.pop(server, 0) - 1
        if left > 0:
            self._cuts[server] = left
        self._wake_waiting()

    def mend_all(self) -> None:
        """Everybody reaches it."""
        self._cuts.clear()
        self._absences = 0
        self._wake_waiting()

    async def change(self) -> None:
        """Until some link was cut or healed."""
        future: asyncio.Future[None] = self.loop.create_future()
        self._changed.append(future)
        await future

    def luck(self, server: str) -> Chance:
        """Of this server's link."""
        if server not in self._luck:
            self._luck[server] = Chance(self.loop, self.seed, f"registry {server}")
        return self._luck[server]

    def travel(self, server: str, member: str, arrive: Callable[[], None]) -> None:
        """A message underway between the two, in one direction; it goes on whatever becomes of who sent it."""
        chance, road = self.luck(server), self.road
        seconds, generation = chance.uniform(*road.delay_s), self.generation
        if road.slow and chance.random() < road.slow:
            seconds = chance.uniform(0.0, road.slow_s)

        def at_the_end() -> None:
            if self.generation != generation:
                return
            if self.serves(server, member):
                arrive()
            elif chance.random() < self.road.late_request:
                self._stuck.append(_Stuck(server=server, member=member, arrive=arrive))

        self.loop.post(self.loop.now + seconds, at_the_end)

    def lag_s(self, member: str) -> float:
        """How old what this member reports is."""
        return self.ensemble.lag_s(member) if self.ensemble is not None and not self.road.fine else 0.0

    def join(self, link: "RegistryLink") -> None:
        """A link to be notified of cuts."""
        self._links[link] = None

    def leave(self, link: "RegistryLink") -> None:
        """No more."""
        self._links.pop(link, None)

    def _wake_waiting(self) -> None:
        if self.ensemble is not None:
            self.ensemble.look()
        changed, self._changed = self._changed, []
        for future in changed:
            if not future.done():
                future.set_result(None)
        for link in list(self._links):
            link.woken.set()
        stuck, self._stuck = self._stuck, []
        for message in stuck:
            if self.serves(message.server, message.member):
                self.loop.post(self.loop.now + self.luck(message.server).uniform(*self.road.delay_s), message.arrive)
            else:
                self._stuck.append(message)
        if self._waiting and not self._flushing and self._commits:
            self._flush()

    # --- the leader's commits, for who wants to disturb one ---------------------------------------------------------

    def trap(self, spring: Callable[[str], None]) -> None:
        """At the next decision that a leader sends: called with its server while the commit is underway."""
        self._traps.append(spring)

    def sent(self, server: str, conditions: Sequence[CommitCondition], writes: Sequence[Write]) -> None:
        """A commit has left its server."""
        if (
            self._traps
            and any(condition.key == keys.LEADER for condition in conditions)
            and any(write.key != keys.BEAT for write in writes)
        ):
            traps, self._traps = self._traps, []
            for spring in traps:
                spring(server)

    # --- the disk ---------------------------------------------------------------------------------------------------

    def arrive(self, written: Written) -> None:
        """A commit has come in: it is flushed with whatever comes in meanwhile, and answered after that."""
        self._waiting.append(written)
        if not self._flushing and self._commits:
            self._flush()

    def lose_power(self) -> None:
        """What is not flushed is gone: of the store too, should it have answered before."""
        self._power += 1
        self.store.lose_power()
        self._waiting.clear()
        self._flushing = False

    def make_copy(self) -> None:
        """An administrator's backup."""
        self.copies = [*self.copies, self.store.image()][-COPIES_MAX:]

    def replace(self, copy: bytes | None) -> None:
        """The registry's process ends, and another begins with an older copy of its file, or (None) with none."""
        self.lose_power()
        self._stuck.clear()
        self.generation += 1
        self.store = Store(keep_commits=self._keep_commits, image=copy)
        self.registry = LocalRegistry(self.store)
        self._wake_waiting()

    def _flush(self) -> None:
        self._flushing = True
        batch, self._waiting, power, ensemble = self._waiting, [], self._power, self.ensemble
        term = 0 if ensemble is None else ensemble.term
        seconds = self._disk_luck.uniform(*self.road.flush_s)
        if self.road.slow and self._disk_luck.random() < self.road.slow:
            seconds = self._disk_luck.uniform(0.0, self.road.slow_s)
        if self.road.slow and ensemble is not None and ensemble.deposed_now():
            ensemble.depose()
            self._wake_waiting()

        def flushed() -> None:
            if self._power != power:
                return
            self._flushing = False
            if ensemble is None or (ensemble.term == term and ensemble.commits):
                for written in batch:
                    self._carry_out(written)
            else:  # what a majority has is the next leader's first
                self._waiting = [written for written in batch if ensemble.survives()] + self._waiting
            if self._waiting and self._commits:
                self._flush()

        self.loop.post(self.loop.now + seconds, flushed)

    def _carry_out(self, written: Written) -> None:
        self.judge(written)
        written.answer(self.store.commit(written.commit.conditions, written.commit.writes))


class RegistryLink:
    """One daemon's link: the Registry port."""

    def __init__(self, hub: Hub, server: str, place: Place, who: Callable[[], Writer]) -> None:
        self._hub = hub
        self._server = server
        self._place = place
        self._who = who
        self._member = ""
        self._connections = 0
        self._read_over = (0, 0, 0)
        """The connection over which everything was last read: see `_connection`."""
        self.bound = hub.bound
        self.woken = asyncio.Event()

    async def read(self, prefix: str, *, without: str = "", after: str = "", limit_bytes: int = 0) -> tuple[int, tuple[Entry, ...]]:
        """See ports.Registry."""
        hub = self._hub

        def at_the_registry(answer: "asyncio.Future[Any]") -> None:
            if not (prefix or after or limit_bytes):
                self._read_over = self._connection
            self._answer(answer, hub.store.read(prefix, without=without, after=after, limit_bytes=limit_bytes))

        result: tuple[int, tuple[Entry, ...]] = await self._ask(at_the_registry)
        return result

    async def commit(self, conditions: Sequence[CommitCondition], writes: Sequence[Write]) -> int | Conflict:
        """See ports.Registry."""
        hub, writer = self._hub, self._who()
        commit = checked(conditions, writes, self.bound)
        self._must_have_read()

        def underway() -> None:
            self._must_have_read()  # perhaps it is another link by now
            hub.sent(self._server, conditions, writes)

        def at_the_registry(answer: "asyncio.Future[Any]") -> None:
            back = partial(self._answer, answer)
            hub.arrive(Written(server=self._server, writer=writer.incarnation, view=writer.view, commit=commit, answer=back))

        result: int | Conflict = await self._ask(at_the_registry, underway)
        return result

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Batch]:
        """See ports.Registry."""
        hub, seen, chance = self._hub, from_revision, self._hub.luck(self._server)
        await self._reach()
        connection = self._connection
        stop = hub.store.on_commit(self.woken.set)
        hub.join(self)
        try:
            while True:
                self.woken.clear()
                if self._read_over[0] != hub.generation or connection != self._connection:
                    raise RegistryUnreachable("the link to the registry was lost")
                if not hub.serves(self._server, self._member):
                    await asyncio.sleep(chance.uniform(*NOTICED_S))
                    if not hub.serves(self._server, self._member):
                        raise RegistryUnreachable("the link to the registry is dead")
                await hub.loop.passes(chance.uniform(*hub.road.delay_s) + hub.lag_s(self._member))
                seen, batches = hub.store.changes(prefix, seen)
                for batch in batches:
                    yield batch
                    if hub.road.torn and chance.random() < hub.road.torn:
                        raise RegistryUnreachable("the link broke in the middle of an answer")
                if seen == hub.store.revision and hub.serves(self._server, self._member):
                    await self.woken.wait()
        finally:
            stop()
            hub.leave(self)

    @property
    def _connection(self) -> tuple[int, int, int]:
        """Which connection this is: another one to another member, or after the registry was replaced or the member's server was off."""
        return self._hub.generation, self._connections, self._hub.losses.get(self._member, 0)

    def _must_have_read(self) -> None:
        if self._read_over != self._connection:
            raise RegistryUnreachable("the link is a new one, and the registry was not read over it yet")

    async def _reach(self) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                while (member := self._hub.way(self._server, self._member)) is None:
                    await self._hub.change()
        except TimeoutError:
            raise RegistryUnreachable("nobody answers") from None
        if member != self._member:
            self._member, self._connections = member, self._connections + 1

    async def _ask(self, do: Callable[["asyncio.Future[Any]"], None], underway: Callable[[], None] = lambda: None) -> Any:
        if self._place.dead:
            raise asyncio.CancelledError
        answer: asyncio.Future[Any] = self._hub.loop.create_future()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self._reach()
                underway()
                self._hub.travel(self._server, self._member, partial(do, answer))
                return await answer
        except TimeoutError:
            raise RegistryUnreachable("the registry did not answer in time") from None

    def _answer(self, answer: "asyncio.Future[Any]", done: Any) -> None:
        hub = self._hub
        if hub.road.lost_answer and hub.luck(self._server).random() < hub.road.lost_answer:
            return

        def arrive() -> None:
            if not answer.done():
                answer.set_result(done)

        hub.travel(self._server, self._member, arrive)
