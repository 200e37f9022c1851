"""Whether the member of etcd on this server answers. A registry of three goes on without one, and nobody would notice before the second is
lost: so this server says that its own does not, and its alert log does. Once it answers again this daemon goes back to it: as long as it is
connected to another server's, the loss of that server would take the registry away from this one as well, for a second.

Called by `daemon/main.py`; `daemon/sight.py` shows it. Costs nothing as long as this daemon is connected to its own member. Must never
decide anything, or stand in the way of a daemon that has no member.
"""

import asyncio
from collections.abc import Awaitable, Callable

from understudy.model.settings import Settings
from understudy.ports import Clock, RegistryMembers

CHECK_S = 10.0
"""How often it is looked whether this daemon is connected to it, and for how long it may be silent before that is said: a restart is
shorter."""
AGAIN_S = 2.0
"""How often it is asked while this daemon is connected to another."""


class OwnMember:
    """This server's, if it has one."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        members: RegistryMembers | None,
        connected: Callable[[], str],
        clock: Clock,
        *,
        go_over: Callable[[str], Awaitable[object]],
    ) -> None:
        """`settings`: with the registry's endpoints as they are by now; `connected`: to which of them this daemon is; `go_over`: has it
        connected to another (`prefer` of `registry/engines.py`)."""
        self._settings, self._members, self._connected, self._clock = settings, members, connected, clock
        self._go_over = go_over
        self._since: float | None = None

    async def watch(self) -> None:
        """Ask, until cancelled."""
        while True:
            endpoint = self._elsewhere()
            if not endpoint:
                self._since = None
            elif self._members is not None and await self._members.answers(endpoint):
                self._since = None
                await self._go_over(endpoint)
            elif self._since is None:
                self._since = self._clock.monotonic()
            await asyncio.sleep(AGAIN_S if self._elsewhere() else CHECK_S)

    def away_s(self) -> float:
        """For how long it has not answered; 0: it does, or not for long, or there is none."""
        silent_s = 0.0 if self._since is None else self._clock.monotonic() - self._since
        return silent_s if silent_s >= CHECK_S else 0.0

    def _elsewhere(self) -> str:
        """Where the own member is, while this daemon is not connected to it; empty: it is, or there is none."""
        settings = self._settings()
        own = settings.peer(settings.server).addresses
        endpoint = next((found for found in settings.registry if found.rpartition(":")[0].strip("[]") in own), "")
        return "" if self._members is None or self._connected() == endpoint else endpoint
