"""`understudy simulate --config FILE` and `--live`: what becomes of your own resources when any one server is lost.

Exit status 0: everything comes back and has a second home; 1: the daemon cannot be asked; 2: the file is no good; 3: something unsafe
happened in the simulation; 4: something never comes back, has no second home or does not run to begin with; 5: the product broke.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the simulator takes long to import, and `understudy simulate -h` does without it
    from understudy.intent.whole import Intent
    from understudy.policy.explain import ExplainLine
    from understudy.sim.drill import Drill, DrillRow

SAFE, ASKED_IN_VAIN, BAD_INPUT, UNSAFE, NEVER, BROKEN = 0, 1, 2, 3, 4, 5
FORMAT = 1
"""Of the JSON."""
HEAD = ("RESOURCE", "RUNS ON", "SECOND HOME", "WORST OUTAGE", "AFTER", "START")
_NUMBER = 3
"""The column that is a number."""
_SHOWN = 2
"""Second homes that the table names."""
_WAYS = {"power": "power loss of", "cut": "cut of"}
_ERASED = "\x1b[K"
_OURS = {"config", "live", "json", "losses", "assume_start", "jobs"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the drill."""
    about = (
        "Instead of random worlds: each server of a cluster is lost in turn. How long until each resource answers again,\n"
        "which can run on one server only, what never comes back? Exit status 0: all come back; 4: not all do; 2: the file is not valid."
    )
    group = parser.add_argument_group("your own cluster", about)
    source = group.add_mutually_exclusive_group()
    source.add_argument("--config", metavar="FILE", help="the intent of a cluster, made with: understudy cluster export > FILE")
    source.add_argument("--live", action="store_true", help="ask the daemon of this server for it; nothing is changed")
    group.add_argument("--losses", type=_count, default=10, help="how often each server loses power, and is cut off (default 10 each)")
    unknown = "how long a start takes that the history does not know (default 1)"
    group.add_argument("--assume-start", type=_seconds, default=1.0, metavar="SECONDS", help=unknown)
    group.add_argument("--json", action="store_true", help="for machines")


def asked(arguments: argparse.Namespace) -> bool:
    """Whether the drill is meant."""
    return arguments.config is not None or arguments.live


