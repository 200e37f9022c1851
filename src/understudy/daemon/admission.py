"""Whether this server may take part: its guard knows what the registry says of voters and pause_tolerance, and its own settings are those.
It is sent, too, which servers there are.

Run by `daemon/node.py`. Must never: let anything be done under a lease before the guard knows them (S1, S5). A server with other settings
holds no lease any more once its guard knows.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from understudy.daemon.history import History
from understudy.daemon.mirror import RETRY_S, Mirror
from understudy.errors import Unreachable
from understudy.model import events
from understudy.model.names import ServerName
from understudy.model.servers import Servers
from understudy.model.view import ClusterRecord
from understudy.ports import Guard


class Admission:
    """What the guard was sent, and what it answers to that."""

    def __init__(self, mirror: Mirror, guard: Guard, history: History, server: ServerName) -> None:
        self._mirror = mirror
        self._guard = guard
        self._history = history
        self._server = server
        self._given: ClusterRecord | None = None
        self._servers: Servers = {}
        """The servers that the guard was sent last."""
        self._news = asyncio.Event()
        self._refused = ""
        self._later: ClusterRecord | None = None

    @property
    def known(self) -> bool:
        """Whether this daemon has read the registry, and the guard knows what it says."""
        return self._mirror.read_once and self._given == self._mirror.view.cluster

    def with_later_voters(self, record: ClusterRecord) -> ClusterRecord:
        """The registry's record with the voters of a higher number that this server's guard knows: then the registry was set back to a copy
        from before they were changed. The same record if it knows of none."""
        later = self._later
        if later is None or later.phase <= record.phase:
            return record
        return replace(record, voters=later.voters, voter_set=later.voter_set, old_voters=later.old_voters)

    def changed(self) -> None:
        """There is a new View."""
        if self._mirror.view.cluster != self._given or self._mirror.view.servers != self._servers:
            self._news.set()

    def note_refusal(self, refused: str) -> None:
        """Why the guard takes no part, as it says now; empty: it does. Recorded once, in the history and the alert log."""
        if refused and refused != self._refused:
            self._history.record(events.TAKES_NO_PART, on=self._server, cause=refused)
        self._refused = refused

    async def run(self, then: Callable[[ClusterRecord], None]) -> None:
        """Inform the guard whenever the registry says something new, until cancelled; `then` is called when it knows."""
        while True:
            await self._news.wait()
            self._news.clear()
            record, servers = self._mirror.view.cluster, self._mirror.view.servers
            if record is None:  # the registry was recreated: the guard goes on by what it knows until there is a record again
                self._given = None
                continue
            try:
                self._later = await self._guard.cluster(record)
                await self._guard.servers(servers.values())
            except Unreachable:
                self._news.set()
                await asyncio.sleep(RETRY_S)
                continue
            self._given, self._servers = record, servers
            then(record)
