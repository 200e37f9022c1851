"""Definitions that could never run: refused when they are made, with what contradicts what. Pure.

Called by the modules that register or change a resource, about what is new: what is registered already may be changed in other ways.
"""

import re
from collections.abc import Collection, Iterator

from understudy.intent.checks import may_ever_run
from understudy.intent.refusal import Declined
from understudy.model.namers import NOBODY, Trait, namers, with_trait
from understudy.model.names import ResourceName, ServerName
from understudy.model.pools import BUILT_IN
from understudy.model.resource import POOL_SIZE, Dependency, DependencyKind, Placement, Resource
from understudy.model.state import PROVEN
from understudy.model.view import View
from understudy.policy.ground import Ground, survey
from understudy.policy.groups import group_of
from understudy.policy.rivals import names_preempting

_TYPE_FIRST = re.compile(r"type\s*:\s*[^\s,()]+\s*,")
"""A type, and something after it in the same list."""


def check_contradictions(before: View, after: View, name: ResourceName, servers: Collection[ServerName], *, force: bool) -> None:
    """A new or changed definition must be able to run: by itself, and with all that must be beside it. `force`: servers and pools may
    change yet; what contradicts itself is refused all the same."""
    resource = after.resources[name]
    if name in before.resources and _same_wishes(before.resources[name], resource):
        return
    _check_readers(after, resource)
    ground = survey(after)
    _check_local(ground, resource)
    check_instances(after, resource)
    members = group_of(after, name)
    _check_group(ground, resource, members)
    _check_tree(after, name)
    if not force:
        _check_servers(after, name, members, servers)


def _same_wishes(before: Resource, after: Resource) -> bool:
    return _wishes(before) == _wishes(after)


def _wishes(resource: Resource) -> tuple[object, ...]:
    places = (resource.placement, resource.hosting_members, resource.server_pools, resource.server_category)
    return (*places, resource.start, resource.stop, resource.type, resource.cardinality)


def _check_readers(view: View, resource: Resource) -> None:
    """Everybody who may come to see it can read it (docs/design/0002): what cannot be read is taken for deleted."""
    if any(_TYPE_FIRST.search(resource.attributes[key]) for key in ("START_DEPENDENCIES", "STOP_DEPENDENCIES")):
        old = {record.server for record in view.incarnations.values() if record.life not in PROVEN and not record.types_anywhere}
        if old:
            raise Declined(20583, ", ".join(sorted(old)))


# --- what contradicts itself ----------------------------------------------------------------------------------------


def _check_local(ground: Ground, resource: Resource) -> None:
    """A local resource runs on every server: nothing can be kept apart from it, and nothing says on which it would be pulled up."""
    known = ground.view.resources
    for dependency in resource.start:
        excluded = ground.meant(dependency) if dependency.kind is DependencyKind.EXCLUSION else ()
        everywhere = next((name for name in (resource.name, *excluded) if name in known and known[name].local), None)
        if excluded and everywhere is not None:
            why = f"exclusion keeps two apart, and '{everywhere}' is a local resource, which runs on every server"
            raise Declined(20580, resource.name, why)
        if resource.local and "always" in dependency.modifiers:
            why = "pullup:always is for a resource that runs on one server; a local resource is started on all, by crsctl start resource"
            raise Declined(20580, resource.name, why)


def check_instances(view: View, resource: Resource) -> None:
    """Every daemon knows of several instances; what must stand beside another resource has no more of them than that; and exclusion is
    between resources that have one."""
    old = {record.server for record in view.incarnations.values() if record.life not in PROVEN and not record.knows_instances}
    if resource.several and old:
        raise Declined(20642, ", ".join(sorted(old)))
    for by, dependency in ((namer, each) for namer in _with_namers(view, resource) for each in namer.start):
        other = view.resources.get(ResourceName(dependency.entity))
        if other is None or dependency.is_type or not (by.several or other.several):
            continue
        if dependency.kind is DependencyKind.EXCLUSION:
            raise Declined(20580, resource.name, f"exclusion is between resources with one instance: '{by.name}' and '{other.name}'")
        if dependency.same_server and not other.local and not _fewer(by, other):
            why = f"each instance of '{by.name}' needs one of '{other.name}' on its server, and that has {_count(other)}, not {_count(by)}"
            raise Declined(20580, resource.name, f"{why}; hard(global:{other.name}) lets it be anywhere")


