"""The resources of a random world: groups of a few shapes, with attributes and habits of their own.

Called by `sim/life.py` and `sim/faults.py`. Every resource can run on at least one server, so that liveness may be asked for.
"""

import re
from random import Random

from understudy.model.attributes import POOL_SIZE_WORD
from understudy.model.names import ResourceName
from understudy.sim.chance import dice
from understudy.sim.world import OWN_ACTION, World

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
MORE_SHAPES: dict[str, tuple[tuple[str, str], ...]] = {
    "pulled": (("base", ""), ("helper", "pullup:always(base)"), ("top", "hard(global:base) pullup(base)")),
    "late": (("base", ""), ("log", "hard(base)"), ("app", "weak(log) pullup(global:base,intermediate:log)")),
    "far": (("base", ""), ("queue", "hard(base)"), ("api", "weak(global:queue)")),
    "unwaited": (("log", ""), ("app", "weak(concurrent:log) attraction(intermediate:log)")),
    "spread": (("one", ""), ("two", "dispersion:active(one)"), ("three", "dispersion(pool:one,intermediate:two)")),
    "rivals": (("red", ""), ("blue", "exclusion(red)")),
    "before": (("old", ""), ("new", "exclusion(preempt_pre:old)")),
    "after": (("old", ""), ("sub", "hard(old)"), ("new", "exclusion(preempt_post:old)")),
    "uniform": (("vip", "hard(uniform:ora.net1.network)"), ("web", "hard(intermediate:vip) weak(uniform:ora.net1.network)")),
}
"""The same with the other kinds and modifiers (`Options.kinds`); nothing of these stops with anything."""
SEVERAL_SHAPES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "farm": (("farm", "", "2"),),
    "crowd": (("crowd", "", "3"),),
    "everywhere": (("all", "", POOL_SIZE_WORD),),
    "leaning": (("cache", "", "2"), ("app", "hard(cache)", "1")),
    "pairs": (("data", "", "2"), ("front", "hard(data)", "2")),
    "far": (("base", "", "2"), ("top", "hard(global:uniform:base) attraction(base)", "2")),
    "network": (("node", "hard(ora.net1.network)", "2"),),
}
"""The same of resources with several instances (`Options.several`): with the CARDINALITY of each."""
GUIDE: tuple[tuple[str, int, str], ...] = (
    ("controller_vip", 0, "ora.net1.network"),
    ("mysql_data", 0, "controller_vip"),
    ("mysql", 0, "controller_vip mysql_data"),
    ("rabbitmq_data", 0, "controller_vip"),
    ("rabbitmq", 0, "controller_vip rabbitmq_data"),
    ("keystone", 0, "controller_vip mysql"),
    ("memcached", 0, "controller_vip"),
    ("horizon", 0, "controller_vip memcached keystone"),
    ("glance_data", 0, "controller_vip"),
    ("glance_api", 0, "mysql keystone glance_data"),
    ("glance_registry", 0, "mysql keystone"),
    ("cinder_data", 0, "controller_vip"),
    ("cinder_api", 0, "mysql rabbitmq keystone"),
    ("cinder_scheduler", 0, "mysql rabbitmq keystone"),
    ("cinder_volume", 0, "mysql rabbitmq keystone cinder_data"),
    ("cinder_backup", 0, "mysql rabbitmq keystone cinder_data"),
    ("swift_data", 0, "controller_vip"),
    ("swift_proxy", 0, "controller_vip memcached keystone"),
    ("swift_account", 0, "swift_data"),
    ("swift_container", 0, "swift_data"),
    ("swift_object", 0, "swift_data"),
    ("nova_api", 0, "mysql rabbitmq keystone"),
    ("nova_cert", 0, "mysql rabbitmq"),
    ("nova_conductor", 0, "mysql rabbitmq"),
    ("nova_consoleauth", 0, "mysql rabbitmq memcached"),
    ("nova_novncproxy", 0, "mysql rabbitmq"),
    ("nova_scheduler", 0, "mysql rabbitmq"),
    ("neutron_server", 0, "mysql rabbitmq keystone"),
    ("heat_api", 0, "mysql rabbitmq keystone"),
    ("heat_api_cfn", 0, "mysql rabbitmq keystone"),
    ("heat_engine", 0, "mysql rabbitmq keystone"),
    ("ceilometer_api", 0, "mysql keystone"),
    ("ceilometer_collector", 0, "mysql rabbitmq"),
    ("network_vip", 1, "ora.net1.network"),
    ("network_data", 1, "network_vip"),
    ("neutron_openvswitch_agent", 1, "network_vip"),
    ("neutron_dhcp_agent", 1, "network_vip neutron_openvswitch_agent network_data"),
    ("neutron_l3_agent", 1, "network_vip neutron_openvswitch_agent network_data"),
    ("neutron_metadata_agent", 1, "network_vip"),
    ("neutron_lbaas_agent", 1, "network_vip neutron_openvswitch_agent"),
)
"""A cluster as the guide builds it: name, pool, and what it needs on the same server."""
CATEGORY = "fit"
"""The category of servers, where a world has one."""
FLOATING = "floating"
"""The top-level server pool, where operators move servers."""
TRIES, AGAIN_S = 10, 2.0
"""How often an operator tries to delete what may still be running, and how long after the last try."""
WITHOUT_STOP = ("weak", "global", "apart", "near")
"""Shapes whose members stop without each other."""


