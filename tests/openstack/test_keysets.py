"""Which keys are the newest, and that none goes with which a token may have been signed: by rotations in every order, and by hand."""

import itertools
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openstack.trees import make_trees
from understudy.errors import BadInput
from understudy.openstack import hands
from understudy.openstack.core.compare import keys_as_on
from understudy.openstack.core.keysets import KeysChoice, listing, newest, rotated
from understudy.openstack.core.states import Absent, FileState, KeysState, Owned, to_json
from understudy.openstack.core.wanted import WantedKeys
from understudy.openstack.ground import NotDone

OWNED = Owned(owner="root", group="root", mode="0600")
SIDES = ("ctr1", "ctr2", "ctr3")


KeyTexts = Mapping[int, str] | Mapping[str, str] | Mapping[object, str]


def keys(content: KeyTexts) -> KeysState:
    files = {str(name): FileState(owned=OWNED, content=key.encode()) for name, key in content.items()}
    return KeysState(owned=OWNED, files=files)


def choice(*sets: KeyTexts, rotates: bool = True, first: str = "") -> KeysChoice:
    return newest({name: listing(keys(found)) for name, found in zip(SIDES, sets, strict=False)}, rotates=rotates, first=first)


def test_a_rotation_is_that_of_keystone() -> None:
    """0 becomes the primary, a new key is staged, the oldest goes when there are too many."""
    once = rotated(keys({0: "s", 1: "p"}), b"t", 3)
    assert once == keys({0: "t", 1: "p", 2: "s"})
    assert rotated(once, b"u", 3) == keys({0: "u", 2: "s", 3: "t"})
    assert rotated(once, b"u", 5) == keys({0: "u", 1: "p", 2: "s", 3: "t"})
    for broken in ({}, {0: "s"}, {1: "p"}, {0: "s", 1: "p", "0.tmp": "x"}, {0: "s", 1: ""}):
        with pytest.raises(BadInput):
            rotated(keys(broken), b"t", 3)


@pytest.mark.parametrize(
    ("sets", "source"),
    [
        ([{0: "s", 1: "p"}, {0: "s", 1: "p"}], "ctr1"),
        ([{0: "s", 1: "p"}, {0: "t", 1: "p", 2: "s"}], "ctr2"),  # rotated there
        ([{0: "t", 1: "p", 2: "s"}, {0: "s", 1: "p", 2: "s"}], "ctr1"),  # half copied
        ([{}, {0: "s", 1: "p"}], "ctr2"),  # none here
        ([{0: "s", 1: "p"}, {0: "t", 1: "p", 2: "s"}, {}], "ctr2"),
        ([{0: "u", 2: "s", 3: "t"}, {0: "t", 1: "p", 2: "s"}], "ctr1"),  # 1 was removed by the rotation
        ([{0: "x", 1: "p", 2: "s"}, {0: "y", 1: "p", 2: "s"}], "ctr2"),  # both rotated once: neither x nor y has signed
        ([{0: "x", 1: "p", 2: "s"}, {0: "z", 1: "p", 2: "s", 3: "y"}], "ctr2"),
        ([{0: "u", 1: "p", 2: "s", 3: "t"}, {0: "u", 2: "s", 3: "t"}], "ctr2"),  # all copied, 1 not removed yet
        ([{0: "t", 1: "p", 2: "s"}, {0: "t", 1: "p", 2: "s", 3: ""}], "ctr1"),  # a file without content counts for nothing
    ],
)
def test_the_newest_set_is_found(sets: list[dict[int, str]], source: str) -> None:
    """Whatever the order of the servers."""
    assert choice(*sets) == KeysChoice(source=source)
    for order in itertools.permutations(range(len(sets))):
        found = choice(*(sets[place] for place in order))
        assert listing(keys(sets[order[SIDES.index(found.source)]])) == listing(keys(sets[SIDES.index(source)]))


@pytest.mark.parametrize(
    "sets",
    [
        [{0: "b", 2: "x", 3: "a"}, {0: "d", 2: "y", 3: "c"}],  # made apart
        [{0: "u", 2: "s", 3: "t"}, {0: "s", 1: "p"}],  # p signs on ctr2, and ctr1 has removed it
        [{0: "b", 1: "p", 2: "s", 3: "a"}, {0: "d", 1: "p", 2: "s", 3: "c"}],  # both rotated twice
        [{0: "t", 1: "p", 2: "q", 4: "s"}, {0: "t", 1: "p", 3: "r", 4: "s"}],  # each lacks one of the other's
    ],
)
def test_where_a_key_would_be_lost_the_operator_decides(sets: list[dict[int, str]]) -> None:
    """Nobody's keys count, and the command that decides is named."""
    found = choice(*sets)
    assert (found.source, found.conflict) == ("", True)
    assert "understudy openstack keys --from ctr1" in found.cause


