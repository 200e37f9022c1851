"""Owns the reading of a View as an operator reads it: which instances a resource has, what runs where, who depends on whom.

Called by the rest of this package, by the verbs and their text. Pure; never decides where anything belongs (that is policy's).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from understudy.intent.refusal import Declined
from understudy.model.cardinality import assigned
from understudy.model.dependencies import Registered, targets
from understudy.model.failures import in_window
from understudy.model.namers import NOBODY, namers, on_types
from understudy.model.names import ResourceName, ServerName, instance_name, registered_name
from understudy.model.resource import PREEMPTS, Dependency, DependencyKind, Resource
from understudy.model.scopes import counting
from understudy.model.settings import Settings
from understudy.model.state import PROVEN, Life, State, Target
from understudy.model.types import descent
from understudy.model.view import Holder, View
from understudy.policy.eligibility import standings
from understudy.policy.forgetting import removed
from understudy.policy.groups import group_of
from understudy.policy.instances import RUNNING as RUNNING
from understudy.policy.instances import Instance as Instance
from understudy.policy.instances import instances as instances


def registered(view: View) -> Registered:
    """What new definitions are checked against."""
    return Registered(resources=view.resources, types=view.types, pools=view.pools, categories=view.categories)


def servers(view: View, settings: Settings) -> tuple[ServerName, ...]:
    """Every server of the cluster by name: registered (or configured, where none is), or seen and not removed."""
    named = {*view.servers} or {ServerName(server.name) for server in settings.servers}
    gone = removed(view) - {record.server for record in view.incarnations.values() if record.life not in PROVEN}
    return tuple(sorted({*named, *(server for server in view.present() if server not in gone)}))


def life(view: View, server: ServerName) -> Life | None:
    """Where the server's present incarnation stands; None: never seen."""
    record = view.present().get(server)
    return None if record is None else record.life


def running_on(view: View, name: ResourceName) -> ServerName | None:
    """Where a cluster resource runs (ONLINE or INTERMEDIATE); of one with several instances, or a local one, the first server."""
    return next(iter(running_places(view, name)), None)


def running_places(view: View, name: ResourceName) -> tuple[ServerName, ...]:
    """The servers on which instances of a resource run (ONLINE or INTERMEDIATE)."""
    shown = instances(view, view.resources[name]) if name in view.resources else ()
    return tuple(instance.server for instance in shown if instance.state in RUNNING and instance.server is not None)


def down(view: View) -> tuple[ResourceName, ...]:
    """What is wanted and does not run, by name; a disabled one is not wanted. Local resources have no one place to be down."""
    moving = (name for name, resource in view.resources.items() if resource.enabled and not resource.local)
    wanted = (name for name in moving if view.target(name) is Target.ONLINE)
    return tuple(sorted(name for name in wanted if running_on(view, name) is None))


def may_be_running(view: View, name: ResourceName) -> bool:
    """Whether anything of it may still be up: any instance that is not OFFLINE, or a holder that has not let go."""
    if name not in view.resources:
        return False
    held = bool(holders_of(view, name)) and not view.resources[name].local
    return held or any(instance.state is not State.OFFLINE for instance in instances(view, view.resources[name]))


def holders_of(view: View, name: ResourceName) -> tuple[Holder, ...]:
    """Who may be running a resource: where each instance is one, that; else any of its instances."""
    if view.apart:
        assignment = view.assignments.get(name)
        return () if assignment is None else assignment.holders
    return tuple(holder for _, assignment in assigned(view, name) for holder in assignment.holders)


def stop_dependents(view: View, names: Iterable[ResourceName]) -> tuple[ResourceName, ...]:
    """Who must stop when these stop: hard stop dependents, over any number of steps, by name; the names themselves left out."""
    asked = set(names)
    found: set[ResourceName] = set()
    waiting = list(asked)
    while waiting:
        fresh = _stop_with(view, waiting.pop(), asked | found) - found - asked
        found |= fresh
        waiting += fresh
    return tuple(sorted(found))


def _stop_with(view: View, name: ResourceName, gone: set[ResourceName]) -> set[ResourceName]:
    # A `shutdown:` one only orders the stop of a whole server.
    return {
        by.name
        for by, dependency in who_depends_on(view, name)
        if dependency in by.stop and dependency.kind is DependencyKind.HARD and "shutdown" not in dependency.modifiers
        if not ((dependency.is_type or _is_instance(view, name)) and _has_another(view, by, dependency, gone))
    }


def _is_instance(view: View, name: ResourceName) -> bool:
    return bool(view.resources[name].siblings)


def _has_another(view: View, by: Resource, dependency: Dependency, gone: set[ResourceName]) -> bool:
    """Whether something else of the type, or another instance, is up where that counts, and stays so."""
    here = running_on(view, by.name)
    gone = {*gone, by.name}

    def is_meant(resource: Resource) -> bool:
        return dependency.entity in resource.lineage if dependency.is_type else resource.registered == dependency.entity

    others = [resource for name, resource in view.resources.items() if is_meant(resource) and name not in gone]
    up = (instance for resource in others for instance in instances(view, resource) if instance.state in RUNNING)
    return any("global" in dependency.modifiers or instance.server == here for instance in up)


