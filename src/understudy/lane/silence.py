"""What silence means: an action that gave no answer, in whatever way, and one that was not asked at all. Pure.

One idea of it (`model/actions.py`: Unanswered), from the executor to here. Silence is counted and reported, and a failure in the end; but
where the kernel sees that the service runs, "could not be asked" is not "does not run", and where it sees that it is gone, it is gone.
"""

from dataclasses import replace
from typing import Literal

from understudy.lane.causes import limit_of
from understudy.lane.happenings import HistoryLine, Instant, LaneUpdate, milliseconds
from understudy.lane.local import Local
from understudy.model import events
from understudy.model.actions import COULD_NOT_ASK, NOT_ASKED, ActionOutcome, Unanswered
from understudy.model.resource import Resource
from understudy.model.state import State

SOON_S, LATEST_S = 0.2, 5.0
"""After an action that could not be run at all: the first pause, and the longest."""
SILENT_AGAIN_S = 1.0
"""After a check that did not answer: sooner than the next regular one."""
ASK_AGAIN_S = 5.0
"""After a check that could not be asked, times how often: longer than it takes to put a new script in the place of the old."""
PRESSURE = 20.0
"""PSI some avg10, per cent: above it a silent check buys one more try."""
OFFLINE_LOOK_S = 60.0
"""How often what is not assigned here is looked at, if OFFLINE_CHECK_INTERVAL does not say."""
PRESSED = 4.0
"""How many times rarer on a machine under pressure."""
SilenceVerdict = Literal["none yet", "failed", "alive"]
"""Of silent checks in a row: too few; a failure; or nothing could be asked while the kernel sees that it is alive."""
UP = (State.ONLINE, State.INTERMEDIATE)

_DETAILS: dict[Unanswered | None, str] = {
    "overran": "CHECK TIMED OUT",
    "signal": "CHECK ENDED BY A SIGNAL",
    "not-begun": "CHECK CANNOT BE BEGUN",
    "no-script": "CHECK HAS NO SCRIPT",
    "executor-away": "CHECKS CANNOT RUN HERE",
    None: "CHECK CANNOT TELL",
}
_NOT_RUN = frozenset(_DETAILS[why] for why in COULD_NOT_ASK)
_WORDS: dict[Unanswered | None, str] = {
    None: "it cannot tell (status 3)",
}


def not_run(local: Local) -> str:
    """Why actions of a resource cannot be run on this server; empty: they can."""
    return local.cannot or (local.details.lower() if local.silent and local.details in _NOT_RUN else "")


def not_asked(outcome: ActionOutcome) -> bool:
    """Refused or ended on purpose: it says nothing about the resource."""
    return outcome.unanswered in NOT_ASKED


def could_not_ask(outcome: ActionOutcome) -> bool:
    """Silence of this server rather than of the resource."""
    return outcome.unanswered in COULD_NOT_ASK


def fault_of_script(outcome: ActionOutcome) -> bool:
    """Trying again will not help: somebody has to mend the script."""
    return outcome.unanswered == "no-script"


def gone(outcome: ActionOutcome, at: Instant) -> bool:
    """The kernel's word: its processes were in its group, and nothing of it is alive any more."""
    return outcome.housed is False and at.empty


def seen_living(outcome: ActionOutcome) -> bool:
    """The kernel's word: processes of it live, in its group or outside."""
    return outcome.housed is True or bool(outcome.strays)


def pressed(outcome: ActionOutcome) -> bool:
    """Whether the machine was under pressure: a check that was slow there proves little."""
    return any(share > PRESSURE for share in outcome.pressure.values())


def held_up(local: Local, outcome: ActionOutcome, now: float) -> LaneUpdate:
    """An action could not be run now: again after a pause that grows. Reported once it lasts."""
    held = local.held + 1
    first = 3 if not_asked(outcome) else 1  # a refusal is often over at once: the lease comes back, an action ends
    reported = held == first or (held > first and _now_and_then(held))
    why = reason(outcome, None)
    news = (HistoryLine(kind=events.NOT_BEGUN, cause=f"{held} times in a row" if held > 1 else "", text=why),) if reported else ()
    hold_until = now + pause_s(held)
    return LaneUpdate(local=replace(local, held=held, hold_until=hold_until, cannot=why if held >= first else ""), lines=news)


def pause_s(times: int) -> float:
    """Growing pauses before an action that could not be run is tried again."""
    return min(LATEST_S, SOON_S * float(2 ** min(times - 1, 5)))


def silent_check(local: Local, resource: Resource, outcome: ActionOutcome, at: Instant) -> tuple[LaneUpdate, SilenceVerdict]:
    """One more silent check: the memory, what to tell, and what so many of them say."""
    silent = local.silent + 1
    allowed = resource.check_failures + (1 if pressed(outcome) else 0)
    again_s = min(SILENT_AGAIN_S, resource.check_interval_s)
    if could_not_ask(outcome) or silent > allowed:
        again_s = min(ASK_AGAIN_S * silent, resource.check_interval_s)
    # a start or a rung waits for this very check, and nothing else sets the pace: one that comes back at once is not asked in a storm
    hold = local.hold_until if outcome.unanswered == "overran" else at.now + pause_s(silent)
    after = replace(
        local,
        silent=silent,
        check_due=at.now + again_s,
        hold_until=hold if local.confirming else local.hold_until,
        details=_DETAILS[outcome.unanswered],
    )
    kept_up = could_not_ask(outcome) and seen_living(outcome)
    reported = silent <= allowed or _now_and_then(silent)
    of = f"{silent} of {allowed}" if silent <= allowed else f"{silent} times in a row"
    news = HistoryLine(kind=events.CHECK_SILENT, ms=milliseconds(outcome.duration_s), cause=of, text=reason(outcome, resource))
    verdict: SilenceVerdict = "none yet" if silent < allowed else "alive" if kept_up else "failed"
    return LaneUpdate(local=after, lines=(news,) if reported else ()), verdict


def reason(outcome: ActionOutcome, resource: Resource | None) -> str:
    """Why a check (of this resource) gave no answer, in a line."""
    said = outcome.output[-1] if outcome.output else ""
    known = _WORDS.get(outcome.unanswered, "")
    if outcome.timed_out and resource is not None:
        known = f"it did not answer within {limit_of(resource, 'check')}"
    return ": ".join(part for part in (known, said) if part)


def offline_look_s(resource: Resource, outcome: ActionOutcome, spread: float) -> float:
    """Until what is OFFLINE is looked at again where it is not assigned."""
    interval_s = resource.offline_check_interval_s or OFFLINE_LOOK_S
    return interval_s * (0.75 + spread / 2) * (PRESSED if pressed(outcome) else 1.0)


def _now_and_then(times: int) -> bool:
    """Of what goes on for long: at 4, 8, 16, ... 64, and then at every 64th."""
    return times >= 4 and (times & (times - 1) == 0 if times <= 64 else times % 64 == 0)
