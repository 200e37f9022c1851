"""Keeper and guard are paused: what the second line is for, seen by its absence."""

from pathlib import Path

import pytest

from cutting import exchange
from sim.language import Stage
from stories import play
from understudy.guard.lapse import Aim
from understudy.sim.truth import Violation

STORY = Path(__file__).with_name("scenarios") / "guards_stand_still.txt"


def test_without_a_second_line_a_server_outlives_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange(monkeypatch, Aim.left_s)(lambda self, lease, now: None)
    with Stage() as stage, pytest.raises(Violation, match="outlives the lease"):
        play(STORY, stage, rewrite=False)
