"""The product with one clause taken out at a time, in worlds that are harsh in just one way: the simulator sees what is wrong.

Each row says in how many random worlds at most it is seen, and which rule is named. The very world that shows it is then lived through
again with the clause in its place, and must be safe and live: otherwise to have seen something would prove nothing.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from guard import mutations as core
from sim import mutations, mutations_live
from sim.trio import cluster, make_leader, running_trio, trio_runs
from understudy.model.names import ResourceName
from understudy.sim import life
from understudy.sim.life import HOUR_S, Case
from understudy.sim.network import NETWORKS
from understudy.sim.options import Options
from understudy.sim.search import Outcome, Verdict, judge
from understudy.sim.truth import Violation
from understudy.sim.world import Stuck, World

Mutation = Callable[[Any], None]
BRISK = Options(pause_tolerance=0.25)
"""A second is two leases, so much happens in little time."""
SETTLES_S = 60.0
"""In these worlds everything runs again within this, once they are healed."""
STUCK = "stuck"


class Row(NamedTuple):
    """One mutation, and where it is seen."""

    mutation: Mutation
    rule: str
    """S1 to S9, `stuck`, or a part of the sentence."""
    seeds: int
    """It is seen in one of so many worlds."""
    options: Options
    seconds: float = 18.0
    """Of mishaps, in each of them."""

    def sees(self, outcome: Outcome) -> bool:
        """Whether this world shows it, by the right name."""
        if outcome.verdict is Verdict.STUCK:
            return self.rule == STUCK
        return outcome.verdict is Verdict.UNSAFE and self.rule in outcome.rule


def world(**mishaps: Any) -> Options:
    """A small cluster, at its worst in one way."""
    return replace(BRISK, **mishaps)


ROWS = (
    # S1
    Row(mutations.leave_the_gate_out, "S1", 10, world(freezes=60)),
    # S2
    Row(mutations.start_before_the_predecessor_is_off, "S2", 3, world(commands=60)),
    Row(mutations.assign_to_servers, "S2", 30, world(cuts=60)),
    Row(mutations.start_without_reading, "S2", 10, world(daemon_deaths=120, lost_answers=0.4, commands=300, service_deaths=600)),
    Row(mutations.forget_the_epoch, "S2", 3, world(commands=30)),
    # S3
    Row(mutations.take_offline_for_a_release, "S3", 10, world(commands=60, service_deaths=60)),
    Row(mutations.release_with_an_action_in_flight, "S3", 10, world(commands=120, service_deaths=120)),
    Row(mutations.release_a_group_that_is_not_empty, "S3", 20, world(commands=120, bad_scripts=1000)),
    Row(mutations.forget_the_third_holder, "S3", 20, world(commands=300, daemon_hangs=60, longest=8)),
    Row(mutations.take_an_eviction_for_proof, "S3", 10, world(commands=120)),
    Row(mutations.add_the_owner_later, "S3", 5, world(commands=60)),
    Row(mutations.keep_the_epoch, "S3", 5, world(commands=60)),
    Row(mutations.forget_a_life_too_early, "S3", 5, world(freezes=30, power=20)),
    # S4
    Row(mutations.believe_the_kill, "S4", 20, world(servers=2, voters=1, commands=60, bad_scripts=1000, guard_deaths=300), seconds=10),
    Row(mutations.revive_a_lapsed_incarnation, "S4", 10, world(cuts=60)),
    Row(
        mutations.act_without_asking_for_the_lease, "S4", 10,
        world(groups=3, freezes=100, service_deaths=300, commands=100), seconds=10,
    ),
    Row(mutations.leave_a_dead_guard_alone, "S4", 10, world(guard_deaths=60)),
    Row(mutations.check_and_stamp_apart, "S4", 10, world(freezes=60)),
    Row(core.trust_one_clock, "S4", 20, world(freezes=120)),
    # S5
    Row(mutations.believe_one_voter, "S5", 10, world(cuts=60)),
    Row(mutations.lease_from_one_voter, "S5", 10, world(cuts=60)),
    Row(mutations.do_not_wait_for_quiet, "S5", 5, world(freezes=60)),
    Row(mutations.say_farewell_at_once, "S5", 20, world(cuts=60)),
    Row(core.count_a_voter_twice, "S5", 10, world(cuts=60)),
    Row(core.grant_after_silent, "S5", 20, world(cuts=120)),
    Row(core.stamp_before_receiving, "S5", 20, world(voters=1, freezes=300, cuts=300)),
    Row(core.lease_from_receiving, "S5", 30, world(late=0.5, cuts=120)),
    # S6
    Row(mutations.skip_the_first_look, "S6", 10, world(groups=3)),
    # S7
    Row(mutations.decide_whoever_leads, "S7", 1, BRISK),
    Row(mutations.write_whatever_stands_there, "S7", 1, BRISK),
    Row(mutations.release_whoever_one_is, "S7", 1, BRISK),
    Row(mutations.go_on_deciding_when_deposed, "S7", 40, world(commands=300, slow_registry=0.3), seconds=10),
    # S8
    Row(mutations.stop_without_the_registry, "S8", 10, world(groups=3, registry_away=60)),
    Row(mutations.lease_from_the_registry, "S8", 3, world(registry_away=10)),
    # S9
    Row(mutations.answer_before_it_is_flushed, "S9", 10, world(commands=300, registry_power=120, longest=0.5)),
    # liveness
    Row(mutations_live.never_ask_about_a_lost_server, STUCK, 3, world(power=30)),
    Row(mutations_live.never_take_the_term, STUCK, 3, world(power=30)),
    Row(mutations_live.never_read_again, STUCK, 3, world(torn_watches=0.05, commands=60)),
    Row(mutations_live.never_retry, STUCK, 10, world(bad_scripts=600)),
    Row(mutations_live.move_back_and_forth, STUCK, 5, world(groups=3)),
    # the order of dependencies
    Row(mutations_live.start_without_what_it_needs, "starts # without #", 10, world(groups=3)),
    Row(mutations_live.stop_under_what_needs_it, "stops # under #", 10, world(commands=60)),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "SETTLES_S", SETTLES_S)


def _name(value: Any) -> str:
    return value.mutation.__name__ if isinstance(value, Row) else getattr(value, "__name__", "")


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_what_lacks_a_clause_is_seen_in_random_worlds(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [Case(seed=seed, hours=row.seconds / HOUR_S, options=row.options) for seed in range(row.seeds)]
    with monkeypatch.context() as patch:
        row.mutation(patch)
        seen = next(filter(row.sees, map(judge, cases)), None)
    assert seen is not None, "no seed showed it"

    whole = judge(seen.case)
    assert whole.verdict is Verdict.SAFE, whole.story


@pytest.mark.long
@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_all_those_worlds_are_safe_with_the_clause(row: Row) -> None:
    for seed in range(row.seeds):
        outcome = judge(Case(seed=seed, hours=row.seconds / HOUR_S, options=row.options))
        assert outcome.verdict is Verdict.SAFE, outcome.story


def many_starts_end_while_the_lease_does(seed: int) -> None:
    """Forty starts end one after the other, a few milliseconds apart, while a server is cut off and lapses. In random worlds too few starts
    end in the few milliseconds between the two kills of a lapse."""
    with cluster(seed, pause_tolerance=0.25) as world:
        begun_s = world.limits.lease_s - world.limits.stop_now_s
        for number in range(40):
            name = f"service{number}"
            world.define(name, hosting_members="ctr1", placement="restricted", script_timeout="5")
            world.machines["ctr1"].took_s[ResourceName(name)] = begun_s - 0.1 + 0.004 * number
        world.start(*(f"service{number}" for number in range(40)))
        world.run(0.02)
        world.cut("ctr1")
        world.run(2)


def a_voter_comes_back_in_the_middle_of_a_round(seed: int) -> None:
    """It says silent, restarts, and hears the holder again before another voter says silent in the same round: within a tenth of a second,
    which no random world of reasonable length brings about."""
    with _ctr2_and_two_other_voters(seed) as world:
        world.cut_from("ctr2", "ctr1")
        world.run(0.9 * world.limits.round_s)
        world.cut_from("ctr2", "ctr3")
        _says_silent(world, "ctr1")
        world.run(0.008)
        world.machines["ctr1"].keeper.kill_guard()
        world.network.mend([("ctr2", "ctr1", network) for network in NETWORKS])
        world.run(1)


def two_voters_are_silent_one_after_the_other(seed: int) -> None:
    """One says silent, restarts, waits and grants again; then the other says silent. Random worlds do this, but seldom."""
    with _ctr2_and_two_other_voters(seed) as world:
        world.cut_from("ctr2", "ctr1")
        _says_silent(world, "ctr1")
        world.run(0.3)
        world.machines["ctr1"].keeper.kill_guard()
        world.network.mend([("ctr2", "ctr1", network) for network in NETWORKS])
        world.run(2 * world.limits.silent_after_s)
        world.cut_from("ctr2", "ctr3")
        world.run(2)


def somebody_starts_it_by_hand(seed: int) -> None:
    """It runs on ctr2 before anybody asks for it. In random worlds nobody types anything on a server: that is not the product's doing."""
    with cluster(seed) as world:
        world.service("db", on="ctr2").lives = True
        world.define("db", hosting_members="ctr1 ctr2", placement="restricted")
        world.run(1)
        world.start("db")
        world.run(2)


