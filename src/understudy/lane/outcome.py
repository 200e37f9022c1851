"""From an action's outcome to the lane's next memory, with what to tell: pure.

Called by daemon/lanes.py when a step begins (`begin`) and when it has ended (`ended`). Three kinds of evidence are kept apart: the check
says no, the check did not answer, the kernel says it is gone (design section 6).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from understudy.lane.local import Local, Rung
from understudy.lane.steps import Check, Clean, Climb, Start, Step
from understudy.model import events
from understudy.model.actions import ActionName, ActionOutcome
from understudy.model.names import ResourceName
from understudy.model.resource import Kind, Resource
from understudy.model.state import State
from understudy.model.view import Failure

RETRY_MAX_S = 300.0
SOON_S = 0.2
"""After an action that could not be run at all."""
SILENT_AGAIN_S = 1.0
"""After a check that did not answer: sooner than the next regular one."""
PRESSURE = 20.0
"""PSI some avg10, per cent: above it a silent check buys one more try."""

RUNG_ACTIONS: dict[Rung, ActionName] = {Rung.STOP: "stop", Rung.ABORT: "abort", Rung.CLEAN: "clean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event for the history."""

    kind: str
    ms: float | None = None
    cause: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The memory after something happened, what to tell, and whom to look at because of it."""

    local: Local
    told: tuple[Told, ...] = ()
    alarm: tuple[ResourceName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When, and under which assignment, an outcome is taken in."""

    now: float
    wall: float
    epoch: int = 0
    last_resort: bool = False
    empty: bool = True
    """Whether the resource's control group was seen empty after the action."""


def begin(local: Local, step: Step, now: float) -> Turn:
    """The memory when a step's action has begun."""
    match step:
        case Check():
            return Turn(local=replace(local, action="check", action_since=now, alarmed=False))
        case Start(epoch):
            begun = replace(local, action="start", action_since=now, phase_since=now, starting=True, start_epoch=epoch, alarmed=False)
            return Turn(local=begun, told=(Told(kind=events.START_BEGUN),))
        case Clean():
            return Turn(local=replace(local, action="clean", action_since=now), told=(Told(kind=events.CLEAN_BEGUN),))
        case Climb(number):
            rung = Rung(number)
            since = now if local.rung is Rung.NONE or rung is Rung.STOP else local.phase_since
            climbed = replace(
                local, rung=rung, action=RUNG_ACTIONS.get(rung, "clean"), action_since=now, phase_since=since, starting=False,
                stopping=local.stopping or rung is Rung.STOP,
            )  # fmt: skip
            told = {Rung.STOP: events.STOP_BEGUN, Rung.CLEAN: events.CLEAN_BEGUN}.get(rung)
            return Turn(local=climbed, told=(Told(kind=told),) if told else ())
        case _:
            return Turn(local=local)


def ended(local: Local, resource: Resource, outcome: ActionOutcome, moment: Moment) -> Turn:
    """The memory when the action in flight has ended."""
    action, local = local.action, replace(local, action=None, empty=moment.empty)
    if local.rung not in (Rung.NONE, Rung.STUCK) and not local.check_after:
        return _rung_ended(local, outcome, moment)
    match action:
        case "start":
            return _start_ended(local, resource, outcome, moment)
        case "clean":
            return _clean_ended(local, outcome, moment)
        case _:
            return _check_ended(local, resource, outcome, moment)


# --- start ----------------------------------------------------------------------------------------------------------


def _start_ended(local: Local, resource: Resource, outcome: ActionOutcome, moment: Moment) -> Turn:
    if outcome.status == 0:
        return Turn(local=replace(local, check_after=True, details=outcome.details or ""))
    if _never_ran(outcome):
        return Turn(local=replace(local, starting=False, dirty=True, hold_until=moment.now + SOON_S))
    return _start_failed(local, resource, _words(outcome, "start did not end in time" if outcome.timed_out else "start failed"), moment)


def _start_failed(local: Local, resource: Resource, text: str, moment: Moment) -> Turn:
    failed = replace(
        local,
        starting=False,
        check_after=False,
        state=State.OFFLINE,
        dirty=True,
        silent=0,
        details="",
        uncharged=True,
        trouble=text,
        failed_starts=local.failed_starts + 1,
    )
    told = Told(kind=events.START_FAILED, ms=_ms(moment.now - local.phase_since), text=text)
    return Turn(local=failed, told=(told,), alarm=_leant_on(resource))


