"""The two readings of a View in which resources have several instances: the leader's, and a server's (docs/design/0027-instances.md).

To policy each instance is a resource with an assignment, a TARGET and reports of its own (`apart`). A server has one lane for each
resource, which works for the instance that it holds (`seen_from`). Where no resource has several instances both are the View itself.
Pure: what is remembered only makes the answers cheap.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from understudy.model.maps import KEPT, Derived, differing, with_changes
from understudy.model.membership import pools_now
from understudy.model.namers import Trait, with_trait
from understudy.model.names import Incarnation, ResourceName, ServerName, instance_name, number_of, registered_name
from understudy.model.profile import resolve
from understudy.model.resource import MOST_INSTANCES, POOL_SIZE, Resource
from understudy.model.state import PROVEN, Internal, State, Target
from understudy.model.view import Assignment, Report, TargetRecord, View
from understudy.model.wanted import opposite

Reports = Mapping[ServerName, Report]
_NOBODYS = 0
"""The number under which reports stand of which that is not known."""
Layout = tuple[tuple[ResourceName, tuple[int, ...], frozenset[int]], ...]
"""Of each resource that has several instances: its name, all numbers, and those that are more than are wanted."""


Assignments = Mapping[ResourceName, Assignment]
InstancesByName = Mapping[ResourceName, frozenset[ResourceName]]


def _amend(known: InstancesByName, before: Assignments, after: Assignments) -> InstancesByName:
    touched: dict[ResourceName, set[ResourceName]] = {}
    for name in differing(before, after):
        if (base := registered_name(name)) != name:
            names = touched.setdefault(base, set(known.get(base, ())))
            (names.add if name in after else names.discard)(name)
    if not touched:
        return known
    changed = {**known, **{base: frozenset(names) for base, names in touched.items()}}
    return {base: names for base, names in changed.items() if names}


_numbered: Derived[ResourceName, Assignment, InstancesByName] = Derived(_amend, {})
"""Of each resource, the instances but the first that have an assignment."""


def _bases(view: View) -> tuple[ResourceName, ...]:
    """The resources that have several instances, or had."""
    several, numbered = with_trait(view.resources, Trait.SEVERAL), _numbered(view.assignments)
    if not several and not numbered:
        return ()
    return tuple(sorted({*several, *(name for name in numbered if name in view.resources)}))


def assigned(view: View, name: ResourceName) -> tuple[tuple[ResourceName, Assignment], ...]:
    """The assignments of a resource's instances, by number."""
    names = sorted((name, *_numbered(view.assignments).get(name, ())), key=number_of)
    return tuple((each, view.assignments[each]) for each in names if each in view.assignments)


def highest_epoch(view: View, name: ResourceName) -> int:
    """Of all instances of the resource whose instance this is: what is given next is above it."""
    return max((assignment.epoch for _, assignment in assigned(view, registered_name(name))), default=0)


def instance_here(view: View, name: ResourceName, incarnation: Incarnation) -> ResourceName | None:
    """The instance of a resource for which this incarnation's server works: that which it owns, else that of which it is a holder."""
    held = None
    for instance, assignment in assigned(view, name):
        if assignment.owner is not None and assignment.owner.incarnation == incarnation:
            return instance
        if held is None and any(holder.incarnation == incarnation for holder in assignment.holders):
            held = instance
    return held


def possible_names(view: View, name: ResourceName) -> tuple[ResourceName, ...]:
    """Every instance of a resource that has an assignment, or may be given one at any moment."""
    resource = view.resources.get(name)
    most = 1 if resource is None else resource.cardinality or min(MOST_INSTANCES, len(view.present()))
    names = [*(instance_name(name, number) for number in range(1, most + 1)), *(each for each, _ in assigned(view, name))]
    return tuple(dict.fromkeys(names))


# --- which numbers there are ----------------------------------------------------------------------------------------


def _layout(view: View, bases: Iterable[ResourceName]) -> Layout:
    found = []
    for name in bases:
        known = {number_of(each): assignment for each, assignment in assigned(view, name)}
        held = {number for number, assignment in known.items() if assignment.owner is not None or assignment.holders}
        wanted = _wanted(view, view.resources[name], known)
        numbers = {1, *wanted, *held} - {0}
        found.append((name, tuple(sorted(numbers)), frozenset(numbers - wanted)))
    return tuple(found)


def _wanted(view: View, resource: Resource, known: Mapping[int, Assignment]) -> set[int]:
    """Those that there shall be: with a cardinality the lowest; with the size of the pools first those that have a server there, then those
    that have one elsewhere, then the lowest."""
    if resource.cardinality != POOL_SIZE:
        return set(range(1, resource.cardinality + 1))
    pools = pools_now(view)
    there = {server for pool in resource.server_pools for server in (view.workers() if pool == "*" else pools.get(pool, ()))}
    size = min(MOST_INSTANCES, max(1, len(there)))
    present = view.present()
    owned = [(number, owner) for number, assignment in known.items() if (owner := assignment.owner) is not None]
    alive = [number for number, owner in owned if owner.server in there and present[owner.server].incarnation == owner.incarnation]
    ordered = dict.fromkeys((*sorted(alive), *sorted(number for number, _ in owned), *range(1, size + 1)))
    return set(list(ordered)[:size])


