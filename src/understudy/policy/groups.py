"""Groups: a resource with its same-server hard dependencies and dependents. A group runs on one server and moves as a whole."""

from collections.abc import Iterable, Mapping

from understudy.model.maps import differing
from understudy.model.namers import NOBODY, Namers, namers
from understudy.model.names import ResourceName, registered_name
from understudy.model.resource import Dependency, Resource
from understudy.model.view import View

GROUP_MOST = 64
"""Members of a group: all its assignments change in one commit, which holds twice as many operations (`registry/commits.py`), with the
incarnations that may be holders and the requests that are answered."""


def groups(view: View) -> tuple[tuple[ResourceName, ...], ...]:
    """All groups of resources that move (local ones do not), each sorted by name, in order of their first name."""
    return _components(sorted(name for name, resource in view.resources.items() if not resource.local), _links(view.resources.values()))


def group_of(view: View, name: ResourceName) -> tuple[ResourceName, ...]:
    """The group of one resource; a local resource, or an instance of several, is its own."""
    if name not in view.resources or not _may_be_tied(view.resources[name]):
        return (name,)
    index, found, border = namers(view.resources), {name}, [name]
    while border:
        for other in _linked(view.resources, index, border.pop()):
            if other not in found:
                found.add(other)
                border.append(other)
    return tuple(sorted(found))


def too_large(before: View, after: View) -> tuple[ResourceName, ...]:
    """A group of the View after a change that is larger than groups may be, and larger than it was; empty if there is none."""
    for members in dict.fromkeys(group_of(after, name) for name in sorted(differing(before.resources, after.resources))):
        if len(members) > GROUP_MOST and all(len(members) > len(group_of(before, name)) for name in members):
            return members
    return ()


def dependents(view: View, name: ResourceName) -> tuple[ResourceName, ...]:
    """Resources with a hard start or stop dependency on this one, directly, by name."""
    return tuple(
        sorted(
            other.registered
            for other in view.resources.values()
            if other.number == 1
            and any(
                not dependency.is_type and dependency.entity == registered_name(name) and dependency.kind == "hard"
                for dependency in (*other.start, *other.stop)
            )
        )
    )


def _linked(resources: Mapping[ResourceName, Resource], index: Namers, name: ResourceName) -> list[ResourceName]:
    """Who must be on one server with it: whom it names so, and who names it."""
    resource = resources[name]
    found = [ResourceName(dependency.entity) for dependency in (*resource.start, *resource.stop) if _binds(dependency)]
    for other in index.get(name, NOBODY):
        by = resources[other]
        if any(dependency.entity == name and _binds(dependency) for dependency in (*by.start, *by.stop)):
            found.append(other)
    return [other for other in found if other in resources and _may_be_tied(resources[other]) and _may_be_tied(resource)]


def _binds(dependency: Dependency) -> bool:
    return dependency.same_server and not dependency.is_type


def _may_be_tied(resource: Resource) -> bool:
    """Whether there is one of it, so that others can be where that is. What stands beside one of several goes where any of them is."""
    return not (resource.local or resource.several or resource.siblings)


def _links(resources: Iterable[Resource]) -> dict[ResourceName, set[ResourceName]]:
    known = {resource.name: resource for resource in resources}
    links: dict[ResourceName, set[ResourceName]] = {name: set() for name in known}
    for resource in known.values():
        for dependency in (*resource.start, *resource.stop):
            other = known.get(ResourceName(dependency.entity))
            if not _binds(dependency) or other is None or not (_may_be_tied(other) and _may_be_tied(resource)):
                continue
            links[resource.name].add(other.name)
            links[other.name].add(resource.name)
    return links


def _components(names: Iterable[ResourceName], links: Mapping[ResourceName, set[ResourceName]]) -> tuple[tuple[ResourceName, ...], ...]:
    found: list[tuple[ResourceName, ...]] = []
    seen: set[ResourceName] = set()
    for name in names:
        if name in seen:
            continue
        component, border = {name}, [name]
        while border:
            for other in links[border.pop()] - component:
                component.add(other)
                border.append(other)
        seen |= component
        found.append(tuple(sorted(component)))
    return tuple(found)
