"""The stop ladder: rungs, the check after each, and what cannot be stopped. Pure; rows of `table.py`."""

from dataclasses import replace

from understudy.lane import budget, silence
from understudy.lane.causes import how_it_failed, with_output
from understudy.lane.happenings import (
    ActionDone,
    ActionEnd,
    ActionFailed,
    ActionHeld,
    CheckDown,
    CheckSilent,
    CheckUp,
    HistoryLine,
    LaneUpdate,
    RungBegun,
    milliseconds,
)
from understudy.lane.local import Local
from understudy.lane.phases import Climbing, Down, Rung, Stuck, Up
from understudy.lane.steps import Check, Clean, Climb, LaneAction, Start
from understudy.lane.watching import looked_at_and_down
from understudy.model import events
from understudy.model.actions import ActionName
from understudy.model.view import Failure

UNCLEAN = "its clean had failed; nothing of it is left all the same"
"""Why a ladder ended well although its clean did not."""
STUCK_AGAIN_S = 10.0
"""Until an UNKNOWN resource is looked at again."""
RUNG_ACTIONS: dict[Rung, ActionName] = {Rung.STOP: "stop", Rung.ABORT: "abort", Rung.CLEAN: "clean", Rung.KILL: "clean"}
"""A kill of what has no processes is its clean."""


def action_of(step: LaneAction) -> ActionName:
    """What an agent is asked for in this step."""
    match step:
        case Start():
            return "start"
        case Clean():
            return "clean"
        case Climb(rung):
            return RUNG_ACTIONS[rung]
        case Check():
            return "check"


_BEGUN = {Rung.STOP: events.STOP_BEGUN, Rung.CLEAN: events.CLEAN_BEGUN}

# --- the rungs ------------------------------------------------------------------------------------------------------


def begin_ladder(local: Local, phase: Down | Up | Stuck, event: RungBegun) -> LaneUpdate:
    """The first rung: a stop, or the clean of what does not run."""
    climbing = Climbing(rung=event.rung, before=phase, since=event.now, stopping=event.rung is Rung.STOP)
    return _begun(local, climbing)


def begin_rung(local: Local, phase: Climbing, event: RungBegun) -> LaneUpdate:
    """The next rung, or the same once more if it could not be run."""
    return _begun(local, replace(phase, rung=event.rung))


def _begun(local: Local, climbing: Climbing) -> LaneUpdate:
    kind = _BEGUN.get(climbing.rung)
    lines = (HistoryLine(kind=kind),) if kind and not local.held else ()
    return LaneUpdate(local=replace(local, phase=climbing, action=RUNG_ACTIONS[climbing.rung]), lines=lines)


def rung_done(local: Local, phase: Climbing, event: ActionDone) -> LaneUpdate:
    """Whatever it says, a check decides."""
    tried = _tried(local, replace(phase, overran=False))
    if phase.rung is Rung.KILL:
        return LaneUpdate(local=tried, lines=(_killed(event),))
    reported = phase.rung is Rung.CLEAN and phase.stopping  # else the check after it tells that the clean is done
    line = HistoryLine(kind=events.CLEAN_DONE, ms=milliseconds(event.outcome.duration_s))
    return LaneUpdate(local=tried, lines=(line,) if reported else ())


def rung_failed(local: Local, phase: Climbing, event: ActionFailed) -> LaneUpdate:
    """Whatever it says, a check decides."""
    unclean = phase.unclean or phase.rung is Rung.CLEAN
    tried = _tried(local, replace(phase, overran=event.outcome.timed_out, unclean=unclean))
    if phase.rung is Rung.KILL:
        return LaneUpdate(local=tried, lines=(_killed(event),))
    kind = events.CLEAN_FAILED if phase.rung is Rung.CLEAN else events.STOP_FAILED
    why = how_it_failed(event.resource, RUNG_ACTIONS[phase.rung], event.outcome)
    return LaneUpdate(local=tried, lines=(HistoryLine(kind=kind, ms=milliseconds(event.outcome.duration_s), text=why),))


def rung_held(local: Local, phase: Climbing, event: ActionHeld) -> LaneUpdate:
    """It was not tried: the same rung again, or, where that would have been the first, it is what it was before."""
    return silence.held_up(replace(local, phase=phase.before if phase.first else phase), event.outcome, event.at.now)


