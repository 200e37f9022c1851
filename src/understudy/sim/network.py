"""Packets between guards, on two networks at once: lost, doubled, late, and cut one way or both, on one network or on both.

Called by the guards' processes. Must never look into a packet, or hold an opinion about who is alive.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from understudy.guard.core import Envelope
from understudy.sim.chance import Chance
from understudy.sim.loop import VirtualLoop

QUICK_S = (0.0001, 0.002)
"""How long a packet takes that is neither lost nor late."""
NETWORKS = (0, 1)
"""Management and interconnect: every packet travels on both (design section 4)."""

RECORDED = 5000
"""Packets that somebody can have recorded: minutes of a small cluster."""
FINER = 1 << 20
"""The lower bits of a draw are a draw of their own."""

PacketDoor = Callable[[Envelope, bytes], None]
"""Of a server: what arrives there, and under which key it was sent."""
OneWay = tuple[str, str, int]
"""From, to, on which network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How bad the networks are; chances for each packet on each of them."""

    loss: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_s: float = 1.0
    """A late packet takes up to this long."""

    @property
    def fine(self) -> bool:
        """Nothing is lost, doubled or late."""
        return not (self.loss or self.doubled or self.late)


class Network:
    """Carries envelopes from any guard to any other."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self.weather = Weather()
        self._fine = True
        self._cuts: dict[OneWay, int] = {}
        """How many faults cut this way at once: it passes again when all are mended."""
        self._loop = loop
        self._seed = seed
        self._doors: dict[str, PacketDoor] = {}
        self._luck: dict[tuple[str, str], Chance] = {}
        self.recorded: deque[tuple[Envelope, bytes]] = deque(maxlen=RECORDED)
        """What somebody has listened to; nothing unless `records`."""
        self.records = False

    def attach(self, server: str, door: PacketDoor) -> None:
        """Where this server's packets go."""
        for other in self._doors:
            for pair in ((server, other), (other, server)):
                self._luck[pair] = Chance(self._loop, self._seed, "packets {} {}".format(*pair))
        self._doors[server] = door

    def turns(self, weather: Weather) -> None:
        """The weather changes."""
        self.weather = weather
        self._fine = weather.fine and not self._cuts

    @property
    def whole(self) -> bool:
        """Whether every packet arrives, soon."""
        return self._fine

    def cut(self, ways: Iterable[OneWay]) -> None:
        """Nothing passes there from now on."""
        for way in ways:
            self._cuts[way] = self._cuts.get(way, 0) + 1
        self._fine = False

    def mend(self, ways: Iterable[OneWay]) -> None:
        """One cut less on each of them."""
        for way in ways:
            left = self._cuts.pop(way, 0) - 1
            if left > 0:
                self._cuts[way] = left
        self.turns(self.weather)

    def mend_all(self) -> None:
        """Everything passes."""
        self._cuts.clear()
        self.turns(self.weather)

    def send(self, envelope: Envelope, key: bytes) -> None:
        """Underway, or gone. `key`: under which it is sent."""
        sender, receiver = envelope.sender, envelope.receiver
        if self.records:
            self.recorded.append((envelope, key))
        chance = self._luck[sender, receiver]
        if self._fine:
            # of two copies of a packet the second brings nothing new: what doubles do is for worse weather
            low, high = QUICK_S
            self._loop.post(self._loop.now + low + (high - low) * chance.steady(), partial(self._doors[receiver], envelope, key))
            return
        for network in NETWORKS:
            # a packet that came through on one network brings nothing new on the other
            if (sender, receiver, network) not in self._cuts and self._on_one(envelope, key, chance):
                return

    def again(self, pick: float) -> None:
        """One of the recorded packets arrives once more, word for word; no cut keeps that away."""
        if self.recorded:
            envelope, key = self.recorded[int(pick * len(self.recorded))]
            self._doors[envelope.receiver](envelope, key)

    def _on_one(self, envelope: Envelope, key: bytes, chance: Chance) -> bool:
        """Whether it arrives soon."""
        weather, draw = self.weather, chance.random()
        deliver, now, (low, high) = partial(self._doors[envelope.receiver], envelope, key), self._loop.now, QUICK_S
        quick = now + low + (high - low) * (draw * FINER % 1.0)
        if draw < weather.loss:
            return False
        draw -= weather.loss
        if draw < weather.late:
            self._loop.post(now + chance.uniform(0.0, weather.late_s), deliver)
            return False
        self._loop.post(quick, deliver)
        if draw - weather.late < weather.doubled:
            late_s = weather.late_s if weather.late else high
            self._loop.post(now + chance.uniform(0.0, late_s), deliver)
        return True


def ways_of(servers: Iterable[str], server: str, networks: Iterable[int] = NETWORKS) -> tuple[list[OneWay], list[OneWay]]:
    """What a server sends to all others on these networks, and what it gets from them."""
    pairs = [(other, network) for other in servers if other != server for network in networks]
    return [(server, other, network) for other, network in pairs], [(other, server, network) for other, network in pairs]
