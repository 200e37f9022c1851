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

from cutting import Mutation, exchange_value
from guard import mutations as core
from sim import (
    moments,
    moments_failures,
    mutations,
    mutations_commits,
    mutations_daemon,
    mutations_instances,
    mutations_lanes,
    mutations_live,
)
from understudy.sim import life
from understudy.sim.life import HOUR_S, WorldCase
from understudy.sim.options import Options
from understudy.sim.search import Outcome, WorldVerdict, judge
from understudy.sim.truth import Violation
from understudy.sim.world import WorldStuck

Story = Callable[[int], None]
BRISK = Options(pause_tolerance=0.25)
"""A second is two leases, so much happens in little time."""
SETTLES_S = 60.0
"""In these worlds everything runs again within this, once they are healed."""
STUCK = "stuck"


class MutationRow(NamedTuple):
    """One mutation, and where it is seen."""

    mutation: Mutation
    rule: str
    """S1 to S9, `stuck`, or a part of the sentence."""
    seeds: int
    """It is seen in one of so many worlds."""
    options: Options
    seconds: float = 18.0
    """Of faults, in each of them."""
    costly: bool = False
    """It takes some seconds: only with `--long`."""

    def sees(self, outcome: Outcome) -> bool:
        """Whether this world shows it, by the right name."""
        if outcome.verdict is WorldVerdict.STUCK:
            return self.rule == STUCK
        return outcome.verdict is WorldVerdict.UNSAFE and self.rule in outcome.rule


def world(**faults: Any) -> Options:
    """A small cluster, at its worst in one way."""
    return replace(BRISK, **faults)


