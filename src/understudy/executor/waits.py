"""What actions have failed over and what is asked for now and then, so that the daemon knows when another try is worth it.

Owned by the runner; agents ask for it (an address that a stranger has). Asks without a lease too, as it changes nothing. Bounded in time:
the next failure begins it anew.
"""

import asyncio
from collections.abc import Awaitable, Callable

LONGEST_S = 600.0
"""Longer than the longest pause between two tries."""


class AgentQuestions:
    """At most one question at a time for each resource."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.answered: Callable[[str], None] = lambda _: None
        """Called with a resource when its answer was yes."""

    def wait_for(self, resource: str, every_s: float, asked: Callable[[], Awaitable[bool]]) -> None:
        """Ask so often until it is so."""
        self.stop(resource)
        self._tasks[resource] = asyncio.create_task(self._ask(resource, every_s, asked))

    def stop(self, resource: str) -> None:
        """No longer."""
        task = self._tasks.pop(resource, None)
        if task is not None:
            task.cancel()

    async def _ask(self, resource: str, every_s: float, asked: Callable[[], Awaitable[bool]]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST_S
        while loop.time() < end:
            await asyncio.sleep(every_s)
            try:
                if await asked():
                    self.answered(resource)
                    return
            except OSError:
                continue  # the link is away: it is asked again
