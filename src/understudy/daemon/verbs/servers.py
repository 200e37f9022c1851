"""`crsctl stat server`, `crsctl check cluster|crs|has`, `understudy server list`, `understudy cluster status`. Changes nothing."""

import json
from collections.abc import Mapping, Sequence

from understudy.daemon.facts import cannot_act, life, running_on, servers
from understudy.daemon.text.blocks import blocks
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import World
from understudy.errors import BadInput, Unreachable
from understudy.guard.notice import read_notice
from understudy.model.filters import matches, parse
from understudy.model.messages import line
from understudy.model.names import ServerName, short
from understudy.model.pools import FREE, membership
from understudy.model.state import Life
from understudy.model.view import View
from understudy.policy.eras import unheard

STARS = "*" * 62


async def stat(world: World, arguments: Arguments) -> int:
    """`crsctl stat server`; its exit status."""
    view, well = world.mirror.view, True
    known = servers(view, world.settings)
    shown = []
    try:
        wanted = parse(text) if (text := arguments.text("filter")) is not None else None
        for name in arguments.names or known:
            if name not in known:
                world.say(20024, name)
                well = False
                continue
            values = _values(world, view, ServerName(name))
            if wanted is None or matches(wanted, values.get):
                shown.append(values)
    except BadInput as error:
        world.refuse(error)
        well = False
    if arguments.flag("json"):
        world.output.out(json.dumps({"servers": [{key.lower(): value for key, value in one.items()} for one in shown]}))
    elif shown:
        world.output.out(blocks(_chosen(one, arguments).items() for one in shown))
    if not well:
        world.say(4000, "Status")
    return 0 if well else 1


async def check_cluster(world: World, arguments: Arguments) -> int:
    """`crsctl check cluster`: this server's three lines, or a block per server with `-all` or `-n`. 1 if any is not well."""
    view = world.mirror.view
    known = servers(view, world.settings)
    asked = arguments.names or (known if arguments.flag("all") else ())
    ages = await _ages(world)
    if arguments.flag("json"):
        return _check_as_json(world, asked or (world.settings.server,), ages)
    if not asked:
        well, told = _health(world, view, ServerName(world.settings.server))
        world.output.out("\n".join([*told, *_others_unable(world, view), *_notices(world)]))
        return 0 if well else 1
    all_well = True
    for name in asked:
        well, told = _health(world, view, ServerName(name)) if name in known else (False, [line(20024, name)])
        all_well = all_well and well
        told += [line(20102, f"{ages[name]:.0f}")] if ages.get(name, 0.0) >= 1.0 else []
        world.output.out("\n".join([STARS, f"{name}:", *told]))
    world.output.out(STARS)
    return 0 if all_well else 1


async def check_crs(world: World, arguments: Arguments) -> int:
    """`crsctl check crs`: four lines about this server."""
    well, told = _health(world, world.mirror.view, ServerName(world.settings.server))
    if arguments.flag("json"):
        world.output.out(json.dumps({"name": world.settings.server, "healthy": well}))
    else:
        world.output.out("\n".join([line(4638), *told, *_notices(world)]))
    return 0 if well else 1


async def check_has(world: World, arguments: Arguments) -> int:
    """`crsctl check has`: that the daemon answers at all."""
    if arguments.flag("json"):
        world.output.out(json.dumps({"name": world.settings.server, "daemon": True}))
    else:
        world.say(4638)
    return 0


async def server_list(world: World, arguments: Arguments) -> int:
    """`understudy server list`: one line per server."""
    view = world.mirror.view
    rows = [_row(world, view, name) for name in servers(view, world.settings)]
    if arguments.flag("json"):
        world.output.out(json.dumps({"servers": rows}))
        return 0
    head = ("SERVER", "STATE", "LEADER", "VOTER", "INCARNATION", "RESOURCES")
    lines = [head, *([str(row[key.lower()]) for key in head] for row in rows)]
    world.output.out(columns(lines))
    return 0


async def cluster_status(world: World, arguments: Arguments) -> int:
    """`understudy cluster status`: name, leader, voters, servers and whether everything wanted runs. 1 if something does not."""
    view = world.mirror.view
    online = [name for name in servers(view, world.settings) if life(view, name) is Life.ONLINE]
    wanted = [name for name, one in view.resources.items() if view.target(name) == "ONLINE" and not one.local]
    down = sorted(name for name in wanted if running_on(view, name) is None)
    found = {
        "cluster": view.cluster.name if view.cluster else world.settings.cluster,
        "revision": view.revision,
        "registry_reachable": world.mirror.reachable,
        "registry_went_back": _went_back(view),
        "leader": view.leader.server if view.leader else "",
        "term": view.leader.term if view.leader else 0,
        "voters": list(view.cluster.voters if view.cluster else world.settings.voters),
        "pause_tolerance": view.cluster.pause_tolerance if view.cluster else world.settings.pause_tolerance,
        "servers_online": online,
        "servers": list(servers(view, world.settings)),
        "servers_that_cannot_act": [
            f"{name}: {why}" for name in servers(view, world.settings) if (why := cannot_act(view, name, world.clock.monotonic()))
        ],
        "guard_says": list(read_notice(world.settings.run_dir)),
        "resources_wanted": len(wanted),
        "resources_down": down,
    }
    if arguments.flag("json"):
        world.output.out(json.dumps(found))
    else:
        world.output.out(columns([(key.replace("_", " "), _plain(value)) for key, value in found.items()]))
    return 1 if down or not online else 0


