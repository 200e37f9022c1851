"""Why a resource is where it is, what it waits for, and how every server stands for it: what `understudy explain` tells.

Words come from `sentences.py` and `waits.py`, the state from `instances.py`, as for crsctl; nothing is worked out anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from understudy.model.cardinality import apart, instance_here
from understudy.model.conditions import Own
from understudy.model.failures import are_counted, failures, in_window
from understudy.model.names import ResourceName, ServerName, registered_name, short
from understudy.model.reasons import Why
from understudy.model.resource import Resource
from understudy.model.shown import one_line
from understudy.model.state import Internal, State, Target
from understudy.model.view import Assignment, View
from understudy.policy.autostart import BY
from understudy.policy.eligibility import Standing, group_standings, standing
from understudy.policy.failover import Tie, tie_of
from understudy.policy.ground import Ground, survey
from understudy.policy.groups import dependents, group_of
from understudy.policy.instances import RUNNING, instances
from understudy.policy.liveness import unended
from understudy.policy.sentences import remedy, remedy_here, sentence, sentence_about
from understudy.policy.waits import waits


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainLine:
    """One server's standing in words."""

    server: ServerName
    verdict: str
    """`runs it`; `has it` (it belongs there and does not run); `is next` (once the others that may still be running it are proved gone);
    `admitted` or `refused`."""
    because: str
    would_change: str = ""
    """What would make a refused server an admitted one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What `understudy explain NAME` tells."""

    resource: ResourceName
    target: str
    state: str
    group: tuple[ResourceName, ...]
    """It and what moves with it."""
    here_because: str
    waits_for: tuple[str, ...]
    servers: tuple[ExplainLine, ...]
    budget: str
    last_failure: str = ""
    lane_here: str = ""
    """What the lane on the server that was asked waits for, by its own word, and for how long still."""
    in_the_way: tuple[str, ...] = ()
    """What runs where this resource may not, and must be beside it."""


def explain(view: View, name: ResourceName, own: Own | None = None) -> Explanation:
    """Everything about the place of one resource, or of one instance of several, and what the server that was asked knows by itself;
    KeyError if it is not registered."""
    view = apart(view)
    resource = view.resources[name]
    members = group_of(view, name)
    wanted = [member for member in members if view.target(member) is Target.ONLINE] or [name]
    ground = survey(view)
    assignment = view.assignments.get(name, Assignment(resource=name, epoch=0))
    standings = () if resource.local else group_standings(ground, wanted if name in wanted else [name])
    tie = None if name not in wanted or resource.local else _tie(ground, wanted, assignment)
    owner = assignment.owner
    report = view.report(name, owner.server) if owner else None
    failures = [
        f"{known.server}: {known.failure.text}"
        for server in sorted(view.reports.get(name, {}))
        if (known := view.report(name, server)) is not None and known.failure is not None
    ]
    used, there = 0 if report is None else report.restarts, resource if owner is None else resource.on(owner.server)
    return Explanation(
        resource=name,
        target=view.target(name).value,
        state=_state(view, name),
        group=members,
        here_because=_here_because(view, assignment, local=resource.local),
        waits_for=tuple(cause.text for cause in waits(view, ground).of(name)),
        servers=tuple(_line(view, ruled, assignment, tie) for ruled in standings),
        budget=_budget(view, there, used),
        last_failure="; ".join(failures),
        lane_here="" if own is None or not _works_for(view, name, own) else _lane_here(own, registered_name(name)),
        in_the_way=tuple(_in_the_way(ground, name, members)),
    )


def _tie(ground: Ground, wanted: Sequence[ResourceName], assignment: Assignment) -> Tie | None:
    """The server to which its group is tied. What is left of a delay the leader knows; that there is one is written."""
    reason = assignment.reason
    if assignment.owner is None and reason is not None and reason.why is Why.FAILOVER_DELAYED:
        return Tie(server=ServerName(reason.of[0]), reason=reason)
    return tie_of(ground, wanted, {name: ground.view.assignments.get(name, Assignment(resource=name, epoch=0)) for name in wanted})


def _budget(view: View, resource: Resource, used: int) -> str:
    """How many restarts are left, and how many of the failures that FAILURE_THRESHOLD allows have been."""
    left = f"{max(0, resource.restart_attempts - used)} of {resource.restart_attempts} restarts left where it is"
    if not are_counted(resource) or resource.local:
        return left
    found = in_window(resource, failures(view, resource))
    return f"{left}; {len(found)} of {resource.failure_threshold} failures within {resource.failure_interval_s:g} s"


def _works_for(view: View, name: ResourceName, own: Own) -> bool:
    """Whether the lane on this server is about this instance; where it has none, about the first."""
    if not view.resources[name].siblings or own.incarnation is None:
        return True
    return (instance_here(view, registered_name(name), own.incarnation) or registered_name(name)) == name


def _lane_here(own: Own, name: ResourceName) -> str:
    wait = own.waits.get(name)
    if wait is None:
        return ""
    whom = f" ({', '.join(wait.of)})" if wait.of else ""
    left = f", in {max(0.0, wait.until - own.now):.0f} s" if wait.until is not None else ""
    return f"{own.server}: {wait.what}{whom}{left}"


