"""Many worlds, one for each seed, on all cores; and what came of each.

Called by `understudy simulate`, `sim/shrink.py` and tests. Each world runs in one process from its beginning to its end; nothing is shared.
"""

import gc
import itertools
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from enum import IntEnum

from understudy.guard.system import die_with
from understudy.sim.life import Lived, WorldCase, live
from understudy.sim.loop import Deadlock, Spinning
from understudy.sim.truth import Violation
from understudy.sim.world import WorldStuck

AHEAD = 3
"""Worlds handed out ahead for each core."""
COLLECT = 100_000, 20, 100
"""How seldom a worker looks for circles of objects: every 700 new ones, as Python does, took a twelfth of its time."""


class WorldVerdict(IntEnum):
    """What came of a world; as an exit status, the smallest counts."""

    SAFE = 0
    """Safe at every instant, and live in the end."""
    UNSAFE = 3
    STUCK = 4
    """Safe, but something that was wanted did not come about in time, or deciding had no end."""
    BROKEN = 5
    """The product, or the simulator, broke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one case."""

    case: WorldCase
    verdict: WorldVerdict
    lived: Lived | None = None
    """Only of a SAFE one."""
    story: str = ""
    """Of any other: what was wrong, the options, and the end of the timeline."""

    @property
    def rule(self) -> str:
        """What kind of wrong: `S1`, or the beginning of the sentence without names and numbers."""
        what = self.story.partition("\n")[0].partition(": ")[2]
        return re.sub(r"\b\w*\d[\w.]*\b", "#", what)[:60] if not re.match(r"S\d: ", what) else what[:2]


def judge(case: WorldCase) -> Outcome:
    """Let one world live."""
    try:
        return Outcome(case=case, verdict=WorldVerdict.SAFE, lived=live(case))
    except Violation as error:
        return Outcome(case=case, verdict=WorldVerdict.UNSAFE, story=str(error))
    except (WorldStuck, Deadlock, Spinning) as error:
        return Outcome(case=case, verdict=WorldVerdict.STUCK, story=str(error))
    except Exception as error:  # noqa: BLE001 - whatever broke, the seed that shows it is worth more than the end of the search
        return Outcome(case=case, verdict=WorldVerdict.BROKEN, story=f"seed {case.seed}: {type(error).__name__}: {error}")


def search(cases: Iterable[WorldCase], *, jobs: int | None = None, until: Callable[[], bool] = lambda: False) -> Iterator[Outcome]:
    """Outcomes in the order in which they come; no new world is begun once `until` says so."""
    cores = jobs or os.cpu_count() or 1
    left = iter(cases)
    with ProcessPoolExecutor(cores, initializer=_be_modest, initargs=(os.getpid(),)) as pool:
        running = {pool.submit(judge, case): case for case in itertools.islice(left, cores * AHEAD)}
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                case = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    yield Outcome(case=case, verdict=WorldVerdict.BROKEN, story=f"seed {case.seed}: its process died (out of memory?)")
                    return
                for case in itertools.islice(() if until() else left, 1):
                    running[pool.submit(judge, case)] = case


def _be_modest(parent: int) -> None:
    """Others on this machine come first; and no worker outlives a search that is killed."""
    die_with(parent)
    os.nice(5)
    gc.set_threshold(*COLLECT)


@dataclass(slots=True)
class Tally:
    """How far a search is."""

    begun: float
    worlds: int = 0
    hours: float = 0.0
    skipped_hours: float = 0.0
    faults: int = 0
    settled_s: float = 0.0
    moves: int = 0
    bad: dict[WorldVerdict, int] | None = None

    def count(self, outcome: Outcome) -> None:
        """One more world."""
        self.worlds += 1
        if outcome.lived is not None:
            self.hours += outcome.lived.simulated_s / 3600
            self.skipped_hours += outcome.lived.skipped_s / 3600
            self.faults += outcome.lived.faults
            self.settled_s = max(self.settled_s, outcome.lived.settled_s)
            self.moves = max(self.moves, outcome.lived.moves)
        else:
            self.bad = self.bad or {}
            self.bad[outcome.verdict] = self.bad.get(outcome.verdict, 0) + 1

    def progress(self) -> str:
        """One line."""
        minutes = (time.monotonic() - self.begun) / 60
        bad = ", ".join(
            f"{(self.bad or {}).get(outcome, 0)} {outcome.name.lower()}" for outcome in WorldVerdict if outcome is not WorldVerdict.SAFE
        )
        return (
            f"{self.worlds:,} worlds  {self.hours:,.1f} cluster-hours ({self.hours / minutes if minutes else 0:,.1f} a minute)"
            f"  {self.faults:,} faults  {bad}"
        )

    def settled(self) -> str:
        """How the healed worlds came to rest."""
        return f"healed worlds settled within {self.settled_s:.0f} s and {self.moves} moves of a resource"
