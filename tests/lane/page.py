"""`docs/lane.md`, made of the lane's table and of what its functions say of themselves. Called by `test_table.py`."""

import inspect
import re
from pathlib import Path

from understudy.lane.happenings import HAPPENINGS
from understudy.lane.phases import PHASES, Phase, Rung
from understudy.lane.table import TABLE, CannotBe

PAGE = Path(__file__).resolve().parents[2] / "docs/lane.md"
INTRO = f"""# The lane

Made from `src/understudy/lane/table.py`: this page cannot say anything else than what the lanes do.

A lane is what one server does about one resource. Its memory has an identity, a restart budget, and one **phase**; whatever happens is
ruled on by one table of phases and happenings. What to do next is another question, asked of the same memory each time anything has
changed: `src/understudy/lane/reconcile.py`.

![The phases of a lane, and what leads from one to another](pictures/lane.svg)

An action begins and ends within a phase: a check in any, a start in Starting, the clean before a start in Cleaning, and a rung of the stop
ladder ({", ".join(rung.name.lower() for rung in Rung)}) in Climbing. What says "then" below is what the phase is after it.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRO, *(line for phase in PHASES for line in _part(phase))])


def _part(phase: type[Phase]) -> list[str]:
    cannot: dict[str, list[str]] = {}
    lines = [f"## {phase.__name__}", "", _first_words(phase), "", "| what happens | then | what is done |", "| --- | --- | --- |"]
    for event in HAPPENINGS:
        rule = TABLE[phase][event]
        if isinstance(rule, CannotBe):
            cannot.setdefault(rule.because, []).append(event.__name__)
        else:
            after = ", ".join(to.__name__ for to in rule.to)
            lines.append(f"| {event.__name__}: {_first_words(event)} | {after} | {_first_words(rule.act)} |")
    lines += ["", "Cannot be:", "", *(f"* {', '.join(names)}: {why}." for why, names in cannot.items()), ""]
    return lines


def _first_words(of: object) -> str:
    """The first paragraph of its docstring, in one line."""
    words = re.sub(r"\s+", " ", (inspect.getdoc(of) or "").partition("\n\n")[0])
    assert words, f"{of} says nothing of itself"
    return words.replace("|", "\\|")
