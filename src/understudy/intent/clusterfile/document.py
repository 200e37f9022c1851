"""The tables of a cluster file: made from what is registered, and read again, with everything that is wrong with them by key.

    cluster = "test"
    format = 1
    [type."app.type"]                       BASE_TYPE, and below `attributes` a default each, or { DEFAULT_VALUE, TYPE, FLAGS }
    [serverpool.controllers]                its attributes
    [resource.db]                           TYPE, and the attributes that are given

The words are those of `crsctl`, so that what an administrator knows of one is true of the other. A value is a text; one that is a number
may be written as one. What has its default is left out. Called by the verbs and by tests. Pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from understudy.errors import BadInput
from understudy.intent import types as intent_types
from understudy.intent.clusterfile.toml import Document
from understudy.intent.clusterfile.whole import PLAIN, ClusterFile
from understudy.intent.refusal import Declined
from understudy.intent.rights import BUILT_IN_ACL
from understudy.intent.steps import InSteps, at_once
from understudy.model import pools
from understudy.model.attributes import ATTRIBUTES, SPECIAL, Attribute, AttributeKind, cut
from understudy.model.messages import with_number
from understudy.model.names import PoolName, ResourceName, TypeName, nearest
from understudy.model.types import flags
from understudy.model.view import Definition, Pool, TypeRecord

FORMAT = 1
"""Grows when the meaning of what is there changes."""
SECTIONS = ("type", "serverpool", "resource")
"""In the order in which what they hold is made of one another."""
MOST_SHOWN = 100
"""Troubles of one file that are shown."""
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,11}")
_KNOWN: Mapping[str, Attribute] = {**SPECIAL, **ATTRIBUTES}
_NUMBERS = (AttributeKind.INTEGER, AttributeKind.SECONDS, AttributeKind.CHOICE)
_WRONG: Mapping[type, str] = {
    bool: "true and false are no values of it; flags are 0 and 1",
    dict: "this is a table",
    list: "write the names in one text",
}
Record = TypeVar("Record")


# --- made -----------------------------------------------------------------------------------------------------------


def document_in_steps(file: ClusterFile) -> InSteps[dict[str, Any]]:
    """Its tables, sorted."""
    found: dict[str, Any] = {**({"cluster": file.cluster} if file.cluster else {}), "format": FORMAT}
    resources: dict[str, Any] = {}
    for name, definition in sorted(file.resources.items()):
        resources[name] = _resource(definition, file.types)
        yield
    made = {
        "type": {name: _type(record) for name, record in sorted(file.types.items())},
        "serverpool": {name: _pool(pool) for name, pool in sorted(file.pools.items())},
        "resource": resources,
    }
    return {**found, **{section: tables for section, tables in made.items() if tables}}


def document_of(file: ClusterFile) -> dict[str, Any]:
    """The same at once."""
    return at_once(document_in_steps(file))


def _type(record: TypeRecord) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for name, value in sorted(record.attributes.items()):
        takes, *others = record.flags.get(name, PLAIN).split(",")
        default = as_value(name, value, number=takes == "int")
        more = {**({"TYPE": takes} if takes != PLAIN else {}), **({"FLAGS": "|".join(others)} if others else {})}
        attributes[name] = {"DEFAULT_VALUE": default, **more} if more else default
    return {"BASE_TYPE": str(record.base), **({"attributes": attributes} if attributes else {})}


def _pool(pool: Pool) -> dict[str, object]:
    usual = {**pools.attributes_of(pools.build(pool.name, {})), "ACL": BUILT_IN_ACL}
    given = pools.attributes_of(pool)
    return {name: as_value(name, given[name], of=pools.ATTRIBUTES) for name in sorted(given) if given[name] != usual[name]}


def _resource(definition: Definition, types: Mapping[TypeName, TypeRecord]) -> dict[str, object]:
    try:
        takes = flags(definition.type, types)
    except BadInput:
        takes = {}
    given = {
        name: as_value(name, value, number=takes.get(name.partition("@")[0], "").startswith("int"))
        for name, value in sorted(definition.attributes.items())
        if (name, value) != ("ACL", BUILT_IN_ACL)
    }
    return {"TYPE": definition.type, **given}


def as_value(name: str, value: str, *, number: bool = False, of: Mapping[str, Attribute] = _KNOWN) -> str | int:
    """How a value is written: what is a number, and is written as numbers are, as one. `number`: a type says so."""
    known = of.get(name.partition("@")[0])
    return int(value) if (number or (known is not None and known.kind in _NUMBERS)) and _NUMBER.fullmatch(value) else value


# --- read -----------------------------------------------------------------------------------------------------------


class Troubles:
    """Everything that is wrong with a file, each with the key where it is."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def add(self, key: str, text: str) -> None:
        """One of them; what more than its first line says stays below it."""
        self.found.append((key, text))

    def tried(self, key: str, work: Callable[[], Record]) -> Record | None:
        """What it comes to; None: it is refused, and that is noted."""
        try:
            return work()
        except BadInput as error:
            self.refused(key, error)
            return None

    def refused(self, key: str, error: BadInput) -> None:
        """It is refused, with the number of its message."""
        self.add(key, with_number(error.code, str(error)))

    def raise_any(self, what: str) -> None:
        """Declined, if there are any. `what` is the file's name."""
        if not self.found:
            return
        shown = [f"  {key}: {text}".replace("\n", "\n  ") for key, text in dict.fromkeys(self.found)]
        more = [f"  and {len(shown) - MOST_SHOWN} more"] if len(shown) > MOST_SHOWN else []
        raise Declined(20702, what, below=(*shown[:MOST_SHOWN], *more))