def main(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """The drill; its exit status."""
    for name, value in vars(arguments).items():
        if name not in _OURS and value != parser.get_default(name):
            parser.error(f"--{name.replace('_', '-')} draws random worlds; it does not go with --config or --live")
    from understudy.errors import BadInput
    from understudy.registry.intent import decode

    source = "the daemon's answer" if arguments.live else arguments.config
    try:
        text = _asked_of_daemon() if arguments.live else _read(arguments.config)
        if text is None:
            return ASKED_IN_VAIN
        return _drill(decode(text), arguments)
    except OSError as error:
        return _refuse(f"{source}: {error.strerror}; understudy cluster export > FILE makes such a file")
    except BadInput as error:
        return _refuse(f"{source}: {error}")


def _drill(intent: "Intent", arguments: argparse.Namespace) -> int:
    from understudy.sim.drill import drill
    from understudy.sim.truth import Violation

    try:
        with ProcessPoolExecutor(arguments.jobs or None, initializer=_stand_aside) as pool:
            each = _Each(pool, shown=sys.stderr.isatty())
            found = drill(intent, losses=arguments.losses, assumed_start_s=arguments.assume_start, each=each)
    except AssertionError as error:  # a rule of safety; or servers that do not join, a deadlock, a broken task: shown with their story
        print(error, file=sys.stderr)
        return UNSAFE if isinstance(error, Violation) else BROKEN
    print(json.dumps(as_json(intent, found)) if arguments.json else table(intent, found))
    return SAFE if found.safe else NEVER


def _stand_aside() -> None:
    """A server that is asked with --live has better things to do; and an interrupt is for the process that shows the table."""
    os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Each:
    """`map` on all cores; shows on a terminal how far it is."""

    def __init__(self, pool: ProcessPoolExecutor, *, shown: bool) -> None:
        self._pool = pool
        self._shown = shown

    def __call__(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        all_tasks = list(tasks)
        for number, outcome in enumerate(self._pool.map(function, all_tasks), 1):
            yield outcome
            if self._shown:
                shown = f"{number} of {len(all_tasks)} losses" if number < len(all_tasks) else _ERASED
                print(f"\r{shown}", end="", file=sys.stderr, flush=True)


# --- what is read ---------------------------------------------------------------------------------------------------


def _asked_of_daemon() -> str | None:
    from understudy.cli import client

    try:
        status, text = client.ask("cluster-export", {"json": True})
    except client.Away as error:
        client.say_away(error)
        return None
    if status != 0:
        print(text)
        return None
    return text


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _refuse(why: str) -> int:
    print(f"understudy simulate: {why}", file=sys.stderr)
    return BAD_INPUT


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError("write a number from 1 to 10000")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 3600:
        raise argparse.ArgumentTypeError("write seconds, 0 to 3600")
    return number


# --- what is printed ------------------------------------------------------------------------------------------------


def table(intent: "Intent", found: "Drill") -> str:
    """Everything for people: what was done, the table, what is wrong and what would mend it, and last the verdict."""
    parts = [_about(intent, found), _rows(found), _troubles(found), _left_out(found), _verdict(found)]
    return "\n\n".join(part for part in parts if part)


def _about(intent: "Intent", found: "Drill") -> str:
    cluster, times = intent.cluster, len(found.losses) // (len(_WAYS) * len(intent.servers))
    witnesses = f"; {' '.join(intent.witnesses)} runs no resources (a witness)" if intent.witnesses else ""
    assumed = f"{found.assumed_start_s:g} s (assumed)"
    starts = f"the slowest in the cluster's history (seen), else {assumed}" if any(row.seen for row in found.rows) else assumed
    ways = f"{times} power losses, {times} cuts from everything"
    facts = {
        "CLUSTER": f"{cluster.name}: {' '.join(intent.servers)}; voters {' '.join(cluster.voters)}{witnesses}; "
        f"pause tolerance {cluster.pause_tolerance:g} s",
        "MEASURED": f"each server lost alone, in virtual time: {ways}, every second one as leader",
        "WORST OUTAGE": f"the longest of them, until it ran on another server; its bound is {found.outage_s:.2f} s plus starts",
        "START": f"{starts}; no script was run: whether it works there is not shown",
    }
    width = max(map(len, facts))
    return "\n".join(f"{what:<{width}}  {fact}" for what, fact in facts.items())


def _rows(found: "Drill") -> str:
    rows = [HEAD, *(_cells(row) for row in found.rows)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[_NUMBER] = row[_NUMBER].rjust(widths[_NUMBER])
        lines.append("  ".join(cells).rstrip())
    return "\n".join((lines[0], "-" * max(map(len, lines)), *lines[1:]))


def _cells(row: "DrillRow") -> tuple[str, ...]:
    more = len(row.others) - _SHOWN
    others = " ".join(row.others[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    if row.idle:
        outage, after = "DOWN", "no loss at all"
    elif row.never:
        outage, after = "NEVER BACK", f"loss of {' or '.join(row.never)}"
    elif row.worst_s is None or row.worst is None:
        outage, after = "none", ""
    else:
        outage, after = f"{row.worst_s:.2f} s", f"{_WAYS[row.worst.way]} {row.worst.server}"
    home = "nowhere" if row.idle else str(row.home)
    return row.resource, home, others or "NONE", outage, after, f"{row.start_s:.2f} s {'seen' if row.seen else 'assumed'}"


def _troubles(found: "Drill") -> str:
    """What is wrong with each, and what would mend it; what goes wrong for several in the same way is said once."""
    shown: dict[tuple[str, ...], list[str]] = {}
    for row in found.rows:
        if not row.safe:
            shown.setdefault(tuple(_trouble(row)), []).append(row.resource)
    return "\n".join("\n".join((", ".join(names), *(f"  {line}" for line in lines))) for lines, names in shown.items())


def _trouble(row: "DrillRow") -> Iterator[str]:
    if row.idle:
        yield f"down although no server is lost: {row.idle}"
    for server, why in row.never.items():
        yield f"not back after the loss of {server}: {why}"
    refused: dict[str, list[ExplainLine]] = {}
    for line in row.refused:
        refused.setdefault(line.because, []).append(line)
    for because, lines in refused.items():
        yield f"{' '.join(line.server for line in lines)}: {because}"
        if lines[0].would_change:
            yield f"  -> {lines[0].would_change}"


def _left_out(found: "Drill") -> str:
    why: dict[str, list[str]] = {}
    for name, reason in found.not_judged.items():
        why.setdefault(reason, []).append(name)
    return "\n".join(f"not judged: {', '.join(names)} ({reason})" for reason, names in why.items())


def _verdict(found: "Drill") -> str:
    rows = found.rows
    if not rows:
        return "verdict: nothing can be lost, for no resource that moves has its TARGET ONLINE"
    lost = [row.resource for row in rows if not row.safe and not row.idle]
    down = [row.resource for row in rows if row.idle]
    bad = [f"{', '.join(lost)} not back after some loss"] if lost else []
    bad += [f"{', '.join(down)} down already"] if down else []
    if bad:
        return f"verdict: {len(lost) + len(down)} of {len(rows)} not safe: {'; '.join(bad)}"
    worst_s = max((row.worst_s for row in rows if row.worst_s is not None), default=0.0)
    return f"verdict: all {len(rows)} come back, whichever server is lost, within {worst_s:.2f} s"


def as_json(intent: "Intent", found: "Drill") -> dict[str, Any]:
    """The same for machines."""
    return {
        "format": FORMAT,
        "cluster": intent.cluster.name,
        "servers": list(intent.servers),
        "voters": list(intent.cluster.voters),
        "witnesses": list(intent.witnesses),
        "pause_tolerance_s": intent.cluster.pause_tolerance,
        "losses_of_each_server": {way: sum(loss.way == way and loss.server == intent.servers[0] for loss in found.losses) for way in _WAYS},
        "assumed_start_s": found.assumed_start_s,
        "outage_bound_s": round(found.outage_s, 3),
        "given_up_after_s": round(found.bound_s, 3),
        "safe": found.safe,
        "resources": [_row_json(row) for row in found.rows],
        "not_judged": dict(found.not_judged),
    }


def _row_json(row: "DrillRow") -> dict[str, Any]:
    worst = None if row.worst is None else {"server": row.worst.server, "way": row.worst.way.value, "led": row.worst.led}
    return {
        "resource": row.resource,
        "runs_on": None if row.idle else row.home,
        "second_homes": list(row.others),
        "refused": [{"server": line.server, "why": line.because, "remedy": line.would_change} for line in row.refused],
        "worst_outage_s": None if row.worst_s is None else round(row.worst_s, 3),
        "worst_loss": worst,
        "never_back_after": dict(row.never),
        "down_because": row.idle or None,
        "start_s": round(row.start_s, 3),
        "start": "seen" if row.seen else "assumed",
        "safe": row.safe,
    }