def _came_up(local: Local, state: State, outcome: ActionOutcome, resource: Resource, moment: Moment) -> Turn:
    up = replace(
        local,
        state=state,
        starting=False,
        check_after=False,
        starts=local.starts + 1,
        silent=0,
        failure=None,
        failed_starts=0,
        retry_at=0.0,
        epoch=local.start_epoch,
        details=outcome.details or local.details,
        up_since=moment.now,
        proven=False,
        check_due=moment.now + resource.check_interval_s,
        changed_wall=moment.wall,
        started_wall=moment.wall,
    )
    return Turn(local=up, told=(Told(kind=events.START_DONE, ms=_ms(moment.now - local.phase_since)),))


# --- clean and the ladder -------------------------------------------------------------------------------------------


def _clean_ended(local: Local, outcome: ActionOutcome, moment: Moment) -> Turn:
    """The clean before a start. If it fails or leaves processes, the ladder goes on from there."""
    if outcome.status == 0 and moment.empty:
        return Turn(local=replace(local, dirty=False), told=(Told(kind=events.CLEAN_DONE, ms=_ms(outcome.duration_s)),))
    if _never_ran(outcome):
        return Turn(local=replace(local, hold_until=moment.now + SOON_S))
    told = Told(kind=events.CLEAN_FAILED, text=_words(outcome, "clean left processes behind"))
    return Turn(local=replace(local, rung=Rung.CLEAN, check_after=True, phase_since=local.action_since), told=(told,))


def _rung_ended(local: Local, outcome: ActionOutcome, moment: Moment) -> Turn:
    """A rung was tried; whatever it says, a check decides."""
    tried = replace(local, check_after=True, overran=outcome.timed_out)
    if _never_ran(outcome) and local.rung is not Rung.KILL:
        # no executor, no verdict: the same rung again
        back = Rung.STOP if local.rung is Rung.CLEAN and not local.overran else Rung(local.rung - 1)
        return Turn(local=replace(tried, check_after=False, rung=back, hold_until=moment.now + SOON_S))
    if local.rung is Rung.KILL:
        return Turn(local=tried, told=(Told(kind=events.KILLED, text="" if moment.empty else "processes are left"),))
    if outcome.status == 0:
        told = local.rung is Rung.CLEAN and local.stopping  # else the check after it tells that the clean is done
        return Turn(local=tried, told=(Told(kind=events.CLEAN_DONE, ms=_ms(outcome.duration_s)),) if told else ())
    kind = events.CLEAN_FAILED if local.rung is Rung.CLEAN else events.STOP_FAILED
    return Turn(local=tried, told=(Told(kind=kind, ms=_ms(outcome.duration_s), text=_words(outcome, _how_it_failed(outcome))),))


def next_rung(local: Local) -> Rung:
    """What follows when the last rung left something: abort only after a stop that overran."""
    if local.rung is Rung.STOP and not local.overran:
        return Rung.CLEAN
    return Rung(local.rung + 1)


def _ladder_checked(local: Local, state: State | None, outcome: ActionOutcome, moment: Moment) -> Turn:
    """The check after a rung."""
    done = replace(local, check_after=False)
    if state is State.OFFLINE and moment.empty:
        off = replace(
            done, state=State.OFFLINE, rung=Rung.NONE, dirty=False, up_since=None, proven=False, silent=0, details="",
            changed_wall=moment.wall,
        )  # fmt: skip
        if local.failure is not None and local.failure.kind == "stop":
            off = replace(off, failure=None, retries=0, retry_at=0.0)  # the pauses of a failed start go on growing
        kind = events.STOP_DONE if local.stopping else events.CLEAN_DONE
        return Turn(local=replace(off, stopping=False), told=(Told(kind=kind, ms=_ms(moment.now - local.phase_since)),))
    if local.rung is not Rung.KILL:
        return Turn(local=done)
    holds = "processes are left in its control group" if not moment.empty else _words(outcome, "the check still finds it")
    holds = f"stop, clean and kill were tried: {holds}"
    stuck = replace(
        done,
        state=State.UNKNOWN,
        rung=Rung.STUCK,
        failure=Failure(kind="stop", epoch=moment.epoch, text=holds),
        retries=local.retries + 1,
        retry_at=moment.now + pause_s(local.retries + 3),
        check_due=moment.now + 10.0,
        changed_wall=moment.wall,
    )
    return Turn(local=stuck, told=(Told(kind=events.UNRECOVERABLE, text=holds),))


