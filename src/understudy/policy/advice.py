"""Advice that works when it is typed: the change of a pool, a resource or a network that lets a server run something. Pure.

What a pool would make of a change is tried out before it is proposed.
"""

from collections.abc import Iterator, Mapping

from understudy.errors import BadInput
from understudy.model.categories import category_members
from understudy.model.membership import pools_now
from understudy.model.names import PoolName, ResourceName, ServerName, TypeName
from understudy.model.pools import BUILT_IN, GENERIC, attributes_of, build, category_of, membership, validate
from understudy.model.state import Life
from understudy.model.types import is_a
from understudy.model.view import Pool, View

HIGHEST = 1000
"""Of IMPORTANCE."""


def into_pool(view: View, names: tuple[PoolName, ...], server: ServerName) -> str:
    """What brings the server into the first of these pools that it can be brought into; empty: nothing that is known."""
    online = [name for name, record in view.workers().items() if record.life is Life.ONLINE or name == server]
    here = membership(view.pools, online, view.servers, category_members(view))
    for name in names:
        pool = view.pools.get(name)
        for changes in () if pool is None else _changes(view.pools, pool, server, here[name]):
            if server in _after(view, name, changes, online):
                text = ",".join(f"{key}={value}" for key, value in changes.items())
                return f'add it: crsctl modify serverpool {name} -attr "{text}"'
    having = sorted(pool for pool, members in here.items() if server in members and pool not in BUILT_IN)
    if all(name in BUILT_IN for name in names) and having:
        return f"let SERVER_POOLS of the resource name the pool that has it: {', '.join(having)}"
    return ""


def as_member(view: View, name: ResourceName, server: ServerName) -> str:
    """What lets a resource run on a server that its HOSTING_MEMBERS do not name."""
    members = " ".join((*view.resources[name].hosting_members, server))
    return f'add it: crsctl modify resource {name} -attr "HOSTING_MEMBERS={members}"'


def with_instance(view: View, name: ResourceName, server: ServerName) -> str:
    """What gives a local resource an instance on a server that is in none of its SERVER_POOLS."""
    pools = view.resources[name].server_pools
    having = sorted(pool for pool, members in pools_now(view).items() if server in members and pool not in BUILT_IN)
    if having:
        return f'let it have an instance there: crsctl modify resource {name} -attr "SERVER_POOLS={" ".join((*pools, having[0]))}"'
    return into_pool(view, pools, server)


def of_type(view: View, type_name: str, server: ServerName) -> str:
    """What makes something of a type run on a server; empty: nothing of it is registered."""
    found = sorted(name for name, resource in view.resources.items() if is_a(resource.type, TypeName(type_name), view.types))
    return f"crsctl start resource {found[0]} -n {server}" if found else ""


def _changes(pools: Mapping[PoolName, Pool], pool: Pool, server: ServerName, members: tuple[ServerName, ...]) -> Iterator[dict[str, str]]:
    """What might help, the least first."""
    named = {"SERVER_NAMES": " ".join(dict.fromkeys((*(pool.server_names or members), server)))}
    roomy = {"MAX_SIZE": "-1"}
    above = {"IMPORTANCE": str(min(HIGHEST, 1 + max((other.importance for other in pools.values()), default=0)))}
    if pool.server_names:
        yield named
    yield roomy
    yield above
    yield {**roomy, **above}
    if category_of(pool) is not None:
        yield {"SERVER_CATEGORY": ""}
    if pool.server_names:
        yield {**named, **roomy}
        yield {**named, **roomy, **above}
    yield {"PARENT_POOLS": GENERIC, "MIN_SIZE": "0", **named}


def _after(view: View, name: PoolName, changes: Mapping[str, str], online: list[ServerName]) -> tuple[ServerName, ...]:
    pools = view.pools
    try:
        changed = build(name, {**attributes_of(pools[name]), **changes})
        validate(changed, pools, view.categories)
    except BadInput:
        return ()
    return membership({**pools, name: changed}, online, view.servers, category_members(view))[name]
