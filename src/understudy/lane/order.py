"""The order of the lanes of one server: who stops before whom, and whom a change concerns. Kept up with what changes, as that is little.

Owned by the driver. The answers are those of `neighbours.py`, asked about what has a part in the change. Pure.
"""

from collections.abc import Collection, Mapping

from understudy.lane.neighbours import concerned, dependents_of_each
from understudy.model.maps import differing
from understudy.model.namers import NOBODY, ResourcesByName, named, namers
from understudy.model.names import ResourceName, TypeName
from understudy.model.resource import Resource
from understudy.model.view import TypeRecord

LaneNames = tuple[ResourceName, ...]


class LaneOrder:
    """Of the resources that were seen last."""

    def __init__(self) -> None:
        self.dependents: dict[ResourceName, LaneNames] = {}
        """See `dependents_of_each`."""
        self.concerned: dict[ResourceName, LaneNames] = {}
        """See `concerned`."""
        self._resources: ResourcesByName = {}
        self._types: Mapping[TypeName, TypeRecord] = {}
        self._leaving = False
        self._typed: set[ResourceName] = set()
        """Who depends on a type: any resource may be of it."""

    def see(
        self,
        resources: ResourcesByName,
        types: Mapping[TypeName, TypeRecord],
        changed: Collection[ResourceName] | None = None,
        *,
        leaving: bool = False,
    ) -> None:
        """These are registered now; `changed`: whose definition may be another, None: anybody's."""
        before = self._resources
        touched = differing(before, resources) if changed is None else tuple(name for name in changed if _differs(before, resources, name))
        anew = types is not self._types or leaving is not self._leaving
        if not touched and not anew:
            return
        typed = bool(self._typed)  # of what named a type until now too: whom that concerned nobody else knows
        for name in touched:
            (self._typed.add if _on_a_type(resources.get(name)) else self._typed.discard)(name)
        self._resources, self._types, self._leaving = resources, types, leaving
        part = resources if anew or typed or self._typed or not before else self._part(before, resources, touched)
        if part is resources:
            self.dependents, self.concerned = {}, {}
        self.dependents |= dependents_of_each(part, leaving=leaving)
        self.concerned |= concerned(part, types)

    def _part(self, before: ResourcesByName, after: ResourcesByName, touched: LaneNames) -> ResourcesByName:
        """Everything that dependencies join to what has changed, now or before; what was known of that is forgotten."""
        was, now = namers(before), namers(after)
        found: set[ResourceName] = set()
        border = list(touched)
        while border:
            name = border.pop()
            if name not in found:
                found.add(name)
                joined = (*named(before.get(name)), *named(after.get(name)), *was.get(name, NOBODY), *now.get(name, NOBODY))
                border += map(ResourceName, joined)
        for name in found:
            self.dependents.pop(name, None)
            self.concerned.pop(name, None)
        return {name: after[name] for name in sorted(found) if name in after}


def _differs(before: ResourcesByName, after: ResourcesByName, name: ResourceName) -> bool:
    return before.get(name) is not after.get(name)


def _on_a_type(resource: Resource | None) -> bool:
    return resource is not None and any(dependency.is_type for dependency in (*resource.start, *resource.stop))
