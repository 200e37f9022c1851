"""Every story in `scenarios/` is decided as it is written. `--rewrite` writes what is decided today; read the diff before you commit it."""

from pathlib import Path

import pytest

from policy.language import SpokenCluster
from stories import play

STORIES = sorted(Path(__file__).with_name("scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story(path: Path, request: pytest.FixtureRequest) -> None:
    """The expectation in the file is what the leader decides."""
    play(path, SpokenCluster(), rewrite=request.config.getoption("--rewrite"))
