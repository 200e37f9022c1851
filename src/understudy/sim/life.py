"""The life of a random world: faults for a while, then healing; safe all along, and at the end everything that is wanted runs.

Called by tests and `understudy simulate`. The verdict is an exception: Violation (unsafe), Stuck or Deadlock (not live), anything else (the
product broke).
"""

from dataclasses import dataclass

from understudy.model.state import Target
from understudy.sim.faults import Faults
from understudy.sim.options import Options
from understudy.sim.resources import Drawn
from understudy.sim.world import World

SETTLES_S = 700.0
"""After healing everything runs within this: a lane that gave up with growing pauses may have 5 minutes to wait, twice in a row."""
QUIET_FOR_S = 12.0
"""Settled is what runs as it is wanted, with nothing written for so long: longer than anything takes that was still to come of a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """How it went."""

    seed: int
    faults: int
    settled_s: float
    """How long it took after healing."""
    simulated_s: float


def live(seed: int, *, minutes: float = 2.0, options: Options | None = None) -> Lived:
    """One world, from its boot to its end."""
    with World(seed, options) as world:
        world.boot()
        world.until(lambda: len(world.online()) == len(world.machines), 30, "all servers join")
        drawn = Drawn(world)
        faults = Faults(world, drawn)
        world.run(minutes * 60.0)
        faults.stop()
        world.run(0.0)
        world.heal()
        healed = world.loop.now
        world.until(lambda: _quiet(world) and not unsettled(world), SETTLES_S, lambda: _what_is_wrong(world), look_s=0.5)
        settled_s = max(0.0, world.truth.commits[-1][0] - healed)
        return Lived(seed=seed, faults=faults.count, settled_s=settled_s, simulated_s=world.loop.now)


def _what_is_wrong(world: World) -> str:
    wrong = unsettled(world)
    return f"{' '.join(wrong)} as wanted" if wrong else f"an end of deciding: {world.truth.commits[-3:]}"


def _quiet(world: World) -> bool:
    """Nothing was written for a while (a leader's beat says nothing)."""
    commits = world.truth.commits
    return not commits or world.loop.now - commits[-1][0] > QUIET_FOR_S


def unsettled(world: World) -> list[str]:
    """What is not as it is wanted, in truth and in the registry; empty: it has settled."""
    if len(world.online()) != len(world.machines):
        return ["servers"]
    truth = world.truth
    wrong: list[str] = []
    for name in truth.definitions:
        lives = [one.name for one in world.machines.values() if one.services.service(name).lives]
        wanted = truth.targets.get(name) is Target.ONLINE
        if truth.is_local(name):
            right = len(lives) == len(world.machines) if wanted else True
        elif wanted:
            held = truth.assignments.get(name)
            right = len(lives) == 1 and held is not None and [one.server for one in held.holders] == lives
        else:
            # what nobody ever asked about may run, if it was found running
            right = not lives or name not in truth.targets
        if not right:
            wrong.append(name)
    return wrong