# --- the leader's reading -------------------------------------------------------------------------------------------

_apart: list[tuple[View, View]] = []
_resources: list[tuple[Mapping[ResourceName, Resource], Layout, Mapping[ResourceName, Resource]]] = []
_targets: list[tuple[Mapping[ResourceName, TargetRecord], Layout, Mapping[ResourceName, TargetRecord]]] = []


def apart(view: View) -> View:
    """The View in which each instance is a resource; the very same one where none has several, or where they are apart already."""
    if view.apart:
        return view
    for known, found in _apart:
        if known is view:
            return found
    bases = _bases(view)
    if not bases:
        return view
    layout = _layout(view, bases)
    found = replace(
        view,
        plain=view,
        resources=_resources_apart(view, layout),
        targets=_targets_apart(view, layout),
        reports=with_changes(view.reports, dict(_reports_apart(view, layout))),
    )
    _apart[:] = [(view, found), *_apart[: KEPT - 1]]
    return found


def _resources_apart(view: View, layout: Layout) -> Mapping[ResourceName, Resource]:
    for resources, known, found in _resources:
        if resources is view.resources and known == layout:
            return found
    changes: dict[ResourceName, Resource | None] = {}
    for name, numbers, beyond in layout:
        siblings = tuple(instance_name(name, number) for number in numbers)
        for number, instance in zip(numbers, siblings, strict=True):
            of_number = _of_number(view, name, number)
            changes[instance] = replace(of_number, name=instance, siblings=siblings, beyond=number in beyond)
    found = with_changes(view.resources, changes)
    _resources[:] = [(view.resources, layout, found), *_resources[: KEPT - 1]]
    return found


def _of_number(view: View, name: ResourceName, number: int) -> Resource:
    """The resource with the values that count for the instance of this number."""
    resource, definition = view.resources[name], view.definitions.get(name)
    if number != 1 and definition is not None and any("@CARDINALITYID(" in each for each in resource.attributes):
        resource = resolve(definition, view.types, number)
    return replace(resource, number=number)


def _targets_apart(view: View, layout: Layout) -> Mapping[ResourceName, TargetRecord]:
    for targets, known, found in _targets:
        if targets is view.targets and known == layout:
            return found
    changes: dict[ResourceName, TargetRecord | None] = {}
    for name, numbers, beyond in layout:
        if (record := view.targets.get(name)) is not None:
            changes |= {instance_name(name, number): _target(record, number, number in beyond) for number in numbers}
    found = with_changes(view.targets, changes)
    _targets[:] = [(view.targets, layout, found), *_targets[: KEPT - 1]]
    return found


def _target(record: TargetRecord, number: int, beyond: bool) -> TargetRecord:
    """The record of one instance alone. More than are wanted nobody wants."""
    return replace(record, target=Target.OFFLINE if beyond else record.of(number), numbers=())


def with_targets(view: View, targets: Mapping[ResourceName, TargetRecord]) -> View:
    """The View once these records of whole resources are written, also where instances are apart."""
    changes: dict[ResourceName, TargetRecord | None] = {}
    for name, record in targets.items():
        resource = view.resources.get(name)
        siblings = () if resource is None or not view.apart else resource.siblings
        changes |= {each: _target(record, number_of(each), view.resources[each].beyond) for each in siblings} or {name: record}
    return replace(view, targets=with_changes(view.targets, changes))


def together(view: View, name: ResourceName, wanted: Mapping[ResourceName, Target], said: TargetRecord) -> TargetRecord:
    """The record of a whole resource by which these of its instances are wanted so, and the others as before. `said`: by whom, and what.
    What is wanted of most is wanted of an instance that there is not yet; where as many are wanted as not, what was wanted before."""
    siblings = [each for each in view.resources[name].siblings if not view.resources[each].beyond]
    targets = {number_of(each): wanted.get(each, view.target(each)) for each in siblings}
    up = [number for number, target in targets.items() if target is Target.ONLINE]
    down = [number for number in targets if number not in up]
    usual = opposite(said.target) if len(up) == len(down) else Target.ONLINE if len(up) > len(down) else Target.OFFLINE
    return replace(said, target=usual, numbers=tuple(down if usual is Target.ONLINE else up))


