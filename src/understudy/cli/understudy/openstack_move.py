"""`understudy openstack move-data`: the data of a service that is on this server already, onto its share, once.

Called by `openstack.py`, whose options it shares. Prints what is done as it is done; what moves how is `openstack/moving.py`'s.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import BadInput
from understudy.model.messages import line

if TYPE_CHECKING:
    from understudy.openstack.apart import WorkReport
    from understudy.openstack.core.moving import DataMove

EVERY_S = 2.0
"""Between two lines of progress."""
SAY_S = 1.0
STALL_S = 600.0
"""When nothing has been read, written or listed for so long, the share is taken for dead. A slow one writes what the kernel has kept for it
when a file is flushed."""


def add_move(add: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """The command line."""
    text = (
        "Move existing data of this server (MySQL, RabbitMQ, Glance) onto the shares of the site file, once. Copied, compared to the last "
        "byte, renamed; the local directory is set aside, and nothing is deleted. Stop the services first. Interrupted, it goes "
        "on when it is given again."
    )
    command = add("move-data", text, "understudy openstack move-data mysql")
    command.add_argument("names", nargs="*", metavar="NAME", help="these sections of [storage] alone, as mysql; without: all")
    command.add_argument("--state", metavar="DIR", default="/var/lib/understudy/openstack", help=argparse.SUPPRESS)


def move_data(arguments: argparse.Namespace) -> int:
    """One after the other; the exit status: 0, all is where it should be; 1: something was not moved."""
    from understudy.cli.understudy.openstack import site_of
    from understudy.openstack.core.desired import data_moves
    from understudy.openstack.kept import FormerStates
    from understudy.openstack.survey import cluster_settings, own_name

    site, catalogue = site_of(arguments.site)
    moves, server = data_moves(site, catalogue), own_name(cluster_settings())
    known = [move.name for move in moves]
    if unknown := [name for name in arguments.names if name not in known]:
        raise BadInput(f"{unknown[0]}: the site has no such data to move; it has {', '.join(known) or 'none'}")
    if server not in {peer.name for peer in site.with_role(("controller",))}:
        raise BadInput(f"this server ({server}) is no controller of the site; give the command where the data is")
    results: list[dict[str, object]] = []
    with FormerStates(Path(arguments.state)).held():
        for move in moves:
            if not arguments.names or move.name in arguments.names:
                results.append(_moved(move, server, quiet=arguments.json))
    if arguments.json:
        print(json.dumps({"moved": results}))
    return 1 if any(result["left"] for result in results) else 0


def _moved(move: "DataMove", server: str, *, quiet: bool) -> dict[str, object]:
    from understudy.openstack.apart import Stalled, apart
    from understudy.openstack.core.moving import ASIDE

    progress = _MoveProgress(move.name)
    try:
        result = apart(lambda say: _in_child(move, server, say), progress.received, STALL_S)
    except Stalled as error:
        why = f"{move.export} does not answer, perhaps: {error}; the same command goes on when it does"
        result = {"name": move.name, "files": 0, "bytes": 0, "remarks": [], "left": why}
    remarks = "".join(f"; {remark}" for remark in result["remarks"])
    if result["left"]:
        text = line(20449, move.name, result["left"])
    elif result["files"]:
        text = line(20447, move.name, result["files"], result["bytes"], f"{move.export}{remarks}", f"{move.path}{ASIDE}")
    else:
        text = line(20448, move.name, remarks)
    if not quiet:
        print(text, flush=True)
    return result


def _in_child(move: "DataMove", server: str, say: "Callable[[WorkReport], None]") -> "WorkReport":
    """What is done in a process of its own, as the share may stop to answer: what has come of it."""
    from understudy.openstack.moving import DataMover, LinuxMounts, MoveRefused

    result: WorkReport = {"name": move.name, "files": 0, "bytes": 0, "remarks": [], "left": ""}
    report = _Sparing(say)
    try:
        moved = DataMover(move, server, LinuxMounts(), report=report.more, step=report.step).run()
    except (MoveRefused, OSError) as error:
        why = str(error) if isinstance(error, MoveRefused) else f"{error.filename or move.export}: {error.strerror or error}"
        return result | {"left": why}
    return result | {"files": moved.files, "bytes": moved.size, "remarks": list(moved.remarks)}


class _Sparing:
    """Says every step, and every second what is more."""

    def __init__(self, say: "Callable[[WorkReport], None]") -> None:
        self._say = say
        self._files = self._bytes = 0
        self._next = 0.0

    def step(self, what: str) -> None:
        """Something else begins."""
        self._say({"step": what})
        self._files = self._bytes = 0

    def more(self, files: int, size: int) -> None:
        """Of the present step."""
        self._files, self._bytes = self._files + files, self._bytes + size
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SAY_S
            self._say({"files": self._files, "bytes": self._bytes})
            self._files = self._bytes = 0


class _MoveProgress:
    """Lines on standard error, so often that somebody who waits sees that it goes on."""

    def __init__(self, name: str) -> None:
        self._name, self._what = name, ""
        self._files = self._bytes = 0
        self._next = time.monotonic() + EVERY_S

    def received(self, said: "WorkReport") -> None:
        """From where it is done."""
        if "step" in said:
            self._step(said["step"])
        else:
            self._more(said["files"], said["bytes"])

    def _step(self, what: str) -> None:
        self._what, self._files, self._bytes = what, 0, 0
        print(f"{self._name}: {what}", file=sys.stderr, flush=True)

    def _more(self, files: int, size: int) -> None:
        self._files, self._bytes = self._files + files, self._bytes + size
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_S
            print(f"{self._name}: {self._what}: {self._files} files, {self._bytes >> 20} MiB", file=sys.stderr, flush=True)
