"""Voters that change in a whole cluster (docs/design/0011): stories with a moment each that a clause is made for, and random worlds.

In most of them a cluster has one voter and gets another, so that one cut is a lost majority. Without its clause each story shows what is
unsafe, or what is lost.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cutting import Mutation, exchange
from sim import mutations_voters as voters
from sim.trio import cluster
from understudy.guard.core.holder import LeaseHolder
from understudy.intent.refusal import Declined
from understudy.model.names import ResourceName
from understudy.registry import keys
from understudy.sim.life import HOUR_S, WorldCase
from understudy.sim.options import Options
from understudy.sim.search import WorldVerdict, judge
from understudy.sim.truth import Violation
from understudy.sim.world import World, WorldStuck

SEEDS_THAT_SHOW = 6
BRISK = 0.25
CHANGEABLE = Options(pause_tolerance=BRISK, servers=4, voter_changes=40)
WORLDS = (
    replace(CHANGEABLE, cuts=60),
    replace(CHANGEABLE, servers=5, voters=5, power=20, freezes=30, guard_deaths=20),
    replace(CHANGEABLE, voters=1, pair_cuts=60, daemon_deaths=20, commands=30),
    replace(CHANGEABLE, members=3, cuts=20, power=10, leader_cuts=20, lost_answers=0.1),
    replace(CHANGEABLE, set_backs=15, guard_deaths=20, cuts=20),
    replace(CHANGEABLE, edits=30, unable=10, replays=20),
)
"""Where the voters change, and other things happen besides."""


def with_one_voter(seed: int, servers: int = 4, pause_tolerance: float = BRISK) -> World:
    """ctr1 alone votes; db runs there or on ctr2."""
    world = cluster(seed, servers=servers, voters=1, pause_tolerance=pause_tolerance)
    world.pool("pool", "ctr1", "ctr2")
    world.define("db", pool="pool")
    world.start("db", on="ctr1")
    world.until(lambda: world.runs_on("db") == "ctr1", 5, "db starts")
    return world


def changed(world: World) -> bool:
    return world.view().phase % 2 == 0


def ends_well(world: World) -> None:
    """Everything is mended: the change ends, and db runs somewhere."""
    world.heal()
    world.run(3)
    for name in world.unacknowledged():  # a new voter has refused it meanwhile, for good: as `understudy cluster status` advises
        world.leave(name)
        world.machines[name].come_again()
    world.until(lambda: changed(world) and world.runs_on("db") is not None, 20, "the change ends, and db runs")
    world.run(1)


def acknowledged(world: World, name: str) -> bool:
    """By its present incarnation, as the registry has it."""
    return name not in world.unacknowledged()


# --- stories --------------------------------------------------------------------------------------------------------


def they_change_and_nothing_stops(seed: int) -> None:
    """From three to three others, to one, to three, while everything runs on."""
    with cluster(seed, servers=5, pause_tolerance=BRISK) as world:
        world.define("db")
        world.start("db")
        world.until(lambda: world.runs_on("db") is not None, 5, "db starts")
        lives = {name: machine.incarnation() for name, machine in world.machines.items()}
        for wanted in (("ctr3", "ctr4", "ctr5"), ("ctr1",), ("ctr1", "ctr2", "ctr5")):
            world.change_voters(*wanted)
            world.until(lambda: changed(world), 2, "the change ends")
        assert {name: machine.incarnation() for name, machine in world.machines.items()} == lives
        assert world.truth.assignments[ResourceName("db")].epoch == 1


def the_old_voter_is_cut_off_with_what_it_runs(seed: int) -> None:
    """It grants its own server without end, and nobody knows: it is never called lost, until it is back."""
    with with_one_voter(seed) as world:
        world.cut("ctr1")
        world.change_voters("ctr3")
        world.run(6)
        assert not changed(world)
        ends_well(world)


def who_holds_by_the_new_voter_is_cut_off_from_the_old_one(seed: int) -> None:
    """The change waits for ctr4. ctr2 has acknowledged the new voter, which is itself; the old one, and the leader, miss it."""
    with with_one_voter(seed) as world:
        world.relocate("db", "ctr2")
        world.until(lambda: world.runs_on("db") == "ctr2", 5, "db moves")
        world.cut_registry("ctr4")
        world.change_voters("ctr2")
        world.until(lambda: acknowledged(world, "ctr2"), 3, "ctr2 holds by itself")
        world.cut("ctr2")
        world.run(6)
        ends_well(world)


def half_of_each_set_is_there(seed: int) -> None:
    """One old voter and one new one reach what runs; a majority of both does not, and takes its place."""
    with cluster(seed, servers=6, voters=3, pause_tolerance=BRISK) as world:
        world.pool("pool", "ctr1", "ctr2")
        world.define("db", pool="pool")
        world.start("db", on="ctr1")
        world.until(lambda: world.runs_on("db") == "ctr1", 5, "db starts")
        world.cut_registry("ctr6")
        world.change_voters("ctr3", "ctr4", "ctr5")
        world.run(2)
        for name in ("ctr2", "ctr3", "ctr5"):
            for here, there in (("ctr1", name), (name, "ctr1"), ("ctr4", name), (name, "ctr4")):
                world.cut_from(here, there)
        world.cut_registry("ctr1")
        world.cut_registry("ctr4")
        world.run(6)
        ends_well(world)


def who_has_gone_over_is_cut_off_with_the_old_voter(seed: int) -> None:
    """The change waits for ctr4. ctr1, the old voter, has acknowledged the new one and is cut off; ctr4 is back, and the change ends."""
    _gone_over_and_cut_off(seed)


def the_guard_of_who_has_gone_over_dies(seed: int) -> None:
    """The same; and its keeper begins another guard for its lease."""
    _gone_over_and_cut_off(seed, then=lambda world: _guard_dies(world, "ctr1"))


def _gone_over_and_cut_off(seed: int, then: Callable[[World], None] = lambda world: None) -> None:
    with with_one_voter(seed) as world:
        world.cut_registry("ctr4")
        world.change_voters("ctr2")
        world.until(lambda: all(acknowledged(world, name) for name in ("ctr1", "ctr2", "ctr3")), 5, "all but ctr4 have gone over")
        world.cut("ctr1")
        then(world)
        world.hub.mend("ctr4")
        world.run(6)
        ends_well(world)


def _guard_dies(world: World, name: str) -> None:
    keeper = world.machines[name].keeper
    assert keeper is not None
    keeper.kill_guard()


def it_boots_with_the_voters_of_before(seed: int) -> None:
    """ctr1 was off while the voters changed. It grants itself a lease, reads the registry, and reaches nobody else."""
    with with_one_voter(seed, pause_tolerance=2.0) as world:
        world.change_voters("ctr2")
        world.until(lambda: changed(world), 10, "the change ends")
        world.machines["ctr1"].registered = None  # its disk is another one
        world.power_off("ctr1")
        world.run(10)
        world.boot("ctr1")
        world.cut("ctr1")
        keeper = world.machines["ctr1"].keeper
        assert keeper is not None
        world.until(lambda: keeper.lease() is not None, 10, "it holds a lease by itself")
        world.until(lambda: 0.5 < _asks_about_everybody_in(world) < 1.5, 10, "the leader is about to ask about everybody")
        world.hub.mend("ctr1")
        world.run(8)
        ends_well(world)


def _asks_about_everybody_in(world: World) -> float:
    """Seconds on the leader's clock."""
    machine = next(machine for machine in world.machines.values() if machine.node is not None and machine.node.leader.leads())
    assert machine.node is not None
    return machine.node.leader._roll_call_at - machine.clocks.monotonic()


