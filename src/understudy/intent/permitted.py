"""Whether who asks may do what a command would write: an edit and an identity in, the refusals out. Pure.

Asked by `daemon/verbs/world.py` before every commit, so that no verb can forget it, and by verbs that do something before they commit.
The rules are those of the page `docs/guide/rights.md`; root is never asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

from understudy.intent.edit import Edit
from understudy.intent.facts import registered
from understudy.intent.refusal import Declined, Refusal
from understudy.intent.rights import BUILT_IN_ACL, Identity, Right, may, rights
from understudy.model.attributes import ATTRIBUTES, acl_owner, base_name
from understudy.model.dependencies import Registered, targets
from understudy.model.maps import with_changes
from understudy.model.messages import line
from understudy.model.names import CategoryName, PoolName, ResourceName, TypeName
from understudy.model.pools import FREE, GENERIC
from understudy.model.profile import resolve
from understudy.model.resource import Placement, Resource
from understudy.model.types import CLUSTER, find, is_a
from understudy.model.view import Definition, Pool, ServerCategory, TypeRecord, View

OPEN_ACL = "owner:root:rwx,pgrp:root:r-x,other::r-x"
"""Of the type that everybody may use: there the right on the server pool counts."""
BY_OWNER = frozenset({"ACTION_SCRIPT", "ACTIONS", "AGENT_FILENAME", "ENTRY_POINTS", "NLS_LANG", "TYPE_VERSION"})
"""Of the attributes that every type has, those by which actions do one thing or another; those that a type adds are all such."""
_BY_LISTS = frozenset({"resources", "types", "pools", "categories", "targets", "requests", "forgotten", "rests", "history"})
"""Parts of an edit that access lists are about, or that come with those; whatever else there is, or will be, is root's."""
MOST_NAMED = 20
"""Refusals that are shown."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question: who, and the View from which the command was decided."""

    view: View
    who: Identity
    types: Mapping[TypeName, TypeRecord]
    """As the edit leaves them."""


def check_permitted(view: View, edit: Edit, who: Identity) -> None:
    """Declined unless all that the edit writes may be written by who asks: then nothing of it is."""
    found = () if who.root or edit.empty else refusals(view, edit, who)
    if found:
        raise_all(found)


def check_may_run(view: View, names: tuple[ResourceName, ...], who: Identity) -> None:
    """Declined unless who asks may have actions of all of these run. For what commits nothing, as a check."""
    if found := tuple(refusal for name in names for refusal in _on_resource(view, name, who, Right.EXECUTE)):
        raise_all(found)


def raise_all(found: tuple[Refusal, ...]) -> None:
    """The first refusal, with the others below it."""
    first, *rest = found
    more = tuple(part for refusal in rest[:MOST_NAMED] for part in (line(refusal.code, *refusal.names), *refusal.below))
    raise Declined(first.code, *first.names, below=(*first.below, *more))


def refusals(view: View, edit: Edit, who: Identity) -> tuple[Refusal, ...]:
    """Why the edit may not be written by who asks, each reason once; empty: it may."""
    types = {name: record for name, record in {**view.types, **edit.types}.items() if record is not None}
    asked = _Asked(view, who, types)
    found: list[Refusal] = []
    if any(getattr(edit, field.name) for field in fields(Edit) if field.name not in _BY_LISTS):
        found.append(Refusal(code=20064, names=(who.user,)))
    running = dict.fromkeys((*edit.targets, *(name for request in edit.requests for name in request.resources)))
    for name in running:
        if name not in edit.resources:
            found += _on_resource(view, name, who, Right.EXECUTE)
    for name, definition in edit.resources.items():
        found += _on_definition(asked, name, definition)
    for type_name, record in edit.types.items():
        found += _on_type(asked, type_name, record)
    for pool_name, pool in edit.pools.items():
        found += _on_pool(asked, pool_name, pool)
    for category_name, category in edit.categories.items():
        found += _on_category(asked, category_name, category)
    return tuple(dict.fromkeys(found))


# --- resources --------------------------------------------------------------------------------------------------------


