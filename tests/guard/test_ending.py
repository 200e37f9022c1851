"""The order in which everything is ended, and what may be said of it afterwards."""

import itertools

import pytest

from understudy.guard.core.ending import ORDER, EndFound, Ending, EndScope, EndSeen, EndStage, EndStep

SEES = {
    EndStep.KILL_STARTERS: EndStep.SEE_STARTERS_DEAD,
    EndStep.KILL_GROUPS: EndStep.SEE_GROUPS_EMPTY,
    EndStep.SEEK_STRAYS: EndStep.SEE_STRAYS_DEAD,
}
"""What is done without waiting, and the step that sees what came of it."""
BLIND = {EndStep.KILL_STARTERS, EndStep.KILL_GROUPS, EndStep.HURRY_GROUPS, EndStep.SEEK_STRAYS}
AFTER_THE_END = {EndStep.SEE_ADDRESSES_KNOWN, EndStep.SHUT_FILE_SYSTEMS, EndStep.CUT_OFF_MOUNTS}
LEFT = EndFound(left=("it is not gone",))
UNTOLD = EndFound(unchecked=("it cannot be told",))
NOTHING = EndFound()


ALL = EndScope()


def passed(scope: EndScope = ALL, *, at: EndStep | None = None, found: EndFound = NOTHING) -> tuple[list[EndStep], list[EndStage], EndSeen]:
    """One pass in which one step finds something: the steps, the stage beside each, and what is said at the end."""
    ending, steps, stages = Ending(scope), list[EndStep](), list[EndStage]()
    while (step := ending.step) is not None:
        steps.append(step)
        stages.append(ending.stage)
        seen_before = step in steps[:-1]
        of_this = found if step is at else NOTHING
        ending.found(of_this if seen_before or step not in ORDER[0].steps else LEFT)
    return steps, [*stages, ending.stage], ending.ended()


def test_who_starts_things_is_killed_before_what_was_started_and_both_are_seen_gone() -> None:
    steps, stages, ended = passed()
    assert steps[0] is EndStep.KILL_STARTERS
    for done, seen in SEES.items():
        assert steps.index(done) < steps.index(seen)
    assert steps.index(EndStep.REMOVE_ADDRESSES) < steps.index(EndStep.SEE_GROUPS_EMPTY), "addresses wait for nobody that does not die"
    for answers in (EndStep.REMOVE_ADDRESSES, EndStep.SHUT_GATE, EndStep.MUTE_NAMESPACES):
        last = len(steps) - 1 - steps[::-1].index(answers)
        assert last > steps.index(EndStep.SEE_STRAYS_DEAD), "and once more when nobody is left who could add one"
    assert sorted(stages) == stages
    assert stages[-1] is EndStage.GONE
    assert ended == EndSeen(stopped=True, left=())


@pytest.mark.parametrize("step", [step for step in EndStep if step not in BLIND], ids=lambda step: step.name)
def test_what_is_not_gone_bars_the_next_life_and_what_cannot_be_told_bars_the_farewell(step: EndStep) -> None:
    _, stages, ended = passed(at=step, found=LEFT)
    assert not ended.stopped
    assert ended.left == LEFT.left
    assert (stages[-1] is EndStage.GONE) == (step in AFTER_THE_END), "GONE is never said of what is left"

    _, stages, ended = passed(at=step, found=UNTOLD)
    assert ended == EndSeen(stopped=True, left=UNTOLD.unchecked)
    assert stages[-1] is EndStage.GONE


def test_what_was_never_under_a_lease_is_left_alone() -> None:
    every = [step for part in ORDER for step in part.steps]
    for after_a_lease, in_order in itertools.product((True, False), repeat=2):
        steps, *_ = passed(EndScope(after_a_lease=after_a_lease, in_order=in_order))
        left_out = [step for step in every if step not in steps]
        ours = [EndStep.KILL_STARTERS, EndStep.SEE_STARTERS_DEAD] if not after_a_lease else []
        file_systems = [EndStep.SHUT_FILE_SYSTEMS] if in_order or not after_a_lease else []
        assert left_out == [*ours, *file_systems, *([EndStep.CUT_OFF_MOUNTS] if not after_a_lease else [])]


def test_nothing_is_said_before_everything_was_looked_at() -> None:
    with pytest.raises(AssertionError, match="before everything was checked"):
        Ending(EndScope()).ended()
