"""From an action's outcome to the lane's next memory, with what to tell: pure.

Called by `driver.py` when a step begins (`begin`) and when it has ended (`ended`). Three kinds of evidence are kept apart: the check
says no, the check did not answer, the kernel says it is gone (design section 6).
"""

from collections.abc import Iterable
from dataclasses import replace

from understudy.kinds.observed import Observed
from understudy.lane import silence
from understudy.lane.causes import how_it_failed, with_output
from understudy.lane.local import Local, Rung
from understudy.lane.silence import UP
from understudy.lane.steps import Check, Clean, Climb, Start, Step
from understudy.lane.turn import Moment, Told, Turn
from understudy.model import events
from understudy.model.actions import ActionName, ActionOutcome
from understudy.model.names import ResourceName
from understudy.model.resource import Kind, Resource
from understudy.model.state import State
from understudy.model.view import Failure

RETRY_MAX_S = 300.0
MOST_HELD = 5
"""Times in a row that no process was to be had for an action, before it counts as failed."""
UNCLEAN = "its clean had failed; nothing of it is left all the same"
"""Why a ladder ended well although its clean did not."""
STUCK_AGAIN_S = 10.0
"""Until an UNKNOWN resource is looked at again."""

RUNG_ACTIONS: dict[Rung, ActionName] = {Rung.STOP: "stop", Rung.ABORT: "abort", Rung.CLEAN: "clean"}


def begin(local: Local, step: Step, now: float) -> Turn:
    """The memory when a step's action has begun."""
    match step:
        case Check():
            return Turn(local=replace(local, action="check", action_since=now, alarmed=False))
        case Start(epoch):
            begun = replace(local, action="start", action_since=now, phase_since=now, starting=True, start_epoch=epoch, alarmed=False)
            return Turn(local=begun, told=() if local.held else (Told(kind=events.START_BEGUN),))
        case Clean():
            told = () if local.held else (Told(kind=events.CLEAN_BEGUN),)
            return Turn(local=replace(local, action="clean", action_since=now), told=told)
        case Climb(number):
            rung = Rung(number)
            since = now if local.rung is Rung.NONE or rung is Rung.STOP else local.phase_since
            climbed = replace(
                local, rung=rung, action=RUNG_ACTIONS.get(rung, "clean"), action_since=now, phase_since=since, starting=False,
                stopping=local.stopping or rung is Rung.STOP,
                unclean=local.unclean and local.rung not in (Rung.NONE, Rung.STUCK),
            )  # fmt: skip
            kind = {Rung.STOP: events.STOP_BEGUN, Rung.CLEAN: events.CLEAN_BEGUN}.get(rung)
            return Turn(local=climbed, told=(Told(kind=kind),) if kind and not local.held else ())
        case _:
            return Turn(local=local)


def ended(local: Local, resource: Resource, outcome: ActionOutcome, moment: Moment) -> Turn:
    """The memory when the action in flight has ended."""
    action, local = local.action, replace(local, action=None, empty=moment.empty, acted_at=moment.now)
    if outcome.unanswered is None:
        local = replace(local, held=0, cannot="")
    if local.rung not in (Rung.NONE, Rung.STUCK) and not local.check_after:
        return _rung_ended(local, resource, outcome, moment)
    match action:
        case "start":
            return _start_ended(local, resource, outcome, moment)
        case "clean":
            return _clean_ended(local, resource, outcome, moment)
        case _:
            return _check_ended(local, resource, outcome, moment)


# --- start ----------------------------------------------------------------------------------------------------------


def _start_ended(local: Local, resource: Resource, outcome: ActionOutcome, moment: Moment) -> Turn:
    if outcome.observed is Observed.DONE:
        return Turn(local=replace(local, check_after=True, details=outcome.details or ""))
    if _wait_for_it(local, outcome):
        # if it was begun, how far it came nobody can say: it is cleaned first
        begun = outcome.unanswered in ("halted", "executor-away")
        return silence.held_up(replace(local, starting=False, dirty=local.dirty or begun), outcome, moment.now)
    return _start_failed(local, resource, how_it_failed(resource, "start", outcome), moment, dirty=not silence.could_not_ask(outcome))


def _start_failed(local: Local, resource: Resource, text: str, moment: Moment, *, dirty: bool = True) -> Turn:
    failed = replace(
        local,
        starting=False,
        check_after=False,
        state=State.OFFLINE,
        dirty=dirty,
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
        hastes=0,
        epoch=local.start_epoch,
        details=outcome.details or local.details,
        up_since=moment.now,
        proven=False,
        check_due=moment.now + resource.check_interval_s,
        changed_wall=moment.wall,
        started_wall=moment.wall,
        guarded=True,
    )
    done = Told(kind=events.START_DONE, ms=_ms(moment.now - local.phase_since))
    return _watched(up, resource, outcome, Turn(local=up, told=(done,)))


