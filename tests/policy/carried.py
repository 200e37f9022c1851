"""A plan of the leader, done: the View that is there after it. Used by the stories of the policy and by tests of its parts."""

from dataclasses import replace

from understudy.model.view import View
from understudy.policy.plan import Plan


def carried_out(view: View, plan: Plan) -> View:
    """The View after every commit of the plan."""
    for step in plan.steps:
        assignments = {**view.assignments, **{assignment.resource: assignment for assignment in step.assignments}}
        assignments = {name: assignment for name, assignment in assignments.items() if name not in step.names}
        incarnations = {**view.incarnations, **{record.incarnation: record for record in step.incarnations}}
        view = replace(
            view,
            revision=view.revision + 1,
            cluster=step.cluster or view.cluster,
            incarnations={name: record for name, record in incarnations.items() if name not in step.forgotten},
            assignments=assignments,
            requests=tuple(request for request in view.requests if request.id not in step.fulfilled),
            targets={**view.targets, **dict(step.targets)},
        )
    return view


def only_forgets(plan: Plan) -> bool:
    """Whether nothing is left to do but to forget incarnations of which the proof is no longer needed (that takes a View of its own)."""
    return not any(replace(step, forgotten=()) for step in plan.steps)
