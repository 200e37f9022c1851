"""What a seed draws before anything happens: how large the cluster is and how bad its world. Values only."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One world. Rates are faults of a kind per minute in the whole cluster; durations are in leases."""

    servers: int = 3
    voters: int = 3
    pause_tolerance: float = 2.0
    loss: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    slow_registry: float = 0.0
    lost_answers: float = 0.0
    power: float = 0.0
    freezes: float = 0.0
    cuts: float = 0.0
    registry_away: float = 0.0
    daemon_deaths: float = 0.0
    daemon_hangs: float = 0.0
    executor_deaths: float = 0.0
    guard_deaths: float = 0.0
    service_deaths: float = 0.0
    bad_scripts: float = 0.0
    commands: float = 0.0
    longest: float = 2.0
    """No cut, freeze or absence lasts longer than this many leases (but some: five times)."""

    @property
    def orderly(self) -> bool:
        """Whether no daemon stands still in the middle of something, and every script tells the truth."""
        return not (self.freezes or self.daemon_hangs or self.bad_scripts)

    @staticmethod
    def draw(dice: random.Random) -> "Options":
        """A world of its own kind."""
        voters = dice.choice((1, 3, 3, 3, 5))
        return Options(
            servers=max(dice.choice((2, 3, 3, 4)), voters),
            voters=voters,
            pause_tolerance=dice.choice((0.5, 2.0, 2.0)),
            loss=dice.choice((0.0, 0.0, 0.01, 0.1)),
            doubled=dice.choice((0.0, 0.05)),
            late=dice.choice((0.0, 0.02)),
            slow_registry=dice.choice((0.0, 0.02, 0.1)),
            lost_answers=dice.choice((0.0, 0.02, 0.1)),
            power=dice.choice((0.0, 0.5, 2.0)),
            freezes=dice.choice((0.0, 1.0, 4.0)),
            cuts=dice.choice((0.0, 1.0, 4.0)),
            registry_away=dice.choice((0.0, 0.0, 1.0)),
            daemon_deaths=dice.choice((0.0, 1.0, 4.0)),
            daemon_hangs=dice.choice((0.0, 1.0, 4.0)),
            executor_deaths=dice.choice((0.0, 1.0)),
            guard_deaths=dice.choice((0.0, 1.0, 3.0)),
            service_deaths=dice.choice((0.0, 2.0, 6.0)),
            bad_scripts=dice.choice((0.0, 1.0, 4.0)),
            commands=dice.choice((0.0, 2.0, 8.0)),
            longest=dice.choice((1.5, 4.0)),
        )
