"""What of a View has to be decided: everything, or, of a View that follows others, what may be decided otherwise than it was.

Owned by whoever decides again and again (`daemon/leader.py`). The decision about the part is that about the whole: a group of which no
fact has changed since nothing was to be done about it is left out (`tests/policy/test_part.py`). Pure, and without rules of its own: where
a rule looks at more than a group, those groups are always in it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from understudy.model.cardinality import apart
from understudy.model.categories import category_members
from understudy.model.namers import NOBODY, Trait, namers, with_trait
from understudy.model.names import Incarnation, ResourceName, registered_name
from understudy.model.resource import DependencyKind, Resource
from understudy.model.view import ClusterRecord, IncarnationRecord, View
from understudy.policy.eras import remembered
from understudy.policy.ground import Ground, ResourcesByType, load_of, looked_of, requests_of, rivals_of, survey
from understudy.policy.groups import group_of, groups
from understudy.policy.plan import Plan

ResourceGroup = tuple[ResourceName, ...]
"""The names of its members, sorted."""
_LOOKS_AROUND = (DependencyKind.EXCLUSION, DependencyKind.ATTRACTION, DependencyKind.DISPERSION)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPart:
    """What has to be gone through."""

    ground: Ground
    groups: tuple[tuple[ResourceName, ...], ...]
    """In the order in which they are settled: `_in_order`."""
    strangers: Collection[ResourceName]
    """Names that are assigned or reported, among them all that are not registered."""
    most: int | None = None
    """So many groups are gone through in one decision."""
    later: tuple[tuple[ResourceName, ...], ...] = ()
    """The groups of the decisions after it."""

    def bounded(self, ended: Collection[IncarnationRecord] = ()) -> "DecisionPart":
        """With no more groups than may be, of those that are to be gone through now and, in turns, those that were left: first those of
        which something is, or was, with who is gone, or is `ended` from now on. What was left is in that order already."""
        gone = {record.incarnation for record in ended}
        if self.most is None or len(self.groups) + len(self.later) <= self.most:
            return replace(self, groups=_in_order(self.ground.view, (*self.groups, *self.later), gone), later=())
        ordered = _in_turns(self.groups, self.later[: self.most])
        ordered.sort(key=lambda members: not _stranded(self.ground.view, members, gone))
        now = _in_order(self.ground.view, ordered[: self.most], gone)
        return replace(self, groups=now, later=(*ordered[self.most :], *self.later[self.most :]))

    def wanting(self, view: View, names: Collection[ResourceName]) -> "DecisionPart":
        """The same of a View in which these are wanted from now on: their groups are gone through as well."""
        found = {name for members in self.groups for name in members}
        names = _with_siblings(view, view, names)
        more = _groups_of(view, (name for name in names if name not in found))
        groups = _in_order(view, {*self.groups, *more}) if more else self.groups
        later = tuple(members for members in self.later if members not in more)
        return replace(self, ground=replace(self.ground, view=view), groups=groups, later=later)


def whole(view: View) -> DecisionPart:
    """All of it."""
    view = apart(view)
    return DecisionPart(ground=survey(view), groups=groups(view), strangers={**view.assignments, **view.reports}.keys())


class DecisionParts:
    """What was decided of the Views before."""

    def __init__(self, most: int | None = None) -> None:
        """`most`: so many groups are decided about at once, and the rest in the decisions that follow: of thousands the leader would else
        show no progress for as long as that takes."""
        self._most = most
        self._view: View | None = None
        """The last one of which a part was made; None: there is none to go on from."""
        self._ground: Ground | None = None
        self._open: set[ResourceName] = set()
        """Of groups that were to change by the last decision: whether they have is not known."""
        self._later: tuple[ResourceGroup, ...] = ()
        """Groups that were left for the next decision."""
        self._watchful: set[ResourceName] = set()
        """Who looks at others, wherever they belong."""
        self._strangers: set[ResourceName] = set()

    @property
    def unfinished(self) -> bool:
        """Whether some of the last View has not been gone through."""
        return bool(self._later)

    def part(self, view: View, changed: Collection[ResourceName] | None) -> DecisionPart:
        """Of this View; `changed` are those of whom it may say something else than the one before, None: any."""
        view = apart(view)
        part = self._unbounded(view, None if changed is None or self._view is None else _with_siblings(self._view, view, changed))
        # who needs something of a type is decided about after that; and how a recovery ends goes by all there is
        most = None if self._watchful or view.recovering or view.set_back else self._most
        part = replace(part, most=most).bounded()
        self._later = part.later
        return part

    def _unbounded(self, view: View, changed: Collection[ResourceName] | None) -> DecisionPart:
        before, ground = self._view, self._ground
        self._view = view
        if before is None or ground is None or changed is None or not _alike(before, view) or _load_moves(ground, before, view, changed):
            return self._anew(view)
        for name in changed:
            self._see(view, name)
        resources_alike = before.resources is view.resources
        self._ground = ground = replace(
            ground,
            view=view,
            by_type=ground.by_type if resources_alike else ResourcesByType(view),
            rivals=ground.rivals if resources_alike or not (ground.rivals or self._watchful) else rivals_of(view),
            requests=ground.requests if before.requests is view.requests else requests_of(view),
            looked=ground.looked if before.looks is view.looks else looked_of(view, ground.present),
            remembered=remembered(view),
        )
        _count_again(ground, {*changed, *self._open})
        waiting = (name for name in with_trait(view.resources, Trait.DELAYED) if _waits(view, name))
        around = {*self._open, *self._watchful, *waiting, *ground.rivals, *_who_goes_by(before, view, changed)}
        found = _groups_of(view, around)
        left = _without(self._later, around.union(*found))
        return DecisionPart(ground=ground, groups=found, strangers=self._strangers, later=left)

    def decided(self, plan: Plan) -> None:
        """What was decided about the part that was made last."""
        self._open = {assignment.resource for step in plan.steps for assignment in step.assignments}
        answered = {id for step in plan.steps for id in step.fulfilled}
        if answered and self._view is not None:
            self._open |= {name for request in self._view.requests if request.id in answered for name in request.resources}
        if any(step.targets or step.cluster is not None or step.incarnations for step in plan.steps):
            self._view = None  # not all of it was decided, or of another View than this

    def _anew(self, view: View) -> DecisionPart:
        part = whole(view)
        self._ground = part.ground
        self._watchful = {name for name, resource in view.resources.items() if _looks_around(resource)}
        self._strangers = {name for name in part.strangers if name not in view.resources}
        return part

    def _see(self, view: View, name: ResourceName) -> None:
        resource = view.resources.get(name)
        (self._watchful.add if resource is not None and _looks_around(resource) else self._watchful.discard)(name)
        stranger = resource is None and (name in view.assignments or name in view.reports)
        (self._strangers.add if stranger else self._strangers.discard)(name)


def _in_order(
    view: View, found: Iterable[tuple[ResourceName, ...]], gone: Collection[Incarnation] = ()
) -> tuple[tuple[ResourceName, ...], ...]:
    """First those of which something is, or was, with who is gone: they may be down; each of the two by name. The order is the same whether
    all are decided about at once or some later, for who is settled first takes the place that another would have had as well."""
    return tuple(sorted(found, key=lambda members: (not _stranded(view, members, gone), members)))


def _with_siblings(before: View, view: View, names: Collection[ResourceName]) -> Collection[ResourceName]:
    """With all instances of the resources that these are instances of, now or before."""
    if not (view.apart or before.apart):
        return names
    bases = {registered_name(name) for name in names}
    resources = (each.resources.get(base) for base in bases for each in (before, view))
    return {*names, *bases, *(sibling for resource in resources if resource is not None for sibling in resource.siblings)}


def _stranded(view: View, members: Iterable[ResourceName], gone: Collection[Incarnation]) -> bool:
    """Whether one of them may be running where the incarnation is not alive any more."""
    held = (view.assignments[name].holders for name in members if name in view.assignments)
    return any(holder.incarnation in gone or not view.alive(holder.incarnation) for holders in held for holder in holders)


def _in_turns(fresh: Sequence[ResourceGroup], left: Sequence[ResourceGroup]) -> list[ResourceGroup]:
    """Neither waits for the end of the other, of which there may be no end."""
    both = [members for pair in zip(fresh, left, strict=False) for members in pair]
    return [*both, *fresh[len(left) :], *left[len(fresh) :]]


def _without(left: tuple[ResourceGroup, ...], names: Collection[ResourceName]) -> tuple[ResourceGroup, ...]:
    """Groups that were left, less those with any of these names: they are gone through now, as far as they are registered. Who comes to a
    group, or leaves it, is among them, and so is whoever is in a group with it now, or was."""
    known = frozenset(names)
    return tuple(members for members in left if known.isdisjoint(members)) if left and known else left


def _alike(before: View, view: View) -> bool:
    """Whether the two differ in nothing that decisions about all groups go by."""
    same = before.incarnations is view.incarnations and before.pools is view.pools and before.types is view.types
    same = same and before.servers is view.servers and category_members(before) is category_members(view)
    return same and _cluster(before) == _cluster(view) and before.unable is view.unable and not (view.recovering or view.set_back)


def _cluster(view: View) -> ClusterRecord | None:
    """Without what is of no account to a group at rest: the epoch floor rises with each name that is forgotten."""
    return None if view.cluster is None else replace(view.cluster, epoch_floor=0, rotation=None)


def _load_moves(ground: Ground, before: View, view: View, changed: Iterable[ResourceName]) -> bool:
    """Whether what somebody owns counts for more or less than it did."""
    owned = ((name, ground.owners[name]) for name in changed if name in ground.owners)
    return any(load_of(before.resources, name, server) != load_of(view.resources, name, server) for name, server in owned)


def _looks_around(resource: Resource) -> bool:
    """Whether its place depends on where others are that are not of its group."""
    return (
        resource.active_placement
        or bool(resource.siblings)
        or any(dependency.is_type or dependency.kind in _LOOKS_AROUND for dependency in (*resource.start, *resource.stop))
    )


def _waits(view: View, name: ResourceName) -> bool:
    """Whether its failover is delayed: that this is over nothing else tells."""
    assignment = view.assignments.get(name)
    return assignment is not None and assignment.failover_in_s > 0


def _count_again(ground: Ground, names: Iterable[ResourceName]) -> None:
    """Who owns them, by the View and not by what was planned."""
    for name in names:
        assignment = ground.view.assignments.get(name)
        if assignment is not None:
            ground.settle((assignment,))
        elif (server := ground.owners.pop(name, None)) is not None:
            ground.loads[server] -= load_of(ground.view.resources, name, server)


def _who_goes_by(before: View, view: View, changed: Collection[ResourceName]) -> set[ResourceName]:
    """Those that changed, who names them, and with whom they were in a group."""
    now = namers(view.resources)
    found = {member for name in changed for member in (name, *now.get(name, NOBODY))}
    for name in changed:
        if before.resources.get(name) is not view.resources.get(name) and name in before.resources:
            found.update(group_of(before, name))
            # a request is settled with the first of its resources that is registered: that is another one now
            found.update(other for request in view.requests_about(name) for other in request.resources)
    return found


def _groups_of(view: View, names: Iterable[ResourceName]) -> tuple[tuple[ResourceName, ...], ...]:
    found: dict[ResourceName, tuple[ResourceName, ...]] = {}
    for name in names:
        resource = view.resources.get(name)
        if resource is not None and not resource.local and name not in found:
            members = group_of(view, name)
            found.update(dict.fromkeys(members, members))
    return tuple(sorted(set(found.values())))
