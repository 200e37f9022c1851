"""The registry in etcd: the port, for daemons and commands.

Called through `registry/engines.py`, and by the lab. Must never block longer than its deadline, retry by itself a commit that may have
been done, or take silence for an answer. While the members elect a leader, what certainly was not done is asked again, within the deadline.

**When a commit raises RegistryUnreachable** it may have happened, or happen yet: a member may hand it to the leader later. Commit the
same again, conditions included: if the first did happen, its writes have moved the revisions that the conditions name, and the second
is a Conflict. This needs at least one condition on a key that the commit itself writes (S7 asks for it anyway).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Self

from understudy.errors import Compacted, Leaderless, RegistryUnreachable
from understudy.model.settings import TlsFiles
from understudy.ports import Batch, CommitCondition, Conflict, Entry, Write
from understudy.registry.commits import BOUND, checked
from understudy.registry.etcd.etcd_pb2 import RangeRequest, RangeResponse
from understudy.registry.etcd.link import EtcdLink, credentials
from understudy.registry.etcd.requests import Root
from understudy.registry.rotation import Rotation

if TYPE_CHECKING:
    import grpc  # link.py sets what has to be set before it is imported

DEADLINE_S = 1.0
LEADERLESS_S = 0.05
"""Between two attempts while there is no leader; times 0.5 to 1.5."""
PAGE_BYTES = 256 * 1024
"""How long a page of a read is meant to be; it has the deadline of an answer of its own."""
FIRST_KEYS, MOST_KEYS = 128, 4096
"""How many keys a page has: the first, before anything is known of their values, and any."""


class EtcdClient:
    """One client of the registry; connects when first asked, and again when asked after the link was lost. Close it."""

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        cluster: str,
        dice: random.Random,
        tls: TlsFiles | None = None,
        deadline_s: float = DEADLINE_S,
        read_first: bool = False,
    ) -> None:
        """`endpoints`: ADDRESS:PORT of the members, any of which will do; `cluster`: whose keys; `dice` draws the pauses; `tls`: read for
        each connection, so that new files count from the next one on.

        `read_first`: no commit goes over another connection than the one over which everything was last read. While the link was lost
        etcd may have been set back to a copy, which must not be written to by who does not know it.
        """
        self.bound = BOUND
        self._root = Root(cluster)
        self._tls = tls
        self._deadline_s = deadline_s
        self._read_first = read_first
        self._reading: asyncio.Task[grpc.ChannelCredentials] | None = None
        self._read_over: EtcdLink | None = None
        self._dice = dice
        self._rotation = Rotation(endpoints, self._dial, dice=dice)

    async def read(self, prefix: str, *, without: str = "", after: str = "", limit_bytes: int = 0) -> tuple[int, tuple[Entry, ...]]:
        """As the port says; each page of it within the deadline, and an election too."""
        ranges = self._root.ranges(prefix, without=without, after=after)
        leaderless_since: float | None = None
        everything = not (prefix or after or limit_bytes)
        if everything and self._rotation.beside is not None and (found := await self._read_beside(ranges)) is not None:
            return found
        while True:
            link = await self._rotation.within(self._deadline_s)
            try:
                reading = await self._in_pages(link, ranges, limit_bytes)
                break
            except Compacted:  # between one page and the next
                continue
            except Leaderless:
                now = asyncio.get_running_loop().time()
                leaderless_since = now if leaderless_since is None else leaderless_since
                if now - leaderless_since > self._deadline_s:
                    raise self._no_leader() from None
                await self._pause()
        if everything:
            self._read_over = link
        return reading.revision, tuple(reading.entries)

    async def prefer(self, endpoint: str) -> bool:
        """As `registry/engines.py` says. What is asked meanwhile goes over the connection that there is, until everything was read over the
        new one: a member that has come back may be cut off again, or behind."""
        before = self._rotation.made
        if before is None or before.lost or self._rotation.endpoint == endpoint:
            return False
        try:
            link = await self._rotation.dial_beside(endpoint)
            await self._page(link, RangeRequest(key=self._root.key("\0"), count_only=True))
        except (OSError, RegistryUnreachable, Leaderless, Compacted):
            self._rotation.drop_beside()
            return False
        before.read_again("a nearer member of the registry is there: read over it")
        return True

    async def _read_beside(self, ranges: Sequence[tuple[bytes, bytes]]) -> tuple[int, tuple[Entry, ...]] | None:
        """Everything, over the connection that then takes the place of the present one; None: it does not."""
        link = self._rotation.beside
        try:
            reading = None if link is None else await self._in_pages(link, ranges, 0)
        except (RegistryUnreachable, Leaderless, Compacted):
            reading = None
        if reading is None or link is not self._rotation.beside:
            self._rotation.drop_beside()
            return None
        self._rotation.swap(self._deadline_s)
        self._read_over = link
        return reading.revision, tuple(reading.entries)

    async def commit(self, conditions: Sequence[CommitCondition], writes: Sequence[Write]) -> int | Conflict:
        """As the port says; within the deadline. RegistryUnreachable: see this module's docstring."""
        commit = checked(conditions, writes, self.bound)
        request = self._root.commit(commit)
        leaderless = False
        try:
            async with asyncio.timeout(self._deadline_s):
                while True:
                    link = await self._rotation.connected()
                    if self._read_first and link is not self._read_over:
                        raise RegistryUnreachable("the connection to the registry is a new one, and it was not read over it yet")
                    try:
                        return self._root.outcome(commit, await link.txn(request))
                    except Leaderless:
                        leaderless = True
                    await self._pause()
        except TimeoutError:
            raise (self._no_leader() if leaderless else self._rotation.silent(self._deadline_s)) from None

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Batch]:
        """As the port says; a batch holds what of its commit lies under the prefix. A member that is dead, hangs or has no leader is
        noticed within a second or an election."""
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

    async def close(self) -> None:
        """End the link; calls still waiting raise RegistryUnreachable."""
        await self._rotation.close()
        if self._reading is not None:
            self._reading.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _dial(self, endpoint: str) -> EtcdLink:
        link = EtcdLink(self._root)
        await link.dial(endpoint, await self._credentials())
        return link

    async def _credentials(self) -> "grpc.ChannelCredentials | None":
        """One reading at a time: on a disk that hangs each attempt would leave a thread behind."""
        if self._tls is None:
            return None
        if self._reading is None:
            self._reading = asyncio.create_task(credentials(self._tls))
            self._reading.add_done_callback(self._read_once)
        reading = self._reading
        await asyncio.wait((reading,))
        return reading.result()

    def _read_once(self, reading: "asyncio.Task[grpc.ChannelCredentials]") -> None:
        """The next connection reads the files anew. What went wrong may have nobody left who waits for it."""
        self._reading = None
        if not reading.cancelled():
            reading.exception()

    async def _pause(self) -> None:
        """Until the members are asked again whether they have a leader; not by all clients at once."""
        await asyncio.sleep(LEADERLESS_S * self._dice.uniform(0.5, 1.5))

    def _no_leader(self) -> RegistryUnreachable:
        where = ", ".join(sorted(self._rotation.endpoints))
        return RegistryUnreachable(f"waited {self._deadline_s:g} s for etcd's members at {where} to elect a leader; they have none yet")

    async def _in_pages(self, link: EtcdLink, ranges: Sequence[tuple[bytes, bytes]], limit_bytes: int) -> "_Reading":
        reading = _Reading(limit_bytes)
        for start, stop in ranges:
            while reading.wants_more(start, stop):
                reading.take(await self._page(link, reading.request()), self._root)
        if not reading.revision:
            reading.take(await self._page(link, RangeRequest(key=self._root.key("\0"), count_only=True)), self._root)
        return reading

    async def _page(self, link: EtcdLink, request: RangeRequest) -> RangeResponse:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await link.range(request)
        except TimeoutError:
            raise self._rotation.silent(self._deadline_s) from None