def _tried(local: Local, phase: Climbing) -> Local:
    return replace(local, phase=replace(phase, confirming=True), held=0, cannot="")


def _killed(event: ActionEnd) -> HistoryLine:
    return HistoryLine(kind=events.KILLED, text="" if event.at.empty else "processes are left")


# --- the check after a rung -----------------------------------------------------------------------------------------


def rung_left_it_up(local: Local, phase: Climbing, event: CheckUp) -> LaneUpdate:
    """The next rung. Of what is only monitored nothing runs here: its stop ends the monitoring, whatever its interface is."""
    return _ended(local, phase, event) if event.resource.kind.only_looked_at else _left(local, phase, event)


def rung_left_nothing(local: Local, phase: Climbing, event: CheckDown) -> LaneUpdate:
    """The end of the ladder, unless processes are left."""
    ended = event.resource.kind.only_looked_at or event.at.empty
    return _ended(local, phase, event) if ended else _left(local, phase, event)


def rung_unanswered(local: Local, phase: Climbing, event: CheckSilent) -> LaneUpdate:
    """Silence of the resource says that something is left; that nothing could be asked says nothing, for a while."""
    silent, _ = silence.silent_check(local, event.resource, event.outcome, event.at)
    if silence.could_not_ask(event.outcome) and silent.local.silent < event.resource.check_failures:
        return silent
    after = replace(silent.local, hold_until=local.hold_until)
    over = _ended(after, phase, event) if event.resource.kind.only_looked_at else _left(after, phase, event)
    return replace(over, lines=(*silent.lines, *over.lines))


def _ended(local: Local, phase: Climbing, event: ActionEnd) -> LaneUpdate:
    at, before = event.at, phase.before
    down = replace(before, dirty=False) if isinstance(before, Down) else Down()
    off = replace(
        local,
        phase=down,
        silent=0,
        details="",
        changed_wall=at.wall,
        check_due=at.now + silence.offline_look_s(event.resource, event.outcome, at.spread),
    )
    if local.budget.failure is not None and local.budget.failure.kind == "stop":  # the pauses of a failed start go on growing
        off = replace(off, budget=replace(local.budget, failure=None, retries=0, retry_at=0.0))
    kind, cause = events.STOP_DONE if phase.stopping else events.CLEAN_DONE, UNCLEAN if phase.unclean else ""
    return LaneUpdate(local=off, lines=(HistoryLine(kind=kind, ms=milliseconds(at.now - phase.since), cause=cause),))


def _left(local: Local, phase: Climbing, event: ActionEnd) -> LaneUpdate:
    at, retries = event.at, local.budget.retries
    if phase.rung is not Rung.KILL:
        return LaneUpdate(local=replace(local, phase=replace(phase, rung=phase.next, confirming=False), silent=0))
    holds = "processes are left in its control group" if not at.empty else with_output("the check still finds it", event.outcome)
    holds = f"stop, clean and kill were tried: {holds}"
    failure = Failure(kind="stop", epoch=at.epoch, text=holds)
    stuck = replace(
        local,
        phase=Stuck(dirty=not isinstance(phase.before, Up) and phase.before.dirty),
        budget=replace(local.budget, failure=failure, retries=retries + 1, retry_at=at.now + budget.pause_s(retries + 3)),
        silent=0,
        check_due=at.now + STUCK_AGAIN_S,
        changed_wall=at.wall,
    )
    return LaneUpdate(local=stuck, lines=(HistoryLine(kind=events.UNRECOVERABLE, text=holds),))


# --- stuck ----------------------------------------------------------------------------------------------------------


def still_stuck(local: Local, phase: Stuck, event: CheckUp) -> LaneUpdate:
    """Looked at again soon: somebody may clear the way."""
    return LaneUpdate(local=replace(local, silent=0, check_due=event.at.now + STUCK_AGAIN_S))


def seen_gone(local: Local, phase: Stuck, event: CheckDown) -> LaneUpdate:
    """Somebody has cleared the way, if no process is left."""
    if not event.at.empty:
        return LaneUpdate(local=replace(local, silent=0, check_due=event.at.now + STUCK_AGAIN_S))
    return LaneUpdate(local=looked_at_and_down(local, Down(dirty=phase.dirty), event))


def stuck_unanswered(local: Local, phase: Stuck, event: CheckSilent) -> LaneUpdate:
    """It stays what it is."""
    return silence.silent_check(local, event.resource, event.outcome, event.at)[0]
