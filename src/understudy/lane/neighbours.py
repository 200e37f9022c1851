"""What a resource's neighbours mean for it on this server: whether it may start, must stop, or has to wait before it stops."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from understudy.lane.local import Local
from understudy.lane.phases import Climbing, Starting, Stuck
from understudy.model.failures import are_counted, counted_after, failures, too_many
from understudy.model.membership import has_instance
from understudy.model.namers import NOBODY, namers, on_types
from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.state import Internal, State, Target
from understudy.model.types import is_a
from understudy.model.view import TypeRecord, View

Locals = Mapping[ResourceName, Local]
BrokenBy = dict[ResourceName, tuple[ResourceName, ...]]
"""What has been worked out of resources below the one that is asked about: many stand on the same few."""
DEEPEST = 16
"""Over how many steps it is asked whether what something needs is on its way up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """This server, now."""

    view: View
    server: ServerName
    incarnation: Incarnation
    locals: Locals
    now: float
    dependents: Mapping[ResourceName, tuple[ResourceName, ...]]
    """What `dependents_of_each` says of the View's resources; kept by the caller, as they seldom change and there may be thousands."""
    leaving: bool = False
    """This server leaves in order: nothing is to run here any more."""


def dependents_of_each(
    resources: Mapping[ResourceName, Resource], *, leaving: bool = False
) -> dict[ResourceName, tuple[ResourceName, ...]]:
    """For every resource, those that depend on it (hard, same server) and so stop before it, by name. A `shutdown` dependency orders stops
    only where the server leaves."""
    found: dict[ResourceName, set[ResourceName]] = {}
    for name, resource in resources.items():
        for dependency in (*resource.start, *resource.stop):
            orders = dependency.same_server and (leaving or "shutdown" not in dependency.modifiers)
            if orders and not dependency.is_type and dependency.entity != name:
                found.setdefault(ResourceName(dependency.entity), set()).add(name)
    return {name: tuple(sorted(others)) for name, others in found.items()}


class DependentsByName(Mapping[ResourceName, tuple[ResourceName, ...]]):
    """The same as `dependents_of_each`, each worked out when it is asked for: who asks of a few has no need of all."""

    def __init__(self, resources: Mapping[ResourceName, Resource]) -> None:
        self._resources = resources

    def __getitem__(self, name: ResourceName) -> tuple[ResourceName, ...]:
        by_them = namers(self._resources).get(name, NOBODY)
        found = dependents_of_each({other: self._resources[other] for other in by_them})
        return found[name]

    def __iter__(self) -> Iterator[ResourceName]:
        return iter(dependents_of_each(self._resources))

    def __len__(self) -> int:
        return len(dependents_of_each(self._resources))


def concerned(
    resources: Mapping[ResourceName, Resource], types: Mapping[TypeName, TypeRecord]
) -> dict[ResourceName, tuple[ResourceName, ...]]:
    """For every resource, those whose next step may depend on what this server knows of it. What changes about one is no reason to ask all.

    A resource goes by what it names in a dependency, by who names it, by what these stand on over any number of steps (they have to stop
    with it), and by what whom it waits for weakly waits for.
    """
    named = {name: _named(resource, resources, types) for name, resource in resources.items()}
    weak = {name: _named(resource, resources, types, DependencyKind.WEAK) for name, resource in resources.items()}
    below = {name: _reachable(name, named) for name in resources}
    found: dict[ResourceName, dict[ResourceName, None]] = {name: {name: None} for name in resources}
    for name in resources:
        waits_for = [other for awaited in (name, *_reachable(name, weak)) for other in named.get(awaited, ())]
        for other in (*below[name], *waits_for):
            if other in found:
                found[other][name] = None
        for other in named[name]:
            if other in found:  # what others depend on waits for those that will stop
                for stopping in (name, *below[name]):
                    if stopping in found:
                        found[stopping][other] = None
    return {name: tuple(sorted(others)) for name, others in found.items()}


def _reachable(name: ResourceName, named: Mapping[ResourceName, tuple[ResourceName, ...]]) -> tuple[ResourceName, ...]:
    found: dict[ResourceName, None] = {}
    border = list(named.get(name, ()))
    while border:
        other = border.pop()
        if other not in found:
            found[other] = None
            border += named.get(other, ())
    return tuple(found)


