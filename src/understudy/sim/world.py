"""A whole cluster in one process: the verbs by which things happen to it, and the run of time.

One seed decides everything. Called by tests, `sim/faults.py` and `understudy simulate`. Judged at every instant by `sim/truth.py`; a
Violation ends the run and shows seed, options and the end of the timeline.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from understudy.daemon.mirror import Mirror
from understudy.daemon.parts import Part
from understudy.executor.fake import FakeService
from understudy.model.limits import derive
from understudy.model.lives import go_on
from understudy.model.names import PoolName, ResourceName, ServerName, TypeName
from understudy.model.resource import Kind
from understudy.model.state import ALIVE, Life, Target
from understudy.model.view import Definition, Pool, Request, TargetRecord, View
from understudy.policy.groups import dependents, group_of
from understudy.registry import keys
from understudy.registry.commits import BOUND
from understudy.sim.formats import NEXT
from understudy.sim.link import Hub, Road
from understudy.sim.loop import VirtualLoop
from understudy.sim.machine import Machine, Scene
from understudy.sim.network import NETWORKS, Network, Weather, ways_of
from understudy.sim.options import Options
from understudy.sim.trace import Trace
from understudy.sim.truth import Broken, Truth

INTENT = (keys.RESOURCE, keys.TARGET, keys.POOL, keys.TYPE)
"""What operators alone write."""
STEP_S = 0.01
"""How often `until` looks."""


class Stuck(AssertionError):
    """What should have come about did not, in time."""


class World:
    """See the module."""

    def __init__(
        self, seed: int, options: Options | None = None, *, servers: tuple[str, ...] | None = None, voters: tuple[str, ...] | None = None
    ) -> None:
        """Without options they are drawn from the seed; names of servers and voters, if given, stand over their numbers there."""
        self.seed = seed
        self.options = options or Options.draw(seed)
        self.loop = VirtualLoop()  # type: ignore[abstract]  # what nobody here may use: sockets, threads, signals
        self.trace = Trace(lambda: self.loop.now)
        self.limits = derive(self.options.pause_tolerance)
        self.network = Network(self.loop, seed)
        self.network.records = bool(self.options.replays)
        self.hub = Hub(self.loop, seed, replace(BOUND, operations=self.options.operations))
        self.truth = Truth(self.loop, self.hub, self.trace, self.options)
        names = servers or tuple(f"ctr{number}" for number in range(1, self.options.servers + 1))
        scene = Scene(
            loop=self.loop, seed=seed, limits=self.limits, network=self.network, hub=self.hub, truth=self.truth, trace=self.trace,
            servers=names, voters=voters or names[: self.options.voters], pause_tolerance=self.options.pause_tolerance,
        )  # fmt: skip
        self.machines = {name: Machine(scene, name) for name in names}
        self.truth.machines = dict(self.machines)
        self._mirror = self._mirror_of(self.hub)
        self._requests = 0
        self._said: dict[str, bytes | None] = {}
        """The whole intent of operators, by key; None: deleted."""

    # --- time -------------------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Let it happen; Violation, Broken, Deadlock or Spinning ends it, with the story."""
        try:
            self.loop.advance(self.loop.now + seconds)
        except AssertionError as error:
            raise type(error)(self.story(str(error))) from error
        if self.loop.trouble:
            first = self.loop.trouble[0]
            raise Broken(self.story(f"a task broke: {first.get('message')}")) from first.get("exception")

    def until(self, condition: Callable[[], object], within_s: float, why: str | Callable[[], str], *, look_s: float = STEP_S) -> float:
        """Let it happen until the condition holds; how long that took. Stuck if it does not in time."""
        begun = self.loop.now
        while not condition():
            if self.loop.now - begun > within_s:
                raise Stuck(self.story(f"not within {within_s:g} s: {why if isinstance(why, str) else why()}"))
            self.run(look_s)
        return self.loop.now - begun

    def story(self, what: str) -> str:
        """Everything that is needed to see what happened, and to see it again."""
        return f"seed {self.seed}: {what}\noptions: {self.options.told()}\n{self.trace.last()}"

    def close(self) -> None:
        """End of the world: every process is killed, so that nothing is left to be collected."""
        for machine in self.machines.values():
            machine.power_off()
        self.loop.failure = None
        self.loop.advance_what_is_ready()
        self.loop.close()
        self.hub.store.close()

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what happens to machines and links -------------------------------------------------------------------------

    def boot(self, *names: str) -> None:
        """Power on; without names all that are off."""
        for name in names or self.machines:
            if not self.machines[name].up:
                self.machines[name].boot()

    def power_off(self, *names: str) -> None:
        """Power loss; without names everywhere at once."""
        for name in names or self.machines:
            self.machines[name].power_off()

    def cut(self, name: str, way: str = "both") -> None:
        """Take a server off both networks: `both`, or only what it sends (`out`) or gets (`in`).

        TCP needs both directions, so a one-way cut takes the registry away as well.
        """
        self.trace.say("network", f"cut {name} {way}")
        out, back = ways_of(self.machines, name)
        self.network.cut([*(out if way != "in" else ()), *(back if way != "out" else ())])
        self.hub.cut(name)

    def cut_from(self, name: str, other: str) -> None:
        """Nothing passes from the one to the other."""
        self.trace.say("network", f"cut {name} > {other}")
        self.network.cut((name, other, network) for network in NETWORKS)

    def cut_registry(self, name: str) -> None:
        """Only the way to the registry."""
        self.trace.say("network", f"cut {name} > registry")
        self.hub.cut(name)

    def registry_away(self, away: bool = True) -> None:
        """The registry stops, or comes back."""
        self.trace.say("registry", "GOES AWAY" if away else "comes back")
        if away:
            self.hub.go()
        else:
            self.hub.come_back()

    def registry_loses_power(self) -> None:
        """The registry's machine: what its disk has not is gone."""
        self.trace.say("registry", "LOSES POWER")
        self.hub.lose_power()
        self.hub.go()

    def registry_boots(self) -> None:
        """It has power again."""
        self.trace.say("registry", "boots")
        self.hub.come_back()
        self.truth.registry_is_back()

    def slow_answers(self, chance: float) -> None:
        """How often a guard or an executor lets its daemon wait."""
        for machine in self.machines.values():
            machine.slow_answers = chance

    def copy_registry(self) -> None:
        """An administrator copies the registry's file."""
        self.hub.make_copy()

    def set_back(self, copies: int = 1) -> None:
        """The registry's file is replaced by the copy made so many copies ago (0: by none) while it was stopped."""
        copy = self.hub.copies[-copies] if copies else None
        if copies:  # what was copied later is of what is lost
            self.hub.copies = self.hub.copies[: len(self.hub.copies) - copies + 1]
        before = self.hub.store.revision
        self.hub.replace(copy)
        self._mirror = self._mirror_of(self.hub)
        self.truth.registry_went_back()
        how = f"IS SET BACK from revision {before} to {self.hub.store.revision}" if copies else "IS MADE ANEW"
        self.trace.say("registry", how)

    def register_again(self) -> None:
        """Operators say once more what the registry has lost of their intent."""
        entries = {one.key: one.value for one in self.hub.store.read("")[1]}
        lost = {key: value for key, value in self._said.items() if entries.get(key) != value}
        if lost:
            self.trace.say("operator", f"registers again: {' '.join(sorted(lost))}")
            self.change({key: None if value is None else NEXT.decode(key, value) for key, value in lost.items()})

    def heal(self) -> None:
        """Every link works, every machine runs, every service behaves."""
        self.trace.say("world", "HEALS")
        self.slow_answers(0.0)
        self.network.turns(Weather())
        self.network.mend_all()
        self.hub.road = Road()
        self.hub.mend_all()
        for machine in self.machines.values():
            machine.thaw()
            machine.edit(None)
            machine.come_again()
            machine.reset_services()
        self.boot()

    # --- what operators do ------------------------------------------------------------------------------------------

    def view(self) -> View:
        """What the registry says now."""
        self._drive(self._mirror.refresh())
        return self._mirror.view

    def change(self, writes: Mapping[str, Any]) -> None:
        """Commit records as a command would: conditional on what was just read."""
        self.view()
        parts = [Part(writes={key: record}) for key, record in writes.items()]  # one commit, but for the intent of a large cluster
        assert self._drive(self._mirror.commit_parts(parts)).done == len(parts), "nobody came in between"
        kept = {key: None if record is None else self.hub.store.read(key)[1][0].value for key, record in writes.items()}
        intent = {key: value for key, value in kept.items() if key.startswith(INTENT)}
        self._said |= intent
        self.truth.acknowledge(intent)

    def _mirror_of(self, hub: Hub) -> Mirror:
        return Mirror(hub.registry, formats=NEXT, servers=frozenset(ServerName(one) for one in self.machines))

    def define(self, name: str, *, type: str = "cluster_resource", pool: str = "", **attributes: str) -> None:
        """Register a resource; `pool` restricts it to the servers of that pool."""
        if pool:
            attributes |= {"PLACEMENT": "restricted", "SERVER_POOLS": pool}
        given = {key.upper(): value for key, value in attributes.items()}
        record = Definition(name=ResourceName(name), type=TypeName(type), uid=f"{name}-{self.hub.store.revision}", attributes=given)
        self.trace.say("operator", f"defines {name} {given}")
        self.change({keys.resource(name): record})

    def modify(self, name: str, **attributes: str) -> None:
        """`crsctl modify resource`: the same resource with other attributes."""
        given = {key.upper(): value for key, value in attributes.items()}
        self.trace.say("operator", f"modifies {name} {given}")
        before = self.view().definitions[ResourceName(name)]
        self.change({keys.resource(name): replace(before, attributes={**before.attributes, **given})})

    def undefine(self, name: str) -> None:
        """Delete a resource, as `crsctl delete resource` does."""
        self.trace.say("operator", f"deletes {name}")
        self.change({keys.resource(name): None, keys.target(name): None})

    def pool(self, name: str, *servers: str) -> None:
        """Register a server pool."""
        names = tuple(ServerName(one) for one in servers)
        self.change({keys.pool(name): Pool(name=PoolName(name), server_names=names, parent_pools=(PoolName("Generic"),))})

    def start(self, *names: str, on: str | None = None) -> None:
        """`crsctl start resource`: TARGETs of the names and all they need, and one request per group."""
        view = self.view()
        wanted = _needed(view, [ResourceName(one) for one in names])
        writes: dict[str, Any] = {keys.target(one): TargetRecord(target=Target.ONLINE) for one in wanted}
        for group in sorted({group_of(view, one) for one in wanted if not view.resources[one].local}):
            writes |= self._request("start", group, on)
        self.change(writes)

    def stop(self, *names: str) -> None:
        """`crsctl stop resource -f`: TARGETs of the names and of what depends on them."""
        view = self.view()
        leaving: dict[ResourceName, None] = {}
        border = [ResourceName(one) for one in names]
        while border:
            name = border.pop()
            if name not in leaving:
                leaving[name] = None
                border += dependents(view, name)
        self.change({keys.target(one): TargetRecord(target=Target.OFFLINE) for one in leaving})

    def relocate(self, name: str, to: str | None = None) -> None:
        """`crsctl relocate resource -f`."""
        self.change(self._request("relocate", group_of(self.view(), ResourceName(name)), to))

    def evict(self, name: str) -> None:
        """`understudy server evict`: nobody grants its present incarnation a lease any more."""
        record = self.view().present().get(ServerName(name))
        if record is not None and record.life in ALIVE:
            self.trace.say("operator", f"evicts {name}")
            gone = go_on(record, Life.EVICTED, "evicted by an operator")
            self.change({keys.incarnation(record.incarnation): gone})

    def leave(self, name: str) -> None:
        """`understudy server leave`: its present incarnation is to stop everything in order and go."""
        record = self.view().present().get(ServerName(name))
        if record is not None and record.life in (Life.JOINING, Life.ONLINE):
            self.trace.say("operator", f"lets {name} leave")
            self.change({keys.incarnation(record.incarnation): replace(go_on(record, Life.LEAVING), by="operator")})

    def _request(self, verb: str, group: Iterable[ResourceName], server: str | None) -> dict[str, Any]:
        self._requests += 1
        id = f"{self._requests:06d}"
        place = None if server is None else ServerName(server)
        return {keys.request(id): Request(id=id, verb=verb, resources=tuple(group), server=place)}

    def _drive(self, work: Any) -> Any:
        """Run what never waits: the operator sits beside the store."""
        try:
            work.send(None)
        except StopIteration as ended:
            return ended.value
        raise AssertionError("the store waited")

    # --- what is asked of the world ---------------------------------------------------------------------------------

    def service(self, name: str, on: str) -> FakeService:
        """The truth behind a resource on a server, to be told how to behave."""
        return self.machines[on].services.service(ResourceName(name))

    def dies(self, name: str, on: str) -> None:
        """The service ends by itself."""
        self.trace.say(on, f"{name} is killed")
        self.machines[on].services.die(ResourceName(name))

    def runs_on(self, name: str) -> str | None:
        """Where it truly runs; None: nowhere, or on more than one."""
        active = [self.machines[one] for one in self.truth.active.get(ResourceName(name), ())]
        found = [one.name for one in active if one.services.service(ResourceName(name)).lives]
        return found[0] if len(found) == 1 else None

    def online(self) -> list[str]:
        """Servers whose present incarnation is ONLINE in the registry."""
        lives = self.truth.lives
        return [
            name
            for name, machine in self.machines.items()
            if (now := machine.incarnation()) is not None and now in lives and lives[now].life is Life.ONLINE
        ]

    def leader(self) -> str | None:
        """Who leads, as the registry says."""
        record = self.view().leader
        return None if record is None else record.server


def _needed(view: View, names: Iterable[ResourceName]) -> tuple[ResourceName, ...]:
    """The names and everything they need by hard or weak start dependencies."""
    found: dict[ResourceName, None] = {}
    border = list(names)
    while border:
        name = border.pop()
        if name in view.resources and name not in found:
            found[name] = None
            border += [ResourceName(one.entity) for one in view.resources[name].start if one.kind in (Kind.HARD, Kind.WEAK)]
    return tuple(found)
