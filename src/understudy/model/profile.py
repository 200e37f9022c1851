"""Owns the way from what an operator registered (Definition) to what the deciders see (Resource), and the checks on that way.

`resolve` is called by the daemon's mirror for every definition it reads; `validate` by the verbs before they write one.
Neither touches the system: whether a script exists or an address is in use is asked by the verbs.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from understudy.errors import BadAttribute
from understudy.holdings.holding import why_no_mount_point, why_no_namespaces
from understudy.kinds.catalogue import kind_of
from understudy.model.attributes import (
    ATTRIBUTES,
    LONGEST_VALUE,
    POOL_SIZE_WORD,
    READ_ONLY,
    SPECIAL,
    Attribute,
    AttributeKind,
    Effect,
    acl_owner,
    base_name,
    cardinality_of,
    check_only,
    check_scope,
    check_size,
    check_value,
    cut,
    duration_s,
    scope_of,
    values_on,
)
from understudy.model.categories import narrowing
from understudy.model.custom import ENTRY_POINTS, custom_actions
from understudy.model.dependencies import Registered, check_cycle, check_existence, parse
from understudy.model.maps import with_changes
from understudy.model.messages import words
from understudy.model.names import PoolName, ServerName, TypeName, name_trouble
from understudy.model.pools import BUILT_IN as BUILT_IN_POOLS
from understudy.model.pools import check_category
from understudy.model.resource import ELSEWHERE, MOST_INSTANCES, POOL_SIZE, AutoStart, Placement, Resource
from understudy.model.types import LOCAL, defaults, descent, flags, is_local
from understudy.model.view import Definition, TypeRecord


def resolve(definition: Definition, types: Mapping[TypeName, TypeRecord], number: int = 1) -> Resource:
    """The resource with its type's defaults filled in and its dependencies parsed; with the values that count for its instance of this
    number. BadInput when the definition cannot be read."""
    lineage = tuple(record.name for record in descent(definition.type, types))
    values = {**defaults(definition.type, types), **definition.attributes}
    if not any("@" in name for name in definition.attributes):
        return _resolved(definition, lineage, values)
    named = {scope_of(name).get("SERVERNAME", ELSEWHERE) for name in definition.attributes} | {ELSEWHERE}
    scopes = {ServerName(server): _resolved(definition, lineage, values_on(values, server, number)) for server in sorted(named)}
    return replace(scopes[ELSEWHERE], attributes=dict(sorted(values.items())), scopes=scopes)


def _resolved(definition: Definition, lineage: tuple[TypeName, ...], values: Mapping[str, str]) -> Resource:
    return Resource(
        name=definition.name, type=definition.type, uid=definition.uid,
        cardinality=cardinality_of(values.get("CARDINALITY", "")),
        local=lineage[-1] == LOCAL,
        agent=kind_of(lineage).name,
        lineage=lineage,
        attributes=dict(sorted(values.items())),
        placement=Placement(values.get("PLACEMENT", "balanced")),
        hosting_members=tuple(ServerName(word) for word in values.get("HOSTING_MEMBERS", "").split()),
        server_pools=_pools(values),
        server_category=narrowing(values.get("SERVER_CATEGORY", "")),
        start=parse(values["START_DEPENDENCIES"], "START_DEPENDENCIES", definition.name),
        stop=parse(values["STOP_DEPENDENCIES"], "STOP_DEPENDENCIES", definition.name),
        enabled=values["ENABLED"] != "0",
        auto_start=AutoStart(values["AUTO_START"]),
        instance_failover=values.get("INSTANCE_FAILOVER") != "0",
        failover_delay_s=float(int(values.get("FAILOVER_DELAY") or 0)),
        use_stickiness=values.get("USE_STICKINESS") == "1",
        relocate_by_dependency=values.get("RELOCATE_BY_DEPENDENCY") != "0",
        active_placement=values.get("ACTIVE_PLACEMENT") == "1" or values.get("APPSVIP_FAILBACK") == "1",
        load=int(values["LOAD"]),
        restart_attempts=int(values["RESTART_ATTEMPTS"]),
        check_interval_s=float(values["CHECK_INTERVAL"]),
        offline_check_interval_s=float(int(values.get("OFFLINE_CHECK_INTERVAL") or 0)),
        check_failures=int(values["CHECK_FAILURES"]),
        start_timeout_s=_timeout_s(values, "START_TIMEOUT"),
        stop_timeout_s=_timeout_s(values, "STOP_TIMEOUT"),
        check_timeout_s=_timeout_s(values, "CHECK_TIMEOUT"),
        clean_timeout_s=_timeout_s(values, "CLEAN_TIMEOUT"),
        action_timeout_s=float(int(values["ACTION_TIMEOUT"])),
        uptime_threshold_s=duration_s(values["UPTIME_THRESHOLD"]),
        start_concurrency=int(values["START_CONCURRENCY"]),
        stop_concurrency=int(values["STOP_CONCURRENCY"]),
        intermediate_timeout_s=float(int(values["INTERMEDIATE_TIMEOUT"])),
        failure_interval_s=float(int(values["FAILURE_INTERVAL"])), failure_threshold=int(values["FAILURE_THRESHOLD"]),
        stop_failure_fences=values["STOP_FAILURE"] == "fence",
        user=acl_owner(values["ACL"]),
    )  # fmt: skip


def _timeout_s(values: Mapping[str, str], name: str) -> float:
    """0 means: as long as SCRIPT_TIMEOUT."""
    return float(int(values[name]) or int(values["SCRIPT_TIMEOUT"]))


def _pools(values: Mapping[str, str]) -> tuple[PoolName, ...]:
    """SERVER_POOLS; where only a category restricts or is preferred, that is all servers."""
    pools = values.get("SERVER_POOLS", "")
    if not (pools or values.get("HOSTING_MEMBERS")) and values.get("SERVER_CATEGORY") and values.get("PLACEMENT") != Placement.BALANCED:
        pools = "*"
    return tuple(PoolName(word) for word in pools.split())


def validate(definition: Definition, known: Registered, *, force: bool = False, kept: Mapping[str, str] = MappingProxyType({})) -> Resource:
    """Everything that can be wrong with a new or changed definition, the first fault as BadInput. `force`: a dependency may name
    what does not exist yet. `kept`: values that it had before, by a version that took any."""
    supported = defaults(definition.type, known.types)
    given_flags = flags(definition.type, known.types)
    for name, value in definition.attributes.items():
        attribute = attribute_of(name, definition.type, supported, given_flags)
        check_scope(attribute, name, local=is_local(definition.type, known.types), cardinality=_numbers(definition, supported))
        check_value(attribute, value)
        if kept.get(name) != value:
            check_only(attribute, name, value, supported.get(base_name(name), ""))
    for name, flag in given_flags.items():
        if "REQUIRED" in flag and not {**supported, **definition.attributes}.get(name):
            raise BadAttribute(words(20008, name, definition.type), code=20008)
    _check_holdings({**supported, **definition.attributes})
    check_size(definition.name, {**supported, **definition.attributes})
    resource = resolve(definition, known.types)
    if (trouble := resource.kind.trouble(resource)) is not None:
        named, why = trouble
        raise BadAttribute(words(20002, cut(resource.attributes.get(named, "")), named, why), code=20002)
    _check_actions(resource)
    _check_placement(resource, known)
    _check_cardinality(resource)
    after = replace(known, resources=with_changes(known.resources, {resource.name: resource}))
    if not force:
        check_existence((*resource.start, *resource.stop), after)
    check_cycle(resource, after)
    return resource


def check_type(record: TypeRecord) -> None:
    """Every default of a type is a value that its attribute takes, and all of them together are not too long."""
    for name, value in record.attributes.items():
        if len(name) > LONGEST_VALUE:
            raise BadAttribute(words(2729, cut(name)), code=2729)
        own = SPECIAL.get(name) or ATTRIBUTES.get(name)
        if own is not None:
            check_value(own, value)
        elif value:  # one of its own has a value only where its resources give it one
            number = record.flags.get(name, "").startswith("int")
            check_value(_own_attribute(name, number=number), value)
    check_size(record.name, record.attributes)


def check_name(name: str) -> None:
    """A resource's or type's name as an operator may choose it."""
    if trouble := name_trouble(name):
        raise BadAttribute(words(20007, name, trouble), code=20007)


def attribute_of(name: str, type_name: TypeName, supported: Mapping[str, str], given_flags: Mapping[str, str]) -> Attribute:
    """What is known of an attribute, scoped or not. CRS-2922 when the type does not have it."""
    base = base_name(name)
    if base in READ_ONLY:
        raise BadAttribute(words(20004, base), code=20004)
    if base not in supported:
        raise BadAttribute(words(2922, base, type_name), code=2922)
    own = SPECIAL.get(base) or ATTRIBUTES.get(base)
    if own is not None:
        return own
    flag = given_flags.get(base, "")
    return replace(_own_attribute(base, number=flag.startswith("int")), modifiable="READONLY" not in flag)


def _own_attribute(name: str, *, number: bool) -> Attribute:
    """One that a type has added. Scripts see it at their next action, so the resource is looked at again at once."""
    kind = AttributeKind.INTEGER if number else AttributeKind.TEXT
    return Attribute(name=name, kind=kind, lowest=-2_147_483_648, scoped=True, effect=Effect.RELOAD)


def changed(before: Resource, after: Resource, types: Mapping[TypeName, TypeRecord]) -> dict[str, Effect]:
    """Which attributes differ, and what each change does to the resource if it runs. BadAttribute when one may not be changed."""
    found = differing(before, after, types)
    for name, attribute in found.items():
        if not attribute.modifiable:
            raise BadAttribute(words(20003, name, "resource"), code=20003)
    return {name: _effect(attribute, before, after) for name, attribute in found.items()}


def restarts(before: Resource, after: Resource, types: Mapping[TypeName, TypeRecord]) -> tuple[str, ...]:
    """The attributes that differ and whose old value is in what runs."""
    found = differing(before, after, types)
    return tuple(name for name, attribute in found.items() if _effect(attribute, before, after) is Effect.RESTART)


def reloads(before: Resource, after: Resource) -> bool:
    """Whether an attribute differs that its actions go by: they may answer otherwise from now on."""
    names = {name for name in {*before.attributes, *after.attributes} if before.attributes.get(name) != after.attributes.get(name)}
    known = (ATTRIBUTES.get(base) or SPECIAL.get(base) for base in map(base_name, names))
    return any(attribute is None or attribute.effect is Effect.RELOAD for attribute in known)


def differing(before: Resource, after: Resource, types: Mapping[TypeName, TypeRecord]) -> dict[str, Attribute]:
    """Which attributes differ, by name."""
    supported, given_flags = defaults(after.type, types), flags(after.type, types)
    names = (name for name in sorted({*before.attributes, *after.attributes}) if before.attributes.get(name) != after.attributes.get(name))
    return {name: attribute_of(name, after.type, supported, given_flags) for name in names}


def _effect(attribute: Attribute, before: Resource, after: Resource) -> Effect:
    # Another access list matters to what runs only if it names another owner.
    return Effect.LIVE if attribute.name == "ACL" and before.user == after.user else attribute.effect


def _check_holdings(values: Mapping[str, str]) -> None:
    """What is taken away by force at the end of a lease is nothing of the system's own."""
    point, patterns = values.get("MOUNT_POINT", ""), values.get("NETWORK_NAMESPACES", "")
    if point and (trouble := why_no_mount_point(point.rstrip("/") or "/")):
        raise BadAttribute(words(20002, cut(point), "MOUNT_POINT", trouble), code=20002)
    if trouble := why_no_namespaces(patterns):
        raise BadAttribute(words(20002, cut(patterns), "NETWORK_NAMESPACES", trouble), code=20002)


