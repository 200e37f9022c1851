"""Which commands a decision of the leader follows from: those that were written since what was decided on last.

Owned by `daemon/leader.py`. The lines of the history that a command writes come with its commit, so they are known when it is decided
about. A daemon that stands by forgets them with each beat of the leader: whoever takes over knows those that nobody has decided about.
Decides nothing; what it says is for people.
"""

from collections.abc import Iterable

from understudy.daemon.records import Records
from understudy.model import events
from understudy.model.names import ResourceName, registered_name
from understudy.model.reasons import Why
from understudy.model.view import Assignment, Beat, Event
from understudy.policy.plan import Step

MOST = 512
"""Of those remembered."""
_BY_FACTS = frozenset(
    {
        Why.NO_LONGER_ADMITTED,
        Why.LEAVES,
        Why.NO_CANDIDATE,
        Why.BACK_TO_FAVOURED,
        Why.FIRST_CHOICE,
        Why.GATHERED,
        Why.CAME_BACK,
        Why.DISPERSED,
    }
)
"""Reasons that may follow from a command about no resource: one that changes a pool, a type or a server."""

_BEGIN = frozenset({events.COMMAND, events.TARGET_SET, events.DEFINED, events.CHANGED, events.DELETED})
"""What comes with the commits of a command."""


class CommandsSeen:
    """Those that nobody has decided about, as far as this daemon knows."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._number = 0
        self._open: dict[ResourceName | None, str] = {}
        self._beat: Beat | None = None

    def stand_by(self, beat: Beat | None) -> None:
        """Another leads, and shows progress."""
        if beat is not self._beat:
            self._beat = beat
            self.settled()

    def settled(self) -> None:
        """All that has come is decided about."""
        self._open.clear()
        self._number = self._records.newest

    def of(self, step: Step) -> str:
        """The id of the command that a step follows from; empty: none that is known."""
        self._take()
        if not self._open or step.incarnations:
            return ""
        names = (*(registered_name(assignment.resource) for assignment in step.assignments), *step.names)
        found = next((self._open[name] for name in names if name in self._open), "")
        return found or (self._open.get(None, "") if _by_facts(step.assignments) else "")

    def _take(self) -> None:
        """What has come since."""
        for arrival in self._records.arrivals(self._number):
            self._number = arrival.number
            event = arrival.event
            if event.command and event.kind in _BEGIN:
                self._open |= dict.fromkeys(_about(event), event.command)
        while len(self._open) > MOST:
            del self._open[next(iter(self._open))]


def _about(event: Event) -> tuple[ResourceName | None, ...]:
    """Which resources; None: a pool, a type or a server, and so any of them."""
    if event.given is not None and event.given.of_resources:
        return tuple(map(ResourceName, event.given.names))
    return (event.resource,)


def _by_facts(assignments: Iterable[Assignment]) -> bool:
    return any(assignment.reason is not None and assignment.reason.why in _BY_FACTS for assignment in assignments)
