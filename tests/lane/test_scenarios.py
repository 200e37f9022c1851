"""Every story in `scenarios/` goes as it is told. `--rewrite` writes what they do today; read the diff before you commit it."""

from pathlib import Path

import pytest

from lane.language import Server
from stories import play

STORIES = sorted(Path(__file__).with_name("scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story(path: Path, request: pytest.FixtureRequest) -> None:
    """The expectation in the file is what the lanes of ctr1 do."""
    play(path, Server(), rewrite=request.config.getoption("--rewrite"))
