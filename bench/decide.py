"""How long the leader thinks: `.venv/bin/python bench/decide.py` prints a table.

Trios (address, mount, service) of a large cluster, on restricted, favored and balanced placement: all at rest; nothing assigned yet; and
one server fenced. The target is 0.5 s for 3,000 resources on 16 servers, and ten times that for ten times as many.
"""

import argparse
import cProfile
import gc
import pstats
import sys
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from understudy.model.names import Incarnation, PoolName, ResourceName, ServerName, TypeName  # noqa: E402
from understudy.model.profile import resolve  # noqa: E402
from understudy.model.resource import Resource  # noqa: E402
from understudy.model.state import Life, State, Target  # noqa: E402
from understudy.model.view import Definition, IncarnationRecord, Look, Pool, Report, TargetRecord, View  # noqa: E402
from understudy.policy.decide import decide  # noqa: E402
from understudy.policy.plan import Memory  # noqa: E402

PLACEMENTS = (
    {"PLACEMENT": "restricted", "SERVER_POOLS": "half"},
    {"PLACEMENT": "favored", "HOSTING_MEMBERS": "ctr05 ctr06"},
    {"PLACEMENT": "balanced", "SERVER_POOLS": "*"},
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[300, 3_000, 30_000])
    parser.add_argument("--servers", type=int, default=16)
    parser.add_argument("--profile", action="store_true", help="where the time goes, for the first size")
    options = parser.parse_args()
    if options.profile:
        profile(options.sizes[0], options.servers)
        return
    print(f"{'resources':>9} {'servers':>7} | {'place all':>10} {'at rest':>10} {'one fenced':>10}   seconds (best of 3)")
    for size in options.sizes:
        cold = cluster(size, options.servers)
        warm = placed(cold)
        times = [best(view) for view in (cold, warm, with_one_fenced(warm))]
        print(f"{size:>9} {options.servers:>7} | " + " ".join(f"{ms:>10.3f}" for ms in times), flush=True)


def best(view: View) -> float:
    """The shortest of three, without the collector's pauses, as other work on the machine only adds to it."""
    times = []
    for _ in range(3):
        gc.collect()
        gc.disable()
        begun = time.perf_counter()
        decide(view, 100.0, Memory())
        times.append(time.perf_counter() - begun)
        gc.enable()
    return min(times)


def profile(size: int, servers: int) -> None:
    """Print what takes longest."""
    for view in (cluster(size, servers), placed(cluster(size, servers))):
        with cProfile.Profile() as profiler:
            decide(view, 100.0, Memory())
        pstats.Stats(profiler).sort_stats("tottime").print_stats(18)


def cluster(size: int, servers: int) -> View:
    """Everything wanted, nothing assigned."""
    names = [ServerName(f"ctr{number:02}") for number in range(servers)]
    runs = [IncarnationRecord(incarnation=Incarnation(f"{name}/i1"), server=name, life=Life.ONLINE, order=1) for name in names]
    resources = {resource.name: resource for number in range(size // 3) for resource in trio(number)}
    looked = {name: resource.uid for name, resource in resources.items()}
    return View(
        incarnations={record.incarnation: record for record in runs},
        pools={PoolName("half"): Pool(name=PoolName("half"), server_names=tuple(names[::2]), parent_pools=(PoolName("Generic"),))},
        resources=resources,
        targets={name: TargetRecord(target=Target.ONLINE) for name in resources},
        looks={record.server: Look(server=record.server, incarnation=record.incarnation, looked=looked) for record in runs},
    )


def trio(number: int) -> list[Resource]:
    """An address, a mount on it and a service on both."""
    placement = PLACEMENTS[number % len(PLACEMENTS)]
    vip, data, service = f"vip{number}", f"data{number}", f"svc{number}"
    needs = {vip: "", data: f"hard({vip})", service: f"hard({vip},{data})"}
    return [
        resolve(
            Definition(
                name=ResourceName(name),
                type=TypeName("cluster_resource"),
                uid=name,
                attributes={**placement, "START_DEPENDENCIES": need, "STOP_DEPENDENCIES": need},
            ),
            {},
        )
        for name, need in needs.items()
    ]


def placed(view: View) -> View:
    """The same with everything where the leader puts it, up."""
    plan = decide(view, 100.0, Memory())
    assignments = {assignment.resource: assignment for step in plan.steps for assignment in step.assignments}
    reports = {
        name: {
            assignment.owner.server: Report(
                resource=name,
                server=assignment.owner.server,
                incarnation=assignment.owner.incarnation,
                epoch=assignment.epoch,
                state=State.ONLINE,
            )
        }
        for name, assignment in assignments.items()
        if assignment.owner is not None
    }
    return replace(view, assignments=assignments, reports=reports)


def with_one_fenced(view: View) -> View:
    """The first server has lost its power."""
    incarnation, record = next(iter(view.incarnations.items()))
    return replace(view, incarnations={**view.incarnations, incarnation: replace(record, life=Life.FENCED)})


if __name__ == "__main__":
    main()
