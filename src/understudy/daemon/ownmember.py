"""Whether the member of etcd on this server answers. A registry of three goes on without one, and nobody would notice before the second is
lost: so this server says that its own does not, and its alert log does.

Called by `daemon/main.py`; `daemon/sight.py` shows it. Costs nothing as long as this daemon is connected to its own member. Must never
decide anything, or stand in the way of a daemon that has no member.
"""

import asyncio
from collections.abc import Callable

from understudy.model.settings import Settings
from understudy.ports import Clock, RegistryMembers

CHECK_S = 10.0
"""How often it is asked, and for how long it may be silent before that is said: a restart is shorter."""


class OwnMember:
    """This server's, if it has one."""

    def __init__(
        self, settings: Callable[[], Settings], members: RegistryMembers | None, connected: Callable[[], str], clock: Clock
    ) -> None:
        """`settings`: with the registry's endpoints as they are by now; `connected`: to which of them this daemon is."""
        self._settings, self._members, self._connected, self._clock = settings, members, connected, clock
        self._since: float | None = None

    async def watch(self) -> None:
        """Ask, until cancelled."""
        while True:
            if await self._answers():
                self._since = None
            elif self._since is None:
                self._since = self._clock.monotonic()
            await asyncio.sleep(CHECK_S)

    def away_s(self) -> float:
        """For how long it has not answered; 0: it does, or not for long, or there is none."""
        silent_s = 0.0 if self._since is None else self._clock.monotonic() - self._since
        return silent_s if silent_s >= CHECK_S else 0.0

    async def _answers(self) -> bool:
        settings = self._settings()
        own = settings.peer(settings.server).addresses
        endpoint = next((found for found in settings.registry if found.rpartition(":")[0].strip("[]") in own), "")
        return self._members is None or not endpoint or self._connected() == endpoint or await self._members.answers(endpoint)
