"""Keeper and guard that stand still: what the second line is for, seen by its absence."""

from pathlib import Path

import pytest

from sim.language import Stage
from stories import play
from understudy.sim.guard import Keeper
from understudy.sim.truth import Violation

STORY = Path(__file__).with_name("scenarios") / "guards_stand_still.txt"


def test_without_a_second_line_a_server_outlives_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeper, "_second_line", lambda self: None)
    with Stage() as stage, pytest.raises(Violation, match="outlives the lease|S5|S1"):
        play(STORY, stage, rewrite=False)
