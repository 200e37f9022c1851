"""Each clause about a registry that went back, or was restored, is needed: without it a story goes another way, or something runs twice."""

from pathlib import Path

import pytest

from cutting import Mutation
from sim import mutations_backup as backups
from sim import mutations_set_back as mutations
from sim.language import Stage
from stories import play
from understudy.sim.life import HOUR_S, WorldCase
from understudy.sim.options import Options
from understudy.sim.search import WorldVerdict, judge

SCENARIOS = Path(__file__).with_name("scenarios")
TWICE = "S1: "

MISSED: list[tuple[Mutation, str, str | None]] = [
    (mutations.believe_what_is_read, "set_back_that_nobody_saw", TWICE),
    (mutations.decide_without_a_census, "set_back_while_the_owner_is_cut_off", TWICE),
    (mutations.decide_without_a_census, "set_back_that_nobody_saw", None),
    (mutations.forget_who_is_not_in_the_copy, "set_back_while_the_owner_is_cut_off", TWICE),
    (mutations.give_away_what_may_run_elsewhere, "set_back_while_the_owner_is_cut_off", TWICE),
    (mutations.pass_over_what_the_copy_gives_to_nobody, "set_back_during_a_start", TWICE),
    (mutations.act_on_a_copy, "set_back", None),
    (mutations.take_the_epoch_of_the_copy, "set_back", None),
    (mutations.leave_it_to_whom_the_copy_names, "set_back", None),
    (mutations.want_only_what_the_copy_wants, "set_back_behind_a_start", None),
    (mutations.want_again_what_was_stopped_since, "set_back_and_stopped", None),
    (mutations.take_what_a_copy_says_for_an_operators_word, "set_back_and_stopped", None),
    (mutations.forget_who_is_counted_still, "farewell_and_another_leader", "somebody notices"),
    (mutations.end_the_recovery_before_all_can_look, "made_anew_while_the_owner_cannot_tell", "S1"),
    (mutations.give_to_who_cannot_tell, "set_back_while_one_cannot_tell", "S6"),
    (backups.leave_the_floor_where_it_is, "restored_after_the_loss_of_everything", "S2"),
    (backups.go_on_from_the_backups_epochs, "restored_after_the_loss_of_everything", "S2"),
    (backups.take_the_time_in_seconds, "restored_twice_within_a_second", "S2"),
    (backups.restore_assignments, "restored_beside_what_runs", "S"),
    (backups.stay_in_the_old_era, "restored_beside_what_runs", None),
]
"""Clause, story, and what is seen in it; None: it goes another way."""

HASTY = Options(pause_tolerance=0.25, groups=3, commands=200, set_backs=30)
"""Operators type while the registry is set back every other second: in the midst of starts, stops and recoveries."""
RESTORED = Options(pause_tolerance=0.25, groups=3, commands=200, restores=60)
"""Backups are restored several times a second, into a registry that lives, or after the loss of everything."""


@pytest.mark.parametrize("seed", [2, 7, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(8, 48))])
def test_a_registry_that_is_set_back_all_the_time(seed: int) -> None:
    outcome = judge(WorldCase(seed=seed, hours=10 / HOUR_S, options=HASTY))

    assert outcome.verdict is WorldVerdict.SAFE, outcome.story


@pytest.mark.parametrize("seed", [4, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(8, 24))])
def test_backups_that_are_restored_all_the_time(seed: int) -> None:
    outcome = judge(WorldCase(seed=seed, hours=20 / HOUR_S, options=RESTORED))

    assert outcome.verdict is WorldVerdict.SAFE, outcome.story


@pytest.mark.parametrize(("mutation", "story", "seen"), MISSED, ids=lambda given: getattr(given, "__name__", None))
def test_a_clause_is_missed(mutation: Mutation, story: str, seen: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)

    with Stage() as stage, pytest.raises(AssertionError, match=seen):
        play(SCENARIOS / f"{story}.txt", stage, rewrite=False)
