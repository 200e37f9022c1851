"""What failures cost: the restart budget, the verdict when it is used up, and the pauses after that. Pure; rows of `table.py`."""

from dataclasses import replace

from understudy.lane.happenings import Charged, HistoryLine, LaneUpdate, Renewed
from understudy.lane.local import Budget, Local
from understudy.lane.phases import Down, Phase, Up, settled
from understudy.model import events
from understudy.model.failures import are_counted, exhausted_text, one_more, too_many
from understudy.model.view import Failure

RETRY_MAX_S = 300.0


def charge(local: Local, phase: Down, event: Charged) -> LaneUpdate:
    """Decide what a failure costs: nothing while a dependency is down (somebody else's outage), else one restart, or the verdict.

    Where failures are counted and these are too many, nothing more is done: `unavailable` (`neighbours.py`) says so from then on.
    """
    resource, budget = event.resource, local.budget
    down = replace(local, phase=replace(phase, uncharged=False))
    if event.down:
        # a start that fails again is not repeated in circles: with growing pauses, until the dependency is back
        again_at = event.at.now + pause_s(budget.failed_starts - 1) if budget.failed_starts else 0.0
        return LaneUpdate(local=replace(down, budget=replace(budget, retry_at=again_at)))
    if budget.failed_starts and (resource.local or local.epoch != local.start_epoch):
        # it was never up under this assignment: that is a verdict on this server
        failure = Failure(kind="start", epoch=local.start_epoch, text=phase.trouble)
        return LaneUpdate(local=replace(down, budget=_given_up(budget, failure, event.at.now)))
    if not budget.failed_starts and are_counted(resource):
        down = _counted(down, event)
        if too_many(resource, tuple(sorted((*event.failures, down.failed_at[-1])))):
            line = HistoryLine(kind=events.FAILURES_EXHAUSTED, text=exhausted_text(resource))
            return LaneUpdate(local=down, lines=(line,))
    if budget.restarts < resource.restart_attempts:
        return LaneUpdate(local=replace(down, budget=replace(budget, restarts=budget.restarts + 1)))
    text = f"RESTART_ATTEMPTS={resource.restart_attempts} used up"
    failure = Failure(kind="restarts", epoch=event.at.epoch, text=f"{text}; {phase.trouble}" if phase.trouble else text)
    line = HistoryLine(kind=events.RESTARTS_USED, text=text)
    return LaneUpdate(local=replace(down, budget=_given_up(budget, failure, event.at.now)), lines=(line,))


def _counted(local: Local, event: Charged) -> Local:
    """It ran, and failed: that counts, wherever it is tried next."""
    before = local.failed_at if local.failed_after == event.after else ()
    return replace(local, failed_after=event.after, failed_at=one_more(before, event.at.wall))


def renew(local: Local, phase: Phase, event: Renewed) -> LaneUpdate:
    """Under a new assignment budget, failure and pauses begin afresh. What is up, and not being stopped, goes on under it."""
    budget = Budget(assigned=event.epoch, hastened=local.budget.hastened, hastes=local.budget.hastes)
    epoch = event.epoch if isinstance(phase, Up) else local.epoch
    return LaneUpdate(local=replace(local, phase=settled(phase), budget=budget, epoch=epoch))


def pause_s(retries: int) -> float:
    """Growing pauses between retries where no candidate is left: 1, 2, 4 .. 300 s."""
    return min(RETRY_MAX_S, float(2 ** min(retries, 9)))


def _given_up(budget: Budget, failure: Failure, now: float) -> Budget:
    """No more by itself here: the leader moves it; where it cannot, it is tried again after a pause."""
    return replace(budget, failure=failure, retry_at=now + pause_s(budget.retries), retries=budget.retries + 1)
