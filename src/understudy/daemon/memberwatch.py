"""Whether the members of etcd answer. A registry of three goes on without one, and nobody would notice before the second is lost: so every
server says which does not, and its alert log does.

Called by `daemon/main.py`; `daemon/sight.py` shows it. The member to which this daemon is connected costs nothing; the one on this server
is asked every `CHECK_S`, the others seldom, until one does not answer. Must never decide anything, or stand in the way of a daemon.
"""

import asyncio
from collections.abc import Callable, Collection

from understudy.model.names import ServerName
from understudy.model.settings import Settings
from understudy.ports import Clock, RegistryMembers

CHECK_S = 10.0
"""How often a member is asked that is this server's or does not answer, and for how long it may be silent before that is said: a restart
is shorter."""
OTHERS_TURNS = 3
"""In each of so many such times the others are asked."""


class MemberWatch:
    """What one server finds by asking."""

    def __init__(
        self, settings: Callable[[], Settings], members: RegistryMembers | None, connected: Callable[[], str], clock: Clock
    ) -> None:
        """`settings`: with the registry's endpoints as they are by now; `connected`: to which of them this daemon is; `members`: None
        where the registry has none."""
        self._settings, self._members, self._connected, self._clock = settings, members, connected, clock
        self.silent: Callable[[], Collection[ServerName]] = tuple
        """Servers that are not heard of at all: there it is no news that the member does not answer, nor when they have just come back."""
        self._since: dict[ServerName, float] = {}
        """Of those that do not answer: when they were first found so."""

    async def watch(self) -> None:
        """Ask, until cancelled."""
        turn = 0
        while True:
            await self._ask(others=turn % OTHERS_TURNS == 0)
            turn += 1
            await asyncio.sleep(CHECK_S)

    def away(self) -> dict[ServerName, float]:
        """Whose member has not answered, and for how many seconds; not for long: not named."""
        now = self._clock.monotonic()
        return {server: now - since for server, since in sorted(self._since.items()) if now - since >= CHECK_S}

    async def _ask(self, *, others: bool) -> None:
        settings = self._settings()
        found = {server: endpoint for server, endpoint in _members_on(settings).items() if server not in self.silent()}
        for server in self._since.keys() - found.keys():
            del self._since[server]
        asked = [server for server in found if others or server == settings.server or server in self._since]
        answers = await asyncio.gather(*(self._answers(found[server]) for server in asked))
        for server, answered in zip(asked, answers, strict=True):
            if answered:
                self._since.pop(server, None)
            else:
                self._since.setdefault(server, self._clock.monotonic())

    async def _answers(self, endpoint: str) -> bool:
        return self._members is None or self._connected() == endpoint or await self._members.answers(endpoint)


def _members_on(settings: Settings) -> dict[ServerName, str]:
    """The servers that have a member, and where it answers."""
    servers = {address: ServerName(server.name) for server in settings.servers for address in server.addresses}
    named = ((servers.get(endpoint.rpartition(":")[0].strip("[]")), endpoint) for endpoint in settings.registry)
    return {server: endpoint for server, endpoint in named if server is not None}
