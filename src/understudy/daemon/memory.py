"""Owns what a leader has witnessed itself, on its own clock: since when somebody is lost, gone, or has reported; `decide` goes by it.

Called by `leader.py` with each View that it decides on. A new leader begins with what it sees, at the time it sees it.
"""

from collections.abc import Iterable

from understudy.model.limits import Limits
from understudy.model.names import Incarnation, ServerName
from understudy.model.state import PROVEN, Life
from understudy.model.view import View
from understudy.policy.eras import has_reported
from understudy.policy.failover import DelaySeen, delays_seen
from understudy.policy.forgetting import EVERY_S
from understudy.policy.plan import Memory, Step
from understudy.ports import Counted


class LeaderMemory:
    """The times of one daemon's leadership, in seconds on its clock."""

    def __init__(self) -> None:
        self._quiet_until: dict[Incarnation, float] = {}
        self._uncounted_at: dict[Incarnation, float] = {}
        self._evicted_at = float("-inf")
        self._recovering_since: float | None = None
        self._reported_since: dict[str, float] = {}
        self._unheard: frozenset[Incarnation] = frozenset()
        self._delays: DelaySeen = {}
        self._forget_at = 0.0

    def counted(self, before: View, census: Iterable[Counted]) -> None:
        """Who holds a lease, as all voters were asked; `before`: what was registered when they were. Who asks is alive."""
        alive = {counted.incarnation for counted in census} | ({before.leader.incarnation} if before.leader is not None else set())
        self._unheard = frozenset(name for name in before.incarnations if name not in alive and before.life(name) not in PROVEN)

    def proved(self, incarnation: Incarnation, now: float, limits: Limits) -> None:
        """It is lost: from now on its quiet time passes."""
        self._quiet_until.setdefault(incarnation, now + limits.quiet_s)

    def not_proved(self, incarnation: Incarnation) -> None:
        """The voters changed before the proof was written: it is none."""
        self._quiet_until.pop(incarnation, None)

    def see(self, view: View, now: float, limits: Limits) -> None:
        """Before a decision on this View."""
        for incarnation, record in view.incarnations.items():
            if record.life is Life.LOST:
                self.proved(incarnation, now, limits)
            elif record.life in PROVEN:
                self._uncounted_at.setdefault(incarnation, now + limits.uncounted_s)
        for times in (self._quiet_until, self._uncounted_at):
            for incarnation in times.keys() - view.incarnations.keys():
                del times[incarnation]
        self._delays = delays_seen(view, self._delays, now)
        if not view.recovering:
            self._recovering_since, self._reported_since = None, {}
        elif self._recovering_since is None:
            self._recovering_since = now
        else:
            reported = [record.incarnation for record in view.incarnations.values() if has_reported(view, record)]
            self._reported_since = {incarnation: self._reported_since.get(incarnation, now) for incarnation in reported}

    def written(self, step: Step, begun: float) -> None:
        """A decision was committed; the commit was begun at that instant."""
        if step.names:
            self._forget_at = begun + EVERY_S
        if any(record.life is Life.EVICTED for record in step.incarnations):
            self._evicted_at = begun

    def for_decision(self, *, acting_since: float | None, servers: frozenset[ServerName]) -> Memory:
        """As `decide` takes it."""
        return Memory(
            quiet_until=self._quiet_until,
            uncounted_at=self._uncounted_at,
            acting_since=acting_since,
            evicted_at=self._evicted_at,
            recovering_since=self._recovering_since,
            reported_since=self._reported_since,
            unheard=self._unheard,
            delays=self._delays,
            forget_at=self._forget_at,
            servers=servers,
        )