LAPSES = world(groups=3, freezes=100, service_deaths=300, commands=100)
"""Much is started, and leases end while it is."""
ROWS = (
    # S1
    MutationRow(mutations.leave_the_gate_out, "S1", 10, world(freezes=60)),
    # S2
    MutationRow(mutations.start_before_the_predecessor_is_off, "S2", 3, world(commands=60), costly=True),
    MutationRow(mutations.assign_to_servers, "S2", 30, world(cuts=60), costly=True),
    MutationRow(
        mutations.start_without_reading,
        "S2",
        10,
        world(daemon_deaths=120, lost_answers=0.4, commands=300, service_deaths=600),
        costly=True,
    ),
    MutationRow(mutations.forget_the_epoch, "S2", 3, world(commands=30)),
    MutationRow(
        mutations_lanes.start_what_was_overtaken, "S2", 5, world(commands=300, slow_answers=0.3, guard_deaths=60), seconds=10, costly=True
    ),
    # S3
    MutationRow(mutations.take_offline_for_a_release, "S3", 10, world(commands=60, service_deaths=60), costly=True),
    MutationRow(mutations.release_with_an_action_in_flight, "S3", 10, world(commands=120, service_deaths=120), costly=True),
    MutationRow(mutations.release_a_group_that_is_not_empty, "S3", 20, world(commands=120, bad_scripts=1000), costly=True),
    MutationRow(mutations.forget_the_third_holder, "S3", 20, world(commands=300, daemon_hangs=60, longest=8), costly=True),
    MutationRow(mutations.take_an_eviction_for_proof, "S3", 10, world(commands=300), costly=True),
    MutationRow(mutations.add_the_owner_later, "S3", 5, world(commands=60), costly=True),
    MutationRow(mutations.keep_the_epoch, "S3", 5, world(commands=60), costly=True),
    MutationRow(mutations.forget_a_life_too_early, "S3", 5, world(freezes=30, power=20)),
    # S4
    MutationRow(
        mutations.believe_the_kill,
        "S4",
        20,
        world(servers=2, voters=1, commands=60, bad_scripts=1000, guard_deaths=300),
        seconds=10,
        costly=True,
    ),
    MutationRow(mutations.revive_a_lapsed_incarnation, "S4", 5, world(cuts=60, power=30), seconds=10),
    MutationRow(mutations.act_without_asking_for_the_lease, "S4", 10, LAPSES, seconds=10, costly=True),
    MutationRow(mutations.leave_a_dead_guard_alone, "S4", 10, world(guard_deaths=60)),
    MutationRow(mutations.check_and_stamp_apart, "S4", 10, world(freezes=60)),
    MutationRow(core.trust_one_clock, "S4", 20, world(freezes=120), costly=True),
    # S5
    MutationRow(mutations.believe_one_voter, "S5", 10, world(cuts=60)),
    MutationRow(mutations.lease_from_one_voter, "S5", 10, world(cuts=60)),
    MutationRow(mutations.do_not_wait_for_quiet, "S5", 5, world(freezes=60)),
    MutationRow(mutations.say_farewell_at_once, "S5", 20, world(cuts=60)),
    MutationRow(core.count_a_voter_twice, "S5", 10, world(cuts=60)),
    MutationRow(core.grant_after_silent, "S5", 20, world(cuts=120)),
    MutationRow(core.stamp_before_receiving, "S5", 20, world(voters=1, freezes=300, cuts=300)),
    MutationRow(core.lease_from_receiving, "S5", 30, world(late=0.5, cuts=120)),
    # S6
    MutationRow(mutations.skip_the_first_look, "S6", 6, world(commands=100, power=30), seconds=10),
    MutationRow(mutations_commits.tell_the_look_first, "S1", 8, world(commands=200, set_backs=60), seconds=10),
    # S7
    MutationRow(mutations.decide_whoever_leads, "S7", 1, BRISK),
    MutationRow(mutations.write_whatever_stands_there, "S7", 1, BRISK),
    MutationRow(mutations.release_whoever_one_is, "S7", 1, BRISK),
    MutationRow(mutations.go_on_deciding_when_deposed, "S7", 40, world(commands=300, slow_registry=0.3), seconds=10, costly=True),
    MutationRow(mutations.decide_whoever_leads, "S7", 3, world(members=3)),
    MutationRow(mutations.write_whatever_stands_there, "S7", 3, world(members=3)),
    MutationRow(
        mutations.go_on_deciding_when_deposed, "S7", 40, world(members=3, commands=300, slow_registry=0.3), seconds=10, costly=True
    ),
    MutationRow(mutations_instances.let_other_instances_change, "S7", 3, world(several=1.0, power=60)),
    # S1, of instances
    MutationRow(mutations_instances.give_one_server_two_instances, "S1", 3, world(several=1.0)),
    MutationRow(mutations_instances.give_a_server_what_it_has_not_released, "S1", 20, world(several=1.0, groups=3, commands=200)),
    # S8
    MutationRow(mutations.stop_without_the_registry, "S8", 10, world(groups=3, registry_away=60)),
    MutationRow(mutations.lease_from_the_registry, "S8", 3, world(registry_away=30, longest=16)),
    # S9
    MutationRow(mutations.answer_before_it_is_flushed, "S9", 10, world(commands=300, registry_power=120, longest=0.5), costly=True),
    # liveness
    MutationRow(mutations_live.never_ask_about_a_lost_server, STUCK, 3, world(power=30), costly=True),
    MutationRow(mutations_live.never_take_the_term, STUCK, 3, world(power=30), costly=True),
    MutationRow(mutations_live.never_read_again, STUCK, 3, world(torn_watches=0.05, commands=60), costly=True),
    MutationRow(mutations_live.never_retry, STUCK, 10, world(bad_scripts=600), costly=True),
    MutationRow(mutations_live.move_back_and_forth, STUCK, 5, world(groups=3), costly=True),
    # the order of dependencies
    MutationRow(mutations_live.start_without_what_it_needs, "starts # without #", 10, world(groups=3)),
    MutationRow(mutations_commits.divide_groups, "divides a group", 2, world(commands=60)),
    MutationRow(mutations_live.stop_under_what_needs_it, "stops # under #", 10, world(commands=60)),
    MutationRow(mutations_live.start_beside_what_is_excluded, "starts # beside #", 20, world(groups=3, kinds=1.0, commands=120)),
)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange_value(monkeypatch, life, "SETTLES_S", SETTLES_S)


def _name(value: Any) -> str:
    return value.mutation.__name__ if isinstance(value, MutationRow) else getattr(value, "__name__", "")


