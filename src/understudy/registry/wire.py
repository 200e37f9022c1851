"""What the registry's values look like: JSON of the records in `model/view.py`, each with its format number.

Owns: which record lives under which key prefix, the format number and how it is read. Called by whoever reads or writes the
registry through the port (mirror, leader, lanes, verbs). Must never know an engine, a connection or a key's writer.

    {"v":1,"target":"ONLINE","by":"root@ctr1"}

Reading rules, so that servers of two versions can share one registry during an upgrade:
* A field that this version does not know is passed over: a newer version may add fields (with defaults) under the same number.
* A missing field takes its default; a missing field without one, or a wrong type, is Unreadable.
* The number grows only when the meaning of what is there changes; then version N still reads N-1 (`_UPGRADES`), and refuses N+1
  in words, because guessing at the meaning of an assignment could start something twice.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from understudy.errors import UnderstudyError
from understudy.model.view import (
    Assignment,
    Beat,
    ClusterRecord,
    Definition,
    Event,
    IncarnationRecord,
    LeaderRecord,
    Look,
    Pool,
    Report,
    Request,
    TargetRecord,
    TypeRecord,
)
from understudy.registry import keys

FORMAT = 1
"""The format that is written."""

Record = (
    ClusterRecord
    | LeaderRecord
    | Beat
    | IncarnationRecord
    | Pool
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
        keys.INCARNATION: IncarnationRecord,
        keys.POOL: Pool,
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
"""Key (`cluster`) or key prefix (`pool/`) -> the record that lives there."""


class Unreadable(UnderstudyError):
    """A value of the registry cannot be understood by this version."""


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
_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {kind: msgspec.json.Decoder(kind) for kind in RECORD_OF.values()}
_START = b'{"v":%d,' % FORMAT

_UPGRADES: dict[int, Callable[[type[Any], dict[str, Any]], dict[str, Any]]] = {}
"""Format N-1 -> how its fields become those of format N. Nothing was before format 1."""


def encode(record: Record) -> bytes:
    """The bytes to store for a record."""
    try:
        body = _encoder.encode(record)
    except UnicodeEncodeError:
        # A script may print bytes that are no UTF-8, and they arrive as lone surrogates. A report must not be lost over that.
        body = _encoder.encode(_printable(msgspec.to_builtins(record, enc_hook=_plain)))
    return _START + body[1:]


def decode(key: str, value: bytes) -> Record:
    """The record stored at `key`. Unreadable: no record belongs there, or these bytes are none."""
    head, slash, _ = key.partition("/")
    kind = RECORD_OF.get(head + slash)
    if kind is None:
        raise Unreadable(f"no record belongs at registry key {key!r}")
    try:
        return decode_as(kind, value)
    except Unreadable as error:
        raise Unreadable(f"registry key {key!r}: {error}") from error.__cause__


def decode_as(kind: type[AnyRecord], value: bytes) -> AnyRecord:
    """`value` as a record of this kind, for a caller that knows what it has read."""
    decoder = _decoders[kind]
    try:
        # The usual case costs one comparison; the header is parsed only when something else stands there.
        if not value.startswith(_START):
            value = _in_present_format(kind, value)
        record: AnyRecord = decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"this is no {kind.__name__}: {error}") from error
    return record


def _in_present_format(kind: type[Any], value: bytes) -> bytes:
    number = _header.decode(value).v
    if number == FORMAT:
        return value
    if number > FORMAT:
        raise Unreadable(f"written in format {number} by a newer Understudy; this one reads up to {FORMAT}: upgrade this server")
    upgrade = _UPGRADES.get(number)
    if upgrade is None:
        oldest = min(_UPGRADES, default=FORMAT)
        raise Unreadable(f"written in format {number}, which is too old (oldest read: {oldest}); upgrade one version at a time")
    return _encoder.encode(upgrade(kind, msgspec.json.decode(value, type=dict[str, Any])))


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_printable(name): _printable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(one) for one in value]
    return value
