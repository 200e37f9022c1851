"""What truly happens in a false world, retold in an operator's words, and so that a millisecond more or less changes nothing of it.

`Teller` listens to the timeline (machines, services) and to the store (incarnations, assignments, leaders). It reports results, not
what is tried, and leaves out local resources. What several do alike, one after the other, is one line.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from understudy.lane.phases import Climbing, Rung
from understudy.model import events
from understudy.model.names import Incarnation, ResourceName
from understudy.model.state import Life, State
from understudy.model.view import Assignment, ClusterRecord, Event, Holder, IncarnationRecord, LeaderRecord, Report
from understudy.policy.sentences import sentence
from understudy.ports import Batch
from understudy.registry import keys
from understudy.sim.formats import NEXT
from understudy.sim.link import Written
from understudy.sim.trace import TraceLine
from understudy.sim.world import World

TOGETHER_S = 1.0
"""What servers do alike within this time is one line, whatever comes between."""
_RANKS = {"incarnation": 0, "leader": 1, "assignment": 2}
"""Which records of one commit are reported first."""
STOPPED, RELEASED = "is|are stopped", "is|are released by {}"
GAVE_UP = {"start": "it cannot be started", "restarts": "its restarts are used up"}


@dataclass
class Saying:
    """One line to be."""

    at: float
    who: list[str]
    does: str
    """`runs|run on ctr1`: what one does, and what several do."""
    times: int = 1

    def told(self) -> str:
        """The line."""
        several = len(self.who) > 1
        does = re.sub(r"(\w+)\|(\w+)", lambda found: found[1 + several], self.does)
        return f"{', '.join(self.who)} {does}{f' ({self.times} times)' if self.times > 1 else ''}"


class WorldTeller:
    """See the module."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._muted = False
        self._told: list[Saying] = []
        self._lives: dict[str, list[Incarnation]] = {}
        """Server -> its incarnations, in the order in which they appeared in the registry."""
        self._records: dict[str, Any] = {}
        """Key -> what the registry said of it last."""
        self._begun: dict[str, Incarnation] = {}
        """Server -> the incarnation under which its last daemon began."""
        self._keys: dict[bytes, int] = {}
        """The guards' keys that were shown."""
        self._newer = False
        self.of_leaders = False
        """Whether the story is about them: who of several is first to lead is chance."""
        self._seen = world.hub.store.revision
        world.trace.listener = self._line
        judge, world.hub.judge = world.hub.judge, self._arrives
        self._judge = judge
        world.hub.store.on_commit(self._committed)

    def follow_anew(self) -> None:
        """The registry was replaced by a copy: what is reported from now on is compared with that."""
        store = self._world.hub.store
        self._seen = store.revision
        self._records = {entry.key: NEXT.decode(entry.key, entry.value) for entry in store.read("")[1]}
        store.on_commit(self._committed)

    @contextmanager
    def muted(self) -> Iterator[None]:
        """What happens now was said by who made it happen."""
        before, self._muted = self._muted, True
        try:
            yield
        finally:
            self._muted = before

    def take(self) -> list[Saying]:
        """Everything since the last time."""
        told, self._told = self._told, []
        return told

    def say(self, who: str, does: str, *, together: bool = False, past: str = "") -> None:
        """A line, or one more word for an earlier one: for the last, for one before lines in which others do `past`, or, of those who do
        it `together` so that it does not matter who is first, for any of a short time before."""
        if self._muted:
            return
        now = self._world.loop.now
        alike = next((saying for saying in self._reachable(who, together, past) if saying.does == does), None)
        if alike is None or (who in alike.who and (len(alike.who) > 1 or now - alike.at > TOGETHER_S)):
            self._told.append(Saying(now, [who], does))
        elif who in alike.who:
            alike.times += 1
        else:
            alike.who.append(who)
            alike.who = sorted(alike.who) if together else alike.who
            alike.at = now

    def _reachable(self, who: str, together: bool, past: str) -> Iterator[Saying]:
        now = self._world.loop.now
        for saying in reversed(self._told):
            if together and now - saying.at > TOGETHER_S:
                return
            yield saying
            if not together and (saying.does != past or who in saying.who):
                return

    # --- the timeline -----------------------------------------------------------------------------------------------

    def _line(self, line: TraceLine) -> None:
        for pattern, tell in _LINES:
            if line.where in self._world.machines and (found := re.fullmatch(pattern, line.what)):
                tell(self, line.where, *found.groups())

    def _boots(self, server: str) -> None:
        self.say(server, "boots|boot", together=True)

    def _loses_power(self, server: str) -> None:
        self.say(server, "loses|lose power", together=True)

    def _lapses(self, server: str, why: str) -> None:
        self.say(f"the lease of {server}", f"lapses: {re.sub(r'^ctr[0-9]', 'a voter', why)}")

    def _reboots(self, server: str) -> None:
        self.say(server, "has to reboot: something there cannot be killed")

    def _has_left(self, server: str) -> None:
        self.say(server, "says farewell")

    def _guard_is_back(self, server: str) -> None:
        self.say(f"the guard of {server}", "is back")

    def _daemon_begins(self, server: str) -> None:
        incarnation = self._world.machines[server].incarnation()
        if self._begun.get(server) == incarnation:
            self.say(f"the daemon of {server}", "is back")
        if incarnation is not None:
            self._begun[server] = incarnation

    def _runs(self, server: str, name: str) -> None:
        if not self._world.truth.is_local(ResourceName(name)):
            self.say(name, f"runs|run on {server}")

    def _is_started(self, server: str, name: str) -> None:
        if self._world.service(name, on=server).alive:
            self.say(name, f"is|are started on {server} although it|they already runs|run")

    def _is_gone(self, server: str, name: str) -> None:
        if not self._world.truth.is_local(ResourceName(name)):
            self.say(name, f"{self._how_it_went(server, ResourceName(name))} on {server}", past=RELEASED.format(server))

    def _how_it_went(self, server: str, name: ResourceName) -> str:
        machine = self._world.machines[server]
        actions = {action_request.action for action_request in machine.services.in_action.get(name, ())}
        if "stop" in actions:
            return STOPPED
        if "clean" in actions:
            return "is|are cleaned up"
        lanes = None if machine.node is None else machine.node.lanes
        phase = lanes.locals[name].phase if lanes is not None and name in lanes.locals else None
        climbs = isinstance(phase, Climbing) and phase.rung is Rung.KILL
        ends_it = climbs or (machine.keeper is not None and machine.keeper.stopping)
        return "is|are killed" if ends_it else "ends|end"

    def _fails(self, server: str, action: str, name: str, status: str) -> None:
        if not self._world.truth.is_local(ResourceName(name)):
            self.say(f"the {action} of {name}", f"{'is|are broken off' if status == 'None' else 'fails|fail'} on {server}")

    # --- the registry -----------------------------------------------------------------------------------------------

    def _committed(self) -> None:
        self._seen, batches = self._world.hub.store.changes("", self._seen)
        for batch in batches:
            self._batch(batch)

    def _batch(self, batch: Batch) -> None:
        assigned: list[tuple[Assignment, Assignment]] = []
        for entry in sorted(batch.changed, key=lambda entry: _RANKS.get(entry.key.partition("/")[0], len(_RANKS))):
            if entry.value.startswith(b'{"v":2') and not self._newer:
                self._newer = True
                self.say("the registry", "is written in the next format from now on")
            record = NEXT.decode(entry.key, entry.value)
            before, self._records[entry.key] = self._records.get(entry.key), record
            match record:
                case IncarnationRecord():
                    self._life(before, record)
                case Assignment():
                    assigned.append((before or Assignment(resource=record.resource, epoch=0), record))
                case LeaderRecord():
                    self._leads(before, record)
                case ClusterRecord():
                    self._era(before, record)
                case Event() if record.kind == events.REGISTRY_SET_BACK:
                    self.say("somebody", "notices: " + re.sub(r"(?<= )[0-9]+", "N", record.cause))
                case Report():
                    self._reported(before, record)
        for tell in (self._given, self._released, self._stays):
            for before, after in assigned:
                tell(before, after)
        for key in batch.deleted:
            before = self._records.pop(key, None)
            if isinstance(before, IncarnationRecord):
                self.say(self.name(before.server, before.incarnation), "is|are forgotten", together=True)

    def _arrives(self, written: Written) -> None:
        """A commit is about to be carried out, if what it rests on still holds."""
        self._judge(written)
        leader, writes = self._world.truth.leader, {write.key for write in written.commit.writes} - {keys.BEAT}
        decides = any(condition.key == keys.LEADER for condition in written.commit.conditions) and writes and keys.LEADER not in writes
        late = "comes too late and is refused"
        if decides and leader is not None and leader.incarnation != written.writer and all(saying.does != late for saying in self._told):
            self.say(f"what {written.server} wrote as the leader", late)

    def name(self, server: str, incarnation: Incarnation) -> str:
        """`ctr1`, and from its second life on `ctr1 (life 2)`."""
        lives = self._lives.setdefault(server, [])
        if incarnation not in lives:
            lives.append(incarnation)
        number = lives.index(incarnation) + 1
        return server if number == 1 else f"{server} (life {number})"

    def _life(self, before: IncarnationRecord | None, record: IncarnationRecord) -> None:
        name = self.name(record.server, record.incarnation)
        if before is None or before.life is not record.life:
            proof = "" if record.life not in (Life.LOST, Life.EVICTED) else f": {record.proof.rpartition('; ')[2]}"
            self.say(name, f"is|are {record.life}{proof}", together=True)
        elif before.format != record.format:
            self.say(name, f"reads|read format {record.format}", together=True)

    def _era(self, before: ClusterRecord | None, record: ClusterRecord) -> None:
        if record.recovering and (before is None or before.era != record.era):
            self.say("era", f"{record.era} of the registry begins")
        elif before is not None and before.recovering and not record.recovering:
            self.say("it", "is known again what runs where")

    def _leads(self, before: LeaderRecord | None, record: LeaderRecord) -> None:
        if self.of_leaders and (before is None or before.incarnation != record.incarnation):
            self.say("one of them" if before is None else "another", "leads|lead")

    def _given(self, before: Assignment, after: Assignment) -> None:
        was, now = _incarnation(before.owner), _incarnation(after.owner)
        if before.epoch == after.epoch and was == now:
            return
        why = "" if after.reason is None else sentence(after.reason)
        others = sorted(self.name(holder.server, holder.incarnation) for holder in after.holders if holder.incarnation != now)
        hold = f"; {', '.join(others)} may still be running it|them" if others else ""
        to = "nobody" if after.owner is None else after.owner.server
        self.say(after.resource, f"belongs|belong to {to}, epoch {after.epoch}: {why}{hold}")

    def _released(self, before: Assignment, after: Assignment) -> None:
        stay = {holder.incarnation for holder in after.holders}
        for holder in before.holders:
            if holder.incarnation not in stay and after.proofs and after.proofs[-1].kind == "release":
                self.say(after.resource, RELEASED.format(holder.server), past=f"{STOPPED} on {holder.server}")

    def _stays(self, before: Assignment, after: Assignment) -> None:
        if after.owner is not None and after.last_resort and not before.last_resort:
            self.say(after.resource, f"stays|stay on {after.owner.server}: no other candidate is left")
        if before.owner is not None and before.last_resort and not after.last_resort:
            self.say(after.resource, "has|have recovered")

    def _reported(self, before: Report | None, report: Report) -> None:
        if before is not None and before.incarnation != report.incarnation:
            before = None
        name, failure = report.resource, report.failure
        if report.state in (State.UNKNOWN, State.INTERMEDIATE) and (before is None or before.state is not report.state):
            why = f": {failure.text}" if failure is not None and failure.kind == "stop" else ""
            self.say(name, f"is|are {report.state} on {report.server}{why}")
        known = None if before is None or before.failure is None else (before.failure.kind, before.failure.epoch)
        if failure is not None and failure.kind in GAVE_UP and known != (failure.kind, failure.epoch):
            self.say(name, f"is|are given up on {report.server}: {GAVE_UP[failure.kind]}")

    # --- what stands now --------------------------------------------------------------------------------------------

    def lives(self) -> str:
        """All incarnations that the registry knows."""
        records = [record for record in self._records.values() if isinstance(record, IncarnationRecord)]
        told = sorted((self.name(record.server, record.incarnation), record.life) for record in records)
        return f"= {', '.join(f'{name} {life}' for name, life in told)}"

    def remembered(self) -> list[str]:
        """What the registry and the guards know of epochs."""
        view = self._world.view()
        names = ", ".join(f"{name} {assignment.epoch}" for name, assignment in sorted(view.assignments.items())) or "no name"
        told = [f"= the registry: {names}; floor {view.epoch_floor}"]
        for server, machine in self._world.machines.items():
            if machine.keeper is not None:
                names = ", ".join(f"{name} {epoch}" for name, epoch in sorted(machine.keeper.epochs.items())) or "no name"
                told.append(f"= the guard of {server}: {names}; floor {machine.keeper.epoch_floor}")
        return told

    def keys(self) -> list[str]:
        """The guards' keys on each server's disk, the first sent with, in the order in which they came up."""
        told: dict[str, list[str]] = {}
        for server, machine in self._world.machines.items():
            has = [self._keys.setdefault(key, len(self._keys) + 1) for key in machine.keys.keys]
            told.setdefault(" and ".join(map(str, has)), []).append(server)
        return [f"= {', '.join(servers)}: key {has}" for has, servers in told.items()]

    def standing(self, names: Iterable[str]) -> list[str]:
        """What is known of some resources, and what is true."""
        told: dict[str, list[str]] = {}
        for name in names:
            told.setdefault(self._stands(ResourceName(name)), []).append(name)
        return [f"= {', '.join(alike)}: {words}" for words, alike in told.items()]

    def _stands(self, name: ResourceName) -> str:
        truth = self._world.truth
        where = [machine.name for machine in self._world.machines.values() if machine.services.service(name).alive]
        runs = f"runs on {', '.join(where)}" if where else "runs nowhere"
        words = [f"TARGET {truth.targets.get(name, 'not set')}", runs]
        if (held := truth.assignments.get(name)) is not None:
            words.append(f"held by {' and '.join(holder.server for holder in held.holders) or 'nobody'} under epoch {held.epoch}")
        reports = [report for report in self._records.values() if isinstance(report, Report) and report.resource == name]
        words += [f"{report.restarts} restarts used" for report in reports if report.server in where and report.restarts]
        return ", ".join(words)


def _incarnation(holder: Holder | None) -> Incarnation | None:
    return None if holder is None else holder.incarnation


_LINES: list[tuple[str, Callable[..., None]]] = [
    (r"boots", WorldTeller._boots),
    (r"LOSES POWER", WorldTeller._loses_power),
    (r"LAPSES: (.*)", WorldTeller._lapses),
    (r"something could not be stopped: reboots", WorldTeller._reboots),
    (r"has left", WorldTeller._has_left),
    (r"guard's successor", WorldTeller._guard_is_back),
    (r"daemon begins", WorldTeller._daemon_begins),
    (r"start (\S+) e\d+", WorldTeller._is_started),
    (r"(\S+) RUNS", WorldTeller._runs),
    (r"(\S+) is gone", WorldTeller._is_gone),
    (r"  (\w+) (\S+): (\w+), \w+", WorldTeller._fails),
]
"""Lines of a machine's timeline that are retold; `sim/trace.py` is their home, and a change of their words fails here."""
