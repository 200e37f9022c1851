"""Every story in `scenarios/` happens as it is written. `--rewrite` writes what happens today; read the diff before you commit it."""

from pathlib import Path

import pytest

from sim.language import Stage
from stories import play

STORIES = sorted(Path(__file__).with_name("scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story(path: Path, request: pytest.FixtureRequest) -> None:
    """The expectation in the file is what truly happens; a broken rule of safety, or what does not come about in time, ends the story."""
    with Stage() as stage:
        play(path, stage, rewrite=request.config.getoption("--rewrite"))
