"""A machine: power, boot, freeze; the processes on it (guard, executor, daemon) and what they leave behind.

Called by `sim/world.py` (verbs) and `sim/guard.py` (the lapse). Owns when processes begin and end; what they do is theirs.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from understudy.daemon.node import Node, Superseded
from understudy.guard.core import CommonSettings, Member, common_settings
from understudy.linux.keys import KEY_BYTES, Keys
from understudy.model.limits import Limits, derive
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.servers import ServerHardware
from understudy.model.settings import NetworkSettings, ServerSettings, Settings
from understudy.model.state import Life
from understudy.ports import KeysOnDisk
from understudy.registry.wire import PRESENT, WrittenNewer
from understudy.sim.chance import Chance
from understudy.sim.clocks import Clocks
from understudy.sim.executor import ExecutorPort, ExecutorProcess, MachineServices
from understudy.sim.formats import NEXT
from understudy.sim.guard import SimKeeper
from understudy.sim.guardport import GuardPort
from understudy.sim.link import Hub, RegistryLink, Writer
from understudy.sim.loop import Place, VirtualLoop
from understudy.sim.network import Network
from understudy.sim.trace import Trace
from understudy.sim.truth import Truth

RESTART_S = (0.02, 0.3)
"""How long init takes to begin a process again."""
BOOT_S = (2.0, 6.0)
WRITE_S = 0.01
"""How long a small file takes to reach the disk."""
LATE_ANSWER_S = 0.5
"""At most, for a guard or an executor that lets its daemon wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What all machines share."""

    loop: VirtualLoop
    seed: int
    limits: Limits
    network: Network
    hub: Hub
    truth: Truth
    trace: Trace
    servers: tuple[str, ...]
    voters: tuple[str, ...]
    pause_tolerance: float
    page_names: int
    hardware: Mapping[str, ServerHardware] = field(default_factory=dict)
    """What servers say of themselves; nothing: they say nothing."""
    rotates: bool = False
    """Whether the guards' key is exchanged now and then: else its part of the daemon does not run."""


class MachineDisk:
    """A server's own disk: what was written on it outlives a power loss."""

    def __init__(self) -> None:
        self._content: bytes | None = None
        self.hangs = False
        """Nothing that is written arrives."""

    async def read(self) -> bytes | None:
        """See ports.Disk."""
        return self._content

    async def write(self, content: bytes) -> None:
        """See ports.Disk; written when it is, for who dies meanwhile has not written."""
        await asyncio.sleep(WRITE_S)
        if self.hangs:
            await asyncio.Event().wait()
        self._content = content


class MachineKeys:
    """The KeyStore port: a key file. What is sealed for a server says so, and is sealed by nothing else."""

    def __init__(self, server: str) -> None:
        self.keys: Keys = (b"the first key of all".ljust(KEY_BYTES),)
        self._server = server
        self._forgotten: tuple[str, ...] = ()

    async def read(self) -> KeysOnDisk:
        """See ports.KeyStore."""
        return KeysOnDisk(self.keys, f"for {self._server}", self._forgotten)

    async def unseal(self, sealed: str, key: str) -> bytes:
        """See ports.KeyStore."""
        return bytes.fromhex(sealed.removeprefix(f"for {self._server} "))

    async def seal(self, key: bytes, seals: Mapping[ServerName, str]) -> Mapping[ServerName, str]:
        """See ports.KeyStore."""
        return sealed_for_each(key, seals)

    async def write(self, keys: Keys, forgotten: tuple[str, ...]) -> None:
        """See ports.KeyStore; written when it is, for who dies meanwhile has not written, or half of it."""
        await asyncio.sleep(WRITE_S)
        self._forgotten = forgotten
        await asyncio.sleep(WRITE_S)
        self.keys = keys


