"""What things cost with many resources: register one, change one, start all, lose a server, show all; and how that grows.

    ./run bench scale [--sizes 100 300 1000 3000 10000] [--start 100 300 1000] [--commands 5] [--json FILE] [--picture FILE]

One lab of four servers, into which more and more resources are registered; each is a process that sleeps. Up to the sizes given with
`--start` all of them are started, one server loses its power, and all are stopped again. Processor time is that of every daemon, executor,
guard and the registry, without the resources' own scripts. Nothing here passes or fails by a time.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import many
from bench.growth import BLUE, BROWN, GREEN, PURPLE, QUIET, RED, Curve, picture
from bench.processes import exact_cpu_s, used
from bench.report import machine

from understudy.lab.lab import Lab
from understudy.lab.plan import REGISTRY_PROCESS

SERVICES = ("understudyd", "understudy-exec", "understudy-guard")
_INTERVAL_S = 3600
_WITHIN_S = 1800.0
_LOOKS_S = 3.0
"""After the last command, for the looks of all servers."""
_CURVES = (
    ("register one", "register_one", BLUE),
    ("CPU of that", "register_one_cpu", BROWN),
    ("change one", "change_one", GREEN),
    ("show all", "status", QUIET),
    ("start all", "start_all", RED),
    ("a server is lost", "lost_server", PURPLE),
)
"""What is drawn, which field of a row it is, and its colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRow:
    """What was measured with so many resources; seconds, unless a name says something else. None: not measured."""

    resources: int
    first_looks: float
    """From their registration until every server has looked at all of them."""
    register_one: float
    """The whole command, as typed; the median of some."""
    change_one: float
    register_one_cpu: float
    """Of all processes of the cluster, for each such command."""
    status: float
    start_all: float | None = None
    start_all_cpu: Mapping[str, float] = field(default_factory=dict)
    """Of each service, on all servers, for that start; without the resources' own scripts."""
    lost_server: float | None = None
    """Until everything runs again that it ran."""
    daemon_mib: float = 0.0
    """PSS of understudyd; the median of the servers."""
    leaders: int = 0
    """How often the leadership has changed hands by then."""
    cpu: Mapping[str, float] = field(default_factory=dict)
    """Seconds that each service has used by then, on all servers."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    options = _parser().parse_args(argv)
    rows: list[SizeRow] = []
    with Lab(options.name) as lab:
        lab.up(progress=_say)
        many.install(lab)
        run = _ScaleRun(lab, options.commands)
        for size in sorted(options.sizes):
            rows.append(run.measure(size, start=size in options.start))
            _say(json.dumps(asdict(rows[-1])))
    about = {"command": "./run bench scale", **machine()}
    print(f"\n{json.dumps(about)}\n\n{table(rows)}")
    if options.json:
        Path(options.json).write_text(json.dumps({**about, "sizes": [asdict(row) for row in rows]}, indent=1) + "\n")
    if options.picture:
        Path(options.picture).write_text(_picture(rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run bench scale",
        description="What things cost with many resources, and how that grows; needs root.",
        epilog="example: ./run bench scale --sizes 100 1000 --start 100 --picture growth.svg",
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 300, 1_000, 3_000, 10_000], help="resources (default: 100 to 10000)")
    parser.add_argument("--start", nargs="*", type=int, default=[100, 300, 1_000], help="of these sizes, all are started as well")
    parser.add_argument("--commands", type=int, default=5, help="so often one is registered, and changed (default: 5)")
    parser.add_argument("--name", default="bench", help="the lab's name (default: bench)")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to this file")
    parser.add_argument("--picture", metavar="FILE", help="also draw the growth, as SVG")
    return parser


def table(rows: Sequence[SizeRow]) -> str:
    """Markdown: a row for each size, and how many times as long as the first each took."""
    head = ["resources", "first looks", "register one", "its CPU", "change one", "status", "start all", "its CPU, each"]
    head += ["server lost", "MiB", "term"]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---:' for _ in head)} |"]
    for row in rows:
        figures = (
            f"{row.first_looks:.1f} s", f"{row.register_one * 1000:.0f} ms", f"{row.register_one_cpu * 1000:.0f} ms",
            f"{row.change_one * 1000:.0f} ms", f"{row.status * 1000:.0f} ms", _seconds(row.start_all), _each(row),
            _seconds(row.lost_server), f"{row.daemon_mib:.0f}", f"{row.leaders}",
        )  # fmt: skip
        lines.append(f"| {row.resources} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _each(row: SizeRow) -> str:
    return "" if row.start_all is None else f"{sum(row.start_all_cpu.values()) / row.resources * 1000:.1f} ms"


def _picture(rows: Sequence[SizeRow]) -> str:
    curves = [
        Curve(title=title, ink=ink, points=[(row.resources, value) for row in rows if (value := getattr(row, name))])
        for title, name, ink in _CURVES
    ]
    heading = "seconds, by the number of resources; a level line does not grow"
    return picture(curves, title="What things cost with many resources", heading=heading)


class _ScaleRun:
    """One lab, that grows."""

    def __init__(self, lab: Lab, commands: int) -> None:
        self._lab, self._commands = lab, commands
        self._first = lab.servers[0]
        self._count = 0

    def measure(self, size: int, *, start: bool) -> SizeRow:
        """With so many resources."""
        looks = self._grow(size - self._commands)
        time.sleep(3.0)
        before = self._cpu_s()
        idle_from = time.monotonic()
        time.sleep(5.0)
        idle = (self._cpu_s() - before) / (time.monotonic() - idle_from)
        names = [f"sleeper{self._count + number}" for number in range(self._commands)]
        self._count += self._commands
        before, began = self._cpu_s(), time.monotonic()
        register = [self._timed(many.add_command(name, _INTERVAL_S)) for name in names]
        time.sleep(_LOOKS_S)  # nobody is asked meanwhile: the answer is as long as there are resources
        cpu = (self._cpu_s() - before - idle * (time.monotonic() - began)) / len(names)
        self._until(lambda: self._looked() >= self._count, "every server has looked")
        change = [self._timed(["crsctl", "modify", "resource", name, "-attr", f"CHECK_INTERVAL={_INTERVAL_S + 60}"]) for name in names]
        status = statistics.median(self._timed(["sh", "-c", "crsctl stat res -t >/dev/null"]) for _ in range(3))
        started, used_for_it, lost = self._start_and_lose() if start else (None, {}, None)
        servers = self._lab.servers
        return SizeRow(
            resources=size, first_looks=looks, register_one=statistics.median(register), change_one=statistics.median(change),
            register_one_cpu=cpu, status=status, start_all=started, start_all_cpu=used_for_it, lost_server=lost,
            leaders=self._leaders(), cpu=self._cpu(),
            daemon_mib=statistics.median(used(self._lab.service_pids(server, "understudyd")).memory_mib for server in servers),
        )  # fmt: skip

    def _grow(self, size: int) -> float:
        began = time.monotonic()
        many.register(self._lab, [f"sleeper{number}" for number in range(self._count, size)], _INTERVAL_S)
        self._count = size
        self._until(lambda: self._looked() >= size, "every server has looked at everything")
        return time.monotonic() - began

    def _start_and_lose(self) -> tuple[float, dict[str, float], float]:
        before = self._cpu()
        started = self._timed(["crsctl", "start", "resource", "-all"])
        used_for_it = {service: round(cpu - before[service], 3) for service, cpu in self._cpu().items()}
        lost = self._lab.servers[-1]
        began = time.monotonic()
        self._lab.crash(lost)
        self._until(lambda: self._online(without=lost) >= self._count, "everything runs without that server")
        took = time.monotonic() - began
        self._lab.boot(lost)
        self._lab.ready(120.0)
        self._timed(["crsctl", "stop", "resource", "-all", "-f"])
        return started, used_for_it, took

    def _timed(self, command: list[str]) -> float:
        began = time.monotonic()
        self._lab.exec(self._first, command, timeout_s=_WITHIN_S)
        return time.monotonic() - began

    def _until(self, condition: Callable[[], bool], why: str) -> None:
        end = time.monotonic() + _WITHIN_S
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f"bench scale: not within {_WITHIN_S:g} s: {why}")
            time.sleep(max(0.2, self._count / 5_000))  # the answer is as long as there are resources

    def _view(self) -> Mapping[str, object]:
        answer = self._lab.exec(self._first, ["curl", "-s", "--unix-socket", "/run/understudy/api.sock", "http://localhost/v1/view"])
        found: Mapping[str, object] = json.loads(answer.stdout)
        return found

    def _looked(self) -> int:
        """Of how many every server has said that it has looked at them."""
        looks = self._view()["looks"]
        assert isinstance(looks, dict)
        return min((len(look["looked"]) + len(look["untold"]) - 1 for look in looks.values()), default=0)

    def _online(self, *, without: str) -> int:
        said = self._lab.exec(self._first, ["crsctl", "stat", "res"], timeout_s=60).stdout
        return sum(
            line.startswith("STATE=ONLINE on ") and not line.endswith(f" {without}") for line in said.splitlines() if "," not in line
        )

    def _leaders(self) -> int:
        leader = self._view()["leader"]
        return int(leader["term"]) if isinstance(leader, dict) else 0

    def _cpu(self) -> dict[str, float]:
        """Of each service, on all hosts, until now."""
        found = {service: sum(exact_cpu_s(self._lab.service_pids(server, service)) for server in self._lab.servers) for service in SERVICES}
        registry = sum(exact_cpu_s(self._lab.service_pids(host, REGISTRY_PROCESS)) for host in self._lab.plan.registry_hosts)
        return {service: round(cpu, 3) for service, cpu in {**found, REGISTRY_PROCESS: registry}.items()}

    def _cpu_s(self) -> float:
        return sum(self._cpu().values())


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
