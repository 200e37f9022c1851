"""`crsctl add|modify|delete category`, `crsctl modify server`: what servers are, and which of them are of a category. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from understudy.errors import BadAttribute
from understudy.intent.change import Draft
from understudy.intent.edit import Edit, HistoryEntry
from understudy.intent.facts import servers
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.intent.rights import BUILT_IN_ACL
from understudy.model import events
from understudy.model.attributes import LONGEST_SHOWN, Attribute, AttributeKind, check_value, cut
from understudy.model.categories import (
    HUB,
    OF_HARDWARE,
    SETTABLE,
    attributes_in_view,
    attributes_of,
    attributes_of_server,
    build,
    compared_in,
    said_of_server,
    server_from,
)
from understudy.model.messages import words
from understudy.model.names import CategoryName, ServerName, nearest
from understudy.model.servers import ServerCategory, ServerHardware, ServerRecord, known_servers
from understudy.model.state import PROVEN
from understudy.model.view import View

MOST_BYTES = 4096
"""Of the attributes that operators set of one server: its record is read by everybody."""
_OWN = re.compile(r"[A-Z][A-Z0-9_]*")
_NOW = frozenset({"STATE", "ACTIVE_POOLS", "STATE_DETAILS", "ACTIVE_CSS_ROLE", "ACL", "EXPRESSION"})
"""What says how a server is at a moment, or is said of something else: neither set nor compared."""


# --- categories -----------------------------------------------------------------------------------------------------


def define(view: View, name: CategoryName, given: Mapping[str, str], operator: Operator) -> Draft:
    """What registers a category. BadInput says why not."""
    category = build(name, {"ACL": BUILT_IN_ACL, **given})
    if name in view.categories:
        raise Declined(20783, name)
    _check_readers(view)
    _check_expression(view, category, operator)
    edit = Edit(categories={name: category}, history=(_entry(events.DEFINED, name),))
    return Draft(edit=edit, after=replace(view, categories={**view.categories, name: category}))


def modify(view: View, name: CategoryName, given: Mapping[str, str], operator: Operator) -> Draft:
    """What changes a category; nothing if nothing differs. BadInput says why not."""
    before = _find(view, name, "changed")
    category = build(name, {**attributes_of(before), **given})
    if category == before:
        return Draft(edit=Edit(), after=view)
    _check_readers(view)
    if category.expression != before.expression:
        _check_expression(view, category, operator)
    different = (key for key, value in attributes_of(category).items() if value != attributes_of(before)[key])
    edit = Edit(categories={name: category}, history=(_entry(events.CHANGED, name, ", ".join(different)),))
    return Draft(edit=edit, after=replace(view, categories={**view.categories, name: category}))


def delete(view: View, names: tuple[CategoryName, ...]) -> Draft:
    """What forgets categories. Declined while a server pool, a resource or a type names one of them."""
    for name in names:
        _find(view, name, "deleted")
        if (user := next(_users(view, name), None)) is not None:
            raise Declined(20785, name, user)
    edit = Edit(categories=dict.fromkeys(names), history=tuple(_entry(events.DELETED, name) for name in names))
    return Draft(edit=edit, after=replace(view, categories={key: kept for key, kept in view.categories.items() if key not in names}))


def _users(view: View, name: CategoryName) -> Iterator[str]:
    yield from (f"resource '{each.name}'" for each in view.resources.values() if each.attributes.get("SERVER_CATEGORY") == name)
    yield from (f"server pool '{pool.name}'" for pool in view.pools.values() if pool.attributes.get("SERVER_CATEGORY") == name)
    yield from (f"resource type '{each.name}'" for each in view.types.values() if each.attributes.get("SERVER_CATEGORY") == name)


def _find(view: View, name: CategoryName, what: str) -> ServerCategory:
    if name == HUB:
        raise Declined(20784, name, what)
    if name not in view.categories:
        raise Declined(20561, name)
    return view.categories[name]


def _entry(kind: str, name: CategoryName, attributes: str = "") -> HistoryEntry:
    return HistoryEntry(kind=kind, text=f"server category '{name}'" + (f": {attributes}" if attributes else ""))


def _check_expression(view: View, category: ServerCategory, operator: Operator) -> None:
    """It compares what servers have: an attribute that none has is a typing error, and would match nobody."""
    known = comparable(view, servers(view, operator.settings))
    for name in compared_in(category.expression):
        if name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near}?" if near else '; give servers one of your own: crsctl modify server NAME -attr "ROOM=north"'
            raise BadAttribute(words(20002, cut(category.expression), "EXPRESSION", f"no server has an attribute {name}{hint}"), code=20002)


def comparable(view: View, names: Iterable[ServerName]) -> frozenset[str]:
    """What an expression may compare: what servers are, and what operators have said of them."""
    blank = attributes_of_server(ServerName(""), None, None)
    return frozenset(blank).union({"ACTIVE_CSS_ROLE"}, *(attributes_in_view(view, name) for name in names))


# --- servers --------------------------------------------------------------------------------------------------------


def set_server(view: View, name: ServerName, given: Mapping[str, str], operator: Operator) -> Draft:
    """What is said of a server; an attribute of one's own without a value is taken away. BadInput says why not."""
    if name not in servers(view, operator.settings):
        raise Declined(20024, name)
    records = dict(known_servers(view.servers, operator.settings))
    if name not in records:
        raise Declined(20024, name)
    for key, value in given.items():
        _check_attribute(key, value)
    before = records[name]
    kept = {key: value for key, value in {**before.attributes, **given}.items() if value}
    if (size := sum(len(key.encode()) + len(value.encode()) for key, value in kept.items())) > MOST_BYTES:
        raise Declined(20782, name, f"{size:,}", f"{MOST_BYTES:,}")
    if kept == before.attributes:
        return Draft(edit=Edit(), after=view)
    _check_readers(view)
    records[name] = replace(before, attributes=kept)
    changed = {server: record for server, record in records.items() if view.servers.get(server) != record}
    entry = HistoryEntry(kind=events.CHANGED, text=f"server {name}: {', '.join(sorted(given))}")
    return Draft(edit=Edit(servers=changed, history=(entry,)), after=replace(view, servers=records))


