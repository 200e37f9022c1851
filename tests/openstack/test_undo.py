"""What undo does where somebody else was at work too, and what is said of servers that are not there."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from openstack.trees import desired_of, make_trees, photograph
from understudy.errors import BadInput
from understudy.openstack.core.states import PlaceState
from understudy.openstack.core.wanted import WantedEntry
from understudy.openstack.ground import NotReached, Nowhere, ServerGround
from understudy.openstack.kept import Former, FormerStates
from understudy.openstack.work import apply, look, undo

SOME = ("mysql", "keystone")
CONF = "etc/keystone/keystone.conf"


def silent(step: object, why: str) -> None:
    """Nothing is shown of it."""


def test_an_edit_by_somebody_else_is_not_lost_without_a_word(place: Path) -> None:
    """Undo leaves that file and says so; with force it goes too. All others go back at once."""
    grounds, wanted, kept = make_trees(place / "trees", "zed"), desired_of("zed", SOME), FormerStates(place / "kept")
    before = photograph(place / "trees")
    with kept.held():
        apply(wanted, grounds, kept, silent)
        file = place / "trees/ctr1" / CONF
        file.write_bytes(file.read_bytes() + b"\n[theirs]\nkey = value\n")
        (left,) = undo(kept, grounds, None, silent, force=False).left
        assert (left.server, left.place) == ("ctr1", f"/{CONF}")
        assert "somebody else has changed it since" in left.cause
        assert b"[theirs]" in file.read_bytes()
        assert undo(kept, grounds, None, silent, force=True).left == []

    assert photograph(place / "trees") == before


def test_an_edit_between_two_applies_is_remembered_as_theirs(place: Path) -> None:
    """The first version is kept; that it is not all that undo would take away is not forgotten."""
    grounds, wanted, kept = make_trees(place / "trees", "zed"), desired_of("zed", SOME), FormerStates(place / "kept")
    file = place / "trees/ctr1" / CONF
    with kept.held():
        apply(wanted, grounds, kept, silent)
        file.write_bytes(file.read_bytes().replace(b"10.10.10.11", b"10.9.9.9") + b"\n# a note of ours\n")
        outcome, _ = apply(wanted, grounds, kept, silent)
        assert outcome.done == [f"ctr1:/{CONF}"]
        assert b"# a note of ours" in file.read_bytes()
        (left,) = undo(kept, grounds, None, silent, force=False).left
        assert left.place == f"/{CONF}"


class Vanishing:
    """A server that stops answering at its third change."""

    def __init__(self, ground: ServerGround) -> None:
        self._ground, self._left = ground, 2

    def look(self, places: list[tuple[str, bool]]) -> dict[str, PlaceState]:
        return self._ground.look(places)

    def put(self, place: str, before: PlaceState, after: PlaceState) -> bool:
        self._left -= 1
        if self._left < 0:
            raise NotReached("ctr2 cannot be reached: Connection timed out")
        return self._ground.put(place, before, after)

    def settle(self) -> None:
        raise NotReached("ctr2 cannot be reached: Connection timed out")

    def close(self) -> None:
        """Nothing is open."""


def test_a_server_that_cannot_be_reached_is_reported_and_resumed(place: Path) -> None:
    """The others are done meanwhile; when it is back, the same command does what is left of it."""
    trees, wanted, kept = make_trees(place / "trees", "zed"), desired_of("zed", SOME), FormerStates(place / "kept")
    with kept.held():
        for away in (Nowhere("ctr2 cannot be reached: No route to host"), Vanishing(trees["ctr2"])):
            outcome, planned = apply(wanted, {**trees, "ctr2": away}, kept, silent)  # type: ignore[dict-item]
            assert {blocked.server for blocked in outcome.left} == {"ctr2"}
            assert all("cannot be reached" in blocked.cause for blocked in outcome.left)
            known = {judged.verdict for judged in planned.judged if judged.server == "ctr2"} != {"unknown"}
            assert known == isinstance(away, Vanishing)
        outcome, planned = apply(wanted, trees, kept, silent)
        assert outcome.left == []
        assert {step.server for step in planned.steps} == {"ctr2"}
        assert look(wanted, trees).finished()


def test_an_undo_goes_on_when_a_server_is_back(place: Path) -> None:
    """It is asked once and then left; what was taken back elsewhere stays so."""
    trees, wanted, kept = make_trees(place / "trees", "zed"), desired_of("zed", SOME), FormerStates(place / "kept")
    before = photograph(place / "trees")
    asked: list[object] = []

    class Gone(Nowhere):
        def ask(self, request: Mapping[str, object]) -> Mapping[str, object]:
            asked.append(request)
            return super().ask(request)

    with kept.held():
        apply(wanted, trees, kept, silent)
        left = undo(kept, {**trees, "ctr2": Gone("no way")}, None, silent, force=False).left
        assert ({item.server for item in left}, {item.cause for item in left}, len(asked)) == ({"ctr2"}, {"no way"}, 1)
        assert undo(kept, trees, None, silent, force=False).left == []

    assert photograph(place / "trees") == before


def test_what_is_not_installed_is_said_with_its_package(place: Path) -> None:
    """It is left, the others are done."""
    trees, wanted, kept = make_trees(place / "trees", "zed"), desired_of("zed", SOME), FormerStates(place / "kept")
    (place / "trees/ctr1" / CONF).unlink()
    with kept.held():
        outcome, _ = apply(wanted, trees, kept, silent)
    (left,) = outcome.left
    assert (left.server, left.place, left.cause) == (
        "ctr1",
        f"/{CONF}",
        "it is not there: install keystone, or leave its project out of the site file",
    )


def test_keys_that_are_not_made_yet_are_asked_for(place: Path) -> None:
    """On one of the servers; once they are there, they are copied to the others, whichever it was."""
    trees, wanted = make_trees(place / "trees", "zed"), desired_of("zed", SOME)
    for number in range(3):
        (place / f"trees/ctr1/etc/keystone/fernet-keys/{number}").unlink()
    (blocked,) = look(wanted, trees).blocked
    assert (blocked.server, blocked.place) == ("ctr2", "/etc/keystone/fernet-keys")
    assert blocked.cause == "there are no keys yet; make them on one server first"


def test_a_file_that_cannot_be_read_as_what_it_is_stays(place: Path) -> None:
    """With the line; nothing of it is guessed."""
    trees, wanted = make_trees(place / "trees", "zed"), desired_of("zed", SOME)
    (place / "trees/ctr1" / CONF).write_text("[database]\nconnection = x\nnonsense\n")
    planned = look(wanted, trees)
    (blocked,) = planned.blocked
    assert blocked.cause == "line 3 is neither a section nor key = value: 'nonsense'"
    entries = [judged for judged in planned.judged if judged.server == "ctr1" and isinstance(judged.wanted, WantedEntry)]
    assert {judged.verdict for judged in entries if judged.wanted.place == f"/{CONF}"} == {"unknown"}


def test_former_versions_are_readable_by_root_alone_and_damage_is_named(place: Path) -> None:
    """They hold whatever the files held."""
    trees, wanted, kept = make_trees(place / "trees", "zed"), desired_of("zed", SOME), FormerStates(place / "kept")
    with kept.held():
        apply(wanted, trees, kept, silent)
    assert (place / "kept").stat().st_mode & 0o777 == 0o700
    files = sorted((place / "kept").glob("*.json"))
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert all(isinstance(former, Former) for former in kept.formers())
    files[0].write_text(json.dumps({"format": 99}))
    with pytest.raises(BadInput, match="is damaged"):
        kept.formers()


def test_one_run_at_a_time(place: Path) -> None:
    """A second is refused, and not taken for a fault."""
    with FormerStates(place / "kept").held(), pytest.raises(BadInput, match="another run"), FormerStates(place / "kept").held():
        raise AssertionError("held twice")
