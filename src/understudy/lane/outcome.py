"""From an action of the executor to what happens to the lane: when it begins (`begin`), and what its outcome means (`ended`). Pure.

Called by `driver.py`. What comes of it is ruled on in `table.py`.
"""

from dataclasses import replace

from understudy.kinds.observed import Observed
from understudy.lane import silence
from understudy.lane.happenings import (
    ActionDone,
    ActionFailed,
    ActionHeld,
    CheckBegun,
    CheckDown,
    CheckHeld,
    CheckSilent,
    CheckUp,
    CleanBegun,
    Happening,
    Instant,
    LaneUpdate,
    RungBegun,
    StartBegun,
)
from understudy.lane.local import Local
from understudy.lane.phases import Down, Unseen
from understudy.lane.silence import UP
from understudy.lane.steps import Check, Clean, Climb, Start
from understudy.lane.table import happened
from understudy.model.actions import ActionOutcome
from understudy.model.resource import Resource
from understudy.model.state import State

MOST_HELD = 5
"""Times in a row that no process was to be had for an action, before it counts as failed."""


def begin(local: Local, step: Check | Start | Clean | Climb, now: float) -> LaneUpdate:
    """The memory when a step's action has begun."""
    match step:
        case Check():
            return happened(local, CheckBegun())
        case Start(epoch):
            return happened(local, StartBegun(epoch=epoch, now=now))
        case Clean():
            return happened(local, CleanBegun(now=now))
        case Climb(rung):
            return happened(local, RungBegun(rung=rung, now=now))


def ended(local: Local, resource: Resource, outcome: ActionOutcome, at: Instant) -> LaneUpdate:
    """The memory when the action in flight has ended."""
    action, local = local.action, replace(local, action=None, empty=at.empty, acted_at=at.now)
    if outcome.unanswered is None:
        local = replace(local, held=0, cannot="")
    if action != "check":
        return happened(local, _what_it_did(local, resource, outcome, at))
    event = _what_it_saw(local, resource, outcome, at)
    answered = isinstance(event, CheckUp | CheckDown)
    return happened(replace(local, held=0, cannot="") if answered else local, event)


def _what_it_did(local: Local, resource: Resource, outcome: ActionOutcome, at: Instant) -> Happening:
    """What came of a start, a clean or a rung."""
    if outcome.observed is Observed.DONE:
        return ActionDone(resource=resource, outcome=outcome, at=at)
    if _wait_for_it(local, outcome):
        return ActionHeld(resource=resource, outcome=outcome, at=at)
    return ActionFailed(resource=resource, outcome=outcome, at=at)


def _wait_for_it(local: Local, outcome: ActionOutcome) -> bool:
    """Whether it was not even tried, and is tried again: always if executor or lease is missing, a few times if no process can be had."""
    if silence.not_asked(outcome) or outcome.unanswered == "executor-away":
        return True
    return outcome.unanswered == "not-begun" and local.held + 1 < MOST_HELD


def _what_it_saw(local: Local, resource: Resource, outcome: ActionOutcome, at: Instant) -> Happening:
    """What came of a check."""
    if silence.not_asked(outcome):
        return CheckHeld(resource=resource, outcome=outcome, at=at)
    state = state_of(outcome, local.state)
    if state is None and _known_without_asking(local, outcome, at):
        ended = "its processes have ended" if outcome.housed is False else "none of its processes is alive"
        said = replace(outcome, output=(f"{ended}; its check did not tell: {silence.reason(outcome, resource)}",))
        return CheckDown(resource=resource, outcome=said, at=at)
    if state is None:
        return CheckSilent(resource=resource, outcome=outcome, at=at)
    if state is State.OFFLINE:
        return CheckDown(resource=resource, outcome=outcome, at=at)
    return CheckUp(resource=resource, outcome=outcome, at=at, state=state)


def state_of(outcome: ActionOutcome, before: State | None) -> State | None:
    """What a check's answer means for the state; None: it did not tell."""
    match outcome.observed:
        case Observed.ONLINE:
            return State.ONLINE
        case Observed.PARTIAL:
            return State.INTERMEDIATE
        case Observed.UNCLEAR:
            return State.INTERMEDIATE if before in UP else None
        case Observed.OFFLINE:
            return State.OFFLINE
        case _:
            return None


def _known_without_asking(local: Local, outcome: ActionOutcome, at: Instant) -> bool:
    """Whether it is known not to run although its check did not answer.

    The kernel saw its processes, and sees none any more; or its script is not even there, none of its processes is alive, and this server's
    present life never said that it ran here (a mount whose script somebody took away may still be mounted).
    """
    if silence.gone(outcome, at):
        return True
    match local.phase:
        case Down(dirty=False) | Unseen(dirty=False, believed=None | State.OFFLINE):
            return silence.fault_of_script(outcome) and at.empty
        case _:
            return False