def the_registry_is_set_back_to_before_they_changed(seed: int) -> None:
    """The present voters remain; the copy is put right, and nobody loses its lease."""
    with with_one_voter(seed) as world:
        world.copy_registry()
        world.change_voters("ctr3")
        world.until(lambda: changed(world), 5, "the change ends")
        lives = {name: machine.incarnation() for name, machine in world.machines.items()}
        world.registry_away()
        world.run(1)
        world.set_back()
        world.registry_away(False)
        world.until(
            lambda: not world.view().recovering and world.view().phase == 4, 20, "the registry has recovered, with the voters of before"
        )
        assert {name: machine.incarnation() for name, machine in world.machines.items()} == lives, "a lease ended"
        cluster_record = world.view().cluster
        assert cluster_record is not None
        assert cluster_record.voters == ("ctr3",)
        ends_well(world)


def a_server_joins_with_the_old_voters(seed: int) -> None:
    """The new voter is off: the change cannot end. Who comes meanwhile disturbs whoever would end it at that very moment."""
    with with_one_voter(seed) as world:
        world.change_voters("ctr3")
        begun = _written_at(world)
        world.power_off("ctr3")
        world.machines["ctr4"].reboot()
        world.run(0.1)
        world.until(lambda: "ctr4" in world.online(), 20, "ctr4 is back")
        assert not changed(world)
        assert _written_at(world) > begun, "the cluster's record was not written with it"
        ends_well(world)


def _written_at(world: World) -> int:
    """The revision of the cluster's record."""
    return next(entry.revision for entry in world.hub.store.read(keys.CLUSTER)[1] if entry.key == keys.CLUSTER)


def they_go_back(seed: int) -> None:
    """The new voter is lost for good: operators go back to the old one, and everything runs on."""
    with with_one_voter(seed) as world:
        world.cut("ctr4")
        world.change_voters("ctr3")
        world.run(0.05)
        world.power_off("ctr3")
        world.run(1)
        world.change_voters("ctr1")
        world.heal()
        world.until(lambda: changed(world) and world.runs_on("db") is not None, 20, "the voters are those of before")
        assert world.view().phase == 6


