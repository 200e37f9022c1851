"""The registry in this very process: the port directly on a store, for the simulator and for tests.

Called by `sim/` and tests; several may share one store (one per simulated server), which is that of the engine `sqlite`. Uses no
thread, socket or clock, so that it runs on any event loop, one with simulated time included. Must never be used by a daemon: the file
has one owner, the registry's server.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from understudy.ports import Batch, Bound, CommitCondition, Conflict, Entry, Write
from understudy.registry.commits import BOUND, checked
from understudy.registry.sqlite.store import Store


class LocalRegistry:
    """The Registry port on a store in this process; it never is unreachable."""

    def __init__(self, store: Store, bound: Bound = BOUND) -> None:
        self.bound = bound
        self._store = store

    async def read(self, prefix: str, *, without: str = "", after: str = "", limit_bytes: int = 0) -> tuple[int, tuple[Entry, ...]]:
        """As the port says."""
        return self._store.read(prefix, without=without, after=after, limit_bytes=limit_bytes)

    async def commit(self, conditions: Sequence[CommitCondition], writes: Sequence[Write]) -> int | Conflict:
        """As the port says."""
        commit = checked(conditions, writes, self.bound)
        return self._store.commit(commit.conditions, commit.writes)

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Batch]:
        """As the port says; a batch holds what of its commit lies under the prefix."""
        woken = asyncio.Event()
        stop = self._store.on_commit(woken.set)
        seen = from_revision
        try:
            while True:
                woken.clear()
                seen, batches = self._store.changes(prefix, seen)
                for batch in batches:
                    yield batch
                if seen == self._store.revision:
                    await woken.wait()
        finally:
            stop()
