"""`crsctl stat server`, `crsctl check cluster|crs|has`, `understudy server list`, `understudy cluster status`. Changes nothing.

What is shown is made in `shown/servers.py` and `shown/cluster.py`.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from understudy.daemon.shown.categories import category_statuses
from understudy.daemon.shown.cluster import cluster_status as status_of_cluster
from understudy.daemon.shown.known import KnownHere, conditions_json
from understudy.daemon.shown.servers import Health, ServerRow, ServerStatus, health, server_row, server_status
from understudy.daemon.text.blocks import blocks
from understudy.daemon.text.columns import columns, plain
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.layouts import check_layout, only, picked
from understudy.daemon.verbs.named import filter_of
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.truth import head, known_so, now_so
from understudy.daemon.verbs.world import CommandContext
from understudy.intent.categories import attributes_shown
from understudy.intent.facts import servers
from understudy.intent.refusal import Declined
from understudy.intent.rights import Right
from understudy.intent.visible import category_shown
from understudy.model.conditions import Condition, ConditionKind, status
from understudy.model.filters import matches
from understudy.model.messages import line
from understudy.model.names import CategoryName, ServerName
from understudy.model.view import View
from understudy.policy.conditions import about

STARS = "*" * 62
_PROCESSES = frozenset({ConditionKind.GUARD_SILENT, ConditionKind.TAKES_NO_PART, ConditionKind.LEAVING, ConditionKind.CANNOT_ACT})
"""What `check has` speaks of: the clusterware's own processes here, not the cluster."""


