"""The executor's log of actions: each that was begun and how it ended; of checks only what is news, for they come every second.

Called by `executor/main.py` around each action. Must never: grow with the number of names it has met, or log at the pace of checks.
"""

from typing import Any

from understudy.guard.log import log
from understudy.kinds.observed import Observed
from understudy.model import logevents
from understudy.ports import ActionOutcome, ActionRequest

MOST_NAMES = 16_384
"""Resources whose last answer is remembered; more than any server runs."""
OUTPUT_LINES = 3
"""Of what a failed action printed, the last."""


class ActionLog:
    """Which answers of checks were logged already."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[object, int]] = {}
        """What the last check of a resource found, or why it found nothing; and how many times in a row that was so."""

    def begun(self, request: ActionRequest) -> None:
        """It is run now."""
        if request.action != "check":
            log(logevents.ACTION_BEGUN, **_what(request))

    def ended(self, request: ActionRequest, outcome: ActionOutcome) -> None:
        """This came of it."""
        if request.action != "check":
            self._answers.pop(request.resource, None)
        elif not self._is_news(request.resource, outcome):
            return
        failed = _failed(request, outcome)
        log(
            logevents.ACTION_ENDED_BADLY if failed else logevents.ACTION_ENDED,
            **_what(request),
            observed=outcome.observed,
            unanswered=outcome.unanswered,
            status=outcome.status,
            seconds=round(outcome.duration_s, 3),
            output="\n".join(outcome.output[-OUTPUT_LINES:]) if failed else None,
        )

    def kill_begun(self, resource: str, activity: str) -> None:
        """Everything of this resource is being ended: the last rung of a stop."""
        self._answers.pop(resource, None)
        log(logevents.ACTION_BEGUN, activity=activity, resource=resource, action="kill")

    def kill_ended(self, resource: str, activity: str, *, empty: bool) -> None:
        """Whether all of it was seen to be gone."""
        event, observed = (logevents.ACTION_ENDED, Observed.DONE) if empty else (logevents.ACTION_ENDED_BADLY, Observed.FAILED)
        log(event, activity=activity, resource=resource, action="kill", observed=observed)

    def _is_news(self, resource: str, outcome: ActionOutcome) -> bool:
        answer = outcome.observed or outcome.unanswered
        before, times = self._answers.pop(resource, (None, 0))
        times = times + 1 if answer == before else 1
        self._answers[resource] = (answer, times)
        if len(self._answers) > MOST_NAMES:
            del self._answers[next(iter(self._answers))]
        return times == 1 or (outcome.unanswered is not None and times & (times - 1) == 0)


def _what(request: ActionRequest) -> dict[str, Any]:
    return {"activity": request.activity, "resource": request.resource, "action": request.action, "epoch": request.epoch}


def _failed(request: ActionRequest, outcome: ActionOutcome) -> bool:
    return outcome.observed is None or (request.action != "check" and outcome.observed is not Observed.DONE)
