"""What a seed draws before anything happens: how large the cluster is and how bad its world. Values only."""

import random
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

from understudy.errors import BadInput
from understudy.model.limits import LONGEST_PAUSE_S, SHORTEST_PAUSE_S
from understudy.model.looks import PAGE_NAMES
from understudy.registry.commits import BOUND
from understudy.sim.chance import dice


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One world. Rates are faults of a kind per minute of storm in the whole cluster; `longest` is in leases, weather is chances."""

    servers: int = 3
    voters: int = 3
    members: int = 0
    """The registry has so many members, on the first servers, as etcd has; 0: it is one process, on no server."""
    pause_tolerance: float = 2.0
    groups: int = 1
    """Groups of resources to begin with."""
    guide: int = 0
    """1: the resources of the guide's cluster on its four servers, instead of groups."""
    storm_s: float = 60.0
    """Faults come in storms of about this length,"""
    calm_s: float = 0.0
    """with about this long between them, in which the cluster comes to rest; 0: it never does."""
    loss: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    slow_registry: float = 0.0
    lost_answers: float = 0.0
    torn_watches: float = 0.0
    power: float = 0.0
    freezes: float = 0.0
    cuts: float = 0.0
    leader_cuts: float = 0.0
    """Cuts of the leader in the middle of a commit."""
    registry_away: float = 0.0
    registry_power: float = 0.0
    daemon_deaths: float = 0.0
    daemon_hangs: float = 0.0
    executor_deaths: float = 0.0
    guard_deaths: float = 0.0
    service_deaths: float = 0.0
    bad_scripts: float = 0.0
    commands: float = 0.0
    upgrades: float = 0.0
    """Daemons that come back as the next version; it writes another format."""
    set_backs: float = 0.0
    """Times that the registry's file is replaced by an older copy, or lost."""
    restores: float = 0.0
    """Times that the registry is lost, or everything is, and a backup restored; or that one is restored into a registry that lives."""
    rotations: float = 0.0
    """Times that the guards' key is exchanged."""
    instances: float = 0.0
    """Operators who stop the network's instance on one server (`stop -n`), and start it again later."""
    pair_cuts: float = 0.0
    """Cuts between two servers alone, on all networks, one way or both: others still receive from each of them."""
    edits: float = 0.0
    """understudy.toml of a server is given other voters or another tolerance, and its guard begins again with it; later it is put right."""
    replays: float = 0.0
    """Packets between guards that somebody recorded are sent again, for a while."""
    unable: float = 0.0
    """Servers that hold their lease and cannot act for up to a minute: daemon or executor hang, or one alone is cut off the registry."""
    silences: float = 0.0
    """Checks that end by a signal, actions that cannot be begun or have no script, services that leave their control group."""
    voter_changes: float = 0.0
    """Operators who want other voters; now and then they change their mind while it is under way."""
    slow_answers: float = 0.0
    """Chance that a guard or an executor answers its daemon late."""
    kinds: float = 0.0
    """Chance that a group is of the other kinds of dependency (`resources.MORE_SHAPES`)."""
    again: float = 0.0
    """Chance that a group that was deleted is registered again soon, under the same names."""
    several: float = 0.0
    """Chance that a group has resources with several instances (`resources.SEVERAL_SHAPES`)."""
    places: float = 0.0
    """Chance that a resource has AUTO_START, INSTANCE_FAILOVER, FAILOVER_DELAY, ... other than by default."""
    categories: float = 0.0
    """Chance that a group may run only on servers of a category; operators say now and then who is of it."""
    asked_actions: float = 0.0
    """Operators who have an action of a script's own run; the scripts are also called with delete and modify."""
    moved_servers: float = 0.0
    """Operators who move servers between top-level server pools; a group is placed by these."""
    operations: int = BOUND.operations
    """How many a commit of a daemon holds; with few of them what is decided and reported takes more commits."""
    page_names: int = PAGE_NAMES
    """How many a page of a look holds; with few of them small clusters have looks of several pages."""
    longest: float = 2.0
    """No cut, freeze or absence lasts longer than this many leases (but some: five times)."""

    @property
    def orderly(self) -> bool:
        """Whether no daemon is paused in the middle of something, and every script tells the truth."""
        return not (self.freezes or self.daemon_hangs or self.bad_scripts or self.unable or self.silences)

    @property
    def only_the_registry_goes(self) -> bool:
        """Whether the registry goes away, and nothing else happens that may end a lease."""
        weather = self.loss or self.doubled or self.late or self.set_backs or self.restores
        cuts = self.cuts or self.leader_cuts or self.pair_cuts
        ended = self.power or self.freezes or self.guard_deaths or self.commands or self.unable or self.edits
        return bool(self.registry_away or self.registry_power) and not (weather or cuts or ended)

    @staticmethod
    def draw(seed: int) -> "Options":
        """A world of its own kind."""
        luck = dice(seed, "options")
        voters = luck.choice((1, 3, 3, 3, 5))
        cluster = Options(
            servers=max(luck.choice((2, 3, 3, 4)), voters),
            voters=voters,
            pause_tolerance=luck.choice((0.5, 2.0, 2.0)),
            groups=luck.choice((1, 1, 2, 3)),
            storm_s=luck.choice((20.0, 60.0, 120.0)),
            calm_s=luck.choice((0.0, 20.0, 60.0, 300.0)),
        )
        return _with_faults(cluster, luck)

    @staticmethod
    def of_seed(seed: int) -> "Options":
        """The same; in every other world the registry has members on the voters, in every third the voters change, in every third groups
        have other kinds of dependency, in some servers are of categories, or are moved between pools, scripts have actions of their own,
        backups are restored, the guards' key is exchanged, instances of the network are stopped one by one, or resources start elsewhere or
        later than by default, or have several instances. (Apart from `draw`, whose worlds tests know by seed.)"""
        drawn = Options.draw(seed)
        if dice(seed, "voters").random() < 1 / 3:
            drawn = replace(drawn, voter_changes=2.0)
        drawn = replace(drawn, members=drawn.voters) if dice(seed, "registry").random() < 0.5 else drawn
        drawn = replace(drawn, places=0.5) if dice(seed, "places").random() < 0.3 else drawn
        drawn = replace(drawn, kinds=0.5) if dice(seed, "dependencies").random() < 1 / 3 else drawn
        drawn = replace(drawn, categories=0.5) if dice(seed, "categories").random() < 0.25 else drawn
        drawn = replace(drawn, asked_actions=3.0) if dice(seed, "asked actions").random() < 0.2 else drawn
        drawn = replace(drawn, moved_servers=1.0) if dice(seed, "moved servers").random() < 0.2 else drawn
        drawn = replace(drawn, several=0.7) if dice(seed, "cardinality").random() < 0.3 else drawn
        drawn = replace(drawn, restores=0.5) if dice(seed, "backups").random() < 0.2 else drawn
        drawn = replace(drawn, rotations=1.0) if dice(seed, "keys").random() < 0.25 else drawn
        return replace(drawn, instances=2.0) if dice(seed, "instances").random() < 0.25 else drawn

    def with_given(self, given: str) -> "Options":
        """With one of them as given: `loss=0.1`. BadInput names what there is."""
        name, equals, value = given.partition("=")
        kinds = get_type_hints(Options)
        if not equals or name not in kinds:
            raise BadInput(f"{given}: give NAME=NUMBER; the names are {', '.join(sorted(kinds))}")
        try:
            number = kinds[name](value)
        except ValueError:
            raise BadInput(f"{given}: {value} is no number") from None
        least, most = BOUNDS.get(name, (0.0, _MOST))
        if not least <= number <= most:
            raise BadInput(f"{given}: {name} is {least:g} to {most:g}")
        return replace(self, **{name: number})

    def as_arguments(self) -> str:
        """What differs from a world without faults, as it may be given again."""
        return " ".join(self.differs(Options())) or "nothing unusual"

    def differs(self, other: "Options") -> tuple[str, ...]:
        """What is another in these, as it may be given: `loss=0.1`."""
        return tuple(f"{name}={value:g}" for name, value in self._values() if value != getattr(other, name))

    def simpler(self) -> tuple["Options", ...]:
        """Worlds in which one thing fewer goes wrong, or that are smaller; for the search for a small example."""
        plain = Options()
        found = [replace(self, groups=self.groups - 1)] if self.groups > 1 else []
        found += [replace(self, voters=voters, servers=max(voters, 2)) for voters in (1, 3) if voters < self.voters]
        found += [replace(self, servers=self.servers - 1)] if self.servers > max(self.voters, 2) else []
        found += [replace(self, members=0)] if self.members else []
        weather = _CHANCES
        return (*found, *(replace(self, **{name: getattr(plain, name)}) for name in weather if getattr(self, name)))

    def _values(self) -> list[tuple[str, Any]]:
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


