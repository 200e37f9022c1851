"""`understudy demo`: the main job, shown on this machine."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.demo.acts import ActRow

_INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Make a lab, perform, print the table; 0 only if everything held."""
    if argv[:1] == ["openstack"]:
        from understudy.cli.understudy import demo_openstack

        return demo_openstack.main(argv[1:])
    arguments = _parser().parse_args(argv)
    if not arguments.real and (arguments.package or arguments.newer):
        _parser().error("--package and --newer go with --real: the other demo installs nothing")
    from understudy.errors import LabError

    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {text}", flush=True)

    try:
        rows = _real(arguments, say) if arguments.real else _plain(arguments, say)
    except LabError as error:
        print(f"understudy demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    print()
    print(table(rows))
    good = all(row.good for row in rows)
    print()
    print(("no row lost, never two servers active at once" if good else "something did not hold: see the table") + _unnoticed(rows))
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy demo",
        description="Four servers on this machine keep a real MySQL available: a killed process, a power loss, a cut, a relocation. "
        "With --real they are servers with systemd on which a package is installed and `understudy cluster init` and `join` make the "
        "cluster, its registry in etcd; a member of etcd is killed and all servers are upgraded besides. "
        "`understudy demo openstack` is another one: Debian's OpenStack on its servers (see its --help).",
        epilog="example: understudy demo --pause-tolerance 0.5",
    )
    parser.add_argument("--real", action="store_true", help="from a package, on servers with systemd, with the registry in etcd")
    parser.add_argument("--package", type=Path, metavar="FILE", help="with --real: what is installed (default: made of this checkout)")
    parser.add_argument("--newer", type=Path, metavar="FILE", help="with --real: what upgrades it (default: made of this checkout)")
    parser.add_argument("--pause-tolerance", type=float, default=0.5, help="seconds a server may be paused (default 0.5)")
    parser.add_argument("--name", default="demo", help="the lab's name (default demo)")
    return parser


def _plain(arguments: argparse.Namespace, say: Callable[[str], None]) -> "list[ActRow]":
    from understudy.demo.acts import ACTS, perform
    from understudy.lab.lab import Lab

    lab = Lab(name=arguments.name, pause_tolerance=arguments.pause_tolerance)
    _end_in_order()
    try:
        say("a lab of four servers")
        lab.up(progress=say)
        return perform(lab, say, ACTS)
    finally:
        say("taking the lab down")
        lab.down()


def _real(arguments: argparse.Namespace, say: Callable[[str], None]) -> "list[ActRow]":
    from understudy.demo import packages, real
    from understudy.demo.acts import perform
    from understudy.errors import LabError
    from understudy.lab import SYSTEMD
    from understudy.lab.lab import Lab

    if (arguments.package is None) != (arguments.newer is None):
        raise LabError("name both packages, the one that is installed (--package) and the one that upgrades it (--newer), or none")
    lab = Lab(name=arguments.name, pause_tolerance=arguments.pause_tolerance, empty=True, init=SYSTEMD)
    with tempfile.TemporaryDirectory() as folder:
        say("two packages" if arguments.package is None else f"{arguments.package.name}, then {arguments.newer.name}")
        for named in (arguments.package, arguments.newer):
            if named is not None and not named.is_file():
                raise LabError(f"{named} is no file: name a package, as ./run package makes it")
        package, newer = (arguments.package, arguments.newer) if arguments.package else packages.make(Path(folder))
        _end_in_order()
        try:
            say("a lab of four servers with systemd, and nothing of Understudy on them")
            lab.up(progress=say)
            for server in lab.servers:
                say(f"{server}: apt install ./{package.name}")
                real.install(lab, server, package)
            real.make_cluster(lab, say)
            return perform(lab, say, real.acts_with(newer, say))
        finally:
            say("taking the lab down")
            lab.down()


def _end_in_order() -> None:
    """However this is ended from now on, the lab is taken down."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _unnoticed(rows: "Sequence[ActRow]") -> str:
    """What else is to be said: of acts of which the client should have noticed nothing."""
    failed = [f"{row.act}: {row.failed} writes failed" for row in rows if row.failed]
    return f"; the client should have noticed nothing of {', '.join(failed)}" if failed else ""


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
