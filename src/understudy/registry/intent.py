"""The intent of a cluster as a file: its servers and voters, what is registered and wanted, and what its history tells of starts.

    {"what": "understudy intent", "format": 1, "servers": ["ctr1", ...], "records": {"pool/controller_sp": {"v": 1, ...}, ...}, ...}

Owns the format of the file; the value is `intent/whole.py`. The records in it are those of `wire.py` under the keys of `keys.py`, so that
nothing is spelled twice. Written by `understudy cluster export`, read by `understudy simulate --config`.
"""

from dataclasses import replace
from typing import Any

import msgspec

from understudy.errors import BadInput
from understudy.intent.whole import Intent, check
from understudy.model.names import ResourceName, ServerName
from understudy.model.view import ClusterRecord, Definition, Pool, ServerCategory, TargetRecord, TypeRecord
from understudy.registry import keys, wire

WHAT = "understudy intent"
FORMAT = 1
"""Grows when the meaning of what is there changes; the records have a number of their own."""
MAKE_IT = "understudy cluster export > FILE makes such a file"


class _File(msgspec.Struct, kw_only=True):
    what: str
    format: int
    servers: list[str]
    witnesses: list[str] = []
    attributes: dict[str, dict[str, str]] = {}
    registry_on: str | None = None
    records: dict[str, msgspec.Raw]
    runs_on: dict[str, str] = {}
    start_s: dict[str, float] = {}


def encode(intent: Intent, *, indent: int = 2) -> str:
    """The file's text; `indent` 0: on one line."""
    records = {**foundations(intent), **definitions(intent), **targets(intent)}
    made = _File(
        what=WHAT,
        format=FORMAT,
        servers=list(intent.servers),
        witnesses=list(intent.witnesses),
        attributes={server: dict(said) for server, said in sorted(intent.attributes.items())},
        registry_on=intent.registry_on,
        records={key: msgspec.Raw(wire.encode(record)) for key, record in records.items()},
        runs_on=dict(sorted(intent.runs_on.items())),
        start_s=dict(sorted(intent.start_s.items())),
    )
    text = msgspec.json.encode(made)
    return (msgspec.json.format(text, indent=indent) if indent else text).decode()


def decode(text: str | bytes) -> Intent:
    """The intent in a file's text. BadInput says what is wrong with it and what to do."""
    intent = read(text)
    check(intent)
    _check_names(intent)
    return intent


def read(text: str | bytes) -> Intent:
    """The same without a look at what it says: a definition may be one that no command of today would take. BadInput."""
    try:
        found = msgspec.json.decode(text, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"this is no exported intent: {error}; {MAKE_IT}") from None
    if found.what != WHAT:
        raise BadInput(f"this is no exported intent: it calls itself {found.what!r}, not {WHAT!r}; {MAKE_IT}")
    if found.format != FORMAT:
        what_to_do = "use a newer Understudy here" if found.format > FORMAT else "export it again"
        raise BadInput(f"the file has format {found.format}, this version reads {FORMAT}: {what_to_do}")
    return _intent(found)


def foundations(intent: Intent) -> dict[str, wire.Record]:
    """What the registry of that cluster holds before any resource: the cluster's own record, pools, categories and types, by key."""
    return {
        keys.CLUSTER: replace(intent.cluster, rotation=None),  # no key leaves the registry, sealed or not
        **{keys.pool(name): pool for name, pool in sorted(intent.pools.items())},
        **{keys.category(name): category for name, category in sorted(intent.categories.items())},
        **{keys.type_(name): type_record for name, type_record in sorted(intent.types.items())},
    }


def definitions(intent: Intent) -> dict[str, wire.Record]:
    """Its resources, by key."""
    return {keys.resource(name): definition for name, definition in sorted(intent.definitions.items())}


def targets(intent: Intent) -> dict[str, wire.Record]:
    """Its TARGETs, by key."""
    return {keys.target(name): target for name, target in sorted(intent.targets.items())}


_KINDS = (ClusterRecord, Pool, ServerCategory, TypeRecord, Definition, TargetRecord)


def _intent(found: _File) -> Intent:
    kinds: dict[type[Any], dict[Any, Any]] = {kind: {} for kind in _KINDS}
    for key, raw in found.records.items():
        name, record = key.partition("/")[2], _record(key, raw)
        if type(record) not in kinds:
            raise BadInput(f"record {key!r} is no intent: leave it out; {MAKE_IT}")
        if name and getattr(record, "name", name) != name:
            raise BadInput(f"record {key!r} calls itself {getattr(record, 'name', '')!r}: write the same name in both places")
        kinds[type(record)][name] = record
    if not kinds[ClusterRecord]:
        raise BadInput(f"there is no record {keys.CLUSTER!r}, which names the voters; {MAKE_IT}")
    return Intent(
        servers=tuple(sorted({ServerName(server) for server in found.servers})),
        witnesses=tuple(sorted({ServerName(server) for server in found.witnesses})),
        cluster=kinds[ClusterRecord][""],
        pools=kinds[Pool],
        categories=kinds[ServerCategory],
        attributes={ServerName(server): said for server, said in found.attributes.items()},
        types=kinds[TypeRecord],
        definitions=kinds[Definition],
        targets=kinds[TargetRecord],
        runs_on={ResourceName(name): ServerName(server) for name, server in found.runs_on.items()},
        start_s={ResourceName(name): seconds for name, seconds in found.start_s.items()},
        registry_on=None if found.registry_on is None else ServerName(found.registry_on),
    )


def _record(key: str, raw: msgspec.Raw) -> wire.Record:
    try:
        return wire.decode(key, bytes(raw))
    except wire.Unreadable as error:
        raise BadInput(f"{error}; {MAKE_IT}") from None


def _check_names(intent: Intent) -> None:
    """What it says of a resource is of one that has a record."""
    for what, names in (("target", intent.targets), ("runs_on", intent.runs_on), ("start_s", intent.start_s)):
        for name in names:
            if name not in intent.definitions:
                raise BadInput(f"{what} names {name}, which has no record {keys.resource(name)!r}: leave it out, or add that")
