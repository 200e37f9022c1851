"""What this server does next for one resource: a pure function of the View, its own memory and the instant.

Called by `driver.py` whenever anything changed; it re-reads everything each time (level-triggered), so that no event can be missed
for good. The order of the questions is the lane's whole policy.
"""

from understudy.lane.local import Local
from understudy.lane.neighbours import (
    Here,
    being_looked_at,
    broken_to_run,
    comes_instead,
    dependents_not_off,
    down_that_matter,
    excluded_not_off,
    is_mine,
    is_unavailable,
    missing_to_start,
    stop_before,
    wanted_here,
)
from understudy.lane.phases import Climbing, Down, Rung, Starting, Stuck, Unseen
from understudy.lane.silence import LATEST_S
from understudy.lane.steps import Charge, Check, Clean, Climb, LaneStep, Release, Start, Wait, WaitsFor
from understudy.lane.turns import starts_first, stops_first
from understudy.model.resource import AutoStart, Resource
from understudy.model.view import Assignment


def reconcile(here: Here, resource: Resource, local: Local) -> LaneStep:
    """The next step for this resource on this server."""
    if local.action is not None:
        return Wait(WaitsFor.IN_FLIGHT)
    if local.hold_until > here.now:
        return Wait(WaitsFor.CANNOT_ACT, until=local.hold_until)
    match local.phase:
        case Unseen():
            return Check() if local.check_due <= here.now else Wait(WaitsFor.FIRST_LOOK, until=local.check_due)
        case Starting() | Climbing(confirming=True):
            return Check()
    if resource.local:
        return _local_resource(here, resource, local)
    assignment = here.view.assignments.get(resource.name)
    if assignment is not None and here.view.in_doubt(assignment):
        return _not_mine(here, resource, local, WaitsFor.REGISTRY_WENT_BACK)  # what a copy of the registry says is not acted on
    if assignment is None or not is_mine(here, resource.name):
        return _not_mine(here, resource, local, WaitsFor.NOT_ASSIGNED_HERE)
    if wanted_here(here, resource):
        return _keep_running(here, resource, local, assignment)
    return _let_go(here, resource, local, assignment)


def _owned(here: Here, assignment: Assignment) -> bool:
    return assignment.owner is not None and assignment.owner.incarnation == here.incarnation


# --- nothing to do with this server ---------------------------------------------------------------------------------


def _not_mine(here: Here, resource: Resource, local: Local, why: WaitsFor) -> LaneStep:
    """Not a holder: never started or stopped here. It is looked at now and then, for somebody may start it by hand; what is found running
    is reported, and the leader makes us a holder (S6)."""
    if local.alarmed or (local.check_due <= here.now and resource.enabled):
        return Check()
    return Wait(why, until=local.check_due if resource.enabled else None)


# --- mine: run it ---------------------------------------------------------------------------------------------------


def _keep_running(here: Here, resource: Resource, local: Local, assignment: Assignment) -> LaneStep:
    match local.phase:
        case Climbing(rung=rung):
            return Climb(rung)  # a stop that began is finished before anything else
        case Stuck():
            return _stuck(here, local)
        case _ if not resource.enabled:
            return _as_it_is(local)
        case Down() as phase:
            return _bring_up(here, resource, local, phase, assignment)
        case _:
            return _watch(here, resource, local)


def _as_it_is(local: Local) -> LaneStep:
    """Disabled: not started, not checked, not stopped either. But where the kernel says that it may have ended it is looked at:
    nobody is shown as ONLINE who has died."""
    return Check() if local.alarmed and local.up else Wait(WaitsFor.DISABLED)


def _watch(here: Here, resource: Resource, local: Local) -> LaneStep:
    if broken_to_run(here, resource):
        return _stop_after_dependents(here, resource, local, Rung.STOP)
    if local.alarmed or local.check_due <= here.now:
        return Check()
    return Wait(WaitsFor.RUNNING, until=local.check_due)


def _stop_after_dependents(here: Here, resource: Resource, local: Local, rung: Rung) -> LaneStep:
    """While it waits for them it is still looked at when asked for: they may be waiting to know whether it is to blame."""
    dependents = stop_before(here, resource)
    if not dependents:
        return Climb(rung)
    return Check() if local.alarmed else Wait(WaitsFor.DEPENDENTS_STOP_FIRST, dependents)