def supposed(view: View, name: ServerName, given: Mapping[str, str]) -> tuple[ServerRecord, ServerHardware]:
    """A server as it is supposed to be when it joins (`crsctl eval add server -attr`): its record, and its hardware. BadInput."""
    before = view.servers.get(name) or ServerRecord(server=name, addresses=())
    said = {**said_of_server(attributes_in_view(view, name)), **{key: value for key, value in given.items() if value}}
    used = said.pop("RESOURCE_USE_ENABLED", str(int(before.used)))
    check_value(_USED, used)
    for key in said:
        if key not in OF_HARDWARE:
            _check_attribute(key, said[key])
    record, hardware = server_from(said, before)
    return replace(record, used=used == "1"), hardware


_USED = Attribute(name="RESOURCE_USE_ENABLED", kind=AttributeKind.CHOICE, choices=("0", "1"))


def _check_attribute(key: str, value: str) -> None:
    known = {*attributes_of_server(ServerName(""), None, None), *_NOW} - {*SETTABLE}
    if key in known:
        raise BadAttribute(words(20004, cut(key)), code=20004)
    if not _OWN.fullmatch(key) or len(key) > LONGEST_SHOWN:
        raise BadAttribute(words(20007, cut(key), "an attribute of a server is written in capital letters, digits and _"), code=20007)
    attribute = SETTABLE.get(key, Attribute(name=key))
    if value:
        check_value(attribute, value)


def _check_readers(view: View) -> None:
    """An older daemon would end on a category, and forget what is said of a server (docs/design/0002)."""
    old = {record.server for record in view.incarnations.values() if record.life not in PROVEN and not record.knows_categories}
    if old:
        raise Declined(20780, ", ".join(sorted(old)))


def attributes_shown(view: View, names: Collection[ServerName]) -> frozenset[str]:
    """Names of the attributes that operators have given to any of these servers."""
    return frozenset().union(*(view.servers[name].attributes for name in names if name in view.servers))
