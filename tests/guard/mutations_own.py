"""More clauses of the core taken out one at a time: seen in the core's own world or in a story of its guards, not in whole clusters.

Tried by `test_clauses.py`. Each replaces the one method that implements the clause.
"""

from collections.abc import Sequence

import pytest

from cutting import Patch, exchange
from guard.sooner import speak_at_once
from understudy.guard.core import CommonSettings, Envelope, Grant, GuardCore, NotSilent, Silent, VoterSet
from understudy.guard.core.asker import Round
from understudy.guard.core.holder import LeaseHolder
from understudy.guard.core.messages import PUSHED, GuardEffect
from understudy.guard.core.voter import Voter, VoterMemory
from understudy.linux.reading import Reading, least_elapsed, most_elapsed

# The holder.


def take_any_grant(patch: Patch) -> None:
    """Whose incarnation a grant names, which renew it answers and when that was sent is not asked."""

    def granted(self: LeaseHolder, voter: str, grant: Grant, now: Reading, *, voter_set: int | None = None) -> bool:
        if self.lapsed:
            return False
        self.count(voter, grant)
        return self._moved_on()

    exchange(patch, LeaseHolder.granted)(granted)


def stop_when_the_lease_ends(patch: Patch) -> None:
    """Not `stop_now` before."""
    original = LeaseHolder.__init__

    def begin(self: LeaseHolder, incarnation: bytes, *, sets: Sequence[VoterSet], run_ns: int, stop_now_ns: int) -> None:
        original(self, incarnation, sets=sets, run_ns=run_ns, stop_now_ns=0)

    exchange(patch, LeaseHolder.__init__)(begin)


def act_on_what_came_in_meanwhile(patch: Patch) -> None:
    """Who wakes after the end of its lease takes in first what waits for it."""
    original = GuardCore.receive

    def receive(self: GuardCore, envelope: Envelope, now: Reading) -> list[GuardEffect]:
        with pytest.MonkeyPatch.context() as meanwhile:
            exchange(meanwhile, LeaseHolder.must_stop)(lambda self, now: self.lapsed)
            return original(self, envelope, now)

    exchange(patch, GuardCore.receive)(receive)


def go_on_when_called_lost(patch: Patch) -> None:
    """That the registry calls its own incarnation lost or evicted is a voter's matter alone."""

    def note_gone(self: GuardCore, incarnations: tuple[bytes, ...], now: Reading) -> list[GuardEffect]:
        if self.voter is not None:
            self.voter.note_gone(incarnations)
        return []

    exchange(patch, GuardCore.note_gone)(note_gone)


def say_farewell_for_a_predecessor(patch: Patch) -> None:
    """Whoever stopped everything says it."""
    original = GuardCore.farewell

    def farewell(self: GuardCore) -> list[GuardEffect]:
        self._may_say_farewell = True
        return original(self)

    exchange(patch, GuardCore.farewell)(farewell)


# The voter.


def forget_what_was_said(patch: Patch) -> None:
    """A keeper carries over whose renews a voter received, and not whom it called silent."""
    original = Voter.__init__

    def begin(self: Voter, memory: VoterMemory, *, silent_after_ns: int) -> None:
        original(self, memory._replace(said=()), silent_after_ns=silent_after_ns)

    exchange(patch, Voter.__init__)(begin)


def keep_after_the_answer(patch: Patch) -> None:
    """What a voter says is kept only with the next thing it says: a guard that dies in between has said more than is known of it."""

    def keep(self: GuardCore, voter: Voter, effects: list[GuardEffect]) -> None:
        effects += late.get(voter, [])
        late[voter] = list(voter.changes)
        voter.changes.clear()

    late: dict[Voter, list[GuardEffect]] = {}
    exchange(patch, GuardCore._keep)(keep)


def speak_of_the_never_heard_at_once(patch: Patch) -> None:
    """A restarted voter does not wait before it says silent about those that have sent it nothing yet."""
    speak_at_once(patch)
    exchange(patch, Voter.unheard_since)(lambda self, known: known.at if known is not None else Reading(-(1 << 62), -(1 << 62)))


def voter_trusts_the_faster_clock(patch: Patch) -> None:
    """A voter goes by the larger elapsed time."""
    speak_at_once(patch)
    exchange(patch, least_elapsed)(lambda since, now: most_elapsed(since, now))


def let_old_renews_refresh(patch: Patch) -> None:
    """Any renew is a sign of life."""
    exchange(patch, Voter.is_old)(lambda self, renew, known: False)


def take_any_boot_number(patch: Patch) -> None:
    """Whatever a renew echoes, it refreshes."""
    exchange(patch, Voter.is_from_before)(lambda self, renew: False)


# The asker.


def count_late_answers(patch: Patch) -> None:
    """A round has no end but its result."""
    exchange(patch, Round.over)(lambda self, now: False)


def count_words_nobody_asked_for(patch: Patch) -> None:
    """A word that was pushed counts in a round that is under way."""
    original = Round.answer

    def answer(self: Round, voter: str, answer: Silent | NotSilent, now: Reading) -> None:
        original(self, voter, answer._replace(nonce=self.query.nonce) if answer.nonce == PUSHED else answer, now)

    def receive(self: GuardCore, envelope: Envelope, now: Reading) -> list[GuardEffect]:
        effects: list[GuardEffect] = received(self, envelope, now)
        if isinstance(envelope.body, Silent) and envelope.body.nonce == PUSHED and not self.holder.lapsed:
            for asked in list(self._asked.rounds.values()):
                asked.answer(envelope.sender, envelope.body, now)
            effects += self._asked.ended(now)
        return effects

    received = GuardCore.receive
    exchange(patch, Round.answer)(answer)
    exchange(patch, GuardCore.receive)(receive)


# Common settings.


def listen_to_other_settings(patch: Patch) -> None:
    """Whatever voters and tolerance another guard has, its messages count."""
    exchange(patch, GuardCore._ours)(lambda self, common: True)


def vote_under_edited_settings(patch: Patch) -> None:
    """What the registry says of voters and tolerance is not asked."""
    speak_at_once(patch)
    exchange(patch, GuardCore._refusal)(lambda self, registry, *, of_voters: "")
    exchange(patch, CommonSettings.with_voters_of)(lambda self, other: self)
