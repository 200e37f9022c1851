"""`understudy simulate`: whole clusters in virtual time, one for each seed; safe at every instant, and everything runs once it is healed.

Exit status 0: safe and live; 3: something unsafe; 4: stuck; 5: the product broke; 2: bad input. What fails prints how to see it again.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from understudy.cli.understudy import simulate_drill
from understudy.errors import BadInput

if TYPE_CHECKING:
    from understudy.sim.life import WorldCase
    from understudy.sim.search import Outcome

_OFTEN_S, _SELDOM_S = 0.5, 15.0
_FIRST_S = 5.0
"""Until the first line of progress in a file."""
"""How often progress is shown: on a terminal, and in a file."""


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        if simulate_drill.asked(arguments):
            return simulate_drill.main(arguments, parser)
        return _one(arguments) if arguments.seed is not None else _many(arguments)
    except BadInput as error:
        print(f"understudy simulate: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy simulate",
        description="Lets the real daemons, policy, lanes and guards run whole clusters in virtual time, with faults drawn from a seed.",
        epilog="examples: understudy simulate --seeds 1000\n          understudy simulate --seed 540 --shrink\n"
        "          understudy simulate --seed 540 --only 3,17 --trace\n          understudy simulate --live",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=_count, default=200, help="how many worlds (default 200)")
    parser.add_argument("--first-seed", type=int, help="the first seed (default: drawn, and printed)")
    parser.add_argument("--hours", type=_amount, default=0.05, help="virtual hours of faults in each world (default 0.05)")
    parser.add_argument("--seconds", type=_amount, default=float("inf"), help="start no more worlds or attempts to shrink after so long")
    parser.add_argument("--jobs", type=_count, help="worlds at a time (default: one for each core)")
    parser.add_argument("--every-beat", action="store_true", help="simulate also the time in which nothing happens, beat by beat")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER", help="set an option of the worlds: loss=0.1")
    parser.add_argument("--seed", type=int, help="only this world")
    parser.add_argument("--trace", action="store_true", help="with --seed: print its whole timeline")
    parser.add_argument("--only", metavar="NUMBERS", help="with --seed: only these of its faults, as 3,17,40-45")
    parser.add_argument("--shrink", action="store_true", help="reduce what fails to a small world in which the same fails")
    simulate_drill.add_arguments(parser)
    return parser


def _count(given: str) -> int:
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given}: write a whole number from 1")
    return int(given)


def _amount(given: str) -> float:
    try:
        number = float(given)
    except ValueError:
        number = 0.0
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{given}: write a number greater than 0")
    return number


# --- one world ------------------------------------------------------------------------------------------------------


def _one(arguments: argparse.Namespace) -> int:
    from understudy.sim.search import WorldVerdict, judge
    from understudy.sim.trace import Trace

    case = _case(arguments, arguments.seed)
    if arguments.trace:
        Trace.echo = print
    outcome = judge(case)
    Trace.echo = None
    if outcome.lived is not None:
        lived = outcome.lived
        print(f"seed {case.seed}: safe and live, {lived.faults} faults, settled {lived.settled_s:.1f} s after healing")
        return WorldVerdict.SAFE
    print(outcome.story)
    if arguments.shrink:
        outcome = _shrunk(outcome, arguments.seconds)
    print(f"\n{outcome.verdict.name.lower()}: {_command(outcome.case)}")
    return outcome.verdict


def _shrunk(outcome: "Outcome", seconds: float) -> "Outcome":
    from understudy.sim.shrink import shrink

    end = time.monotonic() + seconds
    show = _Line()
    small = shrink(outcome, lambda text: show(lambda: f"shrinking: {text}"), until=lambda: time.monotonic() > end)
    show.end()
    print(f"\nThe same in a smaller world:\n\n{small.story}")
    return small


def _case(arguments: argparse.Namespace, seed: int) -> "WorldCase":
    from understudy.sim.life import WorldCase
    from understudy.sim.options import Options

    options = Options.of_seed(seed)
    for given in arguments.set:
        options = options.with_given(given)
    if options.voters > options.servers:
        raise BadInput(f"{options.voters} voters of {options.servers} servers: give --set voters= as well")
    only = None if arguments.only is None else _numbers(arguments.only)
    every_beat = arguments.every_beat
    return WorldCase(seed=seed, hours=arguments.hours, options=options, only=only, every_beat=every_beat)


def _numbers(given: str) -> frozenset[int]:
    found: set[int] = set()
    for part in given.split(","):
        first, dash, last = part.partition("-")
        try:
            numbers = range(int(first), int(last if dash else first) + 1)
        except ValueError:
            numbers = range(0)
        if not numbers:
            raise BadInput(f"--only {given}: give numbers of faults, as in 3,17,40-45")
        found.update(numbers)
    return frozenset(found)


def _command(case: "WorldCase") -> str:
    """How to see it again."""
    from understudy.sim.options import Options

    words = [f"understudy simulate --seed {case.seed} --hours {case.hours:g}"]
    if case.only is not None:
        words.append(f"--only {','.join(map(str, sorted(case.only))) or '0'}")
    if case.options is not None:
        words += [f"--set {differ}" for differ in case.options.differs(Options.of_seed(case.seed))]
    return " ".join([*words, *(["--every-beat"] if case.every_beat else []), "--trace"])


# --- many worlds ----------------------------------------------------------------------------------------------------


def _many(arguments: argparse.Namespace) -> int:
    from understudy.sim.search import Tally, WorldVerdict, search

    first = arguments.first_seed if arguments.first_seed is not None else int.from_bytes(os.urandom(4), "big")
    cases = (_case(arguments, seed) for seed in range(first, first + arguments.seeds))
    _case(arguments, first)  # bad input is reported before anything else is
    limit = "" if arguments.seconds == float("inf") else f", for {arguments.seconds:g} s"
    last, hours = first + arguments.seeds - 1, arguments.hours
    print(f"seeds {first} to {last}{limit}: {hours:g} virtual hours of faults each, then healed", flush=True)
    begun = time.monotonic()
    tally, show, failed = Tally(begun), _Line(), []
    for outcome in search(cases, jobs=arguments.jobs, until=lambda: time.monotonic() - begun > arguments.seconds):
        tally.count(outcome)
        if outcome.verdict is not WorldVerdict.SAFE:
            failed.append(outcome)
            show.end()
            print(f"\n{outcome.story}\n", flush=True)
        show(tally.progress)
    show.end()
    print(f"{tally.progress()}\n{tally.settled()}")
    if arguments.shrink and failed:
        failed = [_shrunk(outcome, arguments.seconds) for outcome in failed[:1]] + failed[1:]
    for outcome in sorted(failed, key=lambda outcome: outcome.case.seed):
        print(f"{outcome.verdict.name.lower()}: {_command(outcome.case)}")
    return min((outcome.verdict for outcome in failed), default=WorldVerdict.SAFE)


class _Line:
    """A line of progress: one that is written over on a terminal, one now and then in a file."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._shown_at = time.monotonic() - _SELDOM_S + _FIRST_S
        self._width = 0

    def __call__(self, text: Callable[[], str]) -> None:
        """Show it, if it is time to."""
        now = time.monotonic()
        if now - self._shown_at < (_OFTEN_S if self._terminal else _SELDOM_S):
            return
        self._shown_at, line = now, text()
        print(f"\r{line:<{self._width}}" if self._terminal else line, end="" if self._terminal else "\n", flush=True)
        self._width = len(line)

    def end(self) -> None:
        """Something else is printed now."""
        if self._terminal and self._width:
            print(f"\r{'':<{self._width}}\r", end="")
        self._width = 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
