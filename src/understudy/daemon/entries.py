"""The View made of the registry's entries: each batch costs what it changes, but for copies of maps.

Owns what is put together of several entries (reports by resource, the pages of a look, definitions with their types) and says of which
resources a View may say something else than the one before. Called by `mirror.py` alone. Never decides, never waits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from understudy.errors import BadInput
from understudy.model.looks import Pages, amended, names_said, names_that_differ, together
from understudy.model.maps import with_changes
from understudy.model.names import ResourceName, ServerName
from understudy.model.profile import resolve
from understudy.model.resource import Resource
from understudy.model.view import Definition, Look, Report, Request, Requests, View
from understudy.registry import keys

_MAPS = {
    keys.SERVER: "servers",
    keys.INCARNATION: "incarnations",
    keys.POOL: "pools",
    keys.CATEGORY: "categories",
    keys.TYPE: "types",
    keys.RESOURCE: "definitions",
    keys.TARGET: "targets",
    keys.ASSIGNMENT: "assignments",
}
"""Prefix -> the View's mapping that is keyed by what follows it."""
_OF_RESOURCES = (keys.RESOURCE, keys.TARGET, keys.ASSIGNMENT)
_ANSWERED_MOST = 64
"""So many names, or half of all, may be kept of which nothing is asked any more."""
ReportsByServer = Mapping[ServerName, Report]
ChangedNames = frozenset[ResourceName] | None
"""Resources of which anything may be said otherwise; None: of any."""


class Entries:
    """The parts of the present View."""

    def __init__(self) -> None:
        self._requests: dict[str, Request] = {}
        """In order of their ids."""
        self._asked: Mapping[ResourceName, tuple[Request, ...]] = {}
        """Under each resource that they name; of some nothing, since they were answered:"""
        self._answered = 0
        """at most so many."""
        self._pages: dict[ServerName, dict[int, Look]] = {}
        self._said: dict[ServerName, int] = {}
        """How many names the pages of each look have (`names_said`)."""
        self.broken: dict[str, str] = {}
        """Resources whose definition cannot be resolved: name -> why (shown, never acted on)."""

    def clear(self) -> None:
        """Everything is read anew."""
        self._requests, self._asked, self._answered, self._pages, self._said, self.broken = {}, {}, 0, {}, {}, {}

    def pages(self, server: ServerName) -> Pages:
        """Every page of a server's look that the registry has, those that count for nothing, too."""
        return dict(self._pages.get(server, {}))

    def taken(self, view: View, revision: int, records: Iterable[tuple[str, Any]]) -> tuple[View, ChangedNames]:
        """The View with these records (None: deleted), by key; and what may be another in it."""
        fresh: dict[str, Any] = {}
        changes: dict[str, dict[Any, Any]] = {}
        names: set[ResourceName] = set()
        all_names = False
        for key, record in records:
            prefix, slash, rest = key.partition("/")
            prefix += slash
            if not slash:
                fresh[key] = record
            elif prefix == keys.REPORT:
                names.add(_put_report(view, changes.setdefault("reports", {}), rest, record))
            elif prefix == keys.REQUEST:
                fresh["requests"] = None
                names |= self._put_request(rest, record)
            elif prefix == keys.LOOK:
                differing = self._put_page(view, fresh, rest, record)
                names |= differing or set()
                all_names |= differing is None
            elif (field := _MAPS.get(prefix)) is not None:
                changes.setdefault(field, {})[rest] = record
                all_names |= prefix == keys.TYPE
                names |= {ResourceName(rest)} if prefix in _OF_RESOURCES else set()
        fresh |= {field: with_changes(getattr(view, field), changed) for field, changed in changes.items()}
        if "requests" in fresh:
            fresh["requests"] = Requests(self._requests.values(), self._asked)
        if "definitions" in fresh or "types" in fresh:
            fresh["resources"] = self._resolved(view, fresh, names)
        return replace(view, revision=revision, **fresh), None if all_names else frozenset(names)

    def _put_request(self, id: str, record: Request | None) -> set[ResourceName]:
        before = self._requests.get(id)
        in_order = record is None or before is not None or not self._requests or next(reversed(self._requests)) < id
        _set(self._requests, id, record)
        if not in_order:
            self._requests = dict(sorted(self._requests.items()))
        names = {name for request in (before, record) if request is not None for name in request.resources}
        asked: dict[ResourceName, tuple[Request, ...]] = {}
        for name in names:
            others = [request for request in self._asked.get(name, ()) if request is not before]
            mine = [record] if record is not None and name in record.resources else []
            # one that is answered stays, with nothing: what follows a deletion is not the interpreter's quick copy of a dict, and in a
            # start of thousands each answer is a deletion
            asked[name] = tuple(sorted((*others, *mine), key=lambda request: request.id))
        self._asked = with_changes(self._asked, asked)
        self._answered += sum(not requests for requests in asked.values())
        if self._answered > max(_ANSWERED_MOST, len(self._asked) // 2):
            self._asked = with_changes({}, {name: requests for name, requests in self._asked.items() if requests})
            self._answered = 0
        return names

    def _put_page(self, view: View, fresh: dict[str, Any], rest: str, record: Look | None) -> set[ResourceName] | None:
        """Of which names the look says something else; None: it is another look."""
        name, number = keys.page_of(rest)
        server = ServerName(name)
        if number < 0:
            return set()
        looks = fresh.setdefault("looks", dict(view.looks))
        pages = self._pages.setdefault(server, {})
        was, before = pages.get(number), looks.get(server)
        _set(pages, number, record)
        if record is not None and number and before is not None:
            _set(looks, server, amended(before, pages, number, was, self._said[server]))
            self._said[server] += names_said((record,), before) - names_said((was,), before)
        else:
            _set(looks, server, together(pages))
            self._said[server] = names_said(pages.values(), looks.get(server))
        if number == 0 and (was is None or record is None or (was.incarnation, was.era) != (record.incarnation, record.era)):
            return None
        return names_that_differ(was, record)

    def _resolved(self, view: View, fresh: Mapping[str, Any], names: Iterable[ResourceName]) -> Mapping[ResourceName, Resource]:
        """Definitions with their types; only those that changed, unless a type has."""
        definitions: Mapping[ResourceName, Definition] = fresh.get("definitions", view.definitions)
        types = fresh.get("types", view.types)
        afresh = "types" in fresh or not view.resources
        before: Mapping[ResourceName, Resource] = {} if afresh else view.resources
        changed: dict[ResourceName, Resource | None] = {}
        self.broken = {} if afresh else dict(self.broken)
        for name in definitions if afresh else sorted(names):
            definition = definitions.get(name)
            self.broken.pop(name, None)
            if definition is view.definitions.get(name) and name in before:
                continue  # of its own nothing has changed
            changed[name] = None
            try:
                changed[name] = None if definition is None else resolve(definition, types)
            except (BadInput, ValueError) as error:  # what an older version, or a hand, has written may be neither
                self.broken[name] = str(error)
        return with_changes(before, changed)


def _put_report(view: View, changed: dict[ResourceName, ReportsByServer | None], rest: str, record: Report | None) -> ResourceName:
    resource, _, server = rest.rpartition("/")
    name = ResourceName(resource)
    servers = dict((changed[name] if name in changed else view.reports.get(name)) or {})
    _set(servers, server, record)
    changed[name] = servers or None
    return name


def _set(mapping: dict[Any, Any], key: Any, record: Any) -> None:
    if record is None:
        mapping.pop(key, None)
    else:
        mapping[key] = record
