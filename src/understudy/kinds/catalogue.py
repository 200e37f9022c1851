"""All kinds of resource, a row each. A new one is a module here, one in `agents/`, and a row in both catalogues. Pure."""

from collections.abc import Iterable, Mapping

from understudy.kinds import address, application, network, script
from understudy.kinds.kind import BuiltInType, OwnAttribute, ResourceKind

KINDS: dict[str, ResourceKind] = {kind.name: kind for kind in (script.KIND, application.KIND, address.KIND, network.KIND)}


def kind_of(lineage: Iterable[str]) -> ResourceKind:
    """The kind of a type, of which all types up to the root are given: what its nearest built-in type is."""
    for name in lineage:
        for kind in KINDS.values():
            if kind.type_named(name) is not None and kind is not script.KIND:
                return kind
    return script.KIND


def built_in(name: str) -> BuiltInType | None:
    """The type of this name that exists in every cluster."""
    return next((found for kind in KINDS.values() if (found := kind.type_named(name)) is not None), None)


def built_in_types() -> tuple[BuiltInType, ...]:
    """Every type that has a name of its own; the numbered ones of a family are found by their names alone."""
    return tuple(built_in_type for kind in KINDS.values() for built_in_type in kind.types)


def own_attributes() -> Mapping[str, OwnAttribute]:
    """What only some types have, by name."""
    return {own.name: own for kind in KINDS.values() for own in (*kind.also, *(own for record in kind.types for own in record.own))}
