"""How long the leader thinks, and how much memory that takes: by the number of resources and of servers, beside Pacemaker's scheduler.

    ./run bench decide [--sizes 30 300 3000 30000] [--servers 4 16 64] [--peer] [--json FILE] [--picture FILE] [--profile]

Trios (address, mount, service) on restricted, favored and balanced placement. Each cell is a process of its own with all that a daemon
knows of such a cluster. It decides five times: where everything goes when nothing is assigned; that nothing is to be done, in one go, as
commands that rehearse find out; the same some groups at a time, as a new leader does; what follows when one TARGET changes; and what
follows when a server is fenced. Figures are processor time, the collector's included; memory is the most that the process ever had.

`--peer` (root): `crm_simulate` of Debian's package reads the same trios on as many servers, in a lab host, and prints what it would do: to
start all, that nothing is to be done, and with the first server lost. It has no decision about a part, and decides everything each time.
Nothing here passes or fails by a time.
"""

import argparse
import cProfile
import gc
import json
import os
import pstats
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from bench import largeview
from bench.cib import STATES, cib
from bench.growth import BLUE, BROWN, GREEN, RED, Curve, picture
from bench.report import machine
from bench.systems.base import PEER_PACKAGES, versions_of
from bench.timed import TimedCommand, succeeded, timed

from understudy.daemon.leader import GROUPS_AT_ONCE
from understudy.daemon.main import COLLECT_AFTER
from understudy.lab.lab import Lab
from understudy.model.names import ResourceName
from understudy.model.state import Target
from understudy.model.view import TargetRecord
from understudy.policy.decide import decide
from understudy.policy.part import DecisionParts
from understudy.policy.plan import Memory, Plan
from understudy.registry import keys

ROOT = Path(__file__).resolve().parent.parent
_NOW = 100.0
_INK = {4: GREEN, 16: BLUE, 64: BROWN}
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRow:
    """Ours, of one size; processor time in seconds."""

    resources: int
    servers: int
    place_all: float
    """The first decision of this process: nothing that could be remembered was worked out before."""
    at_rest: float
    new_leader: float
    """All that a new leader goes through to find nothing to do, and"""
    new_leader_turn: float
    """the longest of it on end: meanwhile it shows no progress."""
    lost_server: float
    change_one: float
    memory_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRow:
    """`crm_simulate`, of one size; None: it was ended when its time was over, or not begun because of a smaller one."""

    resources: int
    servers: int
    start: float | None
    rest: float | None
    lost: float | None
    memory_mib: float


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    options = _parser().parse_args(argv)
    if options.profile:
        _profile(options.sizes[0], options.servers[0])
        return 0
    if options.cell:
        print(json.dumps(asdict(cell(options.sizes[0], options.servers[0]))))
        return 0
    ours = [_least(size, servers, options.repeat) for servers in options.servers for size in options.sizes]
    about = {"command": "./run bench decide", **machine()}
    theirs: list[PeerRow] = []
    if options.peer:
        with Lab(options.name, servers=("ctr1",), services=(), packages=PEER_PACKAGES) as lab:
            lab.up(progress=_say)
            about["versions"] = versions_of(lab, ("pacemaker-cli-utils",))
            for servers in options.servers:
                theirs += _peer_rows(lab, [size for size in options.sizes if size <= options.peer_most], servers, options.limit)
    print(f"\n{json.dumps(about)}\n\n{table(ours, theirs)}")
    if options.json:
        rows = {"ours": [asdict(row) for row in ours], "crm_simulate": [asdict(row) for row in theirs]}
        Path(options.json).write_text(json.dumps({**about, **rows}, indent=1) + "\n")
    if options.picture:
        Path(options.picture).write_text(_picture(ours, theirs))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run bench decide",
        description="How long the leader thinks, by the number of resources and servers; with --peer beside Pacemaker's scheduler (root).",
        epilog="example: ./run bench decide --sizes 300 3000 --servers 16 --peer",
    )
    parser.add_argument("--sizes", type=_positive, nargs="+", default=[30, 300, 3_000, 30_000], help="resources (default: 30 to 30000)")
    parser.add_argument("--servers", type=_positive, nargs="+", default=[4, 16, 64], help="(default: 4 16 64)")
    parser.add_argument("--repeat", type=_positive, default=3, help="processes for each cell; the least of each figure counts (default: 3)")
    parser.add_argument("--peer", action="store_true", help="also crm_simulate, in a lab host; needs root")
    parser.add_argument("--peer-most", type=int, default=30_000, metavar="N", help="of crm_simulate no larger sizes (default: 30000)")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds, of each crm_simulate (default: 120)")
    parser.add_argument("--name", default="bench", help="the lab's name (default: bench)")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to this file")
    parser.add_argument("--picture", metavar="FILE", help="also draw the growth, as SVG")
    parser.add_argument("--profile", action="store_true", help="where the time goes, for the first size and number of servers")
    parser.add_argument("--cell", action="store_true", help=argparse.SUPPRESS)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