def sealed_for_each(key: bytes, seals: Mapping[ServerName, str]) -> dict[ServerName, str]:
    """As `MachineKeys` opens it."""
    return {server: f"{seal} {key.hex()}" for server, seal in seals.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """What somebody wrote into understudy.toml of one server."""

    voters: tuple[str, ...]
    pause_tolerance: float


class Machine:
    """One server of the false world."""

    def __init__(self, scene: Scene, name: str) -> None:
        self.scene = scene
        self.name = ServerName(name)
        self.loop, self.limits = scene.loop, scene.limits
        self.chance = Chance(scene.loop, scene.seed, name)
        self.network, self.truth = scene.network, scene.truth
        self.up = False
        self.frozen = False
        self.excused_until = 0.0
        """After a freeze: the stated window in which local processes may still exist (S1)."""
        self.clocks = Clocks(self.chance, self.loop)
        self.slow_answers = 0.0
        """Chance that its guard or its executor answers its daemon late."""
        self.loses_sight = False
        """Whether the next lapse misses the daemon (its pid file is gone)."""
        self.took_s: dict[ResourceName, float] = {}
        """How long starts take here, where it is not the usual."""
        self.services = self._services()
        self.disk = MachineDisk()
        self.keys = MachineKeys(name)
        self.reboots = True
        """`reboot_on_lapse`: what cannot be ended, a reboot ends. Else the keeper goes on trying, and no new incarnation begins."""
        self.edited: Edited | None = None
        self.registered: CommonSettings | None = None
        """On its disk: what the registry last said of voters and pause_tolerance."""
        self.keeper: SimKeeper | None = None
        self.executor: ExecutorProcess | None = None
        self.formats = PRESENT
        """Of the version that is installed; its next daemon runs it."""
        self.node: Node | None = None
        self.life = 0
        """Grows at every boot and power loss."""
        self._half_done: list[ResourceName] = []
        self._awaiting: list[Callable[[], None]] = []
        self._daemon: Place | None = None
        self._stops = 0
        """Grows whenever daemon and executor are killed at a lapse: init's plans from before do not count any more."""
        self.network.attach(name, lambda envelope, key: self.keeper.door(envelope, key) if self.keeper is not None else None)

    @property
    def steady(self) -> bool:
        """It runs, nothing of it is paused, and no freeze is still felt."""
        still = any(place.frozen for place in self._places())
        return self.up and not self.frozen and not still and self.loop.now >= self.excused_until

    # --- power ------------------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Power on: nothing runs yet, nothing is remembered."""
        assert not self.up, f"{self.name} is up"
        self.says("boots")
        self.up = True
        self.life += 1
        self.clocks = Clocks(self.chance, self.loop)
        self.services = self._services()
        self._half_done = []
        self._begin_keeper()
        self.truth.watch(self, self.life)
        self.scene.hub.servers_changed()

    def power_off(self) -> None:
        """Power loss: everything ends at once."""
        if not self.up:
            return
        self.says("LOSES POWER")
        self.up = False
        self.life += 1
        self.frozen = False
        self._awaiting.clear()
        self._end_starters()
        self.services = self._services()
        keeper, self.keeper = self.keeper, None
        if keeper is not None:
            keeper.gate_until = 0.0
        self.truth.off(self)
        self.scene.hub.servers_changed(lost=self.name)

    def come_again(self) -> None:
        """An operator starts the cluster again on a server that left it, or is about to."""
        if not self.up or self.keeper is None:
            return
        if self.keeper.left:
            self.says("is asked to come back")
            self._begin_keeper()
        elif self.keeper.stopping or self.keeper.leaving_until is not None or self._asked_to_leave():
            self.later(self.limits.pace.kill_s, self.come_again)

    def _asked_to_leave(self) -> bool:
        """Whether the registry says so of its present life, which may not know it yet."""
        record = self.truth.incarnations.get(self.keeper.incarnation) if self.keeper is not None else None
        return record is not None and record.life is Life.LEAVING

    def upgrade(self) -> None:
        """The next version is installed, and the daemon begins again as it."""
        if self.formats is not NEXT:
            self.says("is upgraded")
            self.formats = NEXT
            self.kill_daemon()

    def reboot(self) -> None:
        """Power off and, after a while, on."""
        self.power_off()
        life = self.life
        self.loop.post(self.loop.now + self.chance.uniform(*BOOT_S), lambda: self.boot() if self.life == life and not self.up else None)

    # --- freeze -----------------------------------------------------------------------------------------------------

    def freeze(self, clock: int | None = None) -> None:
        """Nothing on it runs from now on; one of its two clocks may stop as well."""
        if self.frozen or not self.up:
            return
        clock = self.clocks.that_may_stop(clock, self.limits.lease_s + self.limits.silent_after_s)
        self.says("freezes" + ("" if clock is None else f", clock {clock} stops"))
        self.frozen = True
        if clock is not None:
            self.clocks.stop(clock)
        for place in self._places():
            place.freeze()
        self.scene.hub.servers_changed()

    def thaw(self) -> None:
        """Everything goes on, late and in any order; what came in meanwhile waits in the queues."""
        if not self.frozen:
            return
        self.says("thaws")
        self.frozen = False
        self.clocks.go_on()
        pace = self.limits.pace
        window_s = pace.lateness_s + pace.kill_s
        self.excused_until = self.loop.now + window_s
        self.loop.post(self.excused_until + 1e-6, self.truth.look)
        for place in self._places():
            self.later(self.chance.uniform(0.0, pace.lateness_s), place.thaw)
        waiting, self._awaiting = self._awaiting, []
        late_s = self.chance.uniform(0.0, pace.lateness_s)
        for action in waiting:
            self.later(late_s, action)
        self.scene.hub.servers_changed()

    def when_awake(self, action: Callable[[], None]) -> None:
        """Put aside until the thaw."""
        self._awaiting.append(action)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Plan something that a process of this machine does: not while it is frozen, not after a power loss."""
        self.at(self.loop.now + seconds, action)

    def at(self, when: float, action: Callable[[], None]) -> None:
        """The same, at an instant."""
        life = self.life

        def act() -> None:
            if self.life != life:
                return
            if self.frozen:
                self._awaiting.append(act)
            else:
                action()

        self.loop.post(when, act)

    # --- processes --------------------------------------------------------------------------------------------------

    def restart_starters(self) -> None:
        """init begins executor and daemon."""
        stops = self._stops
        self.later(self.chance.uniform(*RESTART_S), lambda: self._begin_executor(stops))
        self.later(self.chance.uniform(*RESTART_S), lambda: self._begin_daemon(stops))

    def kill_daemon(self) -> None:
        """The daemon dies; init begins another."""
        if self._daemon is not None:
            self.says("daemon killed")
            self._end_daemon()
            stops = self._stops
            self.later(self.chance.uniform(*RESTART_S), lambda: self._begin_daemon(stops))

    def hang_executor(self, seconds: float) -> None:
        """The executor hangs for a while: no action begins or ends, and nobody is answered."""
        place = None if self.executor is None else self.executor.place
        if place is not None and not place.frozen:
            self.says(f"executor hangs for {seconds:.3f} s")
            place.freeze()
            self.later(seconds, place.thaw)

    def hang_daemon(self, seconds: float) -> None:
        """The daemon hangs for a while, and goes on from where it was; its guard does not notice."""
        place = self._daemon
        if place is not None and not place.frozen:
            self.says(f"daemon hangs for {seconds:.3f} s")
            place.freeze()
            self.later(seconds, place.thaw)

    def kill_executor(self) -> None:
        """The executor dies with its actions; init begins another."""
        if self.executor is not None:
            self.says("executor killed")
            # what a start has made so far may outlive its executor: the successor ends it before it answers
            self._half_done = [name for name in self.services.starting() if self.chance.random() < 0.5]
            self.executor.kill()
            for name in self._half_done:
                self.services.service(name).alive = True
            self.executor = None
            stops = self._stops
            self.later(self.chance.uniform(*RESTART_S), lambda: self._begin_executor(stops))

    def edit(self, edited: Edited | None) -> None:
        """understudy.toml is edited, or put right (None), and the guard begins again with it: its keeper is stopped, and all with it."""
        if edited == self.edited:
            return
        self.says("understudy.toml is put right" if edited is None else f"understudy.toml is edited: {edited}")
        self.edited = edited
        self._restart_keeper()

    def _restart_keeper(self) -> None:
        keeper = self.keeper
        if keeper is None or keeper.dead or keeper.left:
            return  # the next one reads it
        if keeper.stopping:
            self.later(self.limits.pace.kill_s, self._restart_keeper)
        else:
            self.kill_keeper()

    def kill_keeper(self) -> None:
        """Keeper and guard die together: systemd's last word is `--kill-all`, and another keeper begins, which remembers nothing."""
        keeper = self.keeper
        if keeper is not None and not keeper.dead and not keeper.stopping and not keeper.left:
            self.says("keeper and guard killed")
            keeper.die()
            self.later(self.chance.uniform(0.0, self.limits.pace.reaction_s), lambda: keeper.kill_all(self._begin_keeper))

    def kill_starters(self) -> None:
        """The first step of a lapse: whatever could start something."""
        self.truth.lapses(self)
        self._end_starters()

    def kill_services(self) -> None:
        """The second: everything that runs, but for local resources (S4)."""
        for name in sorted(self.services.services):
            service = self.services.services[name]
            if service.alive and not service.undying and not self.truth.is_local(name):
                service.alive = False

    def reset_services(self) -> None:
        """Every service behaves from now on; what runs goes on running."""
        for service in self.services.services.values():
            service.behave()

    def not_ended(self) -> tuple[str, ...]:
        """What is left of all that a lapse must end."""
        return tuple(name for name, service in self.services.services.items() if service.alive and not self.truth.is_local(name))

    async def hesitates(self) -> None:
        """To be awaited by a daemon on its way to guard or executor, or back."""
        if self.slow_answers and self.chance.random() < self.slow_answers:
            await asyncio.sleep(self.chance.uniform(0.0, LATE_ANSWER_S))

    def says(self, what: str) -> None:
        """For the timeline."""
        self.scene.trace.say(self.name, what)

    def _services(self) -> MachineServices:
        return MachineServices(
            lambda: None if self.keeper is None else self.keeper.lease(),
            lambda request: self.truth.begins(self, request),
            lambda request, outcome: self.truth.ended(self, request, outcome),
            self._came_or_went,
            self.took_s,
        )

    def _came_or_went(self, resource: ResourceName, alive: bool) -> None:
        self.says(f"{resource} {'RUNS' if alive else 'is gone'}")
        self.truth.changed(self, resource, alive)

    def _places(self) -> list[Place]:
        own = [self._daemon, None if self.executor is None else self.executor.place]
        return [place for place in own if place is not None]

    def _end_starters(self) -> None:
        self._stops += 1
        if self.up and self.loses_sight:
            self.says("the daemon is missed")
            self.loses_sight = False
        else:
            self._end_daemon()
        if self.executor is not None:
            self.executor.kill()
            self.executor = None

    def _end_daemon(self) -> None:
        daemon, self._daemon, self.node = self._daemon, None, None
        if daemon is not None:
            daemon.kill()
        if self.keeper is not None:
            self.keeper.port = None

    def _begin_keeper(self, after_a_lease: bool = False) -> None:
        scene = self.scene
        settings = settings_of(scene, self.name, self.edited)
        self.limits = derive(settings.pause_tolerance) if self.edited else scene.limits
        self.keeper = SimKeeper(self, Member(self.name, scene.servers, common_settings("sim", settings.voters, 1, self.limits)))
        self.keeper.begin(after_a_lease=after_a_lease)

    def _begin_executor(self, stops: int) -> None:
        if stops == self._stops and self.executor is None:
            for name in self._half_done:
                if not self.services.service(name).undying:
                    self.services.die(name)
            self._half_done = []
            self.executor = ExecutorProcess(self.loop, self.services, self.name)

    def _begin_daemon(self, stops: int) -> None:
        if stops != self._stops or self._daemon is not None or self.keeper is None:
            return
        place = Place(f"{self.name}/daemon", self.clocks)
        self._daemon = place
        self.truth.daemon_begins(self)
        self.node = Node(
            settings_of(self.scene, self.name, self.edited),
            self.limits,
            clock=self.clocks,
            registry=RegistryLink(self.scene.hub, self.name, place, self._writer),
            guard=GuardPort(self.keeper, place),
            executor=ExecutorPort(self, place),
            formats=self.formats,
            disk=self.disk,
            page_names=self.scene.page_names,
            keys=self.keys if self.scene.rotates else None,
            hardware=self.scene.hardware.get(self.name),
        )
        task = self.loop.create_task(self.node.run(), context=place.context())
        task.add_done_callback(lambda done: self._daemon_ended(place, done))

    def _daemon_ended(self, place: Place, task: "asyncio.Task[None]") -> None:
        if task.cancelled() or place.dead:
            return
        error = task.exception()
        assert error is not None, "the daemon ended by itself"
        if isinstance(error, BaseExceptionGroup) and error.split(Superseded)[1] is None:
            self.says("daemon superseded")
        elif isinstance(error, BaseExceptionGroup) and error.split(WrittenNewer)[1] is None:
            self.says(f"daemon ended: {error.exceptions[0]}")
        else:
            self.truth.broken(f"{self.name}: the daemon broke", error)
        self._end_daemon()
        stops = self._stops
        self.later(self.chance.uniform(*RESTART_S), lambda: self._begin_daemon(stops))

    def _writer(self) -> Writer:
        """Its daemon, as it sends something to the registry."""
        return Writer() if self.node is None else Writer(incarnation=self.node.incarnation, view=self.node.mirror.view)

    def incarnation(self) -> Incarnation | None:
        """Who this machine is now."""
        return None if self.keeper is None else self.keeper.incarnation


def settings_of(scene: Scene, name: str, edited: Edited | None = None) -> Settings:
    """What understudy.toml would say on this server."""
    return Settings(
        cluster="sim",
        server=name,
        servers=tuple(ServerSettings(name=server, addresses=(f"10.0.0.{number}",)) for number, server in enumerate(scene.servers, 1)),
        voters=edited.voters if edited else scene.voters,
        pause_tolerance=edited.pause_tolerance if edited else scene.pause_tolerance,
        networks=(NetworkSettings(number=1, subnet="10.10.10.0/24", interface="eth1"),),
    )
