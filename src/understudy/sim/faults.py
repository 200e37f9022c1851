"""What goes wrong, and what operators do: carries out the faults of a script, each at its time, and undoes it when its time is over.

Called by `sim/life.py`. Must never touch the product but through the verbs of the world and its machines.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import TypeVar

from understudy.executor.fake import FakeService
from understudy.intent.voters import SIZES
from understudy.kinds.network import network_name
from understudy.model.names import ResourceName
from understudy.ports import ActionName
from understudy.sim import instances, rotating
from understudy.sim.backups import AGAIN_LEASES, COPY_EVERY_S, Restores
from understudy.sim.leaving import ask_to_leave
from understudy.sim.link import Road
from understudy.sim.machine import Edited, Machine
from understudy.sim.network import NETWORKS, Weather, ways_of
from understudy.sim.resources import FLOATING, Drawn
from understudy.sim.script import STORM, Fault
from understudy.sim.world import World

Item = TypeVar("Item")
NETWORK = ResourceName(network_name(1))
TOLERANCES = (0.25, 0.5, 2.0, 4.0)
REPLAY_EVERY_S = 0.004
LEAVE_WITHIN_S = 30.0
"""How long a server that is asked to leave may stop things in order."""
BEATS_AWAY = 5
"""A registry's process is not stopped, its file replaced and the process begun again faster than this."""
ACTIONS: tuple[ActionName, ...] = ("start", "start", "stop", "check", "clean")


class Picks:
    """The numbers of one fault, used one after the other."""

    def __init__(self, numbers: tuple[float, ...]) -> None:
        self._numbers: Iterator[float] = iter(numbers)

    def number(self) -> float:
        """0 <= x < 1."""
        return min(next(self._numbers), 0.999999)

    def any_of(self, items: Sequence[Item]) -> Item:
        """One of them."""
        return items[int(self.number() * len(items))]


