"""Owns how much of the daemon those who only ask may use: a short slice of its one loop at a time, and few requests in work at once.

Called by `api.py`, which gives each request a Turn, and by verbs that walk over everything (`World.turn`). Never decides what is answered.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from understudy.daemon.callers import ROOT

MOST_IN_WORK = 4
"""Requests of users other than root. What one has gathered for its answer takes many times the bytes that are sent at last."""
SLICE_S = 0.005
"""How long a request works before the loop's other work has its turn: lanes and leader wait no longer than this, and one slice more."""


@dataclass(slots=True)
class Turns:
    """Whose slice it is."""

    _queue: asyncio.Lock = field(default_factory=asyncio.Lock)
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_IN_WORK))
    _of_user: "WeakValueDictionary[int, asyncio.Lock]" = field(default_factory=WeakValueDictionary)
    """By user id, as long as somebody holds it or waits for it."""
    _last_s: float = 0.0
    """How long the slice before this one took; its own length is the pause after it, so that this is never more than half of the loop."""

    @contextlib.asynccontextmanager
    async def place(self, uid: int) -> AsyncIterator[None]:
        """Begin when there is room for one more in work: one for each user, `MOST_IN_WORK` in all. Root needs no room."""
        if uid == ROOT:
            yield
            return
        lock = self._of_user.setdefault(uid, asyncio.Lock())
        async with lock, self._places:
            yield

    async def mine(self, took_s: float, *, queued: bool) -> None:
        """Return when the next slice may begin; `took_s` is what the caller has just used."""
        self._last_s = max(self._last_s, took_s)
        if not queued:
            await asyncio.sleep(0)
            return
        async with self._queue:
            pause_s, self._last_s = self._last_s, 0.0
            await asyncio.sleep(pause_s)


class Turn:
    """The slices of one request."""

    def __init__(self, turns: Turns, *, queued: bool) -> None:
        """`queued`: it waits for its turn among all that are; root's do not."""
        self._turns, self._queued = turns, queued
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()

    async def begin(self) -> None:
        """The first slice. The reading of the request does not count."""
        await self._turns.mine(0.0, queued=self._queued)
        self._began_s = self._loop.time()

    async def next(self) -> None:
        """Between two resources, or lines: go on at once, or when others have had their turn."""
        took_s = self._loop.time() - self._began_s
        if took_s >= SLICE_S:
            await self._turns.mine(took_s, queued=self._queued)
            self._began_s = self._loop.time()
