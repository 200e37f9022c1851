"""AUTO_START: which TARGETs change when a server's clusterware comes up, once in each life of a server (docs/design/0024-coming-up.md).

Decided by the leader, in the commit that says that the server has come up. A failover is no autostart: who was there before the owner was
proved gone is a candidate as ever. Called by `decide.py`. Pure.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from understudy.model.events import TARGET_SET
from understudy.model.membership import has_instance
from understudy.model.namers import Trait, with_trait
from understudy.model.names import ResourceName, ServerName, registered_name
from understudy.model.resource import AutoStart, Dependency, DependencyKind
from understudy.model.state import PROVEN, Life, State, Target
from understudy.model.view import Assignment, TargetRecord, View
from understudy.policy.eligibility import placed
from understudy.policy.failover import tie_of
from understudy.policy.ground import Ground, survey
from understudy.policy.plan import Memory, Note, Step

MOST_AT_ONCE = 64
"""TARGETs in one commit: with more of them the servers count as come up in the last one."""
BY = "AUTO_START"
"""How the word of a TARGET begins that was set so."""


def come_up(view: View, memory: Memory) -> Step:
    """What follows from the servers that have come up; empty: none has, or it is not known yet who else is alive."""
    fresh = {record.server: record for record in view.present().values() if record.coming_up and record.life is Life.ONLINE}
    if not fresh or view.recovering or _in_doubt(view, memory):
        return Step()
    ground = survey(view)
    servers = [server for server in fresh if not view.witness(server)]
    changed = {**_started(ground, servers), **_left_down(ground, servers), **_instances(ground, servers)}
    some = sorted(changed)[:MOST_AT_ONCE]
    done = () if len(changed) > len(some) else tuple(replace(record, coming_up=False) for record in fresh.values())
    return Step(
        incarnations=done,
        targets=tuple((name, changed[name]) for name in some),
        notes=tuple(_note(name, changed[name], servers) for name in some),
    )


def _note(name: ResourceName, record: TargetRecord, servers: list[ServerName]) -> Note:
    """What is wanted now; of a local resource on the servers that have come up."""
    others = [server for server in servers if server in record.otherwise]
    target = record.on(others[0]) if others else record.target
    return Note(kind=TARGET_SET, resource=name, cause=f"{target.value}: {record.by}")


def _in_doubt(view: View, memory: Memory) -> bool:
    """Whether somebody counts as alive who is not: what it ran is down, and nobody knows yet whether another had it before it came up."""
    newest = {record.incarnation for record in view.present().values()}
    return any(
        record.life not in PROVEN and (record.incarnation in memory.unheard or record.incarnation not in newest)
        for record in view.incarnations.values()
    )


def _record(view: View, target: Target, how: AutoStart, servers: Iterable[ServerName]) -> TargetRecord:
    return TargetRecord(target=target, by=f"{BY}={how.value}, as {', '.join(servers)} came up", era=view.era)


# --- always ---------------------------------------------------------------------------------------------------------


def _started(ground: Ground, servers: list[ServerName]) -> dict[ResourceName, TargetRecord]:
    """What is started whatever was wanted of it, and what it needs."""
    view = ground.view
    begun = {name: where for name in _of(view, AutoStart.ALWAYS) if not _runs(view, name) and (where := _candidates(ground, name, servers))}
    found: dict[ResourceName, TargetRecord] = {}
    for name, where in begun.items():
        for other in (name, *_needed(ground, (name,))):
            if view.target(other) is not Target.ONLINE and view.resources[other].enabled:
                found.setdefault(registered_name(other), _record(view, Target.ONLINE, AutoStart.ALWAYS, where))
    return found


def _of(view: View, how: AutoStart) -> list[ResourceName]:
    return [
        name
        for name, resource in sorted(view.resources.items())
        if resource.auto_start is how and resource.enabled and not resource.local and resource.number == 1  # which stands for all instances
    ]


def _candidates(ground: Ground, name: ResourceName, servers: list[ServerName]) -> list[ServerName]:
    """Those of the servers on which placement could start it."""
    assignment = ground.view.assignments.get(name)
    tie = None if assignment is None else tie_of(ground, (name,), {name: assignment})
    return [server for server in servers if placed(ground, ground.view.resources[name], server) and (tie is None or tie.server == server)]


def _runs(view: View, name: ResourceName) -> bool:
    """Whether it, or another of its instances, runs somewhere, may be running there, or belongs there."""
    return any(_instance_runs(view, each) for each in view.resources[name].siblings or (name,))


def _instance_runs(view: View, name: ResourceName) -> bool:
    assignment = view.assignments.get(name, Assignment(resource=name, epoch=0))
    held = [*assignment.holders, *(() if assignment.owner is None else (assignment.owner,))]
    if any(view.life(holder.incarnation) not in (None, *PROVEN) for holder in held):
        return True
    reports = (view.report(name, server) for server in view.reports.get(name, {}))
    return any(report is not None and report.state is not State.OFFLINE for report in reports)


# --- never ----------------------------------------------------------------------------------------------------------


def _left_down(ground: Ground, servers: list[ServerName]) -> dict[ResourceName, TargetRecord]:
    """What is down, and stays so until somebody starts it, unless something needs it that is wanted itself."""
    view = ground.view
    left = {
        name: where
        for name in _of(view, AutoStart.NEVER)
        if view.target(name) is Target.ONLINE
        and not view.requests_about(name)  # somebody has asked for it since
        and not _runs(view, name)
        and (where := _candidates(ground, name, servers))
        and not _candidates(ground, name, _who_was_there(ground, servers))
    }
    while left:
        wanted = [name for name in view.resources if view.target(name) is Target.ONLINE and name not in left]
        needed = left.keys() & set(map(registered_name, _needed(ground, wanted)))
        if not needed:
            break
        left = {name: where for name, where in left.items() if name not in needed}
    return {name: _record(view, Target.OFFLINE, AutoStart.NEVER, where) for name, where in left.items()}


def _who_was_there(ground: Ground, servers: list[ServerName]) -> list[ServerName]:
    """Servers to which it fails over, which is no autostart."""
    return [server for server, record in ground.present.items() if record.life is Life.ONLINE and server not in servers]


def _instances(ground: Ground, servers: list[ServerName]) -> dict[ResourceName, TargetRecord]:
    """Of local resources, what is wanted of their instances on the servers that have come up: nothing of the others changes."""
    view, found = ground.view, dict[ResourceName, TargetRecord]()
    needed = _needed(ground, [name for name in view.resources if view.target(name) is Target.ONLINE])
    for name in sorted(with_trait(view.resources, Trait.LOCAL)):
        resource, record = view.resources[name], view.targets.get(name, TargetRecord(target=Target.OFFLINE))
        if resource.auto_start is AutoStart.RESTORE or not resource.enabled or resource.kind.only_looked_at:
            continue
        wanted = Target.ONLINE if resource.auto_start is AutoStart.ALWAYS else Target.OFFLINE
        if wanted is Target.OFFLINE and name in needed:
            continue
        other = [
            server
            for server in servers
            if record.on(server) is not wanted and has_instance(view, resource, server) and not ground.online_here(name, server)
        ]
        if other:
            otherwise = {*record.otherwise, *other} if record.target is not wanted else {*record.otherwise} - {*other}
            by = _record(view, record.target, resource.auto_start, other).by
            found[name] = replace(record, by=by, era=view.era, otherwise=tuple(sorted(otherwise)))
    return found


def _needed(ground: Ground, names: Collection[ResourceName]) -> set[ResourceName]:
    """What these need by hard and weak start dependencies, over any number of steps."""
    found: set[ResourceName] = set()
    waiting = list(names)
    while waiting:
        resource = ground.view.resources[waiting.pop()]
        fresh = {other for dependency in resource.start for other in _meant(ground, dependency)} - found
        found |= fresh
        waiting += fresh
    return found


def _meant(ground: Ground, dependency: Dependency) -> list[ResourceName]:
    """Of a type, what is wanted anyhow is enough."""
    if dependency.kind not in (DependencyKind.HARD, DependencyKind.WEAK):
        return []
    names = [name for name in ground.meant(dependency) if name in ground.view.resources]
    if not dependency.is_type:
        return names
    return [] if any(ground.view.target(name) is Target.ONLINE for name in names) else names[:1]
