"""What of a View a user may see. Pure.

Called by `daemon/seen.py`. Without `r` a resource is left out as if it were not registered; where something is named beside it (in
dependencies, or in the words of another resource's event) the name stays.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from understudy.intent.permitted import acl_of_category, acl_of_pool, acl_of_type
from understudy.intent.rights import Identity, Right, may
from understudy.model.names import CategoryName, PoolName, ResourceName, TypeName, registered_name
from understudy.model.view import Look, View

V = TypeVar("V")


def hidden(view: View, who: Identity) -> frozenset[ResourceName]:
    """The resources that may not be seen. Thousands have a few lists among them, so each list is looked at once."""
    if who.root:
        return frozenset()
    seen: dict[str, bool] = {}
    found = []
    for name, resource in view.resources.items():
        acl = resource.attributes.get("ACL", "")
        if (shown := seen.get(acl)) is None:
            shown = seen[acl] = may(acl, who, Right.READ)
        if not shown:
            found.append(name)
    return frozenset(found)


def without(view: View, names: Collection[ResourceName]) -> View:
    """The View with nothing of these resources; the same one if there are none."""
    if not names:
        return view

    def kept(records: Mapping[ResourceName, V]) -> dict[ResourceName, V]:
        return {name: record for name, record in records.items() if registered_name(name) not in names}

    return replace(
        view,
        definitions=kept(view.definitions),
        resources=kept(view.resources),
        targets=kept(view.targets),
        assignments=kept(view.assignments),
        reports=kept(view.reports),
        looks={server: _look_without(look, names) for server, look in view.looks.items()},
        requests=tuple(request for request in view.requests if not any(registered_name(name) in names for name in request.resources)),
    )


def _look_without(look: Look, names: Collection[ResourceName]) -> Look:
    def kept(of: Mapping[ResourceName, V]) -> dict[ResourceName, V]:
        return {name: found for name, found in of.items() if name not in names}

    return replace(look, looked=kept(look.looked), epochs=kept(look.epochs), untold=kept(look.untold))


def pool_shown(view: View, name: PoolName, who: Identity) -> bool:
    """Whether a server pool may be seen."""
    return may(acl_of_pool(view, name), who, Right.READ)


def category_shown(view: View, name: CategoryName, who: Identity) -> bool:
    """Whether a server category may be seen."""
    return may(acl_of_category(view, name), who, Right.READ)


def type_shown(view: View, name: TypeName, who: Identity) -> bool:
    """Whether a resource type may be seen."""
    return may(acl_of_type(view, name), who, Right.READ)


def definitions_shown(view: View, who: Identity) -> View:
    """Without the server pools, categories and types that may not be seen: for whoever gets all there is. Nothing may be decided on it."""
    if who.root:
        return view
    return replace(
        view,
        pools={name: pool for name, pool in view.pools.items() if pool_shown(view, name, who)},
        categories={name: category for name, category in view.categories.items() if category_shown(view, name, who)},
        types={name: record for name, record in view.types.items() if type_shown(view, name, who)},
    )
