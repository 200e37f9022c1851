"""Hundreds of resources and a thousand changes of intent a minute, with a power loss each minute: is every acknowledged change there?

    ./run bench load [--engine etcd] [--resources 300] [--per-minute 1000] [--minutes 10] [--quick] [--json FILE]

A lab of four servers. On each of them commands change one resource after another: most a description that counts up, every tenth what is
wanted of it (it is stopped, or started again). Each minute a server drawn at random loses its power, with the commands that run on it, and
gets it back ten seconds later. In the end, and after each power loss, the registry is read: what it says of each resource has to be the
last change that was acknowledged, or a later one whose answer was lost.

Exit status 1: an acknowledged change is missing. Latencies pass or fail nothing.
"""

import argparse
import json
import random
import signal
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.changers import Change, Changers
from bench.report import machine

from understudy.errors import LabError
from understudy.lab.lab import Lab
from understudy.model.engines import DEFAULT_ENGINE, ENGINES
from understudy.registry.intent import decode

POOL = "load"
HOME = "/opt/load"
_SCRIPT = """#!/bin/sh
# The smallest thing that runs: a process that does nothing.
pid_file=/run/load-$_CRS_NAME
case $1 in
start) setsid sleep infinity </dev/null >/dev/null 2>&1 &
    echo $! >$pid_file ;;
check) read -r pid <$pid_file 2>/dev/null && [ -d /proc/$pid ] ;;
stop | clean) read -r pid <$pid_file 2>/dev/null && kill -9 $pid; rm -f $pid_file ;;
esac
"""
_AWAY_S = 10.0
_SETTLED_S = 180.0
_BEHIND_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRow:
    """Of the table: how long one sort of change took, in milliseconds."""

    what: str
    acknowledged: int
    unanswered: int
    """Refused, or the answer was lost."""
    median_ms: float
    p99_ms: float
    max_ms: float


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    arguments = _parser().parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    resources, minutes = (60, 0.5) if arguments.quick else (arguments.resources, arguments.minutes)
    names = [f"load{number:03}" for number in range(1, resources + 1)]
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {text}", flush=True)

    lab = Lab(arguments.name, pause_tolerance=arguments.pause_tolerance, engine=arguments.engine)
    try:
        say(f"a lab of four servers, the registry in {arguments.engine}")
        lab.up(progress=say)
        _register(lab, names, say)
        with Changers(lab, names, arguments.per_minute) as changers:
            missing = [line for _ in _losses(lab, changers, minutes, say) for line in _missing(lab, changers)]
            changers.stop()
        missing += _missing(lab, changers)
    except LabError as error:
        print(f"bench load: {error}", file=sys.stderr)
        return 1
    finally:
        say("taking the lab down")
        lab.down()
    about = {**machine(), "engine": arguments.engine, "resources": resources, "per_minute": arguments.per_minute, "minutes": minutes}
    _report(about, changers.changes, missing, arguments.json)
    return 1 if missing else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run bench load",
        description="Changes of intent under power losses: every acknowledged change has to be there; needs root.",
        epilog="example: ./run bench load --quick --engine etcd",
    )
    parser.add_argument("--engine", choices=tuple(ENGINES), default=DEFAULT_ENGINE, help=f"of the registry (default: {DEFAULT_ENGINE})")
    parser.add_argument("--resources", type=int, default=300, help="how many (default: 300)")
    parser.add_argument("--per-minute", type=int, default=1000, help="changes a minute (default: 1000)")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long, with a power loss in each (default: 10)")
    parser.add_argument("--quick", action="store_true", help="half a minute with 60 resources and one power loss")
    parser.add_argument("--pause-tolerance", type=float, default=2.0, metavar="SECONDS", help="of the cluster (default: 2)")
    parser.add_argument("--name", default="load", help="the lab's name (default: load)")
    parser.add_argument("--json", metavar="FILE", help="also write every change to this file")
    return parser