def _check_actions(resource: Resource) -> None:
    """Only an action script can have actions of its own, or be called when its resource is deleted or modified."""
    called = resource.attributes.get("ENTRY_POINTS", "")
    if unknown := sorted(set(called.split()).difference(ENTRY_POINTS)):
        raise BadAttribute(words(20002, cut(unknown[0]), "ENTRY_POINTS", f"it names any of {', '.join(ENTRY_POINTS)}"), code=20002)
    if called and not resource.kind.custom:
        why = f"a {resource.type} has no action script that could be called"
        raise BadAttribute(words(20002, cut(called), "ENTRY_POINTS", why), code=20002)
    text, trouble = resource.attributes.get("ACTIONS", ""), ""
    try:
        if custom_actions(text) and not resource.kind.custom:
            trouble = f"a {resource.type} has no action script that could run them"
    except ValueError as error:
        trouble = str(error)
    if trouble:
        raise BadAttribute(words(20002, cut(text), "ACTIONS", trouble), code=20002)


def _numbers(definition: Definition, supported: Mapping[str, str]) -> int:
    """The highest number that an instance may have."""
    text = definition.attributes.get("CARDINALITY", supported.get("CARDINALITY", ""))
    return MOST_INSTANCES if text == POOL_SIZE_WORD or not text.isdigit() or len(text) > 4 else int(text)


