"""From a world in which something goes wrong to a small one in which the same goes wrong.

Mishaps are left out, first many at once, then one by one; then the weather is made fine and the cluster smaller; and again, until nothing
can be left out any more. Works because nothing in a world depends on what came before but through the cluster itself (`sim/chance.py`,
`sim/script.py`). Called by `understudy simulate --shrink`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from understudy.sim.life import HOUR_S, WorldCase
from understudy.sim.options import Options
from understudy.sim.script import script
from understudy.sim.search import Outcome, WorldVerdict, judge

JudgeCase = Callable[[WorldCase], Outcome]
Say = Callable[[str], object]


def shrink(outcome: Outcome, say: Say, *, judge: JudgeCase = judge, until: Callable[[], bool] = lambda: False) -> Outcome:
    """The outcome of the smallest case found that breaks the same rule; `until` ends the search early."""
    assert outcome.verdict is not WorldVerdict.SAFE, "something goes wrong in it"
    search = _Shrinking(outcome, say, judge, until)
    before = None
    while before != search.best.case and not until():
        before = search.best.case
        search.leave_out_faults()
        search.simplify_options()
    return search.best


class _Shrinking:
    """The best so far."""

    def __init__(self, outcome: Outcome, say: Say, judge: JudgeCase, until: Callable[[], bool]) -> None:
        case = outcome.case
        self._options = case.options or Options.draw(case.seed)
        numbers = frozenset(fault.number for fault in script(case.seed, self._options, case.hours * HOUR_S, case.only))
        self.best = replace(outcome, case=replace(case, only=numbers, options=self._options))
        self._say, self._judge, self._until = say, judge, until

    def leave_out_faults(self) -> None:
        """Delta debugging: without each half, then each quarter, ... of what is left."""
        parts = 2
        while not self._until():
            numbers = sorted(self.best.case.only or ())
            parts = min(parts, len(numbers))
            if parts < 1:
                return
            if any(self._still_wrong(replace(self.best.case, only=frozenset(kept))) for kept in _without_each(numbers, parts)):
                parts = max(parts - 1, 2)
            elif parts == len(numbers):
                return
            else:
                parts *= 2

    def simplify_options(self) -> None:
        """One thing after the other, for as long as the same goes wrong."""
        while not self._until():
            options = self.best.case.options or self._options
            if not any(self._still_wrong(replace(self.best.case, options=simpler)) for simpler in options.simpler()):
                return

    def _still_wrong(self, case: WorldCase) -> bool:
        if self._until():
            return False
        outcome = self._judge(case)
        same = outcome.verdict is self.best.verdict and outcome.rule == self.best.rule
        if same:
            self.best = outcome
            options = case.options or self._options
            self._say(f"{len(case.only or ())} faults, {options.servers} servers, {options.groups} groups of resources")
        return same


def _without_each(numbers: Sequence[int], parts: int) -> list[list[int]]:
    size, bigger = divmod(len(numbers), parts)
    ends = [size * part + min(part, bigger) for part in range(parts + 1)]
    return [[*numbers[: ends[part]], *numbers[ends[part + 1] :]] for part in range(parts)]
