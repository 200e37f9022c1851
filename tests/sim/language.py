"""The language of whole-cluster stories: real servers in virtual time, and what truly happens to what they run.

A stimulus is one line; `_VERBS` at the end lists them all, `_CONDITIONS` what may be waited for. `the trio` are address, data and service,
each on top of what is before it, in a pool of ctr1 and ctr2, with two restarts for the service. What a stimulus says is not repeated: an
answer lists, in order, what comes of it (`sim/retold.py`); after `with times`, with the tenths of seconds since the block began.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from sim.conditions import Conditions, expanded
from sim.keeping import KeepingVerbs
from sim.retold import Saying, WorldTeller
from sim.trio import TRIO, define_trio, make_leader, trio_runs
from understudy.executor.fake import FakeService
from understudy.model.actions import ActionName
from understudy.model.names import ResourceName
from understudy.sim.leaving import ask_to_leave
from understudy.sim.link import Road
from understudy.sim.network import ways_of
from understudy.sim.options import Options
from understudy.sim.world import World

JOIN_S = 20.0
START_S = 5.0
SHORTLY_S = 0.25
"""What joining loops, commits and instant scripts may add to the bound of an outage (`model/limits.py`)."""
BREATH_S = 0.14
"""Somewhat more than the quiet time between lost and fenced."""
LONG_S = 5.0
"""From then on clocks that go too fast or too slow blur the tenths."""
AWAY_S = 0.5
"""How long the registry is stopped while its file is replaced."""
GLANCE_S = 0.00005
"""How often a message underway is looked for."""


class Stage(KeepingVerbs, Conditions):
    """A false world, and who reports on it."""

    def __init__(self) -> None:
        self._world: World | None = None
        self._teller: WorldTeller | None = None
        self._begun = 0.0
        self._timed = False
        self._untold = False
        self._asked: list[Callable[[], list[str]]] = []

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        if self._world is not None:
            self._world.close()

    @property
    def world(self) -> World:
        """The world; one of three servers if nothing else was said."""
        if self._world is None:
            self.servers("ctr1 ctr2 ctr3")
        assert self._world is not None
        return self._world

    @property
    def teller(self) -> WorldTeller:
        """Who reports on it."""
        if self._teller is None:
            self._teller = WorldTeller(self.world)
        return self._teller

    def do(self, line: str) -> None:
        """One stimulus. What it does at once is not reported: the story says so itself."""
        for pattern, verb in _TIME_PASSES:
            if match := re.fullmatch(pattern, line):
                verb(self, **match.groupdict())
                return
        for pattern, verb in _VERBS:
            if match := re.fullmatch(pattern, line):
                with self.teller.muted():
                    verb(self, **match.groupdict())
                return
        raise ValueError("no such stimulus")

    def answer(self) -> list[str]:
        """What came of it."""
        timed, self._timed = self._timed, False
        said = self.teller.take()
        lines = [saying.told() for saying in said] if not timed else list(self._with_times(said))
        if not (lines or self._untold):
            lines = ["nothing happens"]
        asked, self._asked, self._untold = self._asked, [], False
        self._begin()
        return [*lines, *(line for question in asked for line in question())]

    def _with_times(self, said: list[Saying]) -> Iterator[str]:
        """What comes in a breath has one time, so that few lines depend on a millisecond."""
        before = float("-inf")
        for saying in said:
            since_s, breathless = saying.at - self._begun, saying.at - before <= BREATH_S
            at = "" if breathless else f"{since_s:.1f}s" if since_s < LONG_S else f"{since_s:.0f}s"
            yield f"{at:>6}  {saying.told()}"
            before = saying.at

    def _begin(self) -> None:
        self._begun = self.world.loop.now

    # --- how the story begins ---------------------------------------------------------------------------------------

    def servers(self, names: str, tolerance: str | None = None) -> None:
        """All are off, and the first three vote."""
        assert self._world is None, "the first line of a story"
        servers = tuple(names.split())
        voters = 1 if len(servers) < 3 else 3
        options = Options(servers=len(servers), voters=voters, pause_tolerance=float(tolerance or 2.0))
        self._world = World(1, options, servers=servers)

    def joined(self) -> None:
        """All servers have joined; nothing is registered."""
        self.world.boot()
        self.world.until(self._all_online, JOIN_S, "all servers join")
        self._begin()

    def registered(self) -> None:
        """All servers have joined, and the trio is registered."""
        self.joined()
        define_trio(self.world)

    def running(self, server: str) -> None:
        """The trio has been running for a second."""
        self.registered()
        self.world.start("service", on=server)
        self.world.until(lambda: trio_runs(self.world, server), START_S, "the trio starts")
        self.world.run(1)
        self._begin()

    def let_lead(self, server: str) -> None:
        """As if it had been the first."""
        make_leader(self.world, server)
        self._begin()

    # --- time -------------------------------------------------------------------------------------------------------

    def run(self, seconds: str, untold: str | None) -> None:
        """Let it happen; `untold` where chance has too many ways there."""
        with self._telling(untold):
            self.world.run(float(seconds))

    def until(self, what: str, within: str, untold: str | None) -> None:
        """Let it happen until something has come about; a failure if it has not in time."""
        with self._telling(untold):
            self._until(what, within)

    def _until(self, what: str, within: str) -> None:
        for pattern, condition in _CONDITIONS:
            if match := re.fullmatch(pattern, what):
                bound_s = self.world.limits.outage_s + SHORTLY_S if within == "the bound" else float(within.removesuffix("s"))
                self.world.until(partial(condition, self, **match.groupdict()), bound_s, what)
                return
        raise ValueError("no such condition")

    def _telling(self, untold: str | None) -> AbstractContextManager[None]:
        self._untold = self._untold or untold is not None
        return nullcontext() if untold is None else self.teller.muted()

    def tell_leaders(self) -> None:
        """From now on."""
        self.teller.of_leaders = True

    def tell_times(self) -> None:
        """Where the story is about them."""
        self._timed = True

    # --- machines and processes -------------------------------------------------------------------------------------

    def freeze(self, server: str, clock: str | None) -> None:
        """As a whole; one of its clocks may stop with it."""
        self._machine(server).freeze(None if clock is None else int(clock))

    def daemon_hangs(self, server: str, seconds: str) -> None:
        """Its guard does not notice."""
        self._machine(server).hang_daemon(float(seconds))
        self._machine(server).later(float(seconds), lambda: self.teller.say(f"the daemon of {server}", "goes on"))

    def no_reboot(self, server: str) -> None:
        """What cannot be ended at a lapse stays there."""
        self._machine(server).reboots = False

    def disk_hangs(self, server: str) -> None:
        """What is on it can be read, and nothing is written any more."""
        self._machine(server).disk.hangs = True

    def executor_hangs(self, server: str, seconds: str) -> None:
        """Nothing is begun there, and nobody is answered."""
        self._machine(server).hang_executor(float(seconds))

    def nothing_begins(self, server: str, why: str) -> None:
        """Its executor answers, and has no process, descriptor or room for an action."""
        self._machine(server).services.nothing_begins = why

    def process_dies(self, process: str, server: str) -> None:
        """It is begun again soon."""
        machine = self._machine(server)
        assert machine.keeper is not None
        kill = {
            "daemon": machine.kill_daemon,
            "executor": machine.kill_executor,
            "guard": machine.keeper.kill_guard,
            "keeper": machine.kill_keeper,
        }
        kill[process]()

    def guard_stays_away(self, server: str) -> None:
        """Its successor comes after the lease."""
        keeper = self._machine(server).keeper
        assert keeper is not None
        keeper.kill_guard(2 * self.world.limits.lease_s)

    def guards_stand_still(self, server: str, seconds: str) -> None:
        """SIGSTOP for keeper and guard at once."""
        keeper = self._machine(server).keeper
        assert keeper is not None
        keeper.stand_still(float(seconds))

    def leave(self, server: str) -> None:
        """An operator stops the cluster there."""
        keeper = self._machine(server).keeper
        assert keeper is not None
        ask_to_leave(keeper, 30.0)

    def leave_at_once(self, server: str) -> None:
        """An operator stops the cluster there, and nothing in order."""
        keeper = self._machine(server).keeper
        assert keeper is not None
        keeper.farewell()

    # --- links ------------------------------------------------------------------------------------------------------

    def cut(self, server: str, way: str | None) -> None:
        """Off both networks, in both directions or in one."""
        self.world.cut(server, way or "both")

    def cut_one_network(self, server: str, network: str) -> None:
        """The registry is reached over the second."""
        out, back = ways_of(self.world.machines, server, (int(network) - 1,))
        self.world.network.cut([*out, *back])
        if network == "2":
            self.world.hub.cut(server)

    def mend_links(self) -> None:
        """Machines stay as they are."""
        self.world.network.mend_all()
        self.world.hub.mend_all()

    def cut_leader_there(self) -> None:
        """Its next decision has just left, and arrives when the link is healed."""
        self.world.hub.road = Road(late_request=1.0)
        self.world.hub.trap(self.world.cut)

    def cut_leader_back(self) -> None:
        """Its next decision has just been written, and the answer has not left."""
        hub, cut = self.world.hub, self.world.cut

        def spring(server: str) -> None:
            revision = hub.store.revision
            self._at_a_glance(lambda: hub.store.revision > revision, lambda: cut(server))

        hub.trap(spring)

    def registry_loses_power_then(self) -> None:
        """The leader's next decision has arrived, and is not on the disk yet."""
        self.world.hub.trap(lambda _: self._at_a_glance(lambda: not self.world.hub.idle, self.world.registry_loses_power))

    def _at_a_glance(self, condition: Callable[[], object], then: Callable[[], None]) -> None:
        if condition():
            then()
        else:
            loop = self.world.loop
            loop.post(loop.now + GLANCE_S, lambda: self._at_a_glance(condition, then))

    def set_back(self, which: str | None = None) -> None:
        """Its process is stopped, the file replaced by a copy made earlier, or removed, and the process begun again."""
        world, copies = self.world, self.world.hub.copies
        number = 0 if which is None else {"the copy": 1, "the copy before": 2}[which]
        assert len(copies) >= number, "there is a copy"
        world.registry_away()
        world.run(AWAY_S)
        world.set_back(number)
        self.teller.follow_anew()
        world.registry_away(False)

    def removed_and_restored(self) -> None:
        """While its process is stopped the file is removed by mistake, and the copy put in its place: nobody has read it meanwhile."""
        world = self.world
        world.registry_away()
        world.set_back(0)
        world.set_back(1)
        world.registry_away(False)

    # --- services ---------------------------------------------------------------------------------------------------

    def _services(self, name: str, servers: str) -> list[FakeService]:
        return [self.world.service(name, on=word) for word in servers.split(" and ")]

    def spoil(self, name: str, action: ActionName, how: str, servers: str) -> None:
        """One of its actions, from now on."""
        for service in self._services(name, servers):
            match how:
                case "fails":
                    service.fails = {**service.fails, action: 1}
                case "hangs":
                    service.hangs = {*service.hangs, action}
                case "says that it is down":
                    service.check_says = 1
                case "pretends":
                    service.pretends = {*service.pretends, action}
                case "ends by a signal":
                    service.signals = True
                case "cannot be begun":
                    service.unbegun = {**service.unbegun, action: "not-begun"}
                case "has no script":
                    service.unbegun = {**service.unbegun, action: "no-script"}
                case "leaves processes and fails":
                    service.botches = {**service.botches, action: 1}
                case _:
                    service.took_s = {**service.took_s, action: float(how.removeprefix("takes ").removesuffix("s"))}

    def stray(self, name: str, server: str) -> None:
        """What is alive of it moves to another control group; the kernel says that its own is empty."""
        for service in self._services(name, server):
            service.astray = True
        self._machine(server).services.wake(ResourceName(name))

    def outside(self, name: str, server: str) -> None:
        """Like an address, or what a unit of its own runs: it is alive, and its control group is empty."""
        for service in self._services(name, server):
            service.outside = service.astray = True

    def undying(self, name: str, servers: str) -> None:
        """Not even by SIGKILL."""
        for service in self._services(name, servers):
            service.undying = True

    def well(self, name: str, servers: str) -> None:
        """Every action does what it is for."""
        for service in self._services(name, servers):
            service.behave()

    # --- operators --------------------------------------------------------------------------------------------------

    def start(self, name: str, server: str | None) -> None:
        """crsctl start resource."""
        self.world.start(name, on=server)

    def delete(self) -> None:
        """Its definitions go, dependents first, whatever still runs."""
        for name in reversed(TRIO):
            self.world.undefine(name)

    def register(self, name: str, server: str) -> None:
        """crsctl add resource, for this server alone or in the pool of the trio, and start it there."""
        place = {"pool": "pool"} if server == "ctr1" else {"placement": "restricted", "hosting_members": server}
        self.world.define(name, **place)
        self.world.start(name, on=server)

    def delete_one(self, name: str) -> None:
        """crsctl stop resource, and when it is down, crsctl delete resource."""
        self.world.stop(name)
        self.world.until(lambda: self._run_nowhere(name), START_S, "it stops")
        self.world.run(0.5)
        self.world.delete(name)

    def show_remembered(self) -> None:
        """What the registry and the guards know of epochs."""
        self._asked.append(self.teller.remembered)

    def show_keys(self) -> None:
        """Of the guards."""
        self._asked.append(self.teller.keys)

    def show(self, names: str) -> None:
        """What stands when the answer is given."""
        self._asked.append(lambda: self.teller.standing(expanded(names)))

    def show_servers(self) -> None:
        """All incarnations that the registry knows."""
        self._asked.append(lambda: [self.teller.lives()])


