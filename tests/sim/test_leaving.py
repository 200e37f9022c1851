"""The clauses of a planned leave: each is missed in a story when it is gone."""

from pathlib import Path

import pytest

from cutting import Mutation, Patch, exchange
from sim.language import Stage
from stories import play
from understudy.daemon.lanes import Lanes
from understudy.daemon.leave import Leave
from understudy.daemon.requests import Me

SCENARIOS = Path(__file__).with_name("scenarios")


def leave_whoever_needs_the_vote(patch: Patch) -> None:
    """Who is done says farewell at once, and takes its vote along."""
    exchange(patch, Leave._vote_needed)(lambda self, me, states: False)


def take_no_time(patch: Patch) -> None:
    """Nothing is waited for: the farewell comes at once, and the guard kills."""

    async def stop_in_order(self: Leave, me: Me, lanes: Lanes) -> bool:
        return False

    exchange(patch, Leave._stop_in_order)(stop_in_order)


def tell_nobody(patch: Patch) -> None:
    """The leave is not recorded in the registry: the leader has to find out by silence."""

    async def record(self: Leave, me: Me) -> None:
        return None

    exchange(patch, Leave._record)(record)


def forget_it_with_the_daemon(patch: Patch) -> None:
    """Neither the registry nor the guard keeps the leave for the daemon's successor."""
    tell_nobody(patch)

    async def tell_guard(self: Leave) -> None:
        return None

    exchange(patch, Leave._give_deadline_to_guard)(tell_guard)


@pytest.mark.parametrize(
    ("mutation", "story"),
    [
        (leave_whoever_needs_the_vote, "leaving_all"),
        (take_no_time, "leaving_all"),
        (take_no_time, "leaving_without_the_registry"),
        (tell_nobody, "leaving"),
        (tell_nobody, "leaving_leader"),
        (forget_it_with_the_daemon, "leaving_daemon_dies"),
    ],
    ids=lambda given: getattr(given, "__name__", str(given)),
)
def test_the_story_shows_what_the_clause_is_for(mutation: Mutation, story: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the clause the story fails; with it `test_scenarios.py` plays it."""
    mutation(monkeypatch)
    with pytest.raises(AssertionError), Stage() as stage:
        play(SCENARIOS / f"{story}.txt", stage, rewrite=False)
