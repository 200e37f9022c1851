"""What keeps a group to the server that it was on: INSTANCE_FAILOVER=0, FAILOVER_DELAY, RELOCATE_BY_DEPENDENCY=0.

An operator's word about a place goes before each of them. Called by placement, by explain and waits. Pure: the time that has passed comes
with the leader's memory; what is left of a delay is kept in the assignment, so that the next leader goes on with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from understudy.model.cardinality import apart
from understudy.model.namers import Trait, with_trait
from understudy.model.names import ResourceName, ServerName
from understudy.model.reasons import Reason, Why
from understudy.model.resource import AutoStart
from understudy.model.state import Life
from understudy.model.view import Assignment, View
from understudy.policy.case import Case
from understudy.policy.eligibility import placed
from understudy.policy.ground import Ground
from understudy.policy.plan import Memory

LEAST_STEP_S = 1.0
STEPS = 4
"""What is left of a delay is written so often, but not more than once in LEAST_STEP_S: so much of it a change of leader may repeat."""

DelaySeen = Mapping[ResourceName, tuple[tuple[int, float], float]]
"""Resource -> which wait it is (its assignment's epoch, and what was left of it), and when the leader saw that first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """The one server that a group may be given to."""

    server: ServerName
    reason: Reason


# --- time -----------------------------------------------------------------------------------------------------------


def delays_seen(view: View, before: DelaySeen, now: float) -> DelaySeen:
    """The delays that are under way, with when each was seen first as it is written now. `now` is on the leader's clock."""
    found: dict[ResourceName, tuple[tuple[int, float], float]] = {}
    view = apart(view)
    for name in with_trait(view.resources, Trait.DELAYED):
        assignment = view.assignments.get(name)
        if assignment is None or assignment.owner is not None or not assignment.failover_in_s:
            continue
        wait = (assignment.epoch, assignment.failover_in_s)
        known = before.get(name)
        found[name] = known if known is not None and known[0] == wait else (wait, now)
    return found


def delays_left(view: View, now: float, memory: Memory) -> dict[ResourceName, float]:
    """Seconds that are left of each delay; those that are over are not there."""
    seen = delays_seen(view, memory.delays, now)
    left = {name: wait[1] - (now - since) for name, (wait, since) in seen.items()}
    return {name: seconds for name, seconds in left.items() if seconds > 0}


def next_step_at(ground: Ground, now: float) -> float | None:
    """When a delay is over, or something of it is to be written, of those that wait on after this decision."""
    times = []
    for name in (name for name in ground.delayed if name not in ground.owners):
        left, step_s = ground.delayed[name], _step_s(ground, name)
        passed_s = ground.view.assignments[name].failover_in_s - left
        times.append(now + min(left, step_s if passed_s >= step_s else step_s - passed_s))
    return min(times, default=None)


def delay_of(ground: Ground, before: Assignment) -> float:
    """What is to be written of the delay of a resource that is given to nobody; 0: it waits for none."""
    resource = ground.view.resources[before.resource]
    if before.owner is not None:
        lost = ground.view.life(before.owner.incarnation) is Life.FENCED
        return resource.failover_delay_s if lost else 0.0
    left = ground.delayed.get(before.resource, 0.0)
    return left if before.failover_in_s - left >= _step_s(ground, before.resource) else before.failover_in_s if left else 0.0


def _step_s(ground: Ground, name: ResourceName) -> float:
    return max(LEAST_STEP_S, ground.view.resources[name].failover_delay_s / STEPS)


# --- where it is kept -----------------------------------------------------------------------------------------------


def tie_of(ground: Ground, wanted: Sequence[ResourceName], held: Mapping[ResourceName, Assignment]) -> Tie | None:
    """The server that a group waits for, or stays on; None: it may go where it is admitted."""
    for name in wanted:
        resource, server = ground.view.resources[name], held[name].last_server
        if not resource.instance_failover and server is not None and _may_return(ground, wanted, server):
            return Tie(server=server, reason=Reason(Why.BOUND, (server,)))
    for name in wanted:
        server = held[name].last_server
        if server is not None and delay_of(ground, held[name]) and _may_return(ground, wanted, server):
            seconds = f"{ground.view.resources[name].failover_delay_s:g}"
            return Tie(server=server, reason=Reason(Why.FAILOVER_DELAYED, (server, seconds)))
    return None


def _may_return(ground: Ground, wanted: Sequence[ResourceName], server: ServerName) -> bool:
    """Whether it is worth waiting for: it is still a server of the cluster, and placement could choose it for the whole group."""
    return server in ground.present and all(placed(ground, ground.view.resources[name], server) for name in wanted)


def without_fresh(case: Case) -> Case:
    """The case without servers that have just come up, where AUTO_START=never of a member is not decided for them yet."""
    ground = case.ground
    if not any(ground.view.resources[name].auto_start is AutoStart.NEVER for name in case.wanted):
        return case
    fresh = {server for server, record in ground.present.items() if record.coming_up and server != case.home}
    return replace(case, admitted={server: standing for server, standing in case.admitted.items() if server not in fresh})


def tied(case: Case) -> tuple[Case, Tie | None]:
    """The case with no other candidate than the server that the group is tied to. Where it is at home on another one, it is not tied."""
    tie = tie_of(case.ground, case.wanted, case.held)
    if tie is None or case.home not in (tie.server, None):
        return case, None
    admitted = {server: standing for server, standing in case.admitted.items() if server == tie.server}
    return replace(case, admitted=admitted), tie


def kept_by(case: Case, failed: ResourceName) -> Reason | None:
    """Why a group does not leave its home although a member has failed there for good; None: it may."""
    view = case.ground.view
    for name in case.wanted:
        if not view.resources[name].instance_failover:
            return Reason(Why.KEPT_HERE, (failed, "INSTANCE_FAILOVER", name))
    for name in case.wanted:
        owner = case.held[name].owner
        if name != failed and not view.resources[name].relocate_by_dependency and owner is not None and owner.server == case.home:
            return Reason(Why.KEPT_HERE, (failed, "RELOCATE_BY_DEPENDENCY", name))
    return None
