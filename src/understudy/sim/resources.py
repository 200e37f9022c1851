"""The resources of a random world: groups of a few shapes, with attributes and habits of their own.

Called by `sim/life.py` and `sim/faults.py`. Every resource can run on at least one server, so that liveness may be asked for.
"""

import re

from understudy.model.names import ResourceName
from understudy.sim.world import World

SHAPES: dict[str, tuple[tuple[str, str], ...]] = {
    "single": (("db", ""),),
    "pair": (("ip", ""), ("web", "hard(ip)")),
    "trio": (("ip", ""), ("data", "hard(ip)"), ("sql", "hard(ip,data)")),
    "weak": (("log", ""), ("app", "weak(log)")),
    "fan": (("ip", ""), ("left", "hard(ip) pullup(ip)"), ("right", "hard(ip)")),
    "global": (("base", ""), ("far", "hard(global:base)")),
    "apart": (("one", ""), ("two", "dispersion(one)")),
    "near": (("sun", ""), ("moon", "attraction(sun) weak(global:sun)")),
    "patient": (("ip", ""), ("app", "hard(intermediate:ip)")),
    "network": (("vip", "hard(ora.net1.network)"), ("web", "hard(vip)")),
}
"""Members of a group, with their start dependencies on each other; hard ones are stop dependencies too."""
WITHOUT_STOP = ("weak", "global", "apart", "near")
"""Shapes whose members stop without each other."""


class Drawn:
    """The resources that there are now."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.groups: list[tuple[ResourceName, ...]] = []
        self.names: list[ResourceName] = []
        self._count = 0
        for number in range(world.dice.choice((1, 2))):
            self._define_pool(number)
        self._pools = number + 1
        for _ in range(world.dice.choice((1, 1, 2, 3))):
            self.add_group()

    def add_group(self) -> None:
        """Register one more group, and want it (mostly)."""
        world, dice = self.world, self.world.dice
        self._count += 1
        shape = dice.choice(list(SHAPES))
        place = self._place()
        members = []
        for short, needs in SHAPES[shape]:
            for other, _ in SHAPES[shape]:
                needs = re.sub(rf"(?<=[(,:]){other}(?=[),])", f"{other}{self._count}", needs)
            name = f"{short}{self._count}"
            stop = "" if shape in WITHOUT_STOP else needs.partition(" ")[0]
            world.define(name, **place, **self._habits(), start_dependencies=needs, stop_dependencies=stop)
            members.append(ResourceName(name))
            for machine in world.machines:
                world.service(name, machine).took_s["start"] = dice.choice((0.02, 0.2, 2.0))
        self.groups.append(tuple(members))
        self.names += members
        if dice.random() < 0.9:
            world.start(members[-1])

    def modify(self) -> None:
        """Change where a group may run, or the servers of a pool; what runs where it may not any more is moved."""
        world, dice = self.world, self.world.dice
        if dice.random() < 0.5:
            self._define_pool(dice.randrange(self._pools))
            return
        place = {"server_pools": "", "hosting_members": "", **self._place()}
        for name in dice.choice(self.groups):
            world.modify(name, **place)

    def delete_group(self, name: ResourceName) -> None:
        """Stop a group and delete it, as an operator does with `-f`: what still runs is stopped after its definition is gone."""
        members = next(one for one in self.groups if name in one)
        self.groups.remove(members)
        self.names = [one for one in self.names if one not in members]
        self.world.stop(*members)
        self.world.loop.post(self.world.loop.now + self.world.dice.uniform(0.0, 5.0), lambda: self._undefine(members))

    def _undefine(self, members: tuple[ResourceName, ...]) -> None:
        for one in reversed(members):
            self.world.undefine(one)

    def _define_pool(self, number: int) -> None:
        dice, machines = self.world.dice, sorted(self.world.machines)
        self.world.pool(f"pool{number}", *sorted(dice.sample(machines, dice.randint(1, len(machines)))))

    def _place(self) -> dict[str, str]:
        dice, world = self.world.dice, self.world
        pool = f"pool{dice.randrange(self._pools)}"
        match dice.choice(("restricted", "restricted", "favored", "balanced")):
            case "restricted":
                return {"placement": "restricted", "server_pools": pool}
            case "favored":
                members = dice.sample(sorted(world.machines), dice.randint(1, len(world.machines)))
                return {"placement": "favored", "hosting_members": " ".join(members), "active_placement": dice.choice("001")}
            case _:
                return {"placement": "balanced", "server_pools": "*"}

    def _habits(self) -> dict[str, str]:
        dice = self.world.dice
        return {
            "restart_attempts": dice.choice("0122"),
            "check_interval": dice.choice(("1", "3", "10")),
            "uptime_threshold": dice.choice(("1s", "5s")),
            "script_timeout": dice.choice(("3", "5")),
            "clean_timeout": "3",
        }
