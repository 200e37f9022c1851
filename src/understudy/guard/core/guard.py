"""One server's guard: holder, voter and asker together; pure.

Called by: `guard/process.py` and the simulator: `receive` for every message, `tick` at `wake_boot_ns` or any time, each
with a reading taken after whatever woke the caller. All return effects in the order in which they must be carried out.
Must never: go on after a lapse; from then on every call returns nothing.
"""

from typing import NamedTuple, TypeVar, assert_never

from understudy.guard.core.ability import Abilities
from understudy.guard.core.asker import Count, Round
from understudy.guard.core.common import MEND, CommonSettings, differ
from understudy.guard.core.holder import LeaseHolder
from understudy.guard.core.messages import (
    PUSHED,
    Body,
    BootNumber,
    Census,
    CensusAnswer,
    CensusEnded,
    Differs,
    Envelope,
    FarewellMessage,
    Gone,
    Grant,
    GuardEffect,
    Lapsed,
    Leased,
    Lost,
    NotSilent,
    Pulse,
    Query,
    RefusedSettings,
    Renew,
    RoundEnded,
    Send,
    Silent,
    Word,
)
from understudy.guard.core.voter import Voter, VoterMemory
from understudy.linux.reading import Reading
from understudy.model.limits import Limits
from understudy.model.position import NOWHERE, Position

WORDS_KEPT = 256
GRANTED_PER_PART = 5
"""Incarnations in one datagram: with the longest names they fit."""
PARTS_MAX = 255
SAID_AGAIN_NS = 1_000_000_000
"""How often a guard that takes no part says so to the others."""
Key = TypeVar("Key")


class Member(NamedTuple):
    """Who this server is among the others."""

    server: str
    servers: tuple[str, ...]
    common: CommonSettings


class GuardStart(NamedTuple):
    """What a guard begins with: a new incarnation, or a predecessor's unexpired one."""

    incarnation: bytes
    sequence: int = 0
    base: Reading | None = None
    begun_here: bool = True
    """This guard made the incarnation. A restarted guard may not say farewell for its predecessor."""
    position: Position = NOWHERE
    """What the daemon of this incarnation has acted on."""
    memory: VoterMemory | None = None
    """What it goes on from as a voter: its predecessor's, or one that begins now. Every voter's guard is given one."""
    registry: CommonSettings | None = None
    """What the registry last said that the common settings are; None: nobody has said."""