# --- clean and the ladder -------------------------------------------------------------------------------------------


def _clean_ended(local: Local, resource: Resource, outcome: ActionOutcome, moment: Moment) -> Turn:
    """The clean before a start. If it fails or leaves processes, the ladder goes on from there."""
    if outcome.observed is Observed.DONE and moment.empty:
        return Turn(local=replace(local, dirty=False), told=(Told(kind=events.CLEAN_DONE, ms=_ms(outcome.duration_s)),))
    if _wait_for_it(local, outcome):
        return silence.held_up(local, outcome, moment.now)
    local = replace(local, held=0, cannot="")
    behind = outcome.observed is Observed.DONE
    why = with_output("clean left processes behind", outcome) if behind else how_it_failed(resource, "clean", outcome)
    told = Told(kind=events.CLEAN_FAILED, text=why)
    return Turn(local=replace(local, rung=Rung.CLEAN, check_after=True, unclean=True, phase_since=local.action_since), told=(told,))


def _rung_ended(local: Local, resource: Resource, outcome: ActionOutcome, moment: Moment) -> Turn:
    """A rung was tried; whatever it says, a check decides."""
    tried = replace(local, check_after=True, overran=outcome.timed_out)
    if _wait_for_it(local, outcome):
        # it was not tried: the same rung again
        back = Rung.STOP if local.rung is Rung.CLEAN and not local.overran else Rung(local.rung - 1)
        return silence.held_up(replace(local, check_after=False, rung=back), outcome, moment.now)
    tried = replace(tried, held=0, cannot="")
    if local.rung is Rung.KILL:
        return Turn(local=tried, told=(Told(kind=events.KILLED, text="" if moment.empty else "processes are left"),))
    if outcome.observed is Observed.DONE:
        told = local.rung is Rung.CLEAN and local.stopping  # else the check after it tells that the clean is done
        return Turn(local=tried, told=(Told(kind=events.CLEAN_DONE, ms=_ms(outcome.duration_s)),) if told else ())
    kind = events.CLEAN_FAILED if local.rung is Rung.CLEAN else events.STOP_FAILED
    why = how_it_failed(resource, RUNG_ACTIONS[local.rung], outcome)
    tried = replace(tried, unclean=tried.unclean or local.rung is Rung.CLEAN)
    return Turn(local=tried, told=(Told(kind=kind, ms=_ms(outcome.duration_s), text=why),))


def next_rung(local: Local) -> Rung:
    """What follows when the last rung left something: abort only after a stop that overran."""
    if local.rung is Rung.STOP and not local.overran:
        return Rung.CLEAN
    return Rung(local.rung + 1)


def _ladder_checked(local: Local, resource: Resource, state: State | None, outcome: ActionOutcome, moment: Moment) -> Turn:
    """The check after a rung."""
    done = replace(local, check_after=False, silent=0)
    only_looked_at = resource.kind.only_looked_at  # its stop ends the looking, whatever its interface is
    if only_looked_at or (state is State.OFFLINE and moment.empty):
        off = replace(
            done, state=State.OFFLINE, rung=Rung.NONE, dirty=False, up_since=None, proven=False, silent=0, details="",
            changed_wall=moment.wall, check_due=moment.now + silence.offline_look_s(resource, outcome, moment.spread),
        )  # fmt: skip
        if local.failure is not None and local.failure.kind == "stop":
            off = replace(off, failure=None, retries=0, retry_at=0.0)  # the pauses of a failed start go on growing
        kind = events.STOP_DONE if local.stopping else events.CLEAN_DONE
        told = (Told(kind=kind, ms=_ms(moment.now - local.phase_since), cause=UNCLEAN if local.unclean else ""),)
        return Turn(local=replace(off, stopping=False, unclean=False), told=told)
    if local.rung is not Rung.KILL:
        return Turn(local=done)
    holds = "processes are left in its control group" if not moment.empty else with_output("the check still finds it", outcome)
    holds = f"stop, clean and kill were tried: {holds}"
    stuck = replace(
        done,
        state=State.UNKNOWN,
        rung=Rung.STUCK,
        failure=Failure(kind="stop", epoch=moment.epoch, text=holds),
        retries=local.retries + 1,
        retry_at=moment.now + pause_s(local.retries + 3),
        check_due=moment.now + STUCK_AGAIN_S,
        changed_wall=moment.wall,
    )
    return Turn(local=stuck, told=(Told(kind=events.UNRECOVERABLE, text=holds),))


