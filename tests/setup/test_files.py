"""Files that take the place of others: what a writer that was killed leaves beside them does not stay."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support import wait_until
from understudy.daemon import main
from understudy.setup import files
from understudy.setup.files import NewFile, remove_leftovers, write_file
from understudy.setup.places import SetupPlaces

KILLED = """
import os, signal, sys
from understudy.setup.files import NewFile, write_file
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
write_file(NewFile(sys.argv[1], "never", 0o600))
"""


def left_behind(file: Path) -> list[str]:
    """Names in its folder, after a writer of it was killed in the midst of that."""
    environment = {"PYTHONPATH": str(Path(files.__file__).parents[2])}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(file)], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    return names(file)


def names(file: Path) -> list[str]:
    """In its folder."""
    return sorted(os.listdir(file.parent))


def test_what_a_killed_writer_left_goes_with_the_next_writing_of_the_file(tmp_path: Path) -> None:
    """However often one was killed, one is there at most; those of other files are theirs."""
    file, other = tmp_path / "tokens.json", tmp_path / "other"
    assert len(left_behind(other)) == 1
    for _ in range(3):
        assert len(left_behind(file)) == 2
    write_file(NewFile(str(file), "at last", 0o600))
    assert len(names(file)) == 2
    assert file.read_text() == "at last"


def test_all_that_was_left_in_a_folder_goes_and_nothing_else(tmp_path: Path) -> None:
    """Not what has other names, is a link or no file, nor what somebody writes at this moment."""
    left_behind(tmp_path / "one")
    kept = {"a.new", "a.0123456.new", ".01234567.new", "link.01234567.new", "folder.01234567.new"}
    for name in ("a.new", "a.0123456.new", ".01234567.new"):
        (tmp_path / name).write_text("")
    (tmp_path / "link.01234567.new").symlink_to("a.new")
    (tmp_path / "folder.01234567.new").mkdir()
    with files._beside(str(tmp_path / "being-written")) as (beside, _):
        remove_leftovers(str(tmp_path))
        assert set(names(tmp_path / "one")) == kept | {os.path.basename(beside)}


def test_who_was_taken_for_a_leftover_before_the_lock_begins_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, opened = tmp_path / "file", os.open
    removed: list[str] = []

    def open_and_be_removed(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = opened(path, flags, mode)
        if path.endswith(".new") and not removed:
            os.unlink(path)
            removed.append(path)
        return descriptor

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", open_and_be_removed)
        write_file(NewFile(str(file), "whole", 0o644))
    assert removed
    assert (names(file), file.read_text()) == (["file"], "whole")


async def test_the_daemon_removes_them_when_it_begins(tmp_path: Path) -> None:
    """Beside settings, keys and state; and goes on."""
    places = SetupPlaces(config=str(tmp_path / "etc/understudy.toml"))
    folders = [tmp_path / "etc", tmp_path / "etc/keys", tmp_path / "state"]
    for folder in folders:
        folder.mkdir()
        left_behind(folder / "file")
    removing = asyncio.create_task(main._remove_leftovers(places, str(tmp_path / "state")))
    await wait_until(lambda: not [*tmp_path.rglob("*.new")], 30, "nothing is left")
    assert not removing.done()
    removing.cancel()


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    remove_leftovers(str(tmp_path / "nowhere"))
