"""How the life of an incarnation goes on: by one table, which nothing bypasses."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.model.lifecycle import LIFE_TRANSITIONS, go_on, may_follow
from understudy.model.names import Incarnation, ServerName
from understudy.model.state import ALIVE, GONE, PROVEN, Life
from understudy.model.view import IncarnationRecord

SOURCES = Path(__file__).resolve().parents[2] / "src/understudy"
SUPPOSED = {"policy/homes.py"}
"""What only supposes that a server is gone, and writes nothing."""


def record(life: Life) -> IncarnationRecord:
    """An incarnation in this life."""
    return IncarnationRecord(incarnation=Incarnation("i1"), server=ServerName("ctr1"), life=life)


def test_every_life_is_ruled_on() -> None:
    """Each has a row, and where it may begin is before all others."""
    assert set(LIFE_TRANSITIONS) == set(Life)
    assert {after for row in LIFE_TRANSITIONS.values() for after in row} == set(Life) - {Life.JOINING}


@given(st.lists(st.sampled_from(Life), max_size=12))
def test_a_life_never_comes_back(wishes: list[Life]) -> None:
    """Whatever is asked for in whatever order: who is gone is never alive again, what is proved stays proved, who was evicted stays so."""
    now = record(Life.JOINING)
    for wish in wishes:
        if not may_follow(now.life, wish):
            with pytest.raises(AssertionError):
                go_on(now, wish)
            continue
        after = go_on(now, wish, "seen")
        assert not (now.life in GONE and after.life in ALIVE)
        assert not (now.life in PROVEN and after.life not in PROVEN)
        assert after.evicted == (now.evicted or wish is Life.EVICTED)
        assert after.proof.startswith(now.proof)
        now = after


def test_nobody_goes_round_the_table() -> None:
    """A record gets another life by `go_on`, and by nothing else."""
    found = {str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.py") if re.search(r"replace\([^=\n]*, life=", path.read_text())}
    assert found - {"model/lifecycle.py"} == SUPPOSED
