"""Requests on a connection and their answers: which answer is whose, how long it is waited for, what becomes of who waits.

Owns the numbers and the waits, and nothing of a connection: to connect, send and read is the link's that has one. Called by
`daemon/execlink.py`, `daemon/guardlink.py`, `registry/sqlite/link.py` and the simulator's guard port. Must never keep anybody waiting
without a deadline, hold anything of a request after its wait, or claim more of a request than is known:

  who waits gets               what is known of the request
  the answer                   it was carried out, or refused, as the answer says
  TooManyWaiting               it was never sent
  what `send` raised           what the link says of that
  TimeoutError, or what        it was sent: it may have been carried out, or may be yet
  `fail` was given

It stands beside the ports and not on the ground floor (`linux/`): it waits, with asyncio, which guard and keeper never import.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from understudy.errors import TooManyWaiting

T = TypeVar("T")
WAITING_MAX = 50_000
"""Requests that may wait on one connection: more than there are resources. A wait takes about 2 kB."""


@dataclass(frozen=True, slots=True)
class _Wait(Generic[T]):
    answer: asyncio.Future[T]
    limit: asyncio.Timeout


class Correlator(Generic[T]):
    """What was asked on a connection, or on those that follow it, and is not answered yet."""

    def __init__(self, *, most: int = WAITING_MAX, numbers: Iterator[int] | None = None) -> None:
        """`numbers`: of the requests, no two alike; from 1 on unless given."""
        self._most = most
        self._numbers = itertools.count(1) if numbers is None else numbers
        self._waiting: dict[int, _Wait[T]] = {}

    @property
    def waiting(self) -> int:
        """How many wait for an answer."""
        return len(self._waiting)

    def number(self) -> int:
        """A number that no request has: for what goes over the same connection and has no answer of its own."""
        return next(self._numbers)

    async def ask(self, send: Callable[[int], Awaitable[None]], *, until: float) -> T:
        """Send a request under the number that `send` is given, and wait for its answer; `until`: on the loop's clock, for both.

        Errors: see this module's docstring.
        """
        if len(self._waiting) >= self._most:
            raise TooManyWaiting(f"{self._most} requests wait for an answer already")
        number = next(self._numbers)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout_at(until) as limit:
                self._waiting[number] = _Wait(answer, limit)
                await send(number)
                return await answer
        finally:
            self._waiting.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # who waited has an error already, should it have come during the sending: nobody reads this one

    def answer(self, number: int, answer: T) -> bool:
        """An answer has come. False: nobody waits for it (any more)."""
        wait = self._waiting.get(number)
        if wait is None or wait.answer.done():
            return False
        wait.answer.set_result(answer)
        return True

    def extend(self, number: int, until: float) -> None:
        """A part of its answer has come: the rest is waited for until then."""
        wait = self._waiting.get(number)
        if wait is not None and not wait.answer.done() and not wait.limit.expired():
            wait.limit.reschedule(until)

    def fail(self, error: Callable[[], Exception]) -> None:
        """The peer closed the connection: everybody who waits gets an error of their own, now."""
        for wait in self._waiting.values():
            if not wait.answer.done():
                wait.answer.set_exception(error())
