"""Each clause about names that are forgotten is needed: without it a story of one goes another way, or a rule is broken."""

from pathlib import Path

import pytest

from cutting import Mutation
from sim import mutations_forgetting as mutations
from sim.language import Stage
from stories import play

SCENARIOS = Path(__file__).with_name("scenarios")

MISSED: list[tuple[Mutation, str, str | None]] = [
    (mutations.take_a_start_for_a_release, "made_anew_after_a_deletion", "S1: other "),
    (mutations.forget_who_holds_it, "deleted_while_it_runs", "S3: ctr1 is no holder"),
    (mutations.leave_the_floor, "deleted_while_it_runs", "S2: .* is given epoch 1, and had 2"),
    (mutations.give_epochs_below_the_floor, "deleted", "S2: .* is given epoch 1, and had 2"),
    (mutations.keep_the_guards_floor_to_oneself, "set_back_across_a_delete", None),
    (mutations.forget_what_was_given_before, "given_before_a_deletion", None),
    (mutations.compare_positions_with_assignments_alone, "deleted_and_the_leader_is_lost", None),
]
"""Clause, story, and what is seen in it; None: it goes another way."""


@pytest.mark.parametrize(("mutation", "story", "seen"), MISSED, ids=lambda given: getattr(given, "__name__", None))
def test_a_clause_is_missed(mutation: Mutation, story: str, seen: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)

    with Stage() as stage, pytest.raises(AssertionError, match=seen):
        play(SCENARIOS / f"{story}.txt", stage, rewrite=False)
