"""The keeper's core with one clause taken out at a time: seen in the stories and in the table of `test_keeper.py`.

Tried by `test_clauses.py`. Each cuts the clause out of the source (`cutting.py`).
"""

from cutting import Patch, cut
from understudy.guard.core.keeper import Keeper


def let_a_successor_say_farewell(patch: Patch) -> None:
    """A successor counts as the guard that made the incarnation."""
    cut(patch, Keeper._continue, "begun_here=False", "begun_here=True")


def continue_a_lease_that_has_run_out(patch: Patch) -> None:
    """A successor continues whatever its predecessor held."""
    cut(patch, Keeper._continue, " or self._left_ns(sight) <= 0")


def continue_while_everything_is_ended(patch: Patch) -> None:
    """How far the end has come is not asked."""
    cut(patch, Keeper.guard_ended, "if self._exit is Exit.DIED and sight.stage is EndStage.RUNNING:", "if self._exit is Exit.DIED:")


def begin_before_all_is_gone(patch: Patch) -> None:
    """A guard's word that everything is stopped is enough, whatever it has seen."""
    cut(patch, Keeper.guard_ended, " and sight.stage is EndStage.GONE")


def begin_beside_a_guard_that_cannot_be_killed(patch: Patch) -> None:
    """When all else has ended, a new incarnation begins."""
    cut(patch, Keeper._all_gone, "if self.guard_alive:", "self.guard_alive = False\n    if self.guard_alive:")
