"""The core without one of its clauses: seen in the model's world where that can be, else in the story that tells the clause.

A story is a test of the clause: it passes with the clause in its place, which the suite shows by itself, and fails without it.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cutting import Mutation
from guard import mutations_keeper as keeper
from guard import mutations_own as own
from guard import test_common, test_core, test_keeper, test_memory
from guard.room import OTHER, TightRoom, at
from guard.weather import EDITED, FLAPPING, LEAPING, REPLAYED, GuardWeather
from guard.world import GuardWorld, is_unsafe
from understudy.errors import BadSettings
from understudy.guard.core import Envelope, Grant, GuardCore, Silent
from understudy.guard.core.messages import PUSHED
from understudy.model.limits import check, derive

BRISK = derive(0.25)

WORLDS: tuple[tuple[Mutation, GuardWeather | None, int], ...] = (
    (own.take_any_grant, None, 12),
    (own.speak_of_the_never_heard_at_once, FLAPPING, 4),
    (own.voter_trusts_the_faster_clock, LEAPING, 12),
    (own.vote_under_edited_settings, EDITED, 4),
)
"""Which mutation, in which weather, within how many seeds."""

OTHER_SETTINGS = test_common.DIFFERENT["another tolerance"]
STORIES: tuple[tuple[Mutation, Callable[[], None]], ...] = (
    (own.stop_when_the_lease_ends, partial(test_core.test_the_holder_goes_by_the_clock_that_runs_ahead, at(10.71))),
    (own.forget_what_was_said, test_memory.test_a_voter_that_goes_on_from_its_memory_never_grants_whom_it_called_silent),
    (own.keep_after_the_answer, test_memory.test_what_a_voter_says_is_kept_before_it_leaves),
    (own.let_old_renews_refresh, test_core.test_only_a_higher_sequence_refreshes),
    (own.take_any_boot_number, test_memory.test_a_renew_recorded_before_a_voter_restarted_keeps_nobody_alive),
    (
        own.count_words_nobody_asked_for,
        partial(test_core.test_an_answer_counts_only_in_its_round, Silent(PUSHED, "ctr1", OTHER), at(10.01)),
    ),
    (
        own.count_late_answers,
        partial(test_core.test_an_answer_counts_only_in_its_round, Silent(77, "ctr1", OTHER), at(10.01, 10.19)),
    ),
    (own.listen_to_other_settings, partial(test_common.test_who_has_other_settings_gets_no_grant_and_both_sides_say_why, *OTHER_SETTINGS)),
    (own.act_on_what_came_in_meanwhile, test_core.test_who_wakes_late_acts_on_nothing_that_came_in_meanwhile),
    (own.go_on_when_called_lost, test_core.test_who_is_told_that_it_is_evicted_stops_at_once),
    (own.say_farewell_for_a_predecessor, test_core.test_a_successor_does_not_say_farewell_for_its_predecessor),
    (keeper.let_a_successor_say_farewell, test_keeper.test_a_successor_goes_on_where_its_predecessor_was_and_may_not_say_farewell_for_it),
    (
        keeper.continue_a_lease_that_has_run_out,
        partial(test_keeper.test_no_successor_continues_a_lease_that_has_run_out, test_keeper.USABLE_S, goes_on=False),
    ),
    (keeper.continue_while_everything_is_ended, test_keeper.every_end_of_a_guard),
    (keeper.begin_before_all_is_gone, test_keeper.every_end_of_a_guard),
    (keeper.begin_beside_a_guard_that_cannot_be_killed, partial(test_keeper.test_nobody_succeeds_a_guard_that_cannot_be_killed, False)),
)


@pytest.mark.parametrize("seed", range(4))
def test_recorded_packets_sent_again_do_no_harm(seed: int) -> None:
    assert not is_unsafe(GuardWorld(seed, BRISK, REPLAYED), 20)


@pytest.mark.parametrize(("mutation", "options", "seeds"), WORLDS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_core_without_the_clause_is_caught(
    monkeypatch: pytest.MonkeyPatch, mutation: Mutation, options: GuardWeather | None, seeds: int
) -> None:
    with monkeypatch.context() as patch:
        mutation(patch)
        caught = next((seed for seed in range(seeds) if is_unsafe(GuardWorld(seed, BRISK, options), 20)), None)
    assert caught is not None, "no seed showed it"
    assert not is_unsafe(GuardWorld(caught, BRISK, options), 20), "nor is it safe with the clause"


@pytest.mark.parametrize(("mutation", "story"), STORIES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_story_fails_without_the_clause(monkeypatch: pytest.MonkeyPatch, mutation: Mutation, story: Callable[[], None]) -> None:
    mutation(monkeypatch)
    with pytest.raises(AssertionError):
        story()


def test_every_clause_is_tried_and_named() -> None:
    modules = (own, keeper)
    made = {
        name
        for where in modules
        for name, var in vars(where).items()
        if getattr(var, "__module__", "") == where.__name__ and name[0] != "_"
    }
    assert made == {mutation.__name__ for mutation in (*(row[0] for row in WORLDS), *(row[0] for row in STORIES))}
    named = re.findall(r"`(\w+)`", (Path(__file__).resolve().parents[2] / "docs/safety.md").read_text())
    assert not made - set(named)


# Clauses that others cover: a second line, said beside them and in docs/safety.md.


def test_a_guard_past_its_lapse_does_not_even_ask_its_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the holder counts no grant after a lapse is a second line."""
    room = TightRoom(3, 3)
    room.run(1)
    guard, now = room.guards["ctr1"], room.clock("ctr1")
    guard.stop("asked to end")
    monkeypatch.delattr(GuardCore, "_granted")
    grant = Grant(guard.holder.incarnation, guard.holder.sequence, now)
    assert guard.receive(Envelope(room.common, "ctr2", OTHER, "ctr1", grant), now) == []


def test_half_the_quiet_time_is_refused_where_it_is_derived() -> None:
    """In no world is it seen: `stop_now` before the end of the lease the keeper begins to count, and so has the other half."""
    with pytest.raises(BadSettings, match="quiet"):
        check(replace(BRISK, quiet_s=BRISK.quiet_s / 2))
