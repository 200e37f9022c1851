"""The faults of a world, drawn before anything happens: when, what, for how long, and with which luck they choose whom they hit.

Whom a fault hits is settled when it comes (the server that is active then, say), by numbers it carries; so a fault that is taken out of
the script changes nothing about the others, and a long story can be made short (`sim/shrink.py`). Values only; called by `sim/life.py`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from random import Random

from understudy.sim.chance import dice
from understudy.sim.options import Options

MINUTE_S = 60.0
RATES = (
    "power", "freezes", "cuts", "leader_cuts", "registry_away", "registry_power", "daemon_deaths", "daemon_hangs", "executor_deaths",
    "guard_deaths", "service_deaths", "bad_scripts", "commands", "upgrades", "pair_cuts", "unable", "edits", "replays",
    "silences", "set_backs", "voter_changes", "restores", "rotations", "instances", "moved_servers", "asked_actions",
)  # fmt: skip
"""The options that are rates: each names what happens."""
STORM = "storm"
"""The weather turns bad, for as long as the storm lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, or that an operator does."""

    number: int
    """Its place in the script."""
    at_s: float
    """Since the script began."""
    what: str
    """One of RATES, or STORM."""
    lasts: float
    """In leases; in seconds for a storm."""
    picks: tuple[float, ...]
    """Numbers from 0 to 1, by which it chooses."""


def script(seed: int, options: Options, seconds: float, only: Collection[int] | None = None) -> tuple[Fault, ...]:
    """All faults within so many seconds, in order; or only those with the given numbers."""
    luck = dice(seed, "mishaps")
    drawn = [event for begins, ends in _storms(luck, options, seconds) for event in _storm(luck, options, begins, ends)]
    drawn.sort(key=lambda event: event[:2])
    faults = [
        Fault(number=number, at_s=at_s, what=what, lasts=lasts, picks=picks) for number, (at_s, what, lasts, picks) in enumerate(drawn, 1)
    ]
    return tuple(fault for fault in faults if only is None or fault.number in only)


_Drawn = tuple[float, str, float, tuple[float, ...]]


def _storms(luck: Random, options: Options, seconds: float) -> Iterator[tuple[float, float]]:
    begins = 0.0
    while begins < seconds:
        ends = begins + luck.uniform(0.5, 1.5) * options.storm_s if options.calm_s else seconds
        yield begins, min(ends, seconds)
        begins = ends + luck.uniform(0.2, 1.8) * options.calm_s


def _storm(luck: Random, options: Options, begins: float, ends: float) -> Iterator[_Drawn]:
    yield _rounded(begins), STORM, _rounded(ends - begins), ()
    for what in RATES:
        rate = getattr(options, what) / MINUTE_S
        at_s = begins
        while rate and (at_s := at_s + luck.expovariate(rate)) < ends:
            # mostly about a lease, for that is where it is decided; sometimes much longer
            longest = options.longest * (5.0 if luck.random() < 0.1 else 1.0)
            yield _rounded(at_s), what, _rounded(luck.uniform(0.02, longest)), tuple(_rounded(luck.random()) for _ in range(6))


def _rounded(value: float) -> float:
    """The same on every machine, whatever its logarithm does with the last bit."""
    return round(value, 6)