def _in_the_way(ground: Ground, name: ResourceName, members: tuple[ResourceName, ...]) -> Iterator[str]:
    """Of a resource that does not run: members of its group that do, on a server that may not run it."""
    view, resource = ground.view, ground.view.resources[name]
    if resource.local or any(instance.state in RUNNING for instance in instances(view, resource)):
        return
    for other in members:
        shown = instances(view, view.resources[other])[0]
        if other == name or shown.state not in RUNNING or shown.server is None:
            continue
        here = standing(ground, resource, shown.server)
        if not here.admitted:
            why = sentence(here.reason)
            yield f"{other}, which must be on the same server, runs on {shown.server}: {why}. crsctl start resource {name} -f moves it"


def _state(view: View, name: ResourceName) -> str:
    """As `crsctl stat res` says it, with what is under way and what else has to be known."""
    texts = []
    for instance in instances(view, view.resources[name]):
        internal = "" if instance.internal is Internal.STABLE else instance.internal.value
        texts.append(", ".join(text for text in (instance.state_text, internal, instance.state_details) if text))
    return "; ".join(texts) or State.OFFLINE.value


def _here_because(view: View, assignment: Assignment, *, local: bool) -> str:
    if local:
        return "it is a local resource: one instance on every server"
    words = "" if assignment.reason is None else sentence(assignment.reason)
    target = view.targets.get(assignment.resource)
    if target is not None and target.target is Target.OFFLINE and target.by.startswith(BY):
        words = f"its TARGET is OFFLINE ({target.by})"
    if assignment.owner is None:
        name = assignment.resource
        found = any(instance.state in RUNNING for instance in instances(view, view.resources[name]))
        command = f"crsctl start resource {name}, or crsctl stop resource {name}"
        left_alone = f": it was found running, and is left alone until somebody starts or stops it by command ({command})" if found else ""
        return words or f"it was never assigned{left_alone}"
    where = f"assigned to {assignment.owner.server}/{short(assignment.owner.incarnation)} under epoch {assignment.epoch}"
    return f"{where}: {words}" if words else where


def _line(view: View, ruled: Standing, assignment: Assignment, tie: Tie | None) -> ExplainLine:
    here = assignment.owner is not None and assignment.owner.incarnation == ruled.incarnation
    tried = ruled.incarnation is not None and ruled.incarnation in assignment.tried
    words = sentence_about(ruled.reason, assignment.resource)
    if ruled.admitted and ruled.incarnation is not None and ruled.incarnation in view.unable:
        words += f"; but the server cannot act: {view.unable[ruled.incarnation].why}"
    elsewhere = tie if tie is not None and ruled.admitted and ruled.server != tie.server else None
    if elsewhere is not None:
        words += f"; but {sentence(elsewhere.reason)}"
    if tried:
        words += "; it failed there before and is tried there again only when nothing else is left, or on request"
    lost = here and assignment.owner is not None and unended(view, assignment.resource, assignment.owner) is not None
    report = view.report(assignment.resource, ruled.server)
    sole = ruled.incarnation is not None and assignment.sole_holder(ruled.incarnation)
    verdict = "unknown" if lost else "has it" if sole else "is next" if here else "admitted" if ruled.admitted else "refused"
    if not lost and report is not None and report.state in RUNNING:
        verdict = "runs it"
    change = "" if ruled.admitted else remedy_here(view, ruled.reason, ruled.server, assignment.resource)
    if elsewhere is not None:
        change = remedy(elsewhere.reason, ruled.server, assignment.resource)
    return ExplainLine(server=ruled.server, verdict=verdict, because=words, would_change=change)


def render(view: View, name: ResourceName, own: Own | None = None) -> list[str]:
    """The explanation as lines for a terminal; of a resource with several instances, of each."""
    return [line for instance in instances_of(view, name) or (name,) for line in _render(view, instance, own)]


def instances_of(view: View, name: ResourceName) -> tuple[ResourceName, ...]:
    """The instances that a resource shall have, if it is one that has several."""
    each = apart(view)
    siblings = each.resources[name].siblings if name in view.resources and not view.apart else ()
    return tuple(instance for instance in siblings if not each.resources[instance].beyond)


def _render(view: View, name: ResourceName, own: Own | None) -> list[str]:
    explanation = explain(view, name, own)
    width = max((len(line.server) for line in explanation.servers), default=6)
    lines = [f"{name}: TARGET {explanation.target}, {explanation.state}", f"  why: {explanation.here_because}"]
    if len(explanation.group) > 1:
        lines.append(f"  moves with: {', '.join(other for other in explanation.group if other != name)}")
    lines += [f"  waits for {wait}" for wait in explanation.waits_for]
    if explanation.lane_here:
        lines.append(f"  next step on {explanation.lane_here}")
    lines.append(f"  {explanation.budget}")
    if explanation.last_failure:
        lines.append(f"  last failure: {explanation.last_failure}")
    if users := dependents(view, name):
        lines.append(f"  needed by: {', '.join(users)}")
    lines += [f"  in the way: {text}" for text in explanation.in_the_way]
    for line in explanation.servers:
        lines.append(f"  {line.server:<{width}}  {line.verdict:<8}  {line.because}")
        if line.would_change:
            lines.append(f"  {'':<{width}}  {'':<8}  -> {line.would_change}")
    return [one_line(line) for line in lines]
