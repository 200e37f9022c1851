"""Whether a server can act: what its guard says of it, and when."""

from understudy.guard.core import Able, Pulse
from understudy.guard.core.ability import BEGINNING, LONGEST_WHY, SILENT, Abilities
from understudy.model import conditions

BEAT_NS = 100_000_000
ME = b"i" * 16


def beats(abilities: Abilities, count: int) -> list[Pulse]:
    """What is sent in that many beats."""
    begun = abilities._beat
    return [pulse for number in range(begun + 1, begun + count + 1) if (pulse := abilities.beat(number)) is not None]


def test_commands_know_it_by_these_words() -> None:
    """`crsctl start` waits for who has just begun (`intent/needs.py`)."""
    assert BEGINNING == conditions.BEGINNING


def test_a_daemon_that_proves_itself_is_told_once_a_second() -> None:
    """Four seconds of a daemon that is well."""
    abilities, told = Abilities(beat_ns=BEAT_NS), []

    for _ in range(4):
        abilities.prove(True, "")
        told += beats(abilities, 10)

    assert [pulse.able for pulse in told] == [True] * 5, "at once, and then each second"
    assert told[-1].for_ms == 4000


def test_a_daemon_that_falls_silent_is_called_so_within_three_seconds() -> None:
    """Its guard says it, counted from the last proof."""
    abilities = Abilities(beat_ns=BEAT_NS)
    abilities.prove(True, "")

    told = beats(abilities, 40)

    unable = [pulse for pulse in told if not pulse.able]
    assert unable[0] == Pulse(False, SILENT, 3000)
    assert unable[-1].for_ms == 4000


def test_a_new_guard_says_nothing_before_a_daemon_had_time_to() -> None:
    """A restart of the guard is no reason to doubt its daemon."""
    abilities = Abilities(beat_ns=BEAT_NS)

    assert beats(abilities, 29) == []
    assert beats(abilities, 1) == [Pulse(False, SILENT, 3000)]


def test_the_first_daemon_that_comes_has_its_time_from_then_on() -> None:
    """On a slow machine it begins seconds after its guard, and proves itself a second later."""
    abilities = Abilities(beat_ns=BEAT_NS)

    assert beats(abilities, 25) == []
    abilities.met()
    assert beats(abilities, 29) == []
    assert beats(abilities, 1) == [Pulse(False, BEGINNING, 3000)]


def test_a_daemon_that_begins_is_called_that_until_it_should_have_proved_itself() -> None:
    """What has come, and is slow, is not yet silent; what takes ten seconds is. Who has proved itself and falls silent is no beginner."""
    abilities = Abilities(beat_ns=BEAT_NS)
    abilities.met()
    pulses = beats(abilities, 110)
    assert {pulse.why for pulse in pulses if pulse.for_ms < 10_000} == {BEGINNING}
    assert {pulse.why for pulse in pulses if pulse.for_ms >= 10_000} == {SILENT}

    abilities = Abilities(beat_ns=BEAT_NS)
    abilities.met()
    abilities.prove(True, "")
    assert [pulse.why for pulse in beats(abilities, 40) if not pulse.able][:1] == [SILENT]


def test_daemons_that_come_and_go_have_no_more_time_than_one_that_stays() -> None:
    """One that ends before it can prove itself, and is started again and again."""
    abilities = Abilities(beat_ns=BEAT_NS)

    told = []
    for _ in range(4):
        abilities.met()
        told += beats(abilities, 10)
    assert told[0] == Pulse(False, BEGINNING, 3000)


def test_every_change_is_told_at_once_and_another_reason_is_no_new_beginning() -> None:
    """The executor is gone, then the registry too."""
    abilities = Abilities(beat_ns=BEAT_NS)
    abilities.prove(True, "")
    beats(abilities, 5)
    abilities.prove(False, "its executor does not answer")
    first = abilities.due()
    beats(abilities, 4)
    abilities.prove(False, "it cannot reach the registry")

    assert first == Pulse(False, "its executor does not answer", 0)
    assert abilities.due() == Pulse(False, "it cannot reach the registry", 400)


def test_what_others_tell_is_news_once_and_repeated_to_who_comes_later() -> None:
    """A daemon that connects later is informed how long it has been so by now."""
    abilities = Abilities(beat_ns=BEAT_NS)

    assert abilities.receive("ctr2", ME, Pulse(False, SILENT, 3000)) == Able("ctr2", ME, False, SILENT, 3000)
    beats(abilities, 10)

    assert abilities.receive("ctr2", ME, Pulse(False, SILENT, 4000)) is None
    assert abilities.known() == [Able("ctr2", ME, False, SILENT, 4000)]


def test_a_reason_of_any_length_travels() -> None:
    """Cut at a whole letter."""
    abilities = Abilities(beat_ns=BEAT_NS)
    abilities.prove(False, "ä" * 200)
    told = abilities.due()

    assert told is not None
    assert len(told.why.encode()) <= LONGEST_WHY


def test_a_repetition_whose_beat_was_missed_is_sent_at_the_next() -> None:
    abilities = Abilities(beat_ns=BEAT_NS)
    abilities.prove(True, "")

    sent = [number for number in (1, 9, 12, 13, 20, 31) if abilities.beat(number) is not None]

    assert sent == [1, 12, 20, 31]
