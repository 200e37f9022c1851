"""The mirror as one user may see it: resources whose access list gives him no `r` are not there.

Made by `api.py` for each request of a user other than root that only reads. Never writes; `intent/visible.py` says what is hidden.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from understudy.daemon.parts import Part, PartsWritten
from understudy.daemon.verbs.world import MirrorPort
from understudy.intent.rights import Identity
from understudy.intent.visible import hidden, without
from understudy.model.names import ResourceName
from understudy.model.view import Event, View


class SeenMirror:
    """A `MirrorPort` for verbs that only show."""

    def __init__(self, mirror: MirrorPort, who: Identity) -> None:
        self._mirror, self._who = mirror, who
        self._of: View | None = None
        self._hidden: frozenset[ResourceName] = frozenset()
        self._shown = View()

    @property
    def view(self) -> View:
        """The latest View, without what is hidden."""
        return self._seen(self._mirror.view)

    @property
    def version(self) -> int:
        """See MirrorPort."""
        return self._mirror.version

    def changes(self, since: int) -> frozenset[ResourceName] | None:
        """See MirrorPort. Some of them may be hidden: who goes by these names finds nothing in the View."""
        return self._mirror.changes(since)

    @property
    def read_once(self) -> bool:
        """See MirrorPort."""
        return self._mirror.read_once

    @property
    def reachable(self) -> bool:
        """See MirrorPort."""
        return self._mirror.reachable

    async def refresh(self) -> View:
        """See MirrorPort."""
        return self._seen(await self._mirror.refresh())

    async def wait(self, after: int, timeout_s: float) -> View:
        """See MirrorPort."""
        return self._seen(await self._mirror.wait(after, timeout_s))

    async def events(self, from_revision: int) -> AsyncIterator[tuple[int, Event]]:
        """See MirrorPort."""
        async for revision, event in self._mirror.events(from_revision):
            if self._may_see(event):
                yield revision, event

    def history(self) -> list[Event]:
        """See MirrorPort."""
        self._seen(self._mirror.view)
        return [event for event in self._mirror.history() if self._shows(event)]

    async def commit(self, writes: Mapping[str, Any], *, decided_on: View, unchanged: Iterable[str] = ()) -> int | None:
        """Never: who only reads writes nothing."""
        raise AssertionError("a verb that only shows has tried to write")

    async def commit_parts(self, parts: Sequence[Part], *, decided_on: View, unchanged: Iterable[str] = ()) -> PartsWritten:
        """Never, either."""
        raise AssertionError("a verb that only shows has tried to write")

    def _may_see(self, event: Event) -> bool:
        self._seen(self._mirror.view)
        return self._shows(event)

    def _shows(self, event: Event) -> bool:
        """Commands of others are root's to know."""
        return event.resource not in self._hidden and (event.given is None or event.given.user == self._who.user)

    def _seen(self, view: View) -> View:
        if view is not self._of:
            self._of, self._hidden = view, hidden(view, self._who)
            self._shown = without(view, self._hidden)
        return self._shown