# --- check ----------------------------------------------------------------------------------------------------------


def state_of(outcome: ActionOutcome, before: State | None) -> State | None:
    """What a check's answer means for the state; None: it did not tell."""
    match outcome.observed:
        case Observed.ONLINE:
            return State.ONLINE
        case Observed.PARTIAL:
            return State.INTERMEDIATE
        case Observed.UNCLEAR:
            return State.INTERMEDIATE if before in (State.ONLINE, State.INTERMEDIATE) else None
        case Observed.OFFLINE:
            return State.OFFLINE
        case _:
            return None


def _check_ended(local: Local, resource: Resource, outcome: ActionOutcome, moment: Moment) -> Turn:
    if silence.not_asked(outcome):
        return silence.held_up(replace(local, alarmed=True), outcome, moment.now)
    state = state_of(outcome, local.state)
    if state is None and _known_without_asking(local, outcome, moment):
        state = State.OFFLINE
        ended = "its processes have ended" if outcome.housed is False else "nothing of it is seen to live"
        outcome = replace(outcome, output=(f"{ended}; its check did not tell: {silence.reason(outcome, resource)}",))
    if state is None:
        return _silent(local, resource, outcome, moment)
    local = replace(local, held=0, cannot="")
    if local.rung not in (Rung.NONE, Rung.STUCK):
        return _ladder_checked(local, resource, state, outcome, moment)
    if local.starting:
        if state is State.OFFLINE:
            why = with_output("it was started, and the check says that it does not run", outcome)
            return _start_failed(local, resource, why, moment)
        return _came_up(local, state, outcome, resource, moment)
    local = replace(local, silent=0, check_after=False)
    if local.state in UP:
        return _was_up(local, state, outcome, resource, moment)
    return _was_down(local, state, outcome, resource, moment)


def _known_without_asking(local: Local, outcome: ActionOutcome, moment: Moment) -> bool:
    """Whether it is known not to run although its check did not answer.

    The kernel saw its processes, and sees none any more; or its script is not even there, nothing of it is seen to live, and this server's
    present life never said that it ran here (a mount whose script somebody took away may still be mounted).
    """
    if silence.gone(outcome, moment):
        return True
    never_up = local.state is State.OFFLINE or (local.state is None and local.believed in (None, State.OFFLINE))
    quiet = local.rung is Rung.NONE and not local.starting and not local.dirty
    return silence.fault_of_script(outcome) and never_up and quiet and moment.empty


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
    return _watched(up, resource, outcome, Turn(local=up), told=() if state is local.state else (_other_state(state, outcome),))


def _other_state(state: State, outcome: ActionOutcome) -> Told:
    """What is up is so in another way than before."""
    if state is State.ONLINE:
        return Told(kind=events.ONLINE_AGAIN)
    meaning = "it is partly online" if outcome.observed is Observed.PARTIAL else "it cannot tell"
    said = outcome.details or "\n".join(outcome.output)
    number = "" if outcome.status is None else f" {outcome.status}"
    return Told(kind=events.INTERMEDIATE, cause=f"the check says{number}: {meaning}", text=said)


def _was_down(local: Local, state: State, outcome: ActionOutcome, resource: Resource, moment: Moment) -> Turn:
    """The first look, or a look at something that was OFFLINE or UNKNOWN."""
    if state is State.OFFLINE:
        stuck = local.rung is Rung.STUCK and not moment.empty
        if stuck:
            return Turn(local=replace(local, check_due=moment.now + STUCK_AGAIN_S))
        off = replace(
            local,
            state=State.OFFLINE,
            rung=Rung.NONE,
            dirty=local.dirty or not moment.empty,
            details="",
            failure=None if local.failure is not None and local.failure.kind == "stop" else local.failure,
            check_due=moment.now + silence.offline_look_s(resource, outcome, moment.spread),
            changed_wall=moment.wall if local.state is not State.OFFLINE else local.changed_wall,
        )
        return Turn(local=off)
    if local.rung is Rung.STUCK:
        return Turn(local=replace(local, check_due=moment.now + STUCK_AGAIN_S))
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
        guarded=True,
    )
    stranger = bool(moment.owner) and not moment.mine
    text = f"it runs here too, where nobody assigned it: it belongs to {moment.owner}" if stranger else ""
    told = Told(kind=events.FOUND, cause="a second copy" if stranger else "", text=text)
    return _watched(found, resource, outcome, Turn(local=found, told=(told,)))


