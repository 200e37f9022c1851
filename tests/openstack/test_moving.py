"""Existing data onto its share: whatever is interrupted is taken up again, and no data is lost, overwritten or merged."""

import contextlib
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cutting import exchange_value
from executor.rig import have_root
from openstack.trees import SITE, site_of
from understudy.cli import understudy
from understudy.openstack import trees
from understudy.openstack.core.desired import data_moves
from understudy.openstack.core.moving import ASIDE, MARKER, STAGING, DataMove, MoveMarker, MovePhase, MoveSeen, next_phase
from understudy.openstack.moving import DataMover, LinuxMounts, MoveRefused, users_of
from understudy.openstack.releases import load_release, release_names
from understudy.openstack.trees import count, walk

COOKIE = ".erlang.cookie"


class PowerFailed(BaseException):
    """The power failed."""


class Bench:
    """A local directory and an export, which is a directory too."""

    def __init__(self, folder: Path) -> None:
        self.local, self.share = folder / "var/rabbitmq", folder / "export"
        self.local.mkdir(parents=True)
        self.share.mkdir()
        self.aside = Path(f"{self.local}{ASIDE}")
        self.running: tuple[str, ...] = ()
        self.source_here = ""
        self.said: list[str] = []
        self.mounted = 0

    def furnish(self) -> None:
        """With all kinds of things."""
        (self.local / COOKIE).write_text("SECRET")
        (self.local / COOKIE).chmod(0o400)
        folder = self.local / "mnesia" / "rabbit@rabbitvip"
        folder.mkdir(parents=True)
        (folder / "queue.idx").write_bytes(os.urandom(150 << 10))
        (folder / "empty").touch()
        (folder / "latest").symlink_to("queue.idx")
        with (self.local / "image.raw").open("wb") as file:
            file.write(b"begin")
            file.seek(128 << 10)
            file.write(b"end")
            file.truncate(256 << 10)
        os.utime(self.local / "image.raw", ns=(1, 1_234_567_890_123_456_789))
        folder.chmod(0o550)
        if os.geteuid() == 0:
            os.chown(folder / "queue.idx", 4711, 4712)
            os.setxattr(folder, "user.note", b"kept")

    def source(self, path: str) -> str:
        return self.source_here

    def mount(self, move: DataMove) -> Path:
        self.mounted += 1
        return self.share

    def unmount(self, move: DataMove) -> None:
        self.mounted -= 1

    def move(self, step: Callable[[str], None] | None = None, report: Callable[[int, int], None] = lambda files, size: None) -> str:
        """Empty, or why not."""
        wanted = DataMove(
            name="rabbitmq", path=str(self.local), export="nas:/rabbitmq_data", type="", options="", owner="root", group="root", mode="0755"
        )
        mine = os.geteuid(), os.getegid()
        mover = DataMover(
            wanted, "ctr1", self, users=lambda _: self.running, report=report, step=step or self.said.append, numbers=lambda _: mine
        )
        try:
            mover.run()
        except MoveRefused as error:
            return str(error)
        finally:
            assert self.mounted == 0
        return ""

    def there(self) -> dict[str, tuple[object, ...]]:
        """What the share has."""
        return picture(self.share)


def picture(top: Path) -> dict[str, tuple[object, ...]]:
    """Everything that must come along."""
    found: dict[str, tuple[object, ...]] = {}
    for name, state in walk(top):
        path = top / name
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        notes = {note: os.getxattr(path, note, follow_symlinks=False) for note in os.listxattr(path, follow_symlinks=False)}
        found[name] = (oct(state.st_mode), state.st_uid, state.st_gid, state.st_mtime_ns, content, notes)
    return found


@pytest.fixture
def bench(place: Path) -> Bench:
    made = Bench(place)
    made.furnish()
    return made


