"""From down to up: the clean before a start, the start, and the check that confirms it. Pure; rows of `table.py`."""

from dataclasses import replace

from understudy.lane import silence
from understudy.lane.causes import how_it_failed, with_output
from understudy.lane.happenings import (
    ActionDone,
    ActionEnd,
    ActionFailed,
    ActionHeld,
    CheckDown,
    CheckSilent,
    CheckUp,
    CleanBegun,
    HistoryLine,
    LaneUpdate,
    StartBegun,
    milliseconds,
)
from understudy.lane.local import Local
from understudy.lane.phases import Cleaning, Climbing, Down, Rung, Starting, Up
from understudy.lane.watching import check_due, look_at_its_dependencies, watched, with_state
from understudy.model import events
from understudy.model.state import State

# --- the clean before it --------------------------------------------------------------------------------------------


def begin_clean(local: Local, phase: Down, event: CleanBegun) -> LaneUpdate:
    """What was left of it is taken away first."""
    lines = () if local.held else (HistoryLine(kind=events.CLEAN_BEGUN),)
    return LaneUpdate(local=replace(local, phase=Cleaning(down=phase, since=event.now), action="clean"), lines=lines)


def clean_done(local: Local, phase: Cleaning, event: ActionDone) -> LaneUpdate:
    """It may be started. If processes are left, the ladder goes on from there."""
    if not event.at.empty:
        return _clean_failed(local, phase, with_output("clean left processes behind", event.outcome))
    line = HistoryLine(kind=events.CLEAN_DONE, ms=milliseconds(event.outcome.duration_s))
    return LaneUpdate(local=replace(local, phase=replace(phase.down, dirty=False)), lines=(line,))


def clean_failed(local: Local, phase: Cleaning, event: ActionFailed) -> LaneUpdate:
    """The ladder goes on from there."""
    return _clean_failed(local, phase, how_it_failed(event.resource, "clean", event.outcome))


def clean_held(local: Local, phase: Cleaning, event: ActionHeld) -> LaneUpdate:
    """Nothing has happened; again after a pause."""
    return silence.held_up(replace(local, phase=phase.down), event.outcome, event.at.now)


def _clean_failed(local: Local, phase: Cleaning, why: str) -> LaneUpdate:
    climbing = Climbing(rung=Rung.CLEAN, before=phase.down, since=phase.since, confirming=True, unclean=True)
    line = HistoryLine(kind=events.CLEAN_FAILED, text=why)
    return LaneUpdate(local=replace(local, phase=climbing, held=0, cannot=""), lines=(line,))


# --- the start ------------------------------------------------------------------------------------------------------


def begin_start(local: Local, phase: Down, event: StartBegun) -> LaneUpdate:
    """What the kernel reported before does not matter any more."""
    begun = replace(local, phase=Starting(since=event.now), action="start", start_epoch=event.epoch, alarmed=False)
    return LaneUpdate(local=begun, lines=() if local.held else (HistoryLine(kind=events.START_BEGUN),))


def start_done(local: Local, phase: Starting, event: ActionDone) -> LaneUpdate:
    """A check has to confirm it."""
    return LaneUpdate(local=replace(local, phase=replace(phase, confirming=True), details=event.outcome.details or ""))


def start_failed(local: Local, phase: Starting, event: ActionFailed) -> LaneUpdate:
    """It is down again. Where it was not even begun there is nothing to clean."""
    why = how_it_failed(event.resource, "start", event.outcome)
    return _down_again(local, phase, event, why, dirty=not silence.could_not_ask(event.outcome))


def start_held(local: Local, phase: Starting, event: ActionHeld) -> LaneUpdate:
    """If it was begun, how far it came nobody can say: it is cleaned first."""
    begun = event.outcome.unanswered in ("halted", "executor-away")
    return silence.held_up(replace(local, phase=Down(dirty=begun)), event.outcome, event.at.now)


def confirmed(local: Local, phase: Starting, event: CheckUp) -> LaneUpdate:
    """It has come up."""
    return with_state(_came_up(local, phase, event, event.state), event)


def refuted(local: Local, phase: Starting, event: CheckDown) -> LaneUpdate:
    """The start said that it has done its work, and it has not."""
    return _down_again(local, phase, event, with_output("it was started, and the check says that it does not run", event.outcome))


def unconfirmed(local: Local, phase: Starting, event: CheckSilent) -> LaneUpdate:
    """A start has ended well, and its check did not answer: not STARTING without end."""
    silent, verdict = silence.silent_check(local, event.resource, event.outcome, event.at)
    after = replace(silent.local, hold_until=0.0)
    if verdict == "failed":
        why = f"it was started, and {after.silent} checks in a row did not answer: {silence.reason(event.outcome, event.resource)}"
        over = _down_again(after, phase, event, why)
    elif verdict == "alive":  # nothing can be asked, and the kernel sees it: taken for up, not for well
        over = _came_up(after, phase, event, State.INTERMEDIATE)
        over = replace(over, local=replace(over.local, details=after.details, silent=after.silent, check_due=after.check_due))
    else:
        return silent
    return replace(over, lines=(*silent.lines, *over.lines))


def _down_again(local: Local, phase: Starting, event: ActionEnd, why: str, *, dirty: bool = True) -> LaneUpdate:
    failed = replace(
        local,
        phase=Down(dirty=dirty, uncharged=True, trouble=why),
        budget=replace(local.budget, failed_starts=local.budget.failed_starts + 1),
        silent=0,
        details="",
    )
    line = HistoryLine(kind=events.START_FAILED, ms=milliseconds(event.at.now - phase.since), text=why)
    return LaneUpdate(local=failed, lines=(line,), alarm=look_at_its_dependencies(event.resource))


def _came_up(local: Local, phase: Starting, event: ActionEnd, state: State) -> LaneUpdate:
    now, wall = event.at.now, event.at.wall
    phase_now = Up(state=state, since=now, partial_since=now)
    up = replace(
        local,
        phase=phase_now,
        budget=replace(local.budget, failure=None, failed_starts=0, retry_at=0.0, hastes=0),
        starts=local.starts + 1,
        silent=0,
        epoch=local.start_epoch,
        details=event.outcome.details or local.details,
        check_due=check_due(event.resource, phase_now, now),
        changed_wall=wall,
        started_wall=wall,
    )
    return watched(up, event, (HistoryLine(kind=events.START_DONE, ms=milliseconds(now - phase.since)),), anew=True)
