"""The JSON schema of a cluster file, which editors of TOML use for completion and checks: made of the tables of attributes. Pure.

Shipped as `cluster.schema.json` beside this module; a test holds that it is what is made here. It knows values one by one; what they mean
together is for `understudy plan` to say.
"""

from collections.abc import Mapping
from typing import Any

from understudy.intent.clusterfile.document import FORMAT
from understudy.model import pools
from understudy.model.attributes import ATTRIBUTES, LONGEST_VALUE, SPECIAL, Attribute, AttributeKind, Effect

_NUMBER = {"type": "string", "pattern": "^-?[0-9]{1,12}$"}
_TEXT = {"type": "string", "maxLength": LONGEST_VALUE}
_ANY = {"anyOf": [_TEXT, {"type": "integer"}]}
_SCOPE = r"(@(SERVERNAME|CARDINALITYID|DEGREEID)\([^()@]+\))+$"
_EFFECTS = {
    Effect.LIVE: "A change restarts nothing; whether it moves or stops anything, a plan says.",
    Effect.RELOAD: "After a change what runs is checked at once.",
    Effect.RESTART: "A change stops what runs and starts it again.",
}


def schema() -> dict[str, Any]:
    """JSON schema, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A cluster file: understudy export, plan, apply",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "cluster": {"description": "The name of the cluster; without it the file may be applied to any.", "type": "string"},
            "format": {"description": "Of this file.", "const": FORMAT, "default": FORMAT},
            "type": _section("Resource types of users, by name.", _type()),
            "serverpool": _section("Server pools, by name.", _closed(pools.ATTRIBUTES, "A server pool.")),
            "resource": _section("Resources, by name.", _resource()),
        },
    }


def _section(about: str, table: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": about, "type": "object", "additionalProperties": table}


def _type() -> dict[str, Any]:
    whole = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "DEFAULT_VALUE": _ANY,
            "TYPE": {"enum": ["string", "int"], "default": "string"},
            "FLAGS": {"type": "string", "pattern": r"^ *(CONFIG|READONLY|REQUIRED) *(\| *(CONFIG|READONLY|REQUIRED) *)*$"},
        },
    }
    value = {"anyOf": [{"type": "string"}, {"type": "integer"}, whole]}
    return {
        "description": "A resource type.",
        "type": "object",
        "additionalProperties": False,
        "required": ["BASE_TYPE"],
        "properties": {
            "BASE_TYPE": {"description": "cluster_resource, local_resource, or a type that descends from one.", "type": "string"},
            "attributes": {"description": "Attributes with their defaults.", "type": "object", "additionalProperties": value},
        },
    }


def _resource() -> dict[str, Any]:
    known = {**ATTRIBUTES, **SPECIAL}
    scoped = "|".join(sorted(name for name, attribute in known.items() if attribute.scoped))
    return {
        "description": "A resource. Types may have more attributes than those that are known here.",
        "type": "object",
        "additionalProperties": _ANY,
        "required": ["TYPE"],
        "properties": {
            "TYPE": {"description": "cluster_resource, local_resource, or another type.", "type": "string"},
            **{name: _property(attribute) for name, attribute in sorted(known.items())},
        },
        "patternProperties": {f"^({scoped}){_SCOPE}": {"description": "The value on one server.", **_ANY}},
    }


def _closed(attributes: Mapping[str, Attribute], about: str) -> dict[str, Any]:
    properties = {name: _property(attribute) for name, attribute in sorted(attributes.items())}
    return {"description": about, "type": "object", "additionalProperties": False, "properties": properties}


def _property(attribute: Attribute) -> dict[str, Any]:
    only = f" Only its default is taken: {attribute.only}." if attribute.only else ""
    takes = f"{attribute.kind.value[0].upper()}{attribute.kind.value[1:]}."
    found: dict[str, Any] = {"description": f"{takes} {_EFFECTS[attribute.effect]}{only}"}
    usual = attribute.cluster if attribute.cluster is not None else attribute.local
    match attribute.kind:
        case AttributeKind.INTEGER | AttributeKind.SECONDS:
            found["anyOf"] = [{"type": "integer", "minimum": attribute.lowest, "maximum": attribute.highest}, _NUMBER]
            usual_number = int(usual) if usual else None
            return found if usual_number is None else {**found, "default": usual_number}
        case AttributeKind.CHOICE:
            found["enum"] = [*(int(choice) for choice in attribute.choices if choice.isdigit()), *attribute.choices]
        case AttributeKind.DURATION:
            found["anyOf"] = [{"type": "string", "pattern": "^[0-9]{1,9}[smhdw]?$"}, {"type": "integer", "minimum": 0}]
        case AttributeKind.PATH:
            found |= {**_TEXT, "pattern": "^(/.*)?$"}
        case AttributeKind.DEPENDENCIES:
            found["type"] = "string"
        case AttributeKind.ACL:
            found |= _TEXT
        case AttributeKind.TEXT | AttributeKind.NAMES:
            found |= _ANY
    return {**found, "default": usual} if usual else found
