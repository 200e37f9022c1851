"""Every story in `scenarios/` goes as it is written. `--rewrite` writes what they do today; read the diff before you commit it."""

from pathlib import Path

import pytest

from cutting import exchange
from lane.language import LaneServer
from sim import mutations_lanes
from stories import play
from understudy.lane import outcome, silence

STORIES = sorted(Path(__file__).with_name("scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story(path: Path, request: pytest.FixtureRequest) -> None:
    """The expectation in the file is what the lanes of ctr1 do."""
    play(path, LaneServer(), rewrite=request.config.getoption("--rewrite"))


def test_what_a_missing_script_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that is not there, and nothing was ever seen to live: it does not run. Without that clause the first look never ends."""
    exchange(monkeypatch, outcome._known_without_asking)(lambda local, outcome, at: silence.gone(outcome, at))
    with pytest.raises(AssertionError):
        play(Path(__file__).with_name("scenarios") / "first_look_without_script.txt", LaneServer(), rewrite=False)


def test_an_event_during_a_confirming_check_is_looked_after() -> None:
    """Were it taken for the start's own doing, a service that has just died would be up until its next check."""
    with pytest.MonkeyPatch.context() as patch:
        mutations_lanes.ignore_events_until_confirmed(patch)
        with pytest.raises(AssertionError):
            play(Path(__file__).with_name("scenarios") / "dies_during_its_confirming_check.txt", LaneServer(), rewrite=False)
