"""The core with one clause of design section 4 taken out at a time: what the world's judge must catch.

Each replaces the one method in which the clause lives.
"""

from collections.abc import Callable
from typing import TypeVar

import pytest

from understudy.guard.core import Grant, Query
from understudy.guard.core.asker import Round
from understudy.guard.core.holder import LeaseHolder
from understudy.guard.core.voter import Voter
from understudy.linux.reading import Reading, most_elapsed

Verdict = TypeVar("Verdict")


def count_a_voter_twice(patch: pytest.MonkeyPatch) -> None:
    """Each grant counts, whoever gave it."""

    def count(self: LeaseHolder, voter: str, grant: Grant) -> None:
        self._granted[f"{voter} {grant.sequence}"] = (grant.sequence, grant.stamp)

    patch.setattr(LeaseHolder, "count", count)


def add_up_rounds(patch: pytest.MonkeyPatch) -> None:
    """Silent answers of earlier rounds about the same incarnation count as well."""
    said: dict[bytes, set[str]] = {}
    original = Round.__init__

    def begin(self: Round, query: Query, voters: frozenset[str], started: Reading, *, round_ns: int) -> None:
        original(self, query, voters, started, round_ns=round_ns)
        self._silent = said.setdefault(query.incarnation, set())

    patch.setattr(Round, "__init__", begin)


def grant_after_silent(patch: pytest.MonkeyPatch) -> None:
    """A voter that said silent grants again when it hears a renew."""
    patch.setattr(Voter, "refuses", lambda self, incarnation: False)


def grant_at_once_after_restart(patch: pytest.MonkeyPatch) -> None:
    """A restarted voter is not mute."""
    patch.setattr(Voter, "mute", lambda self, now: False)


def stamp_before_receiving(patch: pytest.MonkeyPatch) -> None:
    """A grant is stamped with the reading before the one taken after the renew came in."""
    before: dict[int, Reading] = {}

    def stamp(self: Voter, now: Reading) -> Reading:
        return before.setdefault(id(self), now)

    def newly_silent(self: Voter, now: Reading, soon_ns: int = 0) -> list[tuple[str, bytes]]:
        words = original(self, now, soon_ns)
        before[id(self)] = now  # the last wake-up: a freeze may lie between it and the renew
        return words

    original = Voter.newly_silent
    patch.setattr(Voter, "stamp", stamp)
    patch.setattr(Voter, "newly_silent", newly_silent)


def lease_from_receiving(patch: pytest.MonkeyPatch) -> None:
    """The lease counts from when the grant arrived."""
    original = LeaseHolder.granted

    def granted(self: LeaseHolder, voter: str, grant: Grant, now: Reading) -> bool:
        return original(self, voter, grant._replace(stamp=now), now)

    patch.setattr(LeaseHolder, "granted", granted)


def revive_a_lapsed_incarnation(patch: pytest.MonkeyPatch) -> None:
    """The lapse is not latched: the same incarnation asks on."""

    def must_stop(self: LeaseHolder, now: Reading) -> bool:
        if self.base is None or most_elapsed(self.base, now) < self._usable_ns:
            return False
        self.base = None
        self._granted.clear()
        return True

    patch.setattr(LeaseHolder, "lapsed", property(lambda self: False, lambda self, value: None), raising=False)
    patch.setattr(LeaseHolder, "must_stop", must_stop)


def check_and_stamp_apart(patch: pytest.MonkeyPatch) -> None:
    """Checked with one reading, stamped with another: not asked whether the lease has ended meanwhile."""
    patch.setattr(LeaseHolder, "must_stop", lambda self, now: self.lapsed)


def trust_one_clock(patch: pytest.MonkeyPatch) -> None:
    """The holder goes by the boot clock alone."""
    patch.setattr(LeaseHolder, "must_stop", _by_the_boot_clock(LeaseHolder.must_stop))
    patch.setattr(LeaseHolder, "stop_in_ns", _by_the_boot_clock(LeaseHolder.stop_in_ns))


def _by_the_boot_clock(original: Callable[[LeaseHolder, Reading], Verdict]) -> Callable[[LeaseHolder, Reading], Verdict]:
    def one_clock(self: LeaseHolder, now: Reading) -> Verdict:
        return original(self, now if self.base is None else now._replace(raw_ns=self.base.raw_ns))

    return one_clock
