"""What every way to a server's files must do: a tree, a process on this server, one that is begun through a program like ssh, and the
daemon and executor of another server of the cluster, asked over mutual TLS."""

import base64
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from executor.rig import have_root
from openstack.elsewhere import OtherServer, other_server
from understudy.openstack.core.states import Absent, BootState, DirectoryState, FileState, KeysState, OtherState, Owned, without_boot
from understudy.openstack.ground import NotDone, NotReached, Nowhere, ServerGround, Tree, Worker, by_ssh, this_server

WAYS = ("tree", "here", "ssh", pytest.param("daemon", marks=pytest.mark.lab))
SSH = """#!/bin/sh
# Takes the options that ssh takes, and runs the command by a shell, as the other side would.
while [ "$1" != -- ]; do shift; done
[ "$2" = root@ctr2 ] || { echo "ssh: unknown host $2" >&2; exit 255; }
exec sh -c "$3"
"""


@dataclass
class WayThere:
    """A ground, and where its root is here. `base`: of places."""

    ground: ServerGround
    root: Path
    base: str

    def put(self, place: str, before: object, after: object) -> bool:
        return self.ground.put(self.base + place, before, after)  # type: ignore[arg-type]

    def look(self, place: str, keys: bool = False) -> object:
        return self.ground.look([(self.base + place, keys)])[self.base + place]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherServer]:
    """One daemon for all of these tests."""
    with pytest.MonkeyPatch.context() as patch, other_server(tmp_path_factory.mktemp("elsewhere"), patch) as other:
        yield other


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WayThere]:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    if request.param == "tree":
        (root / "etc/passwd").write_text(f"me:x:{os.geteuid()}:0::/:/bin/sh\n")
        (root / "etc/group").write_text(f"me:x:{os.getegid()}:\n")
        yield WayThere(Tree(root), root, "")
        return
    if request.param == "daemon":
        if not have_root():
            pytest.skip("needs root")
        yield WayThere(request.getfixturevalue("elsewhere").ground, root, str(root))
        return
    program = tmp_path / "ssh"
    program.write_text(SSH)
    program.chmod(0o755)
    worker = this_server("ctr1") if request.param == "here" else by_ssh("ctr2", "root@ctr2", "", program=str(program))
    yield WayThere(worker, root, str(root))
    worker.close()


def mine(way: WayThere, mode: str) -> Owned:
    """Of whoever runs the tests, by the name that the ground gives."""
    (way.root / "etc/probe").write_text("")
    found = way.look("/etc/probe")
    assert isinstance(found, FileState)
    return Owned(owner=found.owned.owner, group=found.owned.group, mode=mode)


def test_a_file_is_made_changed_and_removed(way: WayThere) -> None:
    """Each change names what it expects; what is so already is no change."""
    first = FileState(owned=mine(way, "0640"), content=b"one\r\n\xff")
    second = FileState(owned=mine(way, "0600"), content=b"")
    assert way.look("/etc/x") == Absent()
    assert way.put("/etc/x", Absent(), first)
    assert way.look("/etc/x") == first
    assert (way.root / "etc/x").read_bytes() == b"one\r\n\xff"
    assert not way.put("/etc/x", Absent(), first)
    assert way.put("/etc/x", first, second)
    assert stat.S_IMODE((way.root / "etc/x").stat().st_mode) == 0o600
    assert way.put("/etc/x", second, Absent())
    assert sorted(path.name for path in (way.root / "etc").iterdir()) in (["group", "passwd", "probe"], ["probe"])


def test_what_somebody_else_has_changed_meanwhile_stays(way: WayThere) -> None:
    """A plan that is out of date is refused, and nothing is lost."""
    path, before = way.root / "etc/x", FileState(owned=mine(way, "0644"), content=b"old")
    path.write_bytes(b"new")
    path.chmod(0o644)
    with pytest.raises(NotDone, match="was changed by somebody else meanwhile"):
        way.put("/etc/x", before, FileState(owned=mine(way, "0644"), content=b"ours"))
    with pytest.raises(NotDone, match="was changed by somebody else meanwhile"):
        way.put("/etc/x", Absent(), FileState(owned=mine(way, "0644"), content=b"ours"))
    assert path.read_bytes() == b"new"


def test_a_file_that_a_crash_left_beside_is_no_obstacle(way: WayThere) -> None:
    """It is ours, and half of something."""
    (way.root / "etc/x.understudy-new").write_bytes(b"hal")
    state = FileState(owned=mine(way, "0644"), content=b"whole")
    assert way.put("/etc/x", Absent(), state)
    assert not (way.root / "etc/x.understudy-new").exists()


def test_what_others_noted_on_a_file_stays_with_it(way: WayThere) -> None:
    """Labels and access lists, as far as the file system has them."""
    path = way.root / "etc/x"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, "user.note", b"kept")
    except OSError:
        pytest.skip("this file system keeps no notes")
    before = way.look("/etc/x")
    assert isinstance(before, FileState)
    way.put("/etc/x", before, FileState(owned=before.owned, content=b"new"))
    assert os.getxattr(path, "user.note") == b"kept"


def test_links_devices_and_what_is_too_large_are_not_touched(way: WayThere) -> None:
    """Each says what it is."""
    (way.root / "etc/link").symlink_to("x")
    os.mkfifo(way.root / "etc/pipe")
    (way.root / "etc/large").write_bytes(bytes((1 << 20) + 1))
    for name, said in (("link", "a symbolic link to x"), ("pipe", "neither a file"), ("large", "more than")):
        found = way.look(f"/etc/{name}")
        assert isinstance(found, OtherState)
        assert said in found.what


