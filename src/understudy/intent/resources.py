"""`crsctl add|modify|delete resource`: definitions are checked against everything they name before anything is written. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from understudy.intent.change import Draft
from understudy.intent.checks import check_groups, check_servers
from understudy.intent.contradictions import check_contradictions
from understudy.intent.edit import Edit, HistoryEntry, Rests
from understudy.intent.facts import find, holders_of, instances, may_be_running, named_by, registered, running_on, servers
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.kinds.network import network_name
from understudy.model import events
from understudy.model.attributes import Effect
from understudy.model.cardinality import possible_names
from understudy.model.dependencies import reach
from understudy.model.maps import with_changes
from understudy.model.names import PoolName, ResourceName, TypeName
from understudy.model.profile import changed, check_name, restarts, validate
from understudy.model.resource import Resource
from understudy.model.settings import Settings
from understudy.model.state import State
from understudy.model.types import descent, is_built_in
from understudy.model.view import Definition, View

# --- add ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NewResource:
    """A resource to register."""

    name: ResourceName
    type: TypeName
    attributes: Mapping[str, str]
    force: bool = False
    """It may name servers that are yet to come, and depend on what is not registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defining:
    """What registers a resource."""

    edit: Edit
    resource: Resource


def define(view: View, new: NewResource, operator: Operator) -> Defining:
    """What is to be written; it starts nothing. BadInput says what is wrong with it."""
    check_name(new.name)
    definition = Definition(name=new.name, type=new.type, uid=operator.token, attributes=dict(new.attributes))
    if new.name in view.definitions:
        raise Declined(2539, new.name)
    resource = validate(definition, registered(view), force=new.force)
    if not new.force:
        check_servers(servers(view, operator.settings), {}, new.attributes)
    after = replace(view, resources=with_changes(view.resources, {new.name: resource}))
    check_groups(view, after)
    check_contradictions(view, after, new.name, servers(view, operator.settings), force=new.force)
    entry = HistoryEntry(kind=events.DEFINED, resource=new.name)
    return Defining(edit=Edit(resources={new.name: definition}, rests=rests_of(view, resource), history=(entry,)), resource=resource)


def rests_of(view: View, resource: Resource) -> Rests:
    """What a definition was checked against: its types, its pools, and every resource its dependencies lead to (so that two
    definitions made at the same time cannot close a cycle)."""
    known = registered(view)
    after = replace(known, resources=with_changes(known.resources, {resource.name: resource}))
    return Rests(
        resources=tuple(name for name in sorted(reach(resource, after)) if name != resource.name and name in view.resources),
        types=tuple(record.name for record in descent(resource.type, view.types) if not is_built_in(record.name)),
        pools=tuple(PoolName(name) for name in resource.server_pools if PoolName(name) in view.pools),
        categories=() if resource.server_category is None else (resource.server_category,),
    )


# --- modify ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChange:
    """Attributes to change."""

    name: ResourceName
    attributes: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    """Scoped ones to delete."""
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Modifying:
    """What changes a resource."""

    draft: Draft
    before: Resource
    resource: Resource
    effects: Mapping[str, Effect]
    """Of each attribute that differs."""


def modify(view: View, change: ResourceChange, operator: Operator) -> Modifying:
    """What is to be written; nothing if nothing differs. BadInput says what is wrong with it."""
    before = find(view, change.name)
    definition = _after(view, change)
    resource = validate(definition, registered(view), force=change.force, kept=view.definitions[change.name].attributes)
    if not change.force:
        check_servers(servers(view, operator.settings), before.attributes, change.attributes)
    effects = changed(before, resource, view.types)
    if not effects and definition == view.definitions[change.name]:
        return Modifying(draft=Draft(edit=Edit(), after=view), before=before, resource=resource, effects=effects)
    edit = Edit(
        resources={change.name: definition},
        rests=rests_of(view, resource),
        history=(HistoryEntry(kind=events.CHANGED, resource=change.name, text=", ".join(effects)),),
    )
    after = replace(
        view,
        definitions=with_changes(view.definitions, {change.name: definition}),
        resources=with_changes(view.resources, {change.name: resource}),
    )
    check_groups(view, after)
    check_contradictions(view, after, change.name, servers(view, operator.settings), force=change.force)
    again = restarts(before, resource, view.types) if may_be_running(view, change.name) else ()
    draft = Draft(edit=edit, after=after, restarting={change.name: again} if again else {})
    return Modifying(draft=draft, before=before, resource=resource, effects=effects)


def _after(view: View, change: ResourceChange) -> Definition:
    before = view.definitions[change.name]
    for name in change.gone:
        if "@" not in name or name not in before.attributes:
            raise Declined(20010, f"-delete removes a scoped attribute that is set, like LOAD@SERVERNAME(ctr1); '{name}' is none")
    kept = {key: value for key, value in before.attributes.items() if key not in change.gone}
    return Definition(name=change.name, type=before.type, uid=before.uid, attributes={**kept, **change.attributes})


# --- delete ---------------------------------------------------------------------------------------------------------


def delete(view: View, names: tuple[ResourceName, ...], operator: Operator, *, force: bool = False) -> Edit:
    """What is to be written, for those that are still registered. Declined while any of them may run, or (unless forced) while others
    name it."""
    known = [name for name in names if name in view.definitions]
    for name in known:
        _check_owned(operator.settings, name)
        if may_be_running(view, name):
            raise still_running(view, name)
        _check_dependents(view, name, names, force=force)
    return Edit(
        resources=dict.fromkeys(known),
        targets=dict.fromkeys(name for name in known if name in view.targets),
        # A resource registered later under this name is another one: no report of this one may be taken for it.
        forgotten=tuple((name, server) for name in known for server in view.reports.get(name, {})),
        rests=Rests(assignments=tuple(each for name in names for each in possible_names(view, name))),
        history=tuple(HistoryEntry(kind=events.DELETED, resource=name) for name in names),
    )


def to_stop_first(view: View, names: tuple[ResourceName, ...], operator: Operator, *, force: bool = False) -> tuple[ResourceName, ...]:
    """Those that may run, and are to be stopped before they are deleted. Declined if they may not be deleted even then."""
    for name in names:
        _check_owned(operator.settings, name)  # before anything is stopped for it
        _check_dependents(view, name, names, force=force)
    return tuple(name for name in names if may_be_running(view, name))


def still_running(view: View, name: ResourceName) -> Declined:
    """It may not be deleted: what of it may still run, where, and what to do."""
    return Declined(20029, name, _still_there(view, name))


def _check_owned(settings: Settings, name: ResourceName) -> None:
    if name in {network_name(network.number) for network in settings.networks}:
        raise Declined(20031, name, "deleted")


def _still_there(view: View, name: ResourceName) -> str:
    if (server := running_on(view, name)) is not None:
        return f"it is still running on '{server}'; stop it first."
    for instance in instances(view, view.resources[name]) if name in view.resources else ():
        if instance.state is State.UNKNOWN:
            why = f" ({instance.report.failure.text})" if instance.report is not None and instance.report.failure is not None else ""
            return f"it is UNKNOWN on '{instance.server}'{why}: see that it is down there, then crsctl stop resource {name}"
    held = holders_of(view, name)
    where = ", ".join(f"'{holder.server}'" for holder in held) or "a server"
    return f"it may still be running on {where}, which has not said that it is stopped; stop it first."


def _check_dependents(view: View, name: ResourceName, names: tuple[ResourceName, ...], *, force: bool) -> None:
    left = [other for other in named_by(view, name) if other not in names]
    if left and not force:
        raise Declined(2730, left[0], name)
