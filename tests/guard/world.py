"""A false world around the real guard cores: clocks that drift and stop, a network that loses and delays, machines that
freeze, guards that die; one seed draws everything. One resource moves between servers; the world's truth judges S1.

The daemon and the leader are reduced to what S1 rests on: whoever gets word of silence asks a round, `lost` plus `quiet` on the
asker's clock makes fenced, then another live incarnation becomes owner. A farewell is proof as well.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from guard.keeping import Keepers
from guard.machine import GuardViolation, Timeline, Variant, Voting, WorldServer
from guard.weather import SECOND, DrawnClocks, GuardWeather
from understudy.guard.core import (
    Envelope,
    Gone,
    GuardCore,
    GuardStart,
    Keep,
    Lapsed,
    Leased,
    Member,
    Query,
    RoundEnded,
    Send,
    VoterMemory,
    Word,
)
from understudy.guard.core.common import differ
from understudy.guard.core.ending import EndStage
from understudy.guard.core.messages import GuardEffect
from understudy.model.limits import DRIFT, RHO, Limits


class GuardWorld(Timeline):
    """Virtual time, and everything that can happen in it."""

    def __init__(self, seed: int, limits: Limits, options: GuardWeather | None = None) -> None:
        super().__init__()
        self.seed = seed
        self.dice = random.Random(seed)
        self.options = options or GuardWeather.random(self.dice)
        longest_round_s = limits.silent_after_s / RHO
        self.limits = replace(limits, round_s=min(limits.round_s * self.options.round_factor, longest_round_s))
        self.cut: set[tuple[str, str]] = set()
        self.lost: set[bytes] = set()
        self.moves = 0
        names = [f"ctr{number}" for number in range(1, self.options.servers + 1)]
        self._names = tuple(names)
        self._voters = tuple(names[: self.options.voters])
        self._settings = Variant.of(self._voters, self.limits)
        """The registry's."""
        self._recorded: deque[Envelope] = deque(maxlen=4000)
        self.servers = {name: WorldServer(name, DrawnClocks(self.dice, 0)) for name in names}
        self.owner: tuple[str, bytes] | None = None
        self._keepers = Keepers(self)
        for server in self.servers.values():
            self._keepers.begin(server)
        self._plan_faults()
        self.after(0.03, self._supervise)

    def on(self, server: WorldServer, seconds: float, action: Callable[[], None]) -> None:
        """Plan something a process of a server does: not while it is frozen, not after a reboot."""
        life = server.life

        def act() -> None:
            if server.life != life:
                return
            if server.frozen:
                server.waiting.append(act)
            else:
                action()

        self.after(seconds, act)

    # Faults.

    def _plan_faults(self) -> None:
        options = self.options
        kinds: list[tuple[float, Callable[[], None]]] = [
            (options.freezes, self._freeze),
            (options.cuts, self._cut),
            (options.guard_deaths, self._kill_guard),
            (options.reboots, self._reboot),
            (options.replays, self._replay),
            (options.edits, self._edit),
            (options.leaps, self._leap),
        ]
        for rate, fault in kinds:
            if rate:
                self._again(rate, fault)

    def _again(self, rate: float, fault: Callable[[], None]) -> None:
        def happen() -> None:
            fault()
            self._again(rate, fault)

        self.after(self.dice.expovariate(rate), happen)

    def _duration(self) -> float:
        return self.dice.uniform(0.02, self.options.longest) * self.limits.lease_s

    def _freeze(self) -> None:
        for server in self._victims():
            if not server.frozen and server.up:
                self._freeze_one(server)

    def _freeze_one(self, server: WorldServer) -> None:
        server.frozen = True
        life = server.life
        if self.dice.random() < 0.3:
            server.clocks.stop(self.dice.randrange(2), self.now)
        self.say(f"{server.name} freezes")

        def thaw() -> None:
            if server.life != life:
                return
            self.say(f"{server.name} thaws")
            server.clocks.go_on(self.now)
            server.frozen = False
            # The stated window: one guard wake-up plus the kill.
            pace = self.limits.pace
            window_s = pace.lateness_s + pace.kill_s
            server.excused_until = self.now + int(window_s * SECOND)
            self.after(window_s + 1e-6, self._check)
            waiting, server.waiting = server.waiting, []
            for action in waiting:
                self.after(self.dice.uniform(0, pace.lateness_s), action)

        self.after(self._duration(), thaw)

    def _cut(self) -> None:
        pairs: list[tuple[str, str]] = []
        kind = self.dice.randrange(3)
        if kind == 0:  # one server from all, both ways
            name = self.dice.choice(self._names)
            pairs = [pair for other in self._names for pair in ((name, other), (other, name)) if other != name]
        elif kind == 1:  # one way, one pair
            name, other = self.dice.sample(self._names, 2)
            pairs = [(name, other)]
        else:  # a pair, both ways
            name, other = self.dice.sample(self._names, 2)
            pairs = [(name, other), (other, name)]
        self.cut.update(pairs)
        self.say(f"cut {' '.join('>'.join(pair) for pair in pairs)}")
        self.after(self._duration(), lambda: self._heal(pairs))

    def _heal(self, pairs: list[tuple[str, str]]) -> None:
        """Troubles come together: what mends one network breaks another, or restarts a guard."""
        self.cut.difference_update(pairs)
        self.say(f"heal {' '.join('>'.join(pair) for pair in pairs)}")
        draw, end = self.dice.random(), self.servers[self.dice.choice(pairs)[0]]
        if draw < self.options.correlated:
            self._kill_one_guard(end, 0.005)
        elif draw < 2 * self.options.correlated:
            self._cut()

    def _kill_guard(self) -> None:
        for server in self._victims():
            # It dies at once, when the keeper finds out that it hangs, or not even then: it hangs in the kernel.
            self._kill_one_guard(server, self.dice.choice((0.005, self.limits.hang_s, 2 * self.limits.lease_s)))

    def _kill_one_guard(self, server: WorldServer, reaped_s: float) -> None:
        if server.guard is not None and server.up:
            self.say(f"{server.name} guard killed")
            if self.dice.random() < self.options.forgets:
                server.voting = None
            self._keepers.guard_hangs(server, reaped_s)

    def _victims(self) -> list[WorldServer]:
        """Mostly one; sometimes many at once, as when they share a machine; often the one it matters for."""
        draw = self.dice.random()
        if draw < 0.1:
            return list(self.servers.values())
        if draw < 0.4 and self.owner is not None:
            return [self.servers[self.owner[0]]]
        return [self.servers[self.dice.choice(self._names)]]

    def _reboot(self) -> None:
        server = self.servers[self.dice.choice(self._names)]
        if not server.up:
            return
        self.say(f"{server.name} loses power")
        server.life += 1
        server.up = server.frozen = server.active = False
        server.waiting.clear()
        server.guard = server.voting = None
        server.gate_until = 0
        server.owner_of = None
        life = server.life

        def boot() -> None:
            if server.life == life:
                server.up = True
                server.clocks = DrawnClocks(self.dice, self.now)
                self._keepers.begin(server)

        self.after(self._duration(), boot)

    def _replay(self) -> None:
        """Somebody sends again what he recorded, word for word."""
        if self._recorded:
            self._deliver(self.dice.choice(self._recorded), 0.0005)

    def _leap(self) -> None:
        server = self.servers[self.dice.choice(self._names)]
        by_s = self.dice.uniform(0.2, 1.0) * self.limits.lease_s
        self.say(f"{server.name}: a clock leaps ahead by {by_s:.3f} s")
        server.clocks.leap(self.dice.randrange(2), int(by_s * SECOND))

    def _edit(self) -> None:
        """One or two servers are given other voters, or another tolerance, and begin again with it; later they are put right."""
        there = [server for server in self.servers.values() if server.up]
        edited = self.dice.sample(there, min(self.dice.choice((1, 2)), len(there)))
        variant = self._settings.edited(self.dice, self._names)
        forgotten = self.dice.random() < self.options.disk_lost
        for server in edited:
            self.say(f"{server.name}: {differ('edited', variant.common, 'else', self._settings.common) or 'edited: nothing'}")
            self._begin_with(server, variant, forgotten)
        lives = [(server, server.life) for server in edited]

        def put_right() -> None:
            for server, life in lives:
                if server.life == life:
                    self._begin_with(server, None, False)

        self.after(self._duration(), put_right)

    def _begin_with(self, server: WorldServer, variant: Variant | None, forgotten: bool) -> None:
        """Its keeper is stopped, which stops everything, and begun again."""
        if not server.up or server.frozen:
            return
        server.edited, server.voting, server.guard = variant, None, None
        server.active, server.gate_until = False, 0
        server.registered = server.registered and not forgotten
        self._keepers.begin(server)

    def settings(self, server: WorldServer) -> Variant:
        """What its understudy.toml says."""
        return server.edited or self._settings

    # Guards.

    def guard_begins(self, server: WorldServer, start: GuardStart) -> None:
        """A guard of this server, as its keeper wants it."""
        server.guards += 1
        server.guard_began = self.now
        limits, common = self.settings(server)
        now = server.clocks.read(self.now)
        if server.voting is None:
            server.voting = Voting(VoterMemory(self.dice.getrandbits(64) | 1, now))
        registry = self._settings.common if server.registered else None
        start = start._replace(memory=server.voting.memory(), registry=registry)
        guard = server.guard = GuardCore(Member(server.name, self._names, common), limits, start, now)
        if not server.registered:
            self.on(server, self.dice.uniform(0.01, 2 * self.limits.lease_s), lambda: self._tell(server, guard))
        server.wake_at = 0
        self._tick(server)

    def ends(self, server: WorldServer) -> None:
        """Nothing runs there any more."""
        if server.active:
            self.say(f"{server.name} stopped")
        server.active = False

    def _tell(self, server: WorldServer, guard: GuardCore) -> None:
        """Its daemon has read the registry; before that nothing is done under this guard's lease."""
        server.registered = True
        if server.guard is guard:
            self._perform(server, guard, guard.note_registry(self._settings.common, server.clocks.read(self.now)))

    def _tick(self, server: WorldServer) -> None:
        guard = server.guard
        if guard is not None:
            server.wake_at = 0
            self._perform(server, guard, guard.tick(server.clocks.read(self.now)))

    def _wake_later(self, server: WorldServer, guard: GuardCore) -> None:
        reading = server.clocks.read(self.now)
        wait_ns = max(guard.wake_boot_ns(reading) - reading.boot_ns, 0) / server.clocks.boot_rate()
        when = self.now + int(wait_ns)
        if server.wake_at and server.wake_at <= when:
            return
        server.wake_at = when
        server.wakes += 1
        wake = server.wakes
        late_s = self.dice.random() ** 8 * self.limits.pace.lateness_s

        def tick() -> None:
            if server.wakes == wake and server.guard is guard:
                self._tick(server)

        self.on(server, wait_ns / SECOND + late_s, tick)

    # What guards want.

    def _perform(self, server: WorldServer, guard: GuardCore, effects: Sequence[GuardEffect]) -> None:
        holder = guard.holder
        server.held = server.held._replace(sequence=holder.sequence, base=holder.base)
        for effect in effects:
            match effect:
                case Send(envelope):
                    self._send(envelope)
                case Keep():
                    assert server.voting is not None
                    server.voting.entries[effect.incarnation] = effect
                case Leased():
                    self._leased(server, guard)
                case Lapsed(why):
                    self._lapse(server, guard, why)
                    return
                case Word(_, _, incarnation):
                    if self.owner is not None and self.owner[1] == incarnation:
                        self._ask(server)
                case Gone(_, incarnation):
                    self._proven(incarnation, "farewell")
                case RoundEnded() if effect.lost:
                    self._lost(server, effect.incarnation)
                case RoundEnded():
                    pass
        self._wake_later(server, guard)

    def _leased(self, server: WorldServer, guard: GuardCore) -> None:
        left_ns = guard.holder.stop_in_ns(server.clocks.read(self.now))
        server.gate_until = self.now + int((left_ns or 0) / (1 - DRIFT))
        if self.owner is None:
            self._assign(server)
        elif server.registered and server.owner_of == guard.holder.incarnation and not server.active:
            self._activate(server, "again")  # a local restart needs no registry

    def _lapse(self, server: WorldServer, guard: GuardCore, why: str) -> None:
        self.say(f"{server.name} lapses: {why}")
        revived = not guard.holder.lapsed
        if not revived:
            server.guard, server.stage = None, EndStage.STOPPING
        pace = self.limits.pace
        self.on(server, self.dice.uniform(0, pace.kill_s), lambda: self._stopped(server, guard))
        if revived:
            self._wake_later(server, guard)

    def _stopped(self, server: WorldServer, guard: GuardCore) -> None:
        """Everything is dead and was seen to be."""
        self.ends(server)
        if not guard.holder.lapsed:
            return  # one of those that a mutation lets live on
        words = self._keepers.guard_stopped_everything(server)
        for effect in guard.farewell() if words.farewell else ():
            if isinstance(effect, Send):
                self._send(effect.envelope)
        self._keepers.guard_ended(server, words)

    # Network.

    def _send(self, envelope: Envelope) -> None:
        dice, options = self.dice, self.options
        if options.replays:
            self._recorded.append(envelope)
        if (envelope.sender, envelope.receiver) in self.cut:
            return
        copies = 1 + (dice.random() < options.doubled) - (dice.random() < options.loss)
        for _ in range(copies):
            seconds = 0.0002 + dice.random() * 0.002
            if dice.random() < options.late:
                seconds = dice.uniform(0, 2 * self.limits.lease_s)
            self._deliver(envelope, seconds)

    def _deliver(self, envelope: Envelope, seconds: float) -> None:
        server = self.servers[envelope.receiver]

        def arrive() -> None:
            if not server.up:
                return
            if server.frozen:
                server.waiting.append(arrive)
            elif server.guard is not None:
                guard = server.guard
                self._perform(server, guard, guard.receive(envelope, server.clocks.read(self.now)))

        self.after(seconds, arrive)

    # Leader and registry.

    def _supervise(self) -> None:
        """Any server may ask at any time; what is proved does not depend on who asks when."""
        server = self.servers[self.dice.choice(self._names)]
        if server.up and not server.frozen:
            self._ask(server)
        self.after(self.dice.uniform(0.01, 0.1), self._supervise)

    def _ask(self, server: WorldServer) -> None:
        guard = server.guard
        if guard is None or self.owner is None or self.owner[1] in self.lost or not server.registered:
            return
        query = Query(self.dice.getrandbits(63) + 1, *self.owner)
        self.on(server, 0, lambda: self._ask_now(server, guard, query))

    def _ask_now(self, server: WorldServer, guard: GuardCore, query: Query) -> None:
        if server.guard is guard:
            self._perform(server, guard, guard.ask(query, server.clocks.read(self.now)))

    def _lost(self, server: WorldServer, incarnation: bytes) -> None:
        if incarnation in self.lost:
            return
        self.say(f"{server.name} proves that {self._whose(incarnation)} is lost")
        self.lost.add(incarnation)
        # quiet on the asker's clock, which may be fast; a reboot of the asker does not undo the proof
        self.after(self.limits.quiet_s / (1 + DRIFT), lambda: self._proven(incarnation, "fenced"))

    def _whose(self, incarnation: bytes) -> str:
        return self.owner[0] if self.owner is not None and self.owner[1] == incarnation else incarnation.hex()[:4]

    def _proven(self, incarnation: bytes, how: str) -> None:
        """Fenced or said farewell: another may own it."""
        if self.owner is None or self.owner[1] != incarnation:
            return
        self.lost.add(incarnation)
        self.say(f"{self.owner[0]} {how}")
        self.owner = None
        candidates = [server for server in self.servers.values() if self._usable(server)]
        if candidates:
            self._assign(self.dice.choice(candidates))

    def _usable(self, server: WorldServer) -> bool:
        guard = server.guard
        if guard is None or not server.registered or server.frozen or guard.holder.lapsed or guard.holder.incarnation in self.lost:
            return False
        left_ns = guard.holder.stop_in_ns(server.clocks.read(self.now))
        return left_ns is not None and left_ns > 0

    def _assign(self, server: WorldServer) -> None:
        if not self._usable(server):
            return
        assert server.guard is not None
        self.owner = (server.name, server.guard.holder.incarnation)
        server.owner_of = server.guard.holder.incarnation
        self.moves += 1
        self._activate(server, "starts")

    # Truth.

    def _activate(self, server: WorldServer, how: str) -> None:
        self.say(f"{server.name} {how}")
        server.active = True
        self._check()

    def _check(self) -> None:
        runs = [server.name for server in self.servers.values() if server.active and not server.frozen and self.now >= server.excused_until]
        if len(runs) > 1:
            raise GuardViolation(self._story(f"S1: runs on {' and '.join(runs)}"))
        answers = [server.name for server in self.servers.values() if server.active and self.now < server.gate_until]
        if len(answers) > 1:
            raise GuardViolation(self._story(f"S1: the address answers on {' and '.join(answers)}"))

    def _story(self, what: str) -> str:
        return "\n".join((f"seed {self.seed}: {what}", str(self.options), *self.timeline[-50:]))


def is_unsafe(world: GuardWorld, seconds: float) -> bool:
    """Whether its judge sees S1 broken within that time."""
    try:
        world.run(seconds)
    except GuardViolation:
        return True
    return False
