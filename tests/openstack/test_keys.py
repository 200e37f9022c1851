"""Keys on prepared servers, as an operator deals with them: rotated on either side, copied, gone apart, and interrupted."""

import base64
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from openstack.elsewhere import other_server
from openstack.trees import SITE, make_trees, site_of
from understudy.cli import understudy
from understudy.openstack import hands, watching
from understudy.openstack.core.desired import keys_of
from understudy.openstack.core.keysets import listing, rotated
from understudy.openstack.core.states import KeysState, PlaceState
from understudy.openstack.ground import NotReached, ServerGround, Tree
from understudy.openstack.kept import FormerStates
from understudy.openstack.keys import agree, rotate
from understudy.openstack.releases import load_release
from understudy.openstack.watching import FoldersWatched

FERNET, CREDENTIAL = "/etc/keystone/fernet-keys", "/etc/keystone/credential-keys"
CONF = "etc/keystone/keystone.conf"


@pytest.fixture
def prepared(place: Path) -> Path:
    """Trees as after `keystone-manage fernet_setup` on ctr1, and a site file. No secrets: none are needed here."""
    make_trees(place / "trees", "zed")
    (place / "site.toml").write_text(SITE.replace("RELEASE", "zed"))
    for name in ("ctr1", "ctr2"):
        (place / f"trees/{name}/{CONF}").write_text("[fernet_tokens]\n# max_active_keys = 3\nmax_active_keys = 4\n")
    return place


def typed(place: Path, command: str, *more: str) -> int:
    """Its exit status."""
    options = ["--site", f"{place}/site.toml", "--trees", f"{place}/trees", "--state", f"{place}/state"]
    return understudy.main(["openstack", command, *options, *more])


def there(place: Path, server: str, folder: str = FERNET) -> dict[str, str]:
    path = place / f"trees/{server}{folder}"
    return {key.name: key.read_text() for key in sorted(path.iterdir())} if path.is_dir() else {}


def by_hand(place: Path, server: str) -> None:
    """As `keystone-manage fernet_rotate` there."""
    ground = Tree(place / f"trees/{server}")
    state = ground.look([(FERNET, True)])[FERNET]
    assert isinstance(state, KeysState)
    ground.put(FERNET, state, rotated(state, base64.urlsafe_b64encode(os.urandom(32)), 4))


