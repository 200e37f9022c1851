"""What the file of an action script is, before anything of it runs."""

import os
from pathlib import Path

import pytest

from understudy.agents.scriptfile import Owner, who_may_change, why_not_run

ROOT, BOB = Owner(), Owner(uid=4711, gid=4712)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"#!/bin/sh\nexit 0\n", ""),
        (b"exit 0\n", ""),  # without a first line for the kernel a shell reads it
        (b"\x7fELF\x02\x01\0\0", ""),
        (b"#! /usr/bin/env -S sh -e\n", ""),
        (b"", "empty"),
        (b"\0\x01\x02", "neither a script nor a program"),
        (b"#!/bin/sh\r\nexit 0\r\n", "carriage return (DOS line ends)"),
        (b"#!/usr/bin/env sh\r\nexit 0\r\n", "carriage return (DOS line ends)"),
        (b"#!\n", "names no interpreter"),
        (b"#!/no/such/shell -e\n", "its interpreter /no/such/shell does not exist on this server"),
        (b"#!/etc/passwd\n", "its interpreter /etc/passwd is not executable"),
        (b"#!/usr/bin/env nosuchthing\n", "its interpreter nosuchthing is not in /usr/local/sbin:"),
    ],
)
def test_a_file_that_cannot_be_run_as_it_is_meant(tmp_path: Path, content: bytes, says: str) -> None:
    """The reason is named, not only that it failed."""
    script = tmp_path / "x.scr"
    script.write_bytes(content)
    found = why_not_run(str(script))
    assert says in found
    assert bool(says) == bool(found)


@needs_root
@pytest.mark.parametrize(
    ("what", "mode", "owner", "says"),
    [
        ("file", 0o755, (0, 0), ""),
        ("file", 0o775, (0, 0), ""),  # the group root
        ("file", 0o777, (0, 0), "x.scr may be written by everybody: chmod o-w"),
        ("file", 0o775, (0, 4712), "x.scr may be written by group 4712: chmod g-w"),
        ("file", 0o755, (4711, 0), "x.scr belongs to 4711: chown root"),
        ("folder", 0o777, (0, 0), "inner may be written by everybody"),
        ("folder", 0o1777, (0, 0), ""),  # the sticky bit: nobody replaces what is not theirs
        ("folder", 0o755, (4711, 0), "inner belongs to 4711"),
    ],
)
def test_who_else_may_change_what_root_runs(tmp_path: Path, what: str, mode: int, owner: tuple[int, int], says: str) -> None:
    """The file itself and every directory on the way."""
    folder, script = _script(tmp_path)
    place = script if what == "file" else folder
    os.chown(place, *owner)
    place.chmod(mode)
    found = who_may_change(str(script), ROOT)
    assert says in found
    assert bool(says) == bool(found)


@needs_root
def test_an_owner_may_change_what_runs_as_that_owner_alone(tmp_path: Path) -> None:
    """And root may; nobody else."""
    folder, script = _script(tmp_path)
    for place in (folder, script):
        os.chown(place, BOB.uid, BOB.gid)
        place.chmod(0o775)
    assert who_may_change(str(script), BOB) == ""
    assert "belongs to 4711" in who_may_change(str(script), ROOT)
    assert "belongs to 4711" in who_may_change(str(script), Owner(uid=4713, gid=4712))
    script.chmod(0o777)
    assert "by everybody" in who_may_change(str(script), BOB)


@needs_root
def test_what_a_link_leads_to_counts_and_so_does_its_way(tmp_path: Path) -> None:
    """Links to links, and links in directories of others."""
    folder, script = _script(tmp_path)
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to(script)
    assert who_may_change(str(tmp_path / "a"), ROOT) == ""
    folder.chmod(0o777)
    assert "inner may be written by everybody" in who_may_change(str(tmp_path / "a"), ROOT)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        who_may_change(str(tmp_path / "loop"), ROOT)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "mine").symlink_to("/bin/sh")
    os.chown(shared / "mine", 4711, 4712, follow_symlinks=False)
    assert "mine belongs to 4711" in who_may_change(str(shared / "mine"), ROOT)


def _script(tmp_path: Path) -> tuple[Path, Path]:
    folder = tmp_path / "inner"
    folder.mkdir()
    script = folder / "x.scr"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    return folder, script
