"""One machine of the false world around the guards' cores: what is true of it, and what its keeper and its disk hold."""

import heapq
import random
from collections.abc import Callable
from typing import NamedTuple

from guard.weather import SECOND, DrawnClocks
from understudy.guard.core import CommonSettings, GuardCore, Keep, LastRenew, VoterMemory, common_settings
from understudy.guard.core.ending import EndStage
from understudy.guard.core.keeper import Keeper
from understudy.guard.core.watch import HeldState
from understudy.model.limits import Limits, derive


class GuardViolation(AssertionError):
    """Two servers at once."""


class Timeline:
    """Virtual time: what is planned, in order, and what was said of it."""

    def __init__(self) -> None:
        self.now = 0
        self.timeline: list[str] = []
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def run(self, seconds: float) -> None:
        """Let it happen; Violation if S1 is broken."""
        end = self.now + int(seconds * SECOND)
        events = self._events
        while events and events[0][0] <= end:
            self.now, _, action = heapq.heappop(events)
            action()
        self.now = end

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Plan something."""
        self._at(self.now + int(seconds * SECOND), action)

    def say(self, text: str) -> None:
        """For the timeline of a failure."""
        self.timeline.append(f"{self.now / SECOND:9.4f}  {text}")

    def _at(self, when: int, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, action))


class Voting:
    """A voter's memory as its keeper holds it: changed by nothing but what a guard says is to be kept."""

    def __init__(self, memory: VoterMemory) -> None:
        self.began = memory
        self.entries: dict[bytes, Keep] = {}

    def memory(self) -> VoterMemory:
        """For the next guard."""
        kept = self.entries.values()
        seen = tuple((keep.incarnation, LastRenew(keep.server, keep.sequence, keep.at)) for keep in kept if not keep.silent)
        return self.began._replace(seen=seen, said=tuple((keep.incarnation, keep.server) for keep in kept if keep.silent))


class Variant(NamedTuple):
    """Settings of a server."""

    limits: Limits
    common: CommonSettings

    @staticmethod
    def of(voters: tuple[str, ...], limits: Limits) -> "Variant":
        """Of a cluster called lab."""
        return Variant(limits, common_settings("lab", voters, 1, limits))

    def edited(self, dice: random.Random, names: tuple[str, ...]) -> "Variant":
        """Another tolerance, other voters, or both."""
        voters, limits = self.common.voters, self.limits
        if dice.random() < 0.5:
            limits = derive(dice.choice((0.25, 0.5, 1.0, 2.0)))
        if dice.random() < 0.7:
            voters = tuple(dice.sample(names, len(voters)))
        return Variant.of(voters, limits)


class WorldServer:
    """One machine: what is true of it, and its guard."""

    def __init__(self, name: str, clocks: DrawnClocks) -> None:
        self.name = name
        self.clocks = clocks
        self.life = 0
        """Grows with each reboot: what was planned for an earlier life does not happen."""
        self.up = True
        self.frozen = False
        self.waiting: list[Callable[[], None]] = []
        self.guard: GuardCore | None = None
        self.keeper: Keeper | None = None
        self.held = HeldState(b"", 0, None)
        """What its keeper holds for a successor of its guard."""
        self.stage = EndStage.RUNNING
        self.guards = 0
        """How many have begun."""
        self.guard_began = 0
        """When the last of them did."""
        self.voting: Voting | None = None
        """What its keeper holds of what its guards were as voters."""
        self.edited: Variant | None = None
        """Its understudy.toml, if it is another than the cluster's."""
        self.registered = False
        """It knows what the registry says of the common settings."""
        self.wake_at = 0
        self.wakes = 0
        self.owner_of: bytes | None = None
        """The incarnation under which this server was made the owner of the resource."""
        self.active = False
        """Processes of the resource exist here."""
        self.excused_until = 0
        self.gate_until = 0
