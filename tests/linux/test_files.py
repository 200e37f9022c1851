"""Files that can be written while their file system is full."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from understudy.guard.notice import Notice
from understudy.guard.starters import Starters
from understudy.linux.files import SteadyFile, advice
from understudy.linux.lease import LeaseFile
from understudy.linux.processes import start_time, write_pid

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of one megabyte."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def fill(directory: Path) -> None:
    """Until not one block is left."""
    with (directory / "fill").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert os.statvfs(directory).f_bfree == 0


def test_it_is_replaced_whole_on_a_full_file_system(small: Path) -> None:
    file = SteadyFile(str(small / "list"), room=8192)
    file.write(b"first")
    file.write(b"second")
    fill(small)
    for number in range(5):
        before = os.stat(small / "list").st_ino
        file.write(f"{number}".encode() * 5000)
        assert (small / "list").read_bytes().strip() == f"{number}".encode() * 5000
        assert os.stat(small / "list").st_ino != before, "another file: no reader sees half of it"


def test_more_than_its_room_takes_more_where_there_is_any(small: Path) -> None:
    file = SteadyFile(str(small / "list"), room=64)
    file.write(b"x")
    file.write(b"x" * 500)
    assert (small / "list").read_bytes().strip() == b"x" * 500
    fill(small)
    with pytest.raises(OSError, match="No space") as error:
        file.write(b"x" * 50_000)
    assert "free some space there" in advice(error.value, "/run/understudy")
    assert (small / "list").read_bytes().strip() == b"x" * 500


def test_a_successor_writes_its_pid_lease_and_notice_on_a_full_file_system(small: Path) -> None:
    def begin() -> None:
        lease, notice = LeaseFile(str(small / "lease")), Notice(str(small))
        lease.begin(b"i" * 16)
        notice.post(["a sentence"])
        descriptor = os.open(small / "understudyd.pid", os.O_RDWR | os.O_CREAT)
        write_pid(descriptor, os.getpid(), start_time(os.getpid()))
        os.close(descriptor)

    begin()
    fill(small)
    begin()
    starters = Starters(str(small))
    starters.look()
    assert {pid for pid, _ in starters.living("understudyd")} == {os.getpid()}
    starters.close()


def test_a_first_lease_on_a_full_file_system_is_refused_and_not_a_bus_error(small: Path) -> None:
    fill(small)
    with pytest.raises(OSError, match="No space"):
        LeaseFile(str(small / "lease"))
