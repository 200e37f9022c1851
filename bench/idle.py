"""What a cluster costs in which nothing happens: processor time and memory of each process on a server, beside Pacemaker's.

    ./run bench idle [--system understudy pacemaker] [--engine sqlite etcd] [--pause-tolerance 2] [--resources 30] [--interval 10]
                     [--seconds 60] [--json FILE]

Four servers run the resources, each checked every ten seconds. What the checks themselves use is counted apart: they are scripts of the
user's. So is the registry: `sqlite` is one process for the whole lab, etcd a member on each voter. One lab at a time. Nothing here passes
or fails by a figure.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import many
from bench.processes import Used, guard_and_keeper, host_cpu_s, named, used
from bench.report import machine
from bench.systems.base import PEER_PACKAGES
from bench.systems.pacemaker import Pacemaker

from understudy.lab.lab import Lab
from understudy.lab.plan import REGISTRY_PROCESS

OURS = ("understudyd", "understudy-exec")
"""Services of a lab host's init, beside the guard's."""
GUARDS = "understudy-guard"
REGISTRIES = {"sqlite": "registry (one for the lab)", "etcd": "etcd (where there is a member)"}
THEIRS = (
    "corosync",
    "pacemakerd",
    "pacemaker-based",
    "pacemaker-fence",
    "pacemaker-execd",
    "pacemaker-attrd",
    "pacemaker-sched",
    "pacemaker-contr",
)
"""Names of processes, as the kernel cuts them off."""
SETTLE_S = 15.0
DEFAULT_PAUSE_S = 2.0
"""As where no pause_tolerance is written."""

Pids = dict[str, dict[str, tuple[int, ...]]]
"""Process ids by host and by what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleRow:
    """One process, or all of them, on one server: the median of the servers."""

    system: str
    process: str
    cpu_s_per_minute: float
    memory_mib: float


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    options = _parser().parse_args(argv)
    rows: list[IdleRow] = []
    for engine in options.engine if "understudy" in options.system else ():
        _say(f"understudy on {engine}: a lab comes up")
        with Lab(options.name, engine=engine, pause_tolerance=options.pause_tolerance) as lab:
            lab.up(progress=_say)
            _run_ours(lab, options.resources, options.interval)
            rows += _measured(f"understudy, {engine}", lab, options.seconds, _ours(lab), _registries(lab, engine))
    if "pacemaker" in options.system:
        _say("pacemaker: a lab comes up")
        system = Pacemaker(token_ms=None, kill_interval_s=options.interval)
        with Lab(options.name, services=(), packages=PEER_PACKAGES) as lab:
            lab.up(progress=_say)
            system.up(lab)
            many.register_theirs(lab, options.resources, options.interval)
            lab.exec(lab.servers[0], ["crm_resource", "--wait", "--timeout=60"], check=False, timeout_s=90)
            rows += _measured("pacemaker", lab, options.seconds, _theirs(lab))
    about = {
        **machine(),
        "resources": options.resources,
        "interval_s": options.interval,
        "measured_s": options.seconds,
        "pause_tolerance_s": options.pause_tolerance,
    }
    print(f"\n{json.dumps(about)}\n\n| system | process | CPU s a minute | MiB (PSS) |\n| --- | --- | ---: | ---: |")
    for row in rows:
        print(f"| {row.system} | {row.process} | {row.cpu_s_per_minute:.2f} | {row.memory_mib:.0f} |")
    if options.json:
        Path(options.json).write_text(json.dumps({**about, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run bench idle",
        description="What a cluster costs in which nothing happens, per server; needs root.",
        epilog="example: ./run bench idle --system understudy --engine sqlite --seconds 30",
    )
    parser.add_argument("--system", nargs="+", choices=("understudy", "pacemaker"), default=["understudy", "pacemaker"])
    parser.add_argument("--engine", nargs="+", choices=("sqlite", "etcd"), default=["sqlite", "etcd"], help="of ours")
    parser.add_argument(
        "--pause-tolerance",
        type=float,
        default=DEFAULT_PAUSE_S,
        metavar="S",
        help=f"of ours, in seconds (default: the product's, {DEFAULT_PAUSE_S:g})",
    )
    parser.add_argument("--resources", type=int, default=30, help="on four servers (default: 30)")
    parser.add_argument("--interval", type=int, default=10, help="seconds between checks (default: 10)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is measured (default: 60)")
    parser.add_argument("--name", default="bench", help="the lab's name (default: bench)")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to this file")
    return parser


def _run_ours(lab: Lab, count: int, interval_s: int) -> None:
    many.install(lab)
    many.register(lab, [f"sleeper{number}" for number in range(count)], interval_s)
    lab.exec(lab.servers[0], ["crsctl", "start", "resource", "-all"], timeout_s=120)


def _ours(lab: Lab) -> Pids:
    found: Pids = {}
    for server in lab.servers:
        services = {service: lab.service_pids(server, service) for service in OURS}
        found[server] = {**services, **guard_and_keeper(lab.service_pids(server, GUARDS))}
    return found


def _registries(lab: Lab, engine: str) -> Pids:
    return {host: {REGISTRIES[engine]: lab.service_pids(host, REGISTRY_PROCESS)} for host in lab.plan.registry_hosts}


def _theirs(lab: Lab) -> Pids:
    return {server: dict(named(lab.host_cgroup(server), THEIRS)) for server in lab.servers}


def _measured(system: str, lab: Lab, seconds: float, pids: Pids, registries: Pids | None = None) -> list[IdleRow]:
    """Wait until what has just begun is over, then count."""
    everything = {(host, name): those for groups in (pids, registries or {}) for host in groups for name, those in groups[host].items()}
    everything = {key: those for key, those in everything.items() if those}
    time.sleep(SETTLE_S)
    before = {key: used(those) for key, those in everything.items()}
    hosts, began = {server: host_cpu_s(lab.host_cgroup(server)) for server in pids}, time.monotonic()
    _say(f"{system}: {seconds:g} s are measured")
    time.sleep(seconds)
    a_minute = 60.0 / (time.monotonic() - began)
    after = {key: used(those) for key, those in everything.items()}
    whole = {server: (host_cpu_s(lab.host_cgroup(server)) - hosts[server]) * a_minute for server in pids}
    spent = {key: Used(cpu_s=(after[key].cpu_s - before[key].cpu_s) * a_minute, memory_mib=after[key].memory_mib) for key in everything}
    rows = [_row(system, name, [spent[key] for key in spent if key[1] == name]) for name in dict.fromkeys(name for _, name in spent)]
    own = {server: _sum(spent[key] for key in spent if key[0] == server and key[1] in pids[server]) for server in pids}
    both = {server: _sum(spent[key] for key in spent if key[0] == server) for server in pids}
    rows.append(_row(system, "all but the registry", own.values()))
    members = [both[server] for server in pids if both[server] != own[server]]
    if members:
        rows.append(_row(system, "all, where there is a member of etcd", members))
    rest = [Used(cpu_s=whole[server] - both[server].cpu_s, memory_mib=0.0) for server in pids]
    rows.append(_row(system, "checks and all else on the host", rest))
    return rows


def _row(system: str, process: str, each: Iterable[Used]) -> IdleRow:
    those = list(each)
    return IdleRow(
        system=system,
        process=process,
        cpu_s_per_minute=statistics.median(spent.cpu_s for spent in those),
        memory_mib=statistics.median(spent.memory_mib for spent in those),
    )


def _sum(each: Iterable[Used]) -> Used:
    those = list(each)
    return Used(cpu_s=sum(spent.cpu_s for spent in those), memory_mib=sum(spent.memory_mib for spent in those))


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
