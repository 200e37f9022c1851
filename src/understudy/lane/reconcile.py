"""What this server does next for one resource: a pure function of the View, its own memory and the instant.

Called by `driver.py` whenever anything changed; it re-reads everything each time (level-triggered), so that no event can be missed
for good. The order of the questions is the lane's whole policy.
"""

from understudy.lane.local import Local, Rung
from understudy.lane.neighbours import (
    Here,
    being_looked_at,
    broken_to_run,
    down_that_matter,
    is_mine,
    missing_to_start,
    still_leaning,
    wanted_here,
)
from understudy.lane.outcome import next_rung
from understudy.lane.steps import Charge, Check, Clean, Climb, Release, Start, Step, Wait
from understudy.model.resource import Resource
from understudy.model.state import State
from understudy.model.view import Assignment

STUCK_RECHECK_S = 10.0
"""How often an UNKNOWN resource is looked at again: somebody may have cleared the way."""


def reconcile(here: Here, resource: Resource, local: Local) -> Step:
    """The next step for this resource on this server."""
    if local.action is not None:
        return Wait("in-flight")
    if local.hold_until > here.now:
        return Wait("cannot-act", until=local.hold_until)
    if local.state is None:
        return Check() if local.check_due <= here.now else Wait("first-look", until=local.check_due)
    if local.check_after:
        return Check()
    if resource.local:
        return _local_resource(here, resource, local)
    assignment = here.view.assignments.get(resource.name)
    if assignment is not None and here.view.in_doubt(assignment):
        return _not_mine(here, resource, local, "registry-went-back")  # what a copy of the registry says is not acted on
    if assignment is None or not is_mine(here, resource.name):
        return _not_mine(here, resource, local, "not-assigned-here")
    if wanted_here(here, resource):
        return _keep_running(here, resource, local, assignment)
    return _let_go(here, resource, local, assignment)


def _owned(here: Here, assignment: Assignment) -> bool:
    return assignment.owner is not None and assignment.owner.incarnation == here.incarnation


# --- nothing to do with this server ---------------------------------------------------------------------------------


def _not_mine(here: Here, resource: Resource, local: Local, why: str) -> Step:
    """Not a holder: never started or stopped here. It is looked at now and then, for somebody may start it by hand; what is found running
    is told, and the leader makes us a holder (S6)."""
    if local.alarmed or (local.check_due <= here.now and resource.enabled):
        return Check()
    return Wait(why, until=local.check_due if resource.enabled else None)


# --- mine: run it ---------------------------------------------------------------------------------------------------


def _keep_running(here: Here, resource: Resource, local: Local, assignment: Assignment) -> Step:
    if local.rung is not Rung.NONE:
        return _climb_on(here, local)  # a stop that began is finished before anything else
    if not resource.enabled:
        return _as_it_is(local)
    if local.state is State.UNKNOWN:
        return _stuck(here, local)
    if local.state in (State.ONLINE, State.INTERMEDIATE):
        return _watch(here, resource, local)
    return _bring_up(here, resource, local, assignment)


def _as_it_is(local: Local) -> Step:
    """Disabled: not started, not checked, not stopped either. But where the kernel says that it may have ended it is looked at:
    nobody is shown as ONLINE who has died."""
    return Check() if local.alarmed and local.state in (State.ONLINE, State.INTERMEDIATE) else Wait("disabled")


def _watch(here: Here, resource: Resource, local: Local) -> Step:
    if broken_to_run(here, resource):
        return _stop_after_dependents(here, resource, local, Rung.STOP)
    if local.alarmed or local.check_due <= here.now:
        return Check()
    return Wait("running", until=local.check_due)


def _stop_after_dependents(here: Here, resource: Resource, local: Local, rung: Rung) -> Step:
    """While it waits for them it is still looked at when asked for: they may be waiting to hear whether it is to blame."""
    leaning = still_leaning(here, resource)
    if not leaning:
        return Climb(rung)
    return Check() if local.alarmed else Wait("dependents-stop-first", leaning)


def _bring_up(here: Here, resource: Resource, local: Local, assignment: Assignment) -> Step:
    if local.alarmed:
        return Check()
    if local.uncharged:
        looked_at = being_looked_at(here, resource)
        return Wait("dependencies-looked-at", looked_at) if looked_at else Charge(down_that_matter(here, resource))
    if leaning := still_leaning(here, resource):
        return Wait("dependents-stop-first", leaning)
    if local.dirty:
        return Clean()  # at once, also where it will not be started again: what it left must not hold up its neighbours
    if not assignment.sole_holder(here.incarnation):
        return Wait("unproven-holders")  # S3: somebody else may still be running it
    failed = local.failure is not None and local.failure.epoch >= assignment.epoch
    if failed and not assignment.last_resort:
        return Wait("gave-up-here")
    if local.retry_at > here.now and (failed or down_that_matter(here, resource)):
        return Wait("retry-later", until=local.retry_at)
    if missing := missing_to_start(here, resource):
        return Wait("dependencies", missing)
    return Start(assignment.epoch)


# --- no longer mine: let it go --------------------------------------------------------------------------------------


def _let_go(here: Here, resource: Resource, local: Local, assignment: Assignment) -> Step:
    if local.rung is not Rung.NONE:
        return _climb_on(here, local)  # before the next: an UNKNOWN that is climbing again must get to the end of the ladder
    if local.state is State.UNKNOWN:
        return _stuck(here, local)
    if local.off and local.alarmed:
        return Check()  # something may have changed since it was seen OFFLINE
    if local.off:
        # stopped because of its TARGET: released once the leader has taken it back
        return Wait("still-the-owner") if _owned(here, assignment) else Release(assignment.epoch)
    # even if it does not run, something may be left of it
    return _stop_after_dependents(here, resource, local, Rung.CLEAN if local.state is State.OFFLINE else Rung.STOP)


def _climb_on(here: Here, local: Local) -> Step:
    """The last rung was tried and checked, and something is left: the next one."""
    if local.rung is Rung.STUCK:
        return _stuck(here, local)
    return Climb(next_rung(local))


def _stuck(here: Here, local: Local) -> Step:
    if local.retry_at <= here.now:
        return Climb(Rung.STOP)
    if local.alarmed or local.check_due <= here.now:
        return Check()
    return Wait("stuck", until=min(local.retry_at, local.check_due))


# --- local resources ------------------------------------------------------------------------------------------------


def _local_resource(here: Here, resource: Resource, local: Local) -> Step:
    """One instance on every server, exempt from leases (S4)."""
    wanted = wanted_here(here, resource)
    if local.rung is not Rung.NONE:
        return _climb_on(here, local)
    if wanted and not resource.enabled:
        return _as_it_is(local)
    if resource.kind.only_looked_at and not wanted and local.state is State.OFFLINE:
        return Wait("not-wanted")  # it is only looked at, and nobody wants to know
    if local.state in (State.ONLINE, State.INTERMEDIATE, State.UNKNOWN):
        if not wanted:
            return _stop_after_dependents(here, resource, local, Rung.STOP)
        return Check() if local.alarmed or local.check_due <= here.now else Wait("running", until=local.check_due)
    if local.alarmed:
        return Check()
    if not wanted:
        return Wait("not-wanted")
    if local.uncharged:
        return Charge(down_that_matter(here, resource))
    if local.dirty:
        return Clean()
    if local.retry_at > here.now:
        return Wait("retry-later", until=local.retry_at)
    if missing := missing_to_start(here, resource):
        return Wait("dependencies", missing)
    return Start(0)