def _on_resource(view: View, name: ResourceName, who: Identity, right: Right, code: int = 2725) -> Iterator[Refusal]:
    resource = view.resources.get(name)
    if resource is not None and not may(acl := resource.attributes.get("ACL", ""), who, right):
        yield Refusal(code=code, names=(who.user, name), below=(_lacks(acl, who, right),))


def _lacks(acl: str, who: Identity, right: Right) -> str:
    unknown = "; there is no answer in time in which groups that user is" if who.groups is None else ""
    return f"  {right} is needed; '{who.user}' has {rights(acl, who)} by {acl or BUILT_IN_ACL}{unknown}"


def _on_definition(asked: _Asked, name: ResourceName, definition: Definition | None) -> Iterator[Refusal]:
    before = asked.view.resources.get(name)
    if before is not None:
        yield from _on_resource(asked.view, name, asked.who, Right.WRITE)
    if definition is None:
        return
    after = resolve(definition, asked.types)
    if before is None:
        yield from _on_use_of_type(asked, definition.type)
        if after.user != asked.who.user:
            yield Refusal(code=20327, names=(name, after.user, asked.who.user))
        for attribute, why in BY_FORCE.items():
            if value := after.attributes.get(attribute):
                yield Refusal(code=20328, names=(attribute, name, why.format(value)))
    else:
        yield from _on_attributes(asked, before, after)
    yield from _on_places(asked, before, after)
    yield from _on_dependencies(asked, before, after)


BY_FORCE = {
    "MOUNT_POINT": "what is mounted at '{}' is unmounted by force when a lease ends",
    "NETWORK_NAMESPACES": "the links in namespaces '{}' are set down when a lease ends",
}
"""Attributes of which only root decides, and why."""
_OF_OWNER = "actions run as that user"


def _on_attributes(asked: _Asked, before: Resource, after: Resource) -> Iterator[Refusal]:
    """What the actions are, and as whom they run."""
    names = sorted({*before.attributes, *after.attributes})
    different = [name for name in names if before.attributes.get(name) != after.attributes.get(name)]
    if before.user != after.user:
        yield Refusal(code=20328, names=("the owner", before.name, _OF_OWNER))
    for name in different:
        base = base_name(name)
        if base in BY_FORCE:
            yield Refusal(code=20328, names=(name, before.name, BY_FORCE[base].format(after.attributes.get(name, ""))))
        elif (base in BY_OWNER or base not in ATTRIBUTES) and before.user != asked.who.user:
            yield Refusal(code=20329, names=(name, before.name, before.user))


def _on_places(asked: _Asked, before: Resource | None, after: Resource) -> Iterator[Refusal]:
    """`x` on each server pool on whose servers it may run and might not before."""
    for pool in sorted(pools_of(after) - (pools_of(before) if before is not None else frozenset())):
        acl = acl_of_pool(asked.view, pool)
        if not may(acl, asked.who, Right.EXECUTE):
            code = 20326 if pool in (GENERIC, FREE) else 20325
            names = (asked.who.user, after.name) if code == 20326 else (asked.who.user, Right.EXECUTE, "server pool", pool)
            yield Refusal(code=code, names=names, below=(_lacks(acl, asked.who, Right.EXECUTE),))
            if code == 20326:
                return


def pools_of(resource: Resource) -> frozenset[PoolName]:
    """The pools on whose servers alone it may run. Generic and Free: on any."""
    pools = frozenset(resource.server_pools)
    kept = {
        Placement.BALANCED: True,
        Placement.RESTRICTED: not resource.hosting_members,  # these are candidates besides
        Placement.FAVORED: bool(resource.hosting_members),  # else the pools are a preference
    }[resource.placement]
    return pools if pools and kept and "*" not in pools and not resource.local else frozenset({GENERIC, FREE})


def _on_dependencies(asked: _Asked, before: Resource | None, after: Resource) -> Iterator[Refusal]:
    """`x` on each resource that it comes to depend on: it may start that with itself, move it, or keep it from starting."""
    known = registered(asked.view)
    known = replace(known, resources=with_changes(known.resources, {after.name: after}), types=asked.types)
    earlier = frozenset() if before is None else _named(before, known)
    for name in sorted(_named(after, known) - earlier - {after.name}):
        yield from _on_resource(asked.view, name, asked.who, Right.EXECUTE, code=2566)


