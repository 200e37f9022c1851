"""The product with one clause of a joint change of the voters taken out at a time (docs/design/0011). Called by `sim/test_voters.py`."""

from collections.abc import Sequence

from cutting import Patch, cut, exchange
from understudy.daemon.acknowledged import AcknowledgedVoters
from understudy.guard.core import GuardCore, Query, VoterSet
from understudy.guard.core.asker import Round
from understudy.guard.core.holder import LeaseHolder
from understudy.linux.reading import Reading
from understudy.model.names import ServerName
from understudy.model.view import IncarnationRecord, View
from understudy.policy import eligibility
from understudy.policy.ground import Ground


def lost_by_the_old_alone(patch: Patch) -> None:
    """While the voters change, silence of a majority of the old ones is proof."""
    _prove_by(patch, slice(-1, None))


def lost_by_the_new_alone(patch: Patch) -> None:
    """The same of the new ones."""
    _prove_by(patch, slice(0, 1))


def _prove_by(patch: Patch, some: slice) -> None:
    original = Round.__init__

    def begin(self: Round, query: Query, sets: Sequence[VoterSet], started: Reading, *, round_ns: int) -> None:
        original(self, query, sets[some], started, round_ns=round_ns)

    exchange(patch, Round.__init__)(begin)


def end_before_all_have_acknowledged(patch: Patch) -> None:
    """The leader ends a change whoever may still hold its lease by the old voters."""

    def nobody(self: View) -> tuple[IncarnationRecord, ...]:
        return ()

    exchange(patch, View.unacknowledged)(nobody)


def add_up_grants_of_both_sets(patch: Patch) -> None:
    """A grant of an old voter and one of a new one make a majority."""

    def newest_majority(self: LeaseHolder, wanted: VoterSet) -> Reading | None:
        if len(self._granted) < wanted.majority:
            return None
        return sorted(self._granted.values(), reverse=True)[wanted.majority - 1][1]

    exchange(patch, LeaseHolder.newest_majority)(newest_majority)


def go_back_to_the_old_voters(patch: Patch) -> None:
    """Who has acknowledged the new voters takes the grants of the old ones again when these are more recent."""
    cut(patch, LeaseHolder._moved_on, "wanted.number < self.voter_set", "False")


def forget_what_was_acknowledged(patch: Patch) -> None:
    """A guard's successor begins with the grants of either set."""
    original = LeaseHolder.resume
    exchange(patch, original)(lambda self, sequence, base, voter_set: original(self, sequence, base, 0))


def take_the_voters_of_a_copy(patch: Patch) -> None:
    """Where the registry was set back, the voters of then count again."""
    cut(patch, GuardCore.note_registry, "self.registry.phase > registry.phase", "False")


def register_unseen(patch: Patch) -> None:
    """Who registers with the old voters while they change does not disturb whoever ends the change at that moment."""
    exchange(patch, AcknowledgedVoters.by_the_old)(lambda self, view: False)


def register_by_voters_of_before(patch: Patch) -> None:
    """A server registers with a lease of voters that count no more."""
    exchange(patch, AcknowledgedVoters.may_register)(lambda self, view: True)


def assign_to_whom_old_voters_grant(patch: Patch) -> None:
    """And it is given what is to run."""

    def holds(ground: Ground, server: ServerName) -> bool:
        return False

    exchange(patch, eligibility._holds_by_old_voters)(holds)
