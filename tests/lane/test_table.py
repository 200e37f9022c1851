"""The lane's table rules on everything: each pair of a phase and a happening has a function or a stated reason why it cannot be, each
function is for just that pair, and each way that the table allows from one phase to another is gone in some story."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import get_args, get_type_hints

import pytest

from cutting import exchange
from lane import page
from lane.language import LaneServer
from stories import play
from understudy.lane import table
from understudy.lane.happenings import HAPPENINGS, Happening, LaneUpdate
from understudy.lane.local import Local
from understudy.lane.phases import PHASES, Phase
from understudy.lane.table import TABLE, CannotBe, Rule

STORIES = sorted(Path(__file__).with_name("scenarios").glob("*.txt"))
Way = tuple[str, str, str]


def rules() -> Iterator[tuple[type[Phase], type[Happening], Rule]]:
    """All that can be."""
    for phase, row in TABLE.items():
        for event, rule in row.items():
            if isinstance(rule, Rule):
                yield phase, event, rule


def test_every_pair_is_ruled_on() -> None:
    """No phase and no happening is forgotten, and what cannot be says why."""
    assert set(TABLE) == set(PHASES) == set(get_args(Phase))
    assert set(HAPPENINGS) == set(get_args(Happening))
    for phase, row in TABLE.items():
        assert set(row) == set(HAPPENINGS), phase.__name__
        for rule in row.values():
            assert rule.because if isinstance(rule, CannotBe) else rule.to


@pytest.mark.parametrize(("phase", "event", "rule"), list(rules()), ids=lambda value: getattr(value, "__name__", "rule"))
def test_each_function_is_for_its_pair(phase: type[Phase], event: type[Happening], rule: Rule) -> None:
    """What it says that it takes is what the table gives it."""
    hints = get_type_hints(rule.act)
    first, second, third = list(inspect.signature(rule.act).parameters)
    assert hints[first] is Local
    assert hints["return"] is LaneUpdate
    for given, declared in ((phase, hints[second]), (event, hints[third])):
        assert given in (get_args(declared) if isinstance(declared, UnionType) else (declared,))


def test_every_way_of_the_table_is_gone_in_some_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no story reaches is either dead or untold."""
    gone: set[Way] = set()

    original = table.happened

    def happened(local: Local, event: Happening) -> LaneUpdate:
        update = original(local, event)
        gone.add((type(local.phase).__name__, type(event).__name__, type(update.local.phase).__name__))
        return update

    exchange(monkeypatch, original)(happened)
    for path in STORIES:
        play(path, LaneServer(), rewrite=False)
    ways = {(phase.__name__, event.__name__, to.__name__) for phase, event, rule in rules() for to in rule.to if to is not phase}
    assert ways <= gone, f"in no story: {sorted(ways - gone)}"


def test_the_page_of_the_lane_is_the_table(request: pytest.FixtureRequest) -> None:
    """docs/lane.md is made of the table."""
    if request.config.getoption("--rewrite"):
        page.PAGE.write_text(page.page())
    assert page.PAGE.read_text() == page.page(), "run pytest tests/lane/test_table.py --rewrite and read the diff"
