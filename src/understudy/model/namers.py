"""Who names whom in dependencies, and other things by which resources are found among many: kept from one set of resources to the next, as
a change is of few. Pure.

Called where something follows dependencies backwards: groups, the order of lanes, commands. The answer depends on the resources alone.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from understudy.model.maps import Derived, differing
from understudy.model.names import ResourceName
from understudy.model.resource import DependencyKind, Resource

Namers = Mapping[str, frozenset[ResourceName]]
"""Name -> who names it."""
ResourcesByName = Mapping[ResourceName, Resource]
NOBODY: frozenset[ResourceName] = frozenset()


class Trait(StrEnum):
    """What few resources have, and a rule about all looks for."""

    EXCLUDES = "excludes"
    """It excludes something (or something of a type)."""
    PULLED = "pulled"
    """It has a pullup dependency."""
    LOCAL = "local"
    DISABLED = "disabled"
    DELAYED = "delayed"
    """Its failover waits for a while."""
    SEVERAL = "several"
    """It may have more than one instance."""
    FENCES = "fences"
    """STOP_FAILURE=fence."""


def named(resource: Resource | None) -> Iterable[str]:
    """Whom it names, one by one."""
    if resource is None or not (resource.start or resource.stop):
        return ()
    return dict.fromkeys(dependency.entity for dependency in (*resource.start, *resource.stop) if not dependency.is_type)


def types_named(resource: Resource | None) -> Iterable[str]:
    """The types that its dependencies name."""
    if resource is None or not (resource.start or resource.stop):
        return ()
    return dict.fromkeys(dependency.entity for dependency in (*resource.start, *resource.stop) if dependency.is_type)


def _traits(resource: Resource | None) -> Iterable[str]:
    if resource is None:
        return
    if resource.local:
        yield Trait.LOCAL
    if not resource.enabled:
        yield Trait.DISABLED
    if resource.several:
        yield Trait.SEVERAL
    if resource.failover_delay_s:
        yield Trait.DELAYED
    if resource.stop_failure_fences:
        yield Trait.FENCES
    if any(dependency.kind is DependencyKind.EXCLUSION for dependency in resource.start):
        yield Trait.EXCLUDES
    if any(dependency.kind is DependencyKind.PULLUP for dependency in resource.start):
        yield Trait.PULLED


def _by(words_of: Callable[[Resource | None], Iterable[str]]) -> Derived[ResourceName, Resource, Namers]:
    """Word -> whose words it is among."""

    def amend(known: Namers, before: ResourcesByName, after: ResourcesByName) -> Namers:
        touched: dict[str, set[ResourceName]] = {}
        for name in differing(before, after):
            for word in words_of(before.get(name)):
                touched.setdefault(word, set(known.get(word, NOBODY))).discard(name)
            for word in words_of(after.get(name)):
                touched.setdefault(word, set(known.get(word, NOBODY))).add(name)
        if not touched:
            return known
        changed = {**known, **{word: frozenset(names) for word, names in touched.items()}}
        return {word: names for word, names in changed.items() if names} if not all(touched.values()) else changed

    return Derived(amend, {})


namers = _by(named)
"""For every name that a dependency names, registered or not, who does; dependencies on a type are left out."""
on_types = _by(types_named)
"""The same of types."""
_with_traits = _by(_traits)


def with_trait(resources: ResourcesByName, trait: Trait) -> frozenset[ResourceName]:
    """Those that have it."""
    return _with_traits(resources).get(trait, NOBODY)
