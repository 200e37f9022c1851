"""The registry as seen from servers: one store in memory, and one link per daemon that is slow, loses answers or is cut.

Called by `sim/machine.py`; implements ports.Registry. A commit whose answer was lost may have happened, and one that was sent before a
cut may happen long after its sender gave up, or died: safety rests on conditions alone (S7).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from understudy.errors import RegistryUnreachable
from understudy.ports import Batch, Condition, Conflict, Entry, Write
from understudy.registry.sqlite import LocalRegistry
from understudy.registry.store import Store
from understudy.sim.loop import Place, VirtualLoop

Result = TypeVar("Result")
DEADLINE_S = 1.0
"""As registry/client.py."""
NOTICED_S = (0.8, 1.0)
"""How long a watcher takes to see that its link is dead."""


@dataclass(slots=True)
class Road:
    """How bad the way to the registry is."""

    delay_s: tuple[float, float] = (0.0003, 0.002)
    slow: float = 0.0
    """Chance that a message takes up to `slow_s`: longer than anybody waits."""
    slow_s: float = 3.0
    lost_answer: float = 0.0
    """Chance that something was done and its answer never arrives."""
    late_request: float = 0.5
    """Chance that what was underway when the link was cut arrives when it is healed."""


class Hub:
    """The store, and who can reach it."""

    def __init__(self, loop: VirtualLoop, dice: random.Random, road: Road) -> None:
        self.loop = loop
        self.dice = dice
        self.road = road
        # few commits are kept, so that who was away for long is sent back to reading everything
        self.store = Store(keep_commits=dice.choice((30, 1000)))
        self.registry = LocalRegistry(self.store)
        self.away = False
        self.cuts: set[str] = set()
        self._changed: list[asyncio.Future[None]] = []
        self._links: dict[RegistryLink, None] = {}
        self._stuck: list[tuple[str, Callable[[], None]]] = []

    def reachable(self, server: str) -> bool:
        """Whether messages of this server pass now."""
        return not self.away and server not in self.cuts

    def set_away(self, away: bool) -> None:
        """The registry goes, or comes back."""
        self.away = away
        self._tell()

    def cut(self, server: str) -> None:
        """This server's link carries nothing from now on."""
        self.cuts.add(server)
        self._tell()

    def heal(self, server: str) -> None:
        """It carries again."""
        self.cuts.discard(server)
        self._tell()

    async def change(self) -> None:
        """Until some link was cut or healed."""
        future: asyncio.Future[None] = self.loop.create_future()
        self._changed.append(future)
        await future

    def travel(self, server: str, arrive: Callable[[], None]) -> None:
        """A message underway, in one direction; it goes on whatever becomes of who sent it."""
        dice, road = self.dice, self.road
        seconds = dice.uniform(*road.delay_s)
        if road.slow and dice.random() < road.slow:
            seconds = dice.uniform(0.0, road.slow_s)

        def at_the_end() -> None:
            if self.reachable(server):
                arrive()
            elif dice.random() < road.late_request:
                self._stuck.append((server, arrive))

        self.loop.post(self.loop.now + seconds, at_the_end)

    def join(self, link: "RegistryLink") -> None:
        """A link to be told of cuts."""
        self._links[link] = None

    def leave(self, link: "RegistryLink") -> None:
        """No more."""
        self._links.pop(link, None)

    def _tell(self) -> None:
        changed, self._changed = self._changed, []
        for future in changed:
            if not future.done():
                future.set_result(None)
        for link in list(self._links):
            link.woken.set()
        stuck, self._stuck = self._stuck, []
        for server, arrive in stuck:
            if self.reachable(server):
                self.loop.post(self.loop.now + self.dice.uniform(*self.road.delay_s), arrive)
            else:
                self._stuck.append((server, arrive))


class RegistryLink:
    """One daemon's link: the Registry port."""

    def __init__(self, hub: Hub, server: str, place: Place) -> None:
        self._hub = hub
        self._server = server
        self._place = place
        self.woken = asyncio.Event()

    async def read(self, prefix: str) -> tuple[int, tuple[Entry, ...]]:
        """See ports.Registry."""
        return await self._ask(lambda: self._hub.registry.read(prefix))

    async def commit(self, conditions: Sequence[Condition], writes: Sequence[Write]) -> int | Conflict:
        """See ports.Registry."""
        return await self._ask(lambda: self._hub.registry.commit(conditions, writes))

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Batch]:
        """See ports.Registry."""
        hub, seen = self._hub, from_revision
        await self._reach()
        stop = hub.store.on_commit(self.woken.set)
        hub.join(self)
        try:
            while True:
                self.woken.clear()
                if not hub.reachable(self._server):
                    await asyncio.sleep(hub.dice.uniform(*NOTICED_S))
                    if not hub.reachable(self._server):
                        raise RegistryUnreachable("the link to the registry is dead")
                await asyncio.sleep(hub.dice.uniform(*hub.road.delay_s))
                seen, batches = hub.store.changes(prefix, seen)
                for batch in batches:
                    yield batch
                if seen == hub.store.revision and hub.reachable(self._server):
                    await self.woken.wait()
        finally:
            stop()
            hub.leave(self)

    async def _reach(self) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not self._hub.reachable(self._server):
                    await self._hub.change()
        except TimeoutError:
            raise RegistryUnreachable("nobody answers") from None

    async def _ask(self, do: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        if self._place.dead:
            raise asyncio.CancelledError
        answer: asyncio.Future[Result] = self._hub.loop.create_future()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self._reach()
                self._hub.travel(self._server, lambda: self._carry_out(do, answer))
                return await answer
        except TimeoutError:
            raise RegistryUnreachable("the registry did not answer in time") from None

    def _carry_out(self, do: Callable[[], Coroutine[Any, Any, Result]], answer: "asyncio.Future[Result]") -> None:
        done = _at_once(do())
        if self._hub.road.lost_answer and self._hub.dice.random() < self._hub.road.lost_answer:
            return

        def arrive() -> None:
            if not answer.done():
                answer.set_result(done)

        self._hub.travel(self._server, arrive)


def _at_once(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of something that is async by its port and never waits."""
    try:
        work.send(None)
    except StopIteration as ended:
        result: Result = ended.value
        return result
    raise AssertionError("the store waited")
