"""What ends a pause before its time: something that a resource may have waited for has changed. Pure. The pause is the second line."""

from dataclasses import replace

from understudy.kinds.kind import Around
from understudy.lane.happenings import AroundChanged, LaneUpdate
from understudy.lane.local import Local
from understudy.lane.phases import Phase
from understudy.model.resource import Resource

ONCE_S = 1.0
"""At most one try in this time because of events, however many come; twice as long after each that did not help, up to MOST times."""
MOST = 32
QUIET_S = 120.0
"""After so long without an event the next one counts as the first."""


def concerns(change: Around, resource: Resource) -> bool:
    """Whether the resource may have failed over what has changed now."""
    return change in resource.kind.waits_for


def sooner(local: Local, phase: Phase, event: AroundChanged) -> LaneUpdate:
    """It waits to be tried again: now, or as soon as its last try for such a reason is long enough ago.

    What changes while it acts itself is its own doing, and no reason.
    """
    now, budget = event.now, local.budget
    if budget.retry_at <= now or local.action is not None or now - local.acted_at < ONCE_S / 2:
        return LaneUpdate(local=local)
    hastes = budget.hastes if now - budget.hastened < QUIET_S else 0
    at = max(now, budget.hastened + ONCE_S * min(2**hastes, MOST)) if hastes else now
    if at >= budget.retry_at:
        return LaneUpdate(local=local)
    return LaneUpdate(local=replace(local, budget=replace(budget, retry_at=at, hastened=at, hastes=min(hastes + 1, 16))))