def read_in_steps(document: object, what: str) -> InSteps[ClusterFile]:
    """What the tables say. Declined, with everything that is wrong with their form. `what` is the file's name."""
    troubles = Troubles()
    if not isinstance(document, dict):
        raise Declined(20709, what, "it is no table")
    _check_top(document, troubles, what)
    types: dict[TypeName, TypeRecord] = {}
    for name, table in _tables(document, "type", troubles):
        record = _read_type(TypeName(name), table, key_of("type", name), troubles)
        types |= {} if record is None else {record.name: record}
        yield
    found_pools: dict[PoolName, Pool] = {}
    for name, table in _tables(document, "serverpool", troubles):
        pool = _read_pool(PoolName(name), table, key_of("serverpool", name), troubles)
        found_pools |= {} if pool is None else {pool.name: pool}
        yield
    resources: dict[ResourceName, Definition] = {}
    for name, table in _tables(document, "resource", troubles):
        definition = _read_resource(ResourceName(name), table, key_of("resource", name), troubles)
        resources |= {} if definition is None else {definition.name: definition}
        yield
    troubles.raise_any(what)
    return ClusterFile(cluster=str(document.get("cluster", "")), types=types, pools=found_pools, resources=resources)


def key_of(section: str, name: str) -> str:
    """As messages name a table: `resource.db`."""
    return f"{section}.{cut(name)}"


def _check_top(document: Document, troubles: Troubles, what: str) -> None:
    form = document.get("format", FORMAT)
    if isinstance(form, int) and form > FORMAT:
        raise Declined(20709, what, f"it has format {form}, and this version reads up to {FORMAT}: use a newer Understudy")
    if form != FORMAT or isinstance(form, bool):
        troubles.add("format", f"write {FORMAT}")
    if not isinstance(document.get("cluster", ""), str):
        troubles.add("cluster", "write the name of the cluster")
    known = ("cluster", "format", *SECTIONS)
    for key in document:
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near}?" if near else f"it has {', '.join(known)}"
            troubles.add(cut(key), f"a cluster file has no such table; {hint}")


def _tables(document: Document, section: str, troubles: Troubles) -> Iterator[tuple[str, Mapping[str, object]]]:
    tables = document.get(section, {})
    if not isinstance(tables, dict):
        troubles.add(section, f"write a table for each: [{section}.NAME]")
        return
    for name, table in tables.items():
        if isinstance(table, dict):
            yield name, table
        else:
            troubles.add(key_of(section, name), f"write a table: [{section}.{cut(name)}]")


def _texts(table: Mapping[str, object], key: str, troubles: Troubles) -> dict[str, str]:
    """The values that are texts or numbers, as texts."""
    found: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            troubles.add(f"{key}.{cut(name)}", f"write a text, or a whole number: {_WRONG.get(type(value), 'this is neither')}")
        elif isinstance(value, int) and abs(value) >= 10**12:
            troubles.add(f"{key}.{cut(name)}", "no number here is so large")
        else:
            found[name] = str(value)
    return found


def _read_type(name: TypeName, table: Mapping[str, object], key: str, troubles: Troubles) -> TypeRecord | None:
    base, attributes = table.get("BASE_TYPE"), table.get("attributes", {})
    for other in table:
        if other not in ("BASE_TYPE", "attributes"):
            troubles.add(f"{key}.{cut(other)}", f"a type has BASE_TYPE and attributes: write it below [{key}.attributes]")
    if not isinstance(base, str) or not isinstance(attributes, dict):
        troubles.add(key, 'write BASE_TYPE = "cluster_resource" or another type, and a table of attributes')
        return None
    pairs: list[tuple[str, str]] = []
    for attribute, value in attributes.items():
        words = value if isinstance(value, dict) else {"DEFAULT_VALUE": value}
        place = f"{key}.attributes.{cut(attribute)}"
        for other in words:
            if other not in intent_types.KEYWORDS[1:]:
                troubles.add(f"{place}.{cut(other)}", f"of an attribute there are {', '.join(intent_types.KEYWORDS[1:])}")
        given = _texts(words, place, troubles)
        pairs += [("ATTRIBUTE", attribute), *((word, given[word]) for word in intent_types.KEYWORDS[1:] if word in given)]
    return troubles.tried(key, lambda: intent_types.read(name, TypeName(base), tuple(pairs)))


def _read_pool(name: PoolName, table: Mapping[str, object], key: str, troubles: Troubles) -> Pool | None:
    given = _texts(table, key, troubles)
    return troubles.tried(key, lambda: pools.build(name, {**given, "ACL": given.get("ACL") or BUILT_IN_ACL}))


def _read_resource(name: ResourceName, table: Mapping[str, object], key: str, troubles: Troubles) -> Definition | None:
    given = _texts(table, key, troubles)
    type_name = given.pop("TYPE", "")
    if not type_name:
        troubles.add(key, 'write its type: TYPE = "cluster_resource"')
        return None
    return Definition(name=name, type=TypeName(type_name), uid="", attributes={"ACL": BUILT_IN_ACL, **given})