def test_a_directory_needs_one_above_it(way: WayThere) -> None:
    """A missing one means that a package is not installed; nothing is made that undo would leave."""
    state = DirectoryState(owned=mine(way, "0750"))
    with pytest.raises(NotDone, match="is not there: install the package"):
        way.put("/var/lib/x", Absent(), state)
    with pytest.raises(NotDone, match="is not there: install the package"):
        way.put("/var/x", Absent(), FileState(owned=mine(way, "0644"), content=b""))
    assert way.put("/etc/d", Absent(), state)
    assert way.look("/etc/d") == state
    (way.root / "etc/d/full").write_text("x")
    with pytest.raises(NotDone, match="is not empty, and stays"):
        way.put("/etc/d", state, Absent())
    (way.root / "etc/d/full").unlink()
    assert way.put("/etc/d", state, Absent())


def test_keys_are_the_same_set_afterwards(way: WayThere) -> None:
    """New ones come, old ones go, and the directory has its owner and mode."""
    owned, directory = mine(way, "0600"), mine(way, "0700")
    first = KeysState(owned=directory, files={"0": FileState(owned=owned, content=b"a"), "1": FileState(owned=owned, content=b"b")})
    second = KeysState(owned=directory, files={"1": FileState(owned=owned, content=b"c"), "2": FileState(owned=owned, content=b"d")})
    for before, after in ((Absent(), first), (first, second), (second, Absent())):
        assert way.put("/etc/keys", before, after)
        assert way.look("/etc/keys", keys=True) == after


def test_starts_at_boot_end_and_come_back(tmp_path: Path) -> None:
    """Links of targets go, a start of an init script becomes a stop; back again to the link. In a tree: the machine's units are its own,
    and the code is the same for all ways."""
    tree, wants, runlevel = Tree(tmp_path), tmp_path / "etc/systemd/system/multi-user.target.wants", tmp_path / "etc/rc3.d"
    for folder in (wants, runlevel):
        folder.mkdir(parents=True)
    (wants / "x.service").symlink_to("/lib/systemd/system/x.service")
    (wants / "xy.service").symlink_to("/lib/systemd/system/xy.service")
    (runlevel / "S90x").symlink_to("../init.d/x")
    before = tree.look([("boot:x", False)])["boot:x"]
    assert isinstance(before, BootState)
    after = without_boot(before)
    assert after.links == (("/etc/rc3.d/K10x", "../init.d/x"),)
    assert tree.put("boot:x", before, after)
    assert sorted(path.name for path in (*wants.iterdir(), *runlevel.iterdir())) == ["K10x", "xy.service"]
    assert tree.put("boot:x", after, before)
    assert tree.look([("boot:x", False)])["boot:x"] == before
    with pytest.raises(NotDone, match="does not start x"):
        tree.put("boot:x", before, BootState(links=(("/etc/passwd", "/dev/null"),)))


@pytest.mark.parametrize("place", ["/etc/../etc/x", "etc/x", "/etc/x/", "/etc/\0x"])
def test_a_path_that_is_none_is_refused(way: WayThere, place: str) -> None:
    """Neither looked at nor changed."""
    assert isinstance(way.ground.look([(place, False)])[place], OtherState)
    with pytest.raises(NotDone):
        way.ground.put(place, Absent(), DirectoryState(owned=mine(way, "0755")))


def test_a_user_that_is_not_there_is_named(way: WayThere) -> None:
    """And nothing is made."""
    owned = Owned(owner="no-such-user", group="no-such-user", mode="0644")
    with pytest.raises(NotDone, match="there is no user no-such-user here: install the package"):
        way.put("/etc/x", Absent(), FileState(owned=owned, content=b""))
    assert way.look("/etc/x") == Absent()


def test_a_tree_does_not_lead_out_of_itself(tmp_path: Path) -> None:
    """A link in it, to a directory elsewhere, is not followed."""
    (tmp_path / "tree/etc").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "tree/etc/away").symlink_to(tmp_path / "outside")
    found = Tree(tmp_path / "tree").look([("/etc/away/x", False)])["/etc/away/x"]
    assert found == OtherState(what=f"/etc/away/x leads out of {tmp_path}/tree")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["/no/such/program"], "No such file or directory"),
        (["sh", "-c", "echo Permission denied, please >&2; exit 255"], "Permission denied, please|ended with status 255"),
        (["sh", "-c", "cat >/dev/null"], "has not answered for"),
        ([sys.executable, "-c", "print('no json')"], "Expecting value|ended with status 0|closed its output"),
    ],
)
def test_a_server_that_is_not_reached_says_why(command: list[str], said: str) -> None:
    """Whatever is in the way, and soon."""
    worker = Worker(command, "ctr2", answer_s=0.3)
    with pytest.raises(NotReached, match=said):
        worker.look([("/etc/x", False)])
    worker.close()


def test_a_server_without_a_way_says_so() -> None:
    """By its cause."""
    with pytest.raises(NotReached, match="no way"):
        Nowhere("no way").look([])


def test_what_is_sent_elsewhere_needs_nothing_of_ours() -> None:
    """The other side has Python, and perhaps no Understudy."""
    import understudy.openstack.hands as hands

    source = Path(hands.__file__).read_text()
    assert "import understudy" not in source
    assert "from understudy" not in source
    assert base64.b64encode(source.encode())
