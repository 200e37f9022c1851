"""How many hours of a cluster are simulated in a minute of one core: `./run bench simulate` prints a table.

Four servers with the guide's forty resources, and a few faults an hour (power losses, cuts, killed services and daemons, operators). The
same seed twice: every beat gone through, and quiet time passed over; the decisions of both must be the same. Beside them worlds in an
unbroken storm, as a search for faults draws them. Figures are CPU time, of one process.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from understudy.sim.life import Lived, WorldCase, live  # noqa: E402
from understudy.sim.options import Options  # noqa: E402

GUIDE = Options(
    servers=4, voters=3, guide=1, storm_s=4.0, calm_s=1800.0, power=3.0, cuts=3.0, service_deaths=5.0, daemon_deaths=2.0, commands=3.0
)
WANTED = {"every beat": 5.0, "quiet time passed over": 200.0}
"""Hours a core-minute that are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRun:
    """One world, measured."""

    what: str
    lived: Lived
    cpu_s: float

    def row(self) -> str:
        """Of the table."""
        hours, lived = self.lived.simulated_s / 3600, self.lived
        passed = lived.skipped_s / lived.simulated_s
        wanted = f"{WANTED[self.what]:>6,.0f}" if self.what in WANTED else f"{'':>6}"
        pace = hours / self.cpu_s * 60
        return f"{self.what:<26} {hours:>7.2f} h {lived.faults / hours:>8.1f} {passed:>8.1%} {self.cpu_s:>8.1f} s {pace:>10.1f} {wanted}"


def main() -> int:
    """Measure and print; 1 if the two ways decide differently."""
    parser = argparse.ArgumentParser(prog="bench simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=1.0, help="with every beat; the others live 20 times as long (default 1)")
    given = parser.parse_args()
    print(f"{'':<26} {'simulated':>9} {'faults/h':>8} {'passed':>8} {'CPU':>10} {'h/core-min':>10} {'wanted':>6}")
    same = WorldCase(seed=given.seed, hours=given.hours, options=GUIDE)
    every = measured("every beat", replace(same, every_beat=True))
    passed = measured("the same, quiet passed over", same)
    measured("quiet time passed over", replace(same, hours=20 * given.hours))
    storm = replace(Options.draw(given.seed), servers=4, voters=3, calm_s=0.0, power=2.0, freezes=2.0, cuts=4.0, commands=8.0)
    measured("storm, every beat", WorldCase(seed=given.seed, hours=given.hours / 4, options=storm, every_beat=True))
    if every.lived.decisions != passed.lived.decisions:
        print("the two ways decided differently")
        return 1
    print(f"the same {len(every.lived.decisions)} decisions either way, {every.cpu_s / passed.cpu_s:.0f} times as fast")
    return 0


def measured(what: str, case: WorldCase) -> SimulatedRun:
    """Simulate it, and print its row."""
    begun = time.process_time()
    run = SimulatedRun(what=what, lived=live(case), cpu_s=time.process_time() - begun)
    print(run.row(), flush=True)
    return run


if __name__ == "__main__":
    sys.exit(main())