@pytest.mark.parametrize("row", [pytest.param(row, marks=pytest.mark.long if row.costly else ()) for row in ROWS], ids=_name)
def test_what_lacks_a_clause_is_seen_in_random_worlds(row: MutationRow, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [WorldCase(seed=seed, hours=row.seconds / HOUR_S, options=row.options) for seed in range(row.seeds)]
    with monkeypatch.context() as patch:
        row.mutation(patch)
        seen = next(filter(row.sees, map(judge, cases)), None)
    assert seen is not None, "no seed showed it"

    whole = judge(seen.case)
    assert whole.verdict is WorldVerdict.SAFE, whole.story


@pytest.mark.long
@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_all_those_worlds_are_safe_with_the_clause(row: MutationRow) -> None:
    for seed in range(row.seeds):
        outcome = judge(WorldCase(seed=seed, hours=row.seconds / HOUR_S, options=row.options))
        assert outcome.verdict is WorldVerdict.SAFE, outcome.story


STORIES = (
    # S2
    (mutations_daemon.keep_the_predecessors_actions, "it is started by the next daemon", moments.the_daemon_dies_while_a_start_hangs),
    (mutations_daemon.go_back_to_an_older_reading, "it is moved back", moments.an_old_reading_arrives_after_a_hand_over),
    (mutations_daemon.outlive_its_own_life, "ctr3 joins again", moments.a_lapse_misses_the_daemon),
    (
        mutations_daemon.register_without_seeing_the_other_life, "its newest life counts",
        moments.a_registration_arrives_after_its_successors,
    ),
    (mutations_lanes.release_without_remembering, "S2", moments.a_daemon_goes_by_a_file_from_before_a_release),
    # S3
    (mutations.overlook_what_was_found, "S1", moments.somebody_starts_it_by_hand),
    (mutations_lanes.release_without_looking_at_the_group, "S3", moments.it_is_started_by_hand_where_it_gave_up),
    (mutations_lanes.release_what_is_not_off, "S3", moments.it_is_started_by_hand_while_its_release_waits),
    (mutations_lanes.release_despite_an_alarm, "S3", moments.it_is_started_by_hand_before_the_leader_takes_it_back),
    (mutations_lanes.off_while_dirty, "S3", moments.its_start_fails_while_nobody_wants_it_any_more),
    (mutations_lanes.off_while_acting, "stops base under db", moments.it_is_started_by_hand_and_what_it_stands_on_is_stopped),
    (mutations_lanes.stopped_with_processes_left, "it is killed, and runs on ctr2", moments.only_sigkill_ends_it),
    # liveness
    (mutations_lanes.ignore_events_until_confirmed, "it is started again", moments.it_dies_while_its_start_is_confirmed),
    (mutations_live.take_a_cold_start_for_a_failover, "it is left down", moments.all_lose_power_and_it_is_not_to_start),
    (mutations_live.wait_without_end, "it runs elsewhere", moments.leaders_are_lost_while_it_waits_for_its_server),
    (mutations_lanes.forget_failures_of_another_life, "FAILURE_THRESHOLD", moments_failures.it_fails_in_two_lives_of_its_server),
    (mutations_lanes.count_failures_here_alone, "FAILURE_THRESHOLD", moments_failures.it_fails_on_two_servers),
    (mutations_live.never_evict_for_what_cannot_be_stopped, "its server goes", moments_failures.its_server_goes_for_what_cannot_be_stopped),
    # S4
    (mutations.kill_the_groups_before_the_daemon, "S4", moments.many_starts_end_while_the_lease_does),
    # S5
    (core.add_up_rounds, "S5", moments.two_voters_are_silent_one_after_the_other),
    (core.grant_at_once_after_restart, "S5", moments.a_voter_comes_back_in_the_middle_of_a_round),
    # S6
    (mutations_commits.believe_pages_of_other_lives, "S6", moments.its_server_comes_back_and_looks_for_long),
    # S7
    (mutations_lanes.report_when_over, "S7", moments.an_evicted_server_has_something_to_report),
    (mutations_lanes.release_when_over, "S7", moments.an_evicted_server_has_something_to_release),
    (mutations_daemon.let_holders_be_gone, "S3", moments.an_assignment_arrives_when_its_holder_is_gone),
    # S8
    (mutations.wait_for_the_registry, "it is restarted", moments.it_dies_while_the_registry_is_away),
)  # fmt: skip
SEEDS_OF_STORIES = 2
"""Each is lived through so often with the clause in its place."""
SEEDS_THAT_SHOW = 10
"""At most so many worlds without it, until one shows it."""


@pytest.mark.parametrize(("mutation", "rule", "story"), STORIES, ids=_name)
def test_what_lacks_a_clause_is_seen_in_a_story(mutation: Mutation, rule: str, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with every seed; what differs are clocks, delays, and who is late."""
    for seed in range(SEEDS_OF_STORIES):
        story(seed)
    with monkeypatch.context() as patch:
        mutation(patch)
        assert any(rule in _broken_rule(story, seed) for seed in range(SEEDS_THAT_SHOW)), "no seed showed it"


def _broken_rule(story: Story, seed: int) -> str:
    try:
        story(seed)
    except (Violation, WorldStuck) as error:
        return str(error).partition("\n")[0]
    return ""


def in_world(options: Options, seconds: float = 10.0) -> Story:
    """A random world as a story."""

    def story(seed: int) -> None:
        life.live(WorldCase(seed=seed, hours=seconds / HOUR_S, options=options))

    return story


COVERED = (
    (mutations_lanes.begin_without_asking_for_the_lease, mutations.act_without_asking_for_the_lease, "S4", in_world(LAPSES)),
    (mutations_lanes.bring_up_beside_another_holder, mutations_lanes.start_beside_another_holder, "S2", in_world(world(commands=60))),
    (mutations_lanes.start_beside_another_holder, mutations_lanes.bring_up_beside_another_holder, "S2", in_world(world(commands=60))),
    (
        mutations_lanes.off_while_populated, mutations_lanes.off_while_dirty, "stops base under db",
        moments.its_start_fails_while_what_it_stands_on_is_stopped,
    ),
    (
        mutations_lanes.off_before_the_confirming_check, mutations_lanes.off_while_populated, "stops base under db",
        moments.the_check_of_a_start_cannot_tell,
    ),
    (mutations_daemon.come_online_before_the_look, mutations.skip_the_first_look, "S6", in_world(world(commands=100, power=30))),
    (
        mutations_commits.write_the_first_page_first, mutations_commits.believe_who_has_a_first_page, "S1",
        moments.it_loses_the_registry_in_the_middle_of_its_look,
    ),
    (
        mutations_commits.believe_who_has_a_first_page, mutations_commits.write_the_first_page_first, "S1",
        moments.it_loses_the_registry_in_the_middle_of_its_look,
    ),
    (
        mutations_lanes.cleaned_with_processes_left, mutations_lanes.go_by_what_nobody_saw, "something of it is left",
        moments.its_clean_says_that_it_has_cleaned,
    ),
    (
        mutations_lanes.go_by_what_nobody_saw, mutations_lanes.cleaned_with_processes_left, "something of it is left",
        moments.its_clean_says_that_it_has_cleaned,
    ),
)  # fmt: skip
"""A clause, another that holds where it is missing, and what is seen when both are."""


@pytest.mark.parametrize(("mutation", "cover", "rule", "story"), COVERED, ids=_name)
def test_a_clause_that_another_covers(
    mutation: Mutation, cover: Mutation, rule: str, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Belt and braces, each said so in docs/safety.md: in the very world in which both are missed, one of them is not."""
    with monkeypatch.context() as patch:
        mutation(patch)
        cover(patch)
        seen = next((seed for seed in range(SEEDS_THAT_SHOW) if rule in _broken_rule(story, seed)), None)
    assert seen is not None, "no seed showed it"

    with monkeypatch.context() as patch:
        mutation(patch)
        story(seen)


OF_LIVENESS = (
    mutations_lanes.ignore_events_until_confirmed,
    mutations_lanes.forget_failures_of_another_life,
    mutations_lanes.count_failures_here_alone,
    mutations_live.never_evict_for_what_cannot_be_stopped,
    mutations_live.take_a_cold_start_for_a_failover,
    mutations_live.wait_without_end,
)
"""Among the stories: no rule of safety."""


def test_every_mutation_is_tried_and_stands_under_its_rule() -> None:
    """In docs/safety.md; but for those of liveness and of the order of dependencies, which are no rules of safety."""
    modules = (mutations, mutations_commits, mutations_daemon, mutations_instances, mutations_lanes, mutations_live, core)
    made = {name for module in modules for name in _made_in(vars(module))}
    rules = {row.mutation.__name__: row.rule for row in ROWS}
    rules |= {mutation.__name__: "S" for mutation, *_ in (*STORIES, *COVERED) if mutation not in OF_LIVENESS}
    rules |= {mutation.__name__: STUCK for mutation in OF_LIVENESS}
    assert made == set(rules)

    named = re.findall(r"`(\w+)`", (Path(__file__).resolve().parents[2] / "docs/safety.md").read_text())
    assert not [name for name, rule in rules.items() if rule[0] == "S" and name not in named]


def _made_in(module: dict[str, Any]) -> list[str]:
    return [name for name, member in module.items() if getattr(member, "__module__", "") == module["__name__"] and name[0] != "_"]