class Drawn:
    """The resources that there are now. Each group, and each change, has dice of its own, so that none depends on what came before."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.groups: list[tuple[ResourceName, ...]] = []
        self.names: list[ResourceName] = []
        self._count = 0
        self._given: dict[ResourceName, dict[str, str]] = {}
        """What each was registered with."""
        if world.options.guide:
            self._define_guide()
            return
        luck = dice(world.seed, "pools")
        self._pools = luck.choice((1, 2))
        for number in range(self._pools):
            self._define_pool(number, luck)
        if world.options.categories:
            self._define_category(dice(world.seed, "category"))
        if world.options.moved_servers:
            world.floating_pool(FLOATING)
        for _ in range(world.options.groups):
            self.add_group()
        if world.options.places:
            self._define_instances()

    def add_group(self) -> None:
        """Register one more group, and want it (mostly)."""
        self._count += 1
        world, luck = self.world, dice(self.world.seed, f"group {self._count}")
        shape = luck.choice(list(SHAPES))
        place = self._place(luck) | self._place_by_servers(dice(world.seed, f"servers of {self._count}"))
        members, kinds = [], dice(world.seed, f"kinds {self._count}")
        if kinds.random() < world.options.kinds:
            shape = kinds.choice(list(MORE_SHAPES))
        several = self._several(shape)
        members_of = {**SHAPES, **MORE_SHAPES}[shape] if several is None else [(short, needs) for short, needs, _ in several]
        numbers = {short: number for short, _, number in several or ()}
        for short, needs in members_of:
            for other, _ in members_of:
                needs = re.sub(rf"(?<=[(,:]){other}(?=[),])", f"{other}{self._count}", needs)
            name = f"{short}{self._count}"
            alone = shape in WITHOUT_STOP or shape in MORE_SHAPES if several is None else "global" in needs
            stop = "" if alone else needs.partition(" ")[0]
            failures = _failures(dice(world.seed, f"failures of {name}")) if several is None else {}
            failures["stop_failure"] = dice(world.seed, f"stop failure of {name}").choice(("block", "block", "fence"))
            failures["intermediate_timeout"] = dice(world.seed, f"intermediate timeout of {name}").choice("0025")
            given = {**place, **_habits(luck), **_manners(world, name), **failures, "start_dependencies": needs, "stop_dependencies": stop}
            if world.options.asked_actions:
                given |= {"actions": OWN_ACTION, "entry_points": "delete modify"}
            given |= self._cardinality(numbers.get(short, ""), given)
            world.define(name, **given)
            self._given[ResourceName(name)] = given
            members.append(ResourceName(name))
            for machine in world.machines:
                world.machines[machine].took_s[ResourceName(name)] = luck.choice((0.02, 0.2, 2.0))
        self.groups.append(tuple(members))
        self.names += members
        if luck.random() < 0.9:
            world.start(members[-1])

    def _several(self, shape: str) -> tuple[tuple[str, str, str], ...] | None:
        """The shape of this group instead, if it has several instances; with dice of its own, so that worlds without are what they were."""
        luck = dice(self.world.seed, f"several {self._count}")
        return SEVERAL_SHAPES[luck.choice(list(SEVERAL_SHAPES))] if luck.random() < self.world.options.several else None

    def _cardinality(self, number: str, given: dict[str, str]) -> dict[str, str]:
        """The size of the pools is counted only where these restrict."""
        counts = given.get("placement") == "restricted" and given.get("server_pools")
        if number == POOL_SIZE_WORD and not counts:
            return {"cardinality": "3"}
        return {"cardinality": number} if number not in ("", "1") else {}

    def _define_instances(self) -> None:
        """A local resource, whose instances start and stop one after the other; servers that come up start theirs beside who has it."""
        luck = dice(self.world.seed, "instances")
        bounds = {"start_concurrency": luck.choice("12"), "stop_concurrency": luck.choice("012")}
        self.world.define("agent", type="local_resource", **bounds, check_interval="3", restart_attempts="2", script_timeout="3")
        self.world.start("agent")

    def _define_guide(self) -> None:
        self._pools = 2
        machines = sorted(self.world.machines)
        half = max(len(machines) // 2, 1)
        self.world.pool("pool0", *machines[:half])
        self.world.pool("pool1", *(machines[half:] or machines))
        habits = {"check_interval": "30", "restart_attempts": "2"}
        for name, pool, needs in GUIDE:
            hard = f"hard({','.join(needs.split())})"
            self.world.define(name, pool=f"pool{pool}", **habits, start_dependencies=hard, stop_dependencies=hard)
        self.names = [ResourceName(name) for name, _, _ in GUIDE]
        self.groups = [tuple(ResourceName(name) for name, pool, _ in GUIDE if pool == number) for number in range(2)]
        self.world.start(*self.names)

    def modify(self, pick: float) -> None:
        """Change where a group may run, or the servers of a pool; what runs where it may not any more is moved."""
        world, luck = self.world, dice(self.world.seed, f"change {pick}")
        if world.options.categories and (own := dice(world.seed, f"category {pick}")).random() < 0.4:
            self._define_category(own)
            return
        if luck.random() < 0.5:
            self._define_pool(luck.randrange(self._pools), luck)
            return
        place = {"server_pools": "", "hosting_members": "", **self._place(luck)}
        if world.options.categories:
            place = {"server_category": "", **place, **self._place_by_servers(dice(world.seed, f"servers at {pick}"))}
        members = luck.choice(self.groups)
        numbers = {name: self._given.get(name, {}).get("cardinality", "1") for name in members}
        if len(members) == 1 and numbers[members[0]] in ("2", "3") and luck.random() < 0.5:
            world.modify(members[0], cardinality=luck.choice("123"))
            return
        if POOL_SIZE_WORD in numbers.values() and place["placement"] != "restricted":
            return
        for name in members:
            world.modify(name, **place)

    def delete_group(self, name: ResourceName) -> None:
        """Stop a group and delete it, as an operator does with `-f`."""
        members = next(group for group in self.groups if name in group)
        self.groups.remove(members)
        self.names = [member for member in self.names if member not in members]
        self.world.stop(*members)
        luck = dice(self.world.seed, f"deletion of {name}")
        after_s = luck.uniform(0.0, 5.0)
        if luck.random() < 0.5:
            self._delete_later(members, after_s)
        else:
            self.world.loop.post(self.world.loop.now + after_s, lambda: self._undefine(members))

    def _delete_later(self, members: tuple[ResourceName, ...], after_s: float, tries: int = TRIES) -> None:
        """By a command, which is tried again while it is refused: something may still be running."""

        def delete() -> None:
            if self.world.tries(lambda: self.world.delete(*members)):
                self._maybe_return(members)
            elif tries > 1:
                self.world.tries(lambda: self.world.stop(*members))
                self._delete_later(members, AGAIN_S, tries - 1)

        self.world.loop.post(self.world.loop.now + after_s, delete)

    def _undefine(self, members: tuple[ResourceName, ...]) -> None:
        """Whatever still runs, one after the other, dependents first."""
        for member in reversed(members):
            self.world.undefine(member)
        self._maybe_return(members)

    def _maybe_return(self, members: tuple[ResourceName, ...]) -> None:
        luck = dice(self.world.seed, f"return of {members[0]}")
        if luck.random() < self.world.options.again and all(member in self._given for member in members):
            self.world.loop.post(self.world.loop.now + luck.uniform(0.0, 8.0), lambda: self._register_again(members))

    def _register_again(self, members: tuple[ResourceName, ...]) -> None:
        """Others of the same names, unless one is there again: the registry was set back."""
        if any(member in self.world.view().definitions for member in members):
            return
        for member in members:
            self.world.define(member, **self._given[member])
        self.groups.append(members)
        self.names += members
        self.world.start(members[-1])

    def _define_pool(self, number: int, luck: Random) -> None:
        machines = sorted(self.world.machines)
        self.world.pool(f"pool{number}", *sorted(luck.sample(machines, luck.randint(1, len(machines)))))

    def _define_category(self, luck: Random) -> None:
        """By hardware or by name; some server is always of it, or what may run there alone could run nowhere."""
        cpus = sorted({server_hardware.cpus for server_hardware in self.world.hardware.values()})
        first, second = luck.choice(sorted(self.world.machines)), luck.choice(sorted(self.world.machines))
        least = luck.choice([0, *cpus[:-1]])
        named = f"(NAME = {first}) OR (NAME = {second})"
        self.world.category(
            CATEGORY, luck.choice((f"CPU_COUNT > {least}", f"NAME = {first}", named, f"(CPU_COUNT > {least}) OR (NAME = {first})"))
        )

    def _place_by_servers(self, luck: Random) -> dict[str, str]:
        """Where what a server is decides, or in which pool an operator wants it."""
        options, kind = self.world.options, luck.random()
        if kind < options.categories:
            members = " ".join(luck.sample(sorted(self.world.machines), luck.randint(1, len(self.world.machines))))
            ways = (
                {"placement": "restricted", "server_pools": "*", "hosting_members": ""},
                {"placement": "balanced", "server_pools": "*", "hosting_members": ""},
                {"placement": "favored", "server_pools": "", "hosting_members": members, "active_placement": luck.choice("01")},
            )
            return {**luck.choice(ways), "server_category": CATEGORY}
        if options.moved_servers and luck.random() < 0.5:
            return {"placement": "favored", "server_pools": FLOATING, "hosting_members": "", "active_placement": luck.choice("01")}
        return {}

    def _place(self, luck: Random) -> dict[str, str]:
        pool = f"pool{luck.randrange(self._pools)}"
        match luck.choice(("restricted", "restricted", "favored", "balanced")):
            case "restricted":
                return {"placement": "restricted", "server_pools": pool}
            case "favored":
                members = luck.sample(sorted(self.world.machines), luck.randint(1, len(self.world.machines)))
                return {"placement": "favored", "hosting_members": " ".join(members), "active_placement": luck.choice("001")}
            case _:
                return {"placement": "balanced", "server_pools": "*"}


def _manners(world: World, name: str) -> dict[str, str]:
    """When it starts and whether it moves; with dice of its own, so that worlds without are what they were."""
    luck = dice(world.seed, f"manners of {name}")
    if luck.random() >= world.options.places:
        return {}
    return {
        "auto_start": luck.choice(("restore", "always", "never")),
        "instance_failover": luck.choice("110"),
        "failover_delay": luck.choice("0026"),
        "use_stickiness": luck.choice("01"),
        "relocate_by_dependency": luck.choice("110"),
        f"check_interval@SERVERNAME({luck.choice(sorted(world.machines))})": "2",
        f"load@SERVERNAME({luck.choice(sorted(world.machines))})": luck.choice("359"),
    }


def _habits(luck: Random) -> dict[str, str]:
    return {
        "restart_attempts": luck.choice("0122"),
        "check_interval": luck.choice(("1", "3", "10")),
        "uptime_threshold": luck.choice(("1s", "5s")),
        "script_timeout": luck.choice(("3", "5")),
        "clean_timeout": "3",
    }


def _failures(luck: Random) -> dict[str, str]:
    """Of one in four failures are counted, and may be too many."""
    if luck.random() < 0.75:
        return {}
    return {"failure_threshold": luck.choice("1233"), "failure_interval": luck.choice(("2", "20", "600"))}
