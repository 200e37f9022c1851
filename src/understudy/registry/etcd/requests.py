"""What the port asks, in etcd's words, and etcd's answers in the port's.

Owns where a cluster's keys stand in etcd: below a root of its own, so that an etcd may serve others too. Called by `client.py` and
`link.py`. Pure: must never wait, connect or read a clock.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from urllib.parse import quote

from understudy.errors import CommitTooLarge, RegistryUnreachable
from understudy.ports import Batch, Conflict, Entry
from understudy.registry.commits import Commit
from understudy.registry.etcd.etcd_pb2 import (
    Compare,
    DeleteRangeRequest,
    Event,
    KeyValue,
    PutRequest,
    RangeRequest,
    RequestOp,
    TxnRequest,
    TxnResponse,
)

REQUEST_BYTES_MAX = 1_536 * 1024
"""What a member takes in one request (`--max-request-bytes`, as it is delivered)."""


class Root:
    """Where the keys of one cluster stand."""

    def __init__(self, cluster: str) -> None:
        self._bytes = f"/understudy/{quote(cluster, safe='')}/".encode()  # else what is below a/b would be below a as well

    def key(self, key: str) -> bytes:
        """The key's place in etcd."""
        return self._bytes + key.encode()

    def name(self, key: bytes) -> str:
        """The key whose place this is. RegistryUnreachable: something else has written there."""
        try:
            if key.startswith(self._bytes):
                return key[len(self._bytes) :].decode()
        except UnicodeDecodeError:
            pass
        raise RegistryUnreachable(f"etcd has a key {key[:100]!r}, which is none of this cluster's: find out who wrote it, and delete it")

    def entry(self, found: KeyValue) -> Entry:
        """What stands at a key."""
        return Entry(self.name(found.key), found.value, found.mod_revision)

    def ranges(self, prefix: str, *, without: str = "", after: str = "") -> tuple[tuple[bytes, bytes], ...]:
        """From and up to where it stands: what starts with `prefix` but not with `without`, of keys greater than `after`; in order."""
        first, end = self.key(prefix), _end(self.key(prefix))
        if after:
            first = max(first, self.key(after) + b"\0")
        parts = [(first, end)]
        if without:
            left, right = self.key(without), _end(self.key(without))
            parts = [(first, min(end, left)), (max(first, right), end)]
        return tuple((start, stop) for start, stop in parts if start < stop)

    def span(self, prefix: str) -> tuple[bytes, bytes]:
        """From and up to where everything stands that starts with the prefix."""
        return self.key(prefix), _end(self.key(prefix))

    def commit(self, commit: Commit) -> TxnRequest:
        """The transaction; what it finds instead, should a condition fail, are the keys of all conditions. CommitTooLarge: no member would
        take it."""
        request = TxnRequest(
            compare=[
                Compare(result=Compare.EQUAL, target=Compare.MOD, key=self.key(condition.key), mod_revision=condition.revision)
                for condition in commit.conditions
            ],
            success=[
                RequestOp(request_delete_range=DeleteRangeRequest(key=self.key(write.key)))
                if write.value is None
                else RequestOp(request_put=PutRequest(key=self.key(write.key), value=write.value))
                for write in commit.writes
            ],
            failure=[RequestOp(request_range=RangeRequest(key=self.key(condition.key), keys_only=True)) for condition in commit.conditions],
        )
        if (size := request.ByteSize()) > REQUEST_BYTES_MAX:
            raise CommitTooLarge(f"a commit of {size} bytes as etcd takes it; it takes at most {REQUEST_BYTES_MAX}")
        return request

    def outcome(self, commit: Commit, answer: TxnResponse) -> int | Conflict:
        """The new revision, or which conditions failed, as they were at the same instant."""
        if answer.succeeded:
            return answer.header.revision
        failed = []
        if len(answer.responses) != len(commit.conditions):
            raise RegistryUnreachable(f"etcd answers {len(answer.responses)} of {len(commit.conditions)} questions")
        for condition, response in zip(commit.conditions, answer.responses, strict=True):
            found = response.response_range.kvs
            if (found[0].mod_revision if found else 0) != condition.revision:
                failed.append(condition.key)
        return Conflict(tuple(dict.fromkeys(failed)))

    def batches(self, events: Sequence[Event]) -> Iterator[Batch]:
        """What a member tells of a watch, by commits: it never divides one."""
        for revision, together in groupby(events, lambda event: event.kv.mod_revision):
            yield self._batch(revision, together)

    def _batch(self, revision: int, events: Iterable[Event]) -> Batch:
        changed: list[Entry] = []
        deleted: list[str] = []
        for event in sorted(events, key=lambda event: event.kv.key):
            if event.type == Event.DELETE:
                deleted.append(self.name(event.kv.key))
            else:
                changed.append(self.entry(event.kv))
        return Batch(revision, tuple(changed), tuple(deleted))


def _end(prefix: bytes) -> bytes:
    """The first key that is greater than all that start with it; a prefix is UTF-8, whose bytes are below 255."""
    return prefix[:-1] + bytes([prefix[-1] + 1])