def _named(
    resource: Resource, resources: Mapping[ResourceName, Resource], types: Mapping[TypeName, TypeRecord], kind: DependencyKind | None = None
) -> tuple[ResourceName, ...]:
    meant: dict[ResourceName, None] = {}
    for dependency in (*resource.start, *resource.stop):
        if kind is None or dependency.kind is kind:
            meant |= dict.fromkeys(_of_type(resources, types, dependency) if dependency.is_type else (ResourceName(dependency.entity),))
    return tuple(meant)


def missing_to_start(here: Here, resource: Resource) -> tuple[ResourceName, ...]:
    """Hard dependencies that are not up, and weak ones that are on their way up; empty: it may start.

    What it would have to be stopped for at once is missing as well: else it would be started and stopped in turn, without end.
    """
    missing: list[ResourceName] = []
    known: BrokenBy = {}
    for dependency in resource.start:
        if dependency.kind is DependencyKind.HARD and not _is_met(here, dependency, known):
            missing.extend(meant(here.view, dependency) or (ResourceName(dependency.entity),))
        elif dependency.kind is DependencyKind.WEAK and "concurrent" not in dependency.modifiers:
            missing.extend(name for name in meant(here.view, dependency) if _coming_up(here, name, dependency, (resource.name,)))
    return tuple(dict.fromkeys((*missing, *_broken(here, resource, known))))


def _is_met(here: Here, dependency: Dependency, known: BrokenBy) -> bool:
    """Whether one of those that a hard start dependency means is up, and will not be stopped."""
    stops = dependency.same_server
    names = meant(here.view, dependency)
    return any(_is_up(here, name, dependency) and not (stops and _has_to_stop(here, name, known)) for name in names)


def broken_to_run(here: Here, resource: Resource) -> tuple[ResourceName, ...]:
    """Hard stop dependencies that have left ONLINE, or that have to stop themselves: it must be stopped, and before them.

    INTERMEDIATE breaks nothing: it is not known to be down.
    """
    return _broken(here, resource, {}) if resource.stop else ()


def _broken(here: Here, resource: Resource, known: BrokenBy) -> tuple[ResourceName, ...]:
    """Goes down from one to what it stands on. Ends, as dependencies in a circle are refused when they are registered."""
    found = known.get(resource.name)
    if found is None:
        found = known[resource.name] = tuple(
            ResourceName(dependency.entity)
            for dependency in resource.stop
            if dependency.kind is DependencyKind.HARD and "shutdown" not in dependency.modifiers and not _stands(here, dependency, known)
        )
    return found


def _stands(here: Here, dependency: Dependency, known: BrokenBy) -> bool:
    """Whether one of those that a dependency means is still up, and will not be stopped."""
    for name in meant(here.view, dependency):
        if _is_still_up(here, name, dependency) and not (dependency.same_server and _has_to_stop(here, name, known)):
            return True
    return False


def _has_to_stop(here: Here, name: ResourceName, known: BrokenBy) -> bool:
    """Whether what runs here will be stopped: else who stands on it only through another would wait for that, and be waited for."""
    resource, local = here.view.resources.get(name), here.locals.get(name)
    if resource is None or local is None or local.state is None:
        return False
    if not wanted_here(here, resource):
        return resource.local or is_mine(here, name)  # what this incarnation does not hold is never stopped
    return resource.enabled and bool(resource.stop and _broken(here, resource, known))


def down_that_matter(here: Here, resource: Resource) -> tuple[ResourceName, ...]:
    """Dependencies that are down, weak global ones included: a failure meanwhile is somebody else's outage and spends no budget."""
    down = [
        name
        for dependency in (*resource.start, *resource.stop)
        if dependency.kind is DependencyKind.HARD
        for name in _down(here, dependency)
    ]
    weak = [dependency for dependency in resource.start if dependency.kind is DependencyKind.WEAK and "global" in dependency.modifiers]
    down.extend(name for dependency in weak for name in _down(here, dependency) if here.view.target_on(name, here.server) is Target.ONLINE)
    return tuple(dict.fromkeys(down))


