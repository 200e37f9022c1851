"""The same seed is the same world: byte for byte whatever the interpreter salts its hashes with, and whether or not quiet time is passed
over (`sim/quiet.py`)."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from understudy.sim.life import Lived, WorldCase, live
from understudy.sim.options import Options

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
from dataclasses import replace
from hashlib import sha256
from understudy.sim.life import WorldCase, live
from understudy.sim.options import Options
from understudy.sim.trace import Trace

digest, lines = sha256(), []
Trace.echo = lambda line: (digest.update(line.encode()), lines.append(line))
calm = replace(Options.draw({seed}), storm_s=10.0, calm_s=60.0)
for options in (None, calm):
    live(WorldCase(seed={seed}, hours=0.05, options=options))
assert any("storm" in line for line in lines) and any("fine weather" in line for line in lines)
print(len(lines), digest.hexdigest())
"""
SKIPPED = 0.6
"""In storms of 10 s with calms of 90 s between them at least so much of all time is passed over,"""
SKIPPED_IN_ONE = 0.3
"""and so much of each world's."""
CHUNK = 10


@pytest.mark.parametrize("seed", [1, pytest.param(11, marks=pytest.mark.long)])
def test_a_run_is_the_same_whatever_hashes_are_salted_with(seed: int) -> None:
    """Every line of two worlds, one a storm from beginning to end and one with calms: no set of strings decides anything."""
    told = {_told(seed, salt) for salt in ("0", "2718")}

    assert len(told) == 1
    assert int(told.pop().split()[0]) > 200


def _told(seed: int, salt: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", PROGRAM.format(seed=seed)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_run_is_the_same_after_others_in_the_same_process() -> None:
    """Nothing is carried over from one world to the next."""
    first = live(WorldCase(seed=3, hours=0.01))
    live(WorldCase(seed=4, hours=0.01))

    assert live(WorldCase(seed=3, hours=0.01)) == first


def _both(seed: int) -> tuple[Lived, Lived]:
    """Without set-backs of the registry: how far back is counted in revisions, and beats that are passed over write none."""
    options = replace(Options.draw(seed), storm_s=10.0, calm_s=90.0, set_backs=0.0)
    beat_by_beat, passed_over = (live(WorldCase(seed=seed, hours=0.08, options=options, every_beat=every)) for every in (True, False))
    return beat_by_beat, passed_over


def _same_decisions(seeds: range) -> None:
    lived = [_both(seed) for seed in seeds]
    for beat_by_beat, passed_over in lived:
        assert beat_by_beat.skipped_s == 0.0
        assert passed_over.decisions == beat_by_beat.decisions
        assert (passed_over.faults, passed_over.moves) == (beat_by_beat.faults, beat_by_beat.moves)
        assert passed_over.skipped_s > SKIPPED_IN_ONE * passed_over.simulated_s, f"seed {passed_over.seed}"
    assert sum(run.skipped_s for _, run in lived) > SKIPPED * sum(run.simulated_s for _, run in lived)


def test_time_that_is_passed_over_changes_no_decision() -> None:
    """Two worlds, each lived through beat by beat and again from fault to fault: every new owner, in order."""
    _same_decisions(range(2))


@pytest.mark.long
@pytest.mark.parametrize("first", range(1_000, 1_500, CHUNK))
def test_time_that_is_passed_over_changes_no_decision_in_many_worlds(first: int) -> None:
    """The same five hundred times."""
    _same_decisions(range(first, first + CHUNK))