class Faults:
    """All that happens to a world."""

    def __init__(self, world: World, drawn: Drawn, faults: Sequence[Fault]) -> None:
        self.world = world
        self.drawn = drawn
        self.done = 0
        self._begun = world.loop.now
        self._left = list(reversed(faults))
        self._undone = 0
        """Faults that have not been undone yet."""
        self._last_at = self._begun
        self._lease_s = world.limits.lease_s
        self._restores = Restores(world, self._undo_later, self._register_again)
        self._plan_next()
        if world.options.restores:
            self._restores.back_up_now_and_then(world.loop.now)
        if world.options.set_backs:
            self._copy_now_and_then(world.loop.now)

    @property
    def next_at(self) -> float | None:
        """When the next fault comes; None: no more."""
        return self._begun + self._left[-1].at_s if self._left else None

    def quiet_for_s(self) -> float:
        """How long ago the last thing went wrong, or was mended; 0 while anything is wrong."""
        return 0.0 if self._undone else self.world.loop.now - self._last_at

    def _plan_next(self) -> None:
        at = self.next_at
        if at is not None:
            self.world.loop.post(at, self._happens)

    def _happens(self) -> None:
        fault = self._left.pop()
        self.done += 1
        self._last_at = self.world.loop.now
        self.world.trace.say("fault", f"{fault.number} {fault.what.replace('_', ' ')}")
        HAPPENS[fault.what](self, fault, Picks(fault.picks))
        self._plan_next()

    def _undo_later(self, leases: float, undo: Callable[[], None]) -> None:
        self._undone += 1

        def undone() -> None:
            self._undone -= 1
            self._last_at = self.world.loop.now
            undo()

        self.world.loop.post(self.world.loop.now + leases * self._lease_s, undone)

    def _victims(self, picks: Picks) -> list[Machine]:
        """Mostly one; sometimes all at once, as when they share a machine; often the one it matters for."""
        world, kind, which = self.world, picks.number(), picks.number()
        machines = list(world.machines.values())
        if kind < 0.05:
            return machines
        active = [machine for machine in machines if any(machine.services.active(name) for name in self.drawn.names)]
        leaders = [machine for machine in machines if machine.node is not None and machine.node.leader.leads()]
        few = (active if kind < 0.4 else leaders if kind < 0.5 else None) or machines
        return [few[int(which * len(few))]]

    # --- weather ----------------------------------------------------------------------------------------------------

    def _storm(self, fault: Fault, _: Picks) -> None:
        world, options = self.world, self.world.options
        world.network.turns(Weather(loss=options.loss, doubled=options.doubled, late=options.late, late_s=2 * self._lease_s))
        world.hub.road = Road(slow=options.slow_registry, lost_answer=options.lost_answers, torn=options.torn_watches)
        world.slow_answers(options.slow_answers)

        def over() -> None:
            world.trace.say("network", "fine weather")
            world.network.turns(Weather())
            world.hub.road = Road()
            world.slow_answers(0.0)

        self._undo_later(fault.lasts / self._lease_s, over)

    # --- machines ---------------------------------------------------------------------------------------------------

    def _power(self, fault: Fault, picks: Picks) -> None:
        for machine in self._victims(picks):
            if machine.up:
                machine.power_off()
                self._undo_later(fault.lasts, lambda machine=machine: None if machine.up else machine.boot())  # type: ignore[misc]

    def _freeze(self, fault: Fault, picks: Picks) -> None:
        victims, clock = self._victims(picks), picks.any_of((None, None, 0, 1))
        for machine in victims:
            machine.freeze(clock)
            self._undo_later(fault.lasts, machine.thaw)

    def _kill_daemon(self, fault: Fault, picks: Picks) -> None:
        for machine in self._victims(picks):
            machine.kill_daemon()

    def _hang_daemon(self, fault: Fault, picks: Picks) -> None:
        for machine in self._victims(picks):
            machine.hang_daemon(fault.lasts * self._lease_s)
            self._undo_later(fault.lasts, lambda: None)

    def _cannot_act(self, fault: Fault, picks: Picks) -> None:
        """For longer than it takes until the leader evicts it, or not quite."""
        machine, kind, seconds = self._victims(picks)[0], picks.any_of(("daemon", "executor", "registry")), 5.0 + 30.0 * picks.number()
        match kind:
            case "daemon":
                machine.hang_daemon(seconds)
            case "executor":
                machine.hang_executor(seconds)
            case _:
                self._cut_ways(f"{machine.name} from the registry", [], machine.name, seconds / self._lease_s)
        self._undo_later(seconds / self._lease_s, lambda: None)

    def _kill_executor(self, fault: Fault, picks: Picks) -> None:
        for machine in self._victims(picks):
            machine.kill_executor()

    def _kill_guard(self, fault: Fault, picks: Picks) -> None:
        victims, keeper_too, daemon_too = self._victims(picks), picks.number() < 0.2, picks.number() < 0.2
        late = picks.any_of((0.005, self.world.limits.hang_s, 2 * self._lease_s))
        forgets = picks.number() < 0.3
        for machine in victims:
            if machine.keeper is None:
                continue
            if keeper_too:
                machine.kill_keeper()
                continue
            machine.keeper.kill_guard(late, forgets=forgets)
            if daemon_too:
                machine.kill_daemon()

    def _upgrade(self, fault: Fault, picks: Picks) -> None:
        picks.any_of(list(self.world.machines.values())).upgrade()

    def _edit(self, fault: Fault, picks: Picks) -> None:
        """Somebody edits understudy.toml on one or two servers and restarts their guards; later he puts it right."""
        machines = list(self.world.machines.values())
        first, count = picks.any_of(range(len(machines))), picks.any_of((1, 2))
        kind = picks.any_of(("voters", "voters", "tolerance", "both"))
        scene, names = machines[0].scene, [machine.name for machine in machines] * 2
        voters, tolerance = scene.voters, scene.pause_tolerance
        if kind != "tolerance":
            voters = tuple(names[first : first + picks.any_of((1, len(voters), len(voters)))])
        if kind != "voters":
            tolerance = picks.any_of(TOLERANCES)
        edited = Edited(voters=voters, pause_tolerance=tolerance)
        for machine in (machines * 2)[first : first + count]:
            machine.edit(edited)
            self._undo_later(fault.lasts, lambda machine=machine: machine.edit(None))  # type: ignore[misc]

    def _replay(self, fault: Fault, picks: Picks) -> None:
        """Somebody who has nothing but what he recorded sends it again."""
        world, luck = self.world, Random(picks.number())
        ends = world.loop.now + fault.lasts * self._lease_s
        world.trace.say("network", f"recorded packets are sent again for {fault.lasts * self._lease_s:.3f} s")

        def again() -> None:
            if world.loop.now < ends:
                world.network.again(luck.random())
                world.loop.post(world.loop.now + REPLAY_EVERY_S, again)

        again()
        self._undo_later(fault.lasts, lambda: None)

    # --- links ------------------------------------------------------------------------------------------------------

    def _cut(self, fault: Fault, picks: Picks) -> None:
        world = self.world
        server = self._victims(picks)[0].name
        kind = picks.any_of(("both", "both", "out", "in", "pair", "one way", "registry"))
        networks = picks.any_of((NETWORKS, NETWORKS, (0,), (1,)))
        others = [name for name in world.machines if name != server]
        out, back = ways_of(world.machines, server, networks)
        other = picks.any_of(others)
        pair = [way for way in out if way[1] == other]
        ways = {
            "both": [*out, *back],
            "out": out,
            "in": back,
            "pair": [*pair, *(way for way in back if way[0] == other)],
            "one way": pair,
        }.get(kind, [])
        registry = kind == "registry" or (kind in ("both", "out", "in") and 1 in networks)
        self._cut_ways(f"{server} {kind} {networks}", ways, server if registry else None, fault.lasts)

    def _cut_pair(self, fault: Fault, picks: Picks) -> None:
        server = self._victims(picks)[0].name
        other = picks.any_of([name for name in self.world.machines if name != server])
        there, back = ([(here, to, network) for network in NETWORKS] for here, to in ((server, other), (other, server)))
        kind = picks.any_of(("out", "in", "both"))
        ways = [*(there if kind != "in" else ()), *(back if kind != "out" else ())]
        self._cut_ways(f"{server} {other} {kind}", ways, None, fault.lasts)

    def _cut_ways(self, what: str, ways: list[tuple[str, str, int]], registry_of: str | None, leases: float) -> None:
        world = self.world
        world.trace.say("network", f"cut {what}")
        world.network.cut(ways)
        if registry_of is not None:
            world.hub.cut(registry_of)

        def mend() -> None:
            world.trace.say("network", f"mended {what}")
            world.network.mend(ways)
            if registry_of is not None:
                world.hub.mend(registry_of)

        self._undo_later(leases, mend)

    def _cut_leader(self, fault: Fault, picks: Picks) -> None:
        """When a leader sends its next decision, it is cut off while the commit is on its way, there or back."""
        after_s, everything = picks.number() * 0.006, picks.number() < 0.5

        def spring(server: str) -> None:
            out, back = ways_of(self.world.machines, server)
            ways = [*out, *back] if everything else []
            self.world.loop.post(
                self.world.loop.now + after_s,
                lambda: self._cut_ways(f"{server} in the middle of a commit", ways, server, fault.lasts),
            )

        self.world.hub.trap(spring)

    def _registry_away(self, fault: Fault, _: Picks) -> None:
        self.world.registry_away()
        self._undo_later(fault.lasts, lambda: self.world.registry_away(False))

    def _registry_power(self, fault: Fault, _: Picks) -> None:
        self.world.registry_loses_power()
        self._undo_later(fault.lasts, self.world.registry_boots)

    def _copy_now_and_then(self, due: float) -> None:
        """One for each instant that has come: in a time that was passed over nothing was written, so that those hold what there is now."""
        while due <= self.world.loop.now:
            self.world.copy_registry()
            due += COPY_EVERY_S
        self.world.loop.post(due, lambda: self._copy_now_and_then(due))

    def _set_back(self, fault: Fault, picks: Picks) -> None:
        """The registry goes, and comes back as it was some time ago, or empty; later its operators register again what is lost."""
        world = self.world
        anew, ago = picks.number() < 0.2, 1 + int(picks.number() ** 2 * len(world.hub.copies))
        world.registry_away()

        def back() -> None:
            world.set_back(0 if anew or not world.hub.copies else min(ago, len(world.hub.copies)))
            world.registry_away(False)

        self._undo_later(max(BEATS_AWAY * world.limits.beat_s / self._lease_s, fault.lasts), back)
        self._undo_later(fault.lasts + AGAIN_LEASES, self._register_again)

    def _register_again(self) -> None:
        world = self.world
        if world.hub.away or world.view().cluster is None:  # not reached, or no server has begun it anew yet
            self._undo_later(1.0, self._register_again)
        else:
            world.register_again()
            if world.options.rotations:
                rotating.resume(world, self._undo_later)

    def _restore(self, fault: Fault, picks: Picks) -> None:
        """The registry is lost, perhaps with all servers, and a new one gets what a backup holds; or one that lives does."""
        world, kind, overwrite = self.world, picks.number(), picks.number() < 0.3
        if not self._restores.backups:
            return
        backup = picks.any_of(self._restores.backups)
        if kind < 0.6:
            world.registry_away()
            if kind < 0.2:
                world.power_off()
                self._undo_later(fault.lasts, world.boot)
            self._undo_later(max(BEATS_AWAY * world.limits.beat_s / self._lease_s, fault.lasts), self._made_anew)
        self._restores.restore_later(fault.lasts + AGAIN_LEASES, backup, overwrite=overwrite and kind >= 0.6)

    def _made_anew(self) -> None:
        self.world.set_back(0)
        self.world.registry_away(False)

    # --- services ---------------------------------------------------------------------------------------------------

    def _kill_service(self, fault: Fault, picks: Picks) -> None:
        world = self.world
        names = [*self.drawn.names, NETWORK]
        alive = [
            (running, name) for running in world.machines.values() for name in names if running.up and running.services.service(name).alive
        ]
        if alive:
            machine, name = picks.any_of(alive)
            machine.says(f"{name} is killed")
            machine.services.die(name)

    def _spoil_script(self, fault: Fault, picks: Picks) -> None:
        if not self.drawn.names:
            return
        machine = picks.any_of(list(self.world.machines.values()))
        name = picks.any_of([*self.drawn.names, NETWORK])
        service = machine.services.service(name)
        how = picks.any_of(("fails", "fails", "hangs", "lies", "undying", "pretends", "botches"))
        action = picks.any_of(ACTIONS)
        status = picks.any_of((1, 2, 4, 5))
        machine.says(f"{name}: {how} {action} {status if how in ('fails', 'lies', 'botches') else ''}")
        match how:
            case "fails":
                service.fails = {**service.fails, action: status}
            case "hangs":
                service.hangs = {*service.hangs, action}
            case "lies":
                service.check_says = status
            case "undying":
                service.undying = True
            case "pretends":
                service.pretends = {*service.pretends, action}
            case "botches":
                service.botches = {**service.botches, action: status}
        self._undo_later(0.04 + 3 * picks.number(), lambda: self._mend(machine, name, service))

    def _silence(self, fault: Fault, picks: Picks) -> None:
        """One of its actions gives no answer in another way than by hanging, or what runs of it moves out of its control group."""
        if not self.drawn.names:
            return
        machine, name = picks.any_of(list(self.world.machines.values())), picks.any_of(self.drawn.names)
        service = machine.services.service(name)
        how, action = picks.any_of(("signal", "not-begun", "no-script", "stray")), picks.any_of(ACTIONS)
        machine.says(f"{name}: {how} {action if how in ('not-begun', 'no-script') else ''}")
        match how:
            case "signal":
                service.signals = True
            case "stray":
                service.astray = service.alive
                machine.services.wake(name)
            case _:
                service.unbegun = {**service.unbegun, action: "not-begun" if how == "not-begun" else "no-script"}
        self._undo_later(0.04 + 3 * picks.number(), lambda: self._mend(machine, name, service))

    def _mend(self, machine: Machine, name: ResourceName, service: FakeService) -> None:
        machine.says(f"{name}: behaves again")
        service.behave()

    # --- operators --------------------------------------------------------------------------------------------------

    def _command(self, fault: Fault, picks: Picks) -> None:
        world = self.world
        if world.hub.away:
            return
        verb, pick = picks.any_of(range(20)), picks.number()
        known = world.view()
        if known.cluster is None or any(member not in known.resources for member in self.drawn.names):
            return  # the registry was set back: first it has to be registered again
        if not self.drawn.names or verb < 2:
            world.tries(self.drawn.add_group)
            return
        name, server = picks.any_of(self.drawn.names), world.machines[picks.any_of(list(world.machines))]
        if verb == 18:
            self._leave(server, fault.lasts, pick)
        else:
            world.tries(lambda: self._commanded(verb, name, server.name, pick))

    def _rotate(self, fault: Fault, picks: Picks) -> None:
        """The guards' key is exchanged, a look at a time; whatever else happens meanwhile."""
        if not self.world.hub.away and rotating.begin(self.world):
            self._undo_later(picks.number(), lambda: rotating.finish(self.world, self._undo_later))

    def _commanded(self, verb: int, name: ResourceName, server: str, pick: float) -> None:
        """What an operator asks for without knowing whether it may be done."""
        world = self.world
        match verb:
            case 2 | 3 | 4 | 5 | 6:
                world.start(name)
            case 7 | 8:
                world.start(name, on=server)
            case 9 | 10:
                world.stop(name)
            case 11 | 12:
                world.relocate(name)
            case 13 | 14:
                world.relocate(name, to=server)
            case 15 | 16:
                self.drawn.modify(pick)
            case 17:
                world.evict(server)
            case _ if len(self.drawn.groups) > 1 and pick < 0.5:
                self.drawn.delete_group(name)
            case _:
                world.start(name)

    def _change_voters(self, fault: Fault, picks: Picks) -> None:
        """Any servers, as many as a cluster may have; or back to those before, while a change is under way."""
        world = self.world
        names, first, again = list(world.machines), picks.number(), picks.number() < 0.2
        most = [size for size in SIZES if size <= len(names)]
        count, step = picks.any_of(most), picks.any_of((1, 1, len(names) - 1))
        if world.hub.away or (cluster := world.view().cluster) is None:
            return
        start = int(first * len(names))
        wanted = [names[(start + number * step) % len(names)] for number in range(count)]
        if cluster.old_voters and again:
            wanted = list(cluster.old_voters)
        world.tries(lambda: world.change_voters(*wanted))

    def _leave(self, machine: Machine, leases: float, pick: float) -> None:
        """An operator stops the cluster on a server, by a command, by a signal or at once, and starts it again later."""
        keeper = machine.keeper
        if keeper is None:
            return
        if pick < 0.4:
            self.world.tries(lambda: self.world.leave(machine.name))
        elif pick < 0.8:
            machine.says("is asked to leave")
            ask_to_leave(keeper, LEAVE_WITHIN_S)
        else:
            machine.says("is asked to leave at once")
            keeper.farewell()
        self._undo_later(leases, machine.come_again)


