"""The registry over the network: the port, for daemons and commands.

Called by `daemon/main.py` (which alone makes one) and the lab. Must never block longer than its deadline, retry a commit by itself,
or take silence for an answer.

**When a commit raises RegistryUnreachable** it may have happened, or happen yet (the server may be paused with the request
in its socket). The error does not say which; the registry does:
* Read again: a read that succeeds after the error, by this same client, shows what came of the commit; it will not happen later.
  (The server carries out one client's requests in order, and drops an old connection's when the client comes back on a new one.)
* Or commit the same again, conditions included: if the first did happen, its writes have moved the revisions that the conditions
  name, and the second is a Conflict. This needs at least one condition on a key that the commit itself writes (S7 asks for it
  anyway). A blind repeat of a commit without such a condition would write over what others wrote in between.
Other engines promise only the second, so safety may rest on conditions alone; the first is for telling an operator what happened.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Self

from understudy.errors import Compacted, RegistryFailed, RegistryUnreachable
from understudy.ports import Batch, CommitCondition, Conflict, Entry, Write
from understudy.registry.commits import BOUND, checked
from understudy.registry.rotation import Rotation
from understudy.registry.sqlite import access, frames
from understudy.registry.sqlite.link import WireLink

DEADLINE_S = 1.0
PAGE_BYTES = 256 * 1024
"""Of a long answer: each page has the deadline of an answer of its own."""


class RegistryClient:
    """One client of the registry; connects when first asked, and again when asked after the link was lost. Close it."""

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        dice: random.Random,
        key: bytes | None = None,
        deadline_s: float = DEADLINE_S,
        read_first: bool = False,
    ) -> None:
        """`endpoints`: ADDRESS:PORT of the one registry, one for each network by which it is reached; `dice` draws the pauses.

        `read_first`: no commit goes over another connection than the one over which everything was last read. While the link was lost
        the registry may have been replaced by a copy, which must not be written to by who does not know it.
        """
        self.bound = BOUND
        self._rotation = Rotation([access.show_endpoint(*access.parse_endpoint(endpoint)) for endpoint in endpoints], self._dial, dice=dice)
        self._key = key
        self._deadline_s = deadline_s
        self._name = secrets.token_bytes(access.NONCE_BYTES)
        self._read_first = read_first
        self._read_over: WireLink | None = None

    async def read(self, prefix: str, *, without: str = "", after: str = "", limit_bytes: int = 0) -> tuple[int, tuple[Entry, ...]]:
        """As the port says; each page of it within the deadline."""
        answer, link = await self._ask(lambda id: frames.WireRead(id, prefix, without, after, limit_bytes, PAGE_BYTES))
        if not isinstance(answer, frames.WireEntries):
            raise _unexpected(answer)
        if not (prefix or after or limit_bytes):
            self._read_over = link
        return answer.revision, tuple(Entry(*entry) for entry in answer.entries)

    async def commit(self, conditions: Sequence[CommitCondition], writes: Sequence[Write]) -> int | Conflict:
        """As the port says; within the deadline. RegistryUnreachable: see this module's docstring."""
        wanted = checked(conditions, writes, self.bound)
        answer, _ = await self._ask(lambda id: frames.pack_commit(id, wanted.conditions, wanted.writes), writes=True)
        if isinstance(answer, frames.WireConflicted):
            return Conflict(answer.failed)
        if not isinstance(answer, frames.WireCommitted):
            raise _unexpected(answer)
        return answer.revision

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Batch]:
        """As the port says; a batch holds what of its commit lies under the prefix. A dead link is noticed within a second."""
        link = await self._rotation.within(self._deadline_s)
        feed = link.watch(prefix, from_revision)
        try:
            while True:
                yield await feed.next()
        finally:
            link.unwatch(feed)

    @property
    def endpoint(self) -> str:
        """As `registry/engines.py` says."""
        return self._rotation.endpoint

    def reach(self, endpoints: Sequence[str]) -> None:
        """As `registry/engines.py` says."""
        self._rotation.reach(endpoints)

    async def prefer(self, endpoint: str) -> bool:
        """As `registry/engines.py` says: there is one registry, and none of its endpoints is nearer."""
        del endpoint
        return False

    async def close(self) -> None:
        """End the link; calls still waiting raise RegistryUnreachable."""
        await self._rotation.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ask(self, make: Callable[[int], frames.WireRequest], *, writes: bool = False) -> tuple[frames.WireAnswer, WireLink]:
        """The answer, and the connection over which it came. However many pages it has, each has the time of one answer."""
        until = asyncio.get_running_loop().time() + self._deadline_s
        try:
            async with asyncio.timeout_at(until):
                link = await self._rotation.connected()
            if writes and self._read_first and link is not self._read_over:
                raise RegistryUnreachable("the connection to the registry is a new one, and it was not read over it yet")
            answer = await link.ask(make, until=until)
        except TimeoutError:
            raise self._rotation.silent(self._deadline_s) from None
        if isinstance(answer, frames.WireFailed):
            raise _error(answer)
        return answer, link

    async def _dial(self, endpoint: str) -> WireLink:
        link = WireLink(self._name, self._key, page_s=self._deadline_s)
        await link.dial(*access.parse_endpoint(endpoint))
        return link


def _error(failed: frames.WireFailed) -> Exception:
    match failed.why:
        case frames.WireFailure.COMPACTED:
            return Compacted(failed.text)
        case frames.WireFailure.FAILED:
            return RegistryFailed(f"the registry has failed: {failed.text}")
        case frames.WireFailure.MALFORMED:
            return RegistryUnreachable(f"the registry refused what was asked: {failed.text}")


def _unexpected(answer: frames.WireAnswer) -> RegistryUnreachable:
    return RegistryUnreachable(f"the registry answered {type(answer).__name__}, which is no answer to what was asked")
