"""`crsctl add|modify|delete serverpool`: pools are made and changed; the built-in ones stay as they are. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from understudy.intent.change import Draft
from understudy.intent.checks import check_servers
from understudy.intent.edit import Edit, HistoryEntry, Rests
from understudy.intent.facts import servers
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.model import events
from understudy.model.names import PoolName
from understudy.model.pools import BUILT_IN, attributes_of, build, category_of, validate
from understudy.model.view import Pool, View

BUILT_IN_ACL = "owner:root:rwx,pgrp:root:r-x,other::r--"


def define(view: View, name: PoolName, given: Mapping[str, str], operator: Operator, *, force: bool = False) -> Draft:
    """What registers a pool. BadInput says why not. `force`: it may name servers that are yet to come."""
    pool = build(name, {"ACL": BUILT_IN_ACL, **given})
    if name in view.pools or name in BUILT_IN:
        raise Declined(20022, name)
    validate(pool, view.pools, view.categories)
    if not force:
        check_servers(servers(view, operator.settings), {}, given)
    edit = Edit(pools={name: pool}, rests=_rests(view, pool), history=(_entry(events.DEFINED, name),))
    return Draft(edit=edit, after=replace(view, pools={**view.pools, name: pool}))


def modify(view: View, name: PoolName, given: Mapping[str, str], operator: Operator, *, force: bool = False) -> Draft:
    """What changes a pool; nothing if nothing differs. BadInput says why not."""
    before = _find(view, name, "changed")
    pool = build(name, {**attributes_of(before), **given})
    validate(pool, view.pools, view.categories)
    if not force:
        check_servers(servers(view, operator.settings), attributes_of(before), given)
    if pool == before:
        return Draft(edit=Edit(), after=view)
    different = (key for key, value in attributes_of(pool).items() if value != attributes_of(before)[key])
    edit = Edit(pools={name: pool}, rests=_rests(view, pool), history=(_entry(events.CHANGED, name, ", ".join(different)),))
    return Draft(edit=edit, after=replace(view, pools={**view.pools, name: pool}))


def delete(view: View, names: tuple[PoolName, ...]) -> Draft:
    """What forgets pools. Declined while a resource or a pool that stays names one of them."""
    for name in names:
        _find(view, name, "deleted")
        users = [f"resource '{resource.name}'" for resource in view.resources.values() if name in resource.server_pools]
        users += [f"server pool '{pool.name}'" for pool in view.pools.values() if name in pool.parent_pools and pool.name not in names]
        if users:
            raise Declined(20026, name, users[0])
    edit = Edit(pools=dict.fromkeys(names), history=tuple(_entry(events.DELETED, name) for name in names))
    return Draft(edit=edit, after=replace(view, pools={key: pool for key, pool in view.pools.items() if key not in names}))


def _find(view: View, name: PoolName, what: str) -> Pool:
    if name in BUILT_IN:
        raise Declined(20025, name, what)
    if name not in view.pools:
        raise Declined(20021, name)
    return view.pools[name]


def _rests(view: View, pool: Pool) -> Rests:
    category = category_of(pool)
    return Rests(
        pools=tuple(name for name in pool.parent_pools if name in view.pools and name != pool.name),
        categories=() if category is None else (category,),
    )


def _entry(kind: str, name: PoolName, attributes: str = "") -> HistoryEntry:
    return HistoryEntry(kind=kind, text=f"server pool '{name}'" + (f": {attributes}" if attributes else ""))