def _watched(local: Local, resource: Resource, outcome: ActionOutcome, turn: Turn, told: tuple[Told, ...] = ()) -> Turn:
    """While it is up: whether the kernel watches its processes. Told when it does not any more, after what is `told` already."""
    before, turn = turn, replace(turn, told=(*turn.told, *told))
    if not resource.kind.housed:
        return turn
    guarded = outcome.housed is True and not outcome.strays
    was_housed, told = not before.told, turn.told  # nothing told: it was up before, and watched
    if outcome.strays:
        if local.guarded:
            text = f"outside its control group: {', '.join(outcome.strays)}; only checks notice its end"
            told = (*told, Told(kind=events.UNGUARDED, cause="it has left its control group", text=text))
    elif not guarded and local.guarded:
        text = "nothing of it lives in its control group: only checks notice its end"
        left = "it has left its control group" if was_housed else ""  # else it is a mount, or another manager has started it
        told = (*told, Told(kind=events.UNGUARDED, cause=left, text=text))
    return Turn(local=replace(local, guarded=guarded), told=told, alarm=turn.alarm)


def _silent(local: Local, resource: Resource, outcome: ActionOutcome, moment: Moment) -> Turn:
    """The check did not answer: INTERMEDIATE at once, a failure only after CHECK_FAILURES in a row, one more under pressure."""
    turn, verdict = silence.silent_check(local, resource, outcome, moment)
    after = turn.local
    if local.rung not in (Rung.NONE, Rung.STUCK):
        # after a rung: silence of the resource says that something is left; that nothing could be asked says nothing, for a while
        if silence.could_not_ask(outcome) and after.silent < resource.check_failures:
            return turn
        climbed = _ladder_checked(replace(after, hold_until=local.hold_until), resource, None, outcome, moment)
        return Turn(local=climbed.local, told=(*turn.told, *climbed.told))
    if local.starting:
        return _start_unconfirmed(turn, verdict, resource, outcome, moment)
    if local.state is None and silence.seen_living(outcome) and silence.could_not_ask(outcome):
        found = _was_down(after, State.INTERMEDIATE, outcome, resource, moment)
        return Turn(local=replace(found.local, details=after.details, check_due=after.check_due), told=(*turn.told, *found.told))
    # what a new daemon finds in its group was started here, by this very life: it fails like what was known to run
    adopted = local.state is None and not moment.empty
    if local.state not in UP and not (adopted and verdict == "failed"):
        if local.state is State.OFFLINE and after.silent >= resource.check_failures:
            after = replace(after, check_due=moment.now + silence.offline_look_s(resource, outcome, moment.spread))
        return Turn(local=after, told=turn.told)
    if verdict != "failed":
        for_long = verdict == "lives" and after.silent == resource.check_failures
        cannot = Told(kind=events.NOT_BEGUN, cause=f"{after.silent} checks in a row", text=silence.reason(outcome, resource))
        news = (cannot,) if for_long else ()
        return Turn(local=replace(after, state=State.INTERMEDIATE), told=(*turn.told, *news))
    down = _failed(after, resource, f"{after.silent} checks in a row did not answer: {silence.reason(outcome, resource)}", moment)
    return Turn(local=down.local, told=(*turn.told, *down.told), alarm=down.alarm)


def _start_unconfirmed(turn: Turn, verdict: silence.Verdict, resource: Resource, outcome: ActionOutcome, moment: Moment) -> Turn:
    """A start has ended well, and its check did not answer: not STARTING for ever."""
    after = replace(turn.local, hold_until=0.0)
    if verdict == "failed":
        why = f"it was started, and {after.silent} checks in a row did not answer: {silence.reason(outcome, resource)}"
        over = _start_failed(after, resource, why, moment)
    elif verdict == "lives":  # nothing can be asked, and the kernel sees it: taken for up, not for well
        over = _came_up(after, State.INTERMEDIATE, outcome, resource, moment)
        over = Turn(local=replace(over.local, details=after.details, silent=after.silent, check_due=after.check_due), told=over.told)
    else:
        return turn
    return Turn(local=over.local, told=(*turn.told, *over.told), alarm=over.alarm)


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


def _passing(outcome: ActionOutcome) -> bool:
    """It could not be begun, and may be in a moment."""
    return outcome.unanswered == "not-begun"


def _wait_for_it(local: Local, outcome: ActionOutcome) -> bool:
    """Whether it was not even tried, and is tried again: for ever without executor or lease, a few times without processes."""
    if silence.not_asked(outcome) or outcome.unanswered == "executor-away":
        return True
    return _passing(outcome) and local.held + 1 < MOST_HELD


def _words(outcome: ActionOutcome, otherwise: str) -> str:
    return "\n".join(outcome.output) or otherwise


def _ms(seconds: float) -> float:
    return round(seconds * 1000.0, 1)
