"""`crsctl stat server`, `crsctl check cluster|crs|has`, `understudy server list`, `understudy cluster status`. Changes nothing."""

import json
from collections.abc import Iterable, Mapping, Sequence

from understudy.daemon.text.blocks import blocks
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.named import filter_of
from understudy.daemon.verbs.truth import age, as_it_is, as_json, head, lease, now_so
from understudy.daemon.verbs.world import World
from understudy.errors import BadInput
from understudy.intent.facts import instances, life, running_on, servers
from understudy.model.conditions import Condition, Kind, Lease, Weight, ago, status
from understudy.model.filters import matches
from understudy.model.messages import line
from understudy.model.names import ServerName, short
from understudy.model.pools import FREE, membership
from understudy.model.state import ALIVE, Life, State, Target
from understudy.model.view import View
from understudy.policy.conditions import about
from understudy.policy.eras import held_up_by

STARS = "*" * 62
_PROCESSES = frozenset({Kind.GUARD_SILENT, Kind.TAKES_NO_PART, Kind.LEAVING, Kind.CANNOT_ACT})
"""What `check has` speaks of: the clusterware's own processes here, not the cluster."""


async def stat(world: World, arguments: Arguments) -> int:
    """`crsctl stat server`; its exit status."""
    view, well = world.mirror.view, True
    head(world)
    known = servers(view, world.settings)
    shown = []
    try:
        wanted = filter_of(arguments, _values(world, view, ServerName(world.settings.server)))
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
    """`crsctl check cluster`: this server's three lines, or a block per server with `-all` or `-n`; then what is not as it should be."""
    view, here = world.mirror.view, ServerName(world.settings.server)
    known, found = servers(view, world.settings), now_so(world)
    asked = arguments.names or (known if arguments.flag("all") else ())
    if arguments.flag("json"):
        return _check_as_json(world, asked or (here,), found)
    if not asked:
        well, told = _health(world, found, here)
        world.output.out("\n".join([*told, *(one.line for one in found)]))
        return _status(well, about(found, here))
    all_well = True
    for name in asked:
        well, told = _health(world, found, ServerName(name)) if name in known else (False, [line(20024, name)])
        all_well = all_well and well
        told += [one.line for one in found if one.about == name]
        world.output.out("\n".join([STARS, f"{name}:", *told]))
    world.output.out("\n".join([STARS, *(one.line for one in found if one.about is None)]))
    return _status(all_well, [one for one in found if one.about is None or one.about in asked])


async def check_crs(world: World, arguments: Arguments) -> int:
    """`crsctl check crs`: four lines about this server, and what is not as it should be with it or with the cluster."""
    here = ServerName(world.settings.server)
    found = about(now_so(world), here)
    well, told = _health(world, found, here)
    if arguments.flag("json"):
        world.output.out(json.dumps({"name": here, "healthy": well, "conditions": as_json(found)}))
    else:
        world.output.out("\n".join([line(4638), *told, *(one.line for one in found)]))
    return _status(well, found)


async def check_has(world: World, arguments: Arguments) -> int:
    """`crsctl check has`: that the daemon answers at all, and what is not as it should be with the processes of this server."""
    found = [one for one in now_so(world) if one.about == world.settings.server and one.kind in _PROCESSES]
    if arguments.flag("json"):
        world.output.out(json.dumps({"name": world.settings.server, "daemon": True, "conditions": as_json(found)}))
    else:
        world.output.out("\n".join([line(4638), *(one.line for one in found)]))
    return status(found)


async def server_list(world: World, arguments: Arguments) -> int:
    """`understudy server list`: one line per server."""
    view, found = as_it_is(world), now_so(world)
    rows = []
    for name in servers(view, world.settings):
        rows.append(_row(world, view, found, name))
        await world.turn.next()
    if arguments.flag("json"):
        world.output.out(json.dumps({"servers": rows, "conditions": as_json(found)}))
        return 0
    head(world)
    titles = ("SERVER", "STATE", "LEADER", "VOTER", "INCARNATION", "RESOURCES")
    lines = [titles, *([str(row[key.lower()]) for key in titles] for row in rows)]
    world.output.out(columns(lines))
    return 0


async def cluster_status(world: World, arguments: Arguments) -> int:
    """`understudy cluster status`: name, leader, voters, servers, whether everything wanted runs, and all that is not as it should be."""
    view, known = as_it_is(world), now_so(world)
    states = _wanted(view)
    found = {
        "cluster": view.cluster.name if view.cluster else world.settings.cluster,
        "revision": view.revision,
        "registry_reachable": world.mirror.reachable,
        "registry_went_back": _went_back(view),
        "leader": _leader(world, view, known),
        "term": view.leader.term if view.leader else 0,
        "voters": list(view.cluster.voters if view.cluster else world.settings.voters),
        "pause_tolerance": view.cluster.pause_tolerance if view.cluster else world.settings.pause_tolerance,
        "servers_online": [name for name in servers(view, world.settings) if _state(world, view, name) == "ONLINE"],
        "servers": list(servers(view, world.settings)),
        "resources_wanted": sum(map(len, states.values())),
        **{f"resources_{what}": states[state] for what, state in _COUNTED.items()},
    }
    if arguments.flag("json"):
        world.output.out(json.dumps({**found, "conditions": as_json(known)}))
    else:
        rows = columns([(key.replace("_", " "), _plain(value)) for key, value in found.items()])
        world.output.out("\n".join([rows, *(one.line for one in known)]))
    idle = states[State.OFFLINE] or states[State.UNKNOWN] or not found["servers_online"]
    return 1 if idle else status(known) or (3 if states[State.INTERMEDIATE] else 0)


_COUNTED = {"down": State.OFFLINE, "unknown": State.UNKNOWN, "intermediate": State.INTERMEDIATE}