def test_keys_are_the_same_on_all_controllers(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever rotated: shown first, then copied; of network servers nothing is expected. No key is ever shown."""
    assert typed(prepared, "keys", "--dry-run") == 1
    assert f"UND-0462: {FERNET}: those of ctr1 are to be copied to ctr2: understudy openstack keys\n" in capsys.readouterr().out
    assert there(prepared, "ctr2") == {}
    assert typed(prepared, "keys") == 0
    assert f"UND-0461: {CREDENTIAL}: as on ctr1, copied to ctr2.\n" in capsys.readouterr().out
    assert there(prepared, "ctr1") == there(prepared, "ctr2") != {}

    by_hand(prepared, "ctr2")
    rotated_there = there(prepared, "ctr2")
    assert typed(prepared, "keys") == 0
    said = capsys.readouterr().out
    assert said == f"UND-0461: {FERNET}: as on ctr2, copied to ctr1.\nUND-0460: {CREDENTIAL}: the same on ctr1, ctr2.\n"
    assert there(prepared, "ctr1") == rotated_there
    assert typed(prepared, "keys", "--json") == 0
    assert json.loads(capsys.readouterr().out)["status"] == 0
    assert there(prepared, "ctr3") == {}


def test_newer_keys_are_never_taken_back_to_older_ones(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `apply`, which had those of the first controller for the right ones: rotated on the other, its keys count. In a conflict neither
    does, and both commands say so."""
    names = load_release("zed").secrets()
    with (prepared / "site.toml").open("a") as site:
        site.write("[credentials]\n" + "".join(f'{name} = "env:SECRET"\n' for name in names))
    monkeypatch.setenv("SECRET", "x")
    assert typed(prepared, "apply") == 0
    by_hand(prepared, "ctr2")
    newer = there(prepared, "ctr2")
    assert typed(prepared, "verify") == 1
    assert typed(prepared, "apply") == 0
    assert there(prepared, "ctr1") == there(prepared, "ctr2") == newer
    assert typed(prepared, "verify") == 0

    for server in ("ctr1", "ctr1", "ctr2", "ctr2"):
        by_hand(prepared, server)
    before = there(prepared, "ctr1"), there(prepared, "ctr2")
    capsys.readouterr()
    for command in ("verify", "apply"):
        assert typed(prepared, command) == 1
        assert "whose are right, say: understudy openstack keys --from ctr1" in capsys.readouterr().out
    assert (there(prepared, "ctr1"), there(prepared, "ctr2")) == before
    assert typed(prepared, "keys", "--from", "ctr1") == 0
    assert typed(prepared, "verify") == 0


def test_a_rotation_reaches_every_server_at_once(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The staged key signs, a new one is staged; as many stay as keystone.conf says. Credential keys are not rotated: Keystone has to
    encrypt anew what they have encrypted."""
    before, credentials = there(prepared, "ctr1"), there(prepared, "ctr1", CREDENTIAL)
    assert typed(prepared, "rotate-keys", "--dry-run") == 1  # first they must be the same
    assert typed(prepared, "keys") == 0
    assert typed(prepared, "rotate-keys", "--dry-run") == 1
    assert f"UND-0464: {FERNET}: to be rotated on ctr1, then copied to ctr2; key 3 would sign.\n" in capsys.readouterr().out
    assert there(prepared, "ctr1") == there(prepared, "ctr2") == before
    assert typed(prepared, "rotate-keys") == 0
    said = capsys.readouterr().out
    assert said == f"UND-0463: {FERNET}: rotated on ctr1; key 3 signs from now on.\nUND-0461: {FERNET}: as on ctr1, copied to ctr2.\n"
    after = there(prepared, "ctr1")
    assert after == there(prepared, "ctr2")
    assert after == {"0": after["0"], "1": before["1"], "2": before["2"], "3": before["0"]}
    assert len(base64.urlsafe_b64decode(after["0"])) == 32
    assert not any(key in said for key in after.values())
    assert there(prepared, "ctr2", CREDENTIAL) == credentials
    for _ in range(4):
        assert typed(prepared, "rotate-keys") == 0
    assert sorted(there(prepared, "ctr2")) == ["0", "5", "6", "7"]


def test_where_a_key_would_be_lost_nothing_is_changed(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both rotated twice: each has tokens out that the other cannot read. Said by verify as well, until an operator decides."""
    assert typed(prepared, "keys") == 0
    for server in ("ctr1", "ctr1", "ctr2", "ctr2"):
        by_hand(prepared, server)
    before = there(prepared, "ctr1"), there(prepared, "ctr2")
    capsys.readouterr()
    for command in ("keys", "rotate-keys"):
        assert typed(prepared, command) == 1
        said = capsys.readouterr().out
        assert f"UND-0465: {FERNET}: nothing is changed: the keys on ctr1, ctr2 each have keys that sign and the others lack" in said
        assert "understudy openstack keys --from ctr1" in said
    assert (there(prepared, "ctr1"), there(prepared, "ctr2")) == before
    assert typed(prepared, "keys", "--from", "ctr9") == 2
    assert typed(prepared, "keys", "--from", "ctr2") == 0
    assert there(prepared, "ctr1") == there(prepared, "ctr2") == before[1]
    kept = {former.place for former in FormerStates(prepared / "state").formers()}  # type: ignore[union-attr]
    assert FERNET in kept


def test_what_keystone_conf_says_must_be_understood(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is rotated by a number that is none."""
    assert typed(prepared, "keys") == 0
    before = there(prepared, "ctr1")
    (prepared / "trees/ctr1" / CONF).write_text("[fernet_tokens]\nmax_active_keys = many\n")
    assert typed(prepared, "rotate-keys") == 2
    assert "[fernet_tokens] max_active_keys is 'many'; a number from 1 to 60 is understood" in capsys.readouterr().err
    assert there(prepared, "ctr1") == there(prepared, "ctr2") == before


def test_icehouse_has_keys_that_do_not_rotate(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PKI files are copied where they are missing, and left alone where they differ."""
    make_trees(place / "trees", "icehouse")
    (place / "site.toml").write_text(SITE.replace("RELEASE", "icehouse"))
    assert typed(place, "keys") == 1
    assert "ctr2/etc/keystone/ssl is not there" in capsys.readouterr().out
    (place / "trees/ctr2/etc/keystone/ssl").mkdir()
    assert typed(place, "keys") == 0
    assert typed(place, "rotate-keys") == 2
    assert "the keys of this release do not rotate" in capsys.readouterr().err
    (place / "trees/ctr2/etc/keystone/ssl/private/0").write_text("another")
    assert typed(place, "keys") == 1
    assert (place / "trees/ctr2/etc/keystone/ssl/private/0").read_text() == "another"


def test_a_server_that_looks_every_minute_notes_what_it_found(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the resource that does so, without a site file: all the same, gone apart, the same again after an operator has decided. What
    stays as it is is printed once."""
    note = prepared / "note"
    seen: list[str] = []

    def pause(_: FoldersWatched, seconds: float) -> None:
        assert seconds == 60
        seen.append(note.read_text())
        match len(seen):
            case 2:
                for server in ("ctr1", "ctr1", "ctr2", "ctr2"):
                    by_hand(prepared, server)
            case 4:
                assert typed(prepared, "keys", "--from", "ctr2") == 0
            case 5:
                raise KeyboardInterrupt

    monkeypatch.setattr(FoldersWatched, "wait", pause)
    trees = ["--trees", f"{prepared}/trees", "--state", f"{prepared}/state"]
    every = ["keys", "--every", "60", "--note", str(note), "--servers", "ctr1,ctr2", "--release", "zed", *trees]
    assert understudy.main(["openstack", *every]) == 130
    assert [text[:2] for text in seen] == ["0 ", "0 ", "1 ", "1 ", "0 "]
    assert "whose are right, say: understudy openstack keys --from ctr1" in seen[2]
    assert len(seen[2]) <= 301
    said = capsys.readouterr().out
    assert len(re.findall("^1 UND-0465: ", said, re.MULTILINE)) == 1
    assert there(prepared, "ctr1") == there(prepared, "ctr2") != {}
    for wrong in (["--release", "xena"], ["--servers", "ctr1,../x"], ["--from", "ctr9"]):
        assert understudy.main(["openstack", *every, *wrong]) == 2


def test_keys_that_change_on_this_server_are_looked_at_at_once(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation by hand is on the other server when the files have come to rest, however seldom it looks. What it copies itself wakes it
    once more, and then it waits."""
    waited: list[bool] = []
    wait = FoldersWatched.wait

    def rotated_before(watched: FoldersWatched, seconds: float) -> bool:
        assert seconds == 86400
        if len(waited) == 2:
            assert there(prepared, "ctr1") == there(prepared, "ctr2") != {}
            by_hand(prepared, "ctr2")
        if len(waited) == 4:
            assert there(prepared, "ctr1") == there(prepared, "ctr2")
            assert max(there(prepared, "ctr1")) == "3"
            raise KeyboardInterrupt
        waited.append(wait(watched, 30.0 if len(waited) in (0, 2, 3) else 0.01))
        return waited[-1]

    monkeypatch.setattr(FoldersWatched, "wait", rotated_before)
    monkeypatch.setattr(watching, "REST_S", 0.02)
    trees = ["--trees", f"{prepared}/trees", "--state", f"{prepared}/state"]
    words = ["keys", "--every", "86400", "--servers", "ctr1,ctr2", "--release", "zed", *trees]
    (prepared / f"trees/ctr2{FERNET}").mkdir(mode=0o700)
    assert understudy.main(["openstack", *words]) == 130
    assert waited == [True, False, True, True]


class Failing:
    """A server that goes away at a change: just before it, or just after."""

    def __init__(self, ground: ServerGround, at: int, *, done: bool) -> None:
        self._ground, self._left, self._done = ground, at, done

    def look(self, places: Sequence[tuple[str, bool]]) -> dict[str, PlaceState]:
        return self._ground.look(places)

    def put(self, place: str, before: PlaceState, after: PlaceState) -> bool:
        self._left -= 1
        if self._left < 0 and not self._done:
            raise NotReached("it cannot be reached: Connection timed out")
        put = self._ground.put(place, before, after)
        if self._left < 0:
            raise NotReached("it cannot be reached: Connection timed out")
        return put

    def settle(self) -> None:
        """Nothing is to be loaded anew."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("server", ["ctr1", "ctr2"])
@pytest.mark.parametrize("done", [False, True])
def test_a_rotation_that_was_interrupted_is_finished_by_the_next_command(prepared: Path, server: str, *, done: bool) -> None:
    """A server goes away at its change: no second rotation follows before all have the first."""
    trees: Mapping[str, ServerGround] = {name: Tree(prepared / f"trees/{name}") for name in ("ctr1", "ctr2", "ctr3")}
    wanted = [item for item in keys_of(site_of("zed"), load_release("zed")) if item.limit]
    kept = FormerStates(prepared / "kept")
    with kept.held():
        assert agree(wanted, trees, kept)[0].agreed()
        before = there(prepared, "ctr1")
        with suppress(NotReached):
            rotate(wanted[0], {**trees, server: Failing(trees[server], 0, done=done)}, kept)
        (outcome,) = agree(wanted, trees, kept)
    assert outcome.agreed()
    after = there(prepared, "ctr1")
    assert after == there(prepared, "ctr2")
    assert max(after) == ("2" if (server, done) == ("ctr1", False) else "3")
    assert set(before.values()) <= set(after.values())


def test_nothing_is_rotated_while_a_server_is_away(prepared: Path) -> None:
    """It would lack what signs after the second time."""
    trees: Mapping[str, ServerGround] = {name: Tree(prepared / f"trees/{name}") for name in ("ctr1", "ctr2", "ctr3")}
    wanted = [item for item in keys_of(site_of("zed"), load_release("zed")) if item.limit]
    before = there(prepared, "ctr1")

    class Away(Failing):
        def look(self, places: Sequence[tuple[str, bool]]) -> dict[str, PlaceState]:
            raise NotReached("ctr2 cannot be reached: No route to host")

    kept = FormerStates(prepared / "kept")
    with kept.held():
        outcome = rotate(wanted[0], {**trees, "ctr2": Away(trees["ctr2"], 0, done=False)}, kept)
    assert outcome.away == {"ctr2": "ctr2 cannot be reached: No route to host"}
    assert (outcome.signs, there(prepared, "ctr1")) == (0, before)
    assert listing(keys_state(trees["ctr1"])) != {}


class InTree:
    """The port of a daemon, by a directory that stands for its server."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    async def site_places(self, request: Mapping[str, Any], within_s: float) -> dict[str, Any]:
        assert within_s > 0
        try:
            return hands.perform(dict(request), self._root)
        except hands.PlaceRefused as error:
            return {"refused": str(error)}


def test_keys_go_through_the_daemon_of_the_other_server(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over mutual TLS, by the places that the catalogue of that server names. What its history says has no key, and no content at all."""
    wanted = keys_of(site_of("zed"), load_release("zed"))
    kept = FormerStates(prepared / "kept")
    (folder := prepared / "other").mkdir()
    with other_server(folder, monkeypatch, InTree(prepared / "trees/ctr1"), every=False) as other, kept.held():
        grounds = {"ctr1": other.ground, "ctr2": Tree(prepared / "trees/ctr2")}
        assert all(outcome.agreed() for outcome in agree(wanted, grounds, kept))
        by_hand(prepared, "ctr2")
        every = {*there(prepared, "ctr1").values(), *there(prepared, "ctr2").values()}
        assert [outcome.source for outcome in agree(wanted, grounds, kept)] == ["ctr2", "ctr1"]
        assert rotate(next(item for item in wanted if item.limit), grounds, kept).signs == 4
    assert there(prepared, "ctr1") == there(prepared, "ctr2")
    every |= set(there(prepared, "ctr1").values())
    assert [kind for kind, *_ in other.reported] == ["places-read", "place-changed", "place-changed"]
    text = " ".join(" ".join(words) for words in other.reported)
    assert not any(key in text or base64.b64encode(key.encode()).decode() in text for key in every)


def keys_state(ground: ServerGround) -> KeysState:
    state = ground.look([(FERNET, True)])[FERNET]
    assert isinstance(state, KeysState)
    return state