STORIES: tuple[tuple[Mutation, str, Callable[[int], None]], ...] = (
    (voters.end_before_all_have_acknowledged, "S5", the_old_voter_is_cut_off_with_what_it_runs),
    (voters.lost_by_the_new_alone, "S5", the_old_voter_is_cut_off_with_what_it_runs),
    (voters.lost_by_the_old_alone, "S5", who_holds_by_the_new_voter_is_cut_off_from_the_old_one),
    (voters.add_up_grants_of_both_sets, "S5", half_of_each_set_is_there),
    (voters.go_back_to_the_old_voters, "S5", who_has_gone_over_is_cut_off_with_the_old_voter),
    (voters.forget_what_was_acknowledged, "S5", the_guard_of_who_has_gone_over_dies),
    (voters.register_by_voters_of_before, "S5", it_boots_with_the_voters_of_before),
    (voters.register_unseen, "was not written with it", a_server_joins_with_the_old_voters),
    (voters.take_the_voters_of_a_copy, "a lease ended", the_registry_is_set_back_to_before_they_changed),
)


def _broken_rule(story: Callable[[int], None], seed: int) -> str:
    try:
        story(seed)
    except (Violation, WorldStuck, AssertionError) as error:
        return str(error).partition("\n")[0]
    return ""


COVERED = ((voters.assign_to_whom_old_voters_grant, voters.register_by_voters_of_before, "S5", it_boots_with_the_voters_of_before),)
"""A clause, another that holds where it is missing, and what is seen when both are."""


@pytest.mark.parametrize("story", [they_change_and_nothing_stops, they_go_back], ids=lambda story: story.__name__)
@pytest.mark.parametrize("seed", [0, 4, 6, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(7, 47))])
def test_a_story(seed: int, story: Callable[[int], None]) -> None:
    story(seed)


def test_grants_of_a_former_number_would_end_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server granted as a voter of a former number is taken for its grant as a new one, which is mute: a lease ends."""
    exchange(monkeypatch, LeaseHolder._votes_in)(lambda self, wanted, voter: voter in wanted.voters)
    with pytest.raises((AssertionError, Declined)):
        they_change_and_nothing_stops(4)


LONGER = ("end_before_all_have_acknowledged", "go_back_to_the_old_voters", "forget_what_was_acknowledged", "register_unseen")
"""Mutations that take more seeds, or longer stories."""


@pytest.mark.parametrize(
    ("mutation", "rule", "story"),
    [pytest.param(*row, marks=[pytest.mark.long] if row[0].__name__ in LONGER else []) for row in STORIES],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_lacks_a_clause_is_seen_in_a_story(
    mutation: Mutation, rule: str, story: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    story(0)
    with monkeypatch.context() as patch:
        mutation(patch)
        assert any(rule in _broken_rule(story, seed) for seed in range(SEEDS_THAT_SHOW)), "no seed showed it"


@pytest.mark.long
@pytest.mark.parametrize(("mutation", "cover", "rule", "story"), COVERED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_clause_that_another_covers(
    mutation: Mutation, cover: Mutation, rule: str, story: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        mutation(patch)
        cover(patch)
        assert any(rule in _broken_rule(story, seed) for seed in range(SEEDS_THAT_SHOW)), "no seed showed it"
    with monkeypatch.context() as patch:
        mutation(patch)
        story(0)


def _life(seed: int, options: Options) -> None:
    outcome = judge(WorldCase(seed=seed, hours=15 / HOUR_S, options=options))
    assert outcome.verdict is WorldVerdict.SAFE, outcome.story


SHORT = (3,)
"""Of them; the others take longer."""


@pytest.mark.parametrize("options", [WORLDS[number] for number in SHORT], ids=lambda options: options.as_arguments())
def test_in_random_worlds_the_voters_change_and_nothing_is_unsafe_or_stuck(options: Options) -> None:
    _life(1, options)


@pytest.mark.long
@pytest.mark.parametrize("options", WORLDS, ids=lambda options: options.as_arguments())
def test_many_random_worlds(options: Options) -> None:
    for seed in range(1, 60):
        _life(seed, options)


def test_every_mutation_is_tried_and_stands_under_its_rule() -> None:
    tried: list[Mutation] = [*(row[0] for row in STORIES), *(row[0] for row in COVERED)]
    made = {name for name, member in vars(voters).items() if getattr(member, "__module__", "") == voters.__name__ and name[0] != "_"}
    assert made == {mutation.__name__ for mutation in tried}
    named = re.findall(r"`(\w+)`", (Path(__file__).resolve().parents[2] / "docs/safety.md").read_text())
    assert not made - set(named)
