"""Who names whom in dependencies, one by one: kept from one set of resources to the next, as a change is of few among many. Pure.

Called where something follows dependencies backwards: groups, the order of lanes, commands. The answer depends on the resources alone; what
is remembered of those asked about last only makes it cheap.
"""

from collections.abc import Iterable, Mapping

from understudy.model.names import ResourceName
from understudy.model.resource import Resource

Namers = Mapping[str, frozenset[ResourceName]]
"""Name -> who names it; dependencies on a type are left out."""
ResourcesByName = Mapping[ResourceName, Resource]
NOBODY: frozenset[ResourceName] = frozenset()

KEPT = 4
"""Sets of resources of which the answer is remembered: what is, what was, and what a command would make of it."""
_last: list[tuple[ResourcesByName, Namers]] = []


def namers(resources: ResourcesByName) -> Namers:
    """For every name that a dependency names, registered or not, who does."""
    for known, answer in _last:
        if known is resources:
            return answer
    before, known_answer = _last[0] if _last else ({}, {})
    answer = _amended(known_answer, before, resources)
    _last[:] = [(resources, answer), *_last[: KEPT - 1]]
    return answer


def differing(before: ResourcesByName, after: ResourcesByName) -> tuple[ResourceName, ...]:
    """Names whose resource is another, is new or is gone, in the order of the later ones."""
    if before is after:
        return ()
    changed = [name for name, resource in after.items() if before.get(name) is not resource]
    gone = [name for name in before if name not in after] if len(before) + len(changed) != len(after) or changed else []
    return (*changed, *gone)


def named(resource: Resource | None) -> Iterable[str]:
    """Whom it names, one by one."""
    if resource is None or not (resource.start or resource.stop):
        return ()
    return dict.fromkeys(dependency.entity for dependency in (*resource.start, *resource.stop) if not dependency.is_type)


def _amended(known: Namers, before: ResourcesByName, after: ResourcesByName) -> Namers:
    touched: dict[str, set[ResourceName]] = {}
    for name in differing(before, after):
        for entity in named(before.get(name)):
            touched.setdefault(entity, set(known.get(entity, NOBODY))).discard(name)
        for entity in named(after.get(name)):
            touched.setdefault(entity, set(known.get(entity, NOBODY))).add(name)
    if not touched:
        return known
    changed = {**known, **{entity: frozenset(names) for entity, names in touched.items()}}
    return {entity: names for entity, names in changed.items() if names} if not all(touched.values()) else changed
