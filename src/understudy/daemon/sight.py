"""What this server knows by itself this minute, and the alert log of the states that follow from it.

Once a second it asks the guard what it knows; a command that asks in between also gets the age of that. Run by `daemon/main.py` beside the
node, so that it works without a lease and without the registry. It decides nothing.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from understudy.daemon.ability import REGISTRY_AWAY
from understudy.daemon.node import Node
from understudy.errors import Unreachable
from understudy.guard.notice import read_notice
from understudy.intent.facts import down
from understudy.lane.steps import LaneStep, Wait
from understudy.model import events
from understudy.model.conditions import NUMBERS, Condition, ConditionKind, LaneWait, Own, ago
from understudy.model.messages import WORDS, number
from understudy.model.names import ResourceName, ServerName
from understudy.policy.conditions import conditions
from understudy.policy.vouched import vouched
from understudy.ports import GuardSight

ASK_EVERY_S = 1.0
REPORT_AFTER_S = 3.0
"""What is over sooner is no alert: a daemon that begins anew, a leader that changes."""
RETRY_ALERTS_S = 10.0
OUTAGE_S = 3.0
"""A lease that was lost for less is recorded as a rejoin, not as an outage of the cluster."""
NAMED = 20
"""So many resources that were down are named in the history."""
OTHERS_FIRST_S = 2.0
"""Who does not lead waits so long before reporting that the majority is back, and a second more for each server before it by name."""
_COUNTS = re.compile(r"\b\d[\d:.-]*\b")
_IN_HISTORY_BY_OTHERS = {
    ConditionKind.CANNOT_ACT: events.CANNOT_ACT,
    ConditionKind.GUARD_SAYS: events.GUARD_SAYS,
    ConditionKind.TAKES_NO_PART: events.TAKES_NO_PART,
    ConditionKind.REGISTRY_SET_BACK: events.REGISTRY_SET_BACK,
    ConditionKind.RECOVERING: events.REGISTRY_SET_BACK,
}
"""These come as events, and so into every alert log of the cluster; unless nobody is there to report them, or the registry takes none."""
CLOCKS_S = 60.0
"""So far apart the clocks of two servers may be, for an event of the one to count as of the other's present."""


@dataclass
class _Seen:
    """A condition that is so now."""

    since: float
    gist: str = ""
    """Its cause without durations, and since when it is this one."""
    gist_since: float = 0.0
    reported: str | None = None
    """The gist that was reported; None: nothing yet."""

    def to_report(self, gist: str, now: float) -> bool:
        """Whether this is news that has lasted: a condition that has begun, or another cause of it."""
        if gist != self.gist:
            self.gist, self.gist_since = gist, now
        if self.reported == gist or now - self.gist_since < REPORT_AFTER_S:
            return False
        self.reported = gist
        return True


