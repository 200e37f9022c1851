"""What commands cost with many resources: ours beside Pacemaker's `pcs`, `crm` and its own tools, in one run.

    ./run bench cli [--system understudy pacemaker] [--resources 300] [--times 7] [--engine sqlite] [--quick] [--json FILE]

Four servers run the resources, all of which are up; each command is typed on the first of them, as root, and timed there as a whole
process. Two processor times are given: of the command with its children, and of all lab hosts together, for ours has a thin client and a
daemon that answers, and theirs read the daemons' data and work it out themselves. Of a command that changes something the second one goes
on until all servers are done with it. One lab at a time. Nothing here passes or fails by a time. Exit status 1: a command failed, or did
not print what it has to.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import many
from bench.processes import host_cpu_s
from bench.report import machine
from bench.systems.base import PEER_PACKAGES, versions_of
from bench.systems.pacemaker import Pacemaker
from bench.timed import succeeded, timed

from understudy.errors import LabError
from understudy.lab.lab import Lab

_INTERVAL_S = 3600
_SETTLE_S, _IDLE_S = 5.0, 8.0
_AFTER_S = 4.0
"""After commands that change something."""
_ALL_UP_S, _LOOK_S = 900.0, 5.0
_QUICK = 30, 2
"""Resources, and times."""
_DUMMY = ("ocf:pacemaker:Dummy", "op", "monitor", f"interval={_INTERVAL_S}s")
_DUMMY_XML = '<primitive id="raw{}" class="ocf" provider="pacemaker" type="Dummy"/>'
_KEEP = "resource-stickiness"
_NODE_LOST = ("crm_simulate", "--live-check", "--run", "--node-down", "ctr4")


@dataclass(frozen=True, slots=True, kw_only=True)
class CliCommand:
    """One command; `{}` in its words, and in what it has to print, is the number of the resource that it is about."""

    act: str
    system: str
    words: tuple[str, ...]
    says: str = ""
    changes: bool = False

    def typed(self, number: int) -> list[str]:
        """About this resource."""
        return [word.replace("{}", str(number)) for word in self.words]


def _ours(act: str, words: Sequence[str], says: str = "", *, changes: bool = False) -> CliCommand:
    return CliCommand(act=act, system="understudy", words=tuple(words), says=says, changes=changes)


def _theirs(act: str, words: Sequence[str], says: str = "", *, changes: bool = False) -> CliCommand:
    return CliCommand(act=act, system="pacemaker", words=tuple(words), says=says, changes=changes)


COMMANDS = (
    _ours("show all", ("crsctl", "stat", "res", "-t"), "sleeper0"),
    _theirs("show all", ("pcs", "status"), "sleeper0"),
    _theirs("show all", ("crm", "status"), "sleeper0"),
    _theirs("show all", ("crm_mon", "-1"), "sleeper0"),
    _ours("show one", ("crsctl", "stat", "res", "sleeper{}"), "NAME=sleeper{}"),
    _theirs("show one", ("pcs", "resource", "status", "sleeper{}"), "sleeper{}"),
    _theirs("show one", ("crm", "resource", "status", "sleeper{}"), "sleeper{} is running"),
    _theirs("show one", ("crm_resource", "--locate", "--resource", "sleeper{}"), "sleeper{} is running"),
    _ours("rehearse a stop", ("crsctl", "eval", "stop", "resource", "sleeper{}"), "sleeper{}"),
    _theirs("rehearse a stop", ("pcs", "resource", "disable", "sleeper{}", "--simulate"), "sleeper{}"),
    _ours("rehearse the loss of a server", ("crsctl", "eval", "delete", "server", "ctr4", "-f"), "ctr4"),
    _theirs("rehearse the loss of a server", _NODE_LOST, "Transition Summary"),
    _ours("add", many.add_command("new{}", _INTERVAL_S), changes=True),
    _theirs("add", ("pcs", "resource", "create", "pcs{}", *_DUMMY, "--disabled"), changes=True),
    _theirs("add", ("crm", "configure", "primitive", "crm{}", *_DUMMY, "meta", "target-role=Stopped"), changes=True),
    _theirs("add", ("cibadmin", "--create", "--scope", "resources", "--xml-text", _DUMMY_XML), changes=True),
    _ours("change", ("crsctl", "modify", "resource", "sleeper{}", "-attr", f"CHECK_INTERVAL={_INTERVAL_S + 60}"), changes=True),
    _theirs("change", ("pcs", "resource", "meta", "sleeper{}", f"{_KEEP}=101"), changes=True),
    _theirs("change", ("crm", "resource", "meta", "sleeper{}", "set", _KEEP, "102"), changes=True),
    _theirs(
        "change", ("crm_resource", "--resource", "sleeper{}", "--meta", "--set-parameter", _KEEP, "--parameter-value", "103"), changes=True
    ),
)
CANNOT = (
    "crm rehearses only what is typed in its own configuration session, before it is committed; pcs only what `disable` and `relocate` do",
    "neither pcs nor crm rehearses the loss of a server, a failure, a start, a move or a resource that is added; crm_simulate, which is no "
    "operator's command, plays losses and failures through",
    "cibadmin checks what it is given against a schema, and not whether there is such an agent or such a parameter",
)
"""What the peers cannot do, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CliRow:
    """One command, some times; seconds, each the median but for the last."""

    act: str
    system: str
    command: str
    times: int
    wall_s: float
    least_s: float
    most_s: float
    cpu_s: float
    """Of the command and its children."""
    hosts_cpu_s: float
    """Of all hosts of the lab, for each of the commands, beyond what they use when nobody asks anything: the mean."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    options = _parser().parse_args(argv)
    resources, times = _QUICK if options.quick else (options.resources, options.times)
    rows: list[CliRow] = []
    versions: dict[str, str] = {}
    failed: list[str] = []
    if "understudy" in options.system:
        with Lab(options.name, engine=options.engine) as lab:
            lab.up(progress=_say)
            _run_ours(lab, resources)
            rows += _measured(lab, "understudy", times, failed)
    if "pacemaker" in options.system:
        with Lab(options.name, services=(), packages=PEER_PACKAGES) as lab:
            lab.up(progress=_say)
            system = Pacemaker(token_ms=None, kill_interval_s=10)
            system.up(lab)
            versions = versions_of(lab, ("pacemaker", "pcs", "crmsh", "corosync"))
            _run_theirs(lab, resources)
            rows += _measured(lab, "pacemaker", times, failed)
    about = {"command": "./run bench cli", **machine(), "resources": resources, "engine": options.engine, "versions": versions}
    print(f"\n{json.dumps(about)}\n\n{table(rows)}")
    if "pacemaker" in options.system:
        print("\n" + "\n".join(f"* {sentence}." for sentence in CANNOT))
    print("".join(f"failed: {why}\n" for why in failed), end="")
    if options.json:
        Path(options.json).write_text(json.dumps({**about, "rows": [asdict(row) for row in rows], "failed": failed}, indent=1) + "\n")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run bench cli",
        description="What commands cost with many resources, ours beside pcs, crm and Pacemaker's own tools; needs root.",
        epilog="example: ./run bench cli --resources 300 --json commands.json",
    )
    parser.add_argument("--system", nargs="+", choices=("understudy", "pacemaker"), default=["understudy", "pacemaker"])
    parser.add_argument("--resources", type=int, default=300, help="on four servers (default: 300)")
    parser.add_argument("--times", type=int, default=7, help="so often each command is given (default: 7)")
    parser.add_argument("--engine", choices=("sqlite", "etcd"), default="sqlite", help="of ours (default: sqlite)")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK[0]} resources, {_QUICK[1]} times: a check that everything works")
    parser.add_argument("--name", default="bench", help="the lab's name (default: bench)")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to this file")
    return parser


def _run_ours(lab: Lab, count: int) -> None:
    many.install(lab)
    many.register(lab, [f"sleeper{number}" for number in range(count)], _INTERVAL_S)
    lab.exec(lab.servers[0], ["crsctl", "start", "resource", "-all"], timeout_s=_ALL_UP_S)


def _run_theirs(lab: Lab, count: int) -> None:
    """Not held back by what else the machine does, as it would be by itself."""
    first, began = lab.servers[0], time.monotonic()
    lab.exec(first, ["crm_attribute", "--type", "crm_config", "--name", "load-threshold", "--update", "10000%"])
    many.register_theirs(lab, count, _INTERVAL_S)
    while (said := lab.exec(first, ["crm_mon", "-1"]).stdout.count("Started")) < count:
        if time.monotonic() - began > _ALL_UP_S:
            raise LabError(f"of {count} resources Pacemaker has started {said} in {_ALL_UP_S:g} s")
        time.sleep(_LOOK_S)
    lab.exec(first, ["crm_resource", "--wait", f"--timeout={_LOOK_S * 6:.0f}"], check=False, timeout_s=_ALL_UP_S)
    _say(f"pacemaker: all {count} are up after {time.monotonic() - began:.0f} s")


def _measured(lab: Lab, system: str, times: int, failed: list[str]) -> Iterator[CliRow]:
    time.sleep(_SETTLE_S)
    before, began = _hosts_cpu_s(lab), time.monotonic()
    time.sleep(_IDLE_S)
    idle = (_hosts_cpu_s(lab) - before) / (time.monotonic() - began)
    for command in (each for each in COMMANDS if each.system == system):
        try:
            row = _row(lab, command, times, idle)
        except LabError as error:
            failed.append(str(error))
            _say(f"failed: {error}")
            continue
        _say(json.dumps(asdict(row)))
        yield row


def _row(lab: Lab, command: CliCommand, times: int, idle: float) -> CliRow:
    first = lab.servers[0]
    typed = [command.typed(number) for number in range(times)]
    before, began = _hosts_cpu_s(lab), time.monotonic()
    found = timed(lab, first, typed)
    if command.changes:
        time.sleep(_AFTER_S)
    spent = _hosts_cpu_s(lab) - before - idle * (time.monotonic() - began)
    for number, done in enumerate(found):
        succeeded(typed[number], done, command.says.replace("{}", str(number)))
    walls = [done.wall_s for done in found]
    return CliRow(
        act=command.act, system=command.system, command=" ".join(command.words), times=times, wall_s=statistics.median(walls),
        least_s=min(walls), most_s=max(walls), cpu_s=statistics.median(done.cpu_s for done in found), hosts_cpu_s=max(0.0, spent / times),
    )  # fmt: skip


def _hosts_cpu_s(lab: Lab) -> float:
    return sum(host_cpu_s(lab.host_cgroup(host)) for host in lab.hosts)


def table(rows: Sequence[CliRow]) -> str:
    """Markdown: a row for each command, by what it is for; how many times as much as ours the peers take."""
    ours = {row.act: row for row in rows if row.system == "understudy"}
    head = ["act", "command", "n", "wall, median", "least to most", "its CPU", "CPU of all hosts", "/ our wall", "/ our CPU of all hosts"]
    lines = [f"| {' | '.join(head)} |", "| --- | --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |"]
    for act in dict.fromkeys(command.act for command in COMMANDS):
        for row in (each for each in rows if each.act == act):
            spread = f"{row.least_s * 1000:.0f} to {row.most_s * 1000:.0f}"
            figures = [f"{row.times}", _ms(row.wall_s), spread, _ms(row.cpu_s), _ms(row.hosts_cpu_s), *_ratios(row, ours)]
            lines.append(f"| {act} | `{_short(row.command)}` | {' | '.join(figures)} |")
    return "\n".join(lines)


def _ratios(row: CliRow, ours: Mapping[str, CliRow]) -> list[str]:
    if row.system == "understudy" or row.act not in ours:
        return ["", ""]
    mine = ours[row.act]
    return [f"{row.wall_s / mine.wall_s:.1f}", f"{row.hosts_cpu_s / mine.hosts_cpu_s:.1f}" if mine.hosts_cpu_s else ""]


def _short(command: str) -> str:
    """Its first words: attributes and the like are in the JSON."""
    words = command.replace("{}", "N").split()
    return " ".join(words[:6]) + (" ..." if len(words) > 6 else "")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
