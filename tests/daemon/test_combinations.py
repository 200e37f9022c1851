"""Every kind of dependency under every command (`combinations.py`): each command ends, says why, and what it says is true."""

from collections.abc import Iterator

import pytest

from daemon.combinations import Combination, Told, cases, play, stat
from understudy.model.names import ResourceName
from understudy.model.state import State
from understudy.policy.explain import explain

LONGEST_S = 75.0
"""No command takes longer: actions take 0.1 s here, and an UNKNOWN one is tried again after up to 32 s."""
SILENT_S = 35.0
"""Nor is silent for longer once it has said what it waits for;"""
UNTOLD_S = 4.0
"""and it says that, or that something has begun, as soon."""
UP = (State.ONLINE, State.INTERMEDIATE)
REASONS = ("waits for", "UND-0165", "CRS-25", "CRS-2660", "CRS-5702", "CRS-5017", "CRS-2678", "UND-0067", "  ctr")
"""A line with one of these says why a command has failed."""
SHORT = [
    "hard(base)/hard(shutdown:base)/here/up", "hard(base)/none/partly/new", "weak(base)/none/elsewhere/new",
    "hard(global:base)/none/elsewhere/new", "hard(type:base.type)/none/down/new", "weak(base)/hard(base)/disabled here/up",
    "hard(base)/hard(base)/unknown/new", "hard(global:base)/hard(global:base)/fails/new", "hard(base)/none/outside up/new",
    "exclusion(base)/none/here/new",
]  # fmt: skip
"""Those in which a command hung or said an untruth before this table existed; the others are for long tests."""

DONE = {
    "hard(base)/hard(shutdown:base)/here/up": "stop resource base",
    "weak(base)/none/elsewhere/new": "start resource app -n ctr1",
    "hard(global:base)/none/elsewhere/new": "start resource app -n ctr1",
    "hard(type:base.type)/none/down/new": "start resource app -n ctr1",
}
"""Of these a command that was refused, or hung, and has to be done."""


def untruths(told: Told) -> Iterator[str]:
    """What is wrong with what a command said, or with how long it took to say it."""
    text, well = told.said.text, told.said.status == 0
    action, *rest = told.command.split()
    if told.ended - told.began > LONGEST_S:
        yield f"it took {told.ended - told.began:.0f} s"
    if told.longest_silence_s > SILENT_S:
        yield f"it was silent for {told.longest_silence_s:.0f} s"
    if (told.said.at or [told.ended])[0] - told.began > UNTOLD_S:
        yield "it said nothing at first"
    if "None" in text or "its time" in text:
        yield "it names what it does not know"
    if not well and "CRS-4000" not in text:
        yield "it failed without CRS-4000"
    if not well and not any(reason in text for reason in REASONS):
        yield "it failed without a reason"
    for name in (ResourceName(word) for word in rest if word in ("app", "base")):
        yield from _about(told, name, action, well=well)
    for view in (told.view, told.later):
        for name in (ResourceName("app"), ResourceName("base")):
            shown = stat(view, name).state_text
            if explain(view, name).state.split(",")[0] != shown:
                yield f"explain says that {name} is {explain(view, name).state}, stat that it is {shown}"


def _about(told: Told, name: ResourceName, action: str, *, well: bool) -> Iterator[str]:
    now, later = stat(told.view, name), stat(told.later, name)
    if action == "stop":
        if well and (now.state, later.state) != (State.OFFLINE, State.OFFLINE):
            yield f"{name} was stopped, and is {now.state_text}, then {later.state_text}"
        return
    if well and now.state not in UP:
        yield f"all is well, and {name} is {now.state_text}"
    if well and later.state_text != now.state_text:
        yield f"all is well, and {name} is {now.state_text}, then {later.state_text}"
    if well and "-n ctr1" in told.command and now.server != "ctr1":
        yield f"{name} was asked for on ctr1, and is {now.state_text}"
    goes_on = "stays in force" in told.said.text or "as before" in told.said.text
    if not well and not goes_on and now.state not in UP and later.state in UP:
        yield f"it failed, and then {name} is {later.state_text}"


def judged(case: Combination) -> list[str]:
    """Every untruth of a story, with the command and what it printed."""
    story = play(case)
    wrong = [(told, untruth) for told in story for untruth in untruths(told)]
    must = next((told for told in story if told.command == DONE.get(str(case))), None)
    if must is not None and must.said.status:
        wrong.append((must, "it has to be done"))
    return [f"$ crsctl {told.command}\n{told.said.text}\n=> {why}" for told, why in wrong]


@pytest.mark.parametrize("case", [short for short in cases() if str(short) in SHORT], ids=str)
def test_what_commands_say_is_true(case: Combination) -> None:
    """Done, or refused or ended with a cause; and soon."""
    wrong = judged(case)
    assert not wrong, "\n\n".join(wrong)


def test_the_short_ones_are_among_all() -> None:
    """None is misspelt."""
    assert set(SHORT) <= {str(case) for case in cases()}


@pytest.mark.long
@pytest.mark.parametrize("case", cases()[::5], ids=str)
def test_what_commands_say_is_true_of_every_kind(case: Combination) -> None:
    """Every fifth story: each kind in several conditions, and each condition with many kinds."""
    wrong = judged(case)
    assert not wrong, "\n\n".join(wrong)
