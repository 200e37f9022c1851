"""Sentences: every reason in words, and what would change a refusal. Reasons are made where the rules are applied, not here.

Called by `explain.py`, `waits.py`, crsctl's refusals and the history. Pure.
"""

from understudy.model.cardinality import apart
from understudy.model.names import PoolName, ResourceName, ServerName, registered_name
from understudy.model.reasons import Reason, Why
from understudy.model.shown import one_line
from understudy.model.state import Target
from understudy.model.view import View
from understudy.policy.advice import as_member, into_pool, of_type, with_instance
from understudy.policy.eligibility import group_standings
from understudy.policy.ground import Ground, survey
from understudy.policy.groups import group_of

_SENTENCES: dict[Why, str] = {
    Why.NEVER_SEEN: "it has never joined the cluster",
    Why.WITNESS: "it is a witness, which votes and runs no resources",
    Why.NOT_ONLINE: "the server is {0}",
    Why.CANNOT_ACT: "it holds its lease but cannot act: {0}",
    Why.NOT_LOOKED: "it has not checked yet whether the resource runs there",
    Why.OLD_VOTERS: "its lease rests on voters that count no more",
    Why.COULD_NOT_TELL: "its check did not answer there, so it is not known whether the resource could run there",
    Why.NOT_IN_POOL: "it is in none of the server pools that PLACEMENT allows: {*}",
    Why.NOT_IN_CATEGORY: "it is not of the server category that SERVER_CATEGORY names: {0}",
    Why.NOT_A_MEMBER: "HOSTING_MEMBERS does not name it: {*}",
    Why.NETWORK_DOWN: "{0} is not ONLINE there",
    Why.NETWORK_STOPPED: "{0} is stopped (its TARGET is OFFLINE)",
    Why.NO_INSTANCE: "{0} has no instance there: the server is in none of its SERVER_POOLS",
    Why.TYPE_MISSING: "nothing of type {0} is ONLINE there",
    Why.INSTANCE_MISSING: "no instance of {0} is ONLINE there",
    Why.EXCLUDED: "{0} runs there and the two exclude each other",
    Why.GIVEN_BACK: "it failed there, and {0}, which it preempts, has no other server",
    Why.RIVAL_NOT_LOOKED: "it has not checked yet whether {0} runs there, and the two exclude each other",
    Why.SIBLING_THERE: "{0} is there, and no server has two instances of a resource",
    Why.NOT_USED: "no resources are started there (its resource use is 0)",
    Why.DISABLED: "the resource is disabled (ENABLED=0)",
    Why.COMING_UP: "only servers that have just come up could run it, and what AUTO_START=never says of that is decided first",
    Why.BOUND: "INSTANCE_FAILOVER=0: it belongs on {0}, and starts nowhere else by itself",
    Why.FAILOVER_DELAYED: "FAILOVER_DELAY={1}: {0} has so many seconds to come back before it starts elsewhere",
    Why.LAST_RAN: "it was there last (USE_STICKINESS=1)",
    Why.PREFERRED: "it is number {0} among the favoured servers",
    Why.POSSIBLE: "its placement allows it",
    Why.FIRST_CHOICE: "it was the best candidate",
    Why.STAYS: "it stays where it is as long as that server may run it",
    Why.REQUESTED: "an operator asked for it ({0})",
    Why.HOLDER_PROVEN: "{0}, where it ran before, is proved gone ({1})",
    Why.FAILED_THERE: "{0} failed on {1} and used up what it may try there",
    Why.GATHERED: "what depends on each other must be on one server",
    Why.BACK_TO_FAVOURED: "ACTIVE_PLACEMENT brings it to a favoured server",
    Why.DISPERSED: "servers have joined, and fewer of those that dispersion:active keeps it apart from are there than on {0}",
    Why.PULLED_UP: "ONLINE: {1} has started, and pullup:always of {0} names it",
    Why.NO_LONGER_ADMITTED: "{0}, where it ran before, may not run it any more",
    Why.LEAVES: "{0}, where it ran before, leaves the cluster in order",
    Why.TARGET_OFFLINE: "its TARGET is OFFLINE",
    Why.BEYOND: "there are more instances than CARDINALITY={0} wants",
    Why.UNAVAILABLE: "it failed {0} times within {1} s, as often as FAILURE_THRESHOLD allows within FAILURE_INTERVAL: "
    "nothing is done about it until it is started by hand",
    Why.NO_CANDIDATE: "no server may run it now",
    Why.LAST_RESORT: "{0} has failed on every candidate; it is tried again here, with growing pauses",
    Why.KEPT_HERE: "{0} has failed here, and {1}=0 of {2} keeps it on this server; it is tried again with growing pauses",
    Why.CAME_BACK: "{0}, where it ran before, has come back",
    Why.ONLY_ASKED_FOR: "{0} failed where an operator asked for it, and is tried nowhere else",
    Why.RECOVERED: "it came up again after it had failed on every candidate",
    Why.FOUND_RUNNING: "it was found running on {0}",
    Why.UNPROVEN: "{0} may still be running it",
    Why.NO_LONGER_REGISTERED: "it is no longer registered",
    Why.OTHER: "{0}",
}

