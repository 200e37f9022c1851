"""What all guards of a cluster must have the same, and what to say when they have not; and which voters count, while they change too; pure.

Called by: `core/guard.py` for every message, `guard/wire.py`, `guard/process.py` and the simulator (one value for each server).
Must never: leave out what the safety of a lease rests on. A voter that counts another silence, or another majority, than its holders makes
two of one (S1, S5).
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from understudy.model.limits import Limits

MEND = "make understudy.toml the same on all servers, and restart understudy-guard where it was changed"


class VoterSet(NamedTuple):
    """The voters of one number; a majority of them decides."""

    number: int
    voters: frozenset[str]

    @property
    def majority(self) -> int:
        """How many of them decide."""
        return len(self.voters) // 2 + 1

    def agrees(self, those: AbstractSet[str]) -> bool:
        """Whether those are a majority of this set."""
        return len(self.voters & those) >= self.majority


class CommonSettings(NamedTuple):
    """Whose messages carry another value is not listened to; but for voters of another number, of which a guard may not know yet."""

    cluster: str
    voters: tuple[str, ...]
    """Sorted: in which order they are written does not matter."""
    voter_set: int
    pause_tolerance_ms: int
    lease_us: int
    """What follows from pause_tolerance is compared as well: another version of Understudy may derive it otherwise."""
    silent_after_us: int
    old_voters: tuple[str, ...] = ()
    """Sorted. Not empty: the voters change from these to `voters`, whose number `voter_set` is already. Both sets count."""

    @property
    def phase(self) -> int:
        """Grows with each step of a change of the voters (as `ClusterRecord.phase`)."""
        return 2 * self.voter_set - bool(self.old_voters)

    @property
    def sets(self) -> tuple[VoterSet, ...]:
        """The sets that count now, the newest first. Lost needs a majority of each; a lease rests on the majority of one."""
        newest = VoterSet(self.voter_set, frozenset(self.voters))
        return (newest, VoterSet(self.voter_set - 1, frozenset(self.old_voters))) if self.old_voters else (newest,)

    @property
    def all_voters(self) -> tuple[str, ...]:
        """Whoever votes now, of whichever set."""
        return tuple(dict.fromkeys((*self.voters, *self.old_voters)))

    def with_voters_of(self, other: "CommonSettings") -> "CommonSettings":
        """These settings, but the voters of others."""
        return self._replace(voters=other.voters, voter_set=other.voter_set, old_voters=other.old_voters)

    def listens_to(self, other: "CommonSettings") -> bool:
        """Whether messages under the other settings count: all is the same, or the voters alone are those of another number. Of one number
        there is one set: who has another was edited by hand."""
        if self.with_voters_of(other) != other:
            return False
        return self.voter_set != other.voter_set or self.voters == other.voters


def common_settings(cluster: str, voters: Iterable[str], voter_set: int, limits: Limits, old_voters: Iterable[str] = ()) -> CommonSettings:
    """Of one server."""
    return CommonSettings(
        cluster,
        tuple(sorted(voters)),
        voter_set,
        round(limits.pause_tolerance_s * 1_000),
        round(limits.lease_s * 1_000_000),
        round(limits.silent_after_s * 1_000_000),
        tuple(sorted(old_voters)),
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
        f"voters {', '.join(settings.voters)}" + (f" (until now {', '.join(settings.old_voters)})" if settings.old_voters else ""),
        f"voter_set {settings.voter_set}",
        f"pause_tolerance {settings.pause_tolerance_ms / 1000:g} s",
        f"lease {settings.lease_us / 1e6:g} s, silence {settings.silent_after_us / 1e6:g} s",
    )
