"""What runs on this server and is not registered: what a registry that was recreated, or set back, knows nothing of.

Owns the question. Run by `daemon/node.py`; the lanes write what is found into this server's look, so that every server can say it. Must
never touch what it finds: it may be somebody's database.
"""

import asyncio
from collections.abc import Callable

from understudy.daemon.history import History
from understudy.daemon.mirror import Mirror
from understudy.errors import Unreachable
from understudy.model import events
from understudy.model.names import ResourceName, ServerName
from understudy.ports import Executor

ASK_EVERY_S = 5.0
MOST_NAMED = 32
"""Names in a look, and in an event: enough to know what was lost, and bounded whatever runs."""


class Unregistered:
    """Asks the executor now and then what runs here, and compares."""

    def __init__(self, mirror: Mirror, executor: Executor, history: History, server: ServerName) -> None:
        self._mirror = mirror
        self._executor = executor
        self._history = history
        self._server = server
        self._suspected: frozenset[ResourceName] = frozenset()

    async def run(self, on_change: Callable[[tuple[ResourceName, ...]], None]) -> None:
        """Until cancelled; `on_change` is called whenever the names have changed."""
        known: tuple[ResourceName, ...] = ()
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            try:
                found = await self._look()
            except Unreachable:
                continue  # what is known stays; that the executor does not answer is said elsewhere
            if found == known:
                continue
            if more := sorted({*found} - {*known}):
                self._history.record(events.UNREGISTERED, on=self._server, cause=", ".join(more))
            known = found
            on_change(found)

    async def _look(self) -> tuple[ResourceName, ...]:
        """Seen twice: what is deleted just now may still be ending."""
        living = await self._executor.running()
        view = self._mirror.view
        if not self._mirror.read_once or view.set_back:
            return ()
        found = frozenset(living) - view.resources.keys()
        sure, self._suspected = found & self._suspected, found
        return tuple(sorted(sure)[:MOST_NAMED])