class _Reading:
    """A read in pages, all at the revision of the first."""

    def __init__(self, limit_bytes: int) -> None:
        self.revision = 0
        self.entries: list[Entry] = []
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._full = False
        self._keys = FIRST_KEYS
        self._range: tuple[bytes, bytes] | None = None
        self._next = b""
        self._more = True

    def wants_more(self, start: bytes, stop: bytes) -> bool:
        """Whether there may be more between these two; a range is asked for until it says no."""
        if self._range != (start, stop):
            self._range, self._next, self._more = (start, stop), start, True
        return self._more and not self._full

    def request(self) -> RangeRequest:
        """The next page."""
        assert self._range is not None
        return RangeRequest(key=self._next, range_end=self._range[1], limit=self._keys, revision=self.revision)

    def take(self, answer: RangeResponse, root: Root) -> None:
        """A page has come."""
        self.revision = self.revision or answer.header.revision
        self._more = answer.more
        size = 0
        for entry in self._fitting(root.entry(found) for found in answer.kvs):
            self.entries.append(entry)
            size += entry.size
        if answer.kvs:
            self._next = answer.kvs[-1].key + b"\0"
            self._keys = max(1, min(MOST_KEYS, PAGE_BYTES * len(answer.kvs) // max(1, size)))

    def _fitting(self, found: Iterator[Entry]) -> Iterator[Entry]:
        for entry in found:
            if self._limit_bytes and self.entries and self._bytes + entry.size > self._limit_bytes:
                self._full = True
                return
            self._bytes += entry.size
            yield entry