def who_depends_on(view: View, name: ResourceName) -> Iterator[tuple[Resource, Dependency]]:
    """Each dependency that means a registered resource, by its name or by its type, and whose it is."""
    if name not in view.resources:
        return
    base = registered_name(name)
    for by in map(view.resources.__getitem__, namers(view.resources).get(base, NOBODY)):
        yield from ((by, dependency) for dependency in (*by.start, *by.stop) if not dependency.is_type and dependency.entity == base)
    types = on_types(view.resources)
    for type_name in (record.name for record in descent(view.resources[name].type, view.types)) if types else ():
        for by in map(view.resources.__getitem__, types.get(type_name, NOBODY)):
            yield from ((by, dependency) for dependency in (*by.start, *by.stop) if dependency.is_type and dependency.entity == type_name)


def preempted(view: View, names: Iterable[ResourceName]) -> frozenset[ResourceName]:
    """What gives way to these when they start, if it is where they come to."""
    known = registered(view)
    resources = (view.resources[name] for name in names if name in view.resources)
    dependencies = (dependency for resource in resources for dependency in resource.start if dependency.modifiers & PREEMPTS)
    return frozenset(name for dependency in dependencies for name in targets(dependency, known))


def named_by(view: View, name: ResourceName) -> tuple[ResourceName, ...]:
    """Resources whose dependencies name this one."""
    return tuple(sorted(namers(view.resources).get(name, NOBODY) - {name}))


def groups_of(view: View) -> Mapping[ResourceName, tuple[ResourceName, ...]]:
    """Every resource that moves, with its group: each worked out when it is asked for, for commands that name many."""
    return _GroupsOf(view)


class _GroupsOf(Mapping[ResourceName, tuple[ResourceName, ...]]):
    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[ResourceName, tuple[ResourceName, ...]] = {}

    def __getitem__(self, name: ResourceName) -> tuple[ResourceName, ...]:
        if name not in self._known:
            if self._view.resources[name].local:
                raise KeyError(name)
            members = group_of(self._view, name)
            self._known |= dict.fromkeys(members, members)
        return self._known[name]

    def __iter__(self) -> Iterator[ResourceName]:
        return (name for name, resource in self._view.resources.items() if not resource.local)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def relocation_targets(view: View, instance: Instance) -> tuple[ServerName, ...]:
    """Servers to which it might be moved."""
    here = instance.server if instance.state is not State.OFFLINE else None
    name = instance_name(instance.resource.registered, instance.resource.number)
    return tuple(standing.server for standing in standings(view, name) if standing.admitted and standing.server != here)


def find(view: View, name: str) -> Resource:
    """The resource of that name. CRS-2613 when there is none."""
    resource = view.resources.get(ResourceName(name))
    if resource is None:
        raise Declined(2613, name)
    return resource


def values(instance: Instance) -> Mapping[str, str]:
    """Every attribute of an instance that filters and `-f` know, run-time ones included."""
    report = instance.report
    return {
        **instance.resource.attributes,
        "NAME": instance.resource.registered,
        "TYPE": instance.resource.type,
        "TARGET": instance.target.value,
        "STATE": instance.state.value,
        "STATE_DETAILS": instance.state_details,
        "INTERNAL_STATE": instance.internal.value,
        "CURRENT_SERVER": instance.server or "" if instance.state is not State.OFFLINE else "",
        "LAST_SERVER": last_server(instance),
        "TARGET_SERVER": instance.target_server or "",
        "CARDINALITY_ID": cardinality_id(instance),
        "DEGREE_ID": "1",
        "ID": f"{instance.resource.registered} {cardinality_id(instance)} 1",
        "INCARNATION": str(report.starts if report else 0),
        "RESTART_COUNT": str(report.restarts if report else 0),
        "FAILURE_COUNT": str(len(in_window(instance.resource, instance.failures))),
    }


def evaluated(instance: Instance) -> Instance:
    """The same, with the values of scoped attributes that count where it is; nowhere: that count for its number."""
    attributes = counting(instance.resource.attributes, instance.server or "", str(instance.resource.number))
    return replace(instance, resource=replace(instance.resource, attributes=attributes))


def last_server(instance: Instance) -> str:
    """Server of the last successful start; a local resource's own server."""
    if instance.resource.local or (instance.report is not None and instance.report.started_wall):
        return instance.server or (instance.report.server if instance.report else "")
    return ""


def cardinality_id(instance: Instance) -> str:
    """A local instance is identified by its server, a cluster one by its number."""
    return str(instance.server) if instance.resource.local else str(instance.resource.number)
