"""`-i`: whether a command would have to wait for what another one, or the cluster itself, is doing now. Pure."""

from collections.abc import Iterable

from understudy.intent.facts import groups_of, stop_dependents
from understudy.intent.instances import siblings_of
from understudy.intent.refusal import Declined
from understudy.model.cardinality import apart
from understudy.model.messages import line
from understudy.model.names import ResourceName
from understudy.model.reasons import Why
from understudy.model.state import Target
from understudy.model.view import View
from understudy.policy.waits import waits


def beside(view: View, names: Iterable[ResourceName]) -> tuple[ResourceName, ...]:
    """The names with what stops with them and what moves with them."""
    view = apart(view)
    asked = tuple(each for name in names if name in view.resources for each in siblings_of(view, name))
    member_of = groups_of(view)
    found = dict.fromkeys((*asked, *stop_dependents(view, asked)))
    for name in asked:
        if not view.resources[name].local:
            found |= dict.fromkeys(member_of[name])
    return tuple(found)


def check_idle(view: View, names: Iterable[ResourceName]) -> None:
    """Declined where somebody is at work on one of them: for what it waits, and by whose command."""
    view = apart(view)
    asked = waits(view)
    for name in dict.fromkeys(names):
        cause = next((cause for cause in asked.of(name) if cause.passing), None)
        if cause is not None:
            user, command, place = _whose(view, name)
            raise Declined(20600, name, cause.text, below=(line(2682, user, f"{command} : {name}", place),))


def _whose(view: View, name: ResourceName) -> tuple[str, str, str]:
    """Who works on it, at which command, given where: an operator's that is not done, or what the cluster does by itself."""
    requests, record, assignment = view.requests_about(name), view.targets.get(name), view.assignments.get(name)
    if requests:
        return _by(view, requests[0].by, f"Resource {requests[0].verb.capitalize()}")
    if record is not None and view.target(name) is Target.OFFLINE:
        return _by(view, record.by, "Resource Stop")
    reason = None if assignment is None else assignment.reason
    if reason is not None and reason.why is Why.REQUESTED and reason.of:
        return _by(view, reason.of[0], "Resource Start")
    return _by(view, "", "Resource Autostart")


def _by(view: View, by: str, command: str) -> tuple[str, str, str]:
    user, at, place = by.rpartition("@")
    if at:
        return user, command, place
    return by or "SYSTEM", command, "the cluster" if view.leader is None else view.leader.server
