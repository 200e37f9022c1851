"""The core with one clause of design section 4 taken out at a time: what the world's judge must catch.

Each replaces the one method that implements the clause.
"""

from collections.abc import Sequence

from cutting import Patch, cut, exchange
from guard.sooner import speak_at_once
from understudy.guard.core import Grant, GuardCore, Query, VoterSet
from understudy.guard.core.asker import Round
from understudy.guard.core.holder import LeaseHolder
from understudy.guard.core.voter import Voter
from understudy.linux.reading import Reading, most_elapsed


def count_a_voter_twice(patch: Patch) -> None:
    """Each grant counts, whoever gave it."""

    def count(self: LeaseHolder, voter: str, grant: Grant) -> None:
        self._granted[f"{voter} {grant.sequence}"] = (grant.sequence, grant.stamp)

    exchange(patch, LeaseHolder.count)(count)


def add_up_rounds(patch: Patch) -> None:
    """Silent answers of earlier rounds about the same incarnation count as well."""
    said: dict[bytes, set[str]] = {}
    original = Round.__init__

    def begin(self: Round, query: Query, sets: Sequence[VoterSet], started: Reading, *, round_ns: int) -> None:
        original(self, query, sets, started, round_ns=round_ns)
        self._silent = said.setdefault(query.incarnation, set())

    exchange(patch, Round.__init__)(begin)


def grant_after_silent(patch: Patch) -> None:
    """A voter that said silent grants again when it receives a renew."""
    exchange(patch, Voter.refuses)(lambda self, incarnation: False)


def grant_at_once_after_restart(patch: Patch) -> None:
    """A restarted voter is not mute."""
    speak_at_once(patch)
    exchange(patch, Voter.mute)(lambda self, now: False)


def stamp_before_receiving(patch: Patch) -> None:
    """A grant is stamped with the reading before the one taken after the renew came in."""
    before: dict[int, Reading] = {}

    def stamp(self: Voter, now: Reading) -> Reading:
        return before.setdefault(id(self), now)

    def newly_silent(self: Voter, now: Reading, soon_ns: int = 0) -> list[tuple[str, bytes]]:
        words = original(self, now, soon_ns)
        before[id(self)] = now  # the last wake-up: a freeze may lie between it and the renew
        return words

    original = Voter.newly_silent
    exchange(patch, Voter.stamp)(stamp)
    exchange(patch, Voter.newly_silent)(newly_silent)


def lease_from_receiving(patch: Patch) -> None:
    """The lease counts from when the grant arrived."""
    original = LeaseHolder.granted

    def granted(self: LeaseHolder, voter: str, grant: Grant, now: Reading, *, voter_set: int | None = None) -> bool:
        return original(self, voter, grant._replace(stamp=now), now, voter_set=voter_set)

    exchange(patch, LeaseHolder.granted)(granted)


def revive_a_lapsed_incarnation(patch: Patch) -> None:
    """The lapse is not latched: the same incarnation asks on."""

    def must_stop(self: LeaseHolder, now: Reading) -> bool:
        if self.base is None or most_elapsed(self.base, now) < self._usable_ns:
            return False
        self.base = None
        self._granted.clear()
        return True

    exchange(patch, LeaseHolder.must_stop)(must_stop)
    cut(patch, GuardCore._lapse, "self.holder.lapsed = True", "pass")


def check_and_stamp_apart(patch: Patch) -> None:
    """Checked with one reading, stamped with another: not asked whether the lease has ended meanwhile."""
    exchange(patch, LeaseHolder.must_stop)(lambda self, now: self.lapsed)


def trust_one_clock(patch: Patch) -> None:
    """The holder goes by the boot clock alone."""
    must_stop, stop_in_ns = LeaseHolder.must_stop, LeaseHolder.stop_in_ns
    exchange(patch, must_stop)(lambda self, now: must_stop(self, _of_the_boot_clock(self, now)))
    exchange(patch, stop_in_ns)(lambda self, now: stop_in_ns(self, _of_the_boot_clock(self, now)))


def _of_the_boot_clock(holder: LeaseHolder, now: Reading) -> Reading:
    return now if holder.base is None else now._replace(raw_ns=holder.base.raw_ns)
