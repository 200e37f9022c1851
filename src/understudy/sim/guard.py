"""A machine's keeper and guard around their real cores; the daemon's end of guard.sock is in `sim/guardport.py`.

`SimKeeper` plays the processes guard/keeper.py and guard/process.py: it drives `guard/core` through its machine's clocks and network, and
carries out what comes of it in virtual time. Must never: decide what the cores decide, or give them a reading that was not taken then and
there. A guard that is well is not watched: it beats.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from understudy.guard import registered
from understudy.guard.core import (
    Able,
    BeganToVote,
    Census,
    CensusEnded,
    Envelope,
    Gone,
    GuardCore,
    GuardStart,
    Lapsed,
    Leased,
    Member,
    Query,
    RoundEnded,
    Send,
    VoterMemory,
    WentOver,
    Word,
)
from understudy.guard.core import keeper as deciding
from understudy.guard.core.ending import EndScope, EndSeen, EndStage
from understudy.guard.core.messages import GuardEffect
from understudy.guard.core.watch import HeldState, KeeperSight
from understudy.guard.lapse import LOOK_S, Aim
from understudy.guard.peers import listen_to
from understudy.linux.lease import LeaseEntry
from understudy.linux.reading import Reading, most_elapsed
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.position import Position
from understudy.model.view import ClusterRecord
from understudy.ports import AbilityChanged, Farewell, GuardEvent, LeaseChanged, SilentWord, VotersAcknowledged
from understudy.sim.chance import Chance
from understudy.sim.clocks import SECOND
from understudy.sim.ending import end_everything, strike

if TYPE_CHECKING:
    from understudy.sim.guardport import GuardPort
    from understudy.sim.machine import Machine


class SimKeeper:
    """Keeper and guard of one machine, from its boot to its power loss."""

    def __init__(self, machine: "Machine", member: Member) -> None:
        self.machine = machine
        self.member = member
        self.core: GuardCore | None = None  # none: no guard runs, or one that hangs
        self.there = asyncio.Event()  # set while one does
        self.incarnation = Incarnation("")
        self.held = HeldState(b"", 0, None)
        """What a successor needs."""
        self.stage = EndStage.RUNNING
        self.lease_until: Reading | None = None  # what the lease file says
        self.gate_until = 0.0  # true time until which the gate lets addresses pass
        self.epochs: dict[ResourceName, int] = {}
        self.released: set[ResourceName] = set()  # of those, what was released since
        self.epoch_floor = 0  # what is not among them starts only above it
        self.protected: frozenset[str] = frozenset()  # the cluster's addresses, as the daemon last sent them
        self.keys = machine.keys.keys  # of the guards' messages: as the key file has them, or the daemon gave them since
        self.stopping_since = 0.0
        self._aim = Aim(0.0)
        self.still = False
        """Keeper and guard are stopped: they live, and do nothing."""
        self.left = False
        """It has finished: no new incarnation."""
        self.leaving_until: float | None = None
        """True time until which the daemon may stop things in order; None: not asked to leave."""
        self.dead = False
        self.port: GuardPort | None = None
        self.generation = 0
        self._keeper = deciding.Keeper(machine.limits, reboots=machine.reboots)
        self._forked_at = 0.0
        self._pauses = 0
        self._voting: VoterMemory | None = None  # what its guards were as voters
        self._wakes = 0
        self._wake_luck = Chance(machine.loop, machine.scene.seed, f"wakes of {machine.name}")
        self._wake_at = 0.0
        self._pushed_held = False
        self._farewell_asked = False

    # --- the keeper -------------------------------------------------------------------------------------------------

    def begin(self, *, after_a_lease: bool) -> None:
        """It begins; an earlier one may have left something behind."""
        self.stopping_since = self.machine.loop.now
        self._carry_out(self._keeper.started(after_a_lease=after_a_lease))

    def kill_guard(self, reaped_s: float = 0.005, *, forgets: bool = False) -> None:
        """The guard hangs, and not even SIGKILL ends it before that much time has passed: soon for one that simply dies."""
        if self.core is None:
            return
        machine, generation = self.machine, self.generation
        machine.says("guard killed" + (", what it was as a voter is lost" if forgets else ""))
        self._no_guard()
        if forgets:  # as when the keeper dies too, but quicker
            self._voting = None
        machine.later(reaped_s, lambda: self._reap(generation))
        self._watch(generation)

    @property
    def guard_hangs(self) -> bool:
        """Whether a guard that is to be dead is not, so that the keeper waits for it (`GuardWatch`)."""
        return self.core is None and self._keeper.guard_alive

    @property
    def stopping(self) -> bool:
        """Whether everything is being ended."""
        return self.stage is not EndStage.RUNNING

    def reach(self, stage: EndStage) -> None:
        """So far the end has come."""
        self.stage = max(stage, self.stage)

    def _carry_out(self, effects: Sequence[deciding.KeeperEffect]) -> None:
        machine = self.machine
        for effect in effects:
            match effect:
                case deciding.BeginAnew():
                    self._begin_anew()
                case deciding.Succeed(start):
                    machine.says("guard's successor")
                    self._guard(start)
                    if self._farewell_asked:
                        self.farewell()
                case deciding.Strike():
                    self._begin_to_stop("no guard was there in time")
                    strike(self)
                case deciding.EndEverything(scope):
                    self._begin_to_stop("no guard was there in time")
                    end_everything(self, scope, lambda ended: self._receive(lambda: self._keeper.ended(ended, self._sight())))
                case deciding.Pause(seconds):
                    self._pause(seconds)
                case deciding.Reboot(why):
                    machine.says(f"{why}: reboots")
                    machine.reboot()
                    return
                case deciding.Finish():
                    self.left = True
                    machine.says("has left")
                case deciding.PassOn() | deciding.KillGuard():
                    pass  # a guard that is watched here hangs: nothing reaches it
                case deciding.NoteLapse() | deciding.Log() | deciding.Post() | deciding.TakeBack():
                    pass  # for people
                case _:
                    assert_never(effect)

    def _receive(self, happened: Callable[[], Sequence[deciding.KeeperEffect]]) -> None:
        """Notify the keeper, if it is alive, of what has happened, and do what it decides."""
        if not self.dead and self.machine.keeper is self:
            self._keeper.reboots = self.machine.reboots
            self._carry_out(happened())

    def _sight(self) -> KeeperSight:
        leaving = self.leaving_until is not None
        return KeeperSight(self.machine.clocks.read(), self.held, self.stage, self.generation, leaving=leaving)

    def _begin_anew(self) -> None:
        """A new incarnation, holding nothing; init begins daemon and executor again."""
        machine = self.machine
        self.held = deciding.new_life(self.held, machine.chance.randbytes(16))
        self.incarnation = Incarnation(self.held.incarnation.hex())
        self.lease_until = None
        self.stage = EndStage.RUNNING
        self.released.update(self.epochs)  # everything of the incarnation before was seen gone
        machine.says(f"begins as {self.incarnation[:8]}")
        self._guard(GuardStart(self.held.incarnation, self.held.sequence))
        machine.restart_starters()

    def _reap(self, generation: int) -> None:
        """The guard that hung is dead."""
        if self.generation == generation and self.core is None and self._keeper.guard_alive:
            self._receive(lambda: self._keeper.guard_ended(-9, self.machine.loop.now - self._forked_at, self._sight()))

    def _watch(self, generation: int) -> None:
        """Look at a guard that hangs, as often as the keeper would."""
        if self.generation != generation or not self._keeper.guard_alive:
            return
        self._receive(lambda: self._keeper.look(self._sight()))
        wait_s = self._keeper.wait_s(self._sight())
        if wait_s is not None:
            self.machine.later(wait_s, lambda: self._watch(generation))

    def _pause(self, seconds: float) -> None:
        self._pauses += 1
        number = self._pauses

        def over() -> None:
            if self._pauses == number:
                self._receive(lambda: self._keeper.go_on(self._sight()))

        self.machine.later(seconds, over)

    def stand_still(self, seconds: float) -> None:
        """Keeper and guard are stopped for a while (SIGSTOP): they neither renew nor look at the lease. What comes in meanwhile is lost."""
        if self.still or self.stopping or self.core is None:
            return
        self.machine.says(f"keeper and guard are paused for {seconds:.3f} s")
        self.still = True
        self.there.clear()
        self._second_line()
        self.machine.later(seconds, self._go_on)

    def _go_on(self) -> None:
        self.still = False
        if self.core is not None:
            self.there.set()
            self._tick(self.core)

    def _second_line(self) -> None:
        """guard/lapse.py: executor and daemon know the lease's end, and end everything when it has passed and they live."""
        if not self.still or self.stopping or self.dead:
            return
        machine = self.machine
        shown = LeaseEntry(bytes.fromhex(self.incarnation), self.lease_until or Reading(0, 0))
        left_s = self._aim.left_s(shown, machine.clocks.read())
        if left_s is None:
            machine.later(LOOK_S, self._second_line)
        elif left_s > 0:
            machine.later(min(left_s + 1e-6, 0.02), self._second_line)
        elif machine.executor is not None or machine.node is not None:
            machine.says("the second line ends everything: the lease ended and the guard is paused")
            machine.later(machine.chance.uniform(0.0, 0.9 * machine.limits.pace.kill_s), machine.kill_services)
        else:
            machine.later(0.02, self._second_line)

    def die(self) -> None:
        """Keeper and guard are gone; nobody watches the lease until `kill_all`."""
        self._no_guard()
        self.dead = True

    def kill_all(self, then: Callable[[bool], None]) -> None:
        """What systemd, or the lab host's init, runs after a keeper that died; another begins then, and knows whether anything is left."""
        self._begin_to_stop("keeper and guard are dead")
        end_everything(self, EndScope(), lambda ended: then(not ended.stopped))

    def lease(self) -> Incarnation | None:
        """Whose lease is valid at this instant, as anybody on this machine reads it."""
        until, now = self.lease_until, self.machine.clocks.read()
        if until is None or until.boot_ns <= now.boot_ns or until.raw_ns <= now.raw_ns:
            return None
        return self.incarnation

    @property
    def ever_leased(self) -> bool:
        """Whether this incarnation has won a lease."""
        return self.held.base is not None

    def overdue_s(self) -> float:
        """Seconds since everything had to be stopping, on this machine's own clocks; negative: not yet."""
        base = self.held.base
        if base is None:
            return 0.0
        limits = self.machine.limits
        return most_elapsed(base, self.machine.clocks.read()) / SECOND - (limits.lease_s - limits.stop_now_s)

    def carried_on(self) -> None:
        """Time has passed in which every beat was granted."""
        assert self.core is not None, "its guard runs"
        until = self.core.holder.until()
        assert until is not None, "it holds a lease"
        self._keep(self.core)
        self._leased(self.core, until)

    def asked(self) -> None:
        """The keeper is asked to end: no new incarnation follows this one."""
        self._keeper.asked()

    def farewell(self) -> None:
        """Stop everything, prove it, and say farewell."""
        self._farewell_asked = True
        self.asked()
        if self.core is not None:
            self._perform(self.core, self.core.stop("asked to end"))

    def _guard(self, start: GuardStart) -> None:
        self._forked_at = self.machine.loop.now
        self._pushed_held = False
        self.generation += 1
        self.there.set()
        now = self.machine.clocks.read()
        memory = self._voting or VoterMemory(self.machine.chance.getrandbits(64) | 1, now)
        self.core = GuardCore(self.member, self.machine.limits, start._replace(memory=memory, registry=self.machine.registered), now)
        self._wake_at = 0.0
        if self.port is not None:
            self.port.hello(self.core)
        self._tick(self.core)

    def _no_guard(self) -> None:
        if self.core is not None and self.core.voter is not None:
            self._voting = self.core.voter.memory()  # nothing it said has left before it was kept
        self.core = None
        self.there.clear()

    # --- the guard's loop -------------------------------------------------------------------------------------------

    def door(self, envelope: Envelope, key: bytes) -> None:
        """A packet arrives at this machine; a frozen one finds it in its socket when it wakes. One under a key that it does not know is
        none of its cluster's."""
        machine = self.machine
        if machine.frozen:
            machine.when_awake(lambda: self.door(envelope, key))
        elif key in self.keys and self.core is not None and machine.up and not self.still:
            self._perform(self.core, self.core.receive(envelope, machine.clocks.read()))

    def ask(self, query: Query, phase: int) -> None:
        """Begin a round on behalf of the daemon."""
        if self.core is not None and not self.still:
            self._perform(self.core, self.core.ask(query, self.machine.clocks.read(), phase))

    def note_able(self, able: bool, why: str) -> None:
        """What the daemon says of this server."""
        if self.core is not None:
            self._perform(self.core, self.core.note_able(able, why))

    def count(self, census: Census, phase: int) -> None:
        """Begin a census on behalf of the daemon."""
        if self.core is not None:
            self._perform(self.core, self.core.ask(census, self.machine.clocks.read(), phase))

    def noted(self, position: Position, seen: Position) -> None:
        """What the daemon acts on, and has seen."""
        self.held = self.held._replace(seen=seen)
        if self.core is not None:
            self.core.noted(position)
            self._keep(self.core)

    def note_gone(self, incarnations: Sequence[Incarnation]) -> None:
        """What the registry says."""
        if self.core is not None:
            noted = tuple(bytes.fromhex(incarnation) for incarnation in incarnations)
            self._perform(self.core, self.core.note_gone(noted, self.machine.clocks.read()))

    def note_registry(self, record: ClusterRecord) -> None:
        """What the registry says of voters and pause_tolerance: on the disk first."""
        core, noted = self.core, registered.of_record(registered.fields_of(record))
        if core is not None:
            self._perform(core, core.note_registry(noted, self.machine.clocks.read()))
            self.machine.registered = core.registry

    def note_servers(self, names: tuple[str, ...]) -> None:
        """Which servers there are."""
        self.member = self.member._replace(servers=names)
        if self.core is not None:
            listen_to(self.core, names)

    def later_voters(self, record: ClusterRecord) -> ClusterRecord:
        """The record with the voters that the guard goes by, if those came later."""
        common = self.machine.registered
        if common is None or common.phase <= record.phase:
            return record
        voters, old_voters = (tuple(map(ServerName, names)) for names in (common.voters, common.old_voters))
        return replace(record, voters=voters, voter_set=common.voter_set, old_voters=old_voters)

    def _tick(self, guard: GuardCore) -> None:
        self._wake_at = 0.0
        effects = guard.tick(self.machine.clocks.read())
        self._keep(guard)  # before anything leaves
        self._perform(guard, effects)

    def _keep(self, guard: GuardCore) -> None:
        """What a successor needs."""
        holder = guard.holder
        self.held = HeldState(holder.incarnation, holder.sequence, holder.base, holder.position, self.held.seen, holder.voter_set)

    def _wake_later(self, guard: GuardCore) -> None:
        machine = self.machine
        # when it wakes, and how late, follow from its clock's grid and not from when this is planned: so it is after quiet time, too
        due_ns = guard.wake_boot_ns(machine.clocks.read())
        self._wake_at = max(machine.loop.now, machine.clocks.true_at(due_ns))
        late_s = self._wake_luck.of(due_ns) ** 8 * machine.limits.pace.lateness_s
        self._wakes += 1
        wake = self._wakes

        def tick() -> None:
            if self._wakes == wake and self.core is guard and not self.still:
                self._tick(guard)

        machine.at(self._wake_at + late_s, tick)

    def _perform(self, guard: GuardCore, effects: Sequence[GuardEffect]) -> None:
        send, key = self.machine.network.send, self.keys[0]
        for effect in effects:
            if type(effect) is Send:  # nearly all are: asked first, and the quick way
                send(effect.envelope, key)
            elif type(effect) is Lapsed:
                self._lapse(effect.why, guard)
                return
            else:
                self._push(guard, effect)
        if not self._wake_at:  # else a wake is planned for the next beat at the latest, and nothing that comes in is due before it
            self._wake_later(guard)

    def _push(self, guard: GuardCore, effect: GuardEffect) -> None:
        match effect:
            case Leased(until):
                self._keep(guard)
                self._leased(guard, until)
            case WentOver(voter_set):
                self._keep(guard)
                self.machine.says(f"holds its lease by the voters of number {voter_set}")
                self.push(VotersAcknowledged(self.incarnation, voter_set))
            case BeganToVote():
                self.machine.says("begins to vote")
            case Word(voter, server, incarnation):
                self.push(SilentWord(ServerName(server), Incarnation(incarnation.hex()), ServerName(voter)))
            case Gone(server, incarnation):
                self.push(Farewell(ServerName(server), Incarnation(incarnation.hex())))
            case Able():
                self.push(ability(effect))
            case CensusEnded() if self.port is not None:
                self.port.round_ended(effect.nonce, effect.granted)
            case RoundEnded() if self.port is not None:
                self.port.round_ended(effect.nonce, effect.lost)

    def _leased(self, guard: GuardCore, until: Reading) -> None:
        self.lease_until = until
        left_ns = guard.pass_ns(self.machine.clocks.read())
        if left_ns is not None and left_ns > 0:
            self.gate_until = self.machine.loop.now + self.machine.clocks.true_s(left_ns)
            self.machine.truth.gate_opened(self.machine)
        if not self._pushed_held:
            self._pushed_held = True
            self.machine.says("holds its lease")
            self.push(LeaseChanged(self.incarnation, True))

    def push(self, event: GuardEvent) -> None:
        """To the daemon, if one is connected."""
        if self.port is not None:
            self.port.push(event)

    # --- the lapse --------------------------------------------------------------------------------------------------

    def _lapse(self, why: str, guard: GuardCore) -> None:
        """The guard ends everything itself."""
        self._no_guard()
        self._begin_to_stop(why)
        end_everything(self, EndScope(), lambda ended: self._last_words(guard, ended))

    def _begin_to_stop(self, why: str) -> None:
        machine = self.machine
        self.lease_until = None
        if self.stopping or not self.incarnation:
            return
        machine.says(f"LAPSES: {why}")
        self.stage = EndStage.STOPPING
        self.stopping_since = machine.loop.now
        machine.loop.post(machine.loop.now + machine.limits.pace.kill_s + 2e-6, machine.truth.look)

    def _last_words(self, guard: GuardCore, ended: EndSeen) -> None:
        words = deciding.last_words(ended, asked=self._farewell_asked)
        for effect in guard.farewell() if words.farewell else ():
            if isinstance(effect, Send):
                self.machine.network.send(effect.envelope, self.keys[0])
        self._receive(lambda: self._keeper.guard_ended(words.exit, self.machine.loop.now - self._forked_at, self._sight()))


def ability(noted: Able) -> AbilityChanged:
    """As the daemon receives it."""
    return AbilityChanged(ServerName(noted.server), Incarnation(noted.incarnation.hex()), noted.able, noted.why, noted.for_ms / 1000)