def _went_back(view: View) -> str:
    """What the registry lacks, if it was set back to a copy or made anew."""
    if view.set_back:
        return f"{view.set_back}; nothing is decided until a new era has begun"
    if not view.recovering:
        return "no"
    late = sorted(f"{one.server}/{short(one.incarnation)}" for one in unheard(view))
    return f"era {view.era}: nothing is given away until it is known what runs where; not told yet by: {', '.join(late) or 'nobody'}"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as columns, each as wide as its widest cell; nothing is ever cut."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ("; " if any(" " in str(one) for one in value) else " ").join(map(str, value)) or "none"
    return str(value)


async def _ages(world: World) -> dict[str, float]:
    """How old what is known of each other server is; nothing if this server's guard does not say."""
    try:
        return {str(name): seconds for name, seconds in (await world.heard()).items() if name != world.settings.server}
    except Unreachable:
        return {}


def _check_as_json(world: World, names: Sequence[str], ages: Mapping[str, float]) -> int:
    view, now = world.mirror.view, world.clock.monotonic()
    states = {name: _health(world, view, ServerName(name))[0] for name in names}
    rows = [
        {"name": name, "healthy": well, "cannot_act": cannot_act(view, ServerName(name), now), "heard_s": ages.get(name)}
        for name, well in states.items()
    ]
    world.output.out(json.dumps({"servers": rows}))
    return 0 if all(states.values()) else 1


def _others_unable(world: World, view: View) -> list[str]:
    """Servers other than this one that hold a lease and cannot act: what is said of this one alone would hide them."""
    others = (name for name in servers(view, world.settings) if name != world.settings.server)
    return [line(20101, name, why) for name in others if (why := cannot_act(view, name, world.clock.monotonic()))]


def _notices(world: World) -> list[str]:
    """What the guard of this server wants to be seen although it may not answer."""
    return [line(20069, one) for one in read_notice(world.settings.run_dir)]


def _health(world: World, view: View, server: ServerName) -> tuple[bool, list[str]]:
    if why := cannot_act(view, server, world.clock.monotonic()):
        return False, [line(4535), line(4529), line(4533), line(20101, server, why)]
    match life(view, server):
        case Life.ONLINE:
            return True, [line(4537), line(4529), line(4533)]
        case Life.JOINING | Life.LEAVING:
            # Its guard renews, but it takes no resources.
            return False, [line(4535), line(4529), line(4533)]
        case _:
            return False, [line(4535), line(4530), line(4534)]


def _state(view: View, server: ServerName) -> str:
    now = life(view, server)
    return now.value if now in (Life.ONLINE, Life.JOINING, Life.LEAVING) else "OFFLINE"


def _values(world: World, view: View, server: ServerName) -> Mapping[str, str]:
    online = [name for name, record in view.present().items() if record.life is Life.ONLINE]
    active = [pool for pool, members in membership(view.pools, online).items() if server in members]
    why = cannot_act(view, server, world.clock.monotonic())
    return {
        "NAME": server,
        "STATE": _state(view, server),
        "RESOURCE_USE_ENABLED": "1",
        "ACTIVE_POOLS": " ".join(sorted(active, key=lambda pool: (pool == FREE, pool))),
        "STATE_DETAILS": f"cannot act: {why}" if why else "",
    }


def _chosen(values: Mapping[str, str], arguments: Arguments) -> Mapping[str, str]:
    if arguments.flag("registered"):
        return {"NAME": values["NAME"]}
    if arguments.flag("full") or arguments.flag("verbose") or arguments.flag("profile"):
        return values
    return {key: values[key] for key in ("NAME", "STATE", *(("STATE_DETAILS",) if values["STATE_DETAILS"] else ()))}


def _row(world: World, view: View, server: ServerName) -> dict[str, object]:
    record = view.present().get(server)
    voters = view.cluster.voters if view.cluster else world.settings.voters
    owned = sorted(name for name, one in view.resources.items() if not one.local and running_on(view, name) == server)
    why = cannot_act(view, server, world.clock.monotonic())
    return {
        "server": server,
        "state": (record.life.value if record else "NEVER SEEN") + (f", cannot act: {why}" if why else ""),
        "leader": "yes" if view.leader and record and view.leader.incarnation == record.incarnation else "",
        "voter": "yes" if server in voters else "",
        "incarnation": short(record.incarnation) if record else "",
        "resources": " ".join(owned),
    }