def _named(resource: Resource, known: Registered) -> frozenset[ResourceName]:
    return frozenset(name for dependency in (*resource.start, *resource.stop) for name in targets(dependency, known))


# --- types ------------------------------------------------------------------------------------------------------------


def acl_of_type(view: View, name: TypeName) -> str:
    """Its access list; "" if there is no such type."""
    record = find(name, view.types)
    if record is None:
        return ""
    return record.attributes.get("ACL") or (OPEN_ACL if name == CLUSTER else BUILT_IN_ACL)


def _on_use_of_type(asked: _Asked, name: TypeName) -> Iterator[Refusal]:
    yield from _on_named(asked, "resource type", name, acl_of_type(asked.view, name), Right.EXECUTE)


def _on_type(asked: _Asked, name: TypeName, record: TypeRecord | None) -> Iterator[Refusal]:
    before = asked.view.types.get(name)
    if before is None:
        yield Refusal(code=20064, names=(asked.who.user,))
        return
    yield from _on_named(asked, "resource type", name, acl_of_type(asked.view, name), Right.WRITE)
    if record is None:
        return
    if acl_owner(acl_of_type(asked.view, name)) != acl_owner(record.attributes.get("ACL") or BUILT_IN_ACL):
        yield Refusal(code=20328, names=("the owner", name, _OF_OWNER))
    for attribute in sorted({*before.attributes, *record.attributes}):
        different = before.attributes.get(attribute) != record.attributes.get(attribute)
        if different and (attribute in BY_OWNER or attribute in BY_FORCE or attribute not in ATTRIBUTES):
            yield Refusal(code=20328, names=(attribute, name, "resources of other users may have it by this type"))
    for definition in asked.view.definitions.values():
        if definition.name in asked.view.resources and is_a(definition.type, name, asked.types):
            yield from _on_definition(asked, definition.name, definition)


# --- server pools -----------------------------------------------------------------------------------------------------


def acl_of_pool(view: View, name: PoolName) -> str:
    """Its access list. Built-in pools have that of whatever has none."""
    pool = view.pools.get(name)
    return (pool.attributes.get("ACL") if pool is not None else None) or BUILT_IN_ACL


def _on_pool(asked: _Asked, name: PoolName, pool: Pool | None) -> Iterator[Refusal]:
    before = asked.view.pools.get(name)
    if before is None:
        yield Refusal(code=20064, names=(asked.who.user,))
        return
    yield from _on_named(asked, "server pool", name, acl_of_pool(asked.view, name), Right.WRITE)
    if pool is None:
        return
    if acl_owner(acl_of_pool(asked.view, name)) != acl_owner(pool.attributes.get("ACL") or BUILT_IN_ACL):
        yield Refusal(code=20328, names=("the owner", name, "an owner is given by root"))
    for parent in sorted(set(pool.parent_pools) - set(before.parent_pools)):
        yield from _on_named(asked, "server pool", parent, acl_of_pool(asked.view, parent), Right.EXECUTE)


# --- server categories ------------------------------------------------------------------------------------------------


def acl_of_category(view: View, name: CategoryName) -> str:
    """Its access list. The built-in one has that of whatever has none."""
    category = view.categories.get(name)
    return ("" if category is None else category.acl) or BUILT_IN_ACL


def _on_category(asked: _Asked, name: CategoryName, category: ServerCategory | None) -> Iterator[Refusal]:
    """Whoever may change one may move what names it, as with a server pool; only root makes one."""
    if name not in asked.view.categories:
        yield Refusal(code=20064, names=(asked.who.user,))
        return
    acl = acl_of_category(asked.view, name)
    yield from _on_named(asked, "server category", name, acl, Right.WRITE)
    if category is not None and acl_owner(acl) != acl_owner(category.acl or BUILT_IN_ACL):
        yield Refusal(code=20328, names=("the owner", name, "an owner is given by root"))


def _on_named(asked: _Asked, kind: str, name: str, acl: str, right: Right) -> Iterator[Refusal]:
    if not may(acl, asked.who, right):
        yield Refusal(code=20325, names=(asked.who.user, right, kind, name), below=(_lacks(acl, asked.who, right),))
