"""Sentences: why every server may or may not run a resource, and why it is where it is. The only place that turns reasons into words.

Called by `understudy explain`, by crsctl's refusals and the history. Reasons are made where the rules are applied; nothing is worked out
anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from understudy.model.names import PoolName, ResourceName, ServerName, short
from understudy.model.reasons import Reason, Why, parse_reason
from understudy.model.shown import one_line
from understudy.model.state import State, Target
from understudy.model.view import Assignment, Failure, Holder, View
from understudy.policy.eligibility import Standing, group_standings, missing_looks
from understudy.policy.eras import UNHEARD_S, must_wait, unheard
from understudy.policy.ground import Ground, survey
from understudy.policy.groups import dependents, group_of
from understudy.policy.liveness import unended


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One server's standing in words."""

    server: ServerName
    verdict: str
    """`runs it`, `is next` (once the others that may still be running it are proved gone), `admitted` or `refused`."""
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
    servers: tuple[Line, ...]
    budget: str
    last_failure: str = ""


def explain(view: View, name: ResourceName) -> Explanation:
    """Everything about one resource's place; KeyError if it is not registered."""
    resource = view.resources[name]
    members = group_of(view, name)
    wanted = [one for one in members if view.target(one) is Target.ONLINE] or [name]
    ground = survey(view)
    assignment = view.assignments.get(name, Assignment(resource=name, epoch=0))
    standings = () if resource.local else group_standings(ground, wanted if name in wanted else [name])
    owner = assignment.owner
    report = view.report(name, owner.server) if owner else None
    failures = [
        f"{one.server}: {one.failure.text}"
        for server in sorted(view.reports.get(name, {}))
        if (one := view.report(name, server)) is not None and one.failure is not None
    ]
    used = 0 if report is None else report.restarts
    return Explanation(
        resource=name,
        target=view.target(name).value,
        state=_state(view, name, assignment),
        group=members,
        here_because=_here_because(view, assignment, local=resource.local),
        waits_for=_waits_for(ground, assignment),
        servers=tuple(_line(view, one, assignment) for one in standings),
        budget=f"{max(0, resource.restart_attempts - used)} of {resource.restart_attempts} restarts left where it is",
        last_failure="; ".join(failures),
    )


def _state(view: View, name: ResourceName, assignment: Assignment) -> str:
    for one in assignment.holders:
        if unended(view, name, one) is not None:
            return f"{State.UNKNOWN.value} on {one.server}"
        report = view.report(name, one.server)
        if report is not None and report.state is not State.OFFLINE:
            return f"{report.state.value} on {one.server}" + (f", {report.internal.value}" if report.internal != "STABLE" else "")
    return State.OFFLINE.value


def _here_because(view: View, assignment: Assignment, *, local: bool) -> str:
    if local:
        return "it is a local resource: one instance on every server"
    reason = parse_reason(assignment.reason)
    words = assignment.reason if reason is None else sentence(reason)
    if assignment.owner is None:
        return words or "it was never assigned"
    where = f"assigned to {assignment.owner.server}/{short(assignment.owner.incarnation)} under epoch {assignment.epoch}"
    return f"{where}: {words}" if words else where


def _waits_for(ground: Ground, assignment: Assignment) -> tuple[str, ...]:
    view, owner = ground.view, assignment.owner
    waits = list(_looks_to_come(ground, assignment))
    if must_wait(view, assignment.resource):
        waits += [
            f"{one.server}/{short(one.incarnation)} to tell whether it runs there, or to be proved gone: the registry went back and does "
            f"not know it (for {UNHEARD_S:g} s, then it is evicted)"
            for one in unheard(view, assignment.resource)
        ]
    for one in assignment.holders:
        if (failure := unended(view, assignment.resource, one)) is not None:
            waits.append(_to_be_seen_gone(one, failure))
            continue
        if owner is not None and one.incarnation == owner.incarnation:
            continue
        life = view.life(one.incarnation)
        who = f"{one.server}/{short(one.incarnation)}"
        waits.append(f"{who} to be proved gone: it is {life.value if life else 'unknown'} and may still be running it")
    return tuple(waits)


def _to_be_seen_gone(holder: Holder, failure: Failure) -> str:
    server = holder.server
    return (
        f"{server}/{short(holder.incarnation)} to be seen gone: it said that something of it could not be ended"
        f"{f' ({failure.text})' if failure.text else ''}, and has only been silent since. It is gone when {server} joins again; "
        f"if {server} is off, say so: understudy server confirm-off {server}"
    )


