"""Owns the grammar of START_DEPENDENCIES and STOP_DEPENDENCIES: parse, print, check, and find cycles.

Called by `profile.py`, policy's tests and the verbs. It never places or starts anything; it only says what depends on what.
`print_dependencies(parse(text))` parses to the same value again.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from understudy.errors import BadDependency
from understudy.model.attributes import cut
from understudy.model.messages import words
from understudy.model.names import PoolName, ResourceName, TypeName
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.types import find, is_a
from understudy.model.view import Pool, TypeRecord

Which = Literal["START_DEPENDENCIES", "STOP_DEPENDENCIES"]

MODIFIERS: dict[tuple[Which, DependencyKind], frozenset[str]] = {
    ("START_DEPENDENCIES", DependencyKind.HARD): frozenset({"global", "intermediate", "uniform"}),
    ("START_DEPENDENCIES", DependencyKind.WEAK): frozenset({"global", "uniform", "concurrent"}),
    ("START_DEPENDENCIES", DependencyKind.ATTRACTION): frozenset({"intermediate"}),
    ("START_DEPENDENCIES", DependencyKind.PULLUP): frozenset({"global", "intermediate"}),
    ("START_DEPENDENCIES", DependencyKind.DISPERSION): frozenset({"intermediate", "pool"}),
    ("START_DEPENDENCIES", DependencyKind.EXCLUSION): frozenset({"preempt_pre", "preempt_post"}),
    ("STOP_DEPENDENCIES", DependencyKind.HARD): frozenset({"global", "intermediate", "shutdown"}),
}
"""Which modifiers an entity of a kind may carry; a kind that is missing is not allowed in that attribute."""

SUFFIXES: dict[DependencyKind, str] = {DependencyKind.PULLUP: "always", DependencyKind.DISPERSION: "active"}
"""The word that may follow the kind itself: `pullup:always(db)`. It is kept among the modifiers."""

_ORDER = ("global", "intermediate", "uniform", "concurrent", "shutdown", "pool", "preempt_pre", "preempt_post")
_CLAUSE = re.compile(r"\s*([a-z]+)(?:\s*:\s*([a-z]+))?\s*\(([^()]*)\)\s*")
_ENTITY_NAME = re.compile(r"[^\s,():'\"=!~@]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What is registered already, against which a new or changed entity is checked."""

    resources: Mapping[ResourceName, Resource] = field(default_factory=dict)
    types: Mapping[TypeName, TypeRecord] = field(default_factory=dict)
    pools: Mapping[PoolName, Pool] = field(default_factory=dict)


def parse(text: str, which: Which, owner: str) -> tuple[Dependency, ...]:
    """Read the attribute `which` of the resource `owner`. BadDependency says what is wrong with which part."""
    found: list[Dependency] = []
    kinds: set[DependencyKind] = set()
    position = 0
    text = text.strip()
    while position < len(text):
        match = _CLAUSE.match(text, position)
        if match is None:
            raise _malformed(text, which, f"at '{text[position:][:40]}' a kind with names in parentheses is expected, like hard(db)")
        kind, suffix = _kind(match[1], match[2], text, which)
        if kind in kinds and kind is not DependencyKind.PULLUP:
            raise BadDependency(words(2571, kind.value, owner), code=2571)
        kinds.add(kind)
        found += _entities(match[3], kind, suffix, which)
        position = match.end()
    return tuple(found)


def print_dependencies(dependencies: Iterable[Dependency]) -> str:
    """The text of an attribute; neighbours of one kind share their parentheses."""
    clauses: list[tuple[str, list[str], bool]] = []
    for dependency in dependencies:
        suffix = SUFFIXES.get(dependency.kind, "")
        head = f"{dependency.kind.value}:{suffix}" if suffix and suffix in dependency.modifiers else dependency.kind.value
        # Nothing may follow a type within one list, so a pullup after it begins a new one.
        if clauses and clauses[-1][0] == head and not clauses[-1][2]:
            clauses[-1][1].append(print_entity(dependency))
            clauses[-1] = (head, clauses[-1][1], dependency.is_type)
        else:
            clauses.append((head, [print_entity(dependency)], dependency.is_type))
    return " ".join(f"{head}({','.join(entities)})" for head, entities, _ in clauses)


def print_entity(dependency: Dependency) -> str:
    """One entity with its modifiers: `global:type:ora.listener.type`."""
    parts = [word for word in _ORDER if word in dependency.modifiers]
    if dependency.is_type:
        parts.append("type")
    return ":".join([*parts, dependency.entity])


def check_existence(dependencies: Iterable[Dependency], known: Registered) -> None:
    """Every entity must be registered: CRS-2510 for a resource, CRS-2509 for a type."""
    for dependency in dependencies:
        if dependency.is_type and find(TypeName(dependency.entity), known.types) is None:
            raise BadDependency(words(2509, dependency.entity, _phrase(dependency)), code=2509)
        if not dependency.is_type and dependency.entity not in known.resources:
            raise BadDependency(words(2510, dependency.entity, _phrase(dependency)), code=2510)


