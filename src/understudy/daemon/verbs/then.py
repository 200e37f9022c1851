"""`--at TIME`: a verb that only shows, in the world as it was; how exact the answer is goes to standard error.

Called by the verbs that take it. Files are read beside the loop, one question at a time. What a user other than root may not see now, or
might not see then, is not shown.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.agents.aside import aside
from understudy.daemon.parts import Part, PartsWritten
from understudy.daemon.pastfile import PastPart
from understudy.daemon.pastview import PastFound, at, not_known
from understudy.daemon.times import shown_wall, wall_of
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext, MirrorPort
from understudy.errors import BadInput
from understudy.intent.visible import hidden, without
from understudy.model.messages import line
from understudy.model.names import ResourceName
from understudy.model.view import Event, View
from understudy.ports import Clock

WITHIN_S = 60.0
_asking = asyncio.Lock()
"""Files are read for one question at a time: of ten thousand resources that takes a second."""


class PastMirror:
    """A `MirrorPort` that shows one View of the past, for verbs that only show."""

    def __init__(self, view: View, mirror: MirrorPort) -> None:
        self.view = view
        self._mirror = mirror
        self.version = 0
        self.read_once = self.reachable = True

    def changes(self, since: int) -> frozenset[ResourceName] | None:
        """See MirrorPort."""
        return None

    async def refresh(self) -> View:
        """See MirrorPort: it is no longer refreshed."""
        return self.view

    async def wait(self, after: int, timeout_s: float) -> View:
        """See MirrorPort: nothing comes any more."""
        return self.view

    async def commit(self, writes: Mapping[str, Any], *, decided_on: View, unchanged: Iterable[str] = ()) -> int | None:
        """Never: the past cannot be changed."""
        raise AssertionError("a verb has tried to change the past")

    async def commit_parts(self, parts: Sequence[Part], *, decided_on: View, unchanged: Iterable[str] = ()) -> PartsWritten:
        """Never, either."""
        raise AssertionError("a verb has tried to change the past")

    async def events(self, from_revision: int) -> AsyncIterator[tuple[int, Event]]:
        """See MirrorPort."""
        async for event in self._mirror.events(from_revision):
            yield event

    def history(self) -> list[Event]:
        """See MirrorPort."""
        return self._mirror.history()


@dataclass(frozen=True, slots=True)
class _PastClock:
    """Time of day as it was; durations pass as ever."""

    at: float
    clock: Clock

    def monotonic(self) -> float:
        return self.clock.monotonic()

    def wall(self) -> float:
        return self.at


async def then(world: CommandContext, arguments: Arguments) -> CommandContext:
    """The world as it was, where a time is asked for; otherwise as it is. BadInput: it is not known."""
    text, past = arguments.text("at"), world.past
    if text is None:
        return world
    now, who = world.clock.wall(), world.caller.who
    wall = wall_of(text, now)
    if past is None:
        raise not_known(wall, "this daemon keeps nothing of it")
    try:
        async with _asking:
            parts = await past.parts()
            found = await aside(functools.partial(_shown_at, parts, wall, now), within_s=WITHIN_S, kind="past")
    except (TimeoutError, OSError) as error:
        raise not_known(wall, f"its disk does not answer, or not in time ({error})") from None
    if isinstance(found, BadInput):
        raise found
    world.output.err(line(20732, world.settings.server, shown_wall(wall), found.exactness))
    secret = hidden(found.view, who) | (frozenset() if who.root else found.view.resources.keys() - world.mirror.view.resources.keys())
    mirror = PastMirror(without(found.view, secret), world.mirror)
    return world.within(mirror, _PastClock(wall, world.clock))


def _shown_at(parts: Sequence[PastPart], wall: float, now: float) -> PastFound | BadInput:
    """`aside` hands on few kinds of errors."""
    try:
        return at(parts, wall, now)
    except BadInput as refusal:
        return refusal