def _looks_to_come(ground: Ground, assignment: Assignment) -> Iterator[str]:
    """Checks without which it may not be started anywhere (S6)."""
    view, name = ground.view, assignment.resource
    resource = view.resources[name]
    if assignment.owner is not None or resource.local or view.target(name) is not Target.ONLINE:
        return
    for server in missing_looks(ground, resource, never_placed=assignment.epoch == 0):
        if view.could_not_tell(server, ground.present[server].incarnation, resource):
            yield (
                f"{server} to tell whether it runs there: its check does not answer. It was never started by the cluster, so it could be "
                f"running there by hand; mend what the check waits for there, or let PLACEMENT leave {server} out"
            )
        else:
            yield f"{server} to check whether it runs there"


def _line(view: View, one: Standing, assignment: Assignment) -> Line:
    here = assignment.owner is not None and assignment.owner.incarnation == one.incarnation
    tried = one.incarnation is not None and one.incarnation in assignment.tried
    words = sentence_about(one.reason, assignment.resource)
    if one.admitted and one.incarnation is not None and one.incarnation in view.unable:
        words += f"; but the server cannot act: {view.unable[one.incarnation].why}"
    if tried:
        words += "; it failed there before and is tried there again only when nothing else is left, or on request"
    lost = here and assignment.owner is not None and unended(view, assignment.resource, assignment.owner) is not None
    chosen = "unknown" if lost else "runs it" if one.incarnation is not None and assignment.sole_holder(one.incarnation) else "is next"
    verdict = chosen if here else "admitted" if one.admitted else "refused"
    change = "" if one.admitted else remedy(one.reason, one.server)
    named = _pool_names(view, one.reason)
    if "SERVER_NAMES=" in change and one.server in named:
        change = "it is named there already: raise the pool's MAX_SIZE, or lower the IMPORTANCE of the pool that has it"
    change = change.replace("SERVER_NAMES=...", f"SERVER_NAMES={' '.join(named)}")
    return Line(server=one.server, verdict=verdict, because=words, would_change=change)


def _pool_names(view: View, reason: Reason) -> tuple[ServerName, ...]:
    """The servers that the first of the pools in question names already."""
    inner = parse_reason(reason.of[1]) if reason.why is Why.FELLOW_REFUSED else reason
    pool = view.pools.get(PoolName(inner.of[0])) if inner is not None and inner.of else None
    return () if pool is None else pool.server_names


_SENTENCES: dict[Why, str] = {
    Why.NEVER_SEEN: "it has never joined the cluster",
    Why.NOT_ONLINE: "the server is {0}",
    Why.CANNOT_ACT: "it holds its lease but cannot act: {0}",
    Why.NOT_LOOKED: "it has not checked yet whether the resource runs there",
    Why.COULD_NOT_TELL: "its check did not answer there, so it is not known whether the resource could run there",
    Why.NOT_IN_POOL: "it is in none of the server pools that PLACEMENT allows: {*}",
    Why.NOT_A_MEMBER: "HOSTING_MEMBERS does not name it: {*}",
    Why.NETWORK_DOWN: "{0} is not ONLINE there",
    Why.TYPE_MISSING: "nothing of type {0} is ONLINE there",
    Why.EXCLUDED: "{0} runs there and the two exclude each other",
    Why.RIVAL_NOT_LOOKED: "it has not checked yet whether {0} runs there, and the two exclude each other",
    Why.DISABLED: "the resource is disabled (ENABLED=0)",
    Why.PREFERRED: "it is number {0} among the favoured servers",
    Why.POSSIBLE: "its placement allows it",
    Why.TRIED: "it failed there",
    Why.FIRST_CHOICE: "it was the best candidate",
    Why.STAYS: "it stays where it is as long as that server may run it",
    Why.REQUESTED: "an operator asked for it ({0})",
    Why.HOLDER_PROVEN: "{0}, where it ran before, is proved gone ({1})",
    Why.FAILED_THERE: "{0} failed on {1} and used up what it may try there",
    Why.GATHERED: "what depends on each other must be on one server",
    Why.BACK_TO_FAVOURED: "ACTIVE_PLACEMENT brings it to a favoured server",
    Why.NO_LONGER_ADMITTED: "{0}, where it ran before, may not run it any more",
    Why.LEAVES: "{0}, where it ran before, leaves the cluster in order",
    Why.TARGET_OFFLINE: "its TARGET is OFFLINE",
    Why.NO_CANDIDATE: "no server may run it now",
    Why.LAST_RESORT: "{0} has failed on every candidate; it is tried again here, with growing pauses",
    Why.RECOVERED: "it came up again after it had failed on every candidate",
    Why.FOUND_RUNNING: "it was found running on {0}",
    Why.UNPROVEN: "{0} may still be running it",
}