# --- ours -----------------------------------------------------------------------------------------------------------


def _least(size: int, servers: int, repeat: int) -> DecideRow:
    """The least of each figure: what else the machine does only adds to it."""
    command = [sys.executable, "-m", "bench.decide", "--cell", "--sizes", str(size), "--servers", str(servers)]
    places = {**os.environ, "PYTHONPATH": f"{ROOT}/src"}
    runs = [subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=places) for _ in range(repeat)]
    found = [json.loads(run.stdout) for run in runs]
    row = DecideRow(**{name: min(each[name] for each in found) for name in found[0]})
    _say(json.dumps(asdict(row)))
    return row


def cell(size: int, servers: int) -> DecideRow:
    """All decisions about one cluster, in this process."""
    gc.set_threshold(*COLLECT_AFTER)
    cluster = largeview.registered(size, servers)
    gc.collect()
    plan, place_all = _spent(lambda: decide(cluster.view, _NOW, Memory()))
    cluster.carry_out(plan)
    del plan
    nothing, at_rest = _spent(lambda: decide(cluster.view, _NOW, Memory()))
    assert not nothing, "everything is where it belongs"
    parts = DecisionParts(GROUPS_AT_ONCE)
    turns = list(_turns(cluster, parts))
    change_one = min(_one_changes(cluster, parts, ResourceName(f"svc{number}")) for number in range(min(5, size // 3)))
    cluster.lose_a_server()
    moved, lost_server = _spent(lambda: decide(cluster.view, _NOW, Memory()))
    assert moved, "something ran there"
    return DecideRow(
        resources=size, servers=servers, place_all=place_all, at_rest=at_rest, new_leader=sum(turns), new_leader_turn=max(turns),
        lost_server=lost_server, change_one=change_one, memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )  # fmt: skip


def _spent(work: Callable[[], T]) -> tuple[T, float]:
    begun = time.process_time()
    done = work()
    return done, time.process_time() - begun


def _decided(cluster: largeview.LargeCluster, parts: DecisionParts, changed: frozenset[ResourceName] | None) -> Plan:
    plan = decide(cluster.view, _NOW, Memory(), parts.part(cluster.view, changed))
    parts.decided(plan)
    return plan


def _turns(cluster: largeview.LargeCluster, parts: DecisionParts) -> Iterator[float]:
    """What each decision of a new leader takes, until it has been through all."""
    changed: frozenset[ResourceName] | None = None
    while changed is None or parts.unfinished:
        plan, spent = _spent(lambda changed=changed: _decided(cluster, parts, changed))  # type: ignore[misc]
        assert not plan, "everything is where it belongs"
        changed = frozenset()
        yield spent


def _one_changes(cluster: largeview.LargeCluster, parts: DecisionParts, name: ResourceName) -> float:
    """It is wanted no more: what it takes to take it back, until nothing is left to be decided."""
    cluster.take([(keys.target(name), TargetRecord(target=Target.OFFLINE, by="root@ctr01"))])
    plan, spent = _spent(lambda: _decided(cluster, parts, cluster.changed))
    assert len(plan.steps) == 1, "one group is decided about"
    cluster.carry_out(plan)
    nothing, after = _spent(lambda: _decided(cluster, parts, cluster.changed))
    assert not nothing, "that was all"
    return spent + after


def _profile(size: int, servers: int) -> None:
    """Print what takes longest."""
    cluster = largeview.registered(size, servers)
    for what in ("nothing is assigned", "at rest"):
        with cProfile.Profile() as profiler:
            plan = decide(cluster.view, _NOW, Memory())
        print(f"{what}: {size} resources, {servers} servers")
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
        cluster.carry_out(plan)


# --- the peer -------------------------------------------------------------------------------------------------------


def _peer_rows(lab: Lab, sizes: Sequence[int], servers: int, limit_s: float) -> Iterator[PeerRow]:
    """One for each size; what was not done in time is not tried with more."""
    over = False
    for size in sorted(sizes):
        found: dict[str, TimedCommand] = {}
        for state in () if over else STATES:
            lab.exec(lab.servers[0], ["sh", "-c", "cat >/run/cib.xml"], input="".join(cib(size, servers, state)), timeout_s=300)
            command = ["crm_simulate", "--run", "--xml-file", "/run/cib.xml"]
            (found[state],) = timed(lab, lab.servers[0], [command], limit_s=limit_s)
            if found[state].status is None:
                over = True
                break
            succeeded(command, found[state], "ctr01")
        spent = {state: found[state].cpu_s if state in found and found[state].status is not None else None for state in STATES}
        most = max((each.memory_mib for each in found.values()), default=0.0)
        row = PeerRow(resources=size, servers=servers, **spent, memory_mib=most)
        _say(json.dumps(asdict(row)))
        yield row


# --- what is shown --------------------------------------------------------------------------------------------------


def table(ours: Sequence[DecideRow], theirs: Sequence[PeerRow]) -> str:
    """Markdown: a row for each size and number of servers."""
    head = ["servers", "resources", "place all", "at rest", "new leader", "its longest", "server lost", "change one", "MiB"]
    peer_head = ["crm_simulate: start all", "at rest", "server lost", "MiB"] if theirs else []
    lines = [f"| {' | '.join([*head, *peer_head])} |", f"| {' | '.join('---:' for _ in [*head, *peer_head])} |"]
    beside = {(row.resources, row.servers): row for row in theirs}
    for row in ours:
        times = (row.place_all, row.at_rest, row.new_leader, row.new_leader_turn, row.lost_server, row.change_one)
        cells = [f"{row.servers}", f"{row.resources}", *map(_seconds, times), f"{row.memory_mib:.0f}"]
        if theirs:
            cells += _peer_cells(beside.get((row.resources, row.servers)))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _peer_cells(row: PeerRow | None) -> list[str]:
    if row is None or not row.memory_mib:
        return ["not tried", "", "", ""]
    return [*("not in time" if spent is None else _seconds(spent) for spent in (row.start, row.rest, row.lost)), f"{row.memory_mib:.0f}"]


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms" if value >= 0.01 else f"{value * 1000:.1f} ms"


def _picture(ours: Sequence[DecideRow], theirs: Sequence[PeerRow]) -> str:
    curves = []
    for servers in dict.fromkeys(row.servers for row in ours):
        ink = _INK.get(servers, RED)
        points = [(row.resources, row.place_all) for row in ours if row.servers == servers]
        curves.append(Curve(title=f"place all, {servers} servers", ink=ink, points=points))
        peer = [(row.resources, row.start) for row in theirs if row.servers == servers and row.start is not None]
        curves.append(Curve(title=f"crm_simulate, {servers} servers", ink=ink, points=peer, dashed=True))
    most = max(row.servers for row in ours)
    points = [(row.resources, row.change_one) for row in ours if row.servers == most]
    curves.append(Curve(title=f"change one, {most} servers", ink=RED, points=points))
    return picture(curves, title="How long the leader thinks", heading="processor time in seconds, by the number of resources")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
