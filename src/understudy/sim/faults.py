"""What goes wrong, and what operators do, in a random world: drawn from its dice, one thing after the other, until it is told to stop.

Called by `sim/life.py`. Every fault undoes itself after a while. Must never touch the product but through the world's verbs.
"""

from collections.abc import Callable

from understudy.executor.fake import FakeService
from understudy.model.names import ResourceName
from understudy.model.types import network_name
from understudy.ports import ActionName
from understudy.sim.link import Road
from understudy.sim.machine import Machine
from understudy.sim.network import Weather
from understudy.sim.resources import Drawn
from understudy.sim.world import World

MINUTE_S = 60.0
NETWORK = network_name(1)


class Faults:
    """All that happens to a world."""

    def __init__(self, world: World, drawn: Drawn) -> None:
        self.world = world
        self.drawn = drawn
        self.count = 0
        self._going_on = True
        options = world.options
        world.network.weather = Weather(
            loss=options.loss, doubled=options.doubled, late=options.late, late_s=2 * world.limits.lease_s
        )
        world.hub.road = Road(slow=options.slow_registry, lost_answer=options.lost_answers)
        for rate, fault in (
            (options.power, self._power),
            (options.freezes, self._freeze),
            (options.cuts, self._cut),
            (options.registry_away, self._registry_away),
            (options.daemon_deaths, self._kill_daemon),
            (options.daemon_hangs, self._hang_daemon),
            (options.executor_deaths, self._kill_executor),
            (options.guard_deaths, self._kill_guard),
            (options.service_deaths, self._kill_service),
            (options.bad_scripts, self._spoil_script),
            (options.commands, self._command),
        ):
            if rate:
                self._again(rate / MINUTE_S, fault)

    def stop(self) -> None:
        """Nothing new goes wrong."""
        self._going_on = False

    def _again(self, rate: float, fault: Callable[[], None]) -> None:
        def happen() -> None:
            if self._going_on:
                self.count += 1
                fault()
                self._again(rate, fault)

        self._later(self.world.dice.expovariate(rate), happen)

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self.world.loop.post(self.world.loop.now + seconds, what)

    def _lasts_s(self) -> float:
        """Mostly about a lease, for that is where it is decided; sometimes much longer."""
        dice, world = self.world.dice, self.world
        longest = world.options.longest * (5.0 if dice.random() < 0.1 else 1.0)
        return dice.uniform(0.02, longest) * world.limits.lease_s

    def _victims(self) -> list[Machine]:
        """Mostly one; sometimes all at once, as when they share a machine; often the one it matters for."""
        world, draw = self.world, self.world.dice.random()
        machines = list(world.machines.values())
        if draw < 0.05:
            return machines
        if draw < 0.4 and self.drawn.names:
            active = [one for one in machines if one.services.active(world.dice.choice(self.drawn.names))]
            if active:
                return [world.dice.choice(active)]
        if draw < 0.5:
            leaders = [one for one in machines if one.node is not None and one.node.leader.leads()]
            if leaders:
                return [world.dice.choice(leaders)]
        return [world.dice.choice(machines)]

    # --- machines ---------------------------------------------------------------------------------------------------

    def _power(self) -> None:
        for machine in self._victims():
            if machine.up:
                machine.power_off()
                self._later(self._lasts_s(), lambda machine=machine: None if machine.up else machine.boot())  # type: ignore[misc]

    def _freeze(self) -> None:
        for machine in self._victims():
            machine.freeze(self.world.dice.choice((None, None, 0, 1)))
            self._later(self._lasts_s(), machine.thaw)

    def _kill_daemon(self) -> None:
        for machine in self._victims():
            machine.kill_daemon()

    def _hang_daemon(self) -> None:
        for machine in self._victims():
            machine.hang_daemon(self._lasts_s())

    def _kill_executor(self) -> None:
        for machine in self._victims():
            machine.kill_executor()

    def _kill_guard(self) -> None:
        for machine in self._victims():
            if machine.keeper is None:
                continue
            if self.world.dice.random() < 0.2:
                machine.kill_keeper()
                continue
            machine.keeper.kill_guard()
            if self.world.dice.random() < 0.2:
                machine.kill_daemon()

    # --- links ------------------------------------------------------------------------------------------------------

    def _cut(self) -> None:
        world, dice = self.world, self.world.dice
        names = list(world.machines)
        one = self._victims()[0].name
        others = [name for name in names if name != one]
        out: list[tuple[str, str]] = [(one, other) for other in others]
        back = [(to, sender) for sender, to in out]
        kind = dice.choice(("both", "both", "out", "in", "pair", "one way", "registry"))
        pair: list[tuple[str, str]] = [(one, dice.choice(others))] if others else []
        ways: dict[str, list[tuple[str, str]]] = {
            "both": [*out, *back],
            "out": out,
            "in": back,
            "pair": [*pair, *((to, sender) for sender, to in pair)],
            "one way": pair,
        }
        links = ways.get(kind, [])
        world.trace.say("network", f"cut {one} {kind} {' '.join(f'{a}>{b}' for a, b in links)}")
        world.network.cuts.update(links)
        registry = kind in ("both", "out", "in", "registry")
        if registry:
            world.hub.cut(one)

        def heal() -> None:
            world.trace.say("network", f"healed {one} {kind}")
            world.network.cuts.difference_update(links)
            if registry:
                world.hub.heal(one)

        self._later(self._lasts_s(), heal)

    def _registry_away(self) -> None:
        world = self.world
        if not world.hub.away:
            world.registry_away()
            self._later(self._lasts_s(), lambda: world.registry_away(False))

    # --- services ---------------------------------------------------------------------------------------------------

    def _kill_service(self) -> None:
        world = self.world
        names = [*self.drawn.names, NETWORK]
        alive = [(one, name) for one in world.machines.values() for name in names if one.up and one.services.service(name).lives]
        if alive:
            machine, name = world.dice.choice(alive)
            machine.says(f"{name} is killed")
            machine.services.die(name)

    def _spoil_script(self) -> None:
        if not self.drawn.names:
            return
        dice = self.world.dice
        machine = dice.choice(list(self.world.machines.values()))
        name = dice.choice([*self.drawn.names, NETWORK])
        service = machine.services.service(name)
        how = dice.choice(("fails", "fails", "hangs", "lies", "undying"))
        action: ActionName = dice.choice(("start", "start", "stop", "check", "clean"))
        machine.says(f"{name}: {how} {action}")
        match how:
            case "fails":
                service.fails = {**service.fails, action: dice.choice((1, 2, 5))}
            case "hangs":
                service.hangs = {*service.hangs, action}
            case "lies":
                service.check_says = dice.choice((0, 1, 4))
            case "undying":
                service.undying = True
        self._later(dice.uniform(0.1, 20.0), lambda: self._mend(machine, name, service))

    def _mend(self, machine: Machine, name: ResourceName, service: FakeService) -> None:
        machine.says(f"{name}: behaves again")
        service.fails, service.hangs, service.check_says, service.undying = {}, set(), None, False

    # --- operators --------------------------------------------------------------------------------------------------

    def _command(self) -> None:
        world, dice = self.world, self.world.dice
        if world.hub.away:
            return
        if not self.drawn.names or dice.random() < 0.1:
            self.drawn.add_group()
            return
        name = dice.choice(self.drawn.names)
        match dice.choice(("start", "start", "start on", "stop", "relocate", "relocate to", "delete", "modify", "evict")):
            case "start":
                world.start(name)
            case "start on":
                world.start(name, on=dice.choice(list(world.machines)))
            case "stop":
                world.stop(name)
            case "relocate":
                world.relocate(name)
            case "relocate to":
                world.relocate(name, to=dice.choice(list(world.machines)))
            case "modify":
                self.drawn.modify()
            case "evict":
                world.evict(dice.choice(list(world.machines)))
            case _ if len(self.drawn.groups) > 1 and dice.random() < 0.3:
                self.drawn.delete_group(name)
            case _:
                world.start(name)
