"""Guards side by side in virtual time, for tests that are one sentence of the design each.

`Room` holds guards whose clocks start at odd places and whose network delivers at once, unless a pair is cut.
"""

from collections.abc import Iterable

from understudy.guard.core import (
    CommonSettings,
    Envelope,
    GuardCore,
    GuardStart,
    Member,
    Renew,
    Send,
    VoterMemory,
    VoterSet,
    common_settings,
)
from understudy.guard.core.holder import LeaseHolder
from understudy.guard.core.messages import GuardEffect
from understudy.guard.core.voter import Voter
from understudy.linux.reading import Reading
from understudy.model.limits import derive

LIMITS = derive(0.5)
SECOND = 1_000_000_000
LEASE, STOP_NOW, SILENT_AFTER = (round(seconds * SECOND) for seconds in (LIMITS.lease_s, LIMITS.stop_now_s, LIMITS.silent_after_s))
VOTERS = ("ctr1", "ctr2", "ctr3")
ME, OTHER = b"m" * 16, b"o" * 16
BOOT = 7


def at(boot_s: float, raw_s: float | None = None) -> Reading:
    """A reading; both clocks the same unless said otherwise."""
    return Reading(round(boot_s * SECOND), round((boot_s if raw_s is None else raw_s) * SECOND))


class TightRoom:
    """Guards side by side in virtual time."""

    def __init__(self, servers: int, voters: int) -> None:
        self.now_s = 0.0
        self.names = tuple(f"ctr{number}" for number in range(1, servers + 1))
        self.common = common_settings("lab", self.names[:voters], 1, LIMITS)
        self.boots = 0
        self.offset = {name: 100.0 * number for number, name in enumerate(self.names)}
        self.cut: set[tuple[str, str]] = set()
        self.effects: dict[str, list[GuardEffect]] = {name: [] for name in self.names}
        self.guards = {name: self.fresh(name, GuardStart(name.encode().ljust(16))) for name in self.names}

    def fresh(self, name: str, start: GuardStart, common: CommonSettings | None = None) -> GuardCore:
        """A guard that begins now."""
        now = self.clock(name)
        self.boots += 1
        member = Member(name, self.names, common or self.common)
        return GuardCore(member, LIMITS, start if start.memory else start._replace(memory=VoterMemory(self.boots, now)), now)

    def clock(self, name: str) -> Reading:
        """What that server's clocks say."""
        return at(self.now_s + self.offset[name], self.now_s + self.offset[name] + 7)

    def do(self, name: str, effects: Iterable[GuardEffect]) -> None:
        """Note what a guard wants, and carry its messages."""
        for effect in effects:
            self.effects[name].append(effect)
            if isinstance(effect, Send):
                self.carry(effect.envelope)

    def carry(self, envelope: Envelope) -> None:
        """Deliver at once unless cut."""
        if (envelope.sender, envelope.receiver) not in self.cut:
            receiver = envelope.receiver
            self.do(receiver, self.guards[receiver].receive(envelope, self.clock(receiver)))

    def run(self, seconds: float, asleep: str = "") -> None:
        """Time passes in steps of a hundredth."""
        for _ in range(round(seconds * 100)):
            self.now_s += 0.01
            for name in self.names:
                if name != asleep:
                    self.do(name, self.guards[name].tick(self.clock(name)))

    def isolate(self, name: str) -> None:
        """Nothing in, nothing out."""
        self.cut |= {pair for other in self.names for pair in ((name, other), (other, name))}

    def holds(self, name: str) -> bool:
        """By that server's own clocks."""
        holder = self.guards[name].holder
        left = holder.stop_in_ns(self.clock(name))
        return not holder.lapsed and left is not None and left > 0

    def seen(self, name: str, kind: type[GuardEffect]) -> list[GuardEffect]:
        """What a guard wanted of a kind."""
        return [effect for effect in self.effects[name] if isinstance(effect, kind)]


def holder() -> LeaseHolder:
    """One of three voters' holder."""
    return LeaseHolder(ME, sets=(VoterSet(1, frozenset(VOTERS)),), run_ns=LEASE, stop_now_ns=STOP_NOW)


def a_voter(started: float = 0) -> Voter:
    """One whose memory began then."""
    return Voter(VoterMemory(BOOT, at(started)), silent_after_ns=SILENT_AFTER)


def a_renew(sequence: int) -> Renew:
    """As a holder sends it that knows its voter."""
    return Renew(sequence, at(0), BOOT)