def test_sets_that_were_made_apart_are_those_of_the_first_server_where_one_is_named() -> None:
    """As packages make them; but not what has parted later."""
    apart = [{0: "a", 1: "b"}, {0: "c", 1: "d"}]
    assert choice(*apart, first="ctr1").source == "ctr1"
    assert choice(*apart, {0: "e", 1: "b", 2: "a"}, first="ctr1").source == "ctr3"
    assert choice({0: "u", 2: "s", 3: "t"}, {0: "s", 1: "p"}, first="ctr1").conflict
    assert choice(*apart, first="ctr3").conflict


def test_keys_that_do_not_rotate_have_no_order() -> None:
    """What is missing is there on the other side; what differs has no newer."""
    assert choice({"ca.pem": "a"}, {"ca.pem": "a", "signing_key.pem": "k"}, rotates=False).source == "ctr2"
    assert choice({}, {"ca.pem": "a"}, rotates=False).source == "ctr2"
    differ = [{"ca.pem": "a", "serial": "01"}, {"ca.pem": "b", "serial": "01"}]
    assert choice(*differ, rotates=False).conflict
    assert choice(*differ, rotates=False, first="ctr1").source == "ctr1"


def test_a_rotation_under_way_is_waited_for() -> None:
    """Its temporary file is named; nobody decides anything meanwhile."""
    found = choice({0: "s", 1: "p", "0.tmp": "t"}, {0: "s", 1: "p"})
    assert not found.source
    assert not found.conflict
    assert "0.tmp on ctr1" in found.cause


