"""Each machine's clocks: two that guards read, each with its own drift and offset, and the one its daemon reads.

Called by `sim/server.py`. One of the two may stand still while the machine is frozen (design section 4: Clocks). Both at once never do:
that is the case in which S1 is not claimed without a power fence.
"""

import random
from collections.abc import Callable

from understudy.guard.core import Reading
from understudy.model.limits import DRIFT

SECOND = 1_000_000_000


class Clocks:
    """One machine's clocks since its boot. Drift is bounded by `model/limits.py`."""

    def __init__(self, dice: random.Random, time: Callable[[], float]) -> None:
        self._time = time
        extreme = dice.random() < 0.5
        self._rates = [dice.choice((1 - DRIFT, 1 + DRIFT)) if extreme else 1 + dice.uniform(-DRIFT, DRIFT) for _ in range(2)]
        self._from = [(time(), dice.uniform(1.0, 1e6)) for _ in range(2)]
        self._offset = dice.uniform(-5.0, 5.0)
        self._stopped: int | None = None

    def read(self) -> Reading:
        """Both, together."""
        if self._stopped is not None:
            return Reading(int(self._value(0) * SECOND), int(self._value(1) * SECOND))
        (boot_since, boot), (raw_since, raw) = self._from
        boot_rate, raw_rate = self._rates
        now = self._time()
        return Reading(int((boot + boot_rate * (now - boot_since)) * SECOND), int((raw + raw_rate * (now - raw_since)) * SECOND))

    def true_s(self, boot_ns: int) -> float:
        """True seconds until the boot clock has run on by this much."""
        return boot_ns / SECOND / self._rates[0]

    def stop(self, which: int) -> None:
        """One of the two stands still from now on."""
        self._from[which] = (self._time(), self._value(which))
        self._stopped = which

    def go_on(self) -> None:
        """Both run again."""
        if self._stopped is not None:
            self._from[self._stopped] = (self._time(), self._from[self._stopped][1])
            self._stopped = None

    def monotonic(self) -> float:
        """See ports.Clock: the raw clock, as CLOCK_MONOTONIC does not count what the boot clock may."""
        return self._value(1)

    def wall(self) -> float:
        """See ports.Clock."""
        return 1_700_000_000.0 + self._time() + self._offset

    def _value(self, which: int) -> float:
        since, value = self._from[which]
        rate = 0.0 if self._stopped == which else self._rates[which]
        return value + rate * (self._time() - since)
