"""A machine's keeper and guard around the real core; the daemon's end of guard.sock is in `sim/guardport.py`.

`Keeper` plays guard/keeper.py and guard/process.py: it drives `guard.core` through the machine's clocks and the network, keeps what a
successor needs, and stops the machine when the lease lapses. Must never: decide what the core decides, or give the core
a reading that was not taken then and there.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from understudy.guard import registered
from understudy.guard.core import (
    Able,
    Census,
    CensusEnded,
    Envelope,
    Gone,
    Guard,
    Lapsed,
    Leased,
    Member,
    Memory,
    Query,
    RoundEnded,
    Send,
    Start,
    Word,
)
from understudy.guard.core.messages import Effect
from understudy.guard.lapse import LOOK_S, Aim
from understudy.linux.lease import Lease
from understudy.linux.reading import Reading, most_elapsed
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.position import NOWHERE, Position
from understudy.model.view import ClusterRecord
from understudy.ports import AbilityChanged, Farewell, GuardEvent, LeaseChanged, SilentWord
from understudy.sim.chance import Chance
from understudy.sim.clocks import SECOND

if TYPE_CHECKING:
    from understudy.sim.guardport import GuardPort
    from understudy.sim.machine import Machine



class Keeper:
    """Keeper and guard of one machine, from its boot to its power loss."""

    def __init__(self, machine: "Machine", member: Member) -> None:
        self.machine = machine
        self.member = member
        self.core: Guard | None = None  # none: no guard runs
        self.there = asyncio.Event()  # set while one does
        self.incarnation = Incarnation("")
        self.lease_until: Reading | None = None  # what the lease file says
        self.gate_until = 0.0  # true time until which the gate lets addresses pass
        self.epochs: dict[ResourceName, int] = {}
        self.released: set[ResourceName] = set()  # of those, what was released since
        self.epoch_floor = 0  # what is not among them starts only above it
        self.seen = NOWHERE  # where its daemons have seen the registry to be
        self.protected: frozenset[str] = frozenset()  # the cluster's addresses, as the daemon last told them
        self.stopping = False
        self.stopping_since = 0.0
        self._aim = Aim(0.0)
        self.still = False
        """Keeper and guard are stopped: they live, and do nothing."""
        self.left = False
        """Said farewell on request: no new incarnation."""
        self.leaving_until: float | None = None
        """True time until which the daemon may stop things in order; None: not asked to leave."""
        self.dead = False
        self.port: GuardPort | None = None
        self.generation = 0
        self._start = Start(b"")
        self._voting: Memory | None = None  # what its guards were as voters
        self._wakes = 0
        self._wake_luck = Chance(machine.loop, machine.scene.seed, f"wakes of {machine.name}")
        self._wake_at = 0.0
        self._told_held = False
        self._farewell_asked = False
        self._then: Callable[[], None] = self._begin_again
        """What follows when everything was stopped."""

    # --- the life of guards -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A new incarnation, holding nothing."""
        raw = self.machine.chance.randbytes(16)
        self.incarnation = Incarnation(raw.hex())
        self.lease_until = None
        self.stopping = False
        self.released.update(self.epochs)  # everything of the incarnation before was seen gone
        self.machine.says(f"begins as {self.incarnation[:8]}")
        self._guard(Start(raw))

    def kill_guard(self, successor_s: float = 0.005, *, forgets: bool = False) -> None:
        """The guard dies; its successor comes soon, or too late (the keeper may have to find out that it hangs)."""
        if self.core is None:
            return
        machine = self.machine
        machine.says("guard killed" + (", what it was as a voter is lost" if forgets else ""))
        self._no_guard()
        if forgets:  # as when the keeper dies too, but quicker
            self._voting = None
        machine.later(successor_s, self._succeed)
        self._watch_lapse()

    def stand_still(self, seconds: float) -> None:
        """Keeper and guard are stopped for a while (SIGSTOP): they neither renew nor look at the lease. What comes in meanwhile is lost."""
        if self.still or self.stopping or self.core is None:
            return
        self.machine.says(f"keeper and guard stand still for {seconds:.3f} s")
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
        shown = Lease(bytes.fromhex(self.incarnation), self.lease_until or Reading(0, 0))
        left_s = self._aim.left_s(shown, machine.clocks.read())
        if left_s is None:
            machine.later(LOOK_S, self._second_line)
        elif left_s > 0:
            machine.later(min(left_s + 1e-6, 0.02), self._second_line)
        elif machine.executor is not None or machine.node is not None:
            machine.says("the second line ends everything: the lease ended and the guard stands still")
            machine.later(machine.chance.uniform(0.0, 0.9 * machine.limits.pace.kill_s), machine.kill_services)
        else:
            machine.later(0.02, self._second_line)

    def die(self) -> None:
        """Keeper and guard are gone; nobody watches the lease until `kill_all`."""
        self._no_guard()
        self.dead = True

    def kill_all(self, then: Callable[[], None]) -> None:
        """What systemd, or the lab host's init, runs after a keeper that died."""
        self._then = then
        self._stop("keeper and guard are dead", None)

    def lease(self) -> Incarnation | None:
        """Whose lease is valid at this instant, as anybody on this machine reads it."""
        until, now = self.lease_until, self.machine.clocks.read()
        if until is None or until.boot_ns <= now.boot_ns or until.raw_ns <= now.raw_ns:
            return None
        return self.incarnation

    @property
    def ever_leased(self) -> bool:
        """Whether this incarnation has won a lease."""
        return self._start.base is not None

    def overdue_s(self) -> float:
        """Seconds since everything had to be stopping, on this machine's own clocks; negative: not yet."""
        base = self._start.base
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

    def farewell(self) -> None:
        """Stop everything, prove it, and say farewell."""
        self._farewell_asked = True
        if self.core is not None:
            self._perform(self.core, self.core.stop("asked to end"))

    def _guard(self, start: Start) -> None:
        self._start = start
        self._told_held = False
        self.generation += 1
        self.there.set()
        now = self.machine.clocks.read()
        memory = self._voting or Memory(self.machine.chance.getrandbits(64) | 1, now)
        self.core = Guard(self.member, self.machine.limits, start._replace(memory=memory, registry=self.machine.registered), now)
        self._wake_at = 0.0
        if self.port is not None:
            self.port.hello(self.core)
        self._tick(self.core)

    def _no_guard(self) -> None:
        if self.core is not None and self.core.voter is not None:
            self._voting = self.core.voter.memory()  # nothing it said has left before it was kept
        self.core = None
        self.there.clear()

    def _succeed(self) -> None:
        if self.core is not None or self.stopping or self.dead:
            return
        if self._start.base is None or self.overdue_s() >= 0:
            return  # the keeper ends it
        self.machine.says("guard's successor")
        self._guard(self._start._replace(begun_here=False))

    def _watch_lapse(self) -> None:
        """The keeper's last word: it stops the machine when the lease lapses and no guard is there."""
        if self.core is not None or self.stopping or self.dead:
            return
        overdue_s = self.overdue_s()
        if overdue_s < 0:
            self.machine.later(min(-overdue_s + 1e-6, 0.02), self._watch_lapse)
        else:
            self._stop("no guard was there in time", None)

    # --- the guard's loop -------------------------------------------------------------------------------------------

    def door(self, envelope: Envelope) -> None:
        """A packet arrives at this machine; a frozen one finds it in its socket when it wakes."""
        machine = self.machine
        if machine.frozen:
            machine.when_awake(lambda: self.door(envelope))
        elif self.core is not None and machine.up and not self.still:
            self._perform(self.core, self.core.receive(envelope, machine.clocks.read()))

    def ask(self, query: Query) -> None:
        """Begin a round on behalf of the daemon."""
        if self.core is not None and not self.still:
            self._perform(self.core, self.core.ask(query, self.machine.clocks.read()))

    def told_able(self, able: bool, why: str) -> None:
        """What the daemon says of this server."""
        if self.core is not None:
            self._perform(self.core, self.core.told_able(able, why))

    def count(self, census: Census) -> None:
        """Begin a census on behalf of the daemon."""
        if self.core is not None:
            self._perform(self.core, self.core.count(census, self.machine.clocks.read()))

    def noted(self, position: Position, seen: Position) -> None:
        """What the daemon acts on, and has seen."""
        self.seen = seen
        if self.core is not None:
            self.core.noted(position)
            self._keep(self.core)

    def told_dead(self, incarnations: Sequence[Incarnation]) -> None:
        """What the registry says."""
        if self.core is not None:
            told = tuple(bytes.fromhex(one) for one in incarnations)
            self._perform(self.core, self.core.told_dead(told, self.machine.clocks.read()))

    def told_registry(self, record: ClusterRecord) -> None:
        """What the registry says of voters and pause_tolerance: on the disk first."""
        self.machine.registered = told = registered.common(record.name, record.voters, record.voter_set, record.pause_tolerance)
        if self.core is not None:
            self._perform(self.core, self.core.told_registry(told, self.machine.clocks.read()))

    def _tick(self, guard: Guard) -> None:
        self._wake_at = 0.0
        effects = guard.tick(self.machine.clocks.read())
        self._keep(guard)  # before anything leaves
        self._perform(guard, effects)

    def _keep(self, guard: Guard) -> None:
        """What a successor needs."""
        holder = guard.holder
        self._start = Start(self._start.incarnation, holder.sequence, holder.base, self._start.begun_here, holder.position)

    def _wake_later(self, guard: Guard) -> None:
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

    def _perform(self, guard: Guard, effects: Sequence[Effect]) -> None:
        send = self.machine.network.send
        for effect in effects:
            if type(effect) is Send:  # nearly all are: asked first, and the quick way
                send(effect.envelope)
            elif type(effect) is Lapsed:
                self._stop(effect.why, guard)
                return
            else:
                self._told(guard, effect)
        if not self._wake_at:  # else a wake is planned for the next beat at the latest, and nothing that comes in is due before it
            self._wake_later(guard)

    def _told(self, guard: Guard, effect: Effect) -> None:
        match effect:
            case Leased(until):
                self._keep(guard)
                self._leased(guard, until)
            case Word(voter, server, incarnation):
                self.push(SilentWord(ServerName(server), Incarnation(incarnation.hex()), ServerName(voter)))
            case Gone(server, incarnation):
                self.push(Farewell(ServerName(server), Incarnation(incarnation.hex())))
            case Able():
                self.push(ability(effect))
            case CensusEnded() if self.port is not None:
                self.port.round_ended(effect.nonce, effect.lives)
            case RoundEnded() if self.port is not None:
                self.port.round_ended(effect.nonce, effect.lost)

    def _leased(self, guard: Guard, until: Reading) -> None:
        self.lease_until = until
        left_ns = guard.holder.stop_in_ns(self.machine.clocks.read())
        if left_ns is not None and left_ns > 0:
            self.gate_until = self.machine.loop.now + self.machine.clocks.true_s(left_ns)
            self.machine.truth.gate_opened(self.machine)
        if not self._told_held:
            self._told_held = True
            self.machine.says("holds its lease")
            self.push(LeaseChanged(self.incarnation, True))

    def push(self, event: GuardEvent) -> None:
        if self.port is not None:
            self.port.push(event)

    # --- the lapse --------------------------------------------------------------------------------------------------

    def _stop(self, why: str, guard: Guard | None) -> None:
        """In the order of design section 4: daemon and executor, groups, addresses; `guard` None: the keeper does it."""
        machine = self.machine
        machine.says(f"LAPSES: {why}")
        self._no_guard()
        self.stopping = True
        self.stopping_since = machine.loop.now
        self.lease_until = None
        kill_s = machine.limits.pace.kill_s
        machine.loop.post(machine.loop.now + kill_s + 2e-6, machine.truth.look)
        first_s, last_s = sorted(machine.chance.uniform(0.0, 0.9 * kill_s) for _ in range(2))
        machine.later(first_s, machine.kill_starters)
        machine.later(last_s, machine.kill_services)
        machine.later(kill_s, lambda: self._stopped(guard))

    def _stopped(self, guard: Guard | None) -> None:
        machine = self.machine
        if not machine.emptied() and not machine.reboots:
            machine.later(machine.limits.pace.kill_s, lambda: self._stopped(None))  # the keeper goes on trying; nobody may say farewell
            return
        if not machine.emptied():
            # `reboot_on_lapse`: what even SIGKILL does not end, a reboot does
            machine.says("something could not be stopped: reboots")
            machine.reboot()
            return
        self.gate_until = 0.0
        for effect in guard.farewell() if guard is not None else ():
            if isinstance(effect, Send):
                machine.network.send(effect.envelope)
        if self._farewell_asked or self.leaving_until is not None:
            self.left = True
            machine.says("has left")
            return
        self._then()

    def _begin_again(self) -> None:
        self.begin()
        self.machine.restart_starters()


def ability(told: Able) -> AbilityChanged:
    """As the daemon is told of it."""
    return AbilityChanged(ServerName(told.server), Incarnation(told.incarnation.hex()), told.able, told.why, told.for_ms / 1000)
