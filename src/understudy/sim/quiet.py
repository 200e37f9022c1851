"""Time in which nothing happens is passed over: beats, grants and checks that only repeat what is known are worked out, not gone through.

A cluster at rest is periodic. Renews and grants, the leader's beats and the checks of what runs come round on grids that follow from the
machines' clocks alone; luck depends on the instant and not on what came before (`sim/chance.py`). So the state at a later instant can be
written down: leases freshly granted, the leader just seen, the next check of each resource due in its turn. The world lands some beats
before the next thing that happens and goes through those, which leaves it as if it had gone through all (docs/design/0003-simulator.md).
Called by `sim/life.py`. Must never pass over anything that anybody decides.
"""

from collections.abc import Iterator
from dataclasses import replace

from understudy.daemon.lanes import Lanes
from understudy.guard.core import Grant, Renew
from understudy.kinds.observed import Observed
from understudy.lane.driver import spread_of
from understudy.lane.local import Local
from understudy.lane.phases import Down, Up
from understudy.lane.silence import offline_look_s
from understudy.lane.steps import LaneStep, Wait, WaitsFor
from understudy.model.actions import ActionOutcome
from understudy.model.names import ServerName
from understudy.model.state import State
from understudy.sim.executor import TOOK_S
from understudy.sim.faults import Faults
from understudy.sim.machine import Machine
from understudy.sim.world import World

LOOK_S = 1.0
"""How often it is asked whether the world has come to rest."""
CALM_S = 3.0
"""At rest is where nothing happened, and nothing was written, for so long: longer than any message or flush takes."""
WORTH_S = 2.0
"""A shorter time is lived through."""


class Quiet:
    """Runs a world from fault to fault."""

    def __init__(self, world: World, faults: Faults, *, every_beat: bool = False) -> None:
        self._world = world
        self._faults = faults
        self._every_beat = every_beat
        pace = world.limits.pace
        # enough beats that every grant, and the leader's sign of progress, is a real one again
        self._run_in_s = (pace.beats_lost + 2) * pace.beat_s + world.limits.progress_s / 2
        self.skipped_s = 0.0

    def run(self, seconds: float) -> None:
        """Let that much time pass."""
        world = self._world
        end = world.loop.now + seconds
        while world.loop.now < end:
            if not self._every_beat:
                self._pass_over(end)
            world.run(min(LOOK_S, max(end - world.loop.now, 0.0)))

    def for_s(self) -> float:
        """For how long nothing will happen by itself; 0 if anything is going on."""
        if not self._at_rest():
            return 0.0
        return min(self._deadlines(), default=float("inf")) - self._world.loop.now

    def _pass_over(self, end: float) -> None:
        if not self._at_rest():
            return
        world, fault_at = self._world, self._faults.next_at
        until = min([end if fault_at is None else min(fault_at, end), *self._deadlines()]) - self._run_in_s
        if until - world.loop.now < WORTH_S:
            return
        self.skipped_s += until - world.loop.now
        world.loop.jump(until)
        for machine in world.machines.values():
            _grant(machine, list(world.machines.values()))
        for machine in world.machines.values():
            _carry_on(machine)

    # --- whether anything is going on -------------------------------------------------------------------------------

    def _at_rest(self) -> bool:
        world = self._world
        hub, commits = world.hub, world.truth.commits
        quiet = self._faults.quiet_for_s() >= CALM_S and world.network.whole and hub.whole and hub.idle
        if not quiet or (commits and world.loop.now - commits[-1][0] < CALM_S):
            return False
        machines = world.machines.values()
        leads = sum(machine.node is not None and machine.node.leader.leads() for machine in machines)
        fresh_s = world.limits.progress_s / 2
        return leads == 1 and all(_rests(machine, fresh_s) for machine in machines) and set(world.online()) == set(world.machines)

    def _deadlines(self) -> Iterator[float]:
        """When something that waits for its time will happen by itself."""
        for machine in self._world.machines.values():
            lanes = _lanes(machine)
            assert machine.node is not None, f"{machine.name} has joined"
            if machine.node.leader.leads() and machine.node.leader.decide_at is not None:
                yield machine.clocks.reaches_at(machine.node.leader.decide_at)
            for name, step in lanes.steps.items():
                local = lanes.locals.get(name)
                if local is None or not isinstance(step, Wait) or step.until is None:
                    continue
                if not _only_watched(local, step):
                    yield machine.clocks.reaches_at(step.until)
                elif isinstance(local.phase, Up) and not local.phase.proven:
                    # the first check after its threshold says that it has proved itself
                    proven_at = _check_from(machine, local, local.phase.since + lanes.resource(name).uptime_threshold_s)
                    yield machine.clocks.reaches_at(proven_at)


