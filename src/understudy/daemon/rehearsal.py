"""A verb that is rehearsed: it runs as ever, in a world that is worked out from the present one, and changes nothing.

Owns the mirror and the clock that such a verb is given: what it commits goes into a rehearsal (`policy/rehearsal.py`) and nowhere else, and
what it waits for comes about there, in no time. So it refuses, remarks and ends as it would. Made by `daemon/verbs/rehearse.py`. Must never
reach the registry but to read it.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from understudy.daemon.entries import Entries
from understudy.daemon.parts import Part, PartsWritten
from understudy.daemon.verbs.world import CommandContext, MirrorPort, Output
from understudy.model.conditions import Own
from understudy.model.names import ResourceName
from understudy.model.view import Event, View
from understudy.policy.rehearsal import Rehearsal
from understudy.ports import Clock
from understudy.registry import keys


class RehearsedMirror:
    """A `MirrorPort` whose commits are rehearsed."""

    def __init__(self, mirror: MirrorPort, rehearsal: Rehearsal, pause: Callable[[], Awaitable[None]]) -> None:
        """`rehearsal`: of the View that the mirror has just read. `pause`: lets others have their turn."""
        self._mirror, self._pause = mirror, pause
        self.rehearsal = rehearsal
        self.passed_s = 0.0
        """Time that a verb has waited for nothing."""
        self._news = asyncio.Event()

    @property
    def view(self) -> View:
        """The present View of the rehearsal; before any change the real one."""
        return self.rehearsal.view if self.rehearsal.begun else self.rehearsal.before

    @property
    def version(self) -> int:
        """Grows with every View."""
        return self.view.revision

    def changes(self, since: int) -> frozenset[ResourceName] | None:
        """See MirrorPort."""
        return None

    @property
    def read_once(self) -> bool:
        """See MirrorPort."""
        return self._mirror.read_once

    @property
    def reachable(self) -> bool:
        """See MirrorPort."""
        return self._mirror.reachable

    async def refresh(self) -> View:
        """What the rehearsal has come to."""
        return self.view

    async def wait(self, after: int, timeout_s: float) -> View:
        """Everything that follows comes about; where nothing more does, time passes."""
        before = self.view.revision
        await self.go_on()
        if self.view.revision == before and before <= after:
            self.passed_s += timeout_s
        self._news.set()
        self._news = asyncio.Event()
        for _ in range(2):  # whoever follows the events takes them in
            await asyncio.sleep(0)
        return self.view

    async def go_on(self) -> None:
        """To the end, as far as it is known by now what is changed."""
        await self.begin()
        while self.rehearsal.step():
            await self._pause()

    async def begin(self) -> None:
        """What is under way anyhow has begun."""
        while self.rehearsal.begin_step():
            await self._pause()

    async def commit(self, writes: Mapping[str, Any], *, decided_on: View, unchanged: Iterable[str] = ()) -> int | None:
        """It is rehearsed from now on."""
        await self.begin()
        await self._take([writes])
        return self.view.revision

    async def commit_parts(self, parts: Sequence[Part], *, decided_on: View, unchanged: Iterable[str] = ()) -> PartsWritten:
        """The same of all of them."""
        await self.begin()
        if parts:
            await self._take([part.writes for part in parts])
        return PartsWritten(done=len(parts), first=self.view.revision, last=self.view.revision)

    async def events(self, from_revision: int) -> AsyncIterator[tuple[int, Event]]:
        """What the history would say, as it comes about; never what it says already."""
        seen = 0
        while True:
            news = self._news
            while seen < len(self.rehearsal.events):
                revision, event = self.rehearsal.events[seen]
                seen += 1
                if revision > from_revision:
                    yield revision, event
            await news.wait()

    def history(self) -> list[Event]:
        """See MirrorPort."""
        return self._mirror.history()

    async def _take(self, several: Sequence[Mapping[str, Any]]) -> None:
        """As the mirror would, when the registry has taken it."""
        view = self.rehearsal.view
        entries = Entries()
        entries.taken(View(), 0, [(keys.request(request.id), request) for request in view.requests])
        names: set[ResourceName] | None = set()
        for writes in several:
            records = [(key, record) for key, record in writes.items() if not key.startswith(keys.HISTORY)]
            view, changed = entries.taken(view, view.revision + 1, records)
            names = None if names is None or changed is None else names | changed
            if any(key.startswith((keys.INCARNATION, keys.POOL, keys.CATEGORY, keys.SERVER)) or key == keys.CLUSTER for key, _ in records):
                names = None
        self.rehearsal.commanded(replace(view, unable=self.rehearsal.view.unable), names)


class RehearsedClock:
    """The time of a rehearsal: what is waited for has passed at once."""

    def __init__(self, clock: Clock, mirror: RehearsedMirror) -> None:
        self._clock, self._mirror = clock, mirror
        self._began = clock.monotonic()

    def monotonic(self) -> float:
        """See ports.Clock."""
        return self._began + self._mirror.rehearsal.now + self._mirror.passed_s

    def wall(self) -> float:
        """See ports.Clock."""
        return self._clock.wall()


def within(world: CommandContext, mirror: RehearsedMirror, output: Output) -> CommandContext:
    """The world that the verb is given: nothing in it leads out."""
    own = None if world.own is None else functools.partial(_without_news, world.own())
    return replace(
        world,
        mirror=mirror,
        clock=RehearsedClock(world.clock, mirror),
        output=output,
        record=lambda *_: None,
        own=own,
        check=lambda _: None,
        leave_here=lambda *_: None,
        leave_followed=lambda: nullcontext(lambda: False),
        members=None,
        places=None,
        detached=lambda: False,
        rehearsal=mirror.rehearsal,
    )


def _without_news(own: Own) -> Own:
    """What this server's lanes know by themselves is true of the present, and not of a rehearsal."""
    return replace(own, reports={})
