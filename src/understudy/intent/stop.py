"""`crsctl stop resource`: TARGETs of what is named, and with `-f` of what depends on it. Changes TARGETs only. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from understudy.intent.edit import Edit, HistoryEntry, Rests
from understudy.intent.facts import may_be_running, running_on, running_places, stop_dependents, who_depends_on
from understudy.intent.instances import is_on, on_server
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined, Refusal
from understudy.intent.targets import aimed, is_aimed, may_be_running_on, said
from understudy.model import events
from understudy.model.cardinality import apart, whole_resources
from understudy.model.names import ResourceName, ServerName, registered_name
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.state import Target
from understudy.model.view import View
from understudy.policy.waits import Waits, waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """What a stop writes, and whom it is about."""

    edit: Edit
    names: tuple[ResourceName, ...]
    """What is stopped: it may be running."""
    remarks: tuple[Refusal, ...]
    """Why the others are not: they do not run, or are registered no more."""
    displaced: tuple[ResourceName, ...] = ()
    """What has to leave the server on which a local resource is stopped. Its TARGET stays: it starts elsewhere if it may."""


def stop(
    view: View, names: tuple[ResourceName, ...], operator: Operator, *, force: bool = False, server: ServerName | None = None
) -> Stopping:
    """What is to be written; of local resources only on the server, if one is named. Declined (CRS-2529) while dependents run that are not
    named, unless forced."""
    view = apart(view)
    known = tuple(name for name in names if name in view.resources)  # another command may have deleted one meanwhile
    asked = tuple(name for name in known if may_be_running_at(view, name, server))
    here = tuple(name for name in asked if view.resources[name].local and server is not None)
    displaced = _displaced(view, here, names, server)
    if displaced and not force:
        raise Declined(2529, here[0], displaced[0])
    stopping = tuple(sorted({*asked, *_dependents(view, tuple(name for name in asked if name not in here), force=force)}))
    return Stopping(
        edit=_edit(view, dict.fromkeys((*stopping, *known)), operator, server),
        names=stopping,
        remarks=tuple(Refusal(code=2500 if name in known else 2613, names=(name,)) for name in not_running(names, asked)),
        displaced=displaced,
    )


def not_running(names: Iterable[ResourceName], up: Collection[ResourceName]) -> tuple[ResourceName, ...]:
    """Those that are not up; of several instances the first of them, where none is."""
    seen = set(map(registered_name, up))
    left: dict[ResourceName, ResourceName] = {}
    for name in names:
        if name not in up and registered_name(name) not in seen:
            left.setdefault(registered_name(name), name)
    return tuple(left.values())


def may_be_running_at(view: View, name: ResourceName, server: ServerName | None) -> bool:
    """Whether anything of it may be up; of a local resource, on the server if one is named."""
    if server is not None and view.resources[name].local:
        return may_be_running_on(view, name, (server,))
    return may_be_running(view, name)


def _displaced(
    view: View, stopping: tuple[ResourceName, ...], named: tuple[ResourceName, ...], server: ServerName | None
) -> tuple[ResourceName, ...]:
    """What stands on instances that stop on one server, and runs there."""
    dependents = () if server is None else stop_dependents(view, stopping)
    return tuple(name for name in dependents if name not in named and server is not None and is_on(view, name, server))


def _dependents(view: View, names: tuple[ResourceName, ...], *, force: bool) -> tuple[ResourceName, ...]:
    running = tuple(name for name in stop_dependents(view, names) if may_be_running(view, name) or view.target(name) is Target.ONLINE)
    if running and not force:
        raise Declined(2529, names[0], running[0])
    return running


def _edit(view: View, names: Iterable[ResourceName], operator: Operator, server: ServerName | None) -> Edit:
    # Written even where nobody ever wanted it: a resource found running is left alone until a TARGET says otherwise; and where the registry
    # went back, what a copy says is believed of nothing that runs.
    ends = {
        name: aimed(view, name, Target.OFFLINE, operator, server)
        for name in names
        if not is_aimed(view, name, Target.OFFLINE, server) or name not in view.targets or _is_of_a_copy(view, name)
    }
    ends = whole_resources(view, ends)
    return Edit(
        targets=ends,
        rests=Rests(resources=tuple(names)),
        history=tuple(HistoryEntry(kind=events.TARGET_SET, resource=name, text=said(view, name, record)) for name, record in ends.items()),
    )


def _is_of_a_copy(view: View, name: ResourceName) -> bool:
    return view.recovering and view.targets[name].era != view.era


def without_support(view: View, names: Iterable[ResourceName]) -> tuple[Refusal, ...]:
    """Whose start depends on what was stopped by these names, although it need not stop with it: what is wanted, and cannot be started
    (again) as things are. Of a View in which the stop has come about."""
    named, view = tuple(names), apart(view)
    down = {name for name in {*named, *stop_dependents(view, named)} if view.target(name) is not Target.ONLINE}
    need_them = {by.name for name in down for by, dependency in who_depends_on(view, name) if _is_needed_to_start(by, dependency)}
    dependents = [name for name in sorted(need_them - down) if view.target(name) is Target.ONLINE and view.resources[name].enabled]
    asked = waits(view) if dependents else None
    return tuple(remark for name in dependents if asked is not None and (remark := _without_support(asked, name)) is not None)


def without_place(view: View, names: Iterable[ResourceName]) -> tuple[Refusal, ...]:
    """Of what had to leave a server: what is wanted and runs nowhere now, and what it waits for."""
    view = apart(view)
    down = [name for name in names if name in view.resources and view.target(name) is Target.ONLINE and running_on(view, name) is None]
    asked = waits(view) if down else None
    causes = {} if asked is None else {name: next(iter(asked.of(name)), None) for name in down}
    return tuple(Refusal(code=20160, names=(name, cause.text)) for name, cause in causes.items() if cause is not None)


def _is_needed_to_start(resource: Resource, dependency: Dependency) -> bool:
    return dependency.kind is DependencyKind.HARD and dependency in resource.start


def _without_support(asked: Waits, name: ResourceName) -> Refusal | None:
    """None: something else of the type that it needs runs, or it is on its way up by what runs."""
    place = running_on(asked.ground.view, name)
    if place is None:
        cause = next((cause for cause in asked.of(name) if not cause.passing), None)
        return None if cause is None else Refusal(code=20160, names=(name, cause.text))
    missing = asked.missing(name, place, ())
    return None if missing is None else Refusal(code=20166, names=(name, place, missing.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class OnServer:
    """Of what a command means, that which it means on one server (`stop -n`, `relocate -s`)."""

    names: tuple[ResourceName, ...]
    """It runs there, or (of what was named) nowhere."""
    elsewhere: tuple[Refusal, ...] = ()
    """Of what was named and runs elsewhere: where."""


def running_there(view: View, names: tuple[ResourceName, ...], server: ServerName) -> OnServer:
    """Of what was named one by one: each must run there, if it runs."""
    several = {name: running_places(view, name) for name in names if view.resources[name].several}
    here = {name: on_server(view, name, server) for name in several}
    places = {name: ", ".join(found) for name, found in several.items() if found and not here[name]}
    places |= {name: place for name in names if name not in several and (place := running_on(view, name)) not in (server, None)}
    left = (name for name in names if name not in places)
    return OnServer(
        names=tuple(instance for name in left for instance in here.get(name) or (name,)),
        elsewhere=tuple(Refusal(code=20159, names=(name, server, place)) for name, place in places.items()),
    )


def stop_on(view: View, names: tuple[ResourceName, ...], server: ServerName, *, named: bool) -> OnServer:
    """What `stop -n` means: of what is `named` each must run there, if it runs; of what a filter chose, that which does."""
    local = tuple(name for name in names if view.resources[name].local)
    moving = tuple(name for name in names if name not in local)
    if named:
        there = running_there(view, moving, server)
        return OnServer(names=(*(name for name in names if name in local), *there.names), elsewhere=there.elsewhere)
    up = {name for name in local if may_be_running_on(view, name, (server,))}
    several = [name for name in moving if view.resources[name].several]
    single = (name for name in names if name in up or (name in moving and name not in several and running_on(view, name) in (server, None)))
    return OnServer(names=(*single, *(instance for name in several for instance in on_server(view, name, server))))
