"""The batches of one watch, as they arrive over a connection and are taken by their reader.

Used by the connections of the engines. Owns how many may wait: a reader that is too slow has to read again. Must never wait for the
connection: whoever ends it ends the feed.
"""

import asyncio
from collections import deque
from collections.abc import Iterable

from understudy.errors import Compacted
from understudy.ports import Batch

BATCHES_WAITING_MAX = 10_000
"""Batches that its reader has not taken: beyond this it must read again."""


class Feed:
    """One watch; `id` is the connection's number for it."""

    def __init__(self, id: int) -> None:
        self.id = id
        self._batches: deque[Batch] = deque()
        self._error: Exception | None = None
        self._woken = asyncio.Event()

    async def next(self) -> Batch:
        """The next batch; raises what ended the watch once all that came before was taken."""
        while not self._batches:
            if self._error is not None:
                raise self._error
            self._woken.clear()
            await self._woken.wait()
        return self._batches.popleft()

    def put(self, batches: Iterable[Batch]) -> None:
        """Batches arrived."""
        batches = tuple(batches)
        if self._error is None and len(self._batches) + len(batches) > BATCHES_WAITING_MAX:
            self.end(Compacted("this watch was read too slowly: read again"))
        elif self._error is None:
            self._batches.extend(batches)
            self._woken.set()

    def end(self, error: Exception) -> None:
        """Nothing more will come."""
        if self._error is None:
            self._error = error
            self._woken.set()