def it_dies_while_the_registry_is_away(seed: int) -> None:
    """In random worlds it is restarted when the registry has come back, and nothing is wrong in the end."""
    with running_trio(seed) as world:
        world.registry_away()
        world.run(2)
        world.dies("service", on="ctr1")
        world.until(lambda: trio_runs(world, "ctr1"), 1, "it is restarted")


def _ctr2_and_two_other_voters(seed: int) -> World:
    world = cluster(seed, pause_tolerance=0.25)
    make_leader(world, "ctr3")
    return world


def _says_silent(world: World, voter: str) -> None:
    keeper = world.machines[voter].keeper
    world.until(lambda: keeper.core.words, 1, f"{voter} says silent", look_s=0.001)


STORIES = (
    (mutations.overlook_what_was_found, "S1", somebody_starts_it_by_hand),
    (mutations.kill_the_groups_before_the_daemon, "S4", many_starts_end_while_the_lease_does),
    (core.grant_at_once_after_restart, "S5", a_voter_comes_back_in_the_middle_of_a_round),
    (core.add_up_rounds, "S5", two_voters_are_silent_one_after_the_other),
    (mutations.wait_for_the_registry, "it is restarted", it_dies_while_the_registry_is_away),
)
SEEDS_OF_STORIES = 5


@pytest.mark.parametrize(("mutation", "rule", "story"), STORIES, ids=_name)
def test_what_lacks_a_clause_is_seen_in_a_story(
    mutation: Mutation, rule: str, story: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with every seed; what differs are clocks, delays, and who is late."""
    for seed in range(SEEDS_OF_STORIES):
        story(seed)
    with monkeypatch.context() as patch:
        mutation(patch)
        assert any(rule in _broken_rule(story, seed) for seed in range(SEEDS_OF_STORIES)), "no seed showed it"


def _broken_rule(story: Callable[[int], None], seed: int) -> str:
    try:
        story(seed)
    except (Violation, Stuck) as error:
        return str(error).partition("\n")[0]
    return ""


def test_every_mutation_is_tried_and_stands_under_its_rule() -> None:
    """In docs/safety.md; but for those of liveness and of the order of dependencies, which are no rules of safety."""
    made = {name for module in (mutations, mutations_live, core) for name in _made_in(vars(module))}
    rules = {row.mutation.__name__: row.rule for row in ROWS} | {mutation.__name__: "S" for mutation, _, _ in STORIES}
    assert made == set(rules)

    named = re.findall(r"`(\w+)`", (Path(__file__).resolve().parents[2] / "docs/safety.md").read_text())
    assert not [name for name, rule in rules.items() if rule[0] == "S" and name not in named]


def _made_in(module: dict[str, Any]) -> list[str]:
    return [name for name, one in module.items() if getattr(one, "__module__", "") == module["__name__"] and name[0] != "_"]
