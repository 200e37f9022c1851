"""What ends a pause before its time: something that a resource may have waited for has changed. Pure. The pause is the second line."""

from dataclasses import replace

from understudy.lane.local import Local
from understudy.model.resource import Resource

ONCE_S = 1.0
"""At most one try in this time because of events, however many come; twice as long after each that did not help, up to MOST times."""
MOST = 32
QUIET_S = 120.0
"""After so long without an event the next one counts as the first."""

_CONCERNED = {
    "network": ("address", "network"),
    "link": ("address", "network", "script"),
    "mounts": ("script",),
    "neighbour": ("address",),
}
"""Kind of change -> agents of which a resource may have waited for it."""


def concerns(kind: str, resource: Resource) -> bool:
    """Whether a resource of this kind may have failed over what has changed now."""
    return resource.agent in _CONCERNED.get(kind, ())


def sooner(local: Local, now: float) -> Local:
    """It waits to be tried again: now, or as soon as its last try for such a reason is long enough ago.

    What changes while it acts itself is its own doing, and no reason.
    """
    if local.retry_at <= now or local.action is not None or now - local.acted_at < ONCE_S / 2:
        return local
    hastes = local.hastes if now - local.hastened < QUIET_S else 0
    at = max(now, local.hastened + ONCE_S * min(2**hastes, MOST)) if hastes else now
    return local if at >= local.retry_at else replace(local, retry_at=at, hastened=at, hastes=min(hastes + 1, 16))