def being_looked_at(here: Here, resource: Resource) -> tuple[ResourceName, ...]:
    """Hard dependencies on this server whose check was asked for or is under way (a disabled one is not checked)."""
    hard = [
        dependency for dependency in (*resource.start, *resource.stop) if dependency.kind is DependencyKind.HARD and not dependency.is_type
    ]
    names = {ResourceName(dependency.entity) for dependency in hard}
    checked = {name for name in names if (other := here.view.resources.get(name)) is not None and other.enabled}
    return tuple(sorted(name for name in checked if (local := here.locals.get(name)) and (local.alarmed or local.action == "check")))


def dependents_not_off(here: Here, resource: Resource) -> tuple[ResourceName, ...]:
    """Resources on this server that depend on this one (hard, same server) and are not off yet: they stop first. Who needs it for its start
    only goes on without it, unless it is stopped as well."""
    return tuple(
        name
        for name in here.dependents.get(resource.name, ())
        if (local := here.locals.get(name)) is not None and _may_run(here, local) and _stops_before(here, local, resource.name)
    )


def stop_before(here: Here, resource: Resource) -> tuple[ResourceName, ...]:
    """Those, and who depends on it from any server, or by its type, and stops by command as well: what `crsctl stop -f` stops keeps its
    order. Nobody is waited for who stops only when this one has, who cannot be stopped, or whose server cannot act."""
    near = dependents_not_off(here, resource)
    names = (name for name in sorted(who_names(here.view, resource)) if name not in near)
    return (*near, *(name for name in names if any(_is_stopped_at(here, name, server) for server in _places(here, name, resource))))


def _places(here: Here, name: ResourceName, resource: Resource) -> tuple[ServerName, ...]:
    """The servers on which it depends on this resource (hard) without being on its server, or by its type."""
    other = here.view.resources[name]
    ways = [
        dependency
        for dependency in (*other.start, *other.stop)
        if dependency.kind is DependencyKind.HARD and "shutdown" not in dependency.modifiers
        if resource.name in meant(here.view, dependency)
    ]
    if any("global" in dependency.modifiers for dependency in ways):
        return tuple(here.view.present())
    return (here.server,) if any(dependency.is_type for dependency in ways) else ()


def _is_stopped_at(here: Here, name: ResourceName, server: ServerName) -> bool:
    """Whether it runs there still, and is to stop because its TARGET says so."""
    view = here.view
    if view.target_on(name, server) is Target.ONLINE:
        return False
    if server == here.server:
        local = here.locals.get(name)
        return local is not None and local.state in _RUNNING and (view.resources[name].local or is_mine(here, name))
    report = view.report(name, server)
    if report is None or report.incarnation in view.unable or report.state not in _RUNNING:
        return False
    return view.resources[name].local or _holds(view, name, report.incarnation)


def _holds(view: View, name: ResourceName, incarnation: Incarnation) -> bool:
    """What its server does not hold was found running, and is left alone."""
    assignment = view.assignments.get(name)
    return assignment is not None and any(holder.incarnation == incarnation for holder in assignment.holders)


_RUNNING = (State.ONLINE, State.INTERMEDIATE)


def _stops_before(here: Here, local: Local, name: ResourceName) -> bool:
    resource = here.view.resources[local.resource]
    on_it = [dependency for dependency in resource.stop if dependency.entity == name and dependency.same_server]
    if any(here.leaving or "shutdown" not in dependency.modifiers for dependency in on_it):
        return True
    stopping = isinstance(local.phase, (Climbing, Stuck))
    return stopping or not wanted_here(here, resource) or bool(broken_to_run(here, resource))


def excluded_not_off(here: Here, resource: Resource) -> tuple[ResourceName, ...]:
    """What it excludes and is not off yet on this server, which has to stop it: that stops first, unless it is to stop afterwards
    (`preempt_post:`)."""
    excluded = [each for each in resource.start if each.kind is DependencyKind.EXCLUSION and "preempt_post" not in each.modifiers]
    names = dict.fromkeys(name for dependency in excluded for name in meant(here.view, dependency) if name != resource.name)
    return tuple(name for name in names if is_mine(here, name) and (local := here.locals.get(name)) is not None and _may_run(here, local))