class RotatingServers:
    """Sets of three servers, and every token that was signed: its key, and how many rotations of its set had been."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.sets = dict.fromkeys(SIDES, keys({0: "k0", 1: "k1"}))
        self.signed: dict[bytes, int] = {}
        self.since = dict.fromkeys(SIDES, 0)
        """Rotations since all were the same."""
        self._names = itertools.count(2)

    def sign(self) -> None:
        for found in self.sets.values():
            number = max(map(int, found.files))
            self.signed[found.files[str(number)].content] = number

    def rotate(self, side: str) -> None:
        self.sets[side] = rotated(self.sets[side], b"k%d" % next(self._names), self.most)
        self.since[side] += 1
        self.sign()

    def choose(self) -> KeysChoice:
        return newest({side: listing(found) for side, found in self.sets.items()}, rotates=True)

    def copy(self, source: str, target: str, writes: int) -> None:
        """As `hands` does it, and no further than so many writes."""
        old, new = self.sets[target].files, self.sets[source].files
        steps = [(name, new[name]) for name in sorted(new, key=hands._key_order) if old.get(name) != new[name]]
        files = {**old, **dict(steps[:writes])}
        removed = [name for name in old if name not in new][: max(0, writes - len(steps))]
        self.sets[target] = KeysState(owned=OWNED, files={name: file for name, file in files.items() if name not in removed})

    def check_none_is_lost(self) -> None:
        """Each key that signed is on every server, or `most` - 1 newer ones are: so many rotations have removed it on purpose."""
        for found in self.sets.values():
            there = {file.content for file in found.files.values()}
            for key, number in self.signed.items():
                newer = [name for name in found.files if int(name) > number]
                assert key in there or len(newer) >= self.most - 1


ACTS = st.lists(st.one_of(st.sampled_from(SIDES), st.just("agree"), st.tuples(st.sampled_from(SIDES), st.integers(0, 5))), max_size=25)


@given(st.integers(3, 6), ACTS)
def test_rotations_on_any_side_converge_and_lose_nothing(most: int, acts: list[str | tuple[str, int]]) -> None:
    """Rotations, whole copies and interrupted ones in any order: either all become the same and every key that signed is there, or it is
    a conflict, and then two servers have gone apart by more than one rotation each, or one by more than the set holds."""
    servers = RotatingServers(most)
    servers.sign()
    for act in acts:
        if act in SIDES:
            servers.rotate(str(act))
            continue
        found = servers.choose()
        if not found.source:
            assert found.conflict
            assert sorted(servers.since.values())[-2] >= 2 or max(servers.since.values()) - min(servers.since.values()) > most - 2
            return
        for side in SIDES if act == "agree" else [act[0]]:
            servers.copy(found.source, side, 99 if act == "agree" else int(act[1]))
        if act == "agree":
            assert len({tuple(sorted(listing(state).items())) for state in servers.sets.values()}) == 1
            servers.since = dict.fromkeys(SIDES, 0)
            servers.check_none_is_lost()


@given(st.integers(3, 5), st.lists(st.sampled_from(SIDES), max_size=20))
def test_with_a_copy_after_each_rotation_there_is_never_a_conflict(most: int, sides: list[str]) -> None:
    """Whoever rotates, they are the same afterwards."""
    servers = RotatingServers(most)
    for side in sides:
        servers.rotate(side)
        source = servers.choose().source
        assert source == side
        for other in SIDES:
            servers.copy(source, other, 99)
        servers.check_none_is_lost()


# --- how they are written


FOLDER = "/etc/keystone/fernet-keys"
WANTED = WantedKeys(place=FOLDER, owned=OWNED, file_mode="0600", holders=SIDES, rotates=True)


@pytest.fixture
def moments(place: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, bytes]]:
    """What is in the directory after each change to the file system."""
    make_trees(place, "zed")
    seen: list[dict[str, bytes]] = []
    folder = place / f"ctr1{FOLDER}"

    def watched(name: str) -> None:
        really = getattr(os, name)

        def change(*arguments: object, **more: object) -> None:
            really(*arguments, **more)
            files = folder.iterdir() if folder.is_dir() else ()
            seen.append({path.name: path.read_bytes() for path in files if path.name.isdecimal()})

        monkeypatch.setattr(os, name, change)

    for name in ("replace", "unlink", "rename", "fsync", "mkdir"):
        watched(name)
    return seen


def put(root: Path, before: KeysState | None, after: KeysState) -> None:
    expect = to_json(before) if before else {"kind": "absent"}
    assert hands.perform({"do": "put", "place": FOLDER, "expect": expect, "state": to_json(after)}, str(root))["done"]


@pytest.mark.parametrize("rotations", [1, 2, 3])
def test_a_copy_is_right_at_every_moment(place: Path, moments: list[dict[str, bytes]], rotations: int) -> None:
    """What both sets verify is verified all along, and what signs is known to both, or to the newer set."""
    root = place / "ctr1"
    states = hands.perform({"do": "look", "places": [[FOLDER, True]]}, str(root))["states"]
    owned = Owned(**{key: states[0][key] for key in ("owner", "group", "mode")})
    mine = {name: FileState(owned=OWNED, content=f"k{name}".encode()) for name in "012"}
    old = KeysState(owned=owned, files=mine)
    hands.perform({"do": "put", "place": FOLDER, "expect": states[0], "state": to_json(old)}, str(root))
    new = old
    for number in range(rotations):
        new = rotated(new, b"new%d" % number, 3)
    del moments[:]
    put(root, old, new)
    common = {file.content for file in old.files.values()} & {file.content for file in new.files.values()}
    assert len(moments) >= 2
    for found in moments:
        assert common <= set(found.values())
        signs = found[max(found, key=int)]
        assert signs in {file.content for file in new.files.values()} | {old.files["2"].content}
        partly = keys({name: content.decode() for name, content in found.items()})
        chosen = newest({"ctr1": listing(partly), "ctr2": listing(new)}, rotates=True)
        if rotations == 1:  # of more than one the old primary is gone, and an operator has decided
            assert chosen.source == "ctr2" or listing(partly) == listing(new)


def test_a_set_where_there_was_none_appears_whole(place: Path, moments: list[dict[str, bytes]]) -> None:
    """Also after an interruption that has left a part beside it."""
    root = place / "ctr1"
    folder = root / FOLDER.lstrip("/")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    (beside := Path(f"{folder}{hands.BESIDE}")).mkdir()
    (beside / "7").write_text("of another time")
    new = keys_as_on(WANTED, keys({0: "s", 1: "p", 2: "q"}))
    del moments[:]
    put(root, None, new)
    assert {len(found) for found in moments} == {0, 3}
    assert not beside.exists()


def test_what_stands_in_its_place_is_not_followed(place: Path) -> None:
    """A link beside the directory, by whoever may write there: nothing behind it is touched."""
    trees = make_trees(place, "zed")
    (elsewhere := place / "elsewhere").mkdir()
    (elsewhere / "precious").write_text("x")
    folder = place / "ctr2/etc/keystone/fernet-keys"
    folder.parent.joinpath(f"fernet-keys{hands.BESIDE}").symlink_to(elsewhere)
    new = keys_as_on(WANTED, keys({0: "s", 1: "p"}))
    with pytest.raises(NotDone, match="not a directory of ours"):
        trees["ctr2"].put(FOLDER, Absent(), new)
    assert [path.name for path in elsewhere.iterdir()] == ["precious"]


def test_what_an_interrupted_copy_has_left_is_no_key(place: Path) -> None:
    """It is not looked at, and is removed by the next copy."""
    trees = make_trees(place, "zed")
    left = place / f"ctr1{FOLDER}/4{hands.BESIDE}"
    left.write_text("half")
    state = trees["ctr1"].look([(FOLDER, True)])[FOLDER]
    assert isinstance(state, KeysState)
    assert set(state.files) == {"0", "1", "2"}
    assert trees["ctr1"].put(FOLDER, state, rotated(state, b"new", 3))
    assert not left.exists()
