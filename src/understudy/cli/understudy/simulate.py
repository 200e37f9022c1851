"""`understudy simulate`: whole clusters in virtual time, one for each seed; safe at every instant, and everything runs once it is healed.

Exit status 0: safe and live; 3: something unsafe; 4: stuck; 5: the product broke. A failing seed prints what is needed to see it again.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

SAFE, UNSAFE, STUCK, BROKEN = 0, 3, 4, 5
_VERDICTS = {UNSAFE: "unsafe", STUCK: "stuck", BROKEN: "broken"}
_EVERY_S = 2.0
_IN_HAND = 4
"""Seeds handed out ahead for each core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one seed."""

    seed: int
    status: int
    faults: int = 0
    hours: float = 0.0
    settled_s: float = 0.0
    story: str = ""


def main(argv: Sequence[str]) -> int:
    """The command."""
    arguments = _parser().parse_args(argv)
    if arguments.seed is not None:
        return _one(arguments.seed, arguments.minutes, trace=arguments.trace)
    first = arguments.first_seed if arguments.first_seed is not None else int.from_bytes(os.urandom(4), "big")
    print(f"seeds {first} to {first + arguments.seeds - 1}, {arguments.minutes:g} minutes of faults each", flush=True)
    return _many(range(first, first + arguments.seeds), arguments.minutes, time.monotonic() + arguments.seconds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy simulate",
        description="Lets the real daemons, policy, lanes and guards run whole clusters in virtual time, with faults drawn from a seed.",
        epilog="example: understudy simulate --seeds 1000    example: understudy simulate --seed 540 --trace",
    )
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds (default 200)")
    parser.add_argument("--first-seed", type=int, help="the first seed (default: drawn, and printed)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no more worlds after this many seconds")
    parser.add_argument("--minutes", type=float, default=2.0, help="virtual minutes of faults in each world (default 2)")
    parser.add_argument("--seed", type=int, help="only this world")
    parser.add_argument("--trace", action="store_true", help="with --seed: print its whole timeline")
    return parser


def run_seed(seed: int, minutes: float) -> Outcome:
    """One world; its outcome (in a process of its own)."""
    from understudy.sim.life import live
    from understudy.sim.loop import Deadlock
    from understudy.sim.truth import Violation
    from understudy.sim.world import Stuck

    try:
        lived = live(seed, minutes=minutes)
    except Violation as error:
        return Outcome(seed=seed, status=UNSAFE, story=str(error))
    except (Stuck, Deadlock) as error:
        return Outcome(seed=seed, status=STUCK, story=str(error))
    except Exception as error:  # noqa: BLE001 - whatever broke, the seed that shows it is worth more than the end of the search
        return Outcome(seed=seed, status=BROKEN, story=f"seed {seed}: {type(error).__name__}: {error}")
    return Outcome(seed=seed, status=SAFE, faults=lived.faults, hours=lived.simulated_s / 3600, settled_s=lived.settled_s)


def _one(seed: int, minutes: float, *, trace: bool) -> int:
    if trace:
        from understudy.sim.trace import Trace

        Trace.echo = print
    one = run_seed(seed, minutes)
    print(one.story or f"seed {seed}: safe and live, {one.faults} faults, settled {one.settled_s:.1f} s after healing")
    return one.status


def _many(seeds: range, minutes: float, until: float) -> int:
    begun = told = time.monotonic()
    done: list[Outcome] = []
    cores = os.cpu_count() or 1
    left = iter(seeds)
    with ProcessPoolExecutor(cores) as pool:
        running = {pool.submit(run_seed, seed, minutes) for _, seed in zip(range(cores * _IN_HAND), left, strict=False)}
        while running:
            finished = next(as_completed(running))
            running.discard(finished)
            one = finished.result()
            done.append(one)
            if one.status != SAFE:
                print(f"\n{one.story}\n", flush=True)
            seed = next(left, None) if time.monotonic() < until else None
            if seed is not None:
                running.add(pool.submit(run_seed, seed, minutes))
            if time.monotonic() - told > _EVERY_S:
                told = time.monotonic()
                print(_summary(done, told - begun), flush=True)
    print(_summary(done, time.monotonic() - begun))
    failed = [one for one in done if one.status != SAFE]
    for one in sorted(failed, key=lambda one: one.seed):
        print(f"{_VERDICTS[one.status]}: understudy simulate --seed {one.seed} --minutes {minutes:g} --trace")
    return min((one.status for one in failed), default=SAFE)


def _summary(done: list[Outcome], seconds: float) -> str:
    hours = sum(one.hours for one in done)
    faults = sum(one.faults for one in done)
    bad = {name: sum(one.status == status for one in done) for status, name in _VERDICTS.items()}
    verdict = ", ".join(f"{count} {name}" for name, count in bad.items())
    slowest = max((one.settled_s for one in done), default=0.0)
    pace = hours / (seconds / 60) if seconds else 0.0
    return (
        f"{len(done)} worlds, {hours:.1f} cluster-hours ({pace:.1f} a minute), {faults} faults: {verdict}; "
        f"healed worlds settled within {slowest:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