def whole_resources(view: View, found: Mapping[ResourceName, TargetRecord]) -> dict[ResourceName, TargetRecord]:
    """Records of instances as those of their resources, which are what is written."""
    written: dict[ResourceName, TargetRecord] = {}
    for name, record in found.items():
        base = registered_name(name)
        resource = view.resources.get(base)
        if base in written:
            continue
        if resource is None or not resource.siblings:
            written[name] = record
        else:
            wanted = {each: found[each].target for each in resource.siblings if each in found}
            written[base] = together(view, base, wanted, record)
    return written


# --- whose a report is ----------------------------------------------------------------------------------------------


def _reports_apart(view: View, layout: Layout) -> Iterator[tuple[ResourceName, Reports | None]]:
    for name, numbers, _ in layout:
        found = _attributed(view, name, numbers, view.reports.get(name, {}))
        for number in (*numbers, _NOBODYS):
            yield instance_name(name, number), found.get(number)


def _attributed(view: View, name: ResourceName, numbers: tuple[int, ...], reports: Reports) -> dict[int, dict[ServerName, Report]]:
    """Each report under the number that it is about: that of which its incarnation is a holder; of what runs and was given to nobody there,
    the lowest that belongs to nobody, else the first; as long as it is not known again what runs where, that is not said yet."""
    found: dict[int, dict[ServerName, Report]] = {}
    loose: list[Report] = []
    for server, report in sorted(reports.items()):
        held = instance_here(view, name, report.incarnation)
        if held is not None:
            found.setdefault(number_of(held), {})[server] = report
        elif runs(report) and view.life(report.incarnation) not in (None, *PROVEN):
            loose.append(report)
    busy = {number for number, mine in found.items() if any(map(runs, mine.values()))}
    free = [number for number in numbers if number not in busy and _is_free(view, name, number)] if loose else []
    for report in loose:
        number = free.pop(0) if free else _NOBODYS if view.recovering else numbers[0]
        found.setdefault(number, {})[report.server] = report
    return found


def unattributed(view: View, name: ResourceName) -> bool:
    """Whether something of the resource runs of which it is not known yet which instance it is."""
    return instance_name(registered_name(name), _NOBODYS) in view.reports


def runs(report: Report) -> bool:
    """Whether it says that something runs, or is about to."""
    return report.state is not State.OFFLINE or report.internal is not Internal.STABLE


def _is_free(view: View, name: ResourceName, number: int) -> bool:
    """Whether an instance belongs to nobody. Of a copy of the registry: whether nobody can be running it to whom it belongs there."""
    assignment = view.assignments.get(instance_name(name, number))
    if assignment is None:
        return True
    holders = (*assignment.holders, *(() if assignment.owner is None else (assignment.owner,)))
    if not view.in_doubt(assignment):
        return not holders
    records = (view.incarnations.get(holder.incarnation) for holder in holders)
    return all(record is None or record.life in PROVEN or view.has_reported(record) for record in records)


# --- a server's reading ---------------------------------------------------------------------------------------------

_Here = tuple[tuple[ResourceName, int], ...]
"""Of each resource that has several instances: the number for which the server works; 1: for none."""
_seen: list[tuple[View, Incarnation, View]] = []
_resources_here: list[tuple[Mapping[ResourceName, Resource], _Here, Mapping[ResourceName, Resource]]] = []


def seen_from(view: View, incarnation: Incarnation) -> View:
    """The View in which each resource has the assignment and the TARGET of the instance for which this incarnation's server works."""
    for known, whose, found in _seen:
        if known is view and whose == incarnation:
            return found
    bases = _bases(view)
    if not bases:
        return view
    assignments: dict[ResourceName, Assignment | None] = {}
    targets: dict[ResourceName, TargetRecord | None] = {}
    here: list[tuple[ResourceName, int]] = []
    for name, _, beyond in _layout(view, bases):
        instance, record = instance_here(view, name, incarnation), view.targets.get(name)
        number = 1 if instance is None else number_of(instance)
        if instance is not None and instance != name:
            assignments[name] = replace(view.assignments[instance], resource=name)
        if record is not None and (record.numbers or (instance is not None and number in beyond)):
            targets[name] = _target(record, number if instance is not None else 0, instance is not None and number in beyond)
        here.append((name, number))
    found = replace(
        view,
        resources=_resources_of(view, tuple(here)),
        assignments=with_changes(view.assignments, assignments),
        targets=with_changes(view.targets, targets),
    )
    _seen[:] = [(view, incarnation, found), *_seen[: KEPT - 1]]
    return found


def _resources_of(view: View, here: _Here) -> Mapping[ResourceName, Resource]:
    for resources, known, found in _resources_here:
        if resources is view.resources and known == here:
            return found
    changes: dict[ResourceName, Resource | None] = {name: _of_number(view, name, number) for name, number in here if number != 1}
    found = with_changes(view.resources, changes)
    _resources_here[:] = [(view.resources, here, found), *_resources_here[: KEPT - 1]]
    return found
