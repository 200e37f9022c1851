"""How bad the world is: what may go wrong and how often, and clocks that drift and stop."""

import random
from typing import NamedTuple

from understudy.linux.reading import Reading
from understudy.model.limits import DRIFT

SECOND = 1_000_000_000


class GuardWeather(NamedTuple):
    """How bad the world is: expected number of each fault per second, and how long each lasts, in leases."""

    servers: int
    voters: int
    loss: float
    doubled: float
    late: float
    freezes: float
    cuts: float
    guard_deaths: float
    reboots: float
    longest: float
    correlated: float
    """How often the end of a cut is the beginning of something else."""
    round_factor: float
    """Rounds of up to the longest that the limits allow."""
    forgets: float = 0.3
    """How often what a guard was as a voter is lost with it."""
    replays: float = 0.0
    """Recorded packets sent again, a second, by somebody who can do no more."""
    edits: float = 0.0
    """understudy.toml is edited on one or two servers, and their guards restart with it."""
    disk_lost: float = 0.0
    """How often what the registry says is not on their disks then."""
    leaps: float = 0.0
    """One of a machine's two clocks leaps ahead by up to a lease."""

    @staticmethod
    def random(dice: random.Random) -> "GuardWeather":
        """A world of its own kind."""
        voters = dice.choice((1, 3, 3, 3, 5))
        return GuardWeather(
            servers=max(dice.choice((2, 3, 4)), voters),
            voters=voters,
            loss=dice.choice((0.0, 0.01, 0.2)),
            doubled=dice.choice((0.0, 0.1)),
            late=dice.choice((0.0, 0.02, 0.1)),
            freezes=dice.choice((0.1, 0.5, 1.0)),
            cuts=dice.choice((0.5, 2.0, 4.0)),
            guard_deaths=dice.choice((0.0, 0.3, 1.5)),
            reboots=dice.choice((0.0, 0.1, 0.3)),
            longest=dice.choice((1.5, 4.0)),
            correlated=dice.choice((0.0, 0.3)),
            round_factor=dice.choice((1.0, 1.0, 2.5)),
            forgets=dice.choice((0.0, 0.3, 1.0)),
            replays=dice.choice((0.0, 0.0, 50.0)),
            edits=dice.choice((0.0, 0.0, 0.3)),
            disk_lost=dice.choice((0.0, 0.5)),
            leaps=dice.choice((0.0, 0.0, 0.3)),
        )


LATE = GuardWeather(
    servers=4,
    voters=3,
    loss=0.0,
    doubled=0.0,
    late=0.3,
    freezes=0.1,
    cuts=1.0,
    guard_deaths=0.0,
    reboots=0.0,
    longest=4.0,
    correlated=0.0,
    round_factor=1.0,
)
"""Packets linger in the network for up to two leases."""
FLAPPING = LATE._replace(servers=5, late=0.0, freezes=0.0, cuts=1.5, longest=3.0, correlated=0.45, round_factor=2.5, forgets=1.0)
"""Networks come and go, and guards restart as they come; rounds are as long as the limits allow."""

STANDING = LATE._replace(late=0.0, freezes=1.5, cuts=0.0, longest=2.5)
"""Machines are paused, some with a clock that stops too."""

CARRIED = FLAPPING._replace(forgets=0.0)
"""The same, and keepers carry what their guards were as voters."""
REPLAYED = FLAPPING._replace(replays=200.0)
"""The same, and somebody sends again what was recorded."""

EDITED = LATE._replace(servers=4, late=0.0, freezes=0.0, cuts=0.5, edits=0.7, longest=4.0)
"""Settings are edited server by server; what the registry says is on every disk."""
NEWLY_EDITED = EDITED._replace(disk_lost=1.0)
"""The same where it is on none: a guard gets it only when its daemon has read the registry."""

LEAPING = LATE._replace(late=0.0, freezes=0.0, cuts=1.0, longest=2.0, leaps=1.5)
"""Clocks that run ahead by more than any drift."""


class DrawnClocks:
    """One machine's two clocks, each with its own drift. One of them may stop while the machine is frozen, or leap; it is always the same
    one, for where now the one is wrong and now the other, within a lease, nobody can know how much time has passed."""

    def __init__(self, dice: random.Random, now: int) -> None:
        extreme = dice.random() < 0.5
        self._rates = [dice.choice((1 - DRIFT, 1 + DRIFT)) if extreme else 1 + dice.uniform(-DRIFT, DRIFT) for _ in "br"]
        self._from = [(now, float(dice.randrange(SECOND))) for _ in "br"]
        self._stopped: int | None = None
        self._wrong: int | None = None

    def read(self, now: int) -> Reading:
        """Both, at a true time."""
        return Reading(self._value(0, now), self._value(1, now))

    def stop(self, which: int, now: int) -> None:
        """One clock stops from now on."""
        which = self._unreliable(which)
        self._from[which] = (now, float(self._value(which, now)))
        self._stopped = which

    def go_on(self, now: int) -> None:
        """Both run again."""
        if self._stopped is not None:
            self._from[self._stopped] = (now, self._from[self._stopped][1])
            self._stopped = None

    def leap(self, which: int, by: int) -> None:
        """One clock runs ahead at once."""
        which = self._unreliable(which)
        since, value = self._from[which]
        self._from[which] = (since, value + by)

    def _unreliable(self, which: int) -> int:
        """This one, unless it has been the other before."""
        self._wrong = which if self._wrong is None else self._wrong
        return self._wrong

    def boot_rate(self) -> float:
        """How fast the boot clock runs."""
        return self._rates[0]

    def _value(self, which: int, now: int) -> int:
        since, value = self._from[which]
        rate = 0.0 if self._stopped == which else self._rates[which]
        return int(value + rate * (now - since))
