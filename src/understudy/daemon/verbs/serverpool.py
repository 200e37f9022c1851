"""`crsctl add|modify|delete|stat serverpool`. Changes pools; refuses what would move running resources, unless forced."""

import json
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace

from understudy.daemon.text.blocks import blocks
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.change import Draft, carry_out
from understudy.daemon.verbs.edge import check_servers
from understudy.daemon.verbs.named import filter_of
from understudy.daemon.verbs.truth import head
from understudy.daemon.verbs.world import Change, World
from understudy.errors import BadInput, Refused
from understudy.intent.facts import servers
from understudy.model import events
from understudy.model.filters import matches
from understudy.model.messages import words
from understudy.model.names import PoolName, ServerName
from understudy.model.pools import BUILT_IN, FREE, GENERIC, attributes_of, build, membership, validate
from understudy.model.state import Life
from understudy.model.view import Pool, View
from understudy.registry import keys

_BUILT_IN_ACL = "owner:root:rwx,pgrp:root:r-x,other::r--"


async def add(world: World, arguments: Arguments) -> int:
    """`crsctl add serverpool`; its exit status. Success is silent."""

    async def act() -> bool:
        name, force, given = PoolName(arguments.one_name("server pool")), arguments.flag("force"), arguments.attributes()
        pool = build(name, {"ACL": _BUILT_IN_ACL, **given})

        def draft(view: View) -> Draft:
            if name in view.pools or name in BUILT_IN:
                raise Refused(words(20022, name), code=20022)
            validate(pool, view.pools)
            _check_servers(world, view, {}, given, force=force)
            change = Change({keys.pool(name): pool}, _parents(view, pool), (_told(events.DEFINED, name),))
            return Draft(change=change, after=replace(view, pools={**view.pools, name: pool}))

        return await carry_out(world, name, draft, force=force)

    return await _tried(world, "Add", act())


async def modify(world: World, arguments: Arguments) -> int:
    """`crsctl modify serverpool`; its exit status. Success is silent."""

    async def act() -> bool:
        name, force, attributes = PoolName(arguments.one_name("server pool")), arguments.flag("force"), arguments.attributes()
        if not attributes:
            raise bad('nothing to change: add -attr "NAME=value"')

        def draft(view: View) -> Draft:
            before = _find(view, name, "changed")
            pool = build(name, {**attributes_of(before), **attributes})
            validate(pool, view.pools)
            _check_servers(world, view, attributes_of(before), attributes, force=force)
            if pool == before:
                return Draft(change=Change({}), after=view)
            different = (key for key, value in attributes_of(pool).items() if value != attributes_of(before)[key])
            change = Change({keys.pool(name): pool}, _parents(view, pool), (_told(events.CHANGED, name, ", ".join(different)),))
            return Draft(change=change, after=replace(view, pools={**view.pools, name: pool}))

        return await carry_out(world, name, draft, force=force)

    return await _tried(world, "Modify", act())


async def delete(world: World, arguments: Arguments) -> int:
    """`crsctl delete serverpool`; its exit status. Success is silent."""

    async def act() -> bool:
        names, force = tuple(PoolName(one) for one in arguments.names), arguments.flag("force")
        if not names:
            raise bad("name at least one server pool")

        def draft(view: View) -> Draft:
            for name in names:
                _find(view, name, "deleted")
                users = [f"resource '{one.name}'" for one in view.resources.values() if name in one.server_pools]
                users += [f"server pool '{one.name}'" for one in view.pools.values() if name in one.parent_pools and one.name not in names]
                if users:
                    raise Refused(words(20026, name, users[0]), code=20026)
            change = Change({keys.pool(name): None for name in names}, (), tuple(_told(events.DELETED, name) for name in names))
            return Draft(change=change, after=replace(view, pools={key: one for key, one in view.pools.items() if key not in names}))

        return await carry_out(world, names[0], draft, force=force)

    return await _tried(world, "Delete", act())


async def stat(world: World, arguments: Arguments) -> int:
    """`crsctl stat serverpool`; its exit status."""
    head(world)
    view = world.mirror.view
    pools = {**view.pools, FREE: Pool(name=FREE), GENERIC: Pool(name=GENERIC)}
    active = membership(view.pools, _online(view))
    wanted = filter_of(arguments, (*attributes_of(Pool(name=FREE)), "NAME", "ACTIVE_SERVERS"))
    names, well = [PoolName(one) for one in arguments.names] or sorted(pools), True
    shown: list[dict[str, str]] = []
    for name in names:
        if name not in pools:
            world.say(20021, name)
            well = False
            continue
        values = {**attributes_of(pools[name]), "NAME": name, "ACTIVE_SERVERS": " ".join(active[name])}
        if wanted is None or matches(wanted, values.get):
            shown.append(values)
    if arguments.flag("json"):
        world.output.out(json.dumps({"serverpools": [_as_json(one) for one in shown]}))
    elif shown:
        world.output.out(blocks(_lines(one, arguments) for one in shown))
    if not well:
        world.say(4000, "Status")
    return 0 if well else 1


def _lines(values: Mapping[str, str], arguments: Arguments) -> Iterable[tuple[str, str]]:
    if arguments.flag("registered"):
        return [("NAME", values["NAME"])]
    order = attributes_of(Pool(name=PoolName("")))
    full, profile = arguments.flag("full") or arguments.flag("verbose"), arguments.flag("profile")
    middle = [(key, values[key]) for key in order] if full or profile else []
    return [("NAME", values["NAME"]), *middle, *([] if profile else [("ACTIVE_SERVERS", values["ACTIVE_SERVERS"])])]


def _as_json(values: Mapping[str, str]) -> dict[str, object]:
    return {
        "name": values["NAME"],
        "active_servers": values["ACTIVE_SERVERS"].split(),
        "attributes": {key: value for key, value in values.items() if key not in ("NAME", "ACTIVE_SERVERS")},
    }


def _online(view: View) -> list[ServerName]:
    return [server for server, record in view.present().items() if record.life is Life.ONLINE]


def _find(view: View, name: PoolName, what: str) -> Pool:
    if name in BUILT_IN:
        raise Refused(words(20025, name, what), code=20025)
    if name not in view.pools:
        raise Refused(words(20021, name), code=20021)
    return view.pools[name]


def _parents(view: View, pool: Pool) -> tuple[str, ...]:
    return tuple(keys.pool(name) for name in pool.parent_pools if name in view.pools and name != pool.name)


def _check_servers(world: World, view: View, before: Mapping[str, str], given: Mapping[str, str], *, force: bool) -> None:
    """The servers that SERVER_NAMES names from now on must be servers of the cluster, unless forced."""
    if not force:
        check_servers(servers(view, world.settings), before, given)


def _told(kind: str, name: PoolName, attributes: str = "") -> tuple[str, str, str]:
    return kind, "", f"server pool '{name}'" + (f": {attributes}" if attributes else "")


async def _tried(world: World, verb: str, act: Coroutine[None, None, bool]) -> int:
    try:
        well = await act
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well:
        world.say(4000, verb)
    return 0 if well else 1
