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
from understudy.model.names import CategoryName, PoolName, ResourceName, TypeName
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.types import find, is_a
from understudy.model.view import Pool, ServerCategory, TypeRecord

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


@dataclass(frozen=True, slots=True)
class _Ordering:
    """Which dependencies lead from one resource to the next."""

    which: Which
    kinds: tuple[DependencyKind, ...]
    without: frozenset[str] = frozenset()


_ORDERS = (
    (_Ordering("START_DEPENDENCIES", (DependencyKind.HARD, DependencyKind.WEAK), frozenset({"concurrent"})),),
    (_Ordering("STOP_DEPENDENCIES", (DependencyKind.HARD,)),),
    (
        _Ordering("START_DEPENDENCIES", (DependencyKind.HARD,)),
        _Ordering("STOP_DEPENDENCIES", (DependencyKind.HARD,), frozenset({"shutdown"})),
    ),
)
_ORDER = ("global", "intermediate", "uniform", "concurrent", "shutdown", "pool", "preempt_pre", "preempt_post")
_CLAUSE = re.compile(r"\s*([a-z]+)(?:\s*:\s*([a-z]+))?\s*\(([^()]*)\)\s*")
_ENTITY_NAME = re.compile(r"[^\s,():'\"=!~@]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What is registered already, against which a new or changed entity is checked."""

    resources: Mapping[ResourceName, Resource] = field(default_factory=dict)
    types: Mapping[TypeName, TypeRecord] = field(default_factory=dict)
    pools: Mapping[PoolName, Pool] = field(default_factory=dict)
    categories: Mapping[CategoryName, ServerCategory] = field(default_factory=dict)


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
    clauses: list[tuple[str, list[str]]] = []
    for dependency in dependencies:
        suffix = SUFFIXES.get(dependency.kind, "")
        head = f"{dependency.kind.value}:{suffix}" if suffix and suffix in dependency.modifiers else dependency.kind.value
        if clauses and clauses[-1][0] == head:
            clauses[-1][1].append(print_entity(dependency))
        else:
            clauses.append((head, [print_entity(dependency)]))
    return " ".join(f"{head}({','.join(entities)})" for head, entities in clauses)


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
    """`resource` must not be reached from itself: CRS-2515, or CRS-2588 when the way leads over a type; the way is shown.

    Start order (hard and weak) and stop order (hard) are two graphs. A third is what has to be up for a start: what a resource has to be
    stopped with keeps it from starting as well. `known` already holds the resource.
    """
    for ways in _ORDERS:
        _walk(resource, known, ways)


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


def _walk(resource: Resource, known: Registered, ways: tuple[_Ordering, ...]) -> None:
    came_by: dict[ResourceName, tuple[ResourceName, str]] = {}
    waiting = [resource.name]
    while waiting:
        name = waiting.pop()
        ordering = [(each.which, dependency) for each in ways for dependency in _ordering(known.resources[name], each)]
        for which, dependency in ordering:
            via = f" (type:{dependency.entity})" if dependency.is_type else ""
            via += f" ({which})" if len(ways) > 1 else ""
            for reached in targets(dependency, known):
                if reached == resource.name:
                    raise _circular(resource.name, name, dependency, _path(resource.name, name, came_by), via)
                if reached not in came_by:
                    came_by[reached] = (name, via)
                    waiting.append(reached)


def _path(first: ResourceName, last: ResourceName, came_by: Mapping[ResourceName, tuple[ResourceName, str]]) -> str:
    """From the first to the last: `a -> b (type:t)`."""
    steps: list[str] = []
    here = last
    while here != first:
        before, via = came_by[here]
        steps.append(f"{here}{via}")
        here = before
    return " -> ".join([first, *reversed(steps)])


def _circular(name: ResourceName, last: ResourceName, dependency: Dependency, path: str, via: str) -> BadDependency:
    code = 2588 if dependency.is_type else 2515
    text = words(2588, name, last, dependency.entity) if dependency.is_type else words(2515, name)
    return BadDependency(f"{text}\n  {path} -> {name}{via}", code=code)


def _ordering(resource: Resource, way: _Ordering) -> list[Dependency]:
    """Of one attribute those that order something. A `concurrent:` one is not waited for, a `shutdown:` one only as a server stops."""
    return [
        dependency
        for dependency in (resource.start if way.which == "START_DEPENDENCIES" else resource.stop)
        if dependency.kind in way.kinds and not dependency.modifiers & way.without
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