NAME, NAMES, SERVER = r"(?P<name>\w+)", r"(?P<names>the trio|\w+)", r"(?P<server>ctr\d)"
SERVERS = r"(?P<servers>ctr\d(?: and ctr\d)*)"
ACTION = r"(?P<action>start|stop|check|clean)"
HOW = (
    r"(?P<how>fails|hangs|says that it is down|pretends|ends by a signal|cannot be begun|has no script|leaves processes and fails"
    r"|takes [\d.]+s)"
)
_CONDITIONS: list[tuple[str, Callable[..., object]]] = [
    (rf"{NAMES} runs? on {SERVER}", Stage._run_on),
    (rf"{NAMES} runs? somewhere", Stage._run_somewhere),
    (rf"{NAMES} runs? nowhere", Stage._run_nowhere),
    (rf"{NAME} is being started on {SERVER}", Stage._being_started),
    (rf"{NAME} is UNKNOWN on {SERVER}", Stage._unknown),
    (rf"{NAME} has no other candidate left", Stage._last_resort),
    (rf"{NAME} belongs to {SERVER}", Stage._belongs),
    (r"all servers are ONLINE", Stage._all_online),
    (rf"{SERVER} is (?P<life>[A-Z]+)", Stage._lives),
    (rf"{SERVER} leads", Stage._leads),
    (r"it is known again what runs where", Stage._recovered),
    (r"every server has done its part", Stage._rotated),
    (r"the change of the voters is over", lambda stage: stage.world.view().phase % 2 == 0),
    (rf"the daemon of {SERVER} goes on", Stage._daemon_goes_on),
    (rf"another than {SERVER} leads", Stage._another_leads),
]
_TIME_PASSES: list[tuple[str, Callable[..., None]]] = [
    (r"servers (?P<names>.+?), and the guards' key is exchanged now and then", Stage.servers_that_rotate),
    (r"servers (?P<names>.+?)(?:, pause tolerance (?P<tolerance>[\d.]+)s)?", Stage.servers),
    (r"run (?P<seconds>[\d.]+)s(?P<untold>, untold)?", Stage.run),
    (r"until (?P<what>.+) within (?P<within>[\d.]+s|the bound)(?P<untold>, untold)?", Stage.until),
    (r"with times", Stage.tell_times),
    (r"with leaders", Stage.tell_leaders),
]
_VERBS: list[tuple[str, Callable[..., None]]] = [
    (r"all servers have joined", Stage.joined),
    (r"the trio is registered", Stage.registered),
    (rf"the trio runs on {SERVER}", Stage.running),
    (rf"{SERVER} leads", Stage.let_lead),
    (r"boot", lambda stage: stage.world.boot()),
    (rf"boot {SERVER}", lambda stage, server: stage.world.boot(server)),
    (r"all servers lose power", lambda stage: stage.world.power_off()),
    (rf"{SERVER} loses power", lambda stage, server: stage.world.power_off(server)),
    (rf"{SERVER} freezes(?:, and its clock (?P<clock>[01]) stands still)?", Stage.freeze),
    (rf"{SERVER} thaws", lambda stage, server: stage._machine(server).thaw()),
    (rf"the daemon of {SERVER} hangs for (?P<seconds>[\d.]+)s", Stage.daemon_hangs),
    (rf"{SERVER} may not reboot", Stage.no_reboot),
    (rf"the disk of {SERVER} hangs", Stage.disk_hangs),
    (rf"the executor of {SERVER} hangs for (?P<seconds>[\d.]+)s", Stage.executor_hangs),
    (rf"the executor of {SERVER} can begin nothing: (?P<why>.+)", Stage.nothing_begins),
    (rf"the (?P<process>daemon|executor|guard|keeper) of {SERVER} dies", Stage.process_dies),
    (rf"the guard of {SERVER} dies, and its successor comes too late", Stage.guard_stays_away),
    (rf"keeper and guard of {SERVER} stand still for (?P<seconds>[\d.]+)s", Stage.guards_stand_still),
    (rf"cut {SERVER}(?: (?P<way>in|out))?", Stage.cut),
    (rf"cut {SERVER} off network (?P<network>[12])", Stage.cut_one_network),
    (r"cut (?P<server>ctr\d) > (?P<other>ctr\d)", lambda stage, server, other: stage.world.cut_from(server, other)),
    (rf"cut {SERVER} off the registry", lambda stage, server: stage.world.cut_registry(server)),
    (r"cut the leader when its next decision has left", Stage.cut_leader_there),
    (r"cut the leader when its next decision is written", Stage.cut_leader_back),
    (r"every link heals", Stage.mend_links),
    (r"everything heals", lambda stage: stage.world.heal()),
    (r"the registry goes", lambda stage: stage.world.registry_away()),
    (r"the registry comes back", lambda stage: stage.world.registry_away(False)),
    (r"the registry loses power", lambda stage: stage.world.registry_loses_power()),
    (r"the registry loses power when the leader's next decision has arrived", Stage.registry_loses_power_then),
    (r"the registry is copied", lambda stage: stage.world.copy_registry()),
    (r"the registry is set back to (?P<which>the copy|the copy before)", Stage.set_back),
    (r"the registry is made anew", Stage.set_back),
    (r"the registry's file is removed, and the copy put back, while it is stopped", Stage.removed_and_restored),
    (r"a backup is made", Stage.back_up),
    (r"the backup is restored(?P<overwrite> over what was said since)?", Stage.restore),
    (r"its TARGETs are restored(?P<overwrite> over what was said since)?", Stage.restore_targets),
    (r"the guards' key is to be exchanged", Stage.begin_rotating),
    (r"the next step of the exchange may come", Stage.go_on_rotating),
    (r"everything is registered again", lambda stage: stage.world.register_again()),
    (r"the voters are to be (?P<names>ctr\d(?: ctr\d)*)", lambda stage, names: stage.world.change_voters(*names.split())),
    (r"the registry boots", lambda stage: stage.world.registry_boots()),
    (rf"{NAME} dies on {SERVER}", lambda stage, name, server: stage.world.dies(name, on=server)),
    (rf"{ACTION} of {NAME} {HOW} on {SERVERS}", Stage.spoil),
    (rf"{NAME} leaves its control group on {SERVER}", Stage.stray),
    (rf"{NAME} lives outside its control group on {SERVER}", Stage.outside),
    (rf"{NAME} cannot be killed on {SERVERS}", Stage.undying),
    (rf"{NAME} works again on {SERVERS}", Stage.well),
    (rf"start {NAME}(?: -n {SERVER})?", Stage.start),
    (rf"stop {NAME}", lambda stage, name: stage.world.stop(name)),
    (rf"relocate {NAME}(?: -n {SERVER})?", lambda stage, name, server: stage.world.relocate(name, to=server)),
    (r"delete the trio", Stage.delete),
    (rf"register {NAME} for {SERVER}", Stage.register),
    (rf"delete {NAME}", Stage.delete_one),
    (rf"evict {SERVER}", lambda stage, server: stage.world.evict(server)),
    (rf"{SERVER} is asked to leave", Stage.leave),
    (rf"an operator lets {SERVER} leave", lambda stage, server: stage.world.leave(server)),
    (rf"{SERVER} is asked to leave at once", Stage.leave_at_once),
    (rf"{SERVER} is asked to come back", lambda stage, server: stage._machine(server).come_again()),
    (rf"upgrade {SERVER}", lambda stage, server: stage._machine(server).upgrade()),
    (r"show servers", Stage.show_servers),
    (r"show what is remembered", Stage.show_remembered),
    (r"show the keys", Stage.show_keys),
    (rf"show {NAMES}", Stage.show),
]
