"""States: what is wanted, what is, what is under way. How a life goes on: `lifecycle.py`.

`TARGET` is what is wanted, `State` what is, `Internal` the action in progress, `Life` where one incarnation of a server stands.
"""

from enum import StrEnum


class Target(StrEnum):
    """What the administrator wants of a resource."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"


class State(StrEnum):
    """What a resource is on one server, as last checked there."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    INTERMEDIATE = "INTERMEDIATE"
    """Was ONLINE and is not known now, or is partially online."""
    UNKNOWN = "UNKNOWN"
    """An attempt to stop (and clean, and kill) failed: it may still be running."""


class Internal(StrEnum):
    """The action in progress, as crsctl shows it."""

    STABLE = "STABLE"
    STARTING = "STARTING"
    STOPPING = "STOPPING"
    CLEANING = "CLEANING"


class Life(StrEnum):
    """Where one incarnation of a server stands in the cluster."""

    JOINING = "JOINING"
    """Known, looking at every resource first (S6); may be assigned nothing."""
    ONLINE = "ONLINE"
    LEAVING = "LEAVING"
    """Asked to go: resources are moved away, nothing new is assigned."""
    EVICTED = "EVICTED"
    """Voters no longer grant it a lease; not yet proved lost."""
    LOST = "LOST"
    """A majority of voters said silent in one round: its lease has ended, for good."""
    FENCED = "FENCED"
    """Lost and quiet_s past, or confirmed by a power fence: it runs nothing any more."""
    LEFT = "LEFT"
    """Said farewell after it had stopped everything: proof like a release."""


PROVEN = frozenset({Life.FENCED, Life.LEFT})
"""An incarnation in one of these can hold nothing (S3)."""
ALIVE = frozenset({Life.JOINING, Life.ONLINE, Life.LEAVING})
"""An incarnation in one of these may still renew its lease."""
GONE = frozenset({Life.EVICTED, Life.LOST, Life.FENCED, Life.LEFT})
"""Voters answer `lost` to an incarnation in one of these."""
