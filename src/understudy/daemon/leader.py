"""The leader's loop: take the term when it is free, then decide from every new View and commit what follows.

Runs in every daemon; only one at a time gets its commits through, because each is conditional on the LeaderRecord (S7). It never acts on
a server: lanes do. Pure decisions are `policy.decide`; this file feeds it and writes what it says.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.daemon.commanded import CommandsSeen
from understudy.daemon.decisions import activity_of, record_decision, rests_on, writes_of
from understudy.daemon.history import History, log_events
from understudy.daemon.memory import LeaderMemory
from understudy.daemon.mirror import RETRY_S, Mirror
from understudy.daemon.parts import PreparedCommit
from understudy.errors import CommitTooLarge, RegistryUnreachable, Unreachable
from understudy.guard.log import log
from understudy.model import events, logevents
from understudy.model.lifecycle import go_on
from understudy.model.limits import Limits, derive
from understudy.model.names import Incarnation, ResourceName, ServerName, registered_name
from understudy.model.position import NOWHERE, went_back
from understudy.model.state import ALIVE, GONE, Life
from understudy.model.view import Beat, IncarnationRecord, LeaderRecord, View
from understudy.policy.bounded import bounded
from understudy.policy.decide import decide
from understudy.policy.part import DecisionParts
from understudy.policy.plan import Memory, Plan, Step
from understudy.ports import Clock, Counted, Farewell, Guard, SilentWord
from understudy.registry import keys

ASK_AGAIN_S = 0.01
ASK_SELDOM_S = 2.0
"""Pauses between rounds about one suspect: from the first to the second, doubling."""
ROLL_CALL_S = 5.0
"""How often everybody is asked about once, suspected or not,"""
ROLL_CALL_SOON_S = 0.5
"""and while it is not known which incarnations in a copy of the registry are still alive."""
HISTORY_KEEP = 5_000
HISTORY_BYTES = 4 * 1024 * 1024
"""How much is kept of the history: so many events, and of these so many bytes."""
HISTORY_TRIM = 500
HISTORY_TRIM_BYTES = 512 * 1024
"""It is cut back once it is this much longer."""
TRIM_AT_ONCE = 100
GROUPS_AT_ONCE = 256
"""Decided about in one go, in some 20 ms: with thousands to decide about the leader goes on showing progress meanwhile."""


@dataclass
class _Sight:
    """When this daemon last saw the leader make progress."""

    term: int = 0
    beat: int = -1
    at: float = 0.0


class Leader:
    """This daemon as leader, or as candidate."""

    def __init__(self, mirror: Mirror, guard: Guard, clock: Clock, history: History, limits: Limits) -> None:
        self.acting_since: Callable[[], float | None] = lambda: float("-inf")
        """Since when this server is able to act, None if it is not (`daemon/ability.py`): who cannot does not lead."""
        self.decided: Callable[[View, float, Memory, Plan, bool], None] = lambda *_: None
        """Given each decision, with what it was made from, and whether it is all that there was to decide."""
        self._mirror, self._guard, self._clock, self._history, self._limits = mirror, guard, clock, history, limits
        self._wake, self._leading = asyncio.Event(), asyncio.Event()
        self.sight = _Sight()
        """When the leader was last seen to make progress."""
        self._memory = LeaderMemory()
        self._asking: dict[Incarnation, asyncio.Event] = {}
        """Who is being asked about; set when a voter has said something new about it."""
        self._rounds = 0
        """Under way."""
        self._suspects: dict[Incarnation, ServerName] = {}
        self._left: set[Incarnation] = set()
        self._roll_call_at, self._beats = 0.0, 0
        self._counted: tuple[int, int, int] | None = None
        """The term, the reading of the registry and the era for which it is known who is alive."""
        self._quiet_since_count = 0.0
        self._too_large: set[ResourceName] = set()
        """Groups of which it was said that no commit holds them, by their first changed member."""
        self._parts, self._commands = DecisionParts(GROUPS_AT_ONCE), CommandsSeen(mirror.records)
        self._decided_at = -1
        """The version of the View that was decided on last."""
        self._settled: View | None = None
        """The last View in which there was nothing to decide."""
        self.decide_at: float | None = None
        """When there will be something to decide even if nothing changes; None: then never."""
        self._woken_by = View()
        self._led = False
        """As far as was seen last."""
        self._me: tuple[ServerName, Incarnation] | None = None

    # --- what the daemon tells it -----------------------------------------------------------------------------------

    def pace(self, pause_tolerance: float) -> None:
        """The registry's, from which every time of a leader follows: understudy.toml may have been edited since the guards began."""
        self._limits = derive(pause_tolerance)

    def changed(self) -> None:
        """There is a new View. A beat is noted, and wakes nobody."""
        view = self._mirror.view
        self._see(view)
        if self._led and not self.leads():
            log(logevents.TERM_LOST, on=None if view.leader is None else view.leader.server)
        self._led = self.leads()
        if not self._led:
            self._commands.stand_by(view.beat)
        if not view.same_facts(self._woken_by):
            self._woken_by = view
            self._wake.set()
            self._leading.set()

    def lease_changed(self) -> None:
        """This server's lease was won or lost."""
        self._wake.set()

    def joined(self, server: ServerName, incarnation: Incarnation) -> None:
        """This daemon's incarnation is in the registry: it may lead."""
        self._me = (server, incarnation)
        self._wake.set()
        self._leading.set()

    def receive(self, word: SilentWord | Farewell) -> None:
        """A voter's word, or a farewell, arrived at the guard."""
        if isinstance(word, Farewell):
            self._left.add(word.incarnation)
        else:
            self._suspects[word.incarnation] = word.server
            if word.incarnation in self._asking:
                self._asking[word.incarnation].set()
        self._wake.set()

    def idle(self) -> bool:
        """Whether no round is under way, or about to be, and nothing that was received waits to be written."""
        reported = any(self._mirror.view.life(incarnation) in (*ALIVE, Life.EVICTED) for incarnation in self._left)
        new = any(self._ours_to_ask(suspect) and suspect not in self._asking for suspect in self._suspects)
        return not (self._rounds or reported or new or self._wake.is_set() or any(event.is_set() for event in self._asking.values()))

    def leads(self) -> bool:
        """Whether this daemon holds the term, as far as its mirror knows."""
        record = self._mirror.view.leader
        return record is not None and self._me is not None and record.incarnation == self._me[1]

    # --- the loop ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Lead, or stand by to lead, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            while True:
                self._wake.clear()
                try:
                    wake_at = await self._turn(tasks)
                except Unreachable:
                    wake_at = self._clock.monotonic() + RETRY_S
                await self._rest(wake_at)

    async def _rest(self, wake_at: float | None) -> None:
        pause = self._limits.progress_s  # a safety net: whatever is due is known, and everything else wakes it
        if wake_at is not None:
            pause = min(pause, max(0.0, wake_at - self._clock.monotonic()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()

    async def _turn(self, tasks: asyncio.TaskGroup) -> float | None:
        view = self._mirror.view
        if self._me is None or not self._mirror.read_once or not self._guard.held() or view.set_back:
            return None
        if self.leads():
            self._suspect_the_unheard(view, tasks)
        # every daemon tells its own guard, so that every voter answers `lost` to those whom the registry calls gone or evicted
        await self._guard.dead([incarnation.incarnation for incarnation in view.incarnations.values() if incarnation.life in GONE])
        self._ask_about_suspects(view, tasks)
        if self.acting_since() is None:
            return None  # another takes the term, or nobody: what cannot act is no better off for being decided about here
        if not self.leads():
            return await self._stand(self._mirror.view)
        decide_at = await self._lead(self._mirror.view)
        return self._roll_call_at if decide_at is None else min(decide_at, self._roll_call_at)

    async def _lead(self, view: View) -> float | None:
        count_at = await self._take_census(view)
        if count_at is not None:
            return count_at
        await self._believe_farewells()
        await self._trim()
        now, view = self._clock.monotonic(), self._mirror.view
        self._memory.see(view, now, self._limits)
        if self._settled is not None and self._settled.same_facts(view) and (self.decide_at is None or now < self.decide_at):
            return self.decide_at  # only a beat, or a line of the history: the same facts give the same plan, which was empty
        memory = self._memory.for_decision(acting_since=self.acting_since(), servers=frozenset(self._mirror.servers))
        part = self._parts.part(view, self._mirror.changes(self._decided_at))
        self._decided_at = self._mirror.version
        plan = decide(view, now, memory, part)
        self._parts.decided(plan)
        if plan:
            self.decided(view, now, memory, plan, not part.later)
        # the conditions of every step are taken before any is awaited, so that they are those of the View they were decided from
        room = self._mirror.most_writes - 1  # beside the term
        parts = [part for step in plan.steps for part in bounded(step, room)]
        prepared = [(part, self._prepared(view, writes_of(view, part), *rests_on(view, part))) for part in parts]
        commits = [asyncio.ensure_future(self._commit(view, part, commit)) for part, commit in prepared if commit is not None]
        done = await asyncio.gather(*commits, return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, BaseException):
                raise outcome
        if not all(done) or len(done) < len(prepared):
            if self._mirror.view is view:  # what it conflicts with has not been seen yet: not at once the same again
                await self._mirror.wait(view.revision, RETRY_S)
            self._wake.set()  # a conflict: decide anew from what is there now
        if self._parts.unfinished:
            self._wake.set()
            await asyncio.sleep(0)  # with nothing to commit nobody else would have had a turn
        self._settled, self.decide_at = None if plan or self._parts.unfinished else view, plan.wake_at
        if self._settled is self._mirror.view:
            self._commands.settled()
        return plan.wake_at

    async def _commit(self, view: View, step: Step, prepared: PreparedCommit) -> bool:
        begun, command = self._clock.monotonic(), self._commands.of(step)
        try:
            if await self._mirror.send(prepared) is None:
                return False
        except CommitTooLarge as error:
            self._say_too_large(step, str(error))
            return True  # the same again would be refused again: when something changes it is decided anew
        self._memory.written(step, begun)
        ms = round((self._clock.monotonic() - begun) * 1000, 1)
        record_decision(self._history, view, step, ms=ms, command=command)
        return True

    def _say_too_large(self, step: Step, why: str) -> None:
        """Once for each group, until this daemon leads anew."""
        for assignment in step.assignments[:1]:
            if assignment.resource not in self._too_large:
                self._too_large.add(assignment.resource)
                others = f" (it moves together with {len(step.assignments) - 1} others)" if len(step.assignments) > 1 else ""
                self._history.record(events.TOO_LARGE, resource=registered_name(assignment.resource), cause=f"{why}{others}")

    def _prepared(self, view: View, writes: Mapping[str, Any], *unchanged: str) -> PreparedCommit | None:
        """A commit of what only a leader may write (S7); None: there is none to send. Whether this daemon still is one is checked
        in the same step in which the conditions are taken: it may have been overtaken at any await, and a condition on somebody else's term
        would hold."""
        if not self.leads():
            return None
        return self._mirror.prepared(writes, decided_on=view, unchanged=(keys.LEADER, *unchanged))

    async def _write(self, view: View, writes: Mapping[str, Any], *unchanged: str) -> int | None:
        """Commit it at once."""
        prepared = self._prepared(view, writes, *unchanged)
        return None if prepared is None else await self._mirror.send(prepared)

    async def _trim(self) -> None:
        records = self._mirror.records
        if not records.complete:
            return
        if len(records) > HISTORY_KEEP + HISTORY_TRIM or records.bytes > HISTORY_BYTES + HISTORY_TRIM_BYTES:
            oldest = records.oldest(min(TRIM_AT_ONCE, self._mirror.most_writes - 1))
            if await self._write(self._mirror.view, dict.fromkeys(oldest)) is None and self.leads():
                self._mirror.read_history_anew()  # perhaps one of them is gone already
            self._wake.set()

    # --- who is alive -----------------------------------------------------------------------------------------------

    async def _take_census(self, view: View) -> float | None:
        """Before this leader decides anything in its term, after the registry was read anew, and in every era: ask all voters whom they
        grant. So it is noticed that the registry does not know one, or what it has acted on. None: that is done; else when to go on.

        A registry that went back looks like any other. Who holds a lease has it from a majority, so any majority knows it.
        """
        mark = (0 if view.leader is None else view.leader.term, self._mirror.rereads, view.era)
        if self._counted == mark:
            return self._quiet_since_count if self._clock.monotonic() < self._quiet_since_count else None
        census = await self._guard.census(view.phase)
        if census is None or self._mirror.view.phase != view.phase:
            return self._clock.monotonic() + ASK_AGAIN_S
        self._beats += 1
        # who was counted has registered before: after this commit the mirror has seen that
        revision = await self._write(self._mirror.view, {keys.BEAT: Beat(term=mark[0], count=self._beats)})
        asked_of, view = view, self._mirror.view
        if revision is None or view.revision < revision or self._mirror.rereads != mark[1] or view.set_back:
            return self._clock.monotonic() + ASK_AGAIN_S
        if not await self._take_in(view, census):
            return self._clock.monotonic() + RETRY_S
        self._memory.counted(asked_of, census)
        # an incarnation that ended just before nobody knows any more: what it ran is gone when the quiet time is over, as after every loss
        self._counted, self._quiet_since_count = mark, self._clock.monotonic() + self._limits.quiet_s
        return self._quiet_since_count

    async def _take_in(self, view: View, census: Sequence[Counted]) -> bool:
        """Compare those who are alive with what the registry knows of them; write down whom it does not know."""
        unknown: dict[Incarnation, Counted] = {}
        for counted in census:
            if counted.position == NOWHERE:
                continue  # it has not registered, so it was never given anything
            here = self._mirror.standing(keys.incarnation(counted.incarnation))
            known = counted.incarnation in view.incarnations
            if went_back(counted.position, here) or not (known or view.recovering):
                why = f"{counted.server} has acted on revision {counted.position.revision} of it, which this one has not"
                self._mirror.notice(f"it was set back, or recreated: {why}", counted.position)
                return False
            if not known:
                unknown[counted.incarnation] = counted
        order = max((incarnation.order for incarnation in view.incarnations.values()), default=0)
        writes = {
            keys.incarnation(counted.incarnation): IncarnationRecord(
                incarnation=counted.incarnation, server=counted.server, life=Life.JOINING, order=order + number
            )
            for number, counted in enumerate(unknown.values(), 1)
        }
        return not writes or await self._write(view, writes) is not None

    # --- who is lost ------------------------------------------------------------------------------------------------

    def _ask_about_suspects(self, view: View, tasks: asyncio.TaskGroup) -> None:
        for incarnation, server in list(self._suspects.items()):
            if view.life(incarnation) not in (None, *ALIVE, Life.EVICTED):
                del self._suspects[incarnation]
            elif incarnation not in self._asking and self._ours_to_ask(incarnation):
                self._asking[incarnation] = asyncio.Event()
                tasks.create_task(self._prove(server, incarnation))

    def _suspect_the_unheard(self, view: View, tasks: asyncio.TaskGroup) -> None:
        """Voters report the silence only of those that have sent them something: who went while no voter ran (all lost power at once) is
        never reported. So an incarnation that its server has replaced is suspected at once, and everybody is asked about now and then."""
        present, now = view.present(), self._clock.monotonic()
        roll_call = now >= self._roll_call_at
        if roll_call:
            every_s = ROLL_CALL_SOON_S if view.recovering else ROLL_CALL_S
            self._roll_call_at = (now // every_s + 1) * every_s
        for incarnation, record in view.incarnations.items():
            if self._me is None or incarnation == self._me[1] or record.life not in (*ALIVE, Life.EVICTED):
                continue
            if present[record.server].incarnation != incarnation:
                self._suspects.setdefault(incarnation, record.server)
            elif roll_call and incarnation not in self._suspects and incarnation not in self._asking:
                self._asking[incarnation] = asyncio.Event()
                tasks.create_task(self._prove(record.server, incarnation, once=True))

    async def _prove(self, server: ServerName, incarnation: Incarnation, *, once: bool = False) -> None:
        """Ask round after round, with growing pauses, until it is proved lost or is no longer ours to ask about; at once when a voter has
        said something new about it.

        A round that fails proves nothing: voters fall silent some milliseconds apart, and packets are lost. Answers of different rounds
        are never added up (S5); each round stands for itself.
        """
        pause, begun = ASK_AGAIN_S, self._clock.monotonic()
        try:
            while self._ours_to_ask(incarnation):
                try:
                    phase = self._mirror.view.phase
                    if await self._round(server, incarnation, phase) and self._mirror.view.phase == phase:
                        self._memory.proved(incarnation, self._clock.monotonic(), self._limits)
                        if await self._commit_lost(server, incarnation, phase, (self._clock.monotonic() - begun) * 1000):
                            return
                        self._memory.not_proved(incarnation)
                except Unreachable:
                    pass  # no guard, or no registry, just now: the next round says
                if once:
                    return
                pause = await self._until_next_round(incarnation, pause)
        finally:
            del self._asking[incarnation]
            self._wake.set()

    async def _round(self, server: ServerName, incarnation: Incarnation, phase: int) -> bool:
        self._rounds += 1
        try:
            return await self._guard.prove_lost(server, incarnation, phase)
        finally:
            self._rounds -= 1

    async def _until_next_round(self, incarnation: Incarnation, pause: float) -> float:
        """Wait; how long to wait the next time."""
        news, now = self._asking[incarnation], self._clock.monotonic()
        seldom = pause >= ASK_SELDOM_S
        until = (now // ASK_SELDOM_S + 1) * ASK_SELDOM_S if seldom else now + pause
        try:
            async with asyncio.timeout(until - now):
                await news.wait()
        except TimeoutError:
            return min(ASK_SELDOM_S, pause * 2)
        news.clear()
        return ASK_AGAIN_S

    def _ours_to_ask(self, incarnation: Incarnation) -> bool:
        """The leader asks about anybody, everybody about the leader (and takes its term)."""
        view = self._mirror.view
        is_leader = view.leader is not None and view.leader.incarnation == incarnation
        return view.life(incarnation) in (*ALIVE, Life.EVICTED) and (self.leads() or is_leader)

    async def _commit_lost(self, server: ServerName, incarnation: Incarnation, phase: int, ms: float) -> bool:
        """The proof is for good: whoever leads writes it, and a candidate takes the lost leader's term in the same commit. False: a change
        of the voters has begun or ended before it was written. Then it is proved anew: what one set says does not bind whoever holds its
        lease by the other."""
        for _ in range(20):
            view = self._mirror.view
            record = view.incarnations.get(incarnation)
            if view.phase != phase:
                return False
            if record is None or record.life in (Life.LOST, Life.FENCED, Life.LEFT) or self._me is None:
                return True
            lost = go_on(record, Life.LOST, "a majority of voters silent in one round")
            activity = activity_of(view)
            writes: dict[str, Any] = {keys.incarnation(incarnation): lost}
            lines = [self._history.carried(events.LOST, on=server, ms=round(ms, 1), cause=lost.proof, activity=activity)]
            if not self.leads():
                if view.leader is None or view.leader.incarnation != incarnation:
                    return True  # somebody else leads by now: that one asks for itself
                writes[keys.LEADER] = LeaderRecord(server=self._me[0], incarnation=self._me[1], term=view.leader.term + 1)
                lines.append(self._history.carried(events.LEADER, on=self._me[0], cause=f"{server} is lost", activity=activity))
            if await self._mirror.commit({**writes, **dict(lines)}, decided_on=view, unchanged=(keys.LEADER,)) is not None:
                log_events(lines)
                return True
            await self._mirror.wait(view.revision, RETRY_S)
        return True

    async def _believe_farewells(self) -> None:
        for incarnation in sorted(self._left):
            view = self._mirror.view
            record = view.incarnations.get(incarnation)
            # EVICTED too: a guard that learns of it stops everything at once, and proves it sooner than silence can
            if record is not None and record.life in (*ALIVE, Life.EVICTED):
                left = go_on(record, Life.LEFT, "farewell")
                lines = [self._history.carried(events.LEFT, on=record.server, cause="farewell", activity=activity_of(view))]
                if await self._write(view, {keys.incarnation(incarnation): left, **dict(lines)}) is None:
                    return
                log_events(lines)
            self._left.discard(incarnation)

    # --- the term ---------------------------------------------------------------------------------------------------

    def _see(self, view: View) -> None:
        """Note the leader's progress, when it is seen."""
        leader, beat = view.leader, view.beat
        term = 0 if leader is None else leader.term
        count = 0 if beat is None or beat.term != term else beat.count
        if (term, count) != (self.sight.term, self.sight.beat):
            self.sight = _Sight(term=term, beat=count, at=self._clock.monotonic())

    async def _stand(self, view: View) -> float | None:
        """Take the term if there is no leader, or if it has made no progress for progress_s; when to look again."""
        self._see(view)
        leader, patience_ends = view.leader, self.sight.at + self._limits.progress_s
        idle = _is_free(view, leader, None if self._me is None else self._me[1])
        if not idle and self._clock.monotonic() < patience_ends:
            return patience_ends
        if not self._mirror.reachable or self._me is None or not view.alive(self._me[1]):
            return None  # who is not registered would be followed at once by the next who is not
        server, incarnation = self._me
        record = LeaderRecord(server=server, incarnation=incarnation, term=1 if leader is None else leader.term + 1)
        lines = [self._history.carried(events.LEADER, on=server, cause=_why_taken(leader, idle=idle), activity=activity_of(view))]
        if await self._mirror.commit({keys.LEADER: record, **dict(lines)}, decided_on=view) is not None:
            log_events(lines)
            self._wake.set()
            return None
        return self._clock.monotonic() + RETRY_S

    async def _beat(self) -> None:
        """Show progress while leading: the others see it in the registry."""
        every_s = self._limits.progress_s / 3
        due = self._clock.monotonic()
        while True:
            while not self.leads():  # who does not is not woken for it
                self._leading.clear()
                await self._leading.wait()
            due += every_s * max(1, math.ceil((self._clock.monotonic() - due) / every_s))  # missed ones are skipped
            await asyncio.sleep(due - self._clock.monotonic())
            leader = self._mirror.view.leader
            if not self.leads() or leader is None or not self._guard.held() or self.acting_since() is None:
                continue
            self._beats += 1
            with contextlib.suppress(RegistryUnreachable):
                await self._write(self._mirror.view, {keys.BEAT: Beat(term=leader.term, count=self._beats)})


def _is_free(view: View, leader: LeaderRecord | None, me: Incarnation | None) -> bool:
    """Whether nobody is there who could lead on: the leader's life is over, or it leaves the cluster and this server does not."""
    if leader is None or not view.alive(leader.incarnation) or view.present()[leader.server].incarnation != leader.incarnation:
        return True
    return view.life(leader.incarnation) is Life.LEAVING and me is not None and view.life(me) is not Life.LEAVING


def _why_taken(leader: LeaderRecord | None, *, idle: bool) -> str:
    if leader is None:
        return "there was no leader"
    return f"{leader.server} is gone or leaves" if idle else f"no progress by {leader.server}"
