"""What the registry says of the cluster, on this server's disk for whatever begins without a registry: `cluster.json` and `servers.json`.

Called by `guardlink.py`, before the guard is sent the same. A disk that is full or does not answer holds nothing up: it is tried again, and
people see it meanwhile.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Collection

from understudy.guard import registered, serverfile
from understudy.model.servers import ServerRecord
from understudy.model.settings import Settings
from understudy.model.view import ClusterRecord

WITHIN_S = 2.0
AGAIN_S = 10.0
"""How often what could not be written is tried again."""
_ADVICE = {
    registered.FILE: "until it succeeds, do not edit voters and pause_tolerance on this server",
    serverfile.FILE: "until it succeeds, this server would begin with the servers that it knew before",
}


class KeptFacts:
    """The two files of one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._unwritten: dict[str, Callable[[], None]] = {}
        """Path -> what writes it, of those that could not be written,"""
        self._why: dict[str, str] = {}
        """and why not."""
        self._again_at = 0.0

    @property
    def trouble(self) -> str:
        """Why something is not on the disk; empty: all is."""
        return "; ".join(self._why.values())

    async def cluster(self, record: ClusterRecord) -> None:
        """Voters and pause_tolerance."""
        path = registered.path_of(self._settings)
        await self._keep(path, registered.FILE, functools.partial(registered.write, path, record))

    async def servers(self, servers: Collection[ServerRecord]) -> None:
        """Which servers there are."""
        path = serverfile.path_of(self._settings)
        await self._keep(path, serverfile.FILE, functools.partial(serverfile.write, path, self._settings.cluster, tuple(servers)))

    async def again(self) -> None:
        """Try what could not be written, if it is time to."""
        if self._unwritten and time.monotonic() >= self._again_at:
            for path, write in tuple(self._unwritten.items()):
                await self._keep(path, path.rpartition("/")[2], write)

    async def _keep(self, path: str, file: str, write: Callable[[], None]) -> None:
        self._again_at = time.monotonic() + AGAIN_S
        try:
            async with asyncio.timeout(WITHIN_S):
                await asyncio.to_thread(write)
        except (OSError, TimeoutError) as error:
            why = "the disk does not answer" if isinstance(error, TimeoutError) else error.strerror
            self._unwritten[path] = write
            self._why[path] = f"{path} cannot be written: {why}. Make room there, it is tried again; {_ADVICE[file]}"
            return
        self._unwritten.pop(path, None)
        self._why.pop(path, None)
