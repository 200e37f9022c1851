"""`crsctl stop resource`: TARGETs of what is named, and with `-f` of what depends on it. Changes TARGETs only. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from understudy.intent.edit import Edit, HistoryEntry, Rests
from understudy.intent.facts import may_be_running, running_on, stop_dependents, who_depends_on
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined, Refusal
from understudy.model import events
from understudy.model.names import ResourceName, ServerName
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.state import Target
from understudy.model.view import TargetRecord, View
from understudy.policy.waits import Waits, waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """What a stop writes, and whom it is about."""

    edit: Edit
    names: tuple[ResourceName, ...]
    """What is stopped: it may be running."""
    remarks: tuple[Refusal, ...]
    """Why the others are not: they do not run, or are registered no more."""


def stop(view: View, names: tuple[ResourceName, ...], operator: Operator, *, force: bool = False) -> Stopping:
    """What is to be written. Declined (CRS-2529) while dependents run that are not named, unless forced."""
    known = tuple(name for name in names if name in view.resources)  # another command may have deleted one meanwhile
    asked = tuple(name for name in known if may_be_running(view, name))
    stopping = tuple(sorted({*asked, *_dependents(view, asked, force=force)}))
    return Stopping(
        edit=_edit(view, dict.fromkeys((*stopping, *known)), operator),
        names=stopping,
        remarks=tuple(Refusal(code=2500 if name in known else 2613, names=(name,)) for name in names if name not in asked),
    )


def _dependents(view: View, names: tuple[ResourceName, ...], *, force: bool) -> tuple[ResourceName, ...]:
    running = tuple(name for name in stop_dependents(view, names) if may_be_running(view, name) or view.target(name) is Target.ONLINE)
    if running and not force:
        raise Declined(2529, names[0], running[0])
    return running


def _edit(view: View, names: Iterable[ResourceName], operator: Operator) -> Edit:
    # Written even where nobody ever wanted it: a resource found running is left alone until a TARGET says otherwise; and where the registry
    # went back, what a copy says is believed of nothing that runs.
    ends = [name for name in names if view.target(name) is Target.ONLINE or name not in view.targets or _is_of_a_copy(view, name)]
    return Edit(
        targets={name: TargetRecord(target=Target.OFFLINE, by=operator.by, era=view.era) for name in ends},
        rests=Rests(resources=tuple(names)),
        history=tuple(HistoryEntry(kind=events.TARGET_SET, resource=name, text=Target.OFFLINE.value) for name in ends),
    )


def _is_of_a_copy(view: View, name: ResourceName) -> bool:
    return view.recovering and view.targets[name].era != view.era


def without_support(view: View, names: Iterable[ResourceName]) -> tuple[Refusal, ...]:
    """Whose start depends on what was stopped by these names, although it need not stop with it: what is wanted, and cannot be started
    (again) as things are. Of a View in which the stop has come about."""
    named = tuple(names)
    down = {name for name in {*named, *stop_dependents(view, named)} if view.target(name) is not Target.ONLINE}
    need_them = {by.name for name in down for by, dependency in who_depends_on(view, name) if _is_needed_to_start(by, dependency)}
    dependents = [name for name in sorted(need_them - down) if view.target(name) is Target.ONLINE and view.resources[name].enabled]
    asked = waits(view) if dependents else None
    return tuple(remark for name in dependents if asked is not None and (remark := _without_support(asked, name)) is not None)


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
    elsewhere = {name: place for name in names if (place := running_on(view, name)) not in (server, None)}
    return OnServer(
        names=tuple(name for name in names if name not in elsewhere),
        elsewhere=tuple(Refusal(code=20159, names=(name, server, str(place))) for name, place in elsewhere.items()),
    )


def stop_on(view: View, names: tuple[ResourceName, ...], server: ServerName, *, named: bool) -> OnServer:
    """What `stop -n` means: of what is `named` each must run there, if it runs; of what a filter chose, that which does."""
    local = [name for name in names if view.resources[name].local]
    if named and local:
        raise Declined(20010, f"'{local[0]}' is a local resource: it is stopped on every server, without -n")
    if named:
        return running_there(view, names, server)
    return OnServer(names=tuple(name for name in names if name not in local and running_on(view, name) in (server, None)))
