"""A planned leave: what runs here is given to other servers and stopped in order, then the guard says farewell.

One per daemon. It begins when the guard was asked to end (a signal: shutdown of the machine, `systemctl stop`), or when this server's life
is LEAVING in the registry (`understudy server leave`), also after a daemon of this incarnation died during it. It stops nothing itself: the
leader moves, lanes stop. Without the registry everything is stopped in order here, and the farewell is the proof. It always ends: in a
farewell, or in the guard's own deadline.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from understudy.daemon.history import History
from understudy.daemon.lanes import Lanes
from understudy.daemon.mirror import RETRY_S, Mirror
from understudy.daemon.requests import Me
from understudy.errors import RegistryUnreachable, Unreachable
from understudy.lane.local import Local
from understudy.lane.phases import Stuck
from understudy.model import events
from understudy.model.cardinality import seen_from
from understudy.model.lifecycle import go_on
from understudy.model.names import registered_name
from understudy.model.resource import Resource
from understudy.model.state import ALIVE, Life, State
from understudy.model.view import IncarnationRecord, View
from understudy.ports import Clock, Guard
from understudy.registry import keys

LOOK_S = 0.05
"""How often it is looked at how far a leave is."""
TAKEN_OVER_S = 3.0
"""How long the leader has to give away what is here, before it is stopped all the same."""
REGISTRY_WITHIN_S = 5.0
"""How long the registry has to take the last releases: after that the farewell says the same."""
ASKED_TOO_S = 10.0
"""How long a voter that is needed waits for those who need it to be asked to leave as well."""
LAST_LINES_S = 0.5
"""How long who follows the leave on this server has for the last lines, before the guard ends this daemon."""
LAST_WORD_S = 3.0
"""How long before that a command which follows others as well learns that it has to end."""
SLACK_S = 10.0


class Leave:
    """This server's way out of the cluster."""

    def __init__(self, mirror: Mirror, guard: Guard, clock: Clock, history: History, longest_s: float) -> None:
        self._mirror = mirror
        self._guard = guard
        self._clock = clock
        self._history = history
        self._longest_s = longest_s
        self._begun = False
        self._news = asyncio.Event()
        self._until: float | None = None
        self._by = ""
        self._at_once = False
        self._followers = 0
        """Commands on this server that follow the leave of several,"""
        self._ending = False
        """and whether they have to end, for this daemon does."""

    def asked(self, left_s: float) -> None:
        """The guard was asked to end, and gives this daemon that long."""
        self._until = self._clock.monotonic() + min(left_s, self._longest_s)
        self._begun = True
        self._news.set()

    def order(self, by: str, *, at_once: bool) -> None:
        """An operator's request on this server, which cannot be written to the registry just now."""
        self._by, self._at_once = by, at_once
        self._begun = True
        self._news.set()

    def changed(self) -> None:
        """There is a new View."""
        self._news.set()

    @contextmanager
    def followed(self) -> Iterator[Callable[[], bool]]:
        """While a command here follows the leave of others as well, this daemon stays, if it can; the value says whether it cannot."""
        self._followers += 1
        try:
            yield lambda: self._ending
        finally:
            self._followers -= 1

    async def run(self, me: Me, lanes: Lanes) -> None:
        """Wait until this server is to leave, and see it out."""
        record = await self._until_begun(me)
        if record is not None:
            self._by, self._at_once = record.by or self._by, record.at_once or self._at_once
        if self._until is None:
            self._until = self._clock.monotonic() + self._time_for(me, lanes)
        await self._give_deadline_to_guard()
        recording = asyncio.create_task(self._record(me))
        try:
            in_order = not self._at_once and await self._stop_in_order(me, lanes)
            if in_order or self._at_once:
                self._history.record(events.STOPPED, on=me.server, cause="in order" if in_order else "at once")
            await self._say_farewell(in_order)
        finally:
            recording.cancel()

    async def _until_begun(self, me: Me) -> IncarnationRecord | None:
        while True:
            record = self._mirror.view.incarnations.get(me.incarnation)
            if self._begun or (record is not None and record.life is Life.LEAVING):
                return record
            self._news.clear()
            await self._news.wait()

    def _time_for(self, me: Me, lanes: Lanes) -> float:
        """As long as all that runs here may take to stop one after the other, within the bound of the settings; longer where others that
        leave at the same time may need longer: they may need this server's vote, and a command here may follow them."""
        own_s = _time_to_stop(self._up(me, lanes))
        others = (other for other in self._mirror.view.incarnations.values() if other.life is Life.LEAVING)
        other_s = (SLACK_S + _time_to_stop(_held(self._mirror.view, other)) for other in others if other.incarnation != me.incarnation)
        return min(self._longest_s, SLACK_S + max(own_s, *other_s, 0.0))

    async def _give_deadline_to_guard(self) -> None:
        """It holds the deadline, should this daemon hang; and keeps the server out afterwards, if an operator wants that."""
        while True:
            try:
                return await self._guard.leave(self._left_s(), self._by)
            except Unreachable:
                await asyncio.sleep(RETRY_S)

    async def _record(self, me: Me) -> None:
        """Be known as LEAVING, as soon as the registry can be written."""
        self._history.record(events.LEAVING, on=me.server, cause=f"by {self._by}" if self._by else "its guard was asked to end")
        while True:
            view = self._mirror.view
            record = view.incarnations.get(me.incarnation)
            if record is not None and record.life not in (Life.JOINING, Life.ONLINE):
                return
            try:
                if record is not None:
                    leaving = replace(go_on(record, Life.LEAVING), by=self._by, at_once=self._at_once)
                    await self._mirror.commit({keys.incarnation(me.incarnation): leaving}, decided_on=view)
            except RegistryUnreachable:
                pass
            await self._mirror.wait(view.revision, RETRY_S)

    # --- in order ---------------------------------------------------------------------------------------------------

    async def _stop_in_order(self, me: Me, lanes: Lanes) -> bool:
        """True when everything was seen to be stopped; False: the time is over, or something cannot be stopped."""
        await self._while(lambda: self._mirror.reachable and self._unrecorded(me), REGISTRY_WITHIN_S)
        await self._while(lambda: self._owns(me), TAKEN_OVER_S)
        lanes.leave()
        await self._while(lambda: any(not _stuck(lanes, resource) for resource in self._up(me, lanes)), self._left_s())
        if left := self._up(me, lanes):
            why = "cannot be stopped" if all(_stuck(lanes, resource) for resource in left) else "not stopped within the time for it"
            self._history.record(events.LEFT_BEHIND, on=me.server, cause=why, text=", ".join(resource.name for resource in left))
            return False
        await self._while(lambda: self._mirror.reachable and self._holds(me), REGISTRY_WITHIN_S)
        await self._while(lambda: self._mirror.reachable and self._vote_needed(me, (Life.ONLINE, Life.LEAVING)), ASKED_TOO_S)
        await self._while(lambda: self._mirror.reachable and self._vote_needed(me, (Life.LEAVING,)), self._left_s() - 2 * LAST_WORD_S)
        return True

    def _up(self, me: Me, lanes: Lanes) -> tuple[Resource, ...]:
        """What is, or may be, up here and is for this server to stop, by name."""
        known = [
            (resource, lanes.locals.get(name))
            for name, resource in sorted(self._mirror.view.resources.items())
            if not resource.kind.only_looked_at
        ]
        return tuple(resource for resource, local in known if local is not None and self._to_be_stopped(me, resource, local))

    def _to_be_stopped(self, me: Me, resource: Resource, local: Local) -> bool:
        if resource.local:  # what is left of one that does not run is cleaned up before its next start, not now
            return local.state is not State.OFFLINE or local.action is not None
        assignment = seen_from(self._mirror.view, me.incarnation).assignments.get(resource.name)
        mine = assignment is not None and any(holder.incarnation == me.incarnation for holder in assignment.holders)
        return mine and not local.off

    def _unrecorded(self, me: Me) -> bool:
        """Others must know, before it is asked whether they need this server's vote: of two that leave, the second sees the first."""
        return self._mirror.view.life(me.incarnation) in (Life.JOINING, Life.ONLINE)

    async def _while(self, condition: Callable[[], bool], longest_s: float) -> None:
        until = self._clock.monotonic() + min(longest_s, self._left_s())
        # looked at now and then, as it is about the View, the lanes and the time at once, and all of it is over soon
        while condition() and self._clock.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)

    def _left_s(self) -> float:
        assert self._until is not None, "the leave has begun"
        return max(0.0, self._until - self._clock.monotonic())

    def _owns(self, me: Me) -> bool:
        """Whether the leader, if the registry is reachable, has yet to give away something that belongs here."""
        owners = (assignment.owner for assignment in self._mirror.view.assignments.values())
        return self._mirror.reachable and any(owner is not None and owner.incarnation == me.incarnation for owner in owners)

    def _holds(self, me: Me) -> bool:
        return holds(self._mirror.view, me.incarnation)

    def _vote_needed(self, me: Me, states: tuple[Life, ...]) -> bool:
        """Whether others in these states still run things under leases that end with this server's vote: when all machines are shut down,
        the first that is done must not end the lease under which another stops its database."""
        view = self._mirror.view
        if view.cluster is None or me.server not in view.cluster.all_voters:
            return False
        present = view.present()
        others = [incarnation for incarnation in present.values() if incarnation.life in states and incarnation.server != me.server]
        here = {name for name, record in present.items() if record.life in (Life.JOINING, Life.ONLINE)} - {me.server}
        short = any(len(here.intersection(voters)) <= len(voters) // 2 for voters in view.cluster.voter_sets)
        return short and any(holds(view, other.incarnation) for other in others)

    async def _say_farewell(self, in_order: bool) -> None:
        if in_order:
            await self._while(lambda: self._mirror.reachable and self._followers > 0, self._left_s() - 2 * LAST_WORD_S)
        self._ending = True
        await self._while(lambda: self._followers > 0, LAST_WORD_S)
        await asyncio.sleep(LAST_LINES_S)  # the last lines of the history, and who follows it on this server
        while True:
            try:
                await self._guard.farewell(in_order=in_order)
            except Unreachable:
                pass
            await asyncio.sleep(RETRY_S)


def _time_to_stop(resources: Iterable[Resource]) -> float:
    """One after the other, each as long as it may take."""
    return sum(max(some.stop_timeout_s + some.clean_timeout_s for some in resource.everywhere) for resource in resources)


def _held(view: View, record: IncarnationRecord) -> Iterator[Resource]:
    """What may be running there, of what moves."""
    for name, assignment in view.assignments.items():
        resource = view.resources.get(registered_name(name))
        if resource is not None and any(holder.incarnation == record.incarnation for holder in assignment.holders):
            yield resource


def _stuck(lanes: Lanes, resource: Resource) -> bool:
    """Whether everything was tried to stop it."""
    return isinstance(lanes.locals[resource.name].phase, Stuck)


def holds(view: View, incarnation: str) -> bool:
    """Whether an incarnation may still be running something that moves."""
    return any(holder.incarnation == incarnation for assignment in view.assignments.values() for holder in assignment.holders)


def over(view: View, record: IncarnationRecord) -> bool:
    """Whether an incarnation has ended, for whoever waits for that."""
    return view.life(record.incarnation) not in ALIVE
