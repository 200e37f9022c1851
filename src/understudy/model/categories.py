"""Owns server categories: which attributes one may have, which a server has, and which servers are of a category now.

Called by policy, by the lanes, by commands and by what is shown: all go by the same answer. A category says by an expression over the
attributes of servers (the syntax of `-w`) who is of it. What a server's hardware is, its own daemon says in its look. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import attrgetter, is_

from understudy.errors import BadAttribute, BadInput
from understudy.model.attributes import HUB_CATEGORY, Attribute, AttributeKind, check_value
from understudy.model.filters import Both, Compare, Either, Filter, matches, parse
from understudy.model.maps import KEPT
from understudy.model.messages import words
from understudy.model.names import CategoryName, ServerName, name_trouble
from understudy.model.servers import ServerCategory, ServerHardware, ServerRecord
from understudy.model.view import View

HUB = CategoryName(HUB_CATEGORY)
"""The one that every cluster has: all servers are of it."""
ATTRIBUTES: dict[str, Attribute] = {
    attribute.name: attribute
    for attribute in (
        Attribute(name="ACL", kind=AttributeKind.ACL),
        Attribute(name="ACTIVE_CSS_ROLE", kind=AttributeKind.CHOICE, cluster="hub", choices=("hub",)),
        Attribute(name="EXPRESSION"),
    )
}
"""In the order in which they are printed."""
OF_HARDWARE = ("MEMORY_SIZE", "CPU_COUNT", "CPU_CLOCK_RATE", "CPU_HYPERTHREADING")
SETTABLE: dict[str, Attribute] = {
    attribute.name: attribute
    for attribute in (
        Attribute(name="CPU_EQUIVALENCY", kind=AttributeKind.INTEGER, cluster="1000", lowest=1, highest=1_000_000),
        Attribute(name="SERVER_LABEL"),
    )
}
"""Attributes of a server that an operator may set, besides those of his own."""


# --- a category as registered ---------------------------------------------------------------------------------------


def build(name: CategoryName, given: Mapping[str, str]) -> ServerCategory:
    """A category from its attributes; BadAttribute when one is unknown or has a bad value, BadInput when the expression cannot be read.
    Whether servers have what it compares is not looked up here."""
    for key, value in given.items():
        if key not in ATTRIBUTES:
            raise BadAttribute(words(20781, key), code=20781)
        check_value(ATTRIBUTES[key], value)
    if trouble := name_trouble(name):
        raise BadAttribute(words(20007, name, trouble), code=20007)
    expression = given.get("EXPRESSION", "").strip()
    if expression:
        parse(expression)
    return ServerCategory(name=name, expression=expression, acl=given.get("ACL", ""))


def attributes_of(category: ServerCategory) -> dict[str, str]:
    """Every attribute as text, in the order in which it is printed; `build` of them gives the same category."""
    return {"ACL": category.acl, "ACTIVE_CSS_ROLE": "hub", "EXPRESSION": category.expression}


def compared_in(expression: str) -> tuple[str, ...]:
    """The attributes of servers that an expression compares, each once; none of one that cannot be read."""
    tree = _tree(expression)
    return () if tree is None else tuple(dict.fromkeys(_compared(tree)))


def narrowing(text: str) -> CategoryName | None:
    """The category that a value of SERVER_CATEGORY names; None: it leaves out no server."""
    return CategoryName(text) if text not in ("", HUB_CATEGORY) else None


# --- what a server is -----------------------------------------------------------------------------------------------


def attributes_of_server(name: ServerName, record: ServerRecord | None, hardware: ServerHardware | None) -> dict[str, str]:
    """What a server is, by attribute; empty: nobody has said it. Those that an operator made come last, by name."""
    numbers = {} if hardware is None else dict(zip(OF_HARDWARE, (hardware.memory_mb, hardware.cpus, hardware.clock_mhz), strict=False))
    own = {} if record is None else record.attributes
    return {
        "NAME": name,
        **{key: str(number) if (number := numbers.get(key)) else "" for key in OF_HARDWARE[:3]},
        "CPU_HYPERTHREADING": "" if hardware is None else str(int(hardware.hyperthreading)),
        "CPU_EQUIVALENCY": own.get("CPU_EQUIVALENCY", "1000"),
        "DEPLOYMENT": "other",
        "CONFIGURED_CSS_ROLE": "hub",
        "RESOURCE_USE_ENABLED": str(int(record is None or record.used)),
        "SERVER_LABEL": own.get("SERVER_LABEL", ""),
        "PHYSICAL_HOSTNAME": "",
        **{key: value for key, value in sorted(own.items()) if key not in SETTABLE},
    }


def attributes_in_view(view: View, name: ServerName) -> dict[str, str]:
    """The same of a server of this View."""
    look = view.looks.get(name)
    return attributes_of_server(name, view.servers.get(name), None if look is None else look.hardware)


def said_of_server(attributes: Mapping[str, str]) -> dict[str, str]:
    """Of a server's attributes those that somebody has said: its daemon of the hardware, an operator all else."""
    blank = attributes_of_server(ServerName(""), None, None)
    of_interest = (key for key in attributes if key in (*OF_HARDWARE, *SETTABLE) or key not in blank)
    return {key: value for key in of_interest if (value := attributes[key]) and value != blank.get(key)}