_REMEDIES: dict[Why, str] = {
    Why.NEVER_SEEN: "start the clusterware on {server}",
    Why.WITNESS: "nothing: take it out and add it again without --witness, if it is to run resources",
    Why.NOT_ONLINE: "it is considered again when {server} has joined",
    Why.CANNOT_ACT: "it is considered again when understudyd and understudy-exec answer on {server} and it reaches the registry",
    Why.NOT_LOOKED: "nothing to do: the check is under way",
    Why.OLD_VOTERS: "it is considered again when {server} holds its lease by the present voters: see that it reaches them",
    Why.COULD_NOT_TELL: "fix what the check waits for on {server} (its script, its user, its storage): it is retried",
    Why.NOT_IN_POOL: "let {0} have it",
    Why.NOT_IN_CATEGORY: "crsctl stat category {0} says which servers are of it, crsctl stat server {server} -f what {server} is",
    Why.NOT_A_MEMBER: "add {server} to HOSTING_MEMBERS",
    Why.NETWORK_DOWN: "bring {0} up on {server}: look at its interface and subnet",
    Why.NETWORK_STOPPED: "crsctl start resource {0}",
    Why.NO_INSTANCE: "let a pool of {0} have {server}",
    Why.TYPE_MISSING: "start a resource of type {0} there",
    Why.INSTANCE_MISSING: "start one there: crsctl start resource {0} -n {server}",
    Why.EXCLUDED: "let it go: crsctl stop resource {0}",
    Why.GIVEN_BACK: "mend what failed; then crsctl stop resource {0}, or let another server run it",
    Why.RIVAL_NOT_LOOKED: "nothing to do: the check of {0} is under way",
    Why.SIBLING_THERE: "relocate that, or let more servers run the resource",
    Why.NOT_USED: "on {server}: crsctl set resource use 1",
    Why.DISABLED: "crsctl modify resource {name} -attr ENABLED=1",
    Why.BOUND: "an operator may move it: crsctl start resource {name} -n {server}",
    Why.FAILOVER_DELAYED: "it starts there when the time is over; at once: crsctl start resource {name} -n {server}",
}
"""`{server}`: the one that is refused; `{name}`: the resource that it is refused for. Each command can be typed as it stands there."""


def sentence(reason: Reason) -> str:
    """One reason in words."""
    if reason.why is Why.FELLOW_REFUSED:
        why = "for a reason that was not kept" if reason.inner is None else sentence(reason.inner)
        return f"{reason.of[0]}, which must be on the same server, may not: {why}"
    if reason.why is Why.NOT_A_MEMBER and not any(reason.of):
        return "PLACEMENT=restricted, and neither SERVER_POOLS nor HOSTING_MEMBERS name a server"
    return _filled(_SENTENCES[reason.why], reason.of)


