"""`understudy demo`: the main job, shown on this machine."""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.demo.acts import ActRow


def main(argv: Sequence[str]) -> int:
    """Make a lab, perform, print the table; 0 only if everything held."""
    arguments = _parser().parse_args(argv)
    from understudy.demo.acts import perform
    from understudy.errors import LabError
    from understudy.lab.lab import Lab

    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {text}", flush=True)

    lab = Lab(name=arguments.name, pause_tolerance=arguments.pause_tolerance)
    try:
        say("a lab of four servers")
        lab.up(progress=say)
        rows = perform(lab, say)
    except LabError as error:
        print(f"understudy demo: {error}", file=sys.stderr)
        return 1
    finally:
        say("taking the lab down")
        lab.down()
    print()
    print(table(rows))
    good = all(row.good for row in rows)
    print()
    print("no row lost, never two servers active at once" if good else "something did not hold: see the table")
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy demo",
        description="Four servers on this machine keep a real MySQL available: a killed process, a power loss, a cut, a relocation.",
        epilog="example: understudy demo --pause-tolerance 0.5",
    )
    parser.add_argument("--pause-tolerance", type=float, default=0.5, help="seconds a server may be paused (default 0.5)")
    parser.add_argument("--name", default="demo", help="the lab's name (default demo)")
    return parser


def table(rows: "Sequence[ActRow]") -> str:
    """The acts as a table."""
    head = ("act", "outage seen by the client (ms)", "rows acknowledged", "rows lost", "servers active at once")
    body = [(row.act, f"{row.outage_ms:.0f}", str(row.acknowledged), str(row.lost), str(row.active)) for row in rows]
    widths = [max(len(line[column]) for line in (head, *body)) for column in range(len(head))]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))

    def line(cells: tuple[str, ...]) -> str:
        first, *rest = cells
        return "  ".join([first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]).rstrip()

    return "\n".join([line(head), rule, *(line(cells) for cells in body)])
