"""Each clause of an exchange of the guards' key is needed: without it a lease ends, or a server that was away never joins."""

from pathlib import Path

import pytest

from cutting import Mutation
from sim import mutations_keys as mutations
from sim.language import Stage
from stories import play
from understudy.sim.life import WorldCase, live
from understudy.sim.options import Options

SCENARIOS = Path(__file__).with_name("scenarios")

MISSED: list[tuple[Mutation, str, str | None]] = [
    (mutations.drop_the_old_key_at_once, "keys_are_exchanged", None),
    (mutations.do_not_wait_for_all, "keys_are_exchanged", None),
    (mutations.send_with_it_at_once, "keys_are_exchanged", None),
    (mutations.take_what_is_sealed_only_with_a_lease, "keys_for_one_that_was_away", "not within"),
    (mutations.take_a_forgotten_key_again, "keys_and_the_registry_goes_back", None),
    (mutations.write_no_key_down_again, "keys_for_one_that_missed_the_end", "not within"),
    (mutations.write_no_key_down_again, "keys_for_one_that_never_heard_of_it", "not within"),
]
"""Clause, story, and what is seen in it; None: it goes another way."""


@pytest.mark.parametrize(("mutation", "story", "seen"), MISSED, ids=lambda given: getattr(given, "__name__", None))
def test_a_clause_is_missed(mutation: Mutation, story: str, seen: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)

    with Stage() as stage, pytest.raises(AssertionError, match=seen):
        play(SCENARIOS / f"{story}.txt", stage, rewrite=False)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 13))
def test_random_worlds_live_through_it(seed: int) -> None:
    """Whatever else goes wrong meanwhile: it is safe, and in the end all that is wanted runs."""
    options = Options(rotations=4.0, power=1.0, freezes=1.0, cuts=1.0, daemon_deaths=2.0, daemon_hangs=2.0, guard_deaths=1.0, replays=1.0)
    live(WorldCase(seed=seed, hours=0.05, options=options))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 13))
def test_a_registry_that_is_set_back_between_exchanges(seed: int) -> None:
    """Copies are older than several keys, and no operator begins another exchange because of it: in the end all have one key."""
    options = Options(rotations=6.0, set_backs=4.0, power=1.0, cuts=1.0, daemon_deaths=2.0, daemon_hangs=2.0, guard_deaths=1.0, replays=1.0)
    live(WorldCase(seed=seed, hours=0.05, options=options))
