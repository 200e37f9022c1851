"""Owns server pools: who is a member now, and which attributes a pool may have.

Called by policy (membership) and the verbs. It never moves a resource; it only says which servers a pool holds.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from understudy.errors import BadAttribute
from understudy.model.attributes import Attribute, AttributeKind, check_value
from understudy.model.categories import HUB, NO_CATEGORIES, CategoryMembers, narrowing
from understudy.model.messages import words
from understudy.model.names import CategoryName, PoolName, ServerName, name_trouble
from understudy.model.servers import ServerCategory, ServerRecord
from understudy.model.view import Pool

GENERIC = PoolName("Generic")
FREE = PoolName("Free")
BUILT_IN: frozenset[PoolName] = frozenset({GENERIC, FREE})

ATTRIBUTES: dict[str, Attribute] = {
    attribute.name: attribute
    for attribute in (
        Attribute(name="ACL", kind=AttributeKind.ACL),
        Attribute(name="EXCLUSIVE_POOLS"),
        Attribute(name="IMPORTANCE", kind=AttributeKind.INTEGER, cluster="0", highest=1000),
        Attribute(name="MAX_SIZE", kind=AttributeKind.INTEGER, cluster="-1", lowest=-1, highest=100_000),
        Attribute(name="MIN_SIZE", kind=AttributeKind.INTEGER, cluster="0", highest=100_000),
        Attribute(name="PARENT_POOLS", kind=AttributeKind.NAMES),
        Attribute(name="SERVER_CATEGORY"),
        Attribute(name="SERVER_NAMES", kind=AttributeKind.NAMES),
    )
}

ORDER = ("IMPORTANCE", "MIN_SIZE", "MAX_SIZE", "SERVER_NAMES", "PARENT_POOLS", "EXCLUSIVE_POOLS", "ACL", "SERVER_CATEGORY")
"""In which order `crsctl stat serverpool -f` prints them."""

_SERVER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?")


def build(name: PoolName, attributes: Mapping[str, str]) -> Pool:
    """A pool from its attributes; BadAttribute when one is unknown or has a bad value. What it names is not looked up here."""
    for key, value in attributes.items():
        if key not in ATTRIBUTES:
            raise BadAttribute(words(20011, key), code=20011)
        check_value(ATTRIBUTES[key], value)
    pool = Pool(
        name=name,
        server_names=tuple(ServerName(word) for word in attributes.get("SERVER_NAMES", "").split()),
        parent_pools=tuple(PoolName(word) for word in attributes.get("PARENT_POOLS", "").split()),
        importance=int(attributes.get("IMPORTANCE", "0")),
        min_size=int(attributes.get("MIN_SIZE", "0")),
        max_size=int(attributes.get("MAX_SIZE", "-1")),
        attributes={key: attributes[key] for key in ("ACL", "EXCLUSIVE_POOLS", "SERVER_CATEGORY") if attributes.get(key)},
    )
    _check_names(pool)
    if 0 <= pool.max_size < pool.min_size:
        raise BadAttribute(words(20002, pool.max_size, "MAX_SIZE", f"it is smaller than MIN_SIZE {pool.min_size}"), code=20002)
    return pool


def attributes_of(pool: Pool) -> dict[str, str]:
    """Every attribute of a pool as text, in the order in which it is printed; `build` of them gives the same pool."""
    texts = {
        "IMPORTANCE": str(pool.importance),
        "MIN_SIZE": str(pool.min_size),
        "MAX_SIZE": str(pool.max_size),
        "SERVER_NAMES": " ".join(pool.server_names),
        "PARENT_POOLS": " ".join(pool.parent_pools),
    }
    return {key: texts.get(key, pool.attributes.get(key, "")) for key in ORDER}


def category_of(pool: Pool) -> CategoryName | None:
    """The category of which its servers must be; None: it may have any."""
    return narrowing(pool.attributes.get("SERVER_CATEGORY", ""))


def check_category(name: str, categories: Mapping[CategoryName, ServerCategory]) -> None:
    """A category that is named must be registered. BadAttribute (UND-0561)."""
    if name not in ("", HUB) and name not in categories:
        raise BadAttribute(words(20561, name), code=20561)


def validate(pool: Pool, pools: Mapping[PoolName, Pool], categories: Mapping[CategoryName, ServerCategory] = MappingProxyType({})) -> None:
    """What the pool names must exist, and no pool is its own ancestor."""
    check_category(pool.attributes.get("SERVER_CATEGORY", ""), categories)
    if trouble := name_trouble(pool.name):
        raise BadAttribute(words(20007, pool.name, trouble), code=20007)
    for parent in pool.parent_pools:
        if parent == FREE or parent == pool.name:
            raise BadAttribute(words(20002, parent, "PARENT_POOLS", "it cannot be the parent of this pool"), code=20002)
        if parent not in pools and parent != GENERIC:
            raise BadAttribute(words(20021, parent), code=20021)
    known = {**pools, pool.name: pool}
    word = pool.attributes.get("EXCLUSIVE_POOLS")
    for other in known.values() if word else ():
        if other.attributes.get("EXCLUSIVE_POOLS") == word and (
            other.name in _ancestors(pool, known) or pool.name in _ancestors(other, known)
        ):
            raise BadAttribute(
                words(20002, word, "EXCLUSIVE_POOLS", f"pool '{other.name}' has it too, and one is above the other"), code=20002
            )
    if pool.name in _ancestors(pool, known):
        raise BadAttribute(words(20002, " ".join(pool.parent_pools), "PARENT_POOLS", "the pool would be its own ancestor"), code=20002)
    if pool.min_size and pool.parent_pools:
        raise BadAttribute(words(20002, pool.min_size, "MIN_SIZE", "only top-level pools claim servers"), code=20002)


def membership(
    pools: Mapping[PoolName, Pool],
    online: Iterable[ServerName],
    records: Mapping[ServerName, ServerRecord] = MappingProxyType({}),
    categories: CategoryMembers = NO_CATEGORIES,
) -> dict[PoolName, tuple[ServerName, ...]]:
    """ACTIVE_SERVERS of every pool, Generic and Free included, for the servers that are online. `records`: where operators want them, and
    which of them are not used: these are in Free. `categories`: who is of which; a pool with another one has only such servers."""
    servers = tuple(sorted(set(online)))
    used = tuple(server for server in servers if server not in records or records[server].used)
    generic = _generic(pools, used)
    rest = tuple(server for server in used if server not in generic)
    offers = _offers(pools, categories)
    members = _top_level(pools, rest, {server: records[server].pool for server in rest if server in records}, offers)
    members[GENERIC] = generic
    taken = {server for active in members.values() for server in active}
    members[FREE] = tuple(server for server in servers if server not in taken)
    for name in sorted(pools):
        _sub_pool(name, pools, members, offers)
    _keep_apart(pools, members)
    return {name: members[name] for name in sorted(members)}


_Offers = Callable[[Pool, Iterable[ServerName]], tuple[ServerName, ...]]
"""Of some servers those that a pool may have, in its order."""


def _offers(pools: Mapping[PoolName, Pool], categories: CategoryMembers) -> _Offers:
    of = {name: category for name, pool in pools.items() if (category := category_of(pool)) is not None}

    def allowed(pool: Pool, servers: Iterable[ServerName]) -> tuple[ServerName, ...]:
        if pool.name in of:
            servers = [server for server in servers if categories.holds(of[pool.name], server)]
        return _allowed(pool, servers)

    return allowed


def _generic(pools: Mapping[PoolName, Pool], servers: tuple[ServerName, ...]) -> tuple[ServerName, ...]:
    named = {server for pool in pools.values() if GENERIC in _ancestors(pool, pools) for server in pool.server_names}
    return tuple(server for server in servers if server in named)


def _top_level(
    pools: Mapping[PoolName, Pool], servers: tuple[ServerName, ...], wished: Mapping[ServerName, str], offers: _Offers
) -> dict[PoolName, tuple[ServerName, ...]]:
    """First every pool's MIN_SIZE in order of IMPORTANCE, then up to MAX_SIZE in the same order. A server that an operator wants in a pool
    goes there if there is room; it goes to another only where that would be below its MIN_SIZE."""
    ranked = sorted((pool for pool in pools.values() if not pool.parent_pools), key=lambda pool: (-pool.importance, pool.name))
    members: dict[PoolName, tuple[ServerName, ...]] = {pool.name: () for pool in ranked}
    free = list(servers)
    lowest = {pool.name: pool.min_size for pool in ranked}
    highest = {pool.name: len(servers) if pool.max_size < 0 else pool.max_size for pool in ranked}
    places = {server: place for server, place in wished.items() if place in members or place == FREE}

    def fill(pool: Pool, wanted: int, offered: Iterable[ServerName]) -> None:
        nonlocal free
        ordered = sorted(offers(pool, offered), key=lambda server: _liking(places.get(server), pool.name))
        chosen = ordered[: max(0, wanted - len(members[pool.name]))]
        members[pool.name] = offers(pool, [*members[pool.name], *chosen])
        free = [server for server in free if server not in chosen]

    for pool in ranked:
        fill(pool, lowest[pool.name], free)
    for pool in ranked:
        fill(pool, highest[pool.name], [server for server in free if places.get(server) == pool.name])
    for pool in ranked:
        fill(pool, highest[pool.name], [server for server in free if server not in places])
    return members


def _liking(wished: str | None, pool: PoolName) -> int:
    """Who is wanted here comes first, who is wanted elsewhere last."""
    return 1 if wished is None else 0 if wished == pool else 2


def _sub_pool(
    name: PoolName, pools: Mapping[PoolName, Pool], members: dict[PoolName, tuple[ServerName, ...]], offers: _Offers
) -> tuple[ServerName, ...]:
    """Servers of the parents that SERVER_NAMES and SERVER_CATEGORY allow; parents are worked out first (a cycle was refused)."""
    if name not in members:
        members[name] = ()
        pool = pools[name]
        parents = [parent for parent in pool.parent_pools if parent in pools or parent in members]
        offered = {server for parent in parents for server in _sub_pool(parent, pools, members, offers)}
        members[name] = offers(pool, sorted(offered))
    return members[name]


def _keep_apart(pools: Mapping[PoolName, Pool], members: dict[PoolName, tuple[ServerName, ...]]) -> None:
    """Pools with the same EXCLUSIVE_POOLS share no server: the more important one has it, of equals the first by name; so have those
    below it. Top-level pools share none anyhow."""
    taken: dict[str, set[ServerName]] = {}
    for pool in sorted(pools.values(), key=lambda pool: (-pool.importance, pool.name)):
        if word := pool.attributes.get("EXCLUSIVE_POOLS"):
            others = taken.setdefault(word, set())
            lost = others.intersection(members[pool.name])
            others.update(members[pool.name])
            for below in (pool.name, *(other.name for other in pools.values() if lost and pool.name in _ancestors(other, pools))):
                members[below] = tuple(server for server in members[below] if server not in lost)


def _allowed(pool: Pool, servers: Iterable[ServerName]) -> tuple[ServerName, ...]:
    """Those of the servers that SERVER_NAMES allows, in its order."""
    if not pool.server_names:
        return tuple(servers)
    there = set(servers)
    return tuple(fromkey for fromkey in dict.fromkeys(pool.server_names) if fromkey in there)


def _ancestors(pool: Pool, pools: Mapping[PoolName, Pool]) -> set[PoolName]:
    found: set[PoolName] = set()
    waiting = list(pool.parent_pools)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += pools[name].parent_pools if name in pools else ()
    return found


def _check_names(pool: Pool) -> None:
    for server in pool.server_names:
        if not _SERVER.fullmatch(server):
            raise BadAttribute(words(20002, server, "SERVER_NAMES", "write names of servers separated by blanks"), code=20002)
