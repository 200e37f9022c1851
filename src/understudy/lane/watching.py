"""What is up, and what is looked at: checks of what runs, of what was not looked at yet, and of what is down. Pure; rows of `table.py`.

Three kinds of evidence are kept apart: the check says no, the check did not answer, the kernel says it is gone (design section 6).
"""

from collections.abc import Iterator
from dataclasses import replace

from understudy.kinds.observed import Observed
from understudy.lane import silence
from understudy.lane.happenings import (
    ActionEnd,
    Alarm,
    CheckBegun,
    CheckDown,
    CheckHeld,
    CheckSilent,
    CheckUp,
    HistoryLine,
    LaneUpdate,
    Redefined,
)
from understudy.lane.local import Local
from understudy.lane.phases import Down, Phase, Starting, Unseen, Up
from understudy.model import events
from understudy.model.names import ResourceName
from understudy.model.resource import DependencyKind, Resource
from understudy.model.state import State

# --- in any phase ---------------------------------------------------------------------------------------------------


def begin_check(local: Local, phase: Phase, event: CheckBegun) -> LaneUpdate:
    """It answers whatever the kernel reported before."""
    return LaneUpdate(local=replace(local, action="check", alarmed=False))


def check_held(local: Local, phase: Phase, event: CheckHeld) -> LaneUpdate:
    """It was not asked: it is to be asked soon."""
    return silence.held_up(replace(local, alarmed=True), event.outcome, event.at.now)


def alarmed(local: Local, phase: Phase, event: Alarm) -> LaneUpdate:
    """It is checked as soon as possible."""
    return LaneUpdate(local=replace(local, alarmed=True))


def looked_at_anyhow(local: Local, phase: Unseen, event: Alarm) -> LaneUpdate:
    """Its first look is to come, or under way."""
    return LaneUpdate(local=local)


def alarmed_while_starting(local: Local, phase: Starting, event: Alarm) -> LaneUpdate:
    """A start makes and ends processes of its own; what happens after it, also before it is confirmed, is checked."""
    return LaneUpdate(local=replace(local, alarmed=True) if local.action != "start" else local)


# --- up -------------------------------------------------------------------------------------------------------------


def still_up(local: Local, phase: Up, event: CheckUp) -> LaneUpdate:
    """As before, or in another way."""
    resource, at = event.resource, event.at
    proven = at.now >= phase.since + resource.uptime_threshold_s
    budget, other = local.budget, event.state is not phase.state
    seen = replace(in_state(phase, event.state, at.now), proven=proven)
    if is_overdue(resource, seen, at.now):
        return _partial_for_long(local, seen, event, event.outcome.details or "\n".join(event.outcome.output))
    up = replace(
        local,
        phase=seen,
        budget=replace(budget, restarts=0, retries=0) if proven else budget,
        silent=0,
        details=event.outcome.details or "",
        check_due=check_due(resource, seen, at.now),
        changed_wall=at.wall if other else local.changed_wall,
    )
    return watched(up, event, (_other_state(event),) if other else ())


def _other_state(event: CheckUp) -> HistoryLine:
    """What is up is so in another way than before."""
    if event.state is State.ONLINE:
        return HistoryLine(kind=events.ONLINE_AGAIN)
    outcome = event.outcome
    meaning = "it is partly online" if outcome.observed is Observed.PARTIAL else "it cannot tell"
    said = outcome.details or "\n".join(outcome.output)
    number = "" if outcome.status is None else f" {outcome.status}"
    return HistoryLine(kind=events.INTERMEDIATE, cause=f"the check says{number}: {meaning}", text=said)


def died(local: Local, phase: Up, event: CheckDown) -> LaneUpdate:
    """It ran and does not run any more, by itself."""
    status = event.outcome.status
    cause = "" if status in (None, 0, 1) else f"the check says {status}"
    return _failed(local, event, "\n".join(event.outcome.output) or "the check says that it does not run", cause)


def unanswered(local: Local, phase: Up, event: CheckSilent) -> LaneUpdate:
    """INTERMEDIATE at once, a failure only after CHECK_FAILURES in a row, one more under pressure."""
    silent, verdict = silence.silent_check(local, event.resource, event.outcome, event.at)
    after = silent.local
    if verdict == "failed":
        return _silent_for_long(silent, event)
    between = in_state(phase, State.INTERMEDIATE, event.at.now)
    if is_overdue(event.resource, between, event.at.now) and not silence.could_not_ask(event.outcome):
        down = _partial_for_long(after, between, event, silence.reason(event.outcome, event.resource))
        return replace(down, lines=(*silent.lines, *down.lines))
    for_long = verdict == "alive" and after.silent == event.resource.check_failures
    cause = f"{after.silent} checks in a row"
    cannot = HistoryLine(kind=events.NOT_BEGUN, cause=cause, text=silence.reason(event.outcome, event.resource))
    due = min(after.check_due, check_due(event.resource, between, event.at.now))
    waiting = replace(after, phase=between, check_due=due)
    return LaneUpdate(local=waiting, lines=(*silent.lines, *((cannot,) if for_long else ())))


