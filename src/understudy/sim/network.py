"""Packets between guards: lost, doubled, late, and cut one way or both.

Called by the guards' processes. Must never look into a packet, or hold an opinion about who is alive.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from understudy.guard.core import Envelope
from understudy.sim.loop import VirtualLoop

QUICK_S = (0.0001, 0.002)
"""How long a packet takes that is neither lost nor late."""


@dataclass(slots=True)
class Weather:
    """How bad the network is; chances for each packet."""

    loss: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_s: float = 1.0
    """A late packet takes up to this long."""


class Network:
    """Carries envelopes from any guard to any other."""

    def __init__(self, loop: VirtualLoop, dice: random.Random, weather: Weather) -> None:
        self.weather = weather
        self.cuts: set[tuple[str, str]] = set()
        """From, to: nothing passes in this direction."""
        self._loop = loop
        self._dice = dice
        self._doors: dict[str, Callable[[Envelope], None]] = {}

    def attach(self, server: str, door: Callable[[Envelope], None]) -> None:
        """Where this server's packets go."""
        self._doors[server] = door

    def send(self, envelope: Envelope) -> None:
        """Underway, or gone."""
        if (envelope.sender, envelope.receiver) in self.cuts:
            return
        dice, weather = self._dice, self.weather
        copies = 1
        if weather.loss and dice.random() < weather.loss:
            copies -= 1
        if weather.doubled and dice.random() < weather.doubled:
            copies += 1
        for _ in range(copies):
            seconds = dice.uniform(*QUICK_S)
            if weather.late and dice.random() < weather.late:
                seconds = dice.uniform(0.0, weather.late_s)
            door = self._doors[envelope.receiver]
            self._loop.post(self._loop.now + seconds, lambda door=door: door(envelope))  # type: ignore[misc]