def targets(dependency: Dependency, known: Registered) -> tuple[ResourceName, ...]:
    """The registered resources that an entity means, by name."""
    if not dependency.is_type:
        name = ResourceName(dependency.entity)
        return (name,) if name in known.resources else ()
    wanted = TypeName(dependency.entity)
    return tuple(sorted(name for name, resource in known.resources.items() if is_a(resource.type, wanted, known.types)))


def check_cycle(resource: Resource, known: Registered) -> None:
    """`resource` must not be reached from itself: CRS-2515, or CRS-2588 when the way leads over a type.

    Start order (hard and weak) and stop order (hard) are two graphs. `known` already holds the resource.
    """
    for which in ("START_DEPENDENCIES", "STOP_DEPENDENCIES"):
        _walk(resource, known, which)


def reach(resource: Resource, known: Registered) -> frozenset[ResourceName]:
    """Every resource that its dependencies lead to, over any number of steps."""
    found: set[ResourceName] = set()
    waiting = [resource]
    while waiting:
        reached = waiting.pop()
        for dependency in (*reached.start, *reached.stop):
            fresh = [name for name in targets(dependency, known) if name not in found]
            found.update(fresh)
            waiting += [known.resources[name] for name in fresh]
    return frozenset(found)


def _walk(resource: Resource, known: Registered, which: str) -> None:
    waiting = [resource.name]
    seen: set[ResourceName] = set()
    while waiting:
        name = waiting.pop()
        for dependency in _ordering(known.resources[name], which):
            reached = targets(dependency, known)
            if resource.name in reached and dependency.is_type:
                raise BadDependency(words(2588, resource.name, name, dependency.entity), code=2588)
            if resource.name in reached:
                raise BadDependency(words(2515, resource.name), code=2515)
            fresh = [member for member in reached if member not in seen]
            seen.update(fresh)
            waiting += fresh


def _ordering(resource: Resource, which: str) -> list[Dependency]:
    if which == "STOP_DEPENDENCIES":
        return [dependency for dependency in resource.stop if dependency.kind is DependencyKind.HARD]
    # A `concurrent:` one is not waited for, so it orders nothing.
    return [
        dependency
        for dependency in resource.start
        if dependency.kind in (DependencyKind.HARD, DependencyKind.WEAK) and "concurrent" not in dependency.modifiers
    ]


def _kind(word: str, suffix: str | None, text: str, which: Which) -> tuple[DependencyKind, str | None]:
    allowed = [kind for attribute, kind in MODIFIERS if attribute == which]
    kind = next((each for each in allowed if each.value == word), None)
    if kind is None:
        raise _malformed(
            text, which, f"'{word}' is no kind of it; kinds are {', '.join(dependency_kind.value for dependency_kind in allowed)}"
        )
    if suffix is not None and SUFFIXES.get(kind) != suffix:
        raise _malformed(text, which, f"'{word}:{suffix}' is not known")
    return kind, suffix


def _entities(text: str, kind: DependencyKind, suffix: str | None, which: Which) -> list[Dependency]:
    found: list[Dependency] = []
    named: set[tuple[str, bool]] = set()
    for part in text.split(","):
        if found and found[-1].is_type:
            raise _malformed(text, which, f"'type:{found[-1].entity}' must be the last in its list")
        dependency = _entity(part.strip(), kind, suffix, which)
        if (dependency.entity, dependency.is_type) in named:
            raise BadDependency(words(2929, cut(dependency.entity)), code=2929)
        named.add((dependency.entity, dependency.is_type))
        found.append(dependency)
    return found


def _entity(text: str, kind: DependencyKind, suffix: str | None, which: Which) -> Dependency:
    *prefixes, name = (part.strip() for part in text.split(":"))
    if not _ENTITY_NAME.fullmatch(name):
        raise _malformed(text, which, "a name is missing" if not name else f"'{name}' is no name")
    is_type = bool(prefixes) and prefixes[-1] == "type"
    words_before = prefixes[:-1] if is_type else prefixes
    allowed = MODIFIERS[which, kind]
    for word in words_before:
        if word not in allowed or words_before.count(word) > 1:
            offered = ", ".join(name for name in _ORDER if name in allowed)
            raise _malformed(text, which, f"'{word}:' cannot stand here; {kind.value} takes {offered or 'no modifier'}")
    modifiers = frozenset(words_before) | ({suffix} if suffix else frozenset())
    return Dependency(kind=kind, entity=name, is_type=is_type, modifiers=modifiers)


def _phrase(dependency: Dependency) -> str:
    return f"{dependency.kind.value}({print_entity(dependency)})"


def _malformed(text: str, which: str, trouble: str) -> BadDependency:
    return BadDependency(words(20005, cut(text), which, cut(trouble)), code=20005)