def _check_cardinality(resource: Resource) -> None:
    """What several instances can be of, and what counts for a resource as a whole. BadAttribute."""
    text = resource.attributes.get("CARDINALITY", "")
    if resource.cardinality == POOL_SIZE and not (resource.placement is Placement.RESTRICTED and resource.server_pools):
        why = "it needs PLACEMENT=restricted and SERVER_POOLS, whose servers it counts"
        raise BadAttribute(words(20002, text, "CARDINALITY", why), code=20002)
    if not resource.several:
        return
    if not resource.kind.several:
        why = f"what is of type {resource.type} has one instance; several are for what action scripts or programs serve"
        raise BadAttribute(words(20002, text, "CARDINALITY", why), code=20002)
    for name in ("FAILURE_THRESHOLD", "START_CONCURRENCY", "STOP_CONCURRENCY"):
        if int(resource.attributes.get(name) or 0):
            why = f"with CARDINALITY={text}: it counts for a resource as a whole, so that one instance would decide about the others"
            raise BadAttribute(words(20002, resource.attributes[name], name, why), code=20002)
    if resource.attributes.get("MOUNT_POINT"):
        raise BadAttribute(words(20002, text, "CARDINALITY", "with MOUNT_POINT one server alone has the file system"), code=20002)


def _check_placement(resource: Resource, known: Registered) -> None:
    pools = tuple(server_pool for server_pool in resource.server_pools if server_pool != "*")
    for pool in pools:
        if pool not in known.pools and pool not in BUILT_IN_POOLS:
            raise BadAttribute(words(20021, pool), code=20021)
    check_category(resource.attributes.get("SERVER_CATEGORY", ""), known.categories)
    if resource.local and resource.stop_failure_fences:
        raise BadAttribute(words(20002, "fence", "STOP_FAILURE", "a local resource never moves: nobody waits for its end"), code=20002)
    if resource.local:
        return
    if resource.placement is Placement.BALANCED and resource.hosting_members:
        raise BadAttribute(words(5127), code=5127)
    if resource.placement is not Placement.BALANCED and not (resource.server_pools or resource.hosting_members):
        needs = "needs SERVER_POOLS, SERVER_CATEGORY or HOSTING_MEMBERS, which say where it may run"
        raise BadAttribute(f"{words(5129)}\n  PLACEMENT={resource.placement.value} {needs}", code=5129)
