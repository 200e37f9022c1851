"""Owns the table of resource attributes: what each one takes, its default, and what changing it does to a running resource.

Called by `types.py`, `profile.py` and the verbs. It never knows a resource; it judges one value at a time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum

from understudy.errors import BadAttribute
from understudy.kinds.catalogue import own_attributes
from understudy.model.messages import words
from understudy.model.resource import MOST_INSTANCES, POOL_SIZE, Placement

LONGEST_VALUE = 254
"""Characters; dependencies alone may be longer."""
LONGEST_DEPENDENCIES = 32 * 1024
"""Bytes of each of the two lists: with all else it still fits one line to the executor, and one variable of a script's environment."""
LONGEST_DEFINITION = 64 * 1024
"""Bytes of all attributes of a resource, those of its type included; and of a type."""
LONGEST_SHOWN = 200
"""Characters of a value that a message repeats."""


POOL_SIZE_WORD = "%CRS_SERVER_POOL_SIZE%"
"""A value of CARDINALITY."""
HUB_CATEGORY = "ora.hub.category"
"""The category of servers that every cluster has: all are of it."""


class AttributeKind(Enum):
    """How the text of a value is read."""

    INTEGER = "a whole number"
    SECONDS = "a whole number of seconds"
    DURATION = "a number followed by s, m, h, d or w, like 1h"
    CHOICE = "one of a few words"
    NAMES = "names separated by blanks"
    TEXT = "any text"
    PATH = "an absolute path"
    DEPENDENCIES = "dependencies like hard(db)"
    ACL = "an access list like owner:root:rwx,pgrp:root:r-x,other::r--"
    CARDINALITY = "a whole number, or %CRS_SERVER_POOL_SIZE%"


class Effect(StrEnum):
    """What changing the attribute of a running resource does."""

    LIVE = "live"
    """The next decision or action goes by it; nothing is disturbed."""
    RELOAD = "reload"
    """Nothing is stopped, but the resource is checked at once under the new value."""
    RESTART = "restart"
    """What runs was started with the old value: it must be stopped and started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute. `cluster` and `local` are the defaults of cluster_resource and local_resource; None: not supported there."""

    name: str
    kind: AttributeKind = AttributeKind.TEXT
    cluster: str | None = ""
    local: str | None = ""
    lowest: int = 0
    highest: int = 2_147_483_647
    choices: tuple[str, ...] = ()
    modifiable: bool = True
    scoped: bool = False
    """It may have another value on one server: `LOAD@SERVERNAME(ctr1)`."""
    effect: Effect = Effect.LIVE
    only: str = ""
    """Not empty: no other value than the default is taken. Why, and what to use instead."""


def _number(name: str, default: int, lowest: int = 0, highest: int = 2_147_483_647) -> Attribute:
    return Attribute(name=name, kind=AttributeKind.INTEGER, cluster=str(default), local=str(default), lowest=lowest, highest=highest)


def _seconds(name: str, default: int, lowest: int = 0) -> Attribute:
    return replace(_number(name, default, lowest, 604_800), kind=AttributeKind.SECONDS)


def _choice(name: str, default: str, *choices: str) -> Attribute:
    return Attribute(name=name, kind=AttributeKind.CHOICE, cluster=default, local=default, choices=choices)


def _flag(name: str, default: str) -> Attribute:
    return _choice(name, default, "0", "1")


def _text(name: str, default: str = "") -> Attribute:
    return Attribute(name=name, cluster=default, local=default)


def _only(attribute: Attribute, why: str) -> Attribute:
    return replace(attribute, only=why)


def _cluster_only(attribute: Attribute) -> Attribute:
    return replace(attribute, local=None)


