"""How many actions of a server run at once: thousands that are due together are begun one after the other, and the loop keeps its pace.

Owned by the lanes' loop. An action that takes longer than others gives up its slot and goes on, so that what hangs delays nobody for long.
Never refuses anything, and with a slot free never waits.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from understudy.ports import Clock

LENT_S = 1.0
"""For so long an action keeps its slot."""


class ActionSlots:
    """So many."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._taken: dict[object, float] = {}
        """Who has one -> since when, the longest first."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for one; it is given back in the end, or before."""
        own = object()
        while self._full():
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            self._plan()
            try:
                await turn
            except asyncio.CancelledError:
                self._wake()  # it may have been this one's turn
                raise
        self._taken[own] = self._clock.monotonic()
        try:
            yield
        finally:
            if self._taken.pop(own, None) is not None:
                self._wake()

    def _full(self) -> bool:
        """After those that have had theirs long enough gave it back."""
        now = self._clock.monotonic()
        for own in [own for own, since in self._taken.items() if since + LENT_S <= now] if len(self._taken) >= self._most else ():
            del self._taken[own]
        return len(self._taken) >= self._most

    def _plan(self) -> None:
        if self._timer is None and self._taken:
            left_s = min(self._taken.values()) + LENT_S - self._clock.monotonic()
            self._timer = asyncio.get_running_loop().call_later(max(left_s, 0.001), self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        if not self._full():
            for _ in range(self._most - len(self._taken)):
                self._wake()
        if self._waiting:
            self._plan()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