def _with_namers(view: View, resource: Resource) -> Iterator[Resource]:
    yield resource
    yield from (view.resources[name] for name in sorted(namers(view.resources).get(resource.name, NOBODY) - {resource.name}))


def _fewer(by: Resource, other: Resource) -> bool:
    """Whether it has at most as many instances as the other, whatever becomes of the pools."""
    if POOL_SIZE in (by.cardinality, other.cardinality):
        return by.cardinality == 1 or (by.cardinality == other.cardinality and by.server_pools == other.server_pools)
    return by.cardinality <= other.cardinality


def _count(resource: Resource) -> str:
    return "as many as its pools have servers" if resource.cardinality == POOL_SIZE else str(resource.cardinality)


def _check_group(ground: Ground, resource: Resource, members: tuple[ResourceName, ...]) -> None:
    """Nothing is kept apart from what must be beside it; and of two only one can give way."""
    for name in members:
        for other in sorted(ground.rivals.get(name, NOBODY) & set(members)):
            why = f"'{name}' and '{other}' exclude each other, and hard dependencies want them on one server"
            raise Declined(20580, resource.name, f"{why} ({', '.join(members)}); hard(global:...) lets them be on two")
    for rival in sorted(ground.rivals.get(resource.name, NOBODY)):
        if names_preempting(ground, resource.name, rival) and names_preempting(ground, rival, resource.name):
            raise Declined(20580, resource.name, f"'{resource.name}' and '{rival}' preempt each other: only one of two can give way")


def _check_tree(view: View, name: ResourceName) -> None:
    """CRS-2881: in a tree of hard start dependencies only one resource excludes others."""
    excluding = with_trait(view.resources, Trait.EXCLUDES)
    if len(excluding) < 2:
        return
    for root in _roots(view, name):
        found = sorted(_below(view, root) & excluding)
        if len(found) > 1:
            raise Declined(2881, next((other for other in found if other != name), found[0]))


def _roots(view: View, name: ResourceName) -> Iterator[ResourceName]:
    """It, and whatever leads to it by hard start dependencies."""
    index, found, ahead = namers(view.resources), {name}, [name]
    while ahead:
        here = ahead.pop()
        yield here
        by = {other for other in index.get(here, NOBODY) if any(each.entity == here for each in _hard(view.resources[other]))}
        ahead += sorted(by - found)
        found |= by


def _below(view: View, name: ResourceName) -> set[ResourceName]:
    found, ahead = {name}, [name]
    while ahead:
        named = {ResourceName(dependency.entity) for dependency in _hard(view.resources[ahead.pop()])}
        fresh = {other for other in named - found if other in view.resources}
        found |= fresh
        ahead += sorted(fresh)
    return found


def _hard(resource: Resource) -> Iterator[Dependency]:
    return (each for each in resource.start if each.kind is DependencyKind.HARD and not each.is_type)


# --- what no server could run ---------------------------------------------------------------------------------------


def _check_servers(view: View, name: ResourceName, members: tuple[ResourceName, ...], servers: Collection[ServerName]) -> None:
    workers = sorted(server for server in servers if not view.witness(server))
    if not workers or view.resources[name].local:
        return
    places = {member: [server for server in workers if _may_run(view, view.resources[member], server)] for member in members}
    if not places[name]:
        raise Declined(20581, name, f"no server of this cluster may run it, by {_restriction(view.resources[name])}")
    if all(places.values()) and not set(workers).intersection(*map(set, places.values())):
        where = "; ".join(f"'{member}' may run on {', '.join(found)}" for member, found in places.items() if len(found) < len(workers))
        raise Declined(20581, name, f"{', '.join(members)} must be on one server, and there is none for all: {where}")


def _restriction(resource: Resource) -> str:
    category = () if resource.server_category is None else (resource.server_category,)
    named = {"SERVER_POOLS": resource.server_pools, "HOSTING_MEMBERS": resource.hosting_members, "SERVER_CATEGORY": category}
    return ", ".join(f"{key}={' '.join(value)}" for key, value in named.items() if value)


def _may_run(view: View, resource: Resource, server: ServerName) -> bool:
    """Whether placement could ever choose the server; a pool that may have no servers at all has none."""
    if resource.placement is not Placement.RESTRICTED or any(pool in BUILT_IN for pool in resource.server_pools):
        return True
    empty = [pool for pool in resource.server_pools if pool in view.pools and view.pools[pool].max_size == 0]
    if empty and len(empty) == len(resource.server_pools) and server not in resource.hosting_members:
        return False
    return may_ever_run(view, resource, server)
