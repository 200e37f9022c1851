"""What a voter must not forget: its boot number, and the memory that a keeper carries from one guard to the next."""

from guard.room import BOOT, LIMITS, ME, OTHER, SILENT_AFTER, TightRoom, a_renew, a_voter, at, holder
from understudy.guard.core import (
    BootNumber,
    Envelope,
    Grant,
    GuardStart,
    Keep,
    Renew,
    Send,
    Silent,
    Word,
)
from understudy.guard.core.messages import NO_BOOT
from understudy.guard.core.voter import WORDS_MAX, Voter

# Boot numbers.


def restarted(room: TightRoom, name: str) -> None:
    """Its keeper has lost what it was as a voter; the incarnation goes on."""
    before = room.guards[name].holder
    room.guards[name] = room.fresh(name, GuardStart(before.incarnation, before.sequence, before.base, begun_here=False))


def test_a_renew_recorded_before_a_voter_restarted_keeps_nobody_alive() -> None:
    room = TightRoom(3, 3)
    room.run(1)
    recorded = [
        effect.envelope
        for effect in room.seen("ctr3", Send)
        if isinstance(effect, Send) and isinstance(effect.envelope.body, Renew) and effect.envelope.receiver == "ctr1"
    ]
    room.isolate("ctr3")
    gone = room.guards["ctr3"].holder.incarnation
    restarted(room, "ctr1")
    for envelope in recorded[-4:]:
        answers = room.guards["ctr1"].receive(envelope, room.clock("ctr1"))
        assert [type(effect.envelope.body) for effect in answers if isinstance(effect, Send)] == [BootNumber]
    room.run(LIMITS.silent_after_s + 0.02)
    voter = room.guards["ctr1"].voter
    assert voter is not None
    assert voter.says_silent("ctr3", gone, room.clock("ctr1"))


def test_a_holder_learns_the_number_of_a_restarted_voter_within_a_beat() -> None:
    room = TightRoom(3, 3)
    room.run(1)
    restarted(room, "ctr1")
    voter = room.guards["ctr1"].voter
    assert voter is not None
    assert not set(dict(voter.memory().seen)) - {room.guards["ctr1"].holder.incarnation}
    room.run(2 * LIMITS.beat_s + 0.01)  # one that is refused, and one that echoes the number in the answer
    assert len(voter.memory().seen) == 3
    room.run(3)
    assert all(room.holds(name) for name in room.names)


def test_an_old_answer_does_not_take_a_boot_number_back() -> None:
    mine = holder()
    for _ in range(3):
        mine.beat(at(10))
    mine.note_boot("a", BootNumber(ME, 2, 70))
    mine.note_boot("a", Grant(ME, 1, at(10), 60))
    mine.note_boot("a", BootNumber(OTHER, 3, 50))
    mine.note_boot("a", BootNumber(ME, 4, 40))
    assert mine.renew_for("a", Renew(3, at(10))).echo == 70
    assert mine.renew_for("b", Renew(3, at(10))).echo == NO_BOOT


# A voter's memory.


def test_a_voter_that_goes_on_from_its_memory_is_not_mute() -> None:
    first = a_voter()
    first.renew("ctr1", OTHER, a_renew(1), at(10))
    second = Voter(first.memory(), silent_after_ns=SILENT_AFTER)
    assert second.renew("ctr1", OTHER, a_renew(1), at(10.1)) is None, "no sequence counts twice"
    assert second.renew("ctr1", OTHER, a_renew(2), at(10.1)) == Grant(OTHER, 2, at(0), BOOT)
    assert second.newly_silent(at(10.87)) == []
    assert second.newly_silent(at(10.88)) == [("ctr1", OTHER)]


def test_a_voter_that_goes_on_from_its_memory_never_grants_whom_it_called_silent() -> None:
    first = a_voter()
    first.renew("ctr1", OTHER, a_renew(1), at(10))
    assert first.says_silent("ctr1", OTHER, at(11))
    second = Voter(first.memory(), silent_after_ns=SILENT_AFTER)
    assert isinstance(second.renew("ctr1", OTHER, a_renew(2), at(11.01)), Silent)


def test_a_memory_that_began_a_moment_ago_is_still_mute() -> None:
    second = Voter(a_voter(10).memory(), silent_after_ns=SILENT_AFTER)
    assert second.renew("ctr1", OTHER, a_renew(1), at(10.5)) is None


def test_what_a_voter_says_is_kept_before_it_leaves() -> None:
    room = TightRoom(2, 1)
    room.run(1)
    incarnation = room.guards["ctr2"].holder.incarnation
    mine = Envelope(room.common, "ctr2", incarnation, "ctr1", Renew(99, room.clock("ctr2"), 1))
    effects = room.guards["ctr1"].receive(mine, room.clock("ctr1"))
    assert [type(effect) for effect in effects] == [Keep, Send]
    room.run(2, asleep="ctr2")
    told = [effect for effect in room.effects["ctr1"] if isinstance(effect, Keep | Word) and effect.incarnation == incarnation][-2:]
    assert [(type(effect), getattr(effect, "silent", None)) for effect in told] == [(Keep, True), (Word, None)]


def test_a_voter_forgets_the_oldest_words() -> None:
    voter = a_voter()
    for number in range(2 * WORDS_MAX):
        voter.says_silent("ctr1", number.to_bytes(16), at(10))
    assert len(voter.memory().said) == WORDS_MAX