def comes_instead(here: Here, resource: Resource) -> tuple[ResourceName, ...]:
    """What was given this server in its place, and wants it stopped afterwards (`preempt_post:`): until that is up it goes on, for the
    start may fail."""
    if here.view.target(resource.name) is not Target.ONLINE or here.leaving:
        return ()
    return tuple(
        name
        for name in sorted(who_names(here.view, resource))
        if any("preempt_post" in each.modifiers and resource.name in meant(here.view, each) for each in here.view.resources[name].start)
        if wanted_here(here, here.view.resources[name]) and not ((local := here.locals.get(name)) is not None and local.up)
    )


def who_names(view: View, resource: Resource) -> frozenset[ResourceName]:
    """Whose dependencies name it, or a type that it is of."""
    types = on_types(view.resources)
    by_type = (types.get(type_name, NOBODY) for type_name in resource.lineage) if types else ()
    return namers(view.resources).get(resource.name, NOBODY).union(*by_type) - {resource.name}


def is_mine(here: Here, name: ResourceName) -> bool:
    """Whether this incarnation is a holder of it: then it is for this server to run it, or to let it go."""
    return _holds(here.view, name, here.incarnation)


def wanted_here(here: Here, resource: Resource) -> bool:
    """Whether it is to run on this server: wanted, not unavailable, and this incarnation's (a local resource is everybody's). On a server
    that leaves, nothing is but its networks, which are only looked at."""
    if here.leaving and not resource.kind.only_looked_at:
        return False
    if here.view.target_on(resource.name, here.server) is not Target.ONLINE or is_unavailable(here, resource):
        return False
    assignment = here.view.assignments.get(resource.name)
    if resource.local:
        return has_instance(here.view, resource, here.server)
    return assignment is not None and assignment.owner is not None and assignment.owner.incarnation == here.incarnation


def is_unavailable(here: Here, resource: Resource) -> bool:
    """Whether it has failed too often (FAILURE_THRESHOLD), by what is reported and what this server knows itself."""
    return are_counted(resource) and too_many(resource, failures_here(here, resource))


def failures_here(here: Here, resource: Resource) -> tuple[float, ...]:
    """The failures that count, this server's newest included."""
    local = here.locals.get(resource.name)
    own = () if local is None or local.failed_after != counted_after(here.view, resource) else local.failed_at
    return failures(here.view, resource, here.server, own)


def _may_run(here: Here, local: Local) -> bool:
    """Not known to be off. What a new daemon has not looked at yet may run; a check that never answers blocks others for a time only."""
    resource = here.view.resources[local.resource]
    if not resource.local and not is_mine(here, local.resource):
        # nobody cleans up here what this incarnation does not hold: only whether something of it is left counts; and this incarnation has
        # not started it, so that its first look, which may last, keeps nobody waiting
        seen = local.state is not None and (local.state is not State.OFFLINE or local.action is not None)
        return seen or not local.empty
    if local.state is None:
        return local.silent < resource.on(here.server).check_failures
    return not local.off


def meant(view: View, dependency: Dependency) -> tuple[ResourceName, ...]:
    """The resources that a dependency means, one by one or by type, by name."""
    return _of_type(view.resources, view.types, dependency) if dependency.is_type else (ResourceName(dependency.entity),)


def _of_type(
    resources: Mapping[ResourceName, Resource], types: Mapping[TypeName, TypeRecord], dependency: Dependency
) -> tuple[ResourceName, ...]:
    return tuple(sorted(name for name, resource in resources.items() if is_a(resource.type, TypeName(dependency.entity), types)))


def _is_up(here: Here, name: ResourceName, dependency: Dependency) -> bool:
    good = (State.ONLINE, State.INTERMEDIATE) if "intermediate" in dependency.modifiers else (State.ONLINE,)
    local = here.locals.get(name)
    if local is not None and local.up and local.state in good:
        return True
    return "global" in dependency.modifiers and any(state in good for state in _reported(here.view, name))


def _is_still_up(here: Here, name: ResourceName, dependency: Dependency) -> bool:
    local = here.locals.get(name)
    if local is not None and (local.up or local.state is None):
        return True  # not looked at yet proves nothing
    return "global" in dependency.modifiers and any(state is not State.OFFLINE for state in _reported(here.view, name))


