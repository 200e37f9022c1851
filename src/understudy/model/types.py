"""Owns resource types: the built-in ones, and what a type inherits from its base.

Called by `profile.py`, the verbs and the leader at the creation of a cluster. It never judges values; `attributes.py` does.
`types` is everywhere the mapping of types that users registered (View.types); the built-in ones are found first.
"""

import ipaddress
from collections.abc import Mapping

from understudy.errors import BadAttribute
from understudy.kinds import script
from understudy.kinds.catalogue import built_in, built_in_types
from understudy.kinds.kind import BuiltInType
from understudy.kinds.network import NETWORK, network_name
from understudy.model.attributes import ATTRIBUTES
from understudy.model.messages import words
from understudy.model.names import ResourceName, TypeName
from understudy.model.view import Definition, TypeRecord

CLUSTER = TypeName(script.CLUSTER)
LOCAL = TypeName(script.LOCAL)


def network_definition(number: int, subnet: str, interface: str, uid: str) -> Definition:
    """What a cluster registers for each `[network.N]` at its creation."""
    network = ipaddress.ip_network(subnet)
    mask = network.netmask if network.version == 4 else network.prefixlen
    return Definition(
        name=ResourceName(network_name(number)),
        type=TypeName(NETWORK),
        uid=uid,
        attributes={
            "ACL": "owner:root:rwx,pgrp:root:r-x,other::r--",
            "AUTO_START": "always",
            "CHECK_INTERVAL": "10",
            "USR_ORA_SUBNET": str(network.network_address),
            "USR_ORA_NETMASK": str(mask),
            "USR_ORA_IF": interface,
        },
    )


def _table_defaults(local: bool) -> dict[str, str]:
    chosen = {attribute.name: attribute.local if local else attribute.cluster for attribute in ATTRIBUTES.values()}
    return {name: value for name, value in chosen.items() if value is not None}


def _record(built_in: BuiltInType) -> TypeRecord:
    """A root has every attribute of the table."""
    own = {attribute.name: attribute.default for attribute in built_in.own}
    root = {} if built_in.base is not None else _table_defaults(local=built_in.name == LOCAL)
    return TypeRecord(
        name=TypeName(built_in.name),
        base=None if built_in.base is None else TypeName(built_in.base),
        attributes={**root, **built_in.defaults, **own},
        flags={attribute.name: "string,REQUIRED" for attribute in built_in.own if attribute.required},
    )


BUILT_IN: dict[TypeName, TypeRecord] = {TypeName(built_in_type.name): _record(built_in_type) for built_in_type in built_in_types()}


def find(name: TypeName, types: Mapping[TypeName, TypeRecord]) -> TypeRecord | None:
    """The record of a type, built in or registered; every network number has its VIP type."""
    known = BUILT_IN.get(name) or types.get(name)
    if known is not None:
        return known
    family = built_in(name)
    return None if family is None else _record(family)


def is_built_in(name: TypeName) -> bool:
    """Whether a type exists in every cluster and cannot be changed."""
    return built_in(name) is not None


def all_types(types: Mapping[TypeName, TypeRecord]) -> tuple[TypeRecord, ...]:
    """Every type in order of names: those of every kind, registered ones, and the VIP types that registered ones descend from."""
    of_kinds = {TypeName(built_in_type.name) for built_in_type in built_in_types()}
    names = {*of_kinds, *types} | {record.base for record in types.values() if record.base is not None and is_built_in(record.base)}
    found = (find(name, types) for name in sorted(names))
    return tuple(type_record for type_record in found if type_record is not None)


def descent(name: TypeName, types: Mapping[TypeName, TypeRecord]) -> tuple[TypeRecord, ...]:
    """A type and its bases up to the root. BadAttribute when one of them does not exist or a base repeats."""
    chain: list[TypeRecord] = []
    seen: set[TypeName] = set()
    here: TypeName | None = name
    while here is not None:
        record = find(here, types)
        if record is None or here in seen:
            raise BadAttribute(words(20023, here), code=20023)
        chain.append(record)
        seen.add(here)
        here = record.base
    return tuple(chain)


def is_a(name: TypeName, ancestor: TypeName, types: Mapping[TypeName, TypeRecord]) -> bool:
    """Whether a type is another or descends from it."""
    return any(record.name == ancestor for record in descent(name, types))


def is_local(name: TypeName, types: Mapping[TypeName, TypeRecord]) -> bool:
    """Whether resources of the type have an instance on every server."""
    return descent(name, types)[-1].name == LOCAL


def defaults(name: TypeName, types: Mapping[TypeName, TypeRecord]) -> dict[str, str]:
    """Every attribute the type supports with its default; the nearest type that sets one wins."""
    found: dict[str, str] = {}
    for record in reversed(descent(name, types)):
        found.update(record.attributes)
    return found


def flags(name: TypeName, types: Mapping[TypeName, TypeRecord]) -> dict[str, str]:
    """Attribute -> its flags, of the type and its bases."""
    found: dict[str, str] = {}
    for record in reversed(descent(name, types)):
        found.update(record.flags)
    return found
