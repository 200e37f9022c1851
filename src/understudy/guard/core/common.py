"""What all guards of a cluster must have the same, and what to say when they have not; pure.

Called by: `core/guard.py` for every message, `guard/wire.py`, `guard/process.py` and the simulator (one value for each server).
Must never: leave out what the safety of a lease rests on. A voter that counts another silence, or another majority, than its holders makes
two of one (S1, S5).
"""

from collections.abc import Iterable
from typing import NamedTuple

from understudy.model.limits import Limits

MEND = "make understudy.toml the same on all servers, and restart understudy-guard where it was changed"


class CommonSettings(NamedTuple):
    """Whose messages carry another value is not listened to."""

    cluster: str
    voters: tuple[str, ...]
    """Sorted: in which order they are written does not matter."""
    voter_set: int
    pause_tolerance_ms: int
    lease_us: int
    """What follows from pause_tolerance is compared as well: another version of Understudy may derive it otherwise."""
    silent_after_us: int

    @property
    def majority(self) -> int:
        """How many voters decide."""
        return len(self.voters) // 2 + 1


def common_settings(cluster: str, voters: Iterable[str], voter_set: int, limits: Limits) -> CommonSettings:
    """Of one server."""
    return CommonSettings(
        cluster,
        tuple(sorted(voters)),
        voter_set,
        round(limits.pause_tolerance_s * 1_000),
        round(limits.lease_s * 1_000_000),
        round(limits.silent_after_s * 1_000_000),
    )


def differ(whose: str, theirs: CommonSettings, mine: str, ours: CommonSettings) -> str:
    """What differs, in words: `ctr3 has pause_tolerance 2 s, this server 0.5 s`; empty if nothing does."""
    if theirs == ours:
        return ""
    pairs = [(their, our) for their, our in zip(_in_words(theirs), _in_words(ours), strict=True) if their != our]
    if len(pairs) > 1:
        pairs = [pair for pair in pairs if not pair[0].startswith("lease ")]  # it follows from the tolerance
    return f"{whose} has {' and '.join(pair for pair, _ in pairs)}, {mine} {' and '.join(pair.partition(' ')[2] for _, pair in pairs)}"


def _in_words(settings: CommonSettings) -> tuple[str, ...]:
    return (
        f"cluster {settings.cluster}",
        f"voters {', '.join(settings.voters)}",
        f"voter_set {settings.voter_set}",
        f"pause_tolerance {settings.pause_tolerance_ms / 1000:g} s",
        f"lease {settings.lease_us / 1e6:g} s, silence {settings.silent_after_us / 1e6:g} s",
    )
