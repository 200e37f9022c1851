"""Back to the member of etcd on this server, once it answers again: as long as this daemon is connected to another server's, the loss of
that server would take the registry away from this one as well, for a second.

Called by `daemon/main.py`. Costs nothing as long as this daemon is connected to its own member. Must never decide anything, or stand in the
way of a daemon that has no member. Whether members answer at all is said by `daemon/memberwatch.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from understudy.model.settings import Settings
from understudy.ports import RegistryMembers

CHECK_S = 10.0
"""How often it is looked whether this daemon is connected to it."""
AGAIN_S = 2.0
"""How often it is asked while this daemon is connected to another."""


class OwnMember:
    """This server's, if it has one."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        members: RegistryMembers | None,
        connected: Callable[[], str],
        *,
        go_over: Callable[[str], Awaitable[object]],
    ) -> None:
        """`settings`: with the registry's endpoints as they are by now; `connected`: to which of them this daemon is; `go_over`: has it
        connected to another (`prefer` of `registry/engines.py`)."""
        self._settings, self._members, self._connected, self._go_over = settings, members, connected, go_over

    async def watch(self) -> None:
        """Ask, until cancelled."""
        while True:
            endpoint = self._elsewhere()
            if endpoint and self._members is not None and await self._members.answers(endpoint):
                await self._go_over(endpoint)
            await asyncio.sleep(AGAIN_S if self._elsewhere() else CHECK_S)

    def _elsewhere(self) -> str:
        """Where the own member is, while this daemon is not connected to it; empty: it is, or there is none."""
        settings = self._settings()
        own = settings.peer(settings.server).addresses
        endpoint = next((found for found in settings.registry if found.rpartition(":")[0].strip("[]") in own), "")
        return "" if self._members is None or self._connected() == endpoint else endpoint
