"""`understudy demo openstack`: Debian's OpenStack under the cluster, a user who works with it, and what happens to its servers.

Exit status 0: everything held; 1: something that was acknowledged is lost, two servers were active at once, or a part could not be played.
"""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from understudy.errors import LabError

if TYPE_CHECKING:
    from understudy.demo.openstack.acts import ServiceRow

_INTERRUPTED = 130
_READY_S = 60.0


def main(argv: Sequence[str]) -> int:
    """Make a lab, bring OpenStack up in it, play the acts, print the table."""
    arguments = _parser().parse_args(argv)
    say = _Saying()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however this is ended, the lab is taken down
    try:
        rows, comes_back = _played(arguments, say)
    except LabError as error:
        print(f"understudy demo openstack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    from understudy.demo.openstack import show

    print("", show.table(rows), "", *show.FOOT, "", show.verdict(rows), sep="\n")
    return 0 if comes_back and all(row.good for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy demo openstack",
        description="Debian's real MariaDB, RabbitMQ, Keystone, Glance, Cinder, Swift, Placement, Nova's APIs, Neutron and its agents on "
        "two controllers and two network controllers of a lab, brought under the cluster by `understudy openstack apply`. A user works "
        "with all of them, while the active controller and the active network controller lose their power, the database and the broker "
        "are killed, and everything is moved. Shows each outage beside what no clusterware could avoid, and looks for all "
        "that was acknowledged. It takes about a quarter of an hour on two processor cores, and about 4 GB of memory. The first time, an "
        "image with OpenStack's packages is made: about 6 minutes and 2 GB.",
        epilog="example: understudy demo openstack --pause-tolerance 0.5",
    )
    small = "MariaDB, RabbitMQ, Keystone and Glance alone, on three servers; a minute and a half"
    parser.add_argument("--small", action="store_true", help=small)
    parser.add_argument("--pause-tolerance", type=float, default=0.5, help="seconds a server may be paused (default 0.5)")
    parser.add_argument("--name", default="demo-os", help="the lab's name (default demo-os)")
    return parser


class _Saying:
    """A line of progress, with the time since the beginning; whole lines, whoever says them."""

    def __init__(self) -> None:
        self._begun, self._lock = time.monotonic(), threading.Lock()

    def __call__(self, text: str) -> None:
        with self._lock:
            print(f"{time.monotonic() - self._begun:6.1f} s  {text}", flush=True)


def _played(arguments: argparse.Namespace, say: Callable[[str], None]) -> "tuple[list[ServiceRow], bool]":
    """The table's rows, and whether everything would come back, whichever server is lost."""
    from understudy.demo.openstack import acts, prepare
    from understudy.demo.openstack.site import PROJECTS, QUICK

    projects = QUICK if arguments.small else PROJECTS
    lab = prepare.make_lab(arguments.name, projects, arguments.pause_tolerance)
    try:
        say("a lab with OpenStack's packages; the first time its image is made, about 6 minutes")
        lab.up(progress=say, ready_within_s=_READY_S)
        site = prepare.site_on(lab, projects)
        prepare.bring_up(lab, site, say)
        comes_back = prepare.drill(lab, say)
        return acts.perform(lab, site, acts.acts_for(site), say), comes_back
    finally:
        say("taking the lab down")
        lab.down()
