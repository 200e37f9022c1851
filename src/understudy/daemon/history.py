"""Writing the history: events queue up here and are written in batches, in order; never awaited by what decides or acts.

One per daemon. While the registry is away events wait (the newest `KEEP` of them); each is written once.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice

from understudy.daemon.mirror import RETRY_S, Mirror
from understudy.errors import RegistryUnreachable
from understudy.guard.log import log
from understudy.model import events
from understudy.model.excerpt import CAUSE_BYTES, EVENT_BYTES, excerpt
from understudy.model.given import GivenCommand
from understudy.model.logevents import OF_HISTORY
from understudy.model.names import ResourceName, ServerName
from understudy.model.view import Event
from understudy.ports import Clock
from understudy.registry import keys

KEEP = 2_000
BATCH = 64


def log_event(event: Event) -> None:
    """The line of the log for a line of the history."""
    log(
        OF_HISTORY[event.kind],
        activity=event.activity,
        resource=event.resource,
        on=event.on,
        ms=event.ms,
        cause=event.cause,
        text=event.text,
        command=event.command,
    )


def log_events(lines: Iterable[tuple[str, Event]]) -> None:
    """Of those that were written with a commit, by key."""
    for _, event in lines:
        log_event(event)


class History:
    """The daemon's pen."""

    def __init__(self, mirror: Mirror, clock: Clock, server: ServerName) -> None:
        self._mirror = mirror
        self._clock = clock
        self._server = server
        self._queue: deque[tuple[str, Event]] = deque(maxlen=KEEP)
        self._count = 0
        self._lost = 0
        """Events for which there was no room while none could be written: the oldest of them."""
        self._more = asyncio.Event()

    def record(
        self,
        kind: str,
        *,
        resource: ResourceName | None = None,
        on: ServerName | None = None,
        ms: float | None = None,
        cause: str = "",
        text: str = "",
        activity: str = "",
        command: str = "",
        given: GivenCommand | None = None,
    ) -> None:
        """Note that something happened, now; and log it, at once, whether the registry can be written or not. `activity`: what it is part
        of; `command`: which command it belongs to, or follows from; `given`: of one that tells of a command."""
        event = self._made(kind, resource=resource, on=on, ms=ms, cause=cause, text=text, activity=activity)
        event = replace(event, command=command, given=given) if command else event
        log_event(event)
        self._lost += len(self._queue) == KEEP
        self._queue.append((self._key(event), event))
        self._more.set()

    def carried(self, kind: str, *, on: ServerName, ms: float | None = None, cause: str = "", activity: str = "") -> tuple[str, Event]:
        """A line, with its key, that is written in the very commit that it tells of: so it is there if that was done, and only then, also
        where the answer is lost. It is logged by `log_event`, by who has the answer."""
        event = self._made(kind, on=on, ms=ms, cause=cause, activity=activity)
        return self._key(event), event

    def _made(
        self,
        kind: str,
        *,
        on: ServerName | None,
        ms: float | None,
        cause: str,
        activity: str,
        resource: ResourceName | None = None,
        text: str = "",
    ) -> Event:
        return Event(
            wall=self._clock.wall(),
            server=self._server,
            kind=kind,
            resource=resource,
            on=on,
            ms=ms,
            cause=excerpt(cause, CAUSE_BYTES),
            text=excerpt(text, EVENT_BYTES),
            activity=activity,
        )

    def _key(self, event: Event) -> str:
        self._count += 1
        return keys.history(int(event.wall * 1000), self._server, self._count)

    def idle(self) -> bool:
        """Whether everything is written."""
        return not self._queue

    async def write(self) -> None:
        """Write what is queued, until cancelled."""
        while True:
            await self._more.wait()
            batch = dict(islice(self._queue, min(BATCH, self._mirror.most_writes)))
            await self._write(batch)
            while self._queue and self._queue[0][0] in batch:
                self._queue.popleft()
            if self._lost:
                lost, self._lost = self._lost, 0
                text = f"{lost} events of {self._server} are missing before this one: none could be written, and the newest {KEEP} wait"
                self.record(events.EVENTS_LOST, on=self._server, text=text)
            if not self._queue:
                self._more.clear()

    async def _write(self, batch: Mapping[str, Event]) -> None:
        """In one commit, so that either all of them are written or none; again until that is so."""
        first = next(iter(batch))
        while not self._mirror.known(first):
            try:
                view = self._mirror.view
                if await self._mirror.commit(batch, decided_on=view) is not None or await self._mirror.has(first):
                    return
                await self._mirror.wait(view.revision, RETRY_S)
            except RegistryUnreachable:
                await asyncio.sleep(RETRY_S)
