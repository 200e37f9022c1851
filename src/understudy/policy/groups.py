"""Groups: a resource with its same-server hard dependencies and dependents. A group runs on one server and moves as a whole."""

from collections.abc import Iterable, Mapping

from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.view import View

GROUP_MOST = 64
"""Members of a group: all its assignments change in one commit, which holds twice as many operations (`registry/commits.py`), with the
incarnations that may be holders and the requests that are answered."""


def groups(view: View) -> tuple[tuple[ResourceName, ...], ...]:
    """All groups of resources that move (local ones do not), each sorted by name, in order of their first name."""
    return _components(sorted(name for name, resource in view.resources.items() if not resource.local), _links(view.resources.values()))


def group_of(view: View, name: ResourceName) -> tuple[ResourceName, ...]:
    """The group of one resource; a local resource is its own."""
    if name not in view.resources or view.resources[name].local:
        return (name,)
    return _components([name], _links(view.resources.values()))[0]


def too_large(before: View, after: View) -> tuple[ResourceName, ...]:
    """A group of the View after a change that is larger than groups may be, and larger than it was; empty if there is none."""
    for members in groups(after):
        if len(members) > GROUP_MOST and all(len(members) > len(group_of(before, name)) for name in members):
            return members
    return ()


def dependents(view: View, name: ResourceName) -> tuple[ResourceName, ...]:
    """Resources with a hard start or stop dependency on this one, directly, by name."""
    return tuple(
        sorted(
            other.name
            for other in view.resources.values()
            if any(
                not dependency.is_type and dependency.entity == name and dependency.kind == "hard"
                for dependency in (*other.start, *other.stop)
            )
        )
    )


def _links(resources: Iterable[Resource]) -> dict[ResourceName, set[ResourceName]]:
    known = {resource.name: resource for resource in resources}
    links: dict[ResourceName, set[ResourceName]] = {name: set() for name in known}
    for resource in known.values():
        for dependency in (*resource.start, *resource.stop):
            other = known.get(ResourceName(dependency.entity))
            if dependency.is_type or not dependency.same_server or other is None or other.local or resource.local:
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
