"""The end of everything on a machine of the false world: the steps of `guard/core/ending.py`, in virtual time.

Plays guard/kill.py. Called by `sim/guard.py`. Must never: change the order, or see what is not so. Of what a lapse ends the false world has
daemon, executor, services (an address is one, and so is a process outside its group), and the gate; every other step finds nothing.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from understudy.guard.core import ending
from understudy.guard.core.ending import EndFound, Ending, EndScope, EndSeen, EndStage, EndStep

if TYPE_CHECKING:
    from understudy.sim.guard import SimKeeper
    from understudy.sim.machine import Machine

KILLS = (EndStep.KILL_STARTERS, EndStep.KILL_GROUPS)
"""What takes its time: before, between and after the two, daemon, executor and services may do a lot."""


def end_everything(keeper: "SimKeeper", scope: EndScope, ended: Callable[[EndSeen], None]) -> None:
    """Go through the order once; `ended` is called with what was seen."""
    passing = Ending(scope)

    def go_on() -> None:
        assert passing.step is not None, "as many steps as times"
        passing.found(_do(passing.step, keeper))
        keeper.reach(passing.stage)

    times = _times(keeper, scope)
    timed = [(due, go_on) for due in times]
    _one_after_the_other(keeper.machine, [*timed, (times[-1], lambda: ended(passing.ended()))])


def strike(keeper: "SimKeeper") -> None:
    """The kill alone, sent by a keeper whose guard is late."""
    steps = ending.ORDER[0].steps
    times = _times(keeper, EndScope())
    timed = [(due, lambda step=step: _do(step, keeper)) for step, due in zip(steps, times, strict=False)]
    _one_after_the_other(keeper.machine, [*timed, (timed[-1][0], lambda: keeper.reach(EndStage.STRUCK))])


def _times(keeper: "SimKeeper", scope: EndScope) -> list[float]:
    """When each step is done. The kill is sent within the time that a kill takes; then it is seen what came of it."""
    machine = keeper.machine
    now, kill_s = machine.loop.now, machine.limits.pace.kill_s
    # What was struck already is only looked at again; and before a keeper has begun an incarnation there is nothing that could be slow.
    at_once = keeper.stage >= EndStage.STRUCK or not keeper.incarnation
    draws = iter(() if at_once else sorted(machine.chance.uniform(0.0, 0.9 * kill_s) for _ in KILLS))
    times, due = [], now
    for number, part in enumerate(ending.ORDER):
        if number > 0 and not at_once:
            due = now + kill_s
        for step in scope.steps(part):
            if step in KILLS and not at_once:
                due = max(due, now + next(draws))
            times.append(due)
    return times


def _do(step: EndStep, keeper: "SimKeeper") -> EndFound:
    machine = keeper.machine
    match step:
        case EndStep.KILL_STARTERS:
            machine.kill_starters()
        case EndStep.KILL_GROUPS:
            machine.kill_services()
        case EndStep.SHUT_GATE:
            keeper.gate_until = 0.0
        case EndStep.SEE_GROUPS_EMPTY:
            return EndFound(left=machine.not_ended())
        case _:
            pass
    return EndFound()


def _one_after_the_other(machine: "Machine", timed: Sequence[tuple[float, Callable[[], object]]]) -> None:
    for number, (due, act) in enumerate(timed):
        if due > machine.loop.now:
            machine.at(due, lambda: _one_after_the_other(machine, timed[number:]))  # noqa: B023 - the loop ends here
            return
        act()