class LaneWaits(Mapping[ResourceName, LaneWait]):
    """What the lanes wait for, of those that wait for anything; worked out only where somebody looks."""

    def __init__(self, steps: Mapping[ResourceName, LaneStep]) -> None:
        self._steps = steps

    def __getitem__(self, name: ResourceName) -> LaneWait:
        step = self._steps[name]
        if not isinstance(step, Wait) or step.why.at_rest:
            raise KeyError(name)
        return LaneWait(what=step.why.value, of=step.of, until=step.until)

    def __iter__(self) -> Iterator[ResourceName]:
        return (name for name, step in self._steps.items() if isinstance(step, Wait) and not step.why.at_rest)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Sight:
    """This server's own knowledge."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._began = node.clock.monotonic()
        self._said: GuardSight | None = None
        self._said_at = self._began
        self._first: tuple[int, int] | None = None
        """The leader's term and beat as they were found: only what moves on from there is a sign of life."""
        self._first_at = self._began
        self._led_at: float | None = None
        self._present: dict[tuple[ConditionKind, ServerName | None], _Seen] = {}
        self._without = False
        """Whether this daemon has seen this server without a lease,"""
        self._others_led = False
        """and a leader at work meanwhile,"""
        self._down: tuple[ResourceName, ...] = ()
        """and what was wanted and down."""
        self._report_back_at: float | None = None
        self._gap_s = 0.0
        self._retry_alerts_at = 0.0
        self.alert: Callable[[str], object] = lambda _: None
        """Writes to the alert log of this server."""
        self.unwritten: Callable[[], tuple[int, str]] = lambda: (0, "")
        """Lines that the alert log has lost, and why."""
        self.members_away: Callable[[], Mapping[ServerName, float]] = dict
        """See `daemon/memberwatch.py`."""
        self.taken_out_by: Callable[[], str] = lambda: ""
        """By whose word this server stays out of the cluster; empty: it does not."""

    async def run(self) -> None:
        """Ask and report, until cancelled."""
        while True:
            await self.look()
            self._report_changes()
            await asyncio.sleep(ASK_EVERY_S - self._node.clock.monotonic() % ASK_EVERY_S)

    async def look(self) -> None:
        """Ask the guard once; one that does not answer is asked again later."""
        try:
            self._said = await self._node.guard.sight()
        except Unreachable:
            return
        self._said_at = self._node.clock.monotonic()

    def own(self) -> Own:
        """What is known now."""
        node, now = self._node, self._node.clock.monotonic()
        lost, why = self.unwritten()
        return Own(
            server=node.server,
            now=now,
            voters=_voters_of(self._said) or tuple(map(ServerName, node.settings.voters)),
            settings_voters=tuple(map(ServerName, node.settings.voters)),
            lease_s=node.limits.lease_s,
            daemon_s=now - self._began,
            guard=self._said,
            guard_age_s=now - self._said_at,
            held=node.guard.held(),
            left=self.taken_out_by(),
            notices=read_notice(node.settings.run_dir),
            engine=node.settings.engine,
            registry_away_s=self._registry_away_s(now),
            registry_refuses=node.mirror.unwritable,
            members_away=self.members_away(),
            read_once=node.mirror.read_once,
            leader_silent_s=self._leader_silent_s(now),
            leader_watched_s=0.0 if self._first is None else now - self._first_at,
            unable="" if node.ability.why == REGISTRY_AWAY else node.ability.why,
            not_run={} if node.lanes is None else dict(node.lanes.not_run),
            waits=LaneWaits({} if node.lanes is None else node.lanes.steps),
            not_kept=node.not_kept,
            alerts_lost=lost,
            alerts_why=why,
            reports={} if node.lanes is None else node.lanes.newer_reports(),
        )

    def _registry_away_s(self, now: float) -> float:
        node = self._node
        if node.mirror.reachable and node.ability.why != REGISTRY_AWAY:
            return 0.0
        return max(now - node.ability.reached_at, 0.001)

    def _leader_silent_s(self, now: float) -> float | None:
        sight = self._node.leader.sight
        found = (sight.term, sight.beat)
        if self._first is None and self._node.mirror.read_once:
            self._first, self._first_at = found, now
        if self._first not in (None, found):
            self._led_at = sight.at
        return None if self._led_at is None else now - self._led_at

    # --- the alert log ----------------------------------------------------------------------------------------------

    def _report_changes(self) -> None:
        own, view, now = self.own(), self._node.mirror.view, self._node.clock.monotonic()
        found = {(condition.kind, condition.about): condition for condition in conditions(view, own)}
        for key, present in found.items():
            if self._present.setdefault(key, _Seen(since=now)).to_report(_gist(present), now):
                self._report_begun(present, own)
        for key in [known for known in self._present if known not in found]:
            seen = self._present.pop(key)
            if seen.reported is not None:
                self._report_over(key, now - seen.since, own)
        if own.alerts_lost and now >= self._retry_alerts_at:  # only writing a line shows whether there is room again
            self._retry_alerts_at = now + RETRY_ALERTS_S
            self.alert(f"{number(NUMBERS[ConditionKind.ALERTS_LOST])}:lines before this one are lost; understudy history has them")
        self._follow_the_lease(own)

    def _report_begun(self, condition: Condition, own: Own) -> None:
        if not self._in_history(condition):
            self.alert(f"{number(NUMBERS[condition.kind])}:{condition.text}")
        if condition.kind in (ConditionKind.MAJORITY_LOST, ConditionKind.NO_LEASE):
            self._node.history.record(events.NO_LEASE, on=own.server, cause=condition.text)

    def _report_over(self, key: tuple[ConditionKind, ServerName | None], for_s: float, own: Own) -> None:
        kind, about = key
        if kind not in _IN_HISTORY_BY_OTHERS or own.registry_away_s:
            what = WORDS[NUMBERS[kind]].partition(":")[0].format(about or "")
            self.alert(f"{number(NUMBERS[kind])}:Over after {ago(for_s)}: {what} ({kind.value})")

    def _in_history(self, condition: Condition) -> bool:
        """Whether an event has reported it, and so the alert log has it."""
        since = self._node.clock.wall() - self._node.clock.monotonic() + self._present[condition.kind, condition.about].since - CLOCKS_S
        kind = _IN_HISTORY_BY_OTHERS.get(condition.kind)
        known = (event for event in self._node.mirror.history() if event.kind == kind and event.wall >= since)
        return any(condition.about in (None, event.on) for event in known)

    # --- after an outage --------------------------------------------------------------------------------------------

    def _follow_the_lease(self, own: Own) -> None:
        """Once it holds a lease again: for how long it had none, and what was down if nobody else led meanwhile."""
        view = self._node.mirror.view
        if not own.held:
            self._without = True
            self._others_led = self._others_led or own.leader_silent_s is not None
            self._down = down(vouched(view, own))
        elif self._without and self._node.joined() and self._said is not None and self._said.gap_s is not None:
            self._without, gap_s = False, self._said.gap_s
            if gap_s > 0:
                self._node.history.record(events.LAPSED, on=own.server, cause=f"it held no lease for {ago(gap_s)}")
            if gap_s >= OUTAGE_S and not self._others_led:
                self._report_back_at = own.now + self._turn(own.server)
                self._gap_s = gap_s
        if self._report_back_at is not None and own.now >= self._report_back_at:
            self._report_back_at = None
            self._report_back(own)

    def _turn(self, server: ServerName) -> float:
        """How long this server waits to report: the leader not at all, the others one after the other, until one has reported."""
        names = sorted(settings.name for settings in self._node.settings.servers)
        return 0.0 if self._node.leader.leads() else OTHERS_FIRST_S + names.index(server)

    def _report_back(self, own: Own) -> None:
        since = self._node.clock.wall() - self._gap_s
        if any(event.kind == events.MAJORITY_BACK and event.wall > since for event in self._node.mirror.history()):
            return
        names = ", ".join(self._down[:NAMED]) + (f" and {len(self._down) - NAMED} more" if len(self._down) > NAMED else "")
        text = f"down meanwhile: {names or 'nothing that was wanted'}"
        self._node.history.record(events.MAJORITY_BACK, on=own.server, cause=f"after {ago(self._gap_s)} without one", text=text)


def _voters_of(said: GuardSight | None) -> tuple[ServerName, ...]:
    """Those on whose grants this server's lease rests."""
    if said is None:
        return ()
    return said.voters if said.acknowledged or not said.old_voters else said.old_voters


def _gist(condition: Condition) -> str:
    """What it says besides how long, how often and how much: these change all the time, and are no news."""
    return _COUNTS.sub("", condition.cause)
