"""Whether this server can act: its loop runs, its executor answers and can begin an action, the registry is reached; proved every second.

A lease proves that the guard runs, and no more. Run by `daemon/node.py`; a daemon that does not prove it in time is reported as silent
by its guard.
Time is counted in rounds of this loop: what was not asked, because everything was paused, does not count as a failure.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Coroutine
from typing import Any

from understudy.errors import RegistryUnreachable, Unreachable
from understudy.guard.log import log
from understudy.model import logevents
from understudy.model.conditions import NOTHING_BEGINS, UNREACHED
from understudy.ports import Clock, Executor, Guard, Registry
from understudy.registry import keys

ROUND_S = 1.0
EXECUTOR_ROUNDS = 5
"""So many rounds without an answer, or without an action that could be begun, and the executor counts as gone: its restart takes less, and
so does most that uses up processes."""
REGISTRY_ROUNDS = 5
PROBE_ROUNDS = 2
"""So many rounds without news from the registry (the leader's beats are news) and it is asked."""
PROBE_S = 2.0
EXECUTOR_SILENT = "its executor does not answer"
REGISTRY_AWAY = UNREACHED


class Ability:
    """This server's ability to act, as its own daemon finds it."""

    def __init__(self, clock: Clock, guard: Guard, executor: Executor, registry: Registry) -> None:
        self._clock = clock
        self._guard = guard
        self._executor = executor
        self._registry = registry
        self._unanswered = 0
        """Rounds since the executor last said that it can begin something."""
        self._cannot = ""
        """Why it could begin nothing when it answered last; empty: it could, or has not answered since."""
        self._executor_away = False
        self._unreached = 0
        self._answered = self._reached = False
        """Ever, in this daemon's life."""
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._back = asyncio.Event()
        """The registry answers again."""
        self.reached_at = clock.monotonic()
        """When the registry last answered, or this daemon began."""
        self.why = ""
        """Why this server cannot act; empty: it can, or nothing is known yet."""
        self.since = clock.monotonic()
        """Since when that is so, or since this daemon was last paused. On its monotonic clock."""

    def acting_since(self) -> float | None:
        """Since when this server is able to act; None: it is not."""
        return None if self.why else self.since

    def reached(self) -> None:
        """There was news from the registry."""
        self.reached_at = self._clock.monotonic()
        self._unreached = 0
        self._reached = True
        if self.why == REGISTRY_AWAY:
            self._back.set()  # reported at once: until the others know, they give this server nothing

    async def run(self) -> None:
        """Prove it, once a second, until cancelled."""
        due = self._clock.monotonic()
        due -= due % ROUND_S  # at whole seconds, as everything else that a daemon does once a second: it is woken for all of it at once
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._ask("executor", self._ask_executor, tasks)
                if self._unreached >= PROBE_ROUNDS or not self._reached:
                    self._ask("registry", self._ask_registry, tasks)
                missed = math.floor((self._clock.monotonic() - due) / ROUND_S)
                if missed:
                    self.since = self._clock.monotonic()
                due += ROUND_S * (missed + 1)
                if await self._back_before(due):
                    self._judge()
                    self._ask("guard", self._prove, tasks)
                    await asyncio.sleep(due - self._clock.monotonic())
                self._unanswered += 1
                self._unreached += 1
                self._judge()
                if self._known():
                    self._ask("guard", self._prove, tasks)

    async def _back_before(self, due: float) -> bool:
        """Wait for a round's end; True: the registry is back before it."""
        self._back.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(due - self._clock.monotonic()):
                await self._back.wait()
        return self._back.is_set()

    def _judge(self) -> None:
        why, away = "", self._unanswered > EXECUTOR_ROUNDS
        if away:
            why = f"{NOTHING_BEGINS}: {self._cannot}" if self._cannot else EXECUTOR_SILENT
        elif self._unreached > REGISTRY_ROUNDS:
            why = REGISTRY_AWAY
        if away is not self._executor_away:
            self._executor_away = away
            log(logevents.EXECUTOR_AWAY if away else logevents.EXECUTOR_BACK, why=why if away else "")
        if bool(why) != bool(self.why):
            self.since = self._clock.monotonic()
        self.why = why

    def _known(self) -> bool:
        """Whether this daemon may say anything: one that has seen nothing work yet would excuse it for as long as it begins anew."""
        return bool(self.why) or (self._answered and self._reached)

    # --- questions, each under way once -----------------------------------------------------------------------------

    def _ask(self, whom: str, question: Callable[[], Coroutine[Any, Any, None]], tasks: asyncio.TaskGroup) -> None:
        if whom not in self._asking or self._asking[whom].done():
            self._asking[whom] = tasks.create_task(question())

    async def _ask_executor(self) -> None:
        try:
            self._cannot = await self._executor.ping()
        except Unreachable:
            self._cannot = ""
            return
        self._answered = True
        if not self._cannot:
            self._unanswered = 0

    async def _ask_registry(self) -> None:
        with contextlib.suppress(RegistryUnreachable, TimeoutError):
            async with asyncio.timeout(PROBE_S):
                await self._registry.read(keys.BEAT)
            self.reached()

    async def _prove(self) -> None:
        with contextlib.suppress(Unreachable):
            await self._guard.able(not self.why, self.why)
