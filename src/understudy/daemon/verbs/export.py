"""`understudy cluster export`: the intent of this cluster as a file, for `understudy simulate --config`. Changes nothing."""

import ipaddress
from collections.abc import Iterable

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext
from understudy.intent.facts import running_on, servers
from understudy.intent.visible import definitions_shown
from understudy.intent.whole import Intent
from understudy.model.categories import attributes_in_view, said_of_server
from understudy.model.events import START_DONE
from understudy.model.names import ResourceName, ServerName
from understudy.model.settings import Settings
from understudy.model.view import ClusterRecord, Event
from understudy.registry.intent import encode


async def run(world: CommandContext, arguments: Arguments) -> int:
    """Print it; its exit status."""
    world.output.out(encode(intent_of(world), indent=0 if arguments.flag("json") else 2))
    return 0


async def as_json(world: CommandContext, arguments: Arguments) -> str:
    """The same for `GET /v1/intent`, on one line."""
    return encode(intent_of(world), indent=0)


def intent_of(world: CommandContext) -> Intent:
    """What is registered and wanted, and what the history tells of starts."""
    view, settings = definitions_shown(world.mirror.view, world.caller.who), world.settings
    voters = tuple(ServerName(voter) for voter in settings.voters)
    cluster = view.cluster or ClusterRecord(name=settings.cluster, voters=voters, pause_tolerance=settings.pause_tolerance)
    places = {name: running_on(view, name) for name, resource in view.resources.items() if not resource.local}
    names = servers(view, settings)
    return Intent(
        servers=names,
        witnesses=tuple(name for name in names if view.witness(name)),
        cluster=cluster,
        pools=view.pools,
        categories=view.categories,
        attributes={name: said for name in names if (said := said_of_server(attributes_in_view(view, name)))},
        types=view.types,
        definitions=view.definitions,
        targets={name: target for name, target in view.targets.items() if name in view.definitions},
        runs_on={name: server for name, server in places.items() if server is not None},
        start_s=slowest_starts(event for event in world.mirror.history() if event.resource in view.definitions),
        registry_on=registry_on(settings),
    )


def slowest_starts(events: Iterable[Event]) -> dict[ResourceName, float]:
    """Of every resource, the slowest start that the history knows, in seconds."""
    found: dict[ResourceName, float] = {}
    for event in events:
        if event.kind == START_DONE and event.resource is not None and event.ms is not None:
            found[event.resource] = max(found.get(event.resource, 0.0), round(event.ms / 1000, 3))
    return found


def registry_on(settings: Settings) -> ServerName | None:
    """The server that the registry is on, by the addresses in the settings; None: on none of them."""
    hosts = {endpoint.rpartition(":")[0].strip("[]") for endpoint in settings.registry}
    if all(_is_loopback(host) for host in hosts):
        return ServerName(settings.server)
    return next((ServerName(server.name) for server in settings.servers if hosts <= set(server.addresses)), None)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