def _wanted(view: View) -> Mapping[State, list[str]]:
    """What is wanted, by its state: each resource once, each instance of a local one by its server."""
    states: dict[State, list[str]] = {state: [] for state in State}
    for name, resource in sorted(view.resources.items()):
        if view.target(name) is Target.ONLINE and resource.enabled:
            for one in instances(view, resource):
                states[one.state].append(f"{name}@{one.server}" if resource.local else name)
    return states


def _leader(world: World, view: View, found: Iterable[Condition]) -> str:
    """Who decides, as far as can be known."""
    if view.leader is None:
        return ""
    gone = lease(world, view, view.leader.server) is not Lease.HELD or any(one.kind is Kind.NO_LEADER for one in found)
    return f"none (the last was {view.leader.server})" if gone else view.leader.server


def _went_back(view: View) -> str:
    """What the registry lacks, if it was set back to a copy or made anew."""
    if view.set_back:
        return f"{view.set_back}; nothing is decided until a new era has begun"
    if not view.recovering:
        return "no"
    late = sorted(f"{one.server}/{short(one.incarnation)}" for one in held_up_by(view))
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


def _check_as_json(world: World, names: Sequence[str], found: Sequence[Condition]) -> int:
    view = world.mirror.view
    states = {name: _health(world, found, ServerName(name))[0] for name in names}
    rows = [
        {
            "name": name,
            "healthy": well,
            "lease": lease(world, view, ServerName(name)),
            "cannot_act": _why(found, ServerName(name), Kind.CANNOT_ACT),
            "heard_s": None if world.own is None else world.own().heard_s(ServerName(name)),
        }
        for name, well in states.items()
    ]
    meant = [one for one in found if one.about is None or one.about in names]
    world.output.out(json.dumps({"servers": rows, "conditions": as_json(meant)}))
    return _status(all(states.values()), meant)


def _status(well: bool, found: Iterable[Condition]) -> int:
    return status(found) if well else 1


def _why(found: Iterable[Condition], server: ServerName, kind: Kind) -> str:
    return next((one.cause for one in found if one.kind is kind and one.about == server), "")


def _health(world: World, found: Iterable[Condition], server: ServerName) -> tuple[bool, list[str]]:
    """Whether a server takes part in everything, in crsctl's three lines: it can act, it holds its lease, it hears of the cluster."""
    view = world.mirror.view
    now, held = life(view, server), lease(world, view, server) is Lease.HELD
    acts = now is Life.ONLINE and held and not any(one.about == server and one.weight is Weight.DOWN for one in found)
    hears = held and (server != world.settings.server or not any(one.kind is Kind.REGISTRY_AWAY for one in found))
    return acts and hears, [line(4537 if acts else 4535), line(4529 if held else 4530), line(4533 if hears else 4534)]


def _state(world: World, view: View, server: ServerName) -> str:
    """As crsctl shows it: a server without a lease is OFFLINE, one of which nothing is known UNKNOWN."""
    now, known = life(view, server), lease(world, view, server)
    if now not in ALIVE or known is Lease.OVER:
        return "OFFLINE"
    return "UNKNOWN" if known is Lease.UNHEARD else now.value


def _details(world: World, view: View, found: Iterable[Condition], server: ServerName) -> str:
    """What is not as it should be with one server, in short."""
    titles = {
        Kind.CANNOT_ACT: "cannot act: {}",
        Kind.TAKES_NO_PART: "takes no part: {}",
        Kind.GUARD_SILENT: "its guard does not answer: {}",
        Kind.LEFT: "has left: {}",
    }
    told = [titles[one.kind].format(one.cause) for one in found if one.about == server and one.kind in titles]
    age_s, known = age(world, view, server)
    if known is Lease.OVER:
        told.append("holds no lease")
    elif known is Lease.UNHEARD:
        told.append(f"not heard for {ago(age_s)}")
    return "; ".join(told)


def _values(world: World, view: View, server: ServerName) -> Mapping[str, str]:
    online = [name for name, record in view.present().items() if record.life is Life.ONLINE]
    active = [pool for pool, members in membership(view.pools, online).items() if server in members]
    why = _details(world, view, now_so(world), server)
    return {
        "NAME": server,
        "STATE": _state(world, view, server),
        "RESOURCE_USE_ENABLED": "1",
        "ACTIVE_POOLS": " ".join(sorted(active, key=lambda pool: (pool == FREE, pool))),
        "STATE_DETAILS": why,
    }


def _chosen(values: Mapping[str, str], arguments: Arguments) -> Mapping[str, str]:
    if arguments.flag("registered"):
        return {"NAME": values["NAME"]}
    if arguments.flag("full") or arguments.flag("verbose") or arguments.flag("profile"):
        return values
    return {key: values[key] for key in ("NAME", "STATE", *(("STATE_DETAILS",) if values["STATE_DETAILS"] else ()))}


def _row(world: World, view: View, found: Iterable[Condition], server: ServerName) -> dict[str, object]:
    record = view.present().get(server)
    voters = view.cluster.voters if view.cluster else world.settings.voters
    owned = sorted(name for name, one in view.resources.items() if not one.local and running_on(view, name) == server)
    known, why = lease(world, view, server), _details(world, view, found, server)
    state = "NEVER SEEN" if record is None else _state(world, view, server) if record.life in ALIVE else record.life.value
    return {
        "server": server,
        "state": state + (f", {why}" if why else ""),
        "lease": known.value,
        "leader": "yes" if view.leader and record and view.leader.incarnation == record.incarnation and known is Lease.HELD else "",
        "voter": "yes" if server in voters else "",
        "incarnation": short(record.incarnation) if record else "",
        "resources": " ".join(owned),
    }
