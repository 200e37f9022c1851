"""What is written of a decision of the leader, and what is recorded of it once it is: lines for the history, and one for the log, to find
them by.

Called by `daemon/leader.py`. Decides nothing, and writes nothing to the registry itself.
"""

from collections.abc import Mapping
from typing import Any

from understudy.daemon.history import History
from understudy.guard.log import log
from understudy.model import events, logevents
from understudy.model.cardinality import possible_names
from understudy.model.names import ResourceName, registered_name
from understudy.model.reasons import code_of
from understudy.model.view import Assignment, View
from understudy.policy.plan import Step
from understudy.registry import keys

NAMED = 20
"""So many assignments of a decision are named in its line of the log."""


def activity_of(view: View) -> str:
    """The activity of what is decided from this View: the term and the revision of the registry."""
    return f"t{0 if view.leader is None else view.leader.term}r{view.revision}"


def writes_of(view: View, step: Step) -> Mapping[str, Any]:
    """The records of a step that was decided from this View, by key; None: deleted."""
    writes: dict[str, Any] = {keys.incarnation(life.incarnation): life for life in step.incarnations}
    writes |= {keys.assignment(assignment.resource): assignment for assignment in step.assignments}
    writes |= {keys.target(name): target for name, target in step.targets}
    writes |= {keys.request(id): None for id in step.fulfilled}
    if step.cluster is not None:
        writes[keys.CLUSTER] = step.cluster
    writes |= {keys.incarnation(incarnation): None for incarnation in step.forgotten}
    writes |= {keys.assignment(name): None for name in step.names if name in view.assignments}
    writes |= {keys.report(name, server): None for name, server in step.reports}
    return writes


def rests_on(view: View, step: Step) -> tuple[str, ...]:
    """S7: what it is conditional on besides the term and each record that it writes: the records of whoever is a holder from now on, for a
    commit that was long under way must not make one of somebody proved gone and forgotten meanwhile; what is to be forgotten; and where
    something changes for an instance of several, the assignments of all others: no server is given two by commits that know nothing of
    each other."""
    holders = {keys.incarnation(holder.incarnation): None for assignment in step.assignments for holder in assignment.holders}
    siblings = (name for base in _with_instances(view, step) for name in possible_names(view, base))
    return (*holders, *map(keys.resource, step.names), *map(keys.assignment, siblings))


def _with_instances(view: View, step: Step) -> set[ResourceName]:
    """Resources of several instances of which the step changes some."""
    bases = {registered_name(assignment.resource) for assignment in step.assignments}
    return {name for name in bases if len(possible_names(view, name)) > 1}


def record_decision(history: History, view: View, step: Step, *, ms: float, command: str = "") -> None:
    """Of a step that was decided from this View and is written; `ms`: how long writing it took; `command`: from which it follows."""
    activity = activity_of(view)
    if step.assignments or step.incarnations:
        assigned = [_in_words(assignment) for assignment in step.assignments[:NAMED]]
        incarnations = [f"{life.server} {life.life.value}" for life in step.incarnations[:NAMED]]
        more = max(0, len(step.assignments) - NAMED) or None
        log(
            logevents.DECIDED,
            activity=activity,
            assigned=assigned or None,
            more=more,
            incarnations=incarnations or None,
            ms=ms,
            command=command,
        )
    for note in step.notes:
        resource = None if note.resource is None else registered_name(note.resource)
        history.record(note.kind, resource=resource, on=note.on, cause=note.cause, ms=ms, activity=activity, command=command)
    for assignment in step.assignments:
        before = view.assignments.get(assignment.resource)
        if assignment.last_resort and not (before is not None and before.last_resort):
            on = assignment.owner.server if assignment.owner else None
            cause = code_of(assignment.reason)
            resource = registered_name(assignment.resource)
            history.record(events.NO_CANDIDATE, resource=resource, on=on, cause=cause, activity=activity, command=command)


def _in_words(assignment: Assignment) -> str:
    owner = "nobody" if assignment.owner is None else assignment.owner.server
    return f"{assignment.resource} to {owner}, epoch {assignment.epoch}"