HAPPENS: Mapping[str, Callable[[Faults, Fault, Picks], None]] = {
    STORM: Faults._storm,
    "power": Faults._power,
    "freezes": Faults._freeze,
    "cuts": Faults._cut,
    "leader_cuts": Faults._cut_leader,
    "registry_away": Faults._registry_away,
    "registry_power": Faults._registry_power,
    "daemon_deaths": Faults._kill_daemon,
    "daemon_hangs": Faults._hang_daemon,
    "executor_deaths": Faults._kill_executor,
    "guard_deaths": Faults._kill_guard,
    "service_deaths": Faults._kill_service,
    "bad_scripts": Faults._spoil_script,
    "commands": Faults._command,
    "upgrades": Faults._upgrade,
    "pair_cuts": Faults._cut_pair,
    "unable": Faults._cannot_act,
    "edits": Faults._edit,
    "replays": Faults._replay,
    "silences": Faults._silence,
    "set_backs": Faults._set_back,
    "restores": Faults._restore,
    "rotations": Faults._rotate,
    "instances": lambda faults, _, picks: instances.come_and_go(faults.world, NETWORK, picks, faults._undo_later),
    "asked_actions": lambda faults, _, picks: instances.ask_for_action(faults.world, picks, faults.drawn.names),
    "moved_servers": lambda faults, _, picks: instances.between_pools(faults.world, picks, ("Free", FLOATING)),
    "voter_changes": Faults._change_voters,
}
"""Of each fault that a script may hold: what it does."""
