"""One server's guard: holder, voter and asker together; pure.

Called by: `guard/process.py` and the simulator: `receive` for every message, `tick` at `wake_boot_ns` or any time, each
with a reading taken after whatever woke the caller. All return effects in the order in which they must be carried out.
Must never: go on after a lapse; from then on every call returns nothing. Nor go back to voters of a lower number than the registry named.
"""

import hashlib
from typing import TypeVar, assert_never

from understudy.guard.core.ability import Abilities
from understudy.guard.core.asker import GRANTED_PER_PART, WHILE_CHANGING, Asked, census_answer, unproved
from understudy.guard.core.beats import Beats
from understudy.guard.core.common import MEND, CommonSettings, differ
from understudy.guard.core.holder import LeaseHolder
from understudy.guard.core.messages import (
    PUSHED,
    BeganToVote,
    Body,
    BootNumber,
    Census,
    CensusAnswer,
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
    Send,
    Silent,
    WentOver,
    Word,
)
from understudy.guard.core.start import GuardStart, Member
from understudy.guard.core.voter import Voter, VoterMemory
from understudy.linux.reading import Reading, least_elapsed
from understudy.model.limits import Limits
from understudy.model.position import Position

WORDS_KEPT = 256
SAID_AGAIN_NS = 1_000_000_000
"""How often a guard that takes no part says so to the others."""
LATELY_NS = 3_000_000_000
"""A guard sends every other one a message more often than this, whether that one votes or not."""
Key = TypeVar("Key")


