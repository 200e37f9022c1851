"""How long a service is away: ours and its peers side by side, in one run, on one machine, with the same service, client and blows.

    ./run bench failover [--system understudy pacemaker keepalived] [--act kill power-loss cut relocation]
                         [--engine etcd] [--trials 20] [--quick] [--json FILE]

Each system gets a lab of its own, and only one lab is up at a time, so that none is disturbed by another. They take turns of a few trials
of every act, the order reversed each time, so that what else the machine does falls on all alike. A client on a host of its own opens a new
connection every 5 ms; the outage is the time from the end of the last good answer of the old life of the service to the end of the first
one of the next. The peers come from Debian's packages inside the lab's image; the machine's own packages are never touched.

Nothing here passes or fails by a time. Exit status 1: a trial failed, which the table says, too.
"""

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.outage import OutageTrial, one_trial
from bench.report import machine, table
from bench.service import ServiceClient
from bench.systems import FAMILIES, variants
from bench.systems.base import ACTS, System
from bench.systems.understudy import Understudy

from understudy.errors import LabError

_QUICK = 2
_PAUSES_S = {"sqlite": [2.0, 0.5, 0.25], "etcd": [2.0, 0.5]}
"""What is measured of ours, unless something else is asked for."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    arguments = _parser().parse_args(argv)
    trials = _QUICK if arguments.quick else arguments.trials
    systems = variants(arguments.system, arguments.pause_tolerance or _PAUSES_S[arguments.engine], arguments.engine)
    run = _Run(arguments.name, arguments.act)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        for system, count in _turns(systems, trials, arguments.turn):
            run.take_turn(system, count)
    except KeyboardInterrupt:
        print("\ninterrupted: what follows is what was measured until then", flush=True)
    command = f"./run bench failover {shlex.join(sys.argv[1:] if argv is None else argv)}"
    about = {"command": command.strip(), **machine(), "versions": run.versions}
    bounds = {system.title: system.bound_s * 1000 for system in systems if isinstance(system, Understudy)}
    print(f"\n{table(about, systems, run.trials, bounds)}")
    if arguments.json:
        content = {**about, "trials": [trial.as_json() for trial in run.trials]}
        Path(arguments.json).write_text(json.dumps(content, indent=1) + "\n")
    return 1 if any(trial.outage_ms is None for trial in run.trials) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run bench failover",
        description="Outages of a trivial service, ours and its peers side by side; needs root.",
        epilog="example: ./run bench failover --quick --system understudy keepalived --act power-loss",
    )
    parser.add_argument("--system", nargs="+", choices=FAMILIES, default=list(FAMILIES), help="which to measure (default: all)")
    parser.add_argument("--act", nargs="+", choices=ACTS, default=list(ACTS), help="which blows (default: all)")
    parser.add_argument("--trials", type=_positive, default=20, help="of each act with each system (default: 20)")
    parser.add_argument("--quick", action="store_true", help=f"only {_QUICK} trials: a check that everything works")
    parser.add_argument("--turn", type=_positive, default=5, help="trials of each act before the next system has its turn (default: 5)")
    parser.add_argument(
        "--engine", choices=tuple(_PAUSES_S), default="sqlite", help="what the registry of ours is built on (default: sqlite)"
    )
    parser.add_argument(
        "--pause-tolerance", type=float, nargs="+", metavar="SECONDS", help="of ours (default: 2, 0.5 and 0.25; with etcd 2 and 0.5)"
    )
    parser.add_argument("--name", default="bench", help="the lab's name (default: bench)")
    parser.add_argument("--json", metavar="FILE", help="also write every single trial to this file")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _turns(systems: Sequence[System], trials: int, size: int) -> Iterator[tuple[System, int]]:
    """Who is next, with how many trials; the order is reversed in every other round."""
    for number, done in enumerate(range(0, trials, size)):
        for system in systems if number % 2 == 0 else reversed(systems):
            yield system, min(size, trials - done)


class _Run:
    """All trials of one run."""

    def __init__(self, name: str, acts: Sequence[str]) -> None:
        self._name = name
        self._acts = acts
        self.trials: list[OutageTrial] = []
        self.versions: dict[str, str] = {}

    def take_turn(self, system: System, count: int) -> None:
        """So many trials of each act with one system; a trial that fails costs the lab, and the rest goes on in a new one."""
        pending = [act for act in self._acts if act in system.acts for _ in range(count)]
        while pending:
            left = len(pending)
            try:
                self._in_one_lab(system, pending)
            except LabError as error:
                did_nothing = len(pending) == left
                for _ in range(len(pending) if did_nothing else 1):
                    self._note(
                        OutageTrial(system=system.title, act=pending.pop(0), load=os.getloadavg()[0], outage_ms=None, note=str(error))
                    )

    def _in_one_lab(self, system: System, pending: list[str]) -> None:
        """Trial by trial, until nothing is pending."""
        with system.lab(self._name) as lab:
            lab.up(progress=_say)
            system.up(lab)
            self.versions.update(system.versions(lab))
            prepared = ""
            with ServiceClient(lab) as client:
                while pending:
                    if pending[0] != prepared:
                        prepared = pending[0]
                        system.prepare(lab, prepared)
                    self._note(one_trial(system, lab, client, prepared))
                    pending.pop(0)

    def _note(self, trial: OutageTrial) -> None:
        self.trials.append(trial)
        outcome = f"failed: {trial.note}" if trial.outage_ms is None else f"{trial.outage_ms:7.0f} ms"
        both = "" if trial.both_ms is None else f"   both active {'to the end' if trial.both_lasts else f'{trial.both_ms:.0f} ms'}"
        _say(f"{trial.system:<26} {trial.act:<10} {outcome}   load {trial.load:.1f}{both}")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
