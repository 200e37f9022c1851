"""Every story in `rehearsals/`: what would happen, as operators read it. `--rewrite` writes the answers of today; read the diff.

Stimuli are those of the other stories of policy, and:

    db takes 4.2 s to start                 the history knows that
    what if ctr1 ctr2 are lost              also `returns`, `db fails on ctr1`, or any other stimulus: `what if stop db`
    by stages                               in the form of `crsctl eval -explain`
"""

import re
from pathlib import Path

import pytest

from policy.language import SpokenCluster
from stories import play
from understudy.daemon.text.stages import stages
from understudy.daemon.text.timeline import timeline
from understudy.model.limits import derive
from understudy.model.names import ResourceName, ServerName
from understudy.policy.rehearsal import Rehearsal
from understudy.policy.whatif import Expected

STORIES = sorted(Path(__file__).with_name("rehearsals").glob("*.txt"))


class RehearsedStory(SpokenCluster):
    """A View, and questions about it."""

    def __init__(self) -> None:
        super().__init__()
        self._recorded: dict[tuple[str, ResourceName], float] = {}
        self._asked_about: Rehearsal | None = None
        self._by_stages = False

    def do(self, line: str) -> None:
        """One stimulus, or a question about what would follow from one."""
        if found := re.fullmatch(r"(\S+) takes ([\d.]+) s to (start|stop|clean)", line):
            self._recorded[found[3], ResourceName(found[1])] = float(found[2])
        elif line == "by stages":
            self._by_stages = True
        elif line.startswith("what if "):
            self._asked_about = self._asked_what(line.removeprefix("what if "))
        else:
            super().do(line)

    def _asked_what(self, change: str) -> Rehearsal:
        rehearsal = Rehearsal(self.view, Expected(limits=derive(2.0), recorded=self._recorded)).begin()
        if found := re.fullmatch(r"(.+) (?:is|are) lost", change):
            rehearsal.servers.lose([ServerName(name) for name in found[1].split()])
        elif found := re.fullmatch(r"(\S+) returns", change):
            rehearsal.servers.join(ServerName(found[1]))
        elif found := re.fullmatch(r"(\S+) fails on (\S+)", change):
            assert rehearsal.fail(ResourceName(found[1]), ServerName(found[2]))
        else:
            before, self.view = self.view, rehearsal.view
            super().do(change)
            rehearsal.commanded(self.view, None)
            self.view = before
        return rehearsal

    def answer(self) -> list[str]:
        """What would happen; without a question what is decided."""
        rehearsal, self._asked_about = self._asked_about, None
        if rehearsal is None:
            return super().answer()
        prediction = rehearsal.run()
        text = stages(prediction, explain=True) if self._by_stages else timeline(prediction)
        return [line.rstrip() for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_what_would_happen(path: Path, request: pytest.FixtureRequest) -> None:
    """The expectation in the file is what the deciders come to."""
    play(path, RehearsedStory(), rewrite=request.config.getoption("--rewrite"))