FEW = 16
"""Operations of a commit that hold a group of a random world, with whoever may be a holder of it."""
_MOST = 10_000.0
"""Of anything a minute, or seconds: more is no world any more."""
_CHANCES = (
    "loss", "doubled", "late", "slow_registry", "lost_answers", "torn_watches", "slow_answers", "again", "places", "kinds", "categories",
    "several",
)  # fmt: skip
BOUNDS: dict[str, tuple[float, float]] = {
    "servers": (2, 16), "voters": (1, 5), "members": (0, 5), "groups": (0, 20), "guide": (0, 1), "storm_s": (1.0, _MOST),
    "longest": (0.05, 100.0), "operations": (FEW, 1_000), "page_names": (1, 1_000), "pause_tolerance": (SHORTEST_PAUSE_S, LONGEST_PAUSE_S),
    **dict.fromkeys(_CHANCES, (0.0, 1.0)),
}  # fmt: skip
"""Option -> the least and the most that makes a world; all others are rates, from 0."""


def _with_faults(cluster: Options, luck: random.Random) -> Options:
    return replace(
        cluster,
        loss=luck.choice((0.0, 0.0, 0.01, 0.1)),
        doubled=luck.choice((0.0, 0.05)),
        late=luck.choice((0.0, 0.02)),
        slow_registry=luck.choice((0.0, 0.02, 0.1)),
        lost_answers=luck.choice((0.0, 0.02, 0.1)),
        torn_watches=luck.choice((0.0, 0.0, 0.02)),
        power=luck.choice((0.0, 0.5, 2.0)),
        freezes=luck.choice((0.0, 1.0, 4.0)),
        cuts=luck.choice((0.0, 1.0, 4.0)),
        leader_cuts=luck.choice((0.0, 0.5, 2.0)),
        registry_away=luck.choice((0.0, 0.0, 1.0)),
        registry_power=luck.choice((0.0, 0.0, 0.5)),
        daemon_deaths=luck.choice((0.0, 1.0, 4.0)),
        daemon_hangs=luck.choice((0.0, 1.0, 4.0)),
        executor_deaths=luck.choice((0.0, 1.0)),
        guard_deaths=luck.choice((0.0, 1.0, 3.0)),
        service_deaths=luck.choice((0.0, 2.0, 6.0)),
        bad_scripts=luck.choice((0.0, 1.0, 4.0)),
        commands=luck.choice((0.0, 2.0, 8.0)),
        upgrades=luck.choice((0.0, 0.0, 0.0, 2.0)),
        longest=luck.choice((1.5, 4.0)),
        unable=luck.choice((0.0, 0.0, 1.0)),
        edits=luck.choice((0.0, 0.0, 0.0, 1.0)),
        replays=luck.choice((0.0, 0.0, 1.0)),
        slow_answers=luck.choice((0.0, 0.0, 0.05)),
        silences=luck.choice((0.0, 0.0, 0.0, 2.0)),
        set_backs=luck.choice((0.0, 0.0, 0.0, 0.5)),
        operations=luck.choice((BOUND.operations, BOUND.operations, FEW)),
        again=luck.choice((0.0, 0.5)),
    )