def _lanes(machine: Machine) -> Lanes:
    assert machine.node is not None and machine.node.lanes is not None, f"{machine.name} has joined"  # noqa: PT018
    return machine.node.lanes


def _rests(machine: Machine, fresh_s: float) -> bool:
    keeper, node = machine.keeper, machine.node
    if keeper is None or node is None or node.lanes is None or machine.executor is None or not machine.steady:
        return False
    going = keeper.still or keeper.stopping or keeper.left or keeper.leaving_until is not None
    if keeper.core is None or going or node.incarnation != keeper.incarnation:
        return False
    if not node.mirror.reachable or machine.clocks.monotonic() - node.leader.sight.at > fresh_s:
        return False
    doing = any(machine.services.in_action.values()) or not all(service.behaves for service in machine.services.services.values())
    return not doing and node.lanes.idle() and node.leader.idle() and node.history.idle()


def _only_watched(local: Local, step: LaneStep | None) -> bool:
    """It runs, or is off and not assigned here, and is looked at now and then."""
    if local.silent or local.alarmed or local.action is not None:
        return False
    match local.phase:
        case Up(state=State.ONLINE):
            return True
        case Down(dirty=False):
            return isinstance(step, Wait) and step.why is WaitsFor.NOT_ASSIGNED_HERE
        case _:
            return False


# --- as if it had been lived through --------------------------------------------------------------------------------


def _grant(machine: Machine, machines: list[Machine]) -> None:
    """Every voter has just granted this machine's lease, but for one that fell silent about it once."""
    keeper, now = machine.keeper, machine.clocks.read()
    assert keeper is not None and keeper.core is not None, f"{machine.name} is at rest"  # noqa: PT018
    holder = keeper.core.holder
    holder.resume(holder.sequence + 1, now, holder.voter_set)
    for other in machines:
        if other.keeper is not None and other.keeper.core is not None and other.keeper.core.voter is not None:
            voter = other.keeper.core.voter
            renew = Renew(holder.sequence, now, voter.boot, holder.position)
            answer = voter.renew(machine.name, holder.incarnation, renew, other.clocks.read())
            voter.changes.clear()
            if isinstance(answer, Grant):
                holder.note_boot(other.name, answer)
                holder.granted(other.name, answer, now)
    keeper.carried_on()


def _carry_on(machine: Machine) -> None:
    """The leader has just been seen, and what runs was checked in its turns."""
    node, lanes = machine.node, _lanes(machine)
    assert node is not None, f"{machine.name} has joined"
    now = machine.clocks.monotonic()
    node.leader.sight.at = now
    for name, local in lanes.locals.items():
        if _only_watched(local, lanes.steps.get(name)) and local.check_due < now:
            lanes.locals[name] = replace(local, check_due=_check_from(machine, local, now))
    lanes.changed()


def _check_from(machine: Machine, local: Local, at: float) -> float:
    """When the first check of what runs is due that is not before an instant, on the machine's clock. Added up, as the lanes do it."""
    due = local.check_due
    resource = _lanes(machine).resource(local.resource)
    rare_s = offline_look_s(resource, ActionOutcome(observed=Observed.OFFLINE), spread_of(local.resource, ServerName(machine.name)))
    every_s = resource.check_interval_s if local.state is State.ONLINE else rare_s
    clocks, phase = machine.clocks, local.phase
    proven_at = phase.since + resource.uptime_threshold_s if isinstance(phase, Up) and not phase.proven else 0.0
    while due < at:
        ended = clocks.shown_at(clocks.reaches_at(due) + TOOK_S["check"])
        due = min(ended + every_s, proven_at) if proven_at > ended else ended + every_s
    return due
