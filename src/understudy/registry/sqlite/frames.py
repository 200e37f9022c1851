"""The language between the registry's client and its server: messages, and how they are cut out of a stream of bytes.

Called by server and client alone. Must never interpret a value. A frame is four bytes of length (big-endian) and one msgpack array,
whose first element names the message (its class has `Wire` before the name). Fields may be added at the end of a message with a
default; anything else needs a new PROTOCOL.

    server: Challenge                          who are you?
    client: Hello         server: Welcome | Refused
    client: Read          server: Entries, Entries, ... | Failed
    client: Commit        server: Committed | Conflicted | Failed
    client: Watch         server: Changes, Changes, ... | Failed        client: Unwatch
    client: Ping          server: Pong

Requests of one connection may be sent without waiting and are carried out in their order; `id` says which one is answered.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from understudy.ports import Batch, CommitCondition, Entry, Write
from understudy.registry.commits import SERVED

PROTOCOL = 1
HELLO_BYTES_MAX = 4096
"""A stranger may not make the server hold more than this."""
REQUEST_BYTES_MAX = SERVED.bytes + 4 * 1024 * 1024
ANSWER_BYTES_MAX = 256 * 1024 * 1024
_LENGTH_BYTES = 4


class WireFailure(StrEnum):
    """Why a request failed."""

    COMPACTED = "compacted"
    FAILED = "failed"
    """The store's disk is full or failing."""
    MALFORMED = "malformed"


class WireChallenge(msgspec.Struct, array_like=True, tag="challenge", frozen=True):
    """The server's first word; this message never changes."""

    protocol: int
    nonce: bytes
    keyed: bool
    """Whether a proof is asked for."""


class WireHello(msgspec.Struct, array_like=True, tag="hello", frozen=True):
    """`client` names one RegistryClient: a new connection of the same client ends the one before."""

    protocol: int
    client: bytes
    nonce: bytes
    proof: bytes


class WireWelcome(msgspec.Struct, array_like=True, tag="welcome", frozen=True):
    """The server's own proof."""

    proof: bytes


class WireRefused(msgspec.Struct, array_like=True, tag="refused", frozen=True):
    """Not welcome, and why."""

    text: str


class WireRead(msgspec.Struct, array_like=True, tag="read", frozen=True):
    """All entries under a prefix; the rest as the port says."""

    id: int
    prefix: str
    without: str = ""
    after: str = ""
    limit_bytes: int = 0
    page_bytes: int = 0
    """The answer may come in several Entries, each of about this size, all of one revision; 0: in one, as older clients expect it."""


class WireCommit(msgspec.Struct, array_like=True, tag="commit", frozen=True):
    """Conditions as (key, revision), writes as (key, value or nil)."""

    id: int
    conditions: tuple[tuple[str, int], ...]
    writes: tuple[tuple[str, bytes | None], ...]


class WireWatch(msgspec.Struct, array_like=True, tag="watch", frozen=True):
    """All commits after a revision that touch the prefix."""

    id: int
    prefix: str
    after: int


class WireUnwatch(msgspec.Struct, array_like=True, tag="unwatch", frozen=True):
    """End of a watch."""

    id: int


class WirePing(msgspec.Struct, array_like=True, tag="ping", frozen=True):
    """Are you there?"""


class WireEntries(msgspec.Struct, array_like=True, tag="entries", frozen=True):
    """Entries as (key, value, revision)."""

    id: int
    revision: int
    entries: tuple[tuple[str, bytes, int], ...]
    more: bool = False
    """Of the same answer: another Entries follows."""


class WireCommitted(msgspec.Struct, array_like=True, tag="committed", frozen=True):
    """It is durable."""

    id: int
    revision: int


class WireConflicted(msgspec.Struct, array_like=True, tag="conflicted", frozen=True):
    """Nothing was written."""

    id: int
    failed: tuple[str, ...]


WireBatch = tuple[int, tuple[tuple[str, bytes], ...], tuple[str, ...]]
"""Revision, (key, value) of what changed, keys of what was deleted."""


class WireChanges(msgspec.Struct, array_like=True, tag="changes", frozen=True):
    """The next commits of a watch."""

    id: int
    batches: tuple[WireBatch, ...]


class WireFailed(msgspec.Struct, array_like=True, tag="failed", frozen=True):
    """The request (or the watch) cannot be served."""

    id: int
    why: WireFailure
    text: str


class WirePong(msgspec.Struct, array_like=True, tag="pong", frozen=True):
    """I am."""


WireRequest = WireHello | WireRead | WireCommit | WireWatch | WireUnwatch | WirePing
WireAnswer = WireEntries | WireCommitted | WireConflicted | WireFailed
WireMessage = WireChallenge | WireWelcome | WireRefused | WireAnswer | WireChanges | WirePong

_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(WireRequest)
_messages = msgspec.msgpack.Decoder(WireMessage)


class BadFrame(Exception):
    """What arrived is not this language; the connection is of no use any more."""


def frame(message: WireRequest | WireMessage) -> bytearray:
    """A message as it goes over the connection."""
    buffer = bytearray(_LENGTH_BYTES)
    _encoder.encode_into(message, buffer, _LENGTH_BYTES)
    buffer[:_LENGTH_BYTES] = (len(buffer) - _LENGTH_BYTES).to_bytes(_LENGTH_BYTES, "big")
    return buffer


def from_client(payload: bytes) -> WireRequest:
    """What a client asks."""
    try:
        message: WireRequest = _requests.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame(f"not understood: {error}") from None
    return message


def from_server(payload: bytes) -> WireMessage:
    """What the server says."""
    try:
        message: WireMessage = _messages.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame(f"not understood: {error}") from None
    return message


class Splitter:
    """Cuts a stream of bytes into frames of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are complete with these bytes. BadFrame: too long a one is announced."""
        rest = self._rest
        rest += data
        start = 0
        try:
            while len(rest) - start >= _LENGTH_BYTES:
                length = int.from_bytes(rest[start : start + _LENGTH_BYTES], "big")
                if length > self.limit:
                    raise BadFrame(f"a frame of {length} bytes; at most {self.limit}")
                end = start + _LENGTH_BYTES + length
                if len(rest) < end:
                    break
                payload = bytes(rest[start + _LENGTH_BYTES : end])
                start = end
                yield payload
        finally:
            del rest[:start]


def pack_commit(id: int, conditions: tuple[CommitCondition, ...], writes: tuple[Write, ...]) -> WireCommit:
    """A commit as it is sent."""
    return WireCommit(
        id, tuple((condition.key, condition.revision) for condition in conditions), tuple((write.key, write.value) for write in writes)
    )


def pack_batch(batch: Batch) -> WireBatch:
    """A batch as it is sent."""
    return batch.revision, tuple((entry.key, entry.value) for entry in batch.changed), batch.deleted


def unpack_batch(packed: WireBatch) -> Batch:
    """A batch as it was before it was sent."""
    revision, changed, deleted = packed
    return Batch(revision, tuple(Entry(key, value, revision) for key, value in changed), deleted)
