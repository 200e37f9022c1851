"""The guard that tests of daemons hold: its lease ends only when a story says so, and it receives nothing from other guards.

It passes the part of `guard/test_contract.py` that needs no others.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from understudy.errors import Unreachable
from understudy.guard import answers
from understudy.guard.held import HeldEpochs
from understudy.guard.notes import Notes
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.position import NOWHERE, Position
from understudy.model.servers import ServerRecord
from understudy.model.view import ClusterRecord
from understudy.ports import Counted, GuardEvent, GuardSight, GuardState, LastMessage, LeaveAsked


class HeldGuard:
    """A guard whose lease never ends; it proves nobody lost."""

    def __init__(self, server: ServerName, incarnation: Incarnation, others: Mapping[ServerName, Incarnation]) -> None:
        self.has_keys: tuple[bytes, ...] = ()
        self.said = GuardSight(
            incarnation=incarnation, last_messages={name: LastMessage(incarnation=other, age_s=0.0) for name, other in others.items()}
        )
        """What it reports; a story changes it."""
        self.answers = True
        self.holds = True
        self.left: bool | None = None
        """Whether it has said farewell, and if so, whether everything was stopped in order."""
        self.stay_out = ""
        self.on_farewell: Callable[[], None] = lambda: None
        self.news: asyncio.Queue[GuardEvent] = asyncio.Queue()
        self._server, self._incarnation = server, incarnation
        self._known = False
        """A daemon has asked whose life this is."""
        self._epochs = HeldEpochs(Notes(memoryview(bytearray(1 << 20))), memoryview(bytearray(8)).cast("q"))
        self._seen = NOWHERE
        self._leave_s: float | None = None

    async def state(self) -> GuardState:
        self._asked()
        self._known = True
        if self._leave_s is not None:
            self.news.put_nowait(LeaveAsked(self._leave_s))
        epochs, _ = self._epochs.page("", 1 << 20)
        return GuardState(
            server=self._server,
            incarnation=self._incarnation,
            held=self.holds,
            epochs={ResourceName(name): known.epoch for name, known in epochs.items()},
            epoch_floor=self._epochs.floor,
            position=self._seen,
        )

    def held(self) -> bool:
        return self.holds and self.answers and self._known and self.left is None

    async def remember(self, resource: ResourceName, epoch: int, *, released: bool = False) -> bool:
        self._asked()
        return bool(answers.epoch(self._epochs, resource, epoch, released=released)["ok"])

    async def forget(self, floor: int, names: Sequence[ResourceName]) -> frozenset[ResourceName]:
        self._asked()
        return frozenset(answers.forget(self._epochs, floor, list(names))["kept"])

    async def prove_lost(self, server: ServerName, incarnation: Incarnation, phase: int) -> bool:
        self._asked()
        return False

    async def note(self, position: Position, seen: Position) -> None:
        self._asked()
        self._seen = seen

    async def census(self, phase: int) -> tuple[Counted, ...] | None:
        self._asked()
        return ()

    async def able(self, able: bool, why: str) -> None:
        self._asked()

    async def sight(self) -> GuardSight:
        self._asked()
        return self.said

    async def keys(self, keys: tuple[bytes, ...]) -> bool:
        self._asked()
        self.has_keys = keys
        return True

    async def dead(self, incarnations: Sequence[Incarnation]) -> None:
        self._asked()

    async def protect(self, addresses: Sequence[str]) -> None:
        self._asked()

    async def cluster(self, record: ClusterRecord) -> ClusterRecord:
        self._asked()
        return record

    async def servers(self, servers: Collection[ServerRecord]) -> None:
        self._asked()

    async def leave(self, within_s: float, stay_out: str = "") -> None:
        self._asked()
        self.stay_out = stay_out
        self._leave_s = within_s
        self.news.put_nowait(LeaveAsked(within_s))

    async def farewell(self, *, in_order: bool = False) -> None:
        self._asked()
        self.left = in_order
        self.on_farewell()
        await asyncio.Future()

    async def next_event(self) -> GuardEvent:
        return await self.news.get()

    def _asked(self) -> None:
        if not self.answers:
            raise Unreachable("the guard of this server does not answer")
