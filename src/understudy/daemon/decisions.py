"""What is recorded of a decision of the leader once it is written: lines for the history, and one for the log, to find them by.

Called by `daemon/leader.py`. Decides nothing, and writes nothing to the registry itself.
"""

from understudy.daemon.history import History
from understudy.guard.log import log
from understudy.model import events, logevents
from understudy.model.reasons import code_of
from understudy.model.view import Assignment, View
from understudy.policy.plan import Step

NAMED = 20
"""So many assignments of a decision are named in its line of the log."""


def activity_of(view: View) -> str:
    """The activity of what is decided from this View: the term and the revision of the registry."""
    return f"t{0 if view.leader is None else view.leader.term}r{view.revision}"


def record_decision(history: History, view: View, step: Step, *, ms: float) -> None:
    """Of a step that was decided from this View and is written; `ms`: how long writing it took."""
    activity = activity_of(view)
    if step.assignments or step.incarnations:
        assigned = [_in_words(assignment) for assignment in step.assignments[:NAMED]]
        incarnations = [f"{life.server} {life.life.value}" for life in step.incarnations[:NAMED]]
        more = max(0, len(step.assignments) - NAMED) or None
        log(logevents.DECIDED, activity=activity, assigned=assigned or None, more=more, incarnations=incarnations or None, ms=ms)
    for note in step.notes:
        history.record(note.kind, resource=note.resource, on=note.on, cause=note.cause, ms=ms, activity=activity)
    for assignment in step.assignments:
        before = view.assignments.get(assignment.resource)
        if assignment.last_resort and not (before is not None and before.last_resort):
            on = assignment.owner.server if assignment.owner else None
            cause = code_of(assignment.reason)
            history.record(events.NO_CANDIDATE, resource=assignment.resource, on=on, cause=cause, activity=activity)


def _in_words(assignment: Assignment) -> str:
    owner = "nobody" if assignment.owner is None else assignment.owner.server
    return f"{assignment.resource} to {owner}, epoch {assignment.epoch}"
