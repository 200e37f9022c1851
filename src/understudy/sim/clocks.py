"""Each machine's clocks: two that guards read, each with its own drift and offset, and the one its daemon reads.

Called by `sim/machine.py`. One of the two may stop while the machine is frozen (design section 4: Clocks). Both never do within what one
lease is judged by, neither at once nor in turn: that is the case in which S1 is not claimed without a power fence.
"""

from understudy.linux.reading import Reading
from understudy.model.limits import DRIFT
from understudy.sim.chance import Chance, HasTime

SECOND = 1_000_000_000
FUZZ_S = 2e-9
"""Added to every wait, so that floats' rounding never lets a timer go off before its clock shows the time."""

ZERO_MAX_S = 1_000.0
"""What a clock shows at the beginning. The rounding of larger numbers would now and then move an instant over a boundary of `chance.GRAIN`,
and a time that was passed over would end in other luck than one that was lived through."""


class Clocks:
    """One machine's clocks since its boot. Drift is bounded by `model/limits.py`."""

    def __init__(self, chance: Chance, true: HasTime) -> None:
        self._true = true
        extreme = chance.random() < 0.5
        self._rates = [chance.choice((1 - DRIFT, 1 + DRIFT)) if extreme else 1 + chance.uniform(-DRIFT, DRIFT) for _ in range(2)]
        # each shows zero + rate * true time; a clock that is stopped has rate 0 meanwhile
        self._zeros = [chance.uniform(1.0, ZERO_MAX_S) for _ in range(2)]
        self._offset = chance.uniform(-5.0, 5.0)
        self._stopped: int | None = None
        self._before: tuple[int, float] = (0, float("-inf"))
        """Which one was stopped last, and until when."""
        self._runs()

    def _runs(self) -> None:
        boot, raw = (0.0 if self._stopped == which else self._rates[which] for which in range(2))
        self._raw = raw
        self._boot_ns, self._boot_rate_ns = self._zeros[0] * SECOND, boot * SECOND
        self._raw_ns, self._raw_rate_ns = self._zeros[1] * SECOND, raw * SECOND

    def read(self) -> Reading:
        """Both, together."""
        now = self._true.now
        return Reading(int(self._boot_ns + self._boot_rate_ns * now), int(self._raw_ns + self._raw_rate_ns * now))

    def true_at(self, boot_ns: int) -> float:
        """The true instant at which the boot clock shows this, unless it is stopped before: a function of the clock alone."""
        return (boot_ns - self._zeros[0] * SECOND) / (self._rates[0] * SECOND) + FUZZ_S

    def true_s(self, boot_ns: int) -> float:
        """True seconds until the boot clock has run on by this much."""
        return boot_ns / SECOND / self._rates[0]

    def that_may_stop(self, which: int | None, within_s: float) -> int | None:
        """This one, or the one that was stopped less than so many true seconds ago; None: neither is to stop."""
        before, until = self._before
        return before if which is not None and self._true.now - until < within_s else which

    def stop(self, which: int) -> None:
        """One of the two is stopped from now on."""
        self._zeros[which] += self._rates[which] * self._true.now
        self._stopped = which
        self._runs()

    def go_on(self) -> None:
        """Both run again."""
        if self._stopped is not None:
            self._zeros[self._stopped] -= self._rates[self._stopped] * self._true.now
            self._before, self._stopped = (self._stopped, self._true.now), None
            self._runs()

    def monotonic(self) -> float:
        """See ports.Clock: the raw clock, as CLOCK_MONOTONIC does not count what the boot clock may."""
        return self._zeros[1] + self._raw * self._true.now

    def shown_at(self, true: float) -> float:
        """What `monotonic` shows at a true instant, unless it is stopped before."""
        return self._zeros[1] + self._rates[1] * true

    def reaches_at(self, shown: float) -> float:
        """The true instant, perhaps over, at which `monotonic` shows this, unless it is stopped before.

        While the clock runs it follows from the clock alone: the rounding of waits that follow each other does not add up.
        """
        if self._stopped == 1:
            return self._true.now + (shown - self.monotonic()) / self._rates[1]
        return (shown - self._zeros[1]) / self._rates[1] + FUZZ_S

    def wall(self) -> float:
        """See ports.Clock."""
        return 1_700_000_000.0 + self._true.now + self._offset
