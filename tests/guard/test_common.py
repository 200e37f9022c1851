"""Settings that must be the same on all servers: who differs takes no part, and everybody says why."""

from dataclasses import replace

import pytest

from guard.room import LIMITS, ME, OTHER, TightRoom
from understudy.guard.core import (
    CommonSettings,
    Differs,
    GuardStart,
    Lapsed,
    Query,
    RefusedSettings,
    RoundEnded,
    Send,
    common_settings,
)
from understudy.guard.core.common import MEND
from understudy.model.limits import derive

DIFFERENT = {
    "another cluster": (common_settings("lap", ("ctr1", "ctr2", "ctr3"), 1, LIMITS), "cluster lap, this server lab"),
    "other voters": (common_settings("lab", ("ctr3", "ctr2", "ctr4"), 1, LIMITS), "voters ctr2, ctr3, ctr4, this server ctr1, ctr2, ctr3"),
    "another tolerance": (common_settings("lab", ("ctr1", "ctr2", "ctr3"), 1, derive(2)), "pause_tolerance 2 s, this server 0.5 s"),
    "another derivation": (
        common_settings("lab", ("ctr1", "ctr2", "ctr3"), 1, replace(LIMITS, lease_s=0.8)),
        "lease 0.8 s, silence 0.775152 s, this server 0.75 s, silence 0.775152 s",
    ),
}


@pytest.mark.parametrize(("theirs", "words"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_who_has_other_settings_gets_no_grant_and_both_sides_say_why(theirs: CommonSettings, words: str) -> None:
    room = TightRoom(4, 3)
    room.guards["ctr4"] = room.fresh("ctr4", GuardStart(ME), theirs)
    room.run(2)
    assert all(room.holds(name) for name in ("ctr1", "ctr2", "ctr3"))
    assert not room.holds("ctr4")
    said = RefusedSettings("ctr4", f"ctr4 has {words}: {MEND}")
    assert room.seen("ctr2", RefusedSettings) == [said], "once"
    assert room.guards["ctr2"].differing["ctr4"][0] == said.why
    assert {effect.server for effect in room.seen("ctr4", RefusedSettings) if isinstance(effect, RefusedSettings)} >= {"ctr2", "ctr3"}


def test_the_order_in_which_voters_are_written_does_not_matter() -> None:
    assert common_settings("lab", ("ctr2", "ctr1", "ctr3"), 1, LIMITS) == TightRoom(3, 3).common


def test_a_voter_with_other_settings_is_not_counted_in_a_round() -> None:
    room = TightRoom(5, 5)
    room.run(1)
    edited = common_settings("lab", room.common.voters, 2, LIMITS)
    room.guards["ctr2"] = room.fresh("ctr2", GuardStart(ME), edited)
    room.isolate("ctr5")
    room.run(2)
    gone = room.guards["ctr5"].holder.incarnation
    room.do("ctr1", room.guards["ctr1"].ask(Query(5, "ctr5", gone), room.clock("ctr1")))
    others = ("ctr1", "ctr3", "ctr4")
    assert room.seen("ctr1", RoundEnded) == [RoundEnded(5, "ctr5", gone, True, others, others)]


def test_when_settings_are_the_same_again_it_is_no_longer_said() -> None:
    room = TightRoom(4, 3)
    room.guards["ctr4"] = room.fresh("ctr4", GuardStart(ME), DIFFERENT["another tolerance"][0])
    room.run(1)
    room.guards["ctr4"] = room.fresh("ctr4", GuardStart(OTHER))
    room.run(1)
    assert room.holds("ctr4")
    assert room.guards["ctr2"].differing == {}


def test_a_guard_whose_tolerance_is_not_the_registrys_takes_no_part() -> None:
    """Not as a holder, not as a voter, not as one who asks; and it says so again and again."""
    room = TightRoom(4, 3)
    room.run(1)
    edited = DIFFERENT["another tolerance"][0]
    guard = room.fresh("ctr2", GuardStart(ME, registry=room.common), edited)
    room.guards["ctr2"] = guard
    room.effects["ctr2"].clear()
    room.run(2.5)
    assert guard.refused == f"the registry has pause_tolerance 0.5 s, understudy.toml of this server 2 s: {MEND}"
    sent = [effect.envelope.body for effect in room.seen("ctr2", Send) if isinstance(effect, Send)]
    assert set(map(type, sent)) == {Differs}
    assert not room.holds("ctr2")
    ask = Query(9, "ctr3", OTHER)
    assert guard.ask(ask, room.clock("ctr2")) == [RoundEnded(9, "ctr3", OTHER, False, (), ())]


def test_a_guard_that_learns_that_the_registrys_tolerance_is_another_stops_at_once() -> None:
    room = TightRoom(3, 3)
    room.run(1)
    registrys = DIFFERENT["another tolerance"][0]
    effects = room.guards["ctr1"].note_registry(registrys, room.clock("ctr1"))
    assert [type(effect) for effect in effects] == [RefusedSettings, Lapsed]
    assert room.guards["ctr1"].note_registry(registrys, room.clock("ctr1")) == []
    assert room.guards["ctr2"].note_registry(room.common, room.clock("ctr2")) == []
    assert room.holds("ctr2")


def test_edited_voters_count_for_nothing_once_the_registry_was_read() -> None:
    """What it said before is on the disk. On a new disk, the guard stops when its daemon has read it."""
    room = TightRoom(4, 3)
    edited = DIFFERENT["other voters"][0]
    room.guards["ctr3"] = room.fresh("ctr3", GuardStart(ME, registry=room.common), edited)
    room.guards["ctr4"] = room.fresh("ctr4", GuardStart(OTHER), edited)
    room.run(1.5)
    assert [name for name in room.names if room.holds(name)] == ["ctr1", "ctr2", "ctr3"]
    assert "ctr4" in room.guards["ctr3"].differing
    assert room.guards["ctr4"].note_registry(room.common, room.clock("ctr4")) == []
    room.run(0.5)
    assert room.holds("ctr4")


def test_a_lease_of_edited_voters_ends_when_the_registry_names_others() -> None:
    room = TightRoom(3, 3)
    edited = common_settings("lab", ("ctr1",), 1, LIMITS)
    guard = room.guards["ctr1"] = room.fresh("ctr1", GuardStart(ME), edited)
    room.run(1.5)
    assert room.holds("ctr1")
    assert [type(effect) for effect in guard.note_registry(room.common, room.clock("ctr1"))] == [Lapsed]


def test_the_word_of_a_daemon_that_knows_of_no_change_must_be_what_the_settings_say() -> None:
    """While the voters change it is half the truth."""
    room = TightRoom(4, 3)
    room.run(1)
    half = common_settings("lab", ("ctr2", "ctr3", "ctr4"), 2, LIMITS)
    guard = room.guards["ctr1"]
    effects = guard.note_registry(half, room.clock("ctr1"), knows_changes=False)
    assert [type(effect) for effect in effects] == [RefusedSettings, Lapsed]
    assert guard.common.voters == room.common.voters
    assert room.guards["ctr2"].note_registry(room.common, room.clock("ctr2"), knows_changes=False) == []