def sentence_about(reason: Reason, name: ResourceName) -> str:
    """One reason in words, to somebody who asks about this resource: what refuses it itself is not said of a fellow."""
    own = reason.why is Why.FELLOW_REFUSED and reason.of[0] == name
    return sentence((reason.inner or reason) if own else reason)


def no_candidate(view: View, name: ResourceName, ground: Ground | None = None) -> str:
    """Why no server may run it, with its group, in one line: each rule once, with the servers that it refuses."""
    view = apart(view)
    wanted = [member for member in group_of(view, name) if view.target(member) is Target.ONLINE] or [name]
    refused: dict[str, list[str]] = {}
    for group_standing in group_standings(ground or survey(view), wanted):
        refused.setdefault(sentence_about(group_standing.reason, name), []).append(group_standing.server)
    return "; ".join(f"{why} ({', '.join(servers)})" for why, servers in refused.items())


def against(view: View, name: ResourceName) -> tuple[str, ...]:
    """What is to be said of each server on which it does not run, with its group: why not, and what would change that."""
    view = apart(view)
    wanted = [member for member in group_of(view, name) if view.target(member) is Target.ONLINE] or [name]
    assignment = view.assignments.get(name)
    found = []
    for group_standing in group_standings(survey(view), wanted):
        report = view.report(name, group_standing.server)
        if report is not None and report.failure is not None:
            found.append(f"{group_standing.server}: it failed there ({one_line(report.failure.text)})")
        elif group_standing.admitted and assignment is not None and group_standing.incarnation in assignment.tried:
            found.append(f"{group_standing.server}: it failed there before")
        elif not group_standing.admitted:
            change = remedy_here(view, group_standing.reason, group_standing.server, name)
            found.append(f"{group_standing.server}: {sentence_about(group_standing.reason, name)}{f' -> {change}' if change else ''}")
    return tuple(found)


def remedy_here(view: View, reason: Reason, server: ServerName, name: ResourceName) -> str:
    """What would change a refusal of this resource, or of its fellow, in this very cluster: the command that has the effect."""
    root, about = reason.root, registered_name(_refused(reason, name))
    match root.why:
        case Why.NOT_IN_POOL:
            return into_pool(view, tuple(PoolName(pool) for pool in root.of), server)
        case Why.NOT_A_MEMBER:
            return as_member(view, about, server)
        case Why.NO_INSTANCE:
            return with_instance(view, ResourceName(root.of[0]), server)
        case Why.TYPE_MISSING:
            return of_type(view, root.of[0], server) or remedy(reason, server, name)
        case Why.NETWORK_STOPPED if _is_wanted_elsewhere(view, ResourceName(root.of[0])):
            return f"crsctl start resource {root.of[0]} -n {server}"
        case _:
            return remedy(reason, server, name)


def _is_wanted_elsewhere(view: View, name: ResourceName) -> bool:
    record = view.targets.get(name)
    return record is not None and (record.target is Target.ONLINE or bool(record.otherwise))


def _refused(reason: Reason, name: ResourceName) -> ResourceName:
    """Of which member of a group it is."""
    if reason.why is not Why.FELLOW_REFUSED or reason.inner is None:
        return name
    return _refused(reason.inner, ResourceName(reason.of[0]))


def remedy(reason: Reason, server: ServerName, name: ResourceName) -> str:
    """What would change a refusal, wherever that is; empty where nothing is known to."""
    text = _REMEDIES.get(reason.root.why, "").replace("{server}", server).replace("{name}", registered_name(_refused(reason, name)))
    return _filled(text, reason.root.of)


def _filled(text: str, of: tuple[str, ...]) -> str:
    text = text.replace("{*}", ", ".join(of))
    for number, name in enumerate(of):
        text = text.replace("{" + str(number) + "}", name)
    return text.replace(" ({0})", "").replace("{0}", "?").replace("{1}", "?").replace("{2}", "?")