def _register(lab: Lab, names: Sequence[str], say: "Changers.Narrate") -> None:
    for server in lab.servers:
        lab.exec(server, ["sh", "-c", f"mkdir -p {HOME}; cat >{HOME}/act; chmod 755 {HOME}/act"], input=_SCRIPT)
    first = lab.servers[0]
    say(f"registering and starting {len(names)} resources")
    attributes = f"ACTION_SCRIPT={HOME}/act,PLACEMENT=balanced,CHECK_INTERVAL=60,RESTART_ATTEMPTS=1000"
    adding = f'for name in "$@"; do crsctl add resource "$name" -type cluster_resource -attr "{attributes}" || exit 1; done'
    lab.exec(first, ["sh", "-c", adding, "add", *names], timeout_s=600)
    lab.exec(first, ["crsctl", "start", "resource", *names], timeout_s=600)


def _losses(lab: Lab, changers: Changers, minutes: float, say: "Changers.Narrate") -> Iterator[str]:
    """One power loss in each minute, at a random moment of its first half; yields when the server has joined again."""
    end = time.monotonic() + minutes * 60
    while (left := end - time.monotonic()) > 0:
        stretch = min(60.0, left)
        begun = time.monotonic()
        changers.await_moment(begun + random.uniform(0.1, 0.5) * stretch)
        server = random.choice(lab.servers)
        say(f"{server} loses its power; {changers.acknowledged} changes were acknowledged until now")
        lab.crash(server)
        changers.await_moment(time.monotonic() + min(_AWAY_S, stretch / 4))
        lab.boot(server)
        lab.ready(_SETTLED_S, [server])
        yield server
        changers.await_moment(begun + stretch)


def _missing(lab: Lab, changers: Changers) -> list[str]:
    """What was acknowledged before this and is not in the registry; the daemon that is asked may be a moment behind another."""
    with changers.paused() as wanted:
        deadline = time.monotonic() + _BEHIND_S
        while True:
            asked = next(server for server in lab.servers if lab.is_ready(server))
            there = decode(lab.exec(asked, ["understudy", "cluster", "export"]).stdout)
            found = [line for name, known in wanted.items() for line in known.missing(name, there)]
            if not found or time.monotonic() > deadline:
                return found


def _report(about: dict[str, object], changes: Sequence[Change], missing: Sequence[str], file: str | None) -> None:
    print(f"\n{', '.join(f'{key} {value}' for key, value in about.items())}\n")
    head = ("change", "acknowledged", "unanswered", "median ms", "p99 ms", "max ms")
    rows = [_row(what, changes) for what in sorted({change.what for change in changes})]
    print("| " + " | ".join(head) + " |\n| --- |" + " ---: |" * (len(head) - 1))
    for row in rows:
        print(f"| {row.what} | {row.acknowledged} | {row.unanswered} | {row.median_ms:.0f} | {row.p99_ms:.0f} | {row.max_ms:.0f} |")
    print(f"\n{len(missing)} acknowledged changes are missing" if missing else "\nevery acknowledged change is there")
    for line in missing[:20]:
        print(line)
    if file:
        content = {**about, "missing": list(missing), "changes": [asdict(change) for change in changes]}
        Path(file).write_text(json.dumps(content, indent=1) + "\n")


def _row(what: str, changes: Sequence[Change]) -> LoadRow:
    mine = [change for change in changes if change.what == what]
    took = sorted(change.seconds * 1000 for change in mine if change.acknowledged) or [0.0]
    return LoadRow(
        what=what,
        acknowledged=sum(change.acknowledged for change in mine),
        unanswered=sum(not change.acknowledged for change in mine),
        median_ms=statistics.median(took),
        p99_ms=took[min(len(took) - 1, round(0.99 * (len(took) - 1)))],
        max_ms=took[-1],
    )


if __name__ == "__main__":
    sys.exit(main())