def _reported(view: View, name: ResourceName) -> Iterable[State]:
    for server in view.reports.get(name, {}):
        report = view.report(name, server)
        if report is not None:
            yield report.state


def _down(here: Here, dependency: Dependency) -> list[ResourceName]:
    names = meant(here.view, dependency)
    return [] if any(_is_up(here, name, dependency) for name in names) else list(names)


# --- what is on its way up ------------------------------------------------------------------------------------------


def _coming_up(here: Here, name: ResourceName, dependency: Dependency, above: tuple[ResourceName, ...]) -> bool:
    """Whether what a weak dependency means is being started, or is about to be: worth waiting for, whatever comes of it.

    The wait has an end. A start and a clean have their times; what is only about to begin has all that it needs, or that is on its way up
    in turn (over DEEPEST steps; `above` are those that wait for it). What pauses after a failure, or for anything else, is not waited for.
    """
    if name in above or len(above) >= DEEPEST:
        return False
    if _coming_up_here(here, name, (*above, name)):
        return True
    return "global" in dependency.modifiers and _coming_up_elsewhere(here, name, (*above, name))


def _coming_up_here(here: Here, name: ResourceName, path: tuple[ResourceName, ...]) -> bool:
    resource, local = here.view.resources.get(name), here.locals.get(name)
    if resource is None or local is None or not resource.enabled:
        return False
    if isinstance(local.phase, Starting) or local.action == "clean":
        return True
    assignment = here.view.assignments.get(name)
    mine = resource.local or (assignment is not None and assignment.sole_holder(here.incarnation))
    idle = local.state in (None, State.OFFLINE) and local.budget.failure is None and local.budget.retry_at <= here.now
    able = local.silent < resource.on(here.server).check_failures and not local.cannot
    wanted = here.view.target_on(name, here.server) is Target.ONLINE and not is_unavailable(here, resource)
    if not (mine and wanted and idle and able):
        return False
    known: BrokenBy = {}
    unmet = [need for need in resource.start if need.kind is DependencyKind.HARD and not _is_met(here, need, known)]
    unmet += [need for need in resource.stop if "shutdown" not in need.modifiers and not _stands(here, need, known)]
    return all(any(_coming_up(here, other, need, path) for other in meant(here.view, need)) for need in unmet)


def _coming_up_elsewhere(here: Here, name: ResourceName, path: tuple[ResourceName, ...]) -> bool:
    """By what the server to which it belongs has reported: it does not say that it pauses, so what it has tried is not waited for again
    until it is seen to be started."""
    view, assignment = here.view, here.view.assignments.get(name)
    resource, owner = view.resources.get(name), None if assignment is None else assignment.owner
    if resource is None or assignment is None or owner is None or not resource.enabled or view.target(name) is not Target.ONLINE:
        return False
    acts = view.alive(owner.incarnation) and owner.incarnation not in view.unable and owner.incarnation != here.incarnation
    if not acts or not assignment.sole_holder(owner.incarnation):
        return False
    report = view.report(name, owner.server)
    if report is not None and report.incarnation == owner.incarnation:
        if report.internal in (Internal.STARTING, Internal.CLEANING):
            return True
        idle = report.state is State.OFFLINE and report.internal is Internal.STABLE and report.failure is None
        if not idle or not 0 <= report.tried < assignment.epoch:
            return False
    needs = [need for need in (*resource.start, *resource.stop) if need.kind is DependencyKind.HARD and "shutdown" not in need.modifiers]
    return all(any(_up_or_coming(here, other, need, owner.server, path) for other in meant(view, need)) for need in needs)


def _up_or_coming(here: Here, name: ResourceName, need: Dependency, server: ServerName, path: tuple[ResourceName, ...]) -> bool:
    """What it needs on that server, or anywhere."""
    good = (State.ONLINE, State.INTERMEDIATE) if "intermediate" in need.modifiers else (State.ONLINE,)
    anywhere = "global" in need.modifiers
    reports = (here.view.report(name, place) for place in (here.view.reports.get(name, {}) if anywhere else (server,)))
    if any(report is not None and report.state in good for report in reports):
        return True
    if name in path or len(path) >= DEEPEST:
        return False
    return _coming_up_elsewhere(here, name, (*path, name)) or (anywhere and _coming_up_here(here, name, (*path, name)))
