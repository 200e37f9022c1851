"""Owns resource types: the built-in ones, and what a type inherits from its base.

Called by `profile.py`, the verbs and the leader at the creation of a cluster. It never judges values; `attributes.py` does.
`types` is everywhere the mapping of types that users registered (View.types); the built-in ones are found first.
"""

import ipaddress
import re
from collections.abc import Mapping

from understudy.errors import BadAttribute
from understudy.model.attributes import ATTRIBUTES
from understudy.model.messages import words
from understudy.model.names import ResourceName, TypeName
from understudy.model.view import Definition, TypeRecord

CLUSTER = TypeName("cluster_resource")
LOCAL = TypeName("local_resource")
NETWORK = TypeName("ora.network.type")

_VIP = re.compile(r"ora\.cluster_vip_net[1-9][0-9]*\.type")
_VIP_ATTRIBUTES = {"CHECK_INTERVAL": "10", "USR_ORA_VIP": ""}
_VIP_FLAGS = {"USR_ORA_VIP": "string,REQUIRED"}
_APPLICATION = (
    "START_PROGRAM",
    "STOP_PROGRAM",
    "CLEAN_PROGRAM",
    "CHECK_PROGRAMS",
    "PID_FILES",
    "EXECUTABLE_NAMES",
    "ENVIRONMENT_FILE",
    "ENVIRONMENT_VARS",
)


def cluster_vip_type(number: int) -> TypeName:
    """Name of the type of cluster addresses on a network."""
    return TypeName(f"ora.cluster_vip_net{number}.type")


def application_vip_type(number: int) -> TypeName:
    """Name of the type of application addresses, made by `appvipcfg`."""
    return TypeName(f"app.appvip_net{number}.type")


def network_name(number: int) -> ResourceName:
    """Name of the local resource that stands for a network."""
    return ResourceName(f"ora.net{number}.network")


def network_number(type_name: TypeName) -> int:
    """The network of a cluster VIP type or application VIP type; 0 for other types."""
    match = re.fullmatch(r"(?:ora\.cluster_vip|app\.appvip)_net([0-9]+)\.type", type_name)
    return int(match[1]) if match else 0


def network_definition(number: int, subnet: str, interface: str, uid: str) -> Definition:
    """What a cluster registers for each `[network.N]` at its creation."""
    network = ipaddress.ip_network(subnet)
    mask = network.netmask if network.version == 4 else network.prefixlen
    return Definition(
        name=network_name(number),
        type=NETWORK,
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


def subnet_of(attributes: Mapping[str, str]) -> str:
    """Address/length of a network resource's subnet, from USR_ORA_SUBNET and USR_ORA_NETMASK (a mask, or the length of the prefix); as it
    is written where that makes none."""
    subnet, mask = attributes.get("USR_ORA_SUBNET", ""), attributes.get("USR_ORA_NETMASK", "")
    try:
        if ":" in mask:  # which Python does not read
            bits = f"{int(ipaddress.IPv6Address(mask)):0128b}"
            mask = str(bits.count("1")) if "01" not in bits else mask
        return str(ipaddress.ip_network(f"{subnet}/{mask}", strict=False))
    except ValueError:
        return f"{subnet}/{mask}" if subnet else ""


def _table_defaults(local: bool) -> dict[str, str]:
    chosen = {one.name: one.local if local else one.cluster for one in ATTRIBUTES.values()}
    return {name: value for name, value in chosen.items() if value is not None}


def _record(name: str, base: str | None, attributes: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None) -> TypeRecord:
    return TypeRecord(name=TypeName(name), base=None if base is None else TypeName(base), attributes=attributes or {}, flags=flags or {})


BUILT_IN: dict[TypeName, TypeRecord] = {
    one.name: one
    for one in (
        _record(CLUSTER, None, _table_defaults(local=False)),
        _record("generic_application", CLUSTER, dict.fromkeys(_APPLICATION, ""), {"START_PROGRAM": "string,REQUIRED"}),
        _record(LOCAL, None, _table_defaults(local=True)),
        _record("ora.cluster_resource.type", CLUSTER, {"SERVER_POOLS": "*"}),
        _record("ora.cluster_vip_net1.type", "ora.cluster_resource.type", _VIP_ATTRIBUTES, _VIP_FLAGS),
        _record("ora.local_resource.type", LOCAL),
        _record(NETWORK, "ora.local_resource.type", dict.fromkeys(("USR_ORA_IF", "USR_ORA_NETMASK", "USR_ORA_SUBNET"), "")),
    )
}


def find(name: TypeName, types: Mapping[TypeName, TypeRecord]) -> TypeRecord | None:
    """The record of a type, built in or registered; every network number has its VIP type."""
    if _VIP.fullmatch(name):
        return _record(name, "ora.cluster_resource.type", _VIP_ATTRIBUTES, _VIP_FLAGS)
    return BUILT_IN.get(name) or types.get(name)


def is_built_in(name: TypeName) -> bool:
    """Whether a type exists in every cluster and cannot be changed."""
    return name in BUILT_IN or _VIP.fullmatch(name) is not None


def all_types(types: Mapping[TypeName, TypeRecord]) -> tuple[TypeRecord, ...]:
    """Every type in order of names: built in, registered, and the VIP types that registered ones descend from."""
    names = {*BUILT_IN, *types} | {one.base for one in types.values() if one.base is not None and _VIP.fullmatch(one.base)}
    found = (find(name, types) for name in sorted(names))
    return tuple(one for one in found if one is not None)


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
    return any(one.name == ancestor for one in descent(name, types))


def is_local(name: TypeName, types: Mapping[TypeName, TypeRecord]) -> bool:
    """Whether resources of the type have an instance on every server."""
    return descent(name, types)[-1].name == LOCAL


def agent_of(name: TypeName, types: Mapping[TypeName, TypeRecord]) -> str:
    """Which agent serves resources of the type."""
    for record in descent(name, types):
        if _VIP.fullmatch(record.name):
            return "address"
        if record.name == NETWORK:
            return "network"
    return "script"


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
