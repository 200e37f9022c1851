"""What ends a pause before its time: something that a resource may have waited for has changed. Pure. The pause is the second line."""

from dataclasses import replace

from understudy.lane.local import Local
from understudy.model.resource import Resource

ONCE_S = 1.0
"""At most one try in this time because of events, however many come."""

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
    """It waits to be tried again: now, or as soon as its last try for such a reason is a second past."""
    if local.retry_at <= now:
        return local
    at = max(now, local.hastened + ONCE_S)
    return local if at >= local.retry_at else replace(local, retry_at=at, hastened=at)