async def stat(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl stat server`; its exit status."""
    head(world)
    return await tried(world, "Status", _stat(world, arguments))


async def _stat(world: CommandContext, arguments: Arguments) -> bool:
    check_layout(arguments)
    known = known_so(world, world.mirror.view)
    everyone, well = servers(known.view, world.settings), True
    of_it = _of_category(world, known.view, arguments.text("category"), everyone)
    attributes = {*server_status(known, known.server).values, *attributes_shown(known.view, everyone)}
    wanted, names = filter_of(arguments, attributes), only(arguments, attributes)
    shown: list[ServerStatus] = []
    for name in arguments.names or everyone:
        if name not in everyone:
            world.say(20024, name)
            well = False
            continue
        server = server_status(known, ServerName(name))
        if name in of_it and (wanted is None or matches(wanted, server.values.get)):
            shown.append(server)
    if arguments.flag("json"):
        found = [server.as_json() if not names else {name: server.values.get(name, "") for name in names} for server in shown]
        world.output.out(json.dumps({"servers": found}))
    elif shown and names:
        world.output.out(picked((server.values for server in shown), names, arguments))
    elif shown:
        world.output.out(blocks(_chosen(server, arguments).items() for server in shown))
    return well


def _of_category(world: CommandContext, view: View, category: str | None, everyone: Sequence[ServerName]) -> Collection[ServerName]:
    """Those of the servers that are of a category; of none that is named, all. Declined (UND-0561, UND-0325)."""
    if category is None:
        return everyone
    every, name = category_statuses(view, everyone), CategoryName(category)
    if name not in every:
        raise Declined(20561, category)
    if not category_shown(view, name, world.caller.who):
        raise Declined(20325, world.caller.user, Right.READ, "server category", category)
    return every[name].servers


async def check_cluster(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl check cluster`: this server's three lines, or a block per server with `-all` or `-n`; then what is not as it should be."""
    known = known_so(world, world.mirror.view)
    everyone, found = servers(known.view, world.settings), known.conditions
    asked = arguments.names or (everyone if arguments.flag("all") else ())
    if arguments.flag("json"):
        return _check_as_json(world, known, asked or (known.server,))
    if not asked:
        own = health(known, known.server)
        world.output.out("\n".join([*_lines(own), *(condition.line for condition in found)]))
        return _status(own.well, about(found, known.server))
    all_well = True
    for name in asked:
        here = health(known, ServerName(name)) if name in everyone else None
        all_well = all_well and here is not None and here.well
        lines = [line(20024, name)] if here is None else _lines(here)
        lines += [condition.line for condition in found if condition.about == name]
        world.output.out("\n".join([STARS, f"{name}:", *lines]))
    world.output.out("\n".join([STARS, *(condition.line for condition in found if condition.about is None)]))
    return _status(all_well, [condition for condition in found if condition.about is None or condition.about in asked])


async def check_crs(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl check crs`: four lines about this server, and what is not as it should be with it or with the cluster."""
    known = known_so(world, world.mirror.view)
    own, found = health(known, known.server), about(known.conditions, known.server)
    if arguments.flag("json"):
        world.output.out(json.dumps({"name": known.server, "healthy": own.well, "conditions": conditions_json(found)}))
    else:
        world.output.out("\n".join([line(4638), *_lines(own), *(condition.line for condition in found)]))
    return _status(own.well, found)


async def check_has(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl check has`: that the daemon answers at all, and what is not as it should be with the processes of this server."""
    found = [condition for condition in now_so(world) if condition.about == world.settings.server and condition.kind in _PROCESSES]
    if arguments.flag("json"):
        world.output.out(json.dumps({"name": world.settings.server, "daemon": True, "conditions": conditions_json(found)}))
    else:
        world.output.out("\n".join([line(4638), *(condition.line for condition in found)]))
    return status(found)


async def server_list(world: CommandContext, arguments: Arguments) -> int:
    """`understudy server list`: one line per server."""
    if arguments.flag("json"):
        world.output.out(await server_list_json(world, arguments))
        return 0
    rows = await _rows(world, known_so(world))
    head(world)
    titles = ("SERVER", "STATE", "LEADER", "VOTER", "INCARNATION", "RESOURCES")
    world.output.out(columns([titles, *([str(row.as_json()[key.lower()]) for key in titles] for row in rows)]))
    return 0


async def server_list_json(world: CommandContext, arguments: Arguments) -> str:
    """The same as JSON, and for `GET /v1/servers`."""
    known = known_so(world)
    rows = await _rows(world, known)
    return json.dumps({"servers": [row.as_json() for row in rows], "conditions": conditions_json(known.conditions)})


async def _rows(world: CommandContext, known: KnownHere) -> list[ServerRow]:
    rows = []
    for name in servers(known.view, world.settings):
        rows.append(server_row(known, name))
        await world.turn.next()
    return rows


async def cluster_status(world: CommandContext, arguments: Arguments) -> int:
    """`understudy cluster status`: name, leader, voters, servers, whether everything wanted runs, and all that is not as it should be."""
    found = status_of_cluster(known_so(world))
    if arguments.flag("json"):
        world.output.out(json.dumps(found.as_json()))
    else:
        rows = columns([(key.replace("_", " "), plain(value)) for key, value in found.fields.items()])
        world.output.out("\n".join([rows, *(condition.line for condition in found.conditions)]))
    return found.exit_status


async def cluster_status_json(world: CommandContext, arguments: Arguments) -> str:
    """The same as JSON, for `GET /v1/cluster`."""
    return json.dumps(status_of_cluster(known_so(world)).as_json())


def _check_as_json(world: CommandContext, known: KnownHere, names: Sequence[str]) -> int:
    found = [health(known, ServerName(name)) for name in names]
    meant = [condition for condition in known.conditions if condition.about is None or condition.about in names]
    world.output.out(json.dumps({"servers": [server.as_json() for server in found], "conditions": conditions_json(meant)}))
    return _status(all(server.well for server in found), meant)


def _status(well: bool, found: Iterable[Condition]) -> int:
    return status(found) if well else 1


def _lines(server: Health) -> list[str]:
    """In crsctl's three lines: it can act, it holds its lease, it receives the events of the cluster."""
    return [line(4537 if server.acts else 4535), line(4529 if server.leased else 4530), line(4533 if server.gets_events else 4534)]


def _chosen(server: ServerStatus, arguments: Arguments) -> Mapping[str, str]:
    values = server.values
    if arguments.flag("registered"):
        return {"NAME": server.server}
    if arguments.flag("full"):
        return values
    if arguments.flag("profile"):
        return server.profile
    if arguments.flag("verbose"):
        return {"NAME": server.server, **server.now}
    return {key: values[key] for key in ("NAME", "STATE", *(("STATE_DETAILS",) if values["STATE_DETAILS"] else ()))}
