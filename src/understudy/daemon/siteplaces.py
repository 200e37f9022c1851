"""The places of this server that catalogues name, for `daemon/verbs/site_places.py`: who looks and changes, and what the history says.

Made once in `daemon/api.py`. Must never block the loop: catalogues are read beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from understudy.agents.aside import aside
from understudy.errors import BadInput

_CATALOGUES_S = 10.0
REPORTED_S = 3600.0
"""How often the history says of one caller that it looks: a monitoring that verifies every minute must not fill it."""
_MOST_CALLERS = 64


class PlacesPort(Protocol):
    """What does the work."""

    async def site_places(self, request: Mapping[str, Any], within_s: float) -> dict[str, Any]:
        """One request of `hands.py`, and its answer. Unreachable: there is none, and why."""
        ...


def _of_catalogues() -> frozenset[str]:
    from understudy.openstack.releases import places_named

    return places_named()


@dataclass(slots=True)
class PlacesHere:
    """This server's places: who does the work, and which are named."""

    port: PlacesPort
    named: Callable[[], frozenset[str]] = _of_catalogues
    _named: frozenset[str] | None = None
    _reported: dict[str, float] = field(default_factory=dict)
    """When it was last reported of a caller that it looks, by a clock that only grows."""

    async def all_named(self) -> frozenset[str]:
        """Read once, beside the loop. BadInput: the catalogues cannot be read."""
        if self._named is None:
            try:
                self._named = await aside(self.named, within_s=_CATALOGUES_S)
            except (OSError, ValueError) as error:
                raise BadInput(f"the catalogues of this server cannot be read: {error}") from None
        return self._named

    def forget_callers(self) -> None:
        """That anybody's looks were reported."""
        self._reported.clear()

    def report(self, caller: str, now: float) -> bool:
        """Whether the history says now that this caller looks."""
        if now - self._reported.get(caller, -REPORTED_S) < REPORTED_S:
            return False
        if len(self._reported) >= _MOST_CALLERS:
            self.forget_callers()
        self._reported[caller] = now
        return True
