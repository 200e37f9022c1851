"""What differs between a cluster and a file, value by value: what would be added, changed and removed. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from understudy.intent.clusterfile.whole import ClusterFile
from understudy.intent.rights import BUILT_IN_ACL
from understudy.model import pools
from understudy.model.view import Definition, Pool, TypeRecord


class ChangeSort(StrEnum):
    """What becomes of something that is registered."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


FileItem = tuple[str, str]
"""A table of the file (`type`, `serverpool`, `resource`) and a name in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueChange:
    """One attribute. None: it is not given, so that it has its default."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What becomes of one type, server pool or resource."""

    sort: ChangeSort
    item: FileItem
    values: tuple[ValueChange, ...] = ()


def changes(here: ClusterFile, wanted: ClusterFile, *, prune: bool) -> tuple[FileChange, ...]:
    """From the one to the other, types first. `prune`: what the file does not name is removed."""
    return (
        *_changes("type", here.types, wanted.types, prune=prune),
        *_changes("serverpool", here.pools, wanted.pools, prune=prune),
        *_changes("resource", here.resources, wanted.resources, prune=prune),
    )


def left_out(here: ClusterFile, wanted: ClusterFile) -> tuple[FileItem, ...]:
    """What is registered and not named in the file."""
    pairs = (("type", here.types, wanted.types), ("serverpool", here.pools, wanted.pools), ("resource", here.resources, wanted.resources))
    return tuple((section, name) for section, there, named in pairs for name in sorted({*there} - {*named}))


def _changes(section: str, here: Mapping[Any, Any], wanted: Mapping[Any, Any], *, prune: bool) -> Iterator[FileChange]:
    for name in sorted({*here, *wanted}):
        item = (section, str(name))
        if name not in wanted:
            if prune:
                yield FileChange(sort=ChangeSort.REMOVE, item=item)
        elif name not in here:
            yield FileChange(sort=ChangeSort.ADD, item=item, values=tuple(_values({}, values_of(wanted[name]))))
        elif here[name] != wanted[name]:
            yield FileChange(sort=ChangeSort.CHANGE, item=item, values=tuple(_values(values_of(here[name]), values_of(wanted[name]))))


def _values(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[ValueChange]:
    for name in (*(key for key in before if key not in after), *after):
        if before.get(name) != after.get(name):
            yield ValueChange(name=name, before=before.get(name), after=after.get(name))


def values_of(record: TypeRecord | Pool | Definition) -> dict[str, str]:
    """All that is given of it and not the default, in words: of an attribute of a type also what it takes."""
    match record:
        case Definition():
            given = {name: value for name, value in sorted(record.attributes.items()) if (name, value) != ("ACL", BUILT_IN_ACL)}
            return {"TYPE": record.type, **given}
        case Pool():
            usual = {**pools.attributes_of(pools.build(record.name, {})), "ACL": BUILT_IN_ACL}
            return {key: value for key, value in sorted(pools.attributes_of(record).items()) if value != usual[key]}
        case TypeRecord():
            return {"BASE_TYPE": str(record.base), **{name: _of_type(record, name) for name in sorted(record.attributes)}}


def _of_type(record: TypeRecord, name: str) -> str:
    takes = record.flags.get(name, "string")
    return record.attributes[name] if takes == "string" else f"{record.attributes[name]} ({takes})"
