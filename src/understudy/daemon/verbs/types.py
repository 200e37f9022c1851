"""`crsctl add|modify|delete|stat type`. Changes user types; the built-in ones stay as they are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from understudy.daemon.text.blocks import blocks
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.change import Draft, carry_out
from understudy.daemon.verbs.edge import check_servers
from understudy.daemon.verbs.named import filter_of
from understudy.daemon.verbs.world import Change, World, commit
from understudy.errors import BadAttribute, BadInput, Refused
from understudy.intent.facts import may_be_running, registered, servers
from understudy.model import events
from understudy.model.attributes import READ_ONLY
from understudy.model.filters import matches
from understudy.model.messages import words
from understudy.model.names import TypeName
from understudy.model.pools import BUILT_IN as BUILT_IN_POOLS
from understudy.model.profile import check_name, check_type, resolve, restarts, validate
from understudy.model.resource import Resource
from understudy.model.types import CLUSTER, LOCAL, all_types, defaults, descent, find, is_a, is_built_in
from understudy.model.view import Definition, TypeRecord, View
from understudy.registry import keys

KEYWORDS = ("ATTRIBUTE", "TYPE", "DEFAULT_VALUE", "FLAGS")
_FLAGS = frozenset({"CONFIG", "READONLY", "REQUIRED"})


@dataclass(slots=True)
class _Draft:
    """Attributes of a type while its keywords are read."""

    attributes: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)


async def add(world: World, arguments: Arguments) -> int:
    """`crsctl add type`; its exit status. Success is silent."""
    try:
        base = arguments.text("basetype")
        if not base:
            raise bad("the base type is missing: add -basetype cluster_resource")
        await add_type(world, read(TypeName(arguments.one_name("type")), TypeName(base), arguments.pairs()), force=arguments.flag("force"))
    except BadInput as error:
        world.refuse(error)
        world.say(4000, "Add")
        return 1
    return 0


async def add_type(world: World, record: TypeRecord, *, force: bool = False) -> None:
    """Register a type, or raise BadInput (CRS-2728 when the name is taken). `force`: defaults may name servers that are yet to come."""

    def decide(view: View) -> Change:
        if find(record.name, view.types) is not None:
            raise Refused(words(2728, record.name), code=2728)
        check_name(record.name)
        _check(record, view)
        _check_names(world, view, {}, record.attributes, force=force)
        base = record.base
        relied = () if base is None or is_built_in(base) else (keys.type_(base),)
        return Change({keys.type_(record.name): record}, relied, (_told(events.DEFINED, record.name),))

    await commit(world, decide)


async def modify(world: World, arguments: Arguments) -> int:
    """`crsctl modify type`; its exit status. What would stop, move or restart is named, and that is done only with `-f`."""
    try:
        name, force = TypeName(arguments.one_name("type")), arguments.flag("force")
        changes = read(name, CLUSTER, arguments.pairs())
        well = await carry_out(world, name, lambda view: _modified(world, view, changes, force=force), force=force)
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well:
        world.say(4000, "Modify")
    return 0 if well else 1


def _modified(world: World, view: View, changes: TypeRecord, *, force: bool) -> Draft:
    """The type and every resource of it, with the changes."""
    before = _own(view, changes.name)
    record = replace(before, attributes={**before.attributes, **changes.attributes}, flags={**before.flags, **changes.flags})
    if record == before:
        return Draft(change=Change({}), after=view)
    _check(record, view)
    _check_names(world, view, before.attributes, changes.attributes, force=force)
    after = replace(view, types={**view.types, record.name: record})
    resources, restarting = dict(view.resources), {}
    for definition in view.definitions.values():
        if not is_a(definition.type, record.name, after.types):
            continue
        one = resources[definition.name] = _resolved(definition, view, after)
        again = restarts(view.resources[definition.name], one, after.types) if definition.name in view.resources else ()
        if again and may_be_running(view, definition.name):
            restarting[definition.name] = again
    told = _told(events.CHANGED, record.name, ", ".join(changes.attributes))
    change = Change({keys.type_(record.name): record}, (), (told,))
    return Draft(change=change, after=replace(after, resources=resources), restarting=restarting)


def _resolved(definition: Definition, view: View, after: View) -> Resource:
    """The resource under the changed type; refused if that breaks a definition that was well before."""
    try:
        return validate(definition, registered(after), force=True)
    except BadInput:
        try:
            validate(definition, registered(view), force=True)
        except BadInput:
            return resolve(definition, after.types)
        raise


def _check_names(world: World, view: View, before: Mapping[str, str], given: Mapping[str, str], *, force: bool) -> None:
    """Defaults may name only what exists: servers (unless forced) and pools."""
    if not force:
        check_servers(servers(view, world.settings), before, given)
    for pool in given.get("SERVER_POOLS", "").split():
        if pool != "*" and pool not in view.pools and pool not in BUILT_IN_POOLS:
            raise Refused(words(20021, pool), code=20021)


def _told(kind: str, name: TypeName, attributes: str = "") -> tuple[str, str, str]:
    return kind, "", f"resource type '{name}'" + (f": {attributes}" if attributes else "")


async def delete(world: World, arguments: Arguments) -> int:
    """`crsctl delete type`; its exit status. Success is silent."""
    try:
        names = tuple(TypeName(one) for one in arguments.names)
        if not names:
            raise bad("name at least one type")

        def decide(view: View) -> Change:
            for name in names:
                _own(view, name)
                used = sorted(one.name for one in view.definitions.values() if one.type == name)
                if used:
                    raise Refused(words(2559, name, " ".join(used)), code=2559)
                heirs = sorted(one.name for one in view.types.values() if one.base == name and one.name not in names)
                if heirs:
                    raise Refused(words(20028, name, heirs[0]), code=20028)
            return Change({keys.type_(name): None for name in names}, (), tuple(_told(events.DELETED, name) for name in names))

        await commit(world, decide)
    except BadInput as error:
        world.refuse(error)
        world.say(4000, "Delete")
        return 1
    return 0


async def stat(world: World, arguments: Arguments) -> int:
    """`crsctl stat type`; its exit status."""
    view = world.mirror.view
    known = {one.name: one for one in all_types(view.types)}
    wanted = filter_of(arguments, ("TYPE_NAME", "BASE_TYPE"))
    shown, well = [], True
    for name in arguments.names or sorted(known):
        record = find(TypeName(name), view.types)
        if record is None:
            world.say(20023, name)
            well = False
        elif wanted is None or matches(wanted, _values(record, view).get):
            shown.append(record)
    if arguments.flag("json"):
        found = [{"name": one.name, "base": one.base, "attributes": defaults(one.name, view.types)} for one in shown]
        world.output.out(json.dumps({"types": found}))
    elif shown:
        world.output.out(blocks(_values(one, view, arguments).items() for one in shown))
    if not well:
        world.say(4000, "Status")
    return 0 if well else 1


def read(name: TypeName, base: TypeName, pairs: tuple[tuple[str, str], ...]) -> TypeRecord:
    """A type from its keywords: ATTRIBUTE begins an attribute, TYPE, DEFAULT_VALUE and FLAGS tell more of it."""
    draft = _Draft()
    here = ""
    for keyword, value in pairs:
        if keyword not in KEYWORDS:
            raise bad(f"'{keyword}' is no keyword of a type; keywords are {', '.join(KEYWORDS)}, in that order")
        if keyword == "ATTRIBUTE":
            here = value
            draft.attributes[here] = ""
            draft.flags[here] = "string"
        elif not here:
            raise bad(f"{keyword} comes before any ATTRIBUTE")
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
        flags = [one.strip() for one in value.split("|")]
        if not _FLAGS.issuperset(flags):
            raise BadAttribute(words(20002, value, "FLAGS", f"write {', '.join(sorted(_FLAGS))}, with | between them"), code=20002)
        draft.flags[here] = ",".join([draft.flags[here].split(",")[0], *flags])


def _check(record: TypeRecord, view: View) -> None:
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


def _own(view: View, name: TypeName) -> TypeRecord:
    if is_built_in(name):
        raise Refused(words(20027, name), code=20027)
    if name not in view.types:
        raise Refused(words(20023, name), code=20023)
    return view.types[name]


def _values(record: TypeRecord, view: View, arguments: Arguments | None = None) -> Mapping[str, str]:
    found = {"TYPE_NAME": record.name, "BASE_TYPE": record.base or "resource"}
    if arguments is not None and (arguments.flag("profile") or arguments.flag("full")):
        found |= dict(sorted(defaults(record.name, view.types).items()))
    return found
