"""The core with one clause of design section 4 taken out at a time: what the world's judge must catch.

Each replaces the one method in which the clause lives.
"""

from typing import Any

from understudy.guard.core import Envelope, Grant, Guard, Heard, Query, Reading, Silent
from understudy.guard.core import voter as voters
from understudy.guard.core.asker import Round
from understudy.guard.core.holder import Holder
from understudy.guard.core.messages import PUSHED, most_elapsed
from understudy.guard.core.voter import Memory, Voter


def count_a_voter_twice(patch: Any) -> None:
    """Each grant counts, whoever gave it."""

    def count(self: Holder, voter: str, grant: Grant) -> None:
        self._granted[f"{voter} {grant.sequence}"] = (grant.sequence, grant.stamp)

    patch.setattr(Holder, "count", count)


def add_up_rounds(patch: Any) -> None:
    """Silent answers of earlier rounds about the same incarnation count as well."""
    said: dict[bytes, set[str]] = {}
    original = Round.__init__

    def begin(self: Round, query: Query, voters: frozenset[str], started: Reading, *, round_ns: int) -> None:
        original(self, query, voters, started, round_ns=round_ns)
        self._silent = said.setdefault(query.incarnation, set())

    patch.setattr(Round, "__init__", begin)


def grant_after_silent(patch: Any) -> None:
    """A voter that said silent grants again when it hears a renew."""
    patch.setattr(Voter, "refuses", lambda self, incarnation: False)


def grant_at_once_after_restart(patch: Any) -> None:
    """A restarted voter is not mute."""
    patch.setattr(Voter, "mute", lambda self, now: False)


def stamp_before_receiving(patch: Any) -> None:
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


def lease_from_receiving(patch: Any) -> None:
    """The lease counts from when the grant arrived."""
    original = Holder.granted

    def granted(self: Holder, voter: str, grant: Grant, now: Reading) -> bool:
        return original(self, voter, grant._replace(stamp=now), now)

    patch.setattr(Holder, "granted", granted)


def revive_a_lapsed_incarnation(patch: Any) -> None:
    """The lapse is not latched: the same incarnation asks on."""

    def must_stop(self: Holder, now: Reading) -> bool:
        if self.base is None or most_elapsed(self.base, now) < self._usable_ns:
            return False
        self.base = None
        self._granted.clear()
        return True

    patch.setattr(Holder, "lapsed", property(lambda self: False, lambda self, value: None), raising=False)
    patch.setattr(Holder, "must_stop", must_stop)


def check_and_stamp_apart(patch: Any) -> None:
    """Checked with one reading, stamped with another: not asked whether the lease has ended meanwhile."""
    patch.setattr(Holder, "must_stop", lambda self, now: self.lapsed)


def trust_one_clock(patch: Any) -> None:
    """The holder goes by the boot clock alone."""
    for name in ("must_stop", "stop_in_ns"):
        original = getattr(Holder, name)

        def one_clock(self: Holder, now: Reading, original: Any = original) -> Any:
            return original(self, now if self.base is None else now._replace(raw_ns=self.base.raw_ns))

        patch.setattr(Holder, name, one_clock)


# The holder.


def take_any_grant(patch: Any) -> None:
    """Whose incarnation a grant names, which renew it answers and when that was sent is not asked."""

    def granted(self: Holder, voter: str, grant: Grant, now: Reading) -> bool:
        if self.lapsed:
            return False
        self.count(voter, grant)
        return self._rest_on(self.newest_majority())

    patch.setattr(Holder, "granted", granted)


def stop_when_the_lease_ends(patch: Any) -> None:
    """Not `stop_now` before."""
    original = Holder.__init__

    def begin(self: Holder, incarnation: bytes, *, majority: int, run_ns: int, stop_now_ns: int) -> None:
        original(self, incarnation, majority=majority, run_ns=run_ns, stop_now_ns=0)

    patch.setattr(Holder, "__init__", begin)


# The voter.


def forget_what_was_said(patch: Any) -> None:
    """A keeper carries whom a voter heard, and not whom it called silent."""
    original = Voter.__init__

    def begin(self: Voter, memory: Memory, *, silent_after_ns: int) -> None:
        original(self, memory._replace(said=()), silent_after_ns=silent_after_ns)

    patch.setattr(Voter, "__init__", begin)


def keep_after_the_answer(patch: Any) -> None:
    """What a voter says is kept only with the next thing it says: a guard that dies in between has said more than is known of it."""

    def keep(self: Guard, voter: Voter, effects: list[Any]) -> None:
        effects += late.get(voter, [])
        late[voter] = list(voter.changes)
        voter.changes.clear()

    late: dict[Voter, list[Any]] = {}
    patch.setattr(Guard, "_keep", keep)


def speak_of_the_never_heard_at_once(patch: Any) -> None:
    """A restarted voter does not wait before it says silent about those it has not heard yet."""
    patch.setattr(Voter, "unheard_since", lambda self, known: known.at if known is not None else Reading(-(1 << 62), -(1 << 62)))


def voter_trusts_the_faster_clock(patch: Any) -> None:
    """A voter goes by the larger elapsed time."""
    patch.setattr(voters, "least_elapsed", most_elapsed)


def let_old_renews_refresh(patch: Any) -> None:
    """Any renew is a sign of life."""
    patch.setattr(Voter, "is_old", lambda self, renew, known: False)


def take_any_boot_number(patch: Any) -> None:
    """Whatever a renew echoes, it refreshes."""
    patch.setattr(Voter, "is_from_before", lambda self, renew: False)


# The asker.


def count_late_answers(patch: Any) -> None:
    """A round has no end but its result."""
    patch.setattr(Round, "over", lambda self, now: False)


def count_words_nobody_asked_for(patch: Any) -> None:
    """A word that was pushed counts in a round that is under way."""
    original = Round.answer

    def answer(self: Round, voter: str, answer: Silent | Heard, now: Reading) -> None:
        original(self, voter, answer._replace(nonce=self.query.nonce) if answer.nonce == PUSHED else answer, now)

    def receive(self: Guard, envelope: Envelope, now: Reading) -> list[Any]:
        effects: list[Any] = received(self, envelope, now)
        if isinstance(envelope.body, Silent) and envelope.body.nonce == PUSHED and not self.holder.lapsed:
            for one in list(self._rounds.values()):
                one.answer(envelope.sender, envelope.body, now)
            self._end_rounds(now, effects)
        return effects

    received = Guard.receive
    patch.setattr(Round, "answer", answer)
    patch.setattr(Guard, "receive", receive)


# Common settings.


def listen_to_other_settings(patch: Any) -> None:
    """Whatever voters and tolerance another guard has, its messages count."""
    patch.setattr(Guard, "_ours", lambda self, common: True)


def vote_under_edited_settings(patch: Any) -> None:
    """What the registry says of voters and tolerance is not asked."""
    patch.setattr(Guard, "_refusal", lambda self, registry: "")
