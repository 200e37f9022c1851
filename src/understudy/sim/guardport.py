"""The daemon's end of guard.sock in the false world: the Guard port of one daemon, over the keeper of its machine.

Called by `sim/machine.py`, once for each daemon. Must never: know more than guard.sock reports.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from understudy.correlator import Correlator
from understudy.errors import Unreachable
from understudy.guard.core import Census, GuardCore, Query
from understudy.guard.core import epochs as core_epochs
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.position import Position
from understudy.model.servers import ServerRecord
from understudy.model.view import ClusterRecord
from understudy.ports import Counted, Farewell, GuardEvent, GuardSight, GuardState, LeaveAsked, SilentWord, VotersAcknowledged
from understudy.sim.guard import SimKeeper, ability
from understudy.sim.leaving import ask_to_leave
from understudy.sim.loop import Place

ANSWER_S = 2.0
"""As daemon/guardlink.py."""


class GuardPort:
    """The Guard port of one daemon."""

    def __init__(self, keeper: SimKeeper, place: Place) -> None:
        self._keeper = keeper
        self._place = place
        self._events: asyncio.Queue[GuardEvent] = asyncio.Queue()
        self._rounds: Correlator[Any] = Correlator(numbers=iter(self._nonce, 0))
        """Rounds of voters that were asked for, by their nonce."""
        self._incarnation: Incarnation | None = None
        self._dead: tuple[int, frozenset[Incarnation]] = (0, frozenset())
        keeper.port = self
        if keeper.core is not None:
            self.hello(keeper.core)

    # --- what the guard says ----------------------------------------------------------------------------------------

    def hello(self, core: GuardCore) -> None:
        """A guard is there: it repeats the words and farewells it knows."""
        core.met_daemon()
        for (voter, incarnation), server in core.words.items():
            self.push(SilentWord(ServerName(server), Incarnation(incarnation.hex()), ServerName(voter)))
        if (until := self._keeper.leaving_until) is not None:
            self.push(LeaveAsked(max(0.0, until - self._keeper.machine.loop.now)))
        for incarnation, server in core.farewells.items():
            self.push(Farewell(ServerName(server), Incarnation(incarnation.hex())))

        for able in core.abilities.known():
            self.push(ability(able))
        if core.holder.voter_set:
            self.push(VotersAcknowledged(Incarnation(core.holder.incarnation.hex()), core.holder.voter_set))

    def push(self, event: GuardEvent) -> None:
        """For next_event."""
        self._events.put_nowait(event)

    def round_ended(self, nonce: int, result: Any) -> None:
        """The answer of a round: whether it is lost; of a census: who is alive."""
        self._rounds.answer(nonce, result)

    # --- the port ---------------------------------------------------------------------------------------------------

    def held(self) -> bool:
        """See ports.Guard."""
        return self._incarnation is not None and self._keeper.lease() == self._incarnation

    async def state(self) -> GuardState:
        """See ports.Guard."""
        await self._connected()
        keeper = self._keeper
        self._incarnation = keeper.incarnation
        member = keeper.member
        return GuardState(
            server=ServerName(member.server),
            incarnation=keeper.incarnation,
            held=keeper.lease() is not None,
            epochs=dict(keeper.epochs),
            released=frozenset(keeper.released),
            epoch_floor=keeper.epoch_floor,
            position=keeper.held.seen,
            refused=keeper.core.refused if keeper.core is not None else "",
            voter_set=keeper.held.voter_set,
        )

    async def remember(self, resource: ResourceName, epoch: int, *, released: bool = False) -> bool:
        """See ports.Guard."""
        await self._connected()
        keeper = self._keeper
        before, floor = self._remembered(resource), keeper.epoch_floor
        if ok := core_epochs.admitted(before, floor, epoch, released=released):
            note = core_epochs.noted(before, floor, epoch, released=released)
            if note is not None:
                keeper.epochs[resource] = note.epoch
                (keeper.released.add if note.released else keeper.released.discard)(resource)
        await keeper.machine.hesitates()
        return ok

    async def forget(self, floor: int, names: Sequence[ResourceName]) -> frozenset[ResourceName]:
        """See ports.Guard."""
        await self._connected()
        keeper = self._keeper
        keeper.epoch_floor = max(floor, keeper.epoch_floor)
        kept = set()
        for name in names:
            entry = self._remembered(name)
            if entry is not None and not core_epochs.forgettable(entry, keeper.epoch_floor):
                kept.add(name)
            else:
                keeper.epochs.pop(name, None)
                keeper.released.discard(name)
        return frozenset(kept)

    def _remembered(self, name: ResourceName) -> core_epochs.Remembered | None:
        epoch = self._keeper.epochs.get(name)
        return None if epoch is None else core_epochs.Remembered(epoch, name in self._keeper.released)

    async def prove_lost(self, server: ServerName, incarnation: Incarnation, phase: int) -> bool:
        """See ports.Guard."""
        await self._connected()
        return bool(await self._answered(lambda nonce: self._keeper.ask(Query(nonce, server, bytes.fromhex(incarnation)), phase)))

    def _nonce(self) -> int:
        return self._keeper.machine.chance.getrandbits(63) | 1

    async def _answered(self, ask: Callable[[int], None]) -> Any:
        machine = self._keeper.machine

        async def send(nonce: int) -> None:
            ask(nonce)

        try:
            return await self._rounds.ask(send, until=machine.loop.time() + machine.limits.round_s + ANSWER_S)
        except TimeoutError:
            raise Unreachable("the guard does not answer") from None

    async def note(self, position: Position, seen: Position) -> None:
        """See ports.Guard."""
        await self._connected()
        self._keeper.noted(position, seen)

    async def census(self, phase: int) -> tuple[Counted, ...] | None:
        """See ports.Guard."""
        await self._connected()
        granted = await self._answered(lambda nonce: self._keeper.count(Census(nonce), phase))
        if granted is None:
            return None
        return tuple(
            Counted(server=ServerName(life.server), incarnation=Incarnation(life.incarnation.hex()), position=life.position)
            for life in granted
        )

    async def able(self, able: bool, why: str) -> None:
        """See ports.Guard."""
        await self._connected()
        self._keeper.note_able(able, why)

    async def sight(self) -> GuardSight:
        """See ports.Guard; nobody asks here."""
        return GuardSight(incarnation=self._keeper.incarnation)

    async def cluster(self, record: ClusterRecord) -> ClusterRecord:
        """See ports.Guard."""
        await self._connected()
        self._keeper.note_registry(record)
        return self._keeper.later_voters(record)

    async def servers(self, servers: Collection[ServerRecord]) -> None:
        """See ports.Guard. Most worlds have the servers that they began with."""
        names = tuple(sorted(record.server for record in servers))
        if names and names != tuple(sorted(self._keeper.member.servers)):
            await self._connected()
            self._keeper.note_servers(names)

    async def keys(self, keys: tuple[bytes, ...]) -> bool:
        """See ports.Guard."""
        await self._connected()
        self._keeper.keys = keys
        return True

    async def dead(self, incarnations: Sequence[Incarnation]) -> None:
        """See ports.Guard."""
        generation, noted = self._dead
        if generation == self._keeper.generation and noted >= set(incarnations):
            return
        await self._connected()
        self._dead = (self._keeper.generation, frozenset(incarnations))
        self._keeper.note_gone(sorted(incarnations))

    async def protect(self, addresses: Sequence[str]) -> None:
        """See ports.Guard."""
        await self._connected()
        self._keeper.protected = frozenset(addresses)

    async def leave(self, within_s: float, stay_out: str = "") -> None:
        """See ports.Guard."""
        await self._connected()
        ask_to_leave(self._keeper, within_s)

    async def farewell(self, *, in_order: bool = False) -> None:
        """See ports.Guard."""
        await self._connected()
        if in_order:
            self._keeper.machine.truth.stopped_in_order(self._keeper.machine)
        self._keeper.farewell()
        await asyncio.Event().wait()  # the guard kills this daemon on the way

    async def next_event(self) -> GuardEvent:
        """See ports.Guard."""
        return await self._events.get()

    async def _connected(self) -> None:
        if self._place.dead:
            raise asyncio.CancelledError
        await self._keeper.machine.hesitates()
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._keeper.there.wait()
        except TimeoutError:
            raise Unreachable("the guard of this server does not answer") from None