class GuardCore:
    """The protocol of one server."""

    def __init__(self, member: Member, limits: Limits, start: GuardStart, now: Reading) -> None:
        self.member = member
        self.registry = registry = start.registry
        """What the registry has said, with the voters of the highest number that it ever named; None: nobody has said."""
        self.common = common = member.common if registry is None else member.common.with_voters_of(registry)
        """What counts: the settings, but the voters of the registry."""
        self.holder = LeaseHolder(
            start.incarnation, sets=common.sets, run_ns=_ns(limits.lease_s), stop_now_ns=_ns(limits.stop_now_s)
        )  # fmt: skip
        self.holder.resume(start.sequence, start.base, start.voter_set)
        self.holder.position = start.position
        self.voter: Voter | None = None
        self._silent_after_ns = _ns(limits.silent_after_s)
        if member.server in common.all_voters:
            assert start.memory is not None, "a voter begins with a memory"
            self._vote_with(start.memory)
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
        self.refused = self._refusal(start.registry, of_voters=False)
        """Why this guard takes no part: neither asks for a lease nor answers as a voter. Empty: it does."""
        self._may_say_farewell = start.begun_here
        self._voters = frozenset(common.all_voters)
        self._beats = Beats(beat_ns=_ns(limits.beat_s), repeat_ns=_ns(limits.pace.repeat_s), now_ns=now.boot_ns)
        self._soon_ns = _ns(limits.beat_s)
        self._settled_ns = (limits.pace.beats_lost + 2) * self._soon_ns
        self._renewed_since = start.base
        """Since when a majority has granted without a pause; in `_settled_ns` all who are well send a renew, though some are lost."""
        self._repeats = limits.pace.beats_lost + 1
        self._asked = Asked(round_ns=_ns(limits.round_s))
        self._pushes: list[tuple[Silent, int]] = []
        self._lapse_said = False
        self._refusal_said_ns = now.boot_ns - SAID_AGAIN_NS

    # Inputs.

    def tick(self, now: Reading) -> list[GuardEffect]:
        """Time has passed."""
        effects: list[GuardEffect] = []
        if self._stops(now, effects):
            return effects
        if self._beats.begin(now.boot_ns):
            self._beat(now, effects)
        elif self._open() and self._beats.repeat(now.boot_ns):
            self._repeat(now, effects)
        if not self.refused:
            self._speak(now, effects)
        effects += self._asked.ended(now)
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

    def ask(self, question: Query | Census, now: Reading, phase: int | None = None) -> list[GuardEffect]:
        """Begin a round, or a census; its nonce must never have been used before. `phase`: of the voters for whom the asker takes the
        answer; by others nothing is proved. None: of an asker that knows of no change."""
        effects: list[GuardEffect] = []
        if self._stops(now, effects):
            return effects
        if self.refused or phase not in (None, self.common.phase):  # its voters may not be the cluster's: what they say proves nothing
            return [unproved(question)]
        self._asked.begin(question, self.common.sets, now)
        for voter in self.common.all_voters:
            self._post(voter, question, now, effects)
        effects += self._asked.ended(now)
        return effects

    def noted(self, position: Position) -> None:
        """The daemon acts on this from now on."""
        if position != self.holder.position:
            self.holder.position = position
            self._beats.hasten()

    def note_registry(self, registry: CommonSettings, now: Reading, *, knows_changes: bool = True) -> list[GuardEffect]:
        """The registry says what the common settings are. Of voters its word counts, whatever the settings say; but those of a higher
        number that it named before stay, for then it was set back. `knows_changes`: the daemon is of a version that knows of changes of
        the voters; another's word is half the truth while they change, so that it must be what the settings say.
        """
        effects: list[GuardEffect] = []
        refused = self._refusal(registry, of_voters=not knows_changes)
        if refused and refused != self.refused:
            effects.append(RefusedSettings("", refused))
            self._refusal_said_ns = now.boot_ns - SAID_AGAIN_NS
        self.refused = refused
        if knows_changes or not refused:
            if self.registry is not None and self.registry.phase > registry.phase:
                registry = registry.with_voters_of(self.registry)
            self.registry = registry
            self._go_by(self.member.common.with_voters_of(registry), now, effects)
        if refused and self.holder.base is not None:
            self._lapse(refused, effects)
        return effects

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
        wake = self._beats.wake_ns(open_=self._open())
        stop_in_ns = self.holder.stop_in_ns(now)
        if stop_in_ns is not None:
            wake = min(wake, now.boot_ns + stop_in_ns)
        if self.voter is not None and self._speaks(now):
            wake = min(wake, self.voter.due_boot_ns())
        return min(wake, *self._asked.over_boot_ns()) if self._asked else wake

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

    def _refusal(self, registry: CommonSettings | None, *, of_voters: bool) -> str:
        mine = self.member.common
        if registry is None or registry == (mine if of_voters else mine.with_voters_of(registry)):
            return ""
        return f"{differ('the registry', registry, 'understudy.toml of this server', mine)}: {MEND}"

    def _ours(self, common: CommonSettings) -> bool:
        return common is self.common or common == self.common or self.common.listens_to(common)

    def _go_by(self, common: CommonSettings, now: Reading, effects: list[GuardEffect]) -> None:
        """These voters count from now on. What was asked of those before has no result."""
        before, self.common = self.common, common
        if common == before:
            return
        self._voters = frozenset(common.all_voters)
        self.holder.rest_on(common.sets)
        effects += self._asked.dropped()
        if self.member.server not in self._voters:
            self.voter = None
        elif self.voter is None:
            # as random as the incarnation is, and never the number of a memory before: this one begins with these voters
            drawn = hashlib.sha256(self.holder.incarnation + common.voter_set.to_bytes(4)).digest()
            began = BeganToVote(int.from_bytes(drawn[:8]) | 1, now)
            self._vote_with(VoterMemory(began.boot, began.started))
            effects.append(began)
        if common.phase <= before.phase and self.holder.base is not None:
            self._lapse("its lease rests on voters that are not the registry's", effects)

    def _vote_with(self, memory: VoterMemory) -> None:
        self.voter = Voter(memory, silent_after_ns=self._silent_after_ns)
        self.holder.note_boot(self.member.server, BootNumber(self.holder.incarnation, self.holder.sequence, self.voter.boot))

    def _differs(self, envelope: Envelope, now: Reading, effects: list[GuardEffect]) -> None:
        """Nothing that it says counts; both sides say why."""
        sender = envelope.sender
        why = f"{differ(sender, envelope.common, 'this server', self.common)}: {MEND}"
        if self.differing.get(sender, ("", 0))[0] != why:
            effects.append(RefusedSettings(sender, why))
        self.differing[sender] = (why, now.boot_ns)
        if isinstance(envelope.body, Renew | Query):
            effects.append(Send(self._envelope(sender, Differs())))

    def _beat(self, now: Reading, effects: list[GuardEffect]) -> None:
        if self.refused:
            if now.boot_ns - self._refusal_said_ns >= SAID_AGAIN_NS:
                self._refusal_said_ns = now.boot_ns
                self._send_to_all(Differs(), effects)
            return
        self._renew(now, effects)
        if not self.holder.lapsed:
            self._pulse(self.abilities.beat(self._beats.number), effects)
            self._ask_again(now, effects)

    def _open(self) -> bool:
        """Whether something waits to be granted or answered."""
        return not self.refused and bool(self.holder.waits() or self._pushes or self._asked)

    def _repeat(self, now: Reading, effects: list[GuardEffect]) -> None:
        if self.holder.waits():
            self._renew(now, effects)
        if not self.holder.lapsed:
            self._ask_again(now, effects)

    def _renew(self, now: Reading, effects: list[GuardEffect]) -> None:
        renew = self.holder.beat(now)
        if renew is None:
            self._lapse("no majority of voters granted in time", effects)
            return
        for voter in self.common.all_voters:
            self._post(voter, self.holder.renew_for(voter, renew), now, effects)
            if self.holder.lapsed:  # our own voter knew that we are evicted
                return

    def _ask_again(self, now: Reading, effects: list[GuardEffect]) -> None:
        for silent, _ in self._pushes:
            self._send_to_all(silent, effects)
        self._pushes = [(silent, left - 1) for silent, left in self._pushes if left > 1]
        for voter, question in self._asked.unanswered():
            self._post(voter, question, now, effects)

    def _pulse(self, pulse: Pulse | None, effects: list[GuardEffect]) -> None:
        if pulse is None:
            return
        self._send_to_all(pulse, effects)
        self._note_pulse(self.member.server, self.holder.incarnation, pulse, effects)

    def _note_pulse(self, server: str, incarnation: bytes, pulse: Pulse, effects: list[GuardEffect]) -> None:
        news = self.abilities.receive(server, incarnation, pulse)
        if news is not None:
            effects.append(news)

    def _speaks(self, now: Reading) -> bool:
        """Whether this voter says silent. Not before its own server holds a lease: one that a cut has made begin again receives nothing,
        for it is cut off itself. Nobody would receive its words, and to stand by them would cost those incarnations its vote for good.
        Nor while that lease is not renewed, for the same reason, nor until it has been again for some beats: who is well renews
        seldom, and not at once when a cut is over."""
        base, since = self.holder.base, self._renewed_since
        if base is None or since is None or least_elapsed(base, now) >= self._settled_ns:
            return False
        return least_elapsed(since, now) >= self._settled_ns

    def _speak(self, now: Reading, effects: list[GuardEffect]) -> None:
        if self.voter is None or not self._speaks(now):
            return
        for server, incarnation in self.voter.newly_silent(now, self._soon_ns):
            word = Silent(PUSHED, server, incarnation, self.voter.boot)
            self._keep(self.voter, effects)
            self._note_word(self.member.server, word, now, effects)
            self._send_to_all(word, effects)
            self._pushes.append((word, self._repeats))

    def _handle(self, envelope: Envelope, now: Reading, effects: list[GuardEffect]) -> None:
        sender, body = envelope.sender, envelope.body
        match body:
            case Renew():
                self._answer(envelope, body, now, effects)
            case Grant():
                self._granted(envelope, body, now, effects)
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
                self._answered(envelope, body, now, effects)
            case Census():
                self._answer_census(sender, body, now, effects)
            case CensusAnswer():
                self._answered(envelope, body, now, effects)
            case FarewellMessage():
                self._gone(envelope, effects)
            case Pulse():
                self._note_pulse(sender, envelope.incarnation, body, effects)
                if self.voter is None:  # who is sent no renews knows the others' beats by these
                    self._beats.join(now.boot_ns)
            case Differs():
                pass  # it said so of other settings than it has now
            case _:
                assert_never(body)

    def _answered(self, envelope: Envelope, answer: Silent | NotSilent | CensusAnswer, now: Reading, effects: list[GuardEffect]) -> None:
        """A voter that knows of later voters than the asker does not make a majority of those before."""
        if envelope.common.phase <= self.common.phase:
            self._asked.answer(envelope.sender, answer, now)
            effects += self._asked.ended(now)

    def _answer(self, envelope: Envelope, renew: Renew, now: Reading, effects: list[GuardEffect]) -> None:
        voter = self.voter
        if voter is not None:
            answer = voter.renew(envelope.sender, envelope.incarnation, renew, now)
            self._keep(voter, effects)
            if answer is not None:
                self._post(envelope.sender, answer, now, effects)
            if isinstance(answer, Grant):  # so it was sent just now, not recorded
                self._beats.join(now.boot_ns)

    def _answer_query(self, asker: str, query: Query, now: Reading, effects: list[GuardEffect]) -> None:
        if self.voter is None:
            return
        speaks, boot = self._speaks(now) and not self._cannot_know(self.voter, query, now), self.voter.boot
        said = speaks and self.voter.says_silent(query.server, query.incarnation, now)
        self._keep(self.voter, effects)
        reply = Silent(*query, boot) if said else NotSilent(query.nonce, query.incarnation, boot)
        self._post(asker, reply, now, effects)

    def _cannot_know(self, voter: Voter, query: Query, now: Reading) -> bool:
        """A server that does not know of the change yet sends a new voter no renews, and is not silent: to call it so would cost it that
        vote for good. That it is there its other messages say."""
        incarnation, last_ns = self.peers.get(query.server, (b"", 0))
        lately = incarnation == query.incarnation and now.boot_ns - last_ns < LATELY_NS
        return bool(self.common.old_voters) and lately and not voter.knows(incarnation)

    def _answer_census(self, asker: str, census: Census, now: Reading, effects: list[GuardEffect]) -> None:
        granted = None if self.voter is None else self.voter.census(now)
        if granted is not None:
            for part in census_answer(census.nonce, granted, WHILE_CHANGING if self.common.old_voters else GRANTED_PER_PART):
                self._post(asker, part, now, effects)

    def _granted(self, envelope: Envelope, grant: Grant, now: Reading, effects: list[GuardEffect]) -> None:
        voter = envelope.sender
        if voter not in self._voters:
            return
        self.holder.note_boot(voter, grant)
        before, base = self.holder.voter_set, self.holder.base
        if self.holder.granted(voter, grant, now, voter_set=envelope.common.voter_set):
            until = self.holder.until()
            assert until is not None, "a lease rests on a base"
            effects.append(Leased(until))
            if base is None or least_elapsed(base, now) >= self._settled_ns:
                self._renewed_since = now
            if before not in (0, self.holder.voter_set):
                effects.append(WentOver(self.holder.voter_set))

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
        for asked in list(self._asked.rounds.values()):
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
        envelope = Envelope(self.common, member.server, self.holder.incarnation, server, body)
        if server == member.server:
            self._handle(envelope, now, effects)
        else:
            effects.append(Send(envelope))

    def _envelope(self, receiver: str, body: Body) -> Envelope:
        return Envelope(self.common, self.member.server, self.holder.incarnation, receiver, body)


def _keep_newest(memory: dict[Key, str], key: Key, server: str) -> None:
    memory[key] = server
    if len(memory) > WORDS_KEPT:
        del memory[next(iter(memory))]


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