def test_everything_comes_along_and_what_was_local_is_set_aside(bench: Bench) -> None:
    """Owners, modes, times, notes, links, holes, and the cookie whose name a shell's * leaves out. A second run has nothing to do."""
    before = picture(bench.local)
    assert bench.move() == ""
    assert bench.there() == before
    assert COOKIE in before
    assert picture(bench.aside) == before
    assert list(bench.local.iterdir()) == []
    assert stat.S_IMODE(bench.share.stat().st_mode) == 0o755
    assert (bench.share / "image.raw").stat().st_blocks * 512 < 100 << 10
    bench.said.clear()
    assert bench.move() == ""
    assert bench.said == []


def test_whatever_is_interrupted_is_taken_up_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every step and in the midst of every file: at each moment one side is whole, and the next run ends as one that was not
    interrupted."""
    exchange_value(monkeypatch, trees, "PART", 64 << 10)
    for number in range(200):
        folder = place / str(number)
        bench = Bench(folder)
        bench.furnish()
        before = picture(bench.local)
        left = number

        def count_down(*_: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise PowerFailed

        try:
            bench.move(count_down, count_down)
        except PowerFailed:
            whole = [side for side in (bench.local, bench.share, bench.aside) if side.is_dir() and whole_in(side, before)]
            assert whole, f"after {number}: {sorted(bench.there())}"
            assert bench.move() == ""
        assert bench.there() == before, number
        assert picture(bench.aside) == before
        assert list(bench.local.iterdir()) == []
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        if left >= 0:
            assert number > 20
            return
    raise AssertionError("it never ended")


def whole_in(side: Path, before: dict[str, tuple[object, ...]]) -> bool:
    return picture(side).items() >= before.items()


def test_both_sides_with_data_are_named_and_stay(bench: Bench) -> None:
    """Nobody guesses which is right."""
    (bench.share / "ibdata1").write_text("theirs")
    before, theirs = picture(bench.local), bench.there()
    why = bench.move()
    assert f"both sides hold data: ctr1:{bench.local} ({COOKIE}, image.raw, mnesia) and nas:/rabbitmq_data (ibdata1)" in why
    assert (picture(bench.local), bench.there()) == (before, theirs)


def test_what_file_servers_put_on_top_is_no_data(bench: Bench) -> None:
    """On neither side; it is left where it is."""
    for side in (bench.local, bench.share):
        (side / "lost+found").mkdir()
        (side / "lost+found" / "piece").touch()
    assert bench.move() == ""
    assert (bench.share / "image.raw").exists()


def test_an_empty_side_is_no_work(place: Path) -> None:
    """Nothing on both: the top gets its owner. Data on the share alone: it was moved, or made there."""
    bench = Bench(place)
    bench.share.chmod(0o700)
    assert bench.move() == ""
    assert bench.said == ["set the owner of the export's top"]
    (bench.share / "ibdata1").touch()
    assert bench.move() == ""


def test_while_the_service_runs_nothing_is_moved(bench: Bench) -> None:
    """Also where it is started in the middle: the local data is what counts then."""
    bench.running = ("beam.smp (process 7)",)
    assert bench.move() == f"beam.smp (process 7) uses {bench.local}: stop the service first"
    assert bench.there() == {}
    bench.running = ()

    def start(what: str) -> None:
        if what.startswith("note that"):
            bench.running = ("beam.smp (process 8)",)

    assert "beam.smp (process 8)" in bench.move(start)
    (bench.local / "mnesia" / "new").write_text("written meanwhile")
    bench.running = ()
    before = picture(bench.local)
    assert bench.move() == ""
    assert bench.there() == before


def test_what_was_written_after_the_comparison_is_copied_too(bench: Bench) -> None:
    """PowerFailed between two renames; the service was started, wrote, and was stopped."""

    def interrupt(what: str) -> None:
        if what == "rename mnesia":
            raise PowerFailed

    with pytest.raises(PowerFailed):
        bench.move(interrupt)
    (bench.local / "image.raw").unlink()
    (bench.local / COOKIE).chmod(0o600)
    (bench.local / COOKIE).write_text("OTHER!")
    before = picture(bench.local)
    assert bench.move() == ""
    assert bench.there() == before


def test_data_that_changes_while_it_is_copied_is_not_taken(bench: Bench) -> None:
    """Whoever writes is to be stopped; then it goes on."""

    def write(what: str) -> None:
        if what == "compare":
            (bench.local / "late").write_text("x")

    assert "was changed while it was copied" in bench.move(write)
    before = picture(bench.local)
    assert bench.move() == ""
    assert bench.there() == before


def test_a_copy_that_is_not_the_same_is_not_renamed(bench: Bench) -> None:
    """Storage that loses a byte is noticed."""

    def damage(what: str) -> None:
        if what == "compare":
            with (bench.share / f"{STAGING}ctr1" / "image.raw").open("r+b") as file:
                file.write(b"BEGIN")

    assert "the copy is not the same" in bench.move(damage)
    assert [name for name in bench.there() if "/" not in name] == [f"{STAGING}ctr1"]


def test_another_server_that_is_moving_is_named(bench: Bench) -> None:
    """Its unfinished copy, or what it has compared."""
    (bench.share / f"{STAGING}ctr2").mkdir()
    assert "nas:/rabbitmq_data has an unfinished copy of ctr2: finish it there" in bench.move()
    (bench.share / f"{STAGING}ctr2").rmdir()
    (bench.share / MARKER).write_text('{"format": 1, "server": "ctr2", "names": [], "listing": ""}')
    assert "ctr2 is moving its data to nas:/rabbitmq_data: finish it there" in bench.move()
    (bench.share / MARKER).write_text("{")
    assert f"{MARKER} on nas:/rabbitmq_data is damaged" in bench.move()


def test_a_share_that_is_mounted_already_needs_nothing(bench: Bench) -> None:
    """Another one there is named."""
    bench.source_here = "nas:/rabbitmq_data"
    assert bench.move() == ""
    bench.source_here = "nas:/other"
    assert "nas:/other is mounted at" in bench.move()
    assert bench.there() == {}


def test_a_share_that_is_mounted_in_the_middle_ends_it(bench: Bench) -> None:
    """Somebody has started the resource: the local data is no longer what is seen there."""

    def mount(what: str) -> None:
        if what.startswith("note that"):
            bench.source_here = "nas:/rabbitmq_data"

    assert "nas:/rabbitmq_data was mounted at" in bench.move(mount)
    assert bench.local.is_dir()
    bench.source_here = ""
    assert bench.move() == ""


def test_a_socket_is_left_out(bench: Bench) -> None:
    """Nobody listens on a copy."""
    with socket.socket(socket.AF_UNIX) as listener:
        with contextlib.chdir(bench.local):
            listener.bind("mysqld.sock")
        assert count(bench.local, lambda files, size: None).skipped == ["mysqld.sock"]
        assert bench.move() == ""
    assert "mysqld.sock" not in bench.there()


def test_who_uses_the_data_is_found(tmp_path: Path) -> None:
    """By an open file or its directory."""
    (tmp_path / "ibdata1").touch()
    move = DataMove(name="mysql", path=str(tmp_path), export="x", type="", options="", owner="root", group="root", mode="0755")
    assert users_of(move) == ()
    with (tmp_path / "ibdata1").open() as file, subprocess.Popen(["sleep", "100"], stdin=file) as user:
        assert users_of(move) == (f"sleep (process {user.pid})",)
        user.kill()
    with subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], cwd=tmp_path, stdin=-1, stdout=-1) as user:
        assert user.stdout is not None
        user.stdout.readline()
        assert [name.rpartition("(")[2] for name in users_of(move)] == [f"process {user.pid})"]
        user.kill()


def seen(**other: object) -> MoveSeen:
    usual: dict[str, object] = {
        "server": "ctr1", "path": "/d", "export": "x", "local": ("a",), "share": (), "staged": (), "marker": None, "listing": "1",
        "aside": False, "running": (),
    }  # fmt: skip
    return MoveSeen(**{**usual, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "phase"),
    [
        ({}, MovePhase.COPY),
        ({"local": ()}, MovePhase.NOTHING),
        ({"local": (), "share": ("a",)}, MovePhase.NOTHING),
        ({"share": (".nfs0000000000abc123", "lost+found")}, MovePhase.COPY),
        ({"share": (".nfs0000000000abc123", "b")}, "both sides hold data: ctr1:/d (a) and x (b)"),
        ({"aside": True}, "is there from an earlier move"),
        ({"marker": ("1", "a"), "staged": ("a",)}, MovePhase.RENAME),
        ({"marker": ("1", "a"), "share": ("a",)}, MovePhase.SET_ASIDE),
        ({"marker": ("2", "a"), "share": ("a",)}, MovePhase.TAKE_BACK),
        ({"marker": ("1", "a"), "share": ("a", "b")}, "has got b besides"),
        ({"marker": ("1", "a"), "share": ("a",), "local": (), "aside": True, "listing": ""}, MovePhase.FORGET),
        ({"marker": ("1", "a"), "share": ("a",), "aside": True}, "both hold data"),
    ],
)
def test_what_comes_next(what: dict[str, object], phase: str) -> None:
    """From both sides alone."""
    if isinstance(marker := what.get("marker"), tuple):
        what = {**what, "marker": MoveMarker(server="ctr1", names=(marker[1],), listing=marker[0])}
    found = next_phase(seen(**what))
    assert found is phase if isinstance(phase, MovePhase) else phase in found


@pytest.mark.parametrize("release", release_names())
def test_every_release_moves_its_data(release: str) -> None:
    """As far as the site has shares for it."""
    moves = data_moves(site_of(release), load_release(release))
    assert [(move.name, move.owner) for move in moves] == [("mysql", "mysql"), ("rabbitmq", "rabbitmq"), ("glance", "glance")]
    assert moves[0].export == "myfileserv.example.com:/mysql_data"
    assert data_moves(site_of(release, ("keystone",)), load_release(release)) == ()


def test_what_cannot_be_mounted_says_why(tmp_path: Path) -> None:
    """As mount says it."""
    move = DataMove(
        name=f"t{os.getpid()}", path=str(tmp_path), export="/no/such/thing", type="", options="", owner="x", group="x", mode="0755"
    )
    with pytest.raises(MoveRefused, match="mount -- /no/such/thing"):
        LinuxMounts().mount(move)
    os.rmdir(f"/run/understudy-openstack/t{os.getpid()}")


MOUNTING = """
import sys
from understudy.openstack.core.moving import DataMove
from understudy.openstack.moving import LinuxMounts
folder, name = sys.argv[1:]
move = DataMove(name=name, path=folder, export=folder, type="", options="bind", owner="x", group="x", mode="0755")
mounts = LinuxMounts()
for _ in range(2):  # the second finds what an interrupted run has left
    at = mounts.mount(move)
    assert (at / "ibdata1").read_text() == "data"
assert mounts.source(str(at))
mounts.unmount(move)
assert not mounts.source(str(at))
assert not list(at.iterdir())
at.rmdir()
"""


@pytest.mark.lab
def test_an_export_is_mounted_beside_and_unmounted(tmp_path: Path) -> None:
    """By mount(8), in a table of mounts of its own."""
    if not have_root():
        pytest.skip("needs root")
    (tmp_path / "ibdata1").write_text("data")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    words = ["unshare", "--mount", sys.executable, "-c", MOUNTING, str(tmp_path), f"t{os.getpid()}"]
    subprocess.run(words, env=environment, check=True)


def test_the_command_names_what_it_does_not_know(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And where it is to be given."""
    (place / "site.toml").write_text(SITE.replace("RELEASE", "zed"))
    command = ["openstack", "move-data", "--site", f"{place}/site.toml"]
    assert understudy.main([*command, "cinder"]) == 2
    assert "cinder: the site has no such data to move; it has mysql, rabbitmq, glance" in capsys.readouterr().err
    assert understudy.main(command) == 2
    assert "is no controller of the site; give the command where the data is" in capsys.readouterr().err
