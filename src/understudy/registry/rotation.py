"""One connection to a registry that can be reached at several endpoints: made when it is needed, and made again when it was lost.

Used by the clients of the engines. Owns which endpoint is tried next, and the pauses between rounds; and a second connection while it is
made ready to take the place of the first. Must never wait longer than its caller does, nor be ended by a caller whose time is over while
others wait.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from understudy.errors import RegistryUnreachable

DIAL_S = 0.5
"""For one endpoint to accept and to prove itself: then the next one is tried."""
PAUSE_MIN_S = 0.02
PAUSE_MAX_S = 0.3
"""Between rounds over all endpoints, doubling, each times 0.5 to 1.5: a registry that comes back is not met by all at once."""


def nearest_first(endpoints: Sequence[str], own: Sequence[str], number: int) -> list[str]:
    """In the order in which a server tries them: the one that runs on itself (`own`: its addresses), which is lost only together with it;
    else they are begun with another one on each server (`number`: which one this is), so that not all lose theirs at once."""
    first = number % max(1, len(endpoints))
    turned = [*endpoints[first:], *endpoints[:first]]
    return sorted(turned, key=lambda endpoint: endpoint.rpartition(":")[0].strip("[]") not in own)


class Connection(Protocol):
    """What is made: `lost` for good once anything went wrong with it."""

    lost: bool
    gone: asyncio.Event
    """Nothing of it is left."""

    def end(self, why: str) -> None:
        """It is of no use any more."""
        ...


Made = TypeVar("Made", bound=Connection)


class Rotation(Generic[Made]):
    """The one connection, over whichever endpoint answers."""

    def __init__(self, endpoints: Sequence[str], dial: Callable[[str], Awaitable[Made]], *, dice: random.Random) -> None:
        """`dial` makes a connection or raises OSError, RegistryUnreachable or TimeoutError; `dice` draws the pauses."""
        self.endpoints = list(endpoints)
        """The one that answered last is tried first."""
        self._dial_one = dial
        self._dice = dice
        self._at = ""
        self.made: Made | None = None
        """The connection there is, or was."""
        self._beside: tuple[Made, str] | None = None
        """Another one, which is to take its place, and where it leads."""
        self._parting: set[Made] = set()
        """Those whose place was taken, until what was asked over them is answered."""
        self._dialling: asyncio.Task[Made | None] | None = None
        self._waiting = 0
        self._rounds_failed = 0
        self._trouble = "nobody answers"
        self._closed = False

    @property
    def endpoint(self) -> str:
        """Where the connection leads; empty: there is none."""
        return self._at if self.made is not None and not self.made.lost else ""

    def reach(self, endpoints: Sequence[str]) -> None:
        """Try these from the next connection on; those that were tried before in the same order."""
        known = [endpoint for endpoint in self.endpoints if endpoint in endpoints]
        self.endpoints = [*known, *(endpoint for endpoint in endpoints if endpoint not in known)]

    def silent(self, within_s: float) -> RegistryUnreachable:
        """What to raise when there was no answer in time: where, and what is wrong."""
        why = "it does not answer" if self.made is not None and not self.made.lost else self._trouble
        where = ", ".join(sorted(self.endpoints))
        return RegistryUnreachable(f"the registry at {where} did not answer within {within_s:g} s: {why}")

    async def within(self, seconds: float) -> Made:
        """The connection, within that time; else RegistryUnreachable."""
        try:
            async with asyncio.timeout(seconds):
                return await self.connected()
        except TimeoutError:
            raise self.silent(seconds) from None

    async def connected(self) -> Made:
        """The connection, once there is one; only the caller's deadline ends the wait. RegistryUnreachable: this was closed."""
        while self.made is None or self.made.lost:
            if self._closed:
                raise RegistryUnreachable("this client of the registry was closed")
            if self._dialling is None or self._dialling.done():
                self._dialling = asyncio.get_running_loop().create_task(self._dial())
            dialling = self._dialling
            self._waiting += 1
            try:
                # Not awaited itself: a caller whose deadline passes must not end it for the others.
                await asyncio.wait((dialling,))
            finally:
                self._waiting -= 1
            if not dialling.cancelled():
                dialling.result()
        return self.made

    # --- another one beside it --------------------------------------------------------------------------------------

    async def dial_beside(self, endpoint: str) -> Made:
        """A connection to this endpoint, while the present one goes on; one that was made before and never used is ended. OSError,
        RegistryUnreachable, TimeoutError: there is none."""
        async with asyncio.timeout(DIAL_S):
            made = await self._dial_one(endpoint)
        self.drop_beside()
        self._beside = made, endpoint
        if self._closed:
            self.drop_beside()
        return made

    @property
    def beside(self) -> Made | None:
        """The connection that is to take the place of the present one, if it is still of use."""
        return None if self._beside is None or self._beside[0].lost else self._beside[0]

    def drop_beside(self) -> None:
        """It does not."""
        if self._beside is not None:
            self._beside[0].end("it was not used")
        self._beside = None

    def swap(self, answered_within_s: float) -> None:
        """The one beside is the connection from now on. What was asked over the one before may still be answered, for so long."""
        assert self._beside is not None
        before, (self.made, self._at) = self.made, self._beside
        self._beside = None
        if self._at in self.endpoints:
            self.endpoints.remove(self._at)
        self.endpoints.insert(0, self._at)
        if before is not None and not before.lost:
            self._parting.add(before)
            asyncio.get_running_loop().call_later(answered_within_s, self._part, before)

    def _part(self, before: Made) -> None:
        before.end("another has taken its place")
        self._parting.discard(before)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """End the connection; calls still waiting raise RegistryUnreachable."""
        self._closed = True
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.wait((self._dialling,))
        left = [made for made in (self.made, self.beside, *self._parting) if made is not None]
        for made in left:
            made.end("this client was closed")
        for made in left:
            await made.gone.wait()

    async def _dial(self) -> Made | None:
        """Try the endpoints in turn until one answers, or nobody waits for it any more."""
        while True:
            for endpoint in tuple(self.endpoints):
                try:
                    async with asyncio.timeout(DIAL_S):
                        made = await self._dial_one(endpoint)
                except (OSError, RegistryUnreachable) as error:
                    self._trouble = _words(error)
                    if endpoint in self.endpoints:  # else it was taken out meanwhile
                        self.endpoints.remove(endpoint)
                        self.endpoints.append(endpoint)
                    continue
                self._rounds_failed = 0
                self.made, self._at = made, endpoint
                return made
            pause = min(PAUSE_MIN_S * 2 ** min(self._rounds_failed, 10), PAUSE_MAX_S)
            self._rounds_failed += 1
            await asyncio.sleep(pause * self._dice.uniform(0.5, 1.5))
            if not self._waiting:
                return None


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "nobody answers"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error)
