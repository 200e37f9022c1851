"""Writing the history: events queue up here and are written in batches, in order; never awaited by what decides or acts.

One per daemon. While the registry is away events wait (the newest `KEEP` of them); each is written once.
"""

import asyncio
from collections import deque

from understudy.daemon.mirror import RETRY_S, Mirror
from understudy.errors import RegistryUnreachable
from understudy.model.names import ResourceName, ServerName
from understudy.model.view import Event
from understudy.ports import Clock
from understudy.registry import keys

KEEP = 2_000
BATCH = 64


class History:
    """The daemon's pen."""

    def __init__(self, mirror: Mirror, clock: Clock, server: ServerName) -> None:
        self._mirror = mirror
        self._clock = clock
        self._server = server
        self._queue: deque[tuple[str, Event]] = deque(maxlen=KEEP)
        self._count = 0
        self._more = asyncio.Event()

    def tell(
        self,
        kind: str,
        *,
        resource: ResourceName | None = None,
        on: ServerName | None = None,
        ms: float | None = None,
        cause: str = "",
        text: str = "",
        id: str = "",
    ) -> None:
        """Note that something happened, now."""
        event = Event(
            wall=self._clock.wall(), server=self._server, kind=kind, resource=resource, on=on, ms=ms, cause=cause, text=text, id=id
        )
        self._count += 1
        self._queue.append((keys.history(int(event.wall * 1000), self._server, self._count), event))
        self._more.set()

    def idle(self) -> bool:
        """Whether everything is written."""
        return not self._queue

    async def write(self) -> None:
        """Write what is queued, for ever."""
        while True:
            await self._more.wait()
            batch = [self._queue[number] for number in range(min(BATCH, len(self._queue)))]
            try:
                revision = self._mirror.view.revision
                if await self._mirror.commit({key: event for key, event in batch if not self._mirror.known(key)}) is None:
                    await self._mirror.wait(revision, RETRY_S)
                    continue
            except RegistryUnreachable:
                # it may have been written: the mirror knows once it has read again
                await asyncio.sleep(RETRY_S)
                continue
            written = {key for key, _ in batch}
            while self._queue and self._queue[0][0] in written:
                self._queue.popleft()
            if not self._queue:
                self._more.clear()
