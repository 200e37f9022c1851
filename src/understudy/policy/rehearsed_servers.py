"""What servers do by themselves in a rehearsal: who is lost is proved gone after its time, who leaves says farewell, who joins looks first.

Owned by `policy/rehearsal.py`. What is assumed of guards, voters and daemons stands here and nowhere else: silence lasts as long as the
bounds of `model/limits.py` allow, looks find nothing that is not reported, servers acknowledge what they have to. Pure.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from understudy.model import events
from understudy.model.lifecycle import go_on
from understudy.model.names import Incarnation, ServerName
from understudy.model.servers import ServerHardware, ServerRecord
from understudy.model.state import ALIVE, Life
from understudy.model.view import IncarnationRecord, Look
from understudy.policy.liveness import QUIET_OVER
from understudy.policy.whatif import JOINS_S, Because, ServerNews, ServerTurn

if TYPE_CHECKING:
    from understudy.policy.rehearsal import Rehearsal


class RehearsedServers:
    """All of them."""

    def __init__(self, rehearsal: "Rehearsal") -> None:
        self._of = rehearsal
        self.news: list[ServerNews] = []
        self.led = True
        """Whether anybody decides."""
        self.majority = True
        self.registry = True
        self._gone: set[Incarnation] = set()
        """Which do nothing any more, whatever the registry says."""
        self._awaited: set[Incarnation] = set()
        """Whose proof is to come."""

    # --- what happens to them ---------------------------------------------------------------------------------------

    def lose(self, servers: Iterable[ServerName]) -> None:
        """They lose their power at once."""
        lost, view = tuple(servers), self._of.view
        present = view.present()
        self._of.acts.next_command(view)
        leader_lost = view.leader is not None and view.leader.server in lost
        for server in lost:
            self._say(server, ServerTurn.LOST)
            self._end(server, Because.SERVER_LOST, also_local=True)
        if self._of.expected.registry_on in lost:
            self.led = self.registry = False
        self._look_at_majority()
        if self.led:
            self._prove([present[server] for server in lost], self._of.expected.detected_s(leader_lost=leader_lost))

    def join(self, server: ServerName, record: ServerRecord | None = None, hardware: ServerHardware | None = None) -> None:
        """A server that is out begins a new life, and looks at everything; nothing of what is registered runs there. What is registered of
        it, and what hardware it has, are as they were, or as they are given."""
        view = self._of.view
        before, others = view.present().get(server), [record for record in view.incarnations.values() if record.life in ALIVE]
        like = others[0] if others else before
        assert like is not None, "somebody has been there"
        life = replace(
            like,
            incarnation=Incarnation(f"rehearsed-{server}-{view.revision}"),
            server=server,
            life=Life.JOINING,
            order=1 if before is None else before.order + 1,
            proof="",
            by="",
            at_once=False,
            evicted=False,
        )
        self._of.acts.next_command(view)
        known = view.looks.get(server)
        hardware = hardware or (None if known is None else known.hardware)
        looks = {**view.looks, server: Look(server=server, incarnation=life.incarnation, era=view.era, hardware=hardware)}
        servers = view.servers if record is None else {**view.servers, server: record}
        self._of.write(incarnations={**view.incarnations, life.incarnation: life}, looks=looks, servers=servers)
        if not view.witness(server):
            self._of.add_lanes(server)

    # --- what they do by themselves ---------------------------------------------------------------------------------

    def step(self) -> bool:
        """Whether the life of any of them goes on now."""
        return any(self._goes_on(record) for record in self._of.view.present().values()) or self._acknowledge()

    def _goes_on(self, record: IncarnationRecord) -> bool:
        match record.life:
            case _ if record.incarnation in self._gone and record.life in ALIVE:
                return False  # lost, and not proved yet
            case Life.JOINING:
                return self._joined(record)
            case Life.LEAVING:
                return self._leaves(record)
            case Life.EVICTED | Life.LOST if record.incarnation not in self._awaited:
                return self._awaits_proof(record)
            case Life.FENCED | Life.LEFT if record.server in self._of.lanes:
                self._end(record.server, Because.SERVER_LOST, also_local=True)
                return True
            case _:
                return False

    def _joined(self, record: IncarnationRecord) -> bool:
        view, lanes = self._of.view, self._of.lanes.get(record.server)
        if lanes is not None and lanes.in_flight:
            return False
        looked = {} if lanes is None else {name: resource.uid for name, resource in view.resources.items()}
        first = view.looks.get(record.server)
        hardware = None if first is None else first.hardware
        look = Look(server=record.server, incarnation=record.incarnation, looked=looked, era=view.era, hardware=hardware)
        self._say(record.server, ServerTurn.JOINS)
        self._write(go_on(record, Life.ONLINE), look)
        return True

    def _leaves(self, record: IncarnationRecord) -> bool:
        lanes = self._of.lanes.get(record.server)
        if record.at_once or lanes is None:
            self._say(record.server, ServerTurn.LEAVES)
            self._end(record.server, Because.SERVER_LEAVES, also_local=True)
            return self._left(record)
        if not lanes.leaves:
            self._say(record.server, ServerTurn.LEAVES)
            lanes.leave()
            self._of.wake(record.server)
            return True
        return not (lanes.in_flight or self._of.more_to_come(record.incarnation)) and self._left(record)

    def _left(self, record: IncarnationRecord) -> bool:
        self._of.record(events.STOPPED, on=record.server, cause="at once" if record.at_once else "in order")
        self._say(record.server, ServerTurn.LEFT)
        self._end(record.server, Because.SERVER_LEAVES, also_local=True)
        self._write(go_on(record, Life.LEFT))
        self._look_at_majority()
        return True

    def _awaits_proof(self, record: IncarnationRecord) -> bool:
        """An eviction ends everything there as soon as its guard learns of it; and then it begins anew, by itself."""
        evicted = record.life is Life.EVICTED
        if evicted:
            self._say(record.server, ServerTurn.EVICTED)
            self._end(record.server, Because.SERVER_EVICTED, also_local=False)
            self._of.at(JOINS_S, lambda: self._returns(record))
        limits = self._of.expected.limits
        self._prove([record], self._of.expected.detected_s(leader_lost=False) if evicted else limits.quiet_s)
        self._look_at_majority()
        return True

    def _returns(self, record: IncarnationRecord) -> None:
        if self._of.view.present()[record.server].incarnation == record.incarnation and self.majority:
            self.join(record.server)

    def _acknowledge(self) -> bool:
        """The voters change: who is there holds its lease by the new ones."""
        late = [record for record in self._of.view.unacknowledged() if record.life in ALIVE]
        cluster = self._of.view.cluster
        if not late or cluster is None:
            return False
        acknowledged = {record.incarnation: replace(record, voter_set=cluster.voter_set) for record in late}
        self._of.write(incarnations={**self._of.view.incarnations, **acknowledged})
        return True

    # --- within -----------------------------------------------------------------------------------------------------

    def _prove(self, records: Iterable[IncarnationRecord], after_s: float) -> None:
        for record in records:
            self._awaited.add(record.incarnation)
            self._of.at(after_s, lambda record=record: self._proved(record))  # type: ignore[misc]

    def _proved(self, record: IncarnationRecord) -> None:
        now = self._of.view.incarnations.get(record.incarnation)
        if now is None or now.life in (Life.FENCED, Life.LEFT) or not self.led:
            return
        self._say(record.server, ServerTurn.PROVED)
        lost = now if now.life is Life.LOST else go_on(now, Life.LOST, "silent")
        self._write(go_on(lost, Life.FENCED, QUIET_OVER))

    def _end(self, server: ServerName, because: Because, *, also_local: bool) -> None:
        lanes = self._of.lanes.get(server)
        if lanes is not None:
            self._gone.add(lanes.incarnation)
            self._of.acts.ends_with_server(lanes, because, also_local=also_local)
            self._of.end_lanes(server)

    def _look_at_majority(self) -> None:
        """Without a majority of voters every lease ends, and nobody decides."""
        view = self._of.view
        there = {record.server for record in view.present().values() if record.life in ALIVE and record.incarnation not in self._gone}
        sets = () if view.cluster is None else view.cluster.voter_sets
        if self.majority and any(len(there.intersection(voters)) <= len(voters) // 2 for voters in sets):
            self.led = self.majority = False
            for server in sorted(there):
                self._of.at(self._of.expected.limits.lease_s, lambda server=server: self._lapses(server))  # type: ignore[misc]

    def _lapses(self, server: ServerName) -> None:
        self._say(server, ServerTurn.NO_LEASE)
        self._end(server, Because.NO_MAJORITY, also_local=False)

    def _write(self, record: IncarnationRecord, look: Look | None = None) -> None:
        view = self._of.view
        looks = view.looks if look is None else {**view.looks, look.server: look}
        self._of.write(incarnations={**view.incarnations, record.incarnation: record}, looks=looks)

    def _say(self, server: ServerName, turn: ServerTurn) -> None:
        self.news.append(ServerNews(at_s=self._of.now, server=server, turn=turn))