def server_from(said: Mapping[str, str], record: ServerRecord) -> tuple[ServerRecord, ServerHardware]:
    """The record with what `said_of_server` gave, and the hardware. BadAttribute: a number is none."""
    for key in OF_HARDWARE:
        check_value(Attribute(name=key, kind=AttributeKind.INTEGER, lowest=0), said.get(key, "0"))
    memory, cpus, clock, threads = (int(said.get(key, "0")) for key in OF_HARDWARE)
    hardware = ServerHardware(memory_mb=memory, cpus=cpus, clock_mhz=clock, hyperthreading=bool(threads))
    return replace(record, attributes={key: value for key, value in said.items() if key not in OF_HARDWARE}), hardware


# --- who is of it ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CategoryMembers:
    """Which servers are of which category."""

    certain: Mapping[CategoryName, frozenset[ServerName]] = field(default_factory=dict)
    unsure: Mapping[CategoryName, frozenset[ServerName]] = field(default_factory=dict)
    """Of whom it cannot be said, as their hardware is not known: who has a resource there keeps it."""

    def holds(self, category: CategoryName | None, server: ServerName) -> bool:
        """Whether the server is of the category; None: there is nothing to be of."""
        return category is None or server in self.certain.get(category, ())

    def may_hold(self, category: CategoryName | None, server: ServerName) -> bool:
        """Whether it is, or may be for all that is known."""
        return self.holds(category, server) or (category is not None and server in self.unsure.get(category, ()))


NO_CATEGORIES = CategoryMembers()
_known: list[tuple[View, dict[ServerName, dict[str, str]], CategoryMembers]] = []
_facts = attrgetter("categories", "servers", "incarnations", "looks")


def category_members(view: View) -> CategoryMembers:
    """Who is of which category now; the very same answer as long as nothing that decides it differs."""
    if not view.categories:
        return NO_CATEGORIES
    for other, _, found in _known:
        if all(map(is_, _facts(other), _facts(view))):
            return found
    names = {*view.servers, *(record.server for record in view.incarnations.values())}
    servers = {name: attributes_in_view(view, name) for name in sorted(names)}
    known = (found for other, others, found in _known if other.categories is view.categories and others == servers)
    found = next(known, None) or _sorted_out(view.categories, servers)
    _known[:] = [(view, servers, found), *_known[: KEPT - 1]]
    return found


def is_of(expression: str, server: Mapping[str, str]) -> bool:
    """Whether a server with these attributes is of a category with this expression. What is not known of it matches nothing."""
    tree = _tree(expression)
    return not expression or (tree is not None and matches(tree, lambda name: server.get(name) or None))


def _sorted_out(categories: Mapping[CategoryName, ServerCategory], servers: Mapping[ServerName, dict[str, str]]) -> CategoryMembers:
    certain: dict[CategoryName, frozenset[ServerName]] = {}
    unsure: dict[CategoryName, frozenset[ServerName]] = {}
    for name, category in categories.items():
        compared = [key for key in compared_in(category.expression) if key in OF_HARDWARE]
        certain[name] = frozenset(server for server, attributes in servers.items() if is_of(category.expression, attributes))
        silent = (server for server, attributes in servers.items() if any(not attributes[key] for key in compared))
        unsure[name] = frozenset(silent) - certain[name]
    return CategoryMembers(certain, unsure)


@lru_cache(maxsize=256)
def _tree(expression: str) -> Filter | None:
    try:
        return parse(expression) if expression else None
    except BadInput:
        return None  # of a version that reads more: nobody is known to be of it


def _compared(tree: Filter) -> Iterator[str]:
    match tree:
        case Compare(attribute=attribute):
            yield attribute
        case Both(parts=parts) | Either(parts=parts):
            for part in parts:
                yield from _compared(part)
