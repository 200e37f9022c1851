"""Owns what is said at the end of the waiting: what has not come about, and why. Called by the verbs after `follow.py`."""

from understudy.daemon.verbs.follow import Settled
from understudy.daemon.verbs.world import CommandContext
from understudy.intent.start import refused_by
from understudy.model.cardinality import apart
from understudy.model.messages import line
from understudy.model.names import ResourceName
from understudy.model.reasons import parse_reason
from understudy.model.state import Target
from understudy.model.view import View
from understudy.policy.sentences import sentence
from understudy.policy.waits import waits


def report(world: CommandContext, settled: Settled, action: str) -> None:
    """Say what did not come about, the culprit first."""
    view = apart(settled.view)
    for event in settled.refused:
        reason = parse_reason(event.cause)
        world.say(20067, event.resource, event.text or (event.cause if reason is None else sentence(reason)))
    culprits = [name for name in settled.failed if _failed_itself(view, name)]
    asked = waits(view)
    for name in culprits or settled.failed:
        assignment, wish = view.assignments.get(name), view.targets.get(name)
        if name in view.resources and view.target(name) is (Target.ONLINE if action == "stop" else Target.OFFLINE):
            world.say(20164 if action == "stop" else 20163, name, wish.by if wish is not None and wish.by else "somebody")
        elif assignment is not None and assignment.last_resort:
            world.output.out("\n".join((line(2632, name), *refused_by(view, name))))
        elif name in view.resources and (why := "; and for ".join(cause.text for cause in asked.of(name) if not cause.under_way)):
            world.say(20160, name, why)
    for name in settled.pending:
        why = settled.why.get(name, "")
        world.say(20063, f"{settled.after_s:.0f}", f"{action} of '{name}' goes on{f', and waits for {why}' if why else ''}", name)


def _failed_itself(view: View, name: ResourceName) -> bool:
    return any(known.failure is not None for server in view.reports.get(name, {}) if (known := view.report(name, server)))