_NO_TEMPLATES = "nothing is made from templates here: understudy history --follow --json has all that happens"
_ALL = (
    # Another owner: what runs belongs to the old one.
    Attribute(name="ACL", kind=AttributeKind.ACL, effect=Effect.RESTART),
    _text("ACTIONS"),
    Attribute(name="ACTION_SCRIPT", kind=AttributeKind.PATH, effect=Effect.RELOAD),
    _seconds("ACTION_TIMEOUT", 60, 1),
    _cluster_only(_flag("ACTIVE_PLACEMENT", "0")),
    _only(
        Attribute(name="AGENT_FILENAME", cluster="%CRS_HOME%/bin/scriptagent", local="%CRS_HOME%/bin/scriptagent", modifiable=False),
        "agents are the clusterware's own: what needs ways of its own has an ACTION_SCRIPT, or is a generic_application",
    ),
    _only(_text("ALERT_TEMPLATE"), _NO_TEMPLATES),
    _choice("AUTO_START", "restore", "always", "restore", "never"),
    _cluster_only(Attribute(name="CARDINALITY", kind=AttributeKind.CARDINALITY, cluster="1", lowest=1, highest=MOST_INSTANCES)),
    _number("CHECK_FAILURES", 3, 1, 100),
    _seconds("CHECK_INTERVAL", 60, 1),
    _seconds("CHECK_TIMEOUT", 0),
    _seconds("CLEAN_TIMEOUT", 60, 1),
    _number("DEGREE", 1, 1, 1),
    _seconds("DELETE_TIMEOUT", 60, 1),
    _text("DESCRIPTION"),
    _flag("ENABLED", "1"),
    Attribute(name="ENTRY_POINTS", kind=AttributeKind.NAMES),
    _cluster_only(_seconds("FAILOVER_DELAY", 0)),
    _seconds("FAILURE_INTERVAL", 0),
    _number("FAILURE_THRESHOLD", 0, 0, 20),
    _cluster_only(Attribute(name="HOSTING_MEMBERS", kind=AttributeKind.NAMES)),
    _cluster_only(_flag("INSTANCE_FAILOVER", "1")),
    _seconds("INTERMEDIATE_TIMEOUT", 0),
    _number("LOAD", 1, 1, 1_000_000),
    _only(_number("LOGGING_LEVEL", 1, 0, 5), "what actions do and print is always logged, with what it is part of: docs/guide/logs.md"),
    _seconds("MODIFY_TIMEOUT", 60, 1),
    # What a lapse unmounts by force: so not of a local resource, which needs no lease.
    _cluster_only(Attribute(name="MOUNT_POINT", kind=AttributeKind.PATH, effect=Effect.RESTART)),
    # Likewise: a lapse sets down every link in them.
    _cluster_only(Attribute(name="NETWORK_NAMESPACES", kind=AttributeKind.NAMES, effect=Effect.RESTART)),
    _only(_text("NLS_LANG"), "actions run with LC_ALL=C.UTF-8: set another language in the script, or in ENVIRONMENT_VARS"),
    _seconds("OFFLINE_CHECK_INTERVAL", 0),
    _cluster_only(_choice("PLACEMENT", Placement.BALANCED.value, *(placement.value for placement in Placement))),
    _cluster_only(_flag("RELOCATE_BY_DEPENDENCY", "1")),
    _number("RESTART_ATTEMPTS", 1, 0, 1_000),
    _seconds("SCRIPT_TIMEOUT", 60, 1),
    _text("SERVER_CATEGORY"),
    Attribute(name="SERVER_POOLS", kind=AttributeKind.NAMES, cluster="", local="*"),
    _number("START_CONCURRENCY", 0),
    Attribute(name="START_DEPENDENCIES", kind=AttributeKind.DEPENDENCIES),
    _seconds("START_TIMEOUT", 0),
    _number("STOP_CONCURRENCY", 0),
    Attribute(name="STOP_DEPENDENCIES", kind=AttributeKind.DEPENDENCIES),
    _choice("STOP_FAILURE", "block", "block", "fence"),
    _seconds("STOP_TIMEOUT", 0),
    _only(Attribute(name="TYPE_VERSION", cluster="1.1", local="1.1", modifiable=False), "a type has one version"),
    Attribute(name="UPTIME_THRESHOLD", kind=AttributeKind.DURATION, cluster="1h", local="1h"),
    _only(_choice("USER_WORKLOAD", "no", "no", "yes"), "no statistics of workload are kept"),
    _cluster_only(_flag("USE_STICKINESS", "0")),
    _only(_text("ACTION_FAILURE_TEMPLATE"), _NO_TEMPLATES),
    _only(_text("DEFAULT_TEMPLATE"), _NO_TEMPLATES),
    _only(_text("LAST_FAULT", "0"), "what failed last, and why, is in understudy history and understudy explain"),
    _only(_text("NOT_RESTARTING_TEMPLATE"), _NO_TEMPLATES),
    _only(_text("PROFILE_CHANGE_TEMPLATE"), _NO_TEMPLATES),
    _only(_text("STATE_CHANGE_TEMPLATE"), _NO_TEMPLATES),
)

_SCOPED_ONES = frozenset(
    {
        "ACTION_SCRIPT", "ACTION_TIMEOUT", "CHECK_FAILURES", "CHECK_INTERVAL", "CHECK_TIMEOUT", "CLEAN_TIMEOUT", "DELETE_TIMEOUT",
        "INTERMEDIATE_TIMEOUT", "LOAD", "LOGGING_LEVEL", "MODIFY_TIMEOUT", "OFFLINE_CHECK_INTERVAL", "RESTART_ATTEMPTS", "SCRIPT_TIMEOUT",
        "START_TIMEOUT", "STOP_TIMEOUT", "UPTIME_THRESHOLD",
    }
)  # fmt: skip
"""What the server goes by that has the resource."""
_ONE_FOR_ALL = frozenset({"APPSVIP_FAILBACK", "USR_ORA_NETMASK", "USR_ORA_SUBNET", "USR_ORA_VIP"})
"""Of those that some types have: what all servers have to agree on."""
ATTRIBUTES: dict[str, Attribute] = {
    attribute.name: replace(attribute, scoped=attribute.name in _SCOPED_ONES)
    for attribute in sorted(_ALL, key=lambda attribute: attribute.name)
}

