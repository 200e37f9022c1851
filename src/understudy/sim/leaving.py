"""A planned leave, as keeper and guard of the false world see it: they ask the daemon, and end what it does not.

Plays guard/leave.py. Called by `sim/guard.py` and by whoever asks a server to leave.
"""

import math
from typing import TYPE_CHECKING

from understudy.ports import LeaveAsked

if TYPE_CHECKING:
    from understudy.sim.guard import SimKeeper


def ask_to_leave(keeper: "SimKeeper", within_s: float) -> None:
    """Let the daemon stop everything in order, for as long as that; where there is none, or nothing can be running, end at once."""
    if keeper.core is None or keeper.core.holder.base is None or keeper.port is None:
        keeper.farewell()
        return
    keeper.asked()
    keeper.leaving_until = min(keeper.leaving_until or math.inf, keeper.machine.loop.now + within_s)
    keeper.machine.later(within_s, lambda: _time_is_over(keeper))
    keeper.push(LeaveAsked(within_s))


def _time_is_over(keeper: "SimKeeper") -> None:
    going = keeper.machine.keeper is keeper and not keeper.stopping and not keeper.left and not keeper.dead
    if going and keeper.leaving_until is not None and keeper.machine.loop.now >= keeper.leaving_until:
        keeper.machine.says("did not leave in order within the time for it")
        keeper.farewell()