def _bring_up(here: Here, resource: Resource, local: Local, phase: Down, assignment: Assignment) -> LaneStep:
    budget = local.budget
    if local.alarmed:
        return Check()
    if phase.uncharged:
        looked_at = being_looked_at(here, resource)
        return Wait(WaitsFor.DEPENDENCIES_LOOKED_AT, looked_at) if looked_at else Charge(down_that_matter(here, resource))
    if not (local.empty or phase.dirty):
        return _look_again(here, local)
    if dependents := dependents_not_off(here, resource):
        return Wait(WaitsFor.DEPENDENTS_STOP_FIRST, dependents)
    if phase.dirty:
        return Clean()  # at once, also where it will not be started again: what it left must not hold up its neighbours
    if not assignment.sole_holder(here.incarnation):
        return Wait(WaitsFor.UNPROVEN_HOLDERS)  # S3: somebody else may still be running it
    failed = budget.failure is not None and budget.failure.epoch >= assignment.epoch
    if failed and not assignment.last_resort:
        return Wait(WaitsFor.GAVE_UP_HERE)
    if budget.retry_at > here.now and (failed or down_that_matter(here, resource)):
        return Wait(WaitsFor.RETRY_LATER, until=budget.retry_at)
    if excluded := excluded_not_off(here, resource):
        return Wait(WaitsFor.EXCLUDED_STOPS_FIRST, excluded)
    if missing := missing_to_start(here, resource):
        return Wait(WaitsFor.DEPENDENCIES, missing)
    return Start(assignment.epoch)


def _look_again(here: Here, local: Local) -> LaneStep:
    """Nobody saw whether something of it is left: it may run, and until that is known its neighbours count it as not gone."""
    due = min(local.check_due, local.acted_at + LATEST_S)
    return Check() if due <= here.now else Wait(WaitsFor.LOOKED_AT_AGAIN, until=due)


# --- no longer mine: let it go --------------------------------------------------------------------------------------


def _let_go(here: Here, resource: Resource, local: Local, assignment: Assignment) -> LaneStep:
    match local.phase:
        case Climbing(rung=rung):
            return Climb(rung)
        case Stuck():
            return _stuck(here, local)
    if local.off and local.alarmed:
        return Check()  # something may have changed since it was seen OFFLINE
    if local.off:
        # stopped because of its TARGET: released once the leader has taken it back
        return Wait(WaitsFor.STILL_THE_OWNER) if _owned(here, assignment) else Release(assignment.epoch)
    if local.up and (instead := comes_instead(here, resource)):
        return Check() if local.alarmed else Wait(WaitsFor.PREEMPTED, instead)
    # even if it does not run, something may be left of it
    return _stop_after_dependents(here, resource, local, Rung.CLEAN if isinstance(local.phase, Down) else Rung.STOP)


def _stuck(here: Here, local: Local) -> LaneStep:
    if local.budget.retry_at <= here.now:
        return Climb(Rung.STOP)
    if local.alarmed or local.check_due <= here.now:
        return Check()
    return Wait(WaitsFor.STUCK, until=min(local.budget.retry_at, local.check_due))


# --- local resources ------------------------------------------------------------------------------------------------


def _local_resource(here: Here, resource: Resource, local: Local) -> LaneStep:
    """One instance on every server, exempt from leases (S4)."""
    wanted = wanted_here(here, resource)
    match local.phase:
        case Climbing(rung=rung):
            return Climb(rung)
        case Stuck():
            return _stuck(here, local)
        case _ if wanted and not resource.enabled:
            return _as_it_is(local)
        case Down() as phase:
            return _bring_up_instance(here, resource, local, phase) if wanted else _leave_down(here, resource, local, phase)
        case _ if not wanted:
            first = () if stop_before(here, resource) else stops_first(here, resource)
            return Wait(WaitsFor.OTHER_SERVERS_FIRST, servers=first) if first else _stop_after_dependents(here, resource, local, Rung.STOP)
        case _:
            return Check() if local.alarmed or local.check_due <= here.now else Wait(WaitsFor.RUNNING, until=local.check_due)


def _leave_down(here: Here, resource: Resource, local: Local, phase: Down) -> LaneStep:
    """What is only looked at nobody wants to know of then."""
    if phase.dirty and not resource.kind.only_looked_at:
        return _stop_after_dependents(here, resource, local, Rung.CLEAN)  # something may be left of it
    if local.alarmed and not resource.kind.only_looked_at:
        return Check()
    return Wait(WaitsFor.UNAVAILABLE if is_unavailable(here, resource) else WaitsFor.NOT_WANTED)


def _bring_up_instance(here: Here, resource: Resource, local: Local, phase: Down) -> LaneStep:
    if local.alarmed:
        return Check()
    if phase.uncharged:
        return Charge(down_that_matter(here, resource))
    if phase.dirty:
        return Clean()
    if local.budget.retry_at > here.now:
        return Wait(WaitsFor.RETRY_LATER, until=local.budget.retry_at)
    if missing := missing_to_start(here, resource):
        return Wait(WaitsFor.DEPENDENCIES, missing)
    life = here.view.incarnations.get(here.incarnation)
    if resource.auto_start is AutoStart.NEVER and life is not None and life.coming_up:
        return Wait(WaitsFor.COMING_UP)
    first = starts_first(here, resource)
    return Wait(WaitsFor.OTHER_SERVERS_FIRST, servers=first) if first else Start(0)
