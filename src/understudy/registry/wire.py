"""What the registry's values look like: JSON of the records in `model/view.py`, each with its format number.

Owns: which record is kept under which key prefix, the formats and how each is read and written. Called by whoever reads or writes the
registry through the port: in a daemon the mirror alone. Must never know an engine, a connection or a key's writer.

    {"v":1,"target":"ONLINE","by":"root@ctr1"}

Reading rules, so that servers of two versions can share one registry during an upgrade:
* A field that this version does not know is passed over: a newer version may add fields (with defaults) under the same number.
* A missing field takes its default; a missing field without one, or a wrong type, is Unreadable.
* The number grows only when the meaning of what is there changes; then version N still reads and writes what was before (`Formats`),
  and refuses N+1 in words, because guessing at the meaning of an assignment could start something twice.
Which format is written while versions are mixed, and why that is safe: docs/design/0002-rolling-upgrades.md.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from understudy.errors import UnderstudyError
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.reasons import code_of, read_reason
from understudy.model.servers import ServerCategory, ServerRecord
from understudy.model.view import (
    Assignment,
    Beat,
    ClusterRecord,
    Definition,
    Event,
    Holder,
    IncarnationRecord,
    LeaderRecord,
    Look,
    Pool,
    Proof,
    Report,
    Request,
    TargetRecord,
    TypeRecord,
)
from understudy.registry import keys

Record = (
    ClusterRecord
    | LeaderRecord
    | Beat
    | ServerRecord
    | IncarnationRecord
    | Pool
    | ServerCategory
    | TypeRecord
    | Definition
    | TargetRecord
    | Request
    | Assignment
    | Report
    | Look
    | Event
)
AnyRecord = TypeVar("AnyRecord", bound=Record)

RECORD_OF: Mapping[str, type[Record]] = MappingProxyType(
    {
        keys.CLUSTER: ClusterRecord,
        keys.LEADER: LeaderRecord,
        keys.BEAT: Beat,
        keys.SERVER: ServerRecord,
        keys.INCARNATION: IncarnationRecord,
        keys.POOL: Pool,
        keys.CATEGORY: ServerCategory,
        keys.TYPE: TypeRecord,
        keys.RESOURCE: Definition,
        keys.TARGET: TargetRecord,
        keys.REQUEST: Request,
        keys.ASSIGNMENT: Assignment,
        keys.REPORT: Report,
        keys.LOOK: Look,
        keys.HISTORY: Event,
    }
)
"""Key (`cluster`) or key prefix (`pool/`) -> the record that is kept there."""


class Unreadable(UnderstudyError):
    """A value of the registry cannot be understood by this version."""


class WrittenNewer(Unreadable):
    """It is of a format that came after this version; only upgrading this server helps."""


Fields = dict[str, Any]
"""Of a record, as its JSON object has them, less the format number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatChange:
    """What makes a format of the one before it, and back. Each function takes a record's kind and its fields, and answers the fields in
    the other format; a LookupError, TypeError or ValueError says that these are not the fields of such a record.
    """

    upgrade: Callable[[type[Any], Fields], Fields]
    downgrade: Callable[[type[Any], Fields], Fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """The formats that one version of Understudy reads and writes: format 1, and one more for each change since.

    A change is never removed: what was registered years ago is not rewritten by an upgrade.
    """

    changes: tuple[FormatChange, ...] = ()

    @property
    def newest(self) -> int:
        """The number of the last."""
        return 1 + len(self.changes)

    def common(self, readers: Iterable[int]) -> int:
        """The newest format that this version and all readers know; each reader is given by the newest that it knows."""
        return max(1, min((self.newest, *readers)))

    def encode(self, record: Record, number: int) -> bytes:
        """The bytes to store for a record, in the format of this number."""
        value = encode(record)
        return value if number == FORMAT else self._converted(type(record), value, FORMAT, number)

    def decode(self, key: str, value: bytes) -> Record:
        """The record stored at `key`. Unreadable: no record belongs there, or these bytes are none."""
        head, slash, _ = key.partition("/")
        kind = RECORD_OF.get(head + slash)
        if kind is None:
            raise Unreadable(f"no record belongs at registry key {key!r}")
        try:
            return self.decode_as(kind, value)
        except Unreadable as error:
            raise type(error)(f"registry key {key!r}: {error}") from error.__cause__

    def decode_as(self, kind: type[AnyRecord], value: bytes) -> AnyRecord:
        """`value` as a record of this kind, for a caller that knows what it has read."""
        decoder = _decoders[kind]
        try:
            # The usual case costs one comparison; the header is parsed only when something else stands there.
            if not value.startswith(_START):
                value = self._in_present_format(kind, value)
            record: AnyRecord = _as_known(decoder.decode(value))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unreadable(f"this is no {kind.__name__}: {error}") from error
        return record

    def _in_present_format(self, kind: type[Any], value: bytes) -> bytes:
        number = _header.decode(value).v
        if number == FORMAT:
            return value
        if number > self.newest:
            raise WrittenNewer(f"written in format {number} by a newer Understudy; this one reads up to {self.newest}: upgrade this server")
        if number < 1:
            raise Unreadable(f"written in format {number}, which is too old (oldest read: 1)")
        return self._converted(kind, value, number, FORMAT)

    def _converted(self, kind: type[Any], value: bytes, number: int, wanted: int) -> bytes:
        fields = msgspec.json.decode(value, type=Fields)
        del fields["v"]
        try:
            for change in self.changes[number - 1 : wanted - 1]:
                fields = change.upgrade(kind, fields)
            for change in reversed(self.changes[wanted - 1 : number - 1]):
                fields = change.downgrade(kind, fields)
        except (LookupError, TypeError, ValueError) as error:
            raise Unreadable(f"this is no {kind.__name__} of format {number}: {error!r}") from error
        return _start(wanted) + _encoder.encode(fields)[1:]


class _Header(msgspec.Struct):
    v: int


def _plain(value: Any) -> Any:
    """A read-only view of a dict, or any other Mapping, is written like a dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a record cannot hold {type(value).__name__}")


# Deterministic: equal records have equal bytes, so that a writer can tell that nothing would change.
_encoder = msgspec.json.Encoder(order="deterministic", enc_hook=_plain)
_header = msgspec.json.Decoder(_Header)


class _StoredAssignment(msgspec.Struct, kw_only=True):
    """An Assignment as it is written: its reason as one line of text, which every version hands on, whether it knows that reason or not."""

    resource: ResourceName
    epoch: int
    owner: Holder | None = None
    holders: tuple[Holder, ...] = ()
    proofs: tuple[Proof, ...] = ()
    tried: tuple[Incarnation, ...] = ()
    last_resort: bool = False
    reason: str = ""
    last: ServerName | None = None
    failover_in_s: float = 0.0
    era: int = 1
    pulled: str | msgspec.UnsetType = msgspec.UNSET
    spread: tuple[Incarnation, ...] | msgspec.UnsetType = msgspec.UNSET
    """Both are written where there is something to say, which is seldom."""
    within: tuple[ServerName, ...] = ()


def _as_stored(record: Record) -> Any:
    if not isinstance(record, Assignment):
        return record
    return _StoredAssignment(
        resource=record.resource, epoch=record.epoch, owner=record.owner, holders=record.holders, proofs=record.proofs,
        tried=record.tried, last_resort=record.last_resort, reason=code_of(record.reason), last=record.last,
        failover_in_s=record.failover_in_s, era=record.era, within=record.within,
        pulled=record.pulled or msgspec.UNSET, spread=record.spread or msgspec.UNSET,
    )  # fmt: skip


def _as_known(stored: Any) -> Any:
    """The record that was stored; what older versions do not say of it is filled in from what they do say."""
    if isinstance(stored, _StoredAssignment):
        return Assignment(
            resource=stored.resource, epoch=stored.epoch, owner=stored.owner, holders=stored.holders, proofs=stored.proofs,
            tried=stored.tried, last_resort=stored.last_resort, reason=_read_reason(stored.reason), last=stored.last,
            failover_in_s=stored.failover_in_s, era=stored.era, within=stored.within,
            pulled=stored.pulled or "", spread=stored.spread or (),
        )  # fmt: skip
    if isinstance(stored, IncarnationRecord) and not stored.evicted and stored.proof.startswith(_EVICTED):
        return replace(stored, evicted=True)
    return stored


_read_reason = lru_cache(maxsize=1024)(read_reason)
"""Few are different, and each assignment has one."""
_EVICTED = "evicted by "
"""How the proof of an incarnation begins that a version without `evicted` has evicted, or has rewritten since."""
_STORED: Mapping[type[Any], type[Any]] = {Assignment: _StoredAssignment}
_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {kind: msgspec.json.Decoder(_STORED.get(kind, kind)) for kind in RECORD_OF.values()}


def _start(number: int) -> bytes:
    return b'{"v":%d,' % number


PRESENT = Formats()
"""Those of this version. A new format is one more Change here, its functions beside it."""
FORMAT = PRESENT.newest
"""The format in which the records of the model are written as they stand."""
_START = _start(FORMAT)


def encode(record: Record) -> bytes:
    """The bytes to store for a record, in FORMAT."""
    stored = _as_stored(record)
    try:
        body = _encoder.encode(stored)
    except UnicodeEncodeError:
        # A script may print bytes that are no UTF-8, and they arrive as lone surrogates. A report must not be lost over that.
        body = _encoder.encode(_printable(msgspec.to_builtins(stored, enc_hook=_plain)))
    return _START + body[1:]


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_printable(name): _printable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(part) for part in value]
    return value


decode = PRESENT.decode
decode_as = PRESENT.decode_as
