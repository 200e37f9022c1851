"""The life of a random world: faults for a while, then healing; safe all along, and at the end everything that is wanted runs.

Called by tests and `understudy simulate`. The verdict is an exception: Violation (unsafe), Stuck or Deadlock (not live), anything else (the
product broke).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from understudy.lane.budget import RETRY_MAX_S
from understudy.model.cardinality import apart
from understudy.model.failures import unavailable
from understudy.model.names import ResourceName
from understudy.model.resource import DependencyKind
from understudy.model.state import Target
from understudy.policy.eligibility import group_standings, is_several
from understudy.policy.ground import is_wanted, rivals_of, survey
from understudy.policy.groups import group_of
from understudy.sim.faults import Faults
from understudy.sim.options import Options
from understudy.sim.quiet import Quiet
from understudy.sim.resources import Drawn
from understudy.sim.script import script
from understudy.sim.world import World, WorldStuck

JOINS_S = 30.0
SETTLES_S = RETRY_MAX_S + 30.0
"""After healing everything runs within this: a lane that gave up with growing pauses may have the longest of them to wait."""
QUIET_FOR_S = 12.0
"""Settled is what runs as it is wanted, with nothing written for so long (a leader's beat says nothing), or where it can be seen that
nothing will be: longer than anything takes that was still to come of a fault."""
MOVES_MAX = 8
"""After healing no resource gets a new owner more often. Guards that restarted shortly before are mute as voters for a while; so a lease
may still end here and there, and each moves what it held (seen: 5)."""
ADVISED_S = 8.0
"""An operator sees that a change of the voters does not end."""
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldCase:
    """Which world, and how much of it."""

    seed: int
    hours: float = 0.05
    """Virtual hours of faults."""
    options: Options | None = None
    """None: drawn from the seed."""
    only: frozenset[int] | None = None
    """Numbers of the faults that happen; None: all."""
    every_beat: bool = False
    """Simulate also the time in which nothing happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """How it went."""

    seed: int
    faults: int
    settled_s: float
    """How long it took after healing."""
    moves: int
    """New owners after healing, of the resource that had most of them."""
    simulated_s: float
    skipped_s: float
    """How much of that passed in which nothing happened, and was not gone through beat by beat."""
    decisions: tuple[tuple[ResourceName, int, str], ...]
    """Resource, epoch and owner, in the order in which they were written."""


def live(case: WorldCase) -> Lived:
    """One world, from its boot to its end."""
    with World(case.seed, case.options) as world:
        world.boot()
        world.until(lambda: len(world.online()) == len(world.machines), JOINS_S, "all servers join")
        drawn = Drawn(world)
        seconds = case.hours * HOUR_S
        faults = Faults(world, drawn, script(case.seed, world.options, seconds, case.only))
        quiet = Quiet(world, faults, every_beat=case.every_beat)
        quiet.run(seconds)
        world.heal()
        healed = world.loop.now
        _go_by_the_advice(world)
        world.until(lambda: _settled(world, quiet), SETTLES_S, lambda: _what_is_wrong(world), look_s=0.5)
        world.truth.registry_is_back()
        settled_s = max(0.0, world.truth.commits[-1][0] - healed)
        return Lived(
            seed=case.seed,
            faults=faults.done,
            settled_s=settled_s,
            moves=_moves_since(world, healed),
            simulated_s=world.loop.now,
            skipped_s=quiet.skipped_s,
            decisions=tuple(decision[1:] for decision in world.truth.decisions),
        )


def _go_by_the_advice(world: World) -> None:
    """A voter that was cut off from a server alone grants that incarnation never again. Where it is one of the new voters, the change waits
    for the server until an operator lets it leave and come again, as `understudy cluster status` says."""

    def look() -> None:
        late = world.unacknowledged()
        if late:
            world.tries(lambda: world.leave(late[0]))
            world.machines[late[0]].come_again()
        if world.view().phase % 2:
            world.loop.post(world.loop.now + ADVISED_S, look)

    if world.options.voter_changes:
        world.loop.post(world.loop.now + ADVISED_S, look)


def _moves_since(world: World, healed: float) -> int:
    """How often the busiest resource got a new owner; Stuck if that is no end of deciding but churn."""
    moved = [resource for at, resource, _, owner in world.truth.decisions if at > healed and owner != "nobody"]
    most = max((moved.count(name) for name in set(moved)), default=0)
    if most > MOVES_MAX:
        raise WorldStuck(world.story(f"a resource was moved {most} times after everything was healed"))
    return most


def _what_is_wrong(world: World) -> str:
    wrong = unsettled(world)
    return f"{' '.join(wrong)} as wanted" if wrong else f"an end of deciding: {world.truth.commits[-3:]}"


def _settled(world: World, quiet: Quiet) -> bool:
    """What runs is what is wanted, and nobody decides, acts or waits for his time to act any more."""
    written_at = world.truth.commits[-1][0] if world.truth.commits else 0.0
    return (world.loop.now - written_at > QUIET_FOR_S or quiet.for_s() > QUIET_FOR_S) and not unsettled(world)


def unsettled(world: World) -> list[str]:
    """What is not as it is wanted, in truth and in the registry; empty: it has settled."""
    if len(world.online()) != len(world.machines):
        return ["servers"]
    if (late := world.unacknowledged()) or world.view().phase % 2:
        return ["voters", *late]
    truth = world.truth
    wrong: list[str] = []
    for name in truth.definitions:
        running_on = [machine.name for machine in world.machines.values() if machine.services.service(name).alive]
        wanted = truth.targets.get(name) is Target.ONLINE
        if name in truth.most:
            right = _instances_are_right(world, name, running_on)
        elif truth.is_local(name):
            right = len(running_on) == len(world.machines) if wanted else True
        elif wanted:
            held = truth.assignments.get(name)
            right = len(running_on) == 1 and held is not None and [holder.server for holder in held.holders] == running_on
            down = _needs_what_is_stopped(world, name) or _is_kept_away(world, name) or _has_no_server(world, name)
            right = right or (not running_on and down)
            if (resource := world.view().resources.get(name)) is not None and unavailable(world.view(), resource):
                right = not running_on
        else:
            # what nobody ever asked about may run, if it was found running
            right = not running_on or name not in truth.targets
        if not right:
            wrong.append(name)
    return wrong


def _instances_are_right(world: World, name: ResourceName, running_on: Sequence[str]) -> bool:
    """Each instance that is wanted runs where it belongs, or there is no server for it; and nothing else of it runs."""
    view = apart(world.view())
    resource = view.resources.get(name)
    if resource is None or name not in world.truth.targets:
        return True  # what nobody ever asked about may run
    places = []
    for instance in resource.siblings or (name,):
        assignment = view.assignments.get(instance)
        holders = [] if assignment is None else [holder.server for holder in assignment.holders]
        owner = None if assignment is None else assignment.owner
        if holders and (view.target(instance) is not Target.ONLINE or owner is None or holders != [owner.server]):
            return False
        if not holders and view.target(instance) is Target.ONLINE and not _has_no_server(world, instance):
            return False
        places += holders
    lacking = _needs_what_is_stopped(world, name)
    return len(set(places)) == len(places) and (set(running_on) == set(places) or (lacking and set(running_on) <= set(places)))


def _has_no_server(world: World, name: ResourceName) -> bool:
    """Where what it must stand beside has several instances, or it is one of several: whether no server may run it."""
    ground = survey(world.view())
    resource = ground.view.resources[name]
    several = bool(resource.siblings) or any(is_several(ground, dependency) for dependency in resource.start)
    return several and not any(standing.admitted for standing in group_standings(ground, group_of(ground.view, name)))


def _is_kept_away(world: World, name: ResourceName) -> bool:
    """Whether it, or what it needs, excludes something that runs: there may be no server for both."""
    view, seen, ahead = world.view(), {name}, [name]
    rivals = rivals_of(view)
    while ahead:
        here = ahead.pop()
        if any(machine.services.service(rival).alive for rival in rivals.get(here, ()) for machine in world.machines.values()):
            return True
        resource = view.resources.get(here)
        hard = () if resource is None else (each for each in resource.start if each.kind is DependencyKind.HARD)
        fresh = {ResourceName(dependency.entity) for dependency in hard} - seen
        seen |= fresh
        ahead += sorted(fresh)
    return False


def _needs_what_is_stopped(world: World, name: ResourceName) -> bool:
    """Whether it cannot be started, for an operator stopped what its start depends on, or that has failed too often: it may have run on
    without that until it ended."""
    view, seen, ahead = apart(world.view()), {name}, [name]
    while ahead:
        resource = view.resources.get(ahead.pop())
        needed = (
            set()
            if resource is None
            else {ResourceName(dependency.entity) for dependency in resource.start if dependency.kind is DependencyKind.HARD}
        )
        for other in needed - seen:
            if other in view.resources and not any(is_wanted(view, each) for each in view.resources[other].siblings or (other,)):
                return True
            seen.add(other)
            ahead.append(other)
    return False
