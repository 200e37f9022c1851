"""Names that were deleted are forgotten: their assignments go, and the epoch floor says that no epoch of theirs was higher. Pure.

Why nothing starts twice by it: docs/design/0008-forgotten-names.md. Called by `decide`, which asks last: what is registered comes first.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import accumulate, islice

from understudy.model.names import ResourceName, ServerName, registered_name
from understudy.model.state import PROVEN
from understudy.model.view import View
from understudy.policy.plan import Memory, Step

AT_ONCE = 100
"""Records that one commit rests on, at most: of each name its assignment, its definition, and what is left of its reports."""
EVERY_S = 1.0
"""How often: every commit of everybody rests on the cluster's record, which is written with it."""


def floor_raised(view: View, memory: Memory) -> Step:
    """After the registry went back guards may have forgotten, or remember of names that nobody knows, what is above its floor: then that
    rises before an epoch is given."""
    reported = max((look.floor for look in view.looks.values()), default=0)
    if view.cluster is None or reported <= view.epoch_floor or not _all_know(view, memory):
        return Step()
    return Step(cluster=replace(view.cluster, epoch_floor=reported))


def forget(view: View, now: float, memory: Memory, among: Collection[ResourceName]) -> tuple[Step, float | None]:
    """What is registered no more and may run nowhere, or when it will be forgotten. `among` these names are all that are not registered."""
    if view.cluster is None or view.recovering or not _all_know(view, memory):
        return Step(), None
    names = _some_of(view, _deleted(view, among))
    reports = tuple((name, server) for name in names for server in view.reports.get(name, ()))
    if not names or now < memory.forget_at:
        return Step(), memory.forget_at if names else None
    epochs = (view.assignments[name].epoch for name in names if name in view.assignments)
    cluster = replace(view.cluster, epoch_floor=max(view.epoch_floor, *epochs, 0))
    return Step(names=names, reports=reports, cluster=cluster), None


def removed(view: View) -> frozenset[ServerName]:
    """Servers that were taken out of the cluster for good, as long as something of them is left that is to be forgotten."""
    if not view.servers:
        return frozenset()
    return frozenset({record.server for record in view.incarnations.values()} - view.servers.keys())


def left_of_removed(view: View) -> Step:
    """What is left of the reports of servers that were removed, as many as one commit takes."""
    gone = removed(view)
    reports = ((name, server) for name, servers in view.reports.items() for server in servers if server in gone) if gone else iter(())
    return Step(reports=tuple(islice(reports, AT_ONCE)))


def _deleted(view: View, among: Collection[ResourceName]) -> tuple[ResourceName, ...]:
    found = [name for name in among if not _is_registered(view, name) and _is_nobodys(view, name)]
    return tuple(sorted(name for name in found if not view.requests_about(name)))


def _is_registered(view: View, name: ResourceName) -> bool:
    """Also an instance, as long as there is that number of what is registered, or what is registered cannot be read."""
    base = registered_name(name)
    return name in view.definitions or name in view.resources or (base in view.definitions and base not in view.resources)


def _is_nobodys(view: View, name: ResourceName) -> bool:
    """Whether no incarnation may be running it: what is left of it is an assignment to nobody, or reports."""
    assignment = view.assignments.get(name)
    return name in view.reports if assignment is None else assignment.owner is None and not assignment.holders


def _some_of(view: View, names: Sequence[ResourceName]) -> tuple[ResourceName, ...]:
    """As many as one commit takes."""
    records = accumulate(2 + len(view.reports.get(name, ())) for name in names)
    return tuple(name for name, sum_of_records in zip(names, records, strict=True) if sum_of_records <= AT_ONCE)


def _all_know(view: View, memory: Memory) -> bool:
    """Whether every daemon knows of the floor that may write, or come back: an older version of it begins a forgotten name at epoch 1."""
    newest = {incarnation.incarnation for incarnation in view.present().values() if incarnation.server in memory.servers}
    return all(
        incarnation.forgets
        for incarnation in view.incarnations.values()
        if incarnation.life not in PROVEN or incarnation.incarnation in newest
    )