class GuardCore:
    """The protocol of one server."""

    def __init__(self, member: Member, limits: Limits, start: GuardStart, now: Reading) -> None:
        self.member = member
        self.holder = LeaseHolder(
            start.incarnation,
            majority=member.common.majority,
            run_ns=_ns(limits.lease_s),
            stop_now_ns=_ns(limits.stop_now_s),
        )
        self.holder.resume(start.sequence, start.base)
        self.holder.position = start.position
        self.voter: Voter | None = None
        if member.server in member.common.voters:
            assert start.memory is not None, "a voter begins with a memory"
            self.voter = Voter(start.memory, silent_after_ns=_ns(limits.silent_after_s))
            self.holder.note_boot(member.server, BootNumber(start.incarnation, start.sequence, self.voter.boot))
        self.peers: dict[str, tuple[bytes, int]] = {}
        """Per server: its incarnation and when its last message was received, on the boot clock."""
        self.words: dict[tuple[str, bytes], str] = {}
        """Words received: (voter, incarnation) to server; for daemons that come later."""
        self.farewells: dict[bytes, str] = {}
        """Incarnations that said farewell, with their server."""
        self.abilities = Abilities(beat_ns=_ns(limits.beat_s))
        """Who can act, this server included."""
        self.differing: dict[str, tuple[str, int]] = {}
        """Servers whose common settings are not ours: what differs, and when that was last received, on the boot clock."""
        self.refused = self._refusal(start.registry)
        """Why this guard takes no part: neither asks for a lease nor answers as a voter. Empty: it does."""
        self._may_say_farewell = start.begun_here
        self._common = member.common
        self._voters = frozenset(member.common.voters)
        self._beat_ns = _ns(limits.beat_s)
        self._round_ns = _ns(limits.round_s)
        self._repeats = limits.pace.beats_lost + 1
        self._next_beat_boot_ns = now.boot_ns
        self._rounds: dict[int, Round] = {}
        self._counts: dict[int, Count] = {}
        self._pushes: list[tuple[Silent, int]] = []
        self._lapse_said = False
        self._refusal_said_ns = now.boot_ns - SAID_AGAIN_NS

    # Inputs.

    def tick(self, now: Reading) -> list[GuardEffect]:
        """Time has passed."""
        effects: list[GuardEffect] = []
        if self._stops(now, effects):
            return effects
        if now.boot_ns >= self._next_beat_boot_ns:
            self._beat(now, effects)
        if not self.refused:
            self._speak(now, effects)
        self._end_rounds(now, effects)
        return effects

    def receive(self, envelope: Envelope, now: Reading) -> list[GuardEffect]:
        """A message arrived; `now` was read after it."""
        effects: list[GuardEffect] = []
        if self.holder.must_stop(now) and self._stops(now, effects):
            return effects
        common, sender, incarnation, receiver, _ = envelope
        member = self.member
        if receiver != member.server or sender not in member.servers:
            return effects
        if not self._ours(common):
            self._differs(envelope, now, effects)
        elif not self.refused:
            if self.differing:
                self.differing.pop(sender, None)
            self.peers[sender] = (incarnation, now.boot_ns)
            self._handle(envelope, now, effects)
        return effects

    def ask(self, query: Query, now: Reading) -> list[GuardEffect]:
        """Begin a round; its nonce must never have been used before."""
        effects: list[GuardEffect] = []
        if self._stops(now, effects):
            return effects
        if self.refused:  # its voters may not be the cluster's: what they say proves nothing
            return [RoundEnded(*query, lost=False, silent=(), answered=())]
        self._rounds[query.nonce] = Round(query, self._voters, now, round_ns=self._round_ns)
        for voter in self._common.voters:
            self._post(voter, query, now, effects)
        self._end_rounds(now, effects)
        return effects

    def count(self, census: Census, now: Reading) -> list[GuardEffect]:
        """Begin a census; its nonce must never have been used before."""
        effects: list[GuardEffect] = []
        if self._stops(now, effects):
            return effects
        if self.refused:
            return [CensusEnded(census.nonce, None)]
        self._counts[census.nonce] = Count(census, self._voters, now, round_ns=self._round_ns)
        for voter in self._common.voters:
            self._post(voter, census, now, effects)
        self._end_rounds(now, effects)
        return effects

    def noted(self, position: Position) -> None:
        """The daemon acts on this from now on."""
        self.holder.position = position

    def note_registry(self, registry: CommonSettings, now: Reading) -> list[GuardEffect]:
        """The registry says what the common settings are. Voters of a living cluster are fixed: who has others takes no part."""
        effects: list[GuardEffect] = []
        refused = self._refusal(registry)
        if refused and refused != self.refused:
            effects.append(RefusedSettings("", refused))
            self._refusal_said_ns = now.boot_ns - SAID_AGAIN_NS
        self.refused = refused
        if refused and self.holder.base is not None:
            self._lapse(refused, effects)
        return effects

    def note_servers(self, servers: tuple[str, ...]) -> None:
        """Which servers there are by now: no others are listened to. A lease rests on voters alone, whatever stands here."""
        self.member = self.member._replace(servers=servers)
        for known in (self.peers, self.differing):
            for name in known.keys() - {*servers}:
                del known[name]

    def note_gone(self, incarnations: tuple[bytes, ...], now: Reading) -> list[GuardEffect]:
        """The registry says that these are lost, fenced or evicted."""
        if self.voter is not None:
            self.voter.note_gone(incarnations)
        effects: list[GuardEffect] = []
        if self.holder.incarnation in incarnations:
            self._lapse("the registry says that this incarnation is lost or evicted", effects)
        return effects

    def met_daemon(self) -> None:
        """A daemon of this server has connected."""
        self.abilities.met()

    def note_able(self, able: bool, why: str) -> list[GuardEffect]:
        """This server's daemon says whether it can act: about itself, its executor and its way to the registry."""
        self.abilities.prove(able, why)
        effects: list[GuardEffect] = []
        if not self.holder.lapsed:
            self._pulse(self.abilities.due(), effects)
        return effects

    def stop(self, why: str) -> list[GuardEffect]:
        """End the lease on request: lapse now."""
        effects: list[GuardEffect] = []
        self._lapse(why, effects)
        return effects

    def farewell(self) -> list[GuardEffect]:
        """Tell all: only after a lapse, with groups verified empty, addresses gone and the daemon dead (S3)."""
        assert self.holder.lapsed, "farewell before everything was stopped"
        if not self._may_say_farewell:
            return []
        return [Send(self._envelope(server, FarewellMessage())) for server in self.member.servers if server != self.member.server]

    def pass_ns(self, now: Reading) -> int | None:
        """For how long from now on the gate may let addresses pass: until everything has to be stopping; None: no lease was won yet."""
        return self.holder.stop_in_ns(now)

    def wake_boot_ns(self, now: Reading) -> int:
        """When `tick` must be called at the latest, on the boot clock."""
        wake = self._next_beat_boot_ns
        stop_in_ns = self.holder.stop_in_ns(now)
        if stop_in_ns is not None:
            wake = min(wake, now.boot_ns + stop_in_ns)
        if self.voter is not None and self._speaks():
            wake = min(wake, self.voter.due_boot_ns())
        for asked in self._rounds.values():
            wake = min(wake, asked.over_boot_ns())
        for count in self._counts.values():
            wake = min(wake, count.over_boot_ns())
        return wake

    # What each input does.

    def _stops(self, now: Reading, effects: list[GuardEffect]) -> bool:
        """Before anything else: a late wake-up must not act on what came in while it slept."""
        if not self.holder.must_stop(now):
            return False
        self._lapse("no majority of voters granted in time", effects)
        return True

    def _lapse(self, why: str, effects: list[GuardEffect]) -> None:
        self.holder.lapsed = True
        if not self._lapse_said:
            self._lapse_said = True
            effects.append(Lapsed(why))

    def _refusal(self, registry: CommonSettings | None) -> str:
        if registry is None or registry == self.member.common:
            return ""
        return f"{differ('the registry', registry, 'understudy.toml of this server', self.member.common)}: {MEND}"

    def _ours(self, common: CommonSettings) -> bool:
        return common is self._common or common == self._common

    def _differs(self, envelope: Envelope, now: Reading, effects: list[GuardEffect]) -> None:
        """Nothing that it says counts; both sides say why."""
        sender = envelope.sender
        why = f"{differ(sender, envelope.common, 'this server', self._common)}: {MEND}"
        if self.differing.get(sender, ("", 0))[0] != why:
            effects.append(RefusedSettings(sender, why))
        self.differing[sender] = (why, now.boot_ns)
        if isinstance(envelope.body, Renew | Query):
            effects.append(Send(self._envelope(sender, Differs())))

    def _beat(self, now: Reading, effects: list[GuardEffect]) -> None:
        # Missed beats are skipped, not made up for.
        self._next_beat_boot_ns += self._beat_ns * ((now.boot_ns - self._next_beat_boot_ns) // self._beat_ns + 1)
        if self.refused:
            if now.boot_ns - self._refusal_said_ns >= SAID_AGAIN_NS:
                self._refusal_said_ns = now.boot_ns
                self._send_to_all(Differs(), effects)
            return
        renew = self.holder.beat(now)
        if renew is None:
            self._lapse("no majority of voters granted in time", effects)
            return
        for voter in self._common.voters:
            self._post(voter, self.holder.renew_for(voter, renew), now, effects)
            if self.holder.lapsed:  # our own voter knew that we are evicted
                return
        self._pulse(self.abilities.beat(self._next_beat_boot_ns // self._beat_ns), effects)
        for silent, _ in self._pushes:
            self._send_to_all(silent, effects)
        self._pushes = [(silent, left - 1) for silent, left in self._pushes if left > 1]
        for asked in list(self._rounds.values()):
            for voter in asked.unanswered():
                self._post(voter, asked.query, now, effects)
        for count in list(self._counts.values()):
            for voter in count.unanswered():
                self._post(voter, count.census, now, effects)

    def _pulse(self, pulse: Pulse | None, effects: list[GuardEffect]) -> None:
        if pulse is None:
            return
        self._send_to_all(pulse, effects)
        self._note_pulse(self.member.server, self.holder.incarnation, pulse, effects)

    def _note_pulse(self, server: str, incarnation: bytes, pulse: Pulse, effects: list[GuardEffect]) -> None:
        news = self.abilities.receive(server, incarnation, pulse)
        if news is not None:
            effects.append(news)

    def _speaks(self) -> bool:
        """Whether this voter says silent. Not before its own server holds a lease: one that a cut has made begin again receives nothing,
        for it is cut off itself. Nobody would receive its words, and to stand by them would cost those incarnations its vote for good."""
        return self.holder.base is not None

    def _speak(self, now: Reading, effects: list[GuardEffect]) -> None:
        if self.voter is None or not self._speaks():
            return
        for server, incarnation in self.voter.newly_silent(now, self._beat_ns):
            word = Silent(PUSHED, server, incarnation, self.voter.boot)
            self._keep(self.voter, effects)
            self._note_word(self.member.server, word, now, effects)
            self._send_to_all(word, effects)
            self._pushes.append((word, self._repeats))

    def _end_rounds(self, now: Reading, effects: list[GuardEffect]) -> None:
        for nonce, asked in list(self._rounds.items()):
            result = asked.ended(now)
            if result is not None:
                del self._rounds[nonce]
                effects.append(result)
        for nonce, count in list(self._counts.items()):
            if (counted := count.ended(now)) is not None:
                del self._counts[nonce]
                effects.append(counted)

    def _handle(self, envelope: Envelope, now: Reading, effects: list[GuardEffect]) -> None:
        sender, body = envelope.sender, envelope.body
        match body:
            case Renew():
                self._answer(envelope, body, now, effects)
            case Grant():
                self._granted(sender, body, now, effects)
            case BootNumber():
                if sender in self._voters:
                    self.holder.note_boot(sender, body)
            case Lost():
                if sender in self._voters and body.incarnation == self.holder.incarnation:
                    self._lapse(f"{sender} knows that this incarnation is lost or evicted", effects)
            case Query():
                self._answer_query(sender, body, now, effects)
            case Silent() if body.nonce == PUSHED:
                self._note_word(sender, body, now, effects)
            case Silent() | NotSilent():
                asked = self._rounds.get(body.nonce)
                if asked is not None:
                    asked.answer(sender, body, now)
                    self._end_rounds(now, effects)
            case Census():
                self._answer_census(sender, body, now, effects)
            case CensusAnswer():
                if (count := self._counts.get(body.nonce)) is not None:
                    count.answer(sender, body, now)
                    self._end_rounds(now, effects)
            case FarewellMessage():
                self._gone(envelope, effects)
            case Pulse():
                self._note_pulse(sender, envelope.incarnation, body, effects)
            case Differs():
                pass  # it said so of other settings than it has now
            case _:
                assert_never(body)

    def _answer(self, envelope: Envelope, renew: Renew, now: Reading, effects: list[GuardEffect]) -> None:
        voter = self.voter
        if voter is not None:
            answer = voter.renew(envelope.sender, envelope.incarnation, renew, now)
            self._keep(voter, effects)
            if answer is not None:
                self._post(envelope.sender, answer, now, effects)

    def _answer_query(self, asker: str, query: Query, now: Reading, effects: list[GuardEffect]) -> None:
        if self.voter is None:
            return
        said, boot = self._speaks() and self.voter.says_silent(query.server, query.incarnation, now), self.voter.boot
        self._keep(self.voter, effects)
        reply = Silent(*query, boot) if said else NotSilent(query.nonce, query.incarnation, boot)
        self._post(asker, reply, now, effects)

    def _answer_census(self, asker: str, census: Census, now: Reading, effects: list[GuardEffect]) -> None:
        granted = None if self.voter is None else self.voter.census(now)
        if granted is None:
            return
        parts = [granted[at : at + GRANTED_PER_PART] for at in range(0, len(granted), GRANTED_PER_PART)] or [()]
        if len(parts) > PARTS_MAX:
            return
        answer = sum(int.from_bytes(life.incarnation[:8], "big") for life in granted) & 0xFFFFFFFF
        for number, part in enumerate(parts):
            self._post(asker, CensusAnswer(census.nonce, answer, number, len(parts), part), now, effects)

    def _granted(self, voter: str, grant: Grant, now: Reading, effects: list[GuardEffect]) -> None:
        if voter not in self._voters:
            return
        self.holder.note_boot(voter, grant)
        if self.holder.granted(voter, grant, now):
            until = self.holder.until()
            assert until is not None, "a lease rests on a base"
            effects.append(Leased(until))

    def _keep(self, voter: Voter, effects: list[GuardEffect]) -> None:
        """Before an answer: a guard that dies right after it leaves behind what it has said."""
        if voter.changes:
            effects += voter.changes
            voter.changes.clear()

    def _note_word(self, voter: str, word: Silent, now: Reading, effects: list[GuardEffect]) -> None:
        if voter not in self._voters:
            return
        if word.incarnation == self.holder.incarnation and self.holder.base is None:
            # Without a lease there is no lapse, and that voter never grants this incarnation: only a new one can join.
            self._lapse(f"{voter} is silent about this incarnation, which never held a lease", effects)
            return
        for asked in list(self._rounds.values()):
            if asked.query.incarnation == word.incarnation:  # it could not say so when it was asked
                self._post(voter, asked.query, now, effects)
        if (voter, word.incarnation) not in self.words:
            _keep_newest(self.words, (voter, word.incarnation), word.server)
            effects.append(Word(voter, word.server, word.incarnation))

    def _gone(self, envelope: Envelope, effects: list[GuardEffect]) -> None:
        if self.voter is not None:
            self.voter.note_gone((envelope.incarnation,))
        if envelope.incarnation not in self.farewells:
            _keep_newest(self.farewells, envelope.incarnation, envelope.sender)
            effects.append(Gone(envelope.sender, envelope.incarnation))

    # Outputs.

    def _send_to_all(self, body: Body, effects: list[GuardEffect]) -> None:
        for server in self.member.servers:
            if server != self.member.server:
                effects.append(Send(self._envelope(server, body)))

    def _post(self, server: str, body: Body, now: Reading, effects: list[GuardEffect]) -> None:
        """Send, or hand to ourselves: a voter's own renew does not travel."""
        member = self.member
        envelope = Envelope(self._common, member.server, self.holder.incarnation, server, body)
        if server == member.server:
            self._handle(envelope, now, effects)
        else:
            effects.append(Send(envelope))

    def _envelope(self, receiver: str, body: Body) -> Envelope:
        return Envelope(self._common, self.member.server, self.holder.incarnation, receiver, body)


def _keep_newest(memory: dict[Key, str], key: Key, server: str) -> None:
    memory[key] = server
    if len(memory) > WORDS_KEPT:
        del memory[next(iter(memory))]


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