def in_state(phase: Up, state: State, now: float) -> Up:
    """What is up, in this state from now on, or as it was."""
    partial = state is State.INTERMEDIATE
    since = now if partial and phase.state is not state else phase.partial_since
    return replace(phase, state=state, partial_since=since)


def check_due(resource: Resource, phase: Up, now: float) -> float:
    """When what is up is checked next: after CHECK_INTERVAL, or sooner, once it has proved itself or was INTERMEDIATE for too long."""
    return min([now + resource.check_interval_s, *(at for at in _moments(resource, phase) if at > now)])


def _moments(resource: Resource, phase: Up) -> Iterator[float]:
    """When UPTIME_THRESHOLD and INTERMEDIATE_TIMEOUT have passed, as far as they matter."""
    if not phase.proven:
        yield phase.since + resource.uptime_threshold_s
    if phase.state is State.INTERMEDIATE and resource.intermediate_timeout_s:
        yield phase.partial_since + resource.intermediate_timeout_s


def is_overdue(resource: Resource, phase: Up, now: float) -> bool:
    """INTERMEDIATE for longer than INTERMEDIATE_TIMEOUT."""
    timeout_s = resource.intermediate_timeout_s
    return phase.state is State.INTERMEDIATE and timeout_s > 0 and now >= phase.partial_since + timeout_s


def _partial_for_long(local: Local, phase: Up, event: ActionEnd, said: str) -> LaneUpdate:
    for_s = event.at.now - phase.partial_since
    why = f"INTERMEDIATE for {for_s:.0f} s, which INTERMEDIATE_TIMEOUT={event.resource.intermediate_timeout_s:g} s calls a failure"
    return _failed(local, event, f"{why}: {said}" if said else why)


def redefined(local: Local, phase: Phase, event: Redefined) -> LaneUpdate:
    """What is up is checked at once where its actions are others now, else when its new attributes say; what is down is looked at again."""
    before, after = event.before, event.after
    if isinstance(phase, Down):
        again = before.offline_check_interval_s != after.offline_check_interval_s
        return LaneUpdate(local=replace(local, check_due=0.0) if again else local)
    if not isinstance(phase, Up):
        return LaneUpdate(local=local)
    earlier_s = max(0.0, before.check_interval_s - after.check_interval_s)
    new = set(_moments(after, phase)) - set(_moments(before, phase))
    due = min([local.check_due - earlier_s, *new])
    return LaneUpdate(local=replace(local, check_due=due, alarmed=local.alarmed or event.acts_anew))


def _silent_for_long(silent: LaneUpdate, event: CheckSilent) -> LaneUpdate:
    why = f"{silent.local.silent} checks in a row did not answer: {silence.reason(event.outcome, event.resource)}"
    down = _failed(silent.local, event, why)
    return replace(down, lines=(*silent.lines, *down.lines))


def _failed(local: Local, event: ActionEnd, text: str, cause: str = "") -> LaneUpdate:
    down = replace(
        local,
        phase=Down(dirty=True, uncharged=True, trouble=text),
        details="",
        silent=0,
        changed_wall=event.at.wall,
    )
    line = HistoryLine(kind=events.FAILED, text=text, cause=cause)
    return LaneUpdate(local=down, lines=(line,), alarm=look_at_its_dependencies(event.resource))


def look_at_its_dependencies(resource: Resource) -> tuple[ResourceName, ...]:
    """Its hard dependencies: they are looked at before its failure is charged."""
    dependencies = (*resource.start, *resource.stop)
    return tuple(dict.fromkeys(ResourceName(each.entity) for each in dependencies if each.kind is DependencyKind.HARD and not each.is_type))


def watched(up: Local, event: ActionEnd, lines: tuple[HistoryLine, ...] = (), *, anew: bool = False) -> LaneUpdate:
    """While it is up: whether the kernel watches its processes. Reported when it no longer does, after the other `lines`.

    `anew`: it has just come up, or was found; else it was up before, and watched.
    """
    assert isinstance(up.phase, Up)
    outcome, phase = event.outcome, up.phase
    if not event.resource.kind.housed:
        return LaneUpdate(local=up, lines=lines)
    in_place = outcome.housed is True or event.resource.kind.guarded_without_processes(event.resource)
    guarded = in_place and not outcome.strays
    if phase.guarded and outcome.strays:
        text = f"outside its control group: {', '.join(outcome.strays)}; only checks notice its end"
        lines = (*lines, HistoryLine(kind=events.UNGUARDED, cause="it has left its control group", text=text))
    elif phase.guarded and not guarded:
        text = "no process of it is in its control group: only checks notice its end"
        left = "" if anew else "it has left its control group"  # else it is a mount that is not declared, or another manager has started it
        lines = (*lines, HistoryLine(kind=events.UNGUARDED, cause=left, text=text))
    return LaneUpdate(local=replace(up, phase=replace(phase, guarded=guarded)), lines=lines)


