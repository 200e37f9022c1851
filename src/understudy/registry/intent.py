"""The intent of a cluster as a file: its servers and voters, what is registered and wanted, and what its history tells of starts.

    {"what": "understudy intent", "format": 1, "servers": ["ctr1", ...], "records": {"pool/controller_sp": {"v": 1, ...}, ...}, ...}

Owns the format of the file. The records in it are those of `wire.py` under the keys of `keys.py`, so that nothing is spelled twice.
Written by `understudy cluster export`, read by `understudy simulate --config`. Must never hold what only one moment knows: neither
assignments nor reports.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from understudy.errors import BadInput
from understudy.model import pools
from understudy.model.dependencies import Registered
from understudy.model.limits import derive
from understudy.model.names import PoolName, ResourceName, ServerName, TypeName
from understudy.model.profile import validate
from understudy.model.resource import Resource
from understudy.model.settings import VOTER_COUNTS
from understudy.model.view import ClusterRecord, Definition, Pool, TargetRecord, TypeRecord
from understudy.registry import keys, wire

WHAT = "understudy intent"
FORMAT = 1
"""Grows when the meaning of what is there changes; the records have a number of their own."""
MAKE_IT = "understudy cluster export > FILE makes such a file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a cluster is meant to be. Times in seconds."""

    servers: tuple[ServerName, ...]
    """Every server, by name."""
    cluster: ClusterRecord
    pools: Mapping[PoolName, Pool] = field(default_factory=dict)
    types: Mapping[TypeName, TypeRecord] = field(default_factory=dict)
    definitions: Mapping[ResourceName, Definition] = field(default_factory=dict)
    targets: Mapping[ResourceName, TargetRecord] = field(default_factory=dict)
    runs_on: Mapping[ResourceName, ServerName] = field(default_factory=dict)
    """Where each resource that moves ran when this was written."""
    start_s: Mapping[ResourceName, float] = field(default_factory=dict)
    """The slowest start of each that the history knows."""
    registry_on: ServerName | None = None
    """The server that the registry is on; None: on none of them, as it should be."""


class _File(msgspec.Struct, kw_only=True):
    what: str
    format: int
    servers: list[str]
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
        registry_on=intent.registry_on,
        records={key: msgspec.Raw(wire.encode(record)) for key, record in records.items()},
        runs_on=dict(sorted(intent.runs_on.items())),
        start_s=dict(sorted(intent.start_s.items())),
    )
    text = msgspec.json.encode(made)
    return (msgspec.json.format(text, indent=indent) if indent else text).decode()


def decode(text: str | bytes) -> Intent:
    """The intent in a file's text. BadInput says what is wrong with it and what to do."""
    try:
        found = msgspec.json.decode(text, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"this is no exported intent: {error}; {MAKE_IT}") from None
    if found.what != WHAT:
        raise BadInput(f"this is no exported intent: it calls itself {found.what!r}, not {WHAT!r}; {MAKE_IT}")
    if found.format != FORMAT:
        what_to_do = "use a newer Understudy here" if found.format > FORMAT else "export it again"
        raise BadInput(f"the file has format {found.format}, this version reads {FORMAT}: {what_to_do}")
    intent = _intent(found)
    _check(intent)
    return intent


def foundations(intent: Intent) -> dict[str, wire.Record]:
    """What the registry of that cluster holds before any resource: the cluster's own record, pools and types, by key."""
    return {
        keys.CLUSTER: intent.cluster,
        **{keys.pool(name): one for name, one in sorted(intent.pools.items())},
        **{keys.type_(name): one for name, one in sorted(intent.types.items())},
    }


def definitions(intent: Intent) -> dict[str, wire.Record]:
    """Its resources, by key."""
    return {keys.resource(name): one for name, one in sorted(intent.definitions.items())}


def targets(intent: Intent) -> dict[str, wire.Record]:
    """Its TARGETs, by key."""
    return {keys.target(name): one for name, one in sorted(intent.targets.items())}


def _intent(found: _File) -> Intent:
    kinds: dict[type[Any], dict[Any, Any]] = {one: {} for one in (ClusterRecord, Pool, TypeRecord, Definition, TargetRecord)}
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
        servers=tuple(sorted({ServerName(one) for one in found.servers})),
        cluster=kinds[ClusterRecord][""],
        pools=kinds[Pool],
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


def _check(intent: Intent) -> None:
    """What a running cluster has refused long ago may stand in a file that was written by hand."""
    voters = intent.cluster.voters
    derive(intent.cluster.pause_tolerance)
    if not intent.servers:
        raise BadInput("servers is empty: name the servers of the cluster")
    if len(voters) not in VOTER_COUNTS or len(set(voters)) != len(voters):
        raise BadInput(f"the voters are {', '.join(voters) or 'none'}: there must be 1, 3 or 5 different ones")
    named = {"a voter": voters, "registry_on": (intent.registry_on,), "runs_on": tuple(intent.runs_on.values())}
    for what, servers in named.items():
        for server in servers:
            if server is not None and server not in intent.servers:
                raise BadInput(f"{server} is named as {what} but not among servers: add it there")
    for what, names in (("target", intent.targets), ("runs_on", intent.runs_on), ("start_s", intent.start_s)):
        for name in names:
            if name not in intent.definitions:
                raise BadInput(f"{what} names {name}, which has no record {keys.resource(name)!r}: leave it out, or add that")
    _check_definitions(intent)
    for name, seconds in intent.start_s.items():
        if seconds < 0:
            raise BadInput(f"start_s of {name} is {seconds:g}: write seconds, 0 or more")


def _check_definitions(intent: Intent) -> None:
    resources: dict[ResourceName, Resource] = {}
    for pool in intent.pools.values():
        try:
            pools.validate(pool, intent.pools)
        except BadInput as error:
            raise BadInput(f"server pool {pool.name}: {error} Correct the file.") from None
    for definition in intent.definitions.values():
        known = Registered(resources=resources, types=intent.types, pools=intent.pools)
        try:
            resources[definition.name] = validate(definition, known, force=True)
        except BadInput as error:
            raise BadInput(f"resource {definition.name}: {error} Correct the file.") from None
