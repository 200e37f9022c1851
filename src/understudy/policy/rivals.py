"""Who excludes whom from a server, and who gives way to whom (`exclusion`, `preempt_pre:`, `preempt_post:`). Pure; asked by eligibility.

Two that exclude each other are never given to one server. Whichever is there keeps the other away; but what another preempts gives way: it
is no obstacle to that one's place, and is driven out by it. A start that fails must not cost both: where the one that preempts has failed,
it preempts nothing, and what it has driven out may come back.
"""

from functools import partial

from understudy.model.names import ResourceName, ServerName
from understudy.model.reasons import Reason, Why
from understudy.model.resource import PREEMPTS, DependencyKind, Resource
from understudy.model.state import State, Target
from understudy.policy.ground import Ground


def rival_of(ground: Ground, resource: Resource, server: ServerName) -> Reason | None:
    """What keeps a resource away from a server, or drives it out."""
    # Where it is, only what belongs there too drives it out; where it would come to, also what is still being stopped there, or was
    # started there by hand.
    there = ground.owns if ground.owns(server, resource.name) else partial(_is_there, ground)
    for name in sorted(ground.rivals.get(resource.name, ())):
        ahead = preempts(ground, resource.name, name)
        failed = ahead and _failed_there(ground, resource.name, server)
        if there(server, name) and (failed or not ahead or not _can_be_stopped(ground, name, server)):
            return Reason(Why.EXCLUDED, (name,))
        # it was given the server, and would wait there without end
        waits = ahead and ground.holds(server, name) and not ground.online_here(resource.name, server)
        if waits and not _can_be_stopped(ground, name, server):
            return Reason(Why.EXCLUDED, (name,))
        if failed and _has_no_server(ground, name):
            return Reason(Why.GIVEN_BACK, (name,))
    return None


def _is_there(ground: Ground, server: ServerName, name: ResourceName) -> bool:
    """What was found there and is UNKNOWN becomes the server's in this very decision, as what was found running does."""
    return ground.holds(server, name) or ground.online_here(name, server) or _is_unknown(ground, name, server)


def _is_unknown(ground: Ground, name: ResourceName, server: ServerName) -> bool:
    report = ground.view.report(name, server)
    return report is not None and report.incarnation == ground.incarnation(server) and report.state is State.UNKNOWN


def displaced(ground: Ground, resource: Resource, server: ServerName) -> int:
    """How many have to leave the server if the resource comes there: better where there are none."""
    if ground.owns(server, resource.name):
        return 0
    return sum(1 for name in ground.rivals.get(resource.name, ()) if ground.holds(server, name))


def preempts(ground: Ground, name: ResourceName, rival: ResourceName) -> bool:
    """Whether the rival gives way to it. Of two that would preempt each other neither does."""
    return names_preempting(ground, name, rival) and not names_preempting(ground, rival, name)


def names_preempting(ground: Ground, name: ResourceName, rival: ResourceName) -> bool:
    """Whether a dependency of it says so."""
    resource = ground.view.resources.get(name)
    return resource is not None and any(
        dependency.kind is DependencyKind.EXCLUSION and dependency.modifiers & PREEMPTS and rival in ground.meant(dependency)
        for dependency in resource.start
    )


def _failed_there(ground: Ground, name: ResourceName, server: ServerName) -> bool:
    """Whether it could not be run there under its present assignment, or since it last proved itself."""
    assignment, incarnation = ground.view.assignments.get(name), ground.incarnation(server)
    if assignment is None or incarnation is None:
        return False
    report = ground.view.report(name, server)
    failure = None if report is None or report.incarnation != incarnation else report.failure
    return incarnation in assignment.tried or (failure is not None and failure.epoch == assignment.epoch)


def _can_be_stopped(ground: Ground, name: ResourceName, server: ServerName) -> bool:
    """Not what is UNKNOWN there, nor what nobody ever asked the cluster about, nor what is disabled (what runs goes on, as long as its
    TARGET is ONLINE): nobody waits for that."""
    resource = ground.view.resources.get(name)
    goes_on = resource is not None and not resource.enabled and ground.view.target(name) is Target.ONLINE
    return name in ground.view.targets and not _is_unknown(ground, name, server) and not goes_on


def _has_no_server(ground: Ground, name: ResourceName) -> bool:
    resource = ground.view.resources.get(name)
    wanted = resource is not None and resource.enabled and ground.view.target(name) is Target.ONLINE
    return wanted and name not in ground.owners