# --- not looked at yet, and down ------------------------------------------------------------------------------------


def found(local: Local, phase: Unseen | Down, event: CheckUp) -> LaneUpdate:
    """It runs, though nothing here has started it in this daemon's life."""
    known = isinstance(phase, Unseen) and phase.believed is State.INTERMEDIATE
    return with_state(_found(local, event, event.state), event, known=known)


def with_state(up: LaneUpdate, event: CheckUp, *, known: bool = False) -> LaneUpdate:
    """What has come up, or was found, is INTERMEDIATE: that has a line of its own, unless it was known."""
    return up if known or event.state is State.ONLINE else replace(up, lines=(*up.lines, _other_state(event)))


def _found(local: Local, event: ActionEnd, state: State) -> LaneUpdate:
    at = event.at
    # a daemon before this one has seen it INTERMEDIATE already: that goes on
    goes_on = isinstance(local.phase, Unseen) and local.phase.believed is state is State.INTERMEDIATE
    partial_s = max(0.0, at.wall - local.changed_wall) if goes_on else 0.0
    phase = Up(state=state, since=at.now, partial_since=at.now - partial_s)
    up = replace(
        local,
        phase=phase,
        silent=0,
        details=event.outcome.details or "",
        epoch=at.epoch,
        check_due=check_due(event.resource, phase, at.now),
        changed_wall=local.changed_wall if goes_on else at.wall,
        started_wall=local.started_wall or at.wall,
    )
    stranger = bool(at.owner) and not at.mine
    text = f"it runs here too, where nobody assigned it: it belongs to {at.owner}" if stranger else ""
    return watched(up, event, (HistoryLine(kind=events.FOUND, cause="a second copy" if stranger else "", text=text),), anew=True)


def seen_down(local: Local, phase: Unseen, event: CheckDown) -> LaneUpdate:
    """The first look has ended."""
    return LaneUpdate(local=looked_at_and_down(local, Down(dirty=phase.dirty), event))


def still_down(local: Local, phase: Down, event: CheckDown) -> LaneUpdate:
    """Nothing new, but for what may have come to life in its group."""
    return LaneUpdate(local=looked_at_and_down(local, phase, event))


def looked_at_and_down(local: Local, phase: Down, event: CheckDown) -> Local:
    """A check says that it does not run, and nobody had expected that it did."""
    failure, at = local.budget.failure, event.at
    stopped_at_last = failure is not None and failure.kind == "stop"
    return replace(
        local,
        phase=replace(phase, dirty=phase.dirty or not at.empty),
        budget=replace(local.budget, failure=None) if stopped_at_last else local.budget,
        silent=0,
        details="",
        check_due=at.now + silence.offline_look_s(event.resource, event.outcome, at.spread),
        changed_wall=at.wall if local.state is not State.OFFLINE else local.changed_wall,
    )


def not_seen(local: Local, phase: Unseen, event: CheckSilent) -> LaneUpdate:
    """The first look goes on. What cannot be asked and is seen to live is up; what a new daemon finds in its group was started here, by
    this very life, and fails like what was known to run."""
    silent, verdict = silence.silent_check(local, event.resource, event.outcome, event.at)
    after = silent.local
    if silence.seen_living(event.outcome) and silence.could_not_ask(event.outcome):
        up = _found(after, event, State.INTERMEDIATE)
        seen = replace(up.local, details=after.details, check_due=after.check_due, silent=after.silent)
        return replace(up, local=seen, lines=(*silent.lines, *up.lines))
    if verdict == "failed" and not event.at.empty:
        return _silent_for_long(silent, event)
    return silent


def unanswered_while_down(local: Local, phase: Down, event: CheckSilent) -> LaneUpdate:
    """It stays down; after some silent checks it is asked as rarely as what answers, and what is seen to be left of it is cleaned away
    before it starts."""
    silent, _ = silence.silent_check(local, event.resource, event.outcome, event.at)
    if silent.local.silent < event.resource.check_failures:
        return silent
    rarely = event.at.now + silence.offline_look_s(event.resource, event.outcome, event.at.spread)
    left = not event.at.empty and not silence.could_not_ask(event.outcome)
    return replace(silent, local=replace(silent.local, check_due=rarely, phase=replace(phase, dirty=phase.dirty or left)))