# --- check ----------------------------------------------------------------------------------------------------------


def observed(outcome: ActionOutcome, before: State | None) -> State | None:
    """What a check's answer means (clusterware reference 7.2); None: it did not tell."""
    match outcome.status:
        case None:
            return None
        case 0:
            return State.ONLINE
        case 4:
            return State.INTERMEDIATE
        case 3:
            return State.INTERMEDIATE if before in (State.ONLINE, State.INTERMEDIATE) else None
        case _:
            return State.OFFLINE


def _check_ended(local: Local, resource: Resource, outcome: ActionOutcome, moment: Moment) -> Turn:
    state = observed(outcome, local.state)
    if _never_ran(outcome):
        return Turn(local=replace(local, hold_until=moment.now + SOON_S))
    if local.rung not in (Rung.NONE, Rung.STUCK):
        return _ladder_checked(local, state, outcome, moment)
    if state is None:
        return _silent(local, resource, outcome, moment)
    if local.starting:
        if state is State.OFFLINE:
            return _start_failed(local, resource, _words(outcome, "it was started, and the check says that it does not run"), moment)
        return _came_up(local, state, outcome, resource, moment)
    local = replace(local, silent=0, check_after=False)
    if local.state in (State.ONLINE, State.INTERMEDIATE):
        return _was_up(local, state, outcome, resource, moment)
    return _was_down(local, state, outcome, resource, moment)


def _was_up(local: Local, state: State, outcome: ActionOutcome, resource: Resource, moment: Moment) -> Turn:
    if state is State.OFFLINE:
        return _failed(local, resource, _words(outcome, "the check says that it does not run"), moment)
    proven = local.up_since is not None and moment.now - local.up_since >= resource.uptime_threshold_s
    up = replace(
        local,
        state=state,
        details=outcome.details or "",
        check_due=moment.now + resource.check_interval_s,
        proven=proven,
        restarts=0 if proven else local.restarts,
        retries=0 if proven else local.retries,
        changed_wall=moment.wall if state is not local.state else local.changed_wall,
    )
    return Turn(local=up)


def _was_down(local: Local, state: State, outcome: ActionOutcome, resource: Resource, moment: Moment) -> Turn:
    """The first look, or a look at something that was OFFLINE or UNKNOWN."""
    if state is State.OFFLINE:
        stuck = local.rung is Rung.STUCK and not moment.empty
        if stuck:
            return Turn(local=replace(local, check_due=moment.now + 10.0))
        off = replace(
            local,
            state=State.OFFLINE,
            rung=Rung.NONE,
            dirty=local.dirty or not moment.empty,
            details="",
            failure=None if local.failure is not None and local.failure.kind == "stop" else local.failure,
            check_due=moment.now + resource.check_interval_s,
            changed_wall=moment.wall if local.state is not State.OFFLINE else local.changed_wall,
        )
        return Turn(local=off)
    if local.rung is Rung.STUCK:
        return Turn(local=replace(local, check_due=moment.now + 10.0))
    found = replace(
        local,
        state=state,
        details=outcome.details or "",
        epoch=moment.epoch,
        up_since=moment.now,
        proven=False,
        dirty=False,
        uncharged=False,
        check_due=moment.now + resource.check_interval_s,
        changed_wall=moment.wall,
        started_wall=local.started_wall or moment.wall,
    )
    return Turn(local=found, told=(Told(kind=events.FOUND),))


