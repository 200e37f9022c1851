"""A double: a false world with the servers, the voters and the intent of a real cluster, settled and ready to be hurt.

Called by `sim/drill.py`. Its scripts do nothing but take as long as the real ones took, or as long as is assumed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from understudy.intent.start import PlacesAsked, start_where
from understudy.intent.whole import Intent
from understudy.model.categories import server_from
from understudy.model.names import ResourceName, ServerName
from understudy.model.profile import resolve
from understudy.model.resource import Resource
from understudy.model.servers import ServerHardware, ServerRecord
from understudy.model.state import State
from understudy.model.types import is_local
from understudy.model.view import View
from understudy.policy.ground import is_wanted
from understudy.policy.groups import groups
from understudy.registry import keys
from understudy.registry.intent import definitions, foundations
from understudy.sim.options import Options
from understudy.sim.world import STEP_S, World

JOIN_S = 20.0
"""Servers join within this."""
MARGIN_S = 10.0
"""What may come on top of a bound before something counts as never coming."""
ASK_S = 0.1
"""How often the registry is asked: reading all of it takes long."""
CALM_S = 1.0
"""After the last start: reports are written, nothing is underway."""
WITHIN_DEADLINE = 0.99


@contextmanager
def double(intent: Intent, seed: int, *, assumed_start_s: float, leader: ServerName | None = None) -> Iterator[World]:
    """A world in which everything runs that can, each resource where it ran; `leader`: who decides in it."""
    voters = intent.cluster.voters
    options = Options(servers=len(intent.servers), voters=len(voters), pause_tolerance=intent.cluster.pause_tolerance)
    with World(seed, options, servers=intent.servers, voters=voters, hardware=_hardware(intent)) as world:
        _take_as_long(world, intent, assumed_start_s)
        world.boot()
        world.until(lambda: len(world.online()) == len(intent.servers), JOIN_S, "all servers join")
        if leader is not None:
            _make_leader(world, leader)
        _register(world, intent)
        names = wanted(view_of(intent))
        within_s = longest_start_s(intent, assumed_start_s) + MARGIN_S
        _wait(world, lambda: all(world.runs_on(name) is not None for name in names), within_s)
        world.run(CALM_S)
        yield world


def view_of(intent: Intent) -> View:
    """What would be known of the cluster before any server has joined."""
    resources = {name: resolve(definition, intent.types) for name, definition in intent.definitions.items()}
    return View(
        cluster=intent.cluster,
        pools=intent.pools,
        categories=intent.categories,
        types=intent.types,
        definitions=intent.definitions,
        resources=resources,
        targets=intent.targets,
    )


def _hardware(intent: Intent) -> dict[str, ServerHardware]:
    blank = ServerRecord(server=ServerName(""), addresses=())
    return {name: server_from(said, blank)[1] for name, said in intent.attributes.items()}


def wanted(view: View) -> tuple[ResourceName, ...]:
    """What a drill is about: resources that move, have one instance, are wanted and not disabled; by name."""
    moves = (name for name, resource in view.resources.items() if not (resource.local or resource.several))
    return tuple(sorted(name for name in moves if is_wanted(view, name)))


def start_s(intent: Intent, resource: Resource, assumed_s: float) -> float:
    """How long a start takes in the double. One that runs into its deadline fails; what was seen did not, so the rest was its check."""
    return min(intent.start_s.get(resource.name, assumed_s), WITHIN_DEADLINE * resource.start_timeout_s)


def longest_start_s(intent: Intent, assumed_s: float) -> float:
    """The longest chain of starts, each after what it needs: how long it takes to start everything."""
    view = view_of(intent)
    up_s: dict[str, float] = {}
    for name in _in_start_order(view):
        needed = [up_s.get(dependency.entity, 0.0) for dependency in view.resources[name].start if not dependency.is_type]
        up_s[name] = start_s(intent, view.resources[name], assumed_s) + max(needed, default=0.0)
    return max(up_s.values(), default=0.0)


def _in_start_order(view: View) -> tuple[ResourceName, ...]:
    """Every resource after all that it needs by name to start; ties by name."""
    ordered: dict[ResourceName, None] = {}
    seen: set[ResourceName] = set()

    def visit(name: ResourceName) -> None:
        if name in seen or name not in view.resources:
            return
        seen.add(name)
        for dependency in view.resources[name].start:
            if not dependency.is_type:
                visit(ResourceName(dependency.entity))
        ordered[name] = None

    for name in sorted(view.resources):
        visit(name)
    return tuple(ordered)


def _registered_by_creation(world: World) -> dict[str, Any]:
    """The first daemon has created a cluster with a network; the double has those that the intent names."""
    return {key: None for name in world.view().definitions for key in (keys.resource(name), keys.target(name))}


def _register(world: World, intent: Intent) -> None:
    """Types first, for definitions are understood by them; then networks and looks, so that no server is refused for want of them."""
    # the cluster's own record stays the double's: another name or era would be another cluster to its guards and daemons
    world.change({key: record for key, record in foundations(intent).items() if key != keys.CLUSTER})
    known = world.view().servers
    servers = {name: server_from(intent.attributes.get(name, {}), record)[0] for name, record in known.items()}
    servers |= {name: replace(servers[name], witness=True) for name in intent.witnesses}
    world.change({keys.server(name): record for name, record in servers.items() if record != known[name]})
    world.change({**_registered_by_creation(world), **definitions(intent), **_targets(intent, local=True)})
    _wait(world, lambda: _ready(world.view()), MARGIN_S, look_s=ASK_S)
    homes = _homes(intent)
    world.command("starts everything where it ran", lambda view, operator: start_where(view, homes, operator))
    started = {keys.target(name) for members in homes for name in members}
    world.change({key: target for key, target in _targets(intent, local=False).items() if key not in started})


def _targets(intent: Intent, *, local: bool) -> dict[str, Any]:
    """TARGETs of local resources, or of the others: these are wanted only when all servers are there, else the first would get all."""
    chosen = {name for name, definition in intent.definitions.items() if is_local(definition.type, intent.types) is local}
    return {keys.target(name): target for name, target in intent.targets.items() if name in chosen}


def _homes(intent: Intent) -> PlacesAsked:
    """What is wanted of each group, and where it ran."""
    view = view_of(intent)
    found: dict[tuple[ResourceName, ...], ServerName] = {}
    for members in groups(view):
        asked = tuple(name for name in members if is_wanted(view, name))
        home = next((intent.runs_on[name] for name in asked if name in intent.runs_on), None)
        if home is not None:
            found[asked] = home
    return found


def _take_as_long(world: World, intent: Intent, assumed_s: float) -> None:
    for name, resource in view_of(intent).resources.items():
        for machine in world.machines.values():
            machine.took_s[name] = start_s(intent, resource, assumed_s)


def _make_leader(world: World, leader: ServerName) -> None:
    """Whoever else leads is cut from the registry for a while; nothing runs yet that could notice."""
    others = [name for name in world.machines if name != leader]
    for name in others:
        world.cut_registry(name)
    world.until(lambda: world.leader() == leader, JOIN_S, f"{leader} leads")
    for name in others:
        world.hub.mend(name)
    world.run(CALM_S)


def _ready(view: View) -> bool:
    """Every server has looked at every resource, and what is local runs everywhere, as far as the registry knows."""
    local = [name for name, resource in view.resources.items() if resource.local and is_wanted(view, name)]
    for server, record in view.workers().items():
        reports = [view.report(name, server) for name in local]
        if not all(view.looked(server, record.incarnation, resource) for resource in view.resources.values()):
            return False
        if not all(report is not None and report.state is State.ONLINE for report in reports):
            return False
    return True


def _wait(world: World, condition: Callable[[], bool], within_s: float, *, look_s: float = STEP_S) -> None:
    """Until it holds; what does not hold in time is a finding, not the end of the world."""
    until = world.loop.now + within_s
    while not condition() and world.loop.now < until:
        world.run(look_s)
