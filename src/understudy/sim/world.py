"""A whole cluster in one process: the verbs by which things happen to it, and the run of time.

One seed decides everything. Called by tests, `sim/faults.py` and `understudy simulate`. Judged at every instant by `sim/truth.py`; a
Violation ends the run and shows seed, options and the end of the timeline.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from understudy.daemon.mirror import Mirror
from understudy.daemon.parts import Part
from understudy.daemon.written import conditions, records
from understudy.errors import BadInput
from understudy.executor.fake import FakeService
from understudy.intent import categories, pools, resources
from understudy.intent.asking import AskCommand, ask
from understudy.intent.edit import Edit
from understudy.intent.instances import meant, on_server, to_start_on
from understudy.intent.operator import Operator
from understudy.intent.parts import in_parts
from understudy.intent.placed import relocate as relocate_servers
from understudy.intent.relocate import RelocateCommand, relocate
from understudy.intent.resources import NewResource, ResourceChange
from understudy.intent.rights import Identity
from understudy.intent.servers import evict, leave
from understudy.intent.start import StartCommand, start
from understudy.intent.stop import stop
from understudy.intent.voters import change_voters
from understudy.model.limits import derive
from understudy.model.names import CategoryName, PoolName, ResourceName, ServerName, TypeName
from understudy.model.servers import ServerHardware
from understudy.model.state import Life
from understudy.model.view import TargetRecord, View
from understudy.registry import keys
from understudy.registry.commits import BOUND
from understudy.sim.chance import dice
from understudy.sim.formats import NEXT
from understudy.sim.link import Hub, Road
from understudy.sim.loop import VirtualLoop
from understudy.sim.machine import Machine, Scene, settings_of
from understudy.sim.network import NETWORKS, Network, Weather, ways_of
from understudy.sim.options import Options
from understudy.sim.trace import Trace
from understudy.sim.truth import Broken, Truth

INTENT = (keys.RESOURCE, keys.TARGET, keys.POOL, keys.CATEGORY, keys.TYPE)
"""What operators alone write."""
OWN_ACTION = "backup"
"""What scripts can do besides, where a world has such."""
STEP_S = 0.01
"""How often `until` looks."""


class WorldStuck(AssertionError):
    """What should have come about did not, in time."""


def drawn_hardware(seed: int, names: Sequence[str], options: Options) -> Mapping[str, ServerHardware]:
    """Of a random world in which categories are made."""
    luck = dice(seed, "hardware")
    return {name: ServerHardware(memory_mb=1024, cpus=luck.choice((2, 4, 8))) for name in names} if options.categories else {}


def _named(attributes: Mapping[str, str]) -> dict[str, str]:
    """By their names, which are upper case; what stands in a scope is not."""
    return {key.partition("@")[0].upper() + "".join(key.partition("@")[1:]): value for key, value in attributes.items()}


class World:
    """See the module."""

    def __init__(
        self,
        seed: int,
        options: Options | None = None,
        *,
        servers: tuple[str, ...] | None = None,
        voters: tuple[str, ...] | None = None,
        hardware: Mapping[str, ServerHardware] = MappingProxyType({}),
    ) -> None:
        """Without options they are drawn from the seed; names of servers and voters, if given, stand over their numbers there. `hardware`:
        what servers say of themselves; where random worlds have categories, that is drawn."""
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
        self.hardware = hardware or drawn_hardware(seed, names, self.options)
        scene = Scene(
            loop=self.loop, seed=seed, limits=self.limits, network=self.network, hub=self.hub, truth=self.truth, trace=self.trace,
            servers=names, voters=voters or names[: self.options.voters], pause_tolerance=self.options.pause_tolerance,
            page_names=self.options.page_names,
            hardware=self.hardware,
            rotates=bool(self.options.rotations),
        )  # fmt: skip
        self.settings = settings_of(scene, names[0])
        self.machines = {name: Machine(scene, name) for name in names}
        self.truth.machines = dict(self.machines)
        if self.options.members:
            self.hub.seat(names[: self.options.members], lambda name: self.machines[name].up and not self.machines[name].frozen)
        self._mirror = self._mirror_of(self.hub)
        self._commands = 0
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
                raise WorldStuck(self.story(f"not within {within_s:g} s: {why if isinstance(why, str) else why()}"))
            self.run(look_s)
        return self.loop.now - begun

    def story(self, what: str) -> str:
        """Everything that is needed to see what happened, and to see it again."""
        return f"seed {self.seed}: {what}\noptions: {self.options.as_arguments()}\n{self.trace.last()}"

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
        entries = {entry.key: entry.value for entry in self.hub.store.read("")[1]}
        lost = {key: value for key, value in self._said.items() if entries.get(key) != value}
        if lost:
            self.trace.say("operator", f"registers again: {' '.join(sorted(lost))}")
            again = {key: None if value is None else NEXT.decode(key, value) for key, value in lost.items()}
            era = self.view().era
            self.change({key: replace(record, era=era) if isinstance(record, TargetRecord) else record for key, record in again.items()})

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
        self._write([Part(writes={key: record}) for key, record in writes.items()])

    def _write(self, parts: Sequence[Part]) -> None:
        """One commit, but for the intent of a large cluster."""
        assert self._drive(self._mirror.commit_parts(parts, decided_on=self.view())).done == len(parts), "nobody came in between"
        writes = {key: record for part in parts for key, record in part.writes.items()}
        kept = {key: None if record is None else self.hub.store.read(key)[1][0].value for key, record in writes.items()}
        intent = {key: value for key, value in kept.items() if key.startswith(INTENT)}
        self._said |= intent
        self.truth.acknowledge(intent)

    def _mirror_of(self, hub: Hub) -> Mirror:
        return Mirror(hub.registry, formats=NEXT, servers=frozenset(ServerName(machine) for machine in self.machines))

    def command(self, what: str, decide: Callable[[View, Operator], Edit]) -> None:
        """What the product's own intent makes of a command is written. BadInput: it is refused."""
        self._commands += 1
        operator = Operator(by="root", token=f"{self._commands:06d}", settings=self.settings)
        edit = decide(self.view(), operator)
        self.trace.say("operator", what)
        parts = () if edit.empty else in_parts(edit)
        self._write([Part(writes=records(part.edit), unchanged=conditions(part.edit)) for part in parts])

    def tries(self, command: Callable[[], None]) -> bool:
        """For operators who do not know what may be done: whether it was; a refusal stands in the trace."""
        try:
            command()
        except BadInput as refusal:
            self.trace.say("operator", f"is refused: {str(refusal).splitlines()[0]}")
            return False
        return True

    def define(self, name: str, *, type: str = "cluster_resource", pool: str = "", **attributes: str) -> None:
        """`crsctl add resource -f`; `pool` restricts it to the servers of that pool."""
        if pool:
            attributes |= {"PLACEMENT": "restricted", "SERVER_POOLS": pool}
        given = _named(attributes)
        new = NewResource(name=ResourceName(name), type=TypeName(type), attributes=given, force=True)
        self.command(f"defines {name} {given}", lambda view, operator: resources.define(view, new, operator).edit)

    def modify(self, name: str, **attributes: str) -> None:
        """`crsctl modify resource -f`: the same resource with other attributes."""
        given = _named(attributes)
        change = ResourceChange(name=ResourceName(name), attributes=given, force=True)
        self.command(f"modifies {name} {given}", lambda view, operator: resources.modify(view, change, operator).draft.edit)

    def delete(self, *names: str) -> None:
        """`crsctl delete resource -f`, of what is stopped: refused while it may still be running."""
        known = tuple(map(ResourceName, names))
        self.command(f"deletes {' '.join(names)}", lambda view, operator: resources.delete(view, known, operator, force=True))
        # they stay deleted also where the registry had lost them, and has them again later
        self._said |= {key(name): None for name in names for key in (keys.resource, keys.target)}

    def undefine(self, name: str) -> None:
        """A definition goes, whatever still runs: no command of today does that."""
        self.trace.say("operator", f"undefines {name}")
        self.change({keys.resource(name): None, keys.target(name): None})

    def pool(self, name: str, *servers: str) -> None:
        """`crsctl add serverpool`, or `modify -f` of one that there is."""
        pool, given = PoolName(name), {"SERVER_NAMES": " ".join(servers), "PARENT_POOLS": "Generic"}

        def decide(view: View, operator: Operator) -> Edit:
            make = pools.modify if pool in view.pools else pools.define
            return make(view, pool, given, operator, force=True).edit

        self.command(f"says that pool {name} is {' '.join(servers)}", decide)

    def request_action(self, name: str) -> None:
        """`crsctl request action`: the first of its own."""
        command = AskCommand(action=OWN_ACTION, names=(ResourceName(name),))
        self.command(f"asks for {OWN_ACTION} of {name}", lambda view, operator: ask(view, command, operator, Identity("root")).edit)

    def floating_pool(self, name: str) -> None:
        """`crsctl add serverpool`: one of the top, into which servers come as operators want them."""
        pool, given = PoolName(name), {"IMPORTANCE": "1", "MAX_SIZE": "1"}
        self.command(f"makes the pool {name}", lambda view, operator: pools.define(view, pool, given, operator).edit)

    def category(self, name: str, expression: str) -> None:
        """`crsctl add category`, or `modify -f` of one that there is."""
        category, given = CategoryName(name), {"EXPRESSION": expression}

        def decide(view: View, operator: Operator) -> Edit:
            make = categories.modify if category in view.categories else categories.define
            return make(view, category, given, operator).edit

        self.command(f"says that category {name} is {expression}", decide)

    def relocate_server(self, name: str, pool: str) -> None:
        """`crsctl relocate server -f`."""
        server = ServerName(name)
        self.command(
            f"wants {name} in pool {pool}", lambda view, operator: relocate_servers(view, (server,), PoolName(pool), operator).edit
        )

    def start(self, *names: str, on: str | None = None) -> None:
        """`crsctl start resource -f`; wanted even if nobody can run it now."""
        server = None if on is None else ServerName(on)
        known, within = tuple(map(ResourceName, names)), () if server is None else (server,)
        command = StartCommand(names=known, server=server, force=True, again=True, within=within)
        what = f"starts {' '.join(names)}{f' on {on}' if on else ''}"

        def decide(view: View, operator: Operator) -> Edit:
            instances = meant(view, known) if server is None else to_start_on(view, known, server)
            return start(view, replace(command, names=instances), operator).edit

        self.command(what, decide)
        self._means(known)

    def stop(self, *names: str, on: str | None = None) -> None:
        """`crsctl stop resource -f`: also what depends on it; of local resources on one server alone."""
        known, server = tuple(map(ResourceName, names)), None if on is None else ServerName(on)
        what = f"stops {' '.join(names)}{f' on {on}' if on else ''}"

        def decide(view: View, operator: Operator) -> Edit:
            several = {name for name in known if name in view.resources and view.resources[name].several} if server is not None else set()
            there = (instance for name in known if name in several and server is not None for instance in on_server(view, name, server))
            instances = (*there, *meant(view, (name for name in known if name not in several)))
            return stop(view, instances, operator, force=True, server=server).edit

        self.command(what, decide)
        self._means(known)

    def _means(self, names: Sequence[ResourceName]) -> None:
        """Also where there was nothing to write: when the registry loses it later, operators say what they meant last."""
        for key in map(keys.target, names):
            self._said |= {entry.key: entry.value for entry in self.hub.store.read(key)[1] if entry.key == key}

    def relocate(self, name: str, to: str | None = None) -> None:
        """`crsctl relocate resource -f`."""
        server = None if to is None else ServerName(to)
        what = f"relocates {name}{f' to {to}' if to else ''}"

        def decide(view: View, operator: Operator) -> Edit:
            moved = meant(view, (ResourceName(name),))[-1:]  # of several instances the last
            return relocate(view, RelocateCommand(names=moved, server=server, force=True), operator).edit

        self.command(what, decide)

    def evict(self, name: str) -> None:
        """`understudy server evict`: nobody grants its present incarnation a lease any more."""
        self.command(f"evicts {name}", lambda view, operator: evict(view, ServerName(name), operator))

    def change_voters(self, *names: str) -> None:
        """`cluster add-voter` or `remove-voter`: these are to vote from now on."""
        wanted = tuple(map(ServerName, names))
        self.command(f"wants the voters {' '.join(names)}", lambda view, _: change_voters(view, wanted))

    def leave(self, name: str) -> None:
        """`understudy server leave`: its present incarnation is to stop everything in order and go."""
        self.command(f"lets {name} leave", lambda view, operator: leave(view, (ServerName(name),), operator))

    def _drive(self, work: Any) -> Any:
        """Run what never waits: the operator sits beside the store."""
        try:
            work.send(None)
        except StopIteration as ended:
            return ended.value
        raise AssertionError("the store waited")

    # --- what is asked of the world ---------------------------------------------------------------------------------

    def service(self, name: str, on: str) -> FakeService:
        """The true service of a resource on a server, for setting how it behaves."""
        return self.machines[on].services.service(ResourceName(name))

    def dies(self, name: str, on: str) -> None:
        """The service ends by itself."""
        self.trace.say(on, f"{name} is killed")
        self.machines[on].services.die(ResourceName(name))

    def runs_on(self, name: str) -> str | None:
        """Where it truly runs; None: nowhere, or on more than one."""
        active = [self.machines[server] for server in self.truth.active.get(ResourceName(name), ())]
        found = [machine.name for machine in active if machine.services.service(ResourceName(name)).alive]
        return found[0] if len(found) == 1 else None

    def online(self) -> list[str]:
        """Servers whose present incarnation is ONLINE in the registry."""
        incarnations = self.truth.incarnations
        return [
            name
            for name, machine in self.machines.items()
            if (now := machine.incarnation()) is not None and now in incarnations and incarnations[now].life is Life.ONLINE
        ]

    def unacknowledged(self) -> list[str]:
        """Servers for which a change of the voters waits."""
        return [record.server for record in self.view().unacknowledged()]

    def leader(self) -> str | None:
        """Who leads, as the registry says."""
        record = self.view().leader
        return None if record is None else record.server