def _silent(local: Local, resource: Resource, outcome: ActionOutcome, moment: Moment) -> Turn:
    """The check did not answer: INTERMEDIATE at once, a failure only after CHECK_FAILURES in a row, one more under pressure."""
    silent = local.silent + 1
    allowed = resource.check_failures + (1 if any(one > PRESSURE for one in outcome.pressure.values()) else 0)
    told = Told(kind=events.CHECK_SILENT, ms=_ms(outcome.duration_s), cause=f"{silent} of {allowed}")
    again = replace(local, silent=silent, check_due=moment.now + min(SILENT_AGAIN_S, resource.check_interval_s))
    if silent < allowed:
        if local.state in (State.ONLINE, State.INTERMEDIATE):
            again = replace(again, state=State.INTERMEDIATE, details="CHECK TIMED OUT")
        return Turn(local=again, told=(told,))
    if local.starting:
        turn = _start_failed(local, resource, f"it was started, and {silent} checks in a row did not answer", moment)
    elif local.state in (State.ONLINE, State.INTERMEDIATE):
        turn = _failed(local, resource, f"{silent} checks in a row did not answer", moment)
    else:
        return Turn(local=replace(again, details="CHECK TIMED OUT"), told=(told,))
    return Turn(local=turn.local, told=(told, *turn.told), alarm=turn.alarm)


def _failed(local: Local, resource: Resource, text: str, moment: Moment) -> Turn:
    """It ran and does not run any more, by itself."""
    down = replace(
        local,
        state=State.OFFLINE,
        details="",
        silent=0,
        check_after=False,
        dirty=True,
        uncharged=True,
        trouble=text,
        up_since=None,
        proven=False,
        changed_wall=moment.wall,
    )
    return Turn(local=down, told=(Told(kind=events.FAILED, text=text),), alarm=_leant_on(resource))


# --- the restart budget ---------------------------------------------------------------------------------------------


def charge(local: Local, resource: Resource, down: Iterable[ResourceName], moment: Moment) -> Turn:
    """Decide what a failure costs: nothing while a dependency is down (somebody else's outage), else one restart, or the verdict."""
    settled = replace(local, uncharged=False)
    if tuple(down):
        # a start that fails again is not repeated in circles: with growing pauses, until the dependency is back
        again_at = moment.now + pause_s(local.failed_starts - 1) if local.failed_starts else 0.0
        return Turn(local=replace(settled, retry_at=again_at))
    if local.failed_starts and (resource.local or local.epoch != local.start_epoch):
        # it was never up under this assignment: that is a verdict on this server
        return Turn(local=_given_up(settled, Failure(kind="start", epoch=local.start_epoch, text=local.trouble), moment))
    if local.restarts < resource.restart_attempts:
        return Turn(local=replace(settled, restarts=local.restarts + 1))
    text = f"RESTART_ATTEMPTS={resource.restart_attempts} used up"
    failure = Failure(kind="restarts", epoch=moment.epoch, text=f"{text}; {local.trouble}" if local.trouble else text)
    return Turn(local=_given_up(settled, failure, moment), told=(Told(kind=events.RESTARTS_USED, text=text),))


def renewed(local: Local, epoch: int) -> Local:
    """The memory under a new assignment: budget, failure and pauses begin afresh. What is up, and not being stopped, goes on under it."""
    fresh = replace(local, assigned=epoch, restarts=0, failure=None, retries=0, retry_at=0.0, uncharged=False, failed_starts=0)
    return replace(fresh, epoch=epoch) if local.up else fresh


def pause_s(retries: int) -> float:
    """Growing pauses between retries where no candidate is left: 1, 2, 4 .. 300 s."""
    return min(RETRY_MAX_S, float(2 ** min(retries, 9)))


def _given_up(local: Local, failure: Failure, moment: Moment) -> Local:
    """No more by itself here: the leader moves it; where it cannot, it is tried again after a pause."""
    return replace(local, failure=failure, retry_at=moment.now + pause_s(local.retries), retries=local.retries + 1)


# --- small things ---------------------------------------------------------------------------------------------------


def _leant_on(resource: Resource) -> tuple[ResourceName, ...]:
    """Its hard dependencies: they are looked at before its failure is charged."""
    names = [ResourceName(one.entity) for one in (*resource.start, *resource.stop) if one.kind is Kind.HARD and not one.is_type]
    return tuple(dict.fromkeys(names))


def _never_ran(outcome: ActionOutcome) -> bool:
    """No lease, no executor: it says nothing about the resource."""
    return outcome.status is None and not outcome.timed_out


def _words(outcome: ActionOutcome, otherwise: str) -> str:
    return "\n".join(outcome.output) or otherwise


def _how_it_failed(outcome: ActionOutcome) -> str:
    return "did not end in time" if outcome.timed_out else f"exit status {outcome.status}"


def _ms(seconds: float) -> float:
    return round(seconds * 1000.0, 1)
