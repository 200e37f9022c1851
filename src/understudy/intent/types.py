"""`crsctl add|modify|delete type`: user types are made and changed; the built-in ones stay as they are. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from understudy.errors import BadAttribute, BadInput
from understudy.intent.change import Draft
from understudy.intent.checks import check_groups, check_servers
from understudy.intent.contradictions import check_instances
from understudy.intent.edit import Edit, HistoryEntry, Rests
from understudy.intent.facts import may_be_running, registered, servers
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.model import events
from understudy.model.attributes import ATTRIBUTES, READ_ONLY, check_only
from understudy.model.messages import words
from understudy.model.names import TypeName
from understudy.model.pools import BUILT_IN as BUILT_IN_POOLS
from understudy.model.pools import check_category
from understudy.model.profile import check_name, check_type, resolve, restarts, validate
from understudy.model.resource import Resource
from understudy.model.types import CLUSTER, LOCAL, defaults, descent, find, is_a, is_built_in
from understudy.model.view import Definition, TypeRecord, View

KEYWORDS = ("ATTRIBUTE", "TYPE", "DEFAULT_VALUE", "FLAGS")
_FLAGS = frozenset({"CONFIG", "READONLY", "REQUIRED"})


@dataclass(slots=True)
class _Draft:
    """Attributes of a type while its keywords are read."""

    attributes: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)


def read(name: TypeName, base: TypeName, pairs: tuple[tuple[str, str], ...]) -> TypeRecord:
    """A type from its keywords: ATTRIBUTE begins an attribute, TYPE, DEFAULT_VALUE and FLAGS tell more of it."""
    draft = _Draft()
    here = ""
    for keyword, value in pairs:
        if keyword not in KEYWORDS:
            raise Declined(20010, f"'{keyword}' is no keyword of a type; keywords are {', '.join(KEYWORDS)}, in that order")
        if keyword == "ATTRIBUTE":
            here = value
            draft.attributes[here] = ""
            draft.flags[here] = "string"
        elif not here:
            raise Declined(20010, f"{keyword} comes before any ATTRIBUTE")
        else:
            _more(draft, here, keyword, value)
    return TypeRecord(name=name, base=base, attributes=draft.attributes, flags=draft.flags)


def _more(draft: _Draft, here: str, keyword: str, value: str) -> None:
    if keyword == "DEFAULT_VALUE":
        draft.attributes[here] = value
    elif keyword == "TYPE":
        if value not in ("string", "int"):
            raise BadAttribute(words(20002, value, "TYPE", "it is one of string, int"), code=20002)
        draft.flags[here] = ",".join([value, *draft.flags[here].split(",")[1:]])
    else:
        flags = [flag.strip() for flag in value.split("|")]
        if not _FLAGS.issuperset(flags):
            raise BadAttribute(words(20002, value, "FLAGS", f"write {', '.join(sorted(_FLAGS))}, with | between them"), code=20002)
        draft.flags[here] = ",".join([draft.flags[here].split(",")[0], *flags])


def define(view: View, record: TypeRecord, operator: Operator, *, force: bool = False) -> Edit:
    """What registers a type. BadInput says why not (CRS-2728 when the name is taken). `force`: defaults may name servers that are yet
    to come."""
    if find(record.name, view.types) is not None:
        raise Declined(2728, record.name)
    check_name(record.name)
    check_record(record, view)
    check_named(view, operator, {}, record.attributes, force=force)
    base = record.base
    rests = Rests() if base is None or is_built_in(base) else Rests(types=(base,))
    return Edit(types={record.name: record}, rests=rests, history=(_entry(events.DEFINED, record.name),))


def modify(view: View, changes: TypeRecord, operator: Operator, *, force: bool = False) -> Draft:
    """What changes a type, and every resource of it; nothing if nothing differs. BadInput says why not."""
    before = _own(view, changes.name)
    record = replace(before, attributes={**before.attributes, **changes.attributes}, flags={**before.flags, **changes.flags})
    if record == before:
        return Draft(edit=Edit(), after=view)
    check_record(record, view)
    check_named(view, operator, before.attributes, changes.attributes, force=force)
    after = replace(view, types={**view.types, record.name: record})
    resources, restarting = dict(view.resources), {}
    for definition in view.definitions.values():
        if not is_a(definition.type, record.name, after.types):
            continue
        resource = resources[definition.name] = _resolved(definition, view, after)
        again = restarts(view.resources[definition.name], resource, after.types) if definition.name in view.resources else ()
        if again and may_be_running(view, definition.name):
            restarting[definition.name] = again
    check_groups(view, replace(after, resources=resources))
    _check_cardinality(view, replace(after, resources=resources))
    edit = Edit(types={record.name: record}, history=(_entry(events.CHANGED, record.name, ", ".join(changes.attributes)),))
    return Draft(edit=edit, after=replace(after, resources=resources), restarting=restarting)


def _check_cardinality(before: View, after: View) -> None:
    """Of what has another CARDINALITY by its type from now on."""
    for name, resource in after.resources.items():
        known = before.resources.get(name)
        if known is not None and known.cardinality != resource.cardinality:
            check_instances(after, resource)


def delete(view: View, names: tuple[TypeName, ...]) -> Edit:
    """What forgets types. Declined while there are resources of one of them, or types below it."""
    for name in names:
        _own(view, name)
        used = sorted(definition.name for definition in view.definitions.values() if definition.type == name)
        if used:
            raise Declined(2559, name, " ".join(used))
        heirs = sorted(record.name for record in view.types.values() if record.base == name and record.name not in names)
        if heirs:
            raise Declined(20028, name, heirs[0])
    return Edit(types=dict.fromkeys(names), history=tuple(_entry(events.DELETED, name) for name in names))


def _resolved(definition: Definition, view: View, after: View) -> Resource:
    """The resource under the changed type; refused if that breaks a definition that was well before."""
    try:
        return validate(definition, registered(after), force=True, kept=definition.attributes)
    except BadInput:
        try:
            validate(definition, registered(view), force=True, kept=definition.attributes)
        except BadInput:
            return resolve(definition, after.types)
        raise


def check_named(view: View, operator: Operator, before: Mapping[str, str], given: Mapping[str, str], *, force: bool) -> None:
    """Defaults may name only what exists: servers (unless forced) and pools."""
    if not force:
        check_servers(servers(view, operator.settings), before, given)
    for pool in given.get("SERVER_POOLS", "").split():
        if pool != "*" and pool not in view.pools and pool not in BUILT_IN_POOLS:
            raise Declined(20021, pool)
    check_category(given.get("SERVER_CATEGORY", ""), view.categories)


def _entry(kind: str, name: TypeName, attributes: str = "") -> HistoryEntry:
    return HistoryEntry(kind=kind, text=f"resource type '{name}'" + (f": {attributes}" if attributes else ""))


def check_record(record: TypeRecord, view: View) -> None:
    """Its base, its attributes and their defaults are what a type may have. BadInput."""
    types = {**view.types, record.name: record}
    chain = descent(record.name, types)
    if chain[-1].name not in (CLUSTER, LOCAL):
        raise BadAttribute(words(20033, record.name), code=20033)
    inherited = defaults(chain[1].name, types)
    check_type(record)
    for name, value in record.attributes.items():
        if not name or not name.replace("_", "").isalnum() or name in READ_ONLY:
            raise BadAttribute(words(2729, name), code=2729)
        if name in ("TYPE_VERSION", "AGENT_FILENAME") and name in inherited and inherited[name] != value:
            raise BadAttribute(words(2729, name), code=2729)
        if name in ATTRIBUTES and name in inherited:
            check_only(ATTRIBUTES[name], name, value, inherited[name])


def _own(view: View, name: TypeName) -> TypeRecord:
    if is_built_in(name):
        raise Declined(20027, name)
    if name not in view.types:
        raise Declined(20023, name)
    return view.types[name]
