"""Which incarnations are alive, as a majority of voters knows it: the census, one sentence a test."""

import pytest

from guard.room import BOOT, LIMITS, SECOND, SILENT_AFTER
from understudy.guard.core import Census, CensusAnswer, GrantedLife, Renew, VoterMemory, VoterSet
from understudy.guard.core.asker import Count
from understudy.guard.core.voter import LastRenew, Voter
from understudy.linux.reading import Reading
from understudy.model.position import NOWHERE, Position, went_back

ROUND = round(LIMITS.round_s * SECOND)
HERE = Position(1, 11, 40)
ONE, OTHER = b"a" * 16, b"b" * 16
VOTERS = (VoterSet(1, frozenset(("ctr1", "ctr2", "ctr3"))),)


def after(ns: int) -> Reading:
    return Reading(ns, ns)


def voter(seen: tuple[tuple[bytes, LastRenew], ...] = ()) -> Voter:
    return Voter(VoterMemory(BOOT, after(0), seen), silent_after_ns=SILENT_AFTER)


def renewed(memory: Voter, incarnation: bytes, now: int, position: Position = HERE) -> None:
    memory.renew("ctr2", incarnation, Renew(1, after(now), BOOT, position), after(now))


def known(nonce: int, *lives: GrantedLife, answer: int = 1, part: int = 0, parts: int = 1) -> CensusAnswer:
    return CensusAnswer(nonce, answer, part, parts, lives)


def test_a_voter_names_whom_it_grants_and_what_they_have_acted_on() -> None:
    memory = voter()
    renewed(memory, ONE, SILENT_AFTER + 1)

    assert memory.census(after(SILENT_AFTER + 2)) == (GrantedLife("ctr2", ONE, HERE),)


def test_a_mute_voter_does_not_answer() -> None:
    """It does not remember whom it granted before its start."""
    memory = voter()
    renewed(memory, ONE, 1)

    assert memory.census(after(SILENT_AFTER - 1)) is None


def test_a_voter_that_was_not_told_a_position_yet_does_not_answer() -> None:
    """Its predecessor's memory was carried over without it: it comes with the next renew."""
    memory = voter(((ONE, LastRenew("ctr2", 1, after(0))),))
    assert memory.census(after(SILENT_AFTER + 1)) is None

    memory.renew("ctr2", ONE, Renew(2, after(SILENT_AFTER + 2), BOOT, HERE), after(SILENT_AFTER + 2))

    assert memory.census(after(SILENT_AFTER + 3)) == (GrantedLife("ctr2", ONE, HERE),)


def test_whom_it_called_silent_it_does_not_name() -> None:
    memory = voter()
    renewed(memory, ONE, SILENT_AFTER + 1)

    assert memory.says_silent("ctr2", ONE, after(2 * SILENT_AFTER + 2))

    assert memory.census(after(2 * SILENT_AFTER + 3)) == ()


def test_a_majority_names_all_that_any_of_it_knows() -> None:
    count = Count(Census(9), VOTERS, after(0), round_ns=ROUND)
    count.answer("ctr1", known(9, GrantedLife("ctr2", ONE, HERE)), after(1))
    assert count.ended(after(2)) is None
    count.answer("ctr3", known(9, GrantedLife("ctr1", OTHER, NOWHERE)), after(3))

    ended = count.ended(after(4))

    assert ended is not None
    assert set(ended.granted or ()) == {GrantedLife("ctr2", ONE, HERE), GrantedLife("ctr1", OTHER, NOWHERE)}


def test_one_voter_counts_once_and_a_stranger_not_at_all() -> None:
    count = Count(Census(9), VOTERS, after(0), round_ns=ROUND)
    for who in ("ctr1", "ctr1", "ctr9"):
        count.answer(who, known(9), after(1))

    assert count.ended(after(2)) is None
    assert count.unanswered() == ["ctr2", "ctr3"]


def test_parts_of_two_answers_make_none() -> None:
    """Between them somebody may have come, and be in neither."""
    count = Count(Census(9), VOTERS, after(0), round_ns=ROUND)
    count.answer("ctr1", known(9), after(1))
    count.answer("ctr2", known(9, answer=1, part=0, parts=2), after(1))
    count.answer("ctr2", known(9, answer=2, part=1, parts=2), after(2))
    assert count.ended(after(3)) is None

    count.answer("ctr2", known(9, answer=2, part=0, parts=2), after(4))

    assert count.ended(after(5)) is not None


def test_without_a_majority_in_time_there_is_no_answer() -> None:
    count = Count(Census(9), VOTERS, after(0), round_ns=ROUND)
    count.answer("ctr1", known(9, GrantedLife("ctr2", ONE, HERE)), after(1))
    count.answer("ctr2", known(9), after(ROUND + 2))

    ended = count.ended(after(ROUND + 3))

    assert ended is not None
    assert ended.granted is None


@pytest.mark.parametrize(
    ("known", "now", "back"),
    [
        (NOWHERE, Position(1, 11, 5), False),
        (Position(1, 11, 5), Position(1, 11, 5), False),
        (Position(1, 11, 5), Position(1, 11, 9), False),
        (Position(1, 11, 9), Position(1, 11, 5), True),
        (Position(1, 11, 5), Position(1, 12, 9), True),
        (Position(1, 11, 9), Position(2, 12, 5), False),
        (Position(2, 12, 5), Position(1, 11, 9), True),
        (Position(1, 11, 1), NOWHERE, True),
    ],
)
def test_when_a_registry_went_back(known: Position, now: Position, back: bool) -> None:
    """A newer era was begun by somebody who had noticed; all else that is not further on is another registry."""
    assert went_back(known, now) is back
