"""Every story in `rehearsals/`: what would happen, as operators read it. `--rewrite` writes the answers of today; read the diff.

Stimuli are those of the other stories of policy, and:

    db takes 4.2 s to start                 the history knows that
    what if ctr1 ctr2 are lost              also `returns`, `db fails on ctr1`, or any other stimulus: `what if stop db`
    by stages                               in the form of `crsctl eval -explain`
"""

import re
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from cutting import exchange_value
from policy.language import SpokenCluster
from policy.strategies import SERVERS, views
from stories import play
from understudy.daemon.text.stages import stages
from understudy.daemon.text.timeline import timeline
from understudy.model.events import START_DONE
from understudy.model.limits import derive
from understudy.model.names import ResourceName, ServerName
from understudy.model.view import Event, View
from understudy.policy import rehearsal as rehearsal_module
from understudy.policy.decide import decide
from understudy.policy.plan import Memory
from understudy.policy.rehearsal import Rehearsal
from understudy.policy.whatif import ActSort, Expected, recorded

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


@given(views(), st.sampled_from(SERVERS), st.booleans())
def test_whatever_a_cluster_is_like_it_comes_to_rest(view: View, server: ServerName, lost: bool) -> None:
    """In the middle of anything: then the leader has nothing left to decide, and nothing is started where it runs already."""
    rehearsal = Rehearsal(view, Expected(limits=derive(2.0))).begin()
    if lost and rehearsal.view.present().get(server) is not None:
        rehearsal.servers.lose([server])
    prediction = rehearsal.run()
    event(f"{len(prediction.acts)} acts")
    assert prediction.settled
    if prediction.majority:
        left = decide(prediction.after, rehearsal.now, Memory())
        assert not [step for step in left.steps if step.assignments]
    started = [(act.resource, act.begins_s, act.ends_s) for act in prediction.acts if act.sort is ActSort.START]
    assert len(started) == len(set(started))


def test_what_does_not_come_to_rest_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a bound no more is worked out."""
    story = RehearsedStory()
    for line in ("resource db PLACEMENT=favored HOSTING_MEMBERS=ctr1", "servers ctr1 ctr2", "db belongs to ctr1"):
        story.do(line)
    exchange_value(monkeypatch, rehearsal_module, "MOST_STEPS", 0)
    exchange_value(monkeypatch, rehearsal_module, "STEPS_EACH", 0)
    story.do("what if relocate db")
    assert story.answer()[-1] == "It does not come to rest: no more was worked out after this."


def test_an_action_takes_as_long_as_the_longest_of_its_newest() -> None:
    """What was slow once, long ago, is forgotten."""
    db = ResourceName("db")
    events = [
        Event(wall=float(number), server=ServerName("ctr1"), kind=START_DONE, resource=db, ms=ms)
        for number, ms in enumerate((90_000.0, 1.0, 300.0, 2.0, 3.0, 4.0))
    ]
    assert recorded(events, {START_DONE: "start"}) == {("start", db): 0.3}