SPECIAL: dict[str, Attribute] = {
    own.name: Attribute(
        name=own.name,
        kind=AttributeKind.CHOICE if own.choices else AttributeKind.TEXT,
        choices=own.choices,
        scoped=own.name not in _ONE_FOR_ALL,
        effect=Effect(own.effect),
    )
    for own in own_attributes().values()
}
"""Attributes that only some types have, where more than the type's record must be known: the kinds say which."""

READ_ONLY: frozenset[str] = frozenset(
    {
        "CARDINALITY_ID",
        "CURRENT_SERVER",
        "DEGREE_ID",
        "FAILURE_COUNT",
        "FAILURE_HISTORY",
        "ID",
        "INCARNATION",
        "INTERNAL_STATE",
        "LAST_RESTART",
        "LAST_SERVER",
        "LAST_STATE_CHANGE",
        "NAME",
        "OXR_SECTION",
        "RESTART_COUNT",
        "STATE",
        "STATE_DETAILS",
        "TARGET",
        "TARGET_SERVER",
        "TYPE",
    }
)

_DURATION = re.compile(r"(\d{1,9})([smhdw]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_ACL_ENTRY = re.compile(r"(owner|pgrp|user|group):([^:,\s]+):([r-][w-][x-])|other::([r-][w-][x-])")
_SCOPE = re.compile(r"@(SERVERNAME|CARDINALITYID|DEGREEID)\(([^()@]+)\)")
_SCOPED = re.compile(r"([^@]+)((?:@(?:SERVERNAME|CARDINALITYID|DEGREEID)\([^()@]+\))*)")


def base_name(name: str) -> str:
    """The attribute of a scoped name: `LOAD` of `LOAD@SERVERNAME(ctr1)`. BadAttribute when the scope is no scope."""
    match = _SCOPED.fullmatch(name)
    if match is None:
        raise BadAttribute(words(20002, name, "name", "a scope is @SERVERNAME(server), @CARDINALITYID(n) or @DEGREEID(n)"), code=20002)
    return match[1]


def scope_of(name: str) -> dict[str, str]:
    """`SERVERNAME` -> ctr1 of a name as `LOAD@SERVERNAME(ctr1)`; empty: it counts everywhere."""
    return dict(_SCOPE.findall(name))


def check_scope(attribute: Attribute, name: str, *, local: bool, cardinality: int = 1) -> None:
    """Refuse a scope that would mean nothing. BadAttribute. `cardinality`: so many instances the resource has."""
    scopes = _SCOPE.findall(name)
    given = dict(scopes)
    if not scopes:
        return
    if not attribute.scoped:
        trouble = "it has one value for the whole cluster"
    elif len(scopes) != len(given) or {"SERVERNAME", "CARDINALITYID"} <= given.keys():
        trouble = "give one of @SERVERNAME(server) and @CARDINALITYID(n), once"
    elif local and "CARDINALITYID" in given:
        trouble = "instances of a local resource are named by their server: @SERVERNAME(server)"
    elif not _is_number(given.get("CARDINALITYID", "1"), cardinality):
        trouble = _WHICH_NUMBERS[cardinality == 1].format(cardinality)
    elif given.get("DEGREEID", "1") != "1":
        trouble = "an instance has the degree 1"
    else:
        return
    raise BadAttribute(words(20560, cut(name), trouble), code=20560)


_WHICH_NUMBERS = {
    True: "the one instance of a cluster resource is @CARDINALITYID(1)",
    False: "the instances of this resource are @CARDINALITYID(1) to @CARDINALITYID({})",
}


def _is_number(text: str, cardinality: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 4 and text[0] != "0" and 1 <= int(text) <= cardinality


def cardinality_of(text: str) -> int:
    """How many instances CARDINALITY says; POOL_SIZE: as many as there are servers in the pools."""
    return POOL_SIZE if text == POOL_SIZE_WORD else int(text or 1)


def values_on(values: Mapping[str, str], server: str, number: int = 1) -> dict[str, str]:
    """The values that count for the instance of this number on a server (empty: on one that none of them names), without scoped names.
    What is about the server goes before what is about the instance."""
    scoped = sorted((name for name in values if "@" in name), key=lambda name: ("SERVERNAME" in scope_of(name), name.count("@"), name))
    found = {name: value for name, value in values.items() if "@" not in name}
    for name in scoped:
        scope = scope_of(name)
        if scope.get("SERVERNAME", server) == server and scope.get("CARDINALITYID", str(number)) == str(number):
            found[base_name(name)] = values[name]
    return found


def duration_s(text: str) -> float:
    """Seconds of a duration text; BadAttribute when it is none."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise BadAttribute(f"'{text}' is no duration")
    return float(int(match[1]) * _UNITS[match[2]])


def acl_owner(acl: str) -> str:
    """The user under whom actions run."""
    for entry in acl.split(","):
        kind, _, rest = entry.strip().partition(":")
        if kind == "owner":
            return rest.partition(":")[0]
    return "root"


def creators_acl(user: str, group: str) -> str:
    """The access list of what a user creates without giving one. No group: nobody knows one."""
    return f"owner:{user}:rwx,pgrp:{group}:r-x,other::r--" if group else f"owner:{user}:rwx,other::r--"


def check_value(attribute: Attribute, value: str) -> None:
    """Refuse a value that the attribute cannot take: BadAttribute, which says what it does take."""
    trouble = _trouble(attribute, value)
    if trouble and attribute.name == "PLACEMENT":
        raise BadAttribute(f"{words(5129)}\n  PLACEMENT='{value}': {trouble}", code=5129)
    if trouble:
        raise BadAttribute(words(20002, cut(value), cut(attribute.name), trouble), code=20002)


def check_only(attribute: Attribute, name: str, value: str, default: str) -> None:
    """Refuse another value than the default of an attribute that takes no other."""
    if attribute.only and value != default:
        raise BadAttribute(words(20540, cut(value), cut(name), default, attribute.only), code=20540)


def cut(text: str) -> str:
    """As much of what was typed as a message repeats."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def check_size(name: str, attributes: Mapping[str, str]) -> None:
    """Refuse a definition or type that is too long in all."""
    sizes = {name: len(name.encode()) + len(value.encode()) for name, value in attributes.items()}
    if (size := sum(sizes.values())) > LONGEST_DEFINITION:
        longest = max(sizes, key=lambda name: sizes[name])
        raise BadAttribute(words(20170, name, f"{size:,}", f"{LONGEST_DEFINITION:,}", longest, f"{sizes[longest]:,}"), code=20170)


def _trouble(attribute: Attribute, value: str) -> str:
    if attribute.kind is AttributeKind.DEPENDENCIES:
        if (size := len(value.encode())) > LONGEST_DEPENDENCIES:
            return f"it has {size:,} bytes, {LONGEST_DEPENDENCIES:,} are allowed; a resource type (type:NAME) stands for many names"
    elif len(value) > LONGEST_VALUE:
        return f"it has {len(value)} characters, {LONGEST_VALUE} are allowed"
    if not value.isprintable():
        return "it contains a line break, or a character that cannot be seen"
    match attribute.kind:
        case AttributeKind.INTEGER | AttributeKind.SECONDS:
            return _number_trouble(attribute, value)
        case AttributeKind.CARDINALITY:
            return "" if value == POOL_SIZE_WORD else _number_trouble(attribute, value)
        case AttributeKind.DURATION:
            return "" if _DURATION.fullmatch(value) else f"write {attribute.kind.value}"
        case AttributeKind.CHOICE:
            offered = ", ".join(choice or "nothing" for choice in attribute.choices)
            return "" if value in attribute.choices else f"it is one of {offered}"
        case AttributeKind.PATH:
            return "" if not value or value.startswith("/") else f"write {attribute.kind.value}, the same on every server"
        case AttributeKind.ACL:
            return _acl_trouble(value)
        case AttributeKind.TEXT | AttributeKind.NAMES | AttributeKind.DEPENDENCIES:
            return ""


def _number_trouble(attribute: Attribute, value: str) -> str:
    if not re.fullmatch(r"-?[0-9]{1,12}", value):
        return f"write {attribute.kind.value}"
    if attribute.lowest <= int(value) <= attribute.highest:
        return ""
    if attribute.lowest == attribute.highest:
        return f"only {attribute.lowest} is supported"
    return f"it must be between {attribute.lowest} and {attribute.highest}"


def _acl_trouble(value: str) -> str:
    if not value:
        return ""
    entries = [entry.strip() for entry in value.split(",")]
    wrong = [entry for entry in entries if not _ACL_ENTRY.fullmatch(entry)]
    if wrong:
        return f"'{wrong[0]}' is not like owner:root:rwx, pgrp:root:r-x, user:oracle:r-x, group:dba:r-x or other::r--"
    if sum(entry.startswith("owner:") for entry in entries) != 1:
        return "it names the owner exactly once"
    return ""