_REMEDIES: dict[Why, str] = {
    Why.NEVER_SEEN: "start the clusterware on {server}",
    Why.NOT_ONLINE: "it counts again when {server} has joined",
    Why.CANNOT_ACT: "it counts again when understudyd and understudy-exec answer on {server} and it reaches the registry",
    Why.NOT_LOOKED: "nothing to do: the check is under way",
    Why.COULD_NOT_TELL: "mend what the check waits for on {server} (its script, its user, its storage): it is asked again and again",
    Why.NOT_IN_POOL: 'add it: crsctl modify serverpool {0} -attr "SERVER_NAMES=... {server}"',
    Why.NOT_A_MEMBER: "add {server} to HOSTING_MEMBERS (crsctl modify resource)",
    Why.NETWORK_DOWN: "bring {0} up on {server}: look at its interface and subnet",
    Why.TYPE_MISSING: "start a resource of type {0} there",
    Why.EXCLUDED: "stop or relocate {0}",
    Why.RIVAL_NOT_LOOKED: "nothing to do: the check of {0} is under way",
    Why.DISABLED: "crsctl modify resource ... -attr ENABLED=1",
}


def sentence(reason: Reason) -> str:
    """One reason in words."""
    if reason.why is Why.FELLOW_REFUSED:
        inner = _inner(reason)
        return f"{reason.of[0]}, which must be on the same server, may not: {sentence(inner) if inner else reason.of[1]}"
    return _filled(_SENTENCES[reason.why], reason.of)


def sentence_about(reason: Reason, name: ResourceName) -> str:
    """One reason in words, to somebody who asks about this resource: what refuses it itself is not said of a fellow."""
    own = reason.why is Why.FELLOW_REFUSED and reason.of[0] == name
    return sentence((_inner(reason) or reason) if own else reason)


def no_candidate(view: View, name: ResourceName) -> str:
    """Why no server may run it, with its group, in one line: each rule once, with the servers that it refuses."""
    wanted = [one for one in group_of(view, name) if view.target(one) is Target.ONLINE] or [name]
    refused: dict[str, list[str]] = {}
    for one in group_standings(survey(view), wanted):
        refused.setdefault(sentence_about(one.reason, name), []).append(one.server)
    return "; ".join(f"{why} ({', '.join(servers)})" for why, servers in refused.items())


def remedy(reason: Reason, server: ServerName) -> str:
    """What would change a refusal; empty where nothing is known to."""
    if reason.why is Why.FELLOW_REFUSED:
        inner = _inner(reason)
        return "" if inner is None else remedy(inner, server)
    return _filled(_REMEDIES.get(reason.why, "").replace("{server}", server), reason.of)


def _inner(reason: Reason) -> Reason | None:
    """A fellow's own reason; its names may have been divided at their commas on the way through the registry."""
    return parse_reason(",".join(reason.of[1:]))


def _filled(text: str, of: tuple[str, ...]) -> str:
    text = text.replace("{*}", ", ".join(of))
    for number, name in enumerate(of):
        text = text.replace("{" + str(number) + "}", name)
    return text.replace(" ({0})", "").replace("{0}", "?").replace("{1}", "?")


def render(view: View, name: ResourceName) -> list[str]:
    """The explanation as lines for a terminal."""
    one = explain(view, name)
    width = max((len(line.server) for line in one.servers), default=6)
    lines = [f"{name}: TARGET {one.target}, {one.state}", f"  why: {one.here_because}"]
    if len(one.group) > 1:
        lines.append(f"  moves with: {', '.join(other for other in one.group if other != name)}")
    lines += [f"  waits for {wait}" for wait in one.waits_for]
    lines.append(f"  {one.budget}")
    if one.last_failure:
        lines.append(f"  last failure: {one.last_failure}")
    if users := dependents(view, name):
        lines.append(f"  needed by: {', '.join(users)}")
    for line in one.servers:
        lines.append(f"  {line.server:<{width}}  {line.verdict:<8}  {line.because}")
        if line.would_change:
            lines.append(f"  {'':<{width}}  {'':<8}  -> {line.would_change}")
    return [one_line(line) for line in lines]
