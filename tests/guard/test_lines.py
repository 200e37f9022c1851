"""Logs that hang, fill up or are renamed: nobody waits for them, and what is lost is counted."""

import os
import subprocess
import sys
import time
from pathlib import Path

from support import wait_for
from understudy.guard.lines import MOST_BYTES, Lines
from understudy.guard.logfile import LogFile

SOURCE = Path(__file__).parents[2] / "src"


def test_a_renamed_log_is_opened_anew(tmp_path: Path) -> None:
    """What rotates logs need not tell us."""
    path = tmp_path / "logs" / "alert.log"
    log = Lines(str(path))
    log.write("first\n")
    wait_for(lambda: path.exists() and path.read_text() == "first\n", 5, "it is written")
    path.rename(tmp_path / "alert.log.1")
    log.write("second\n")
    wait_for(lambda: path.exists() and path.read_text() == "second\n", 5, "it is written under the name")
    log.close()
    assert (tmp_path / "alert.log.1").read_text() == "first\n"


def test_standard_error_follows_its_file(tmp_path: Path) -> None:
    """Also for what others in the process print there."""
    path = tmp_path / "understudyd.log"
    code = """
import os, sys
from understudy.guard.lines import standard_error
log = standard_error("understudyd")
log.write("one\\n")
input()
log.write("two\\n")
log.close()
os.write(2, b"three\\n")
"""
    with (
        path.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=errors, env={**os.environ, "PYTHONPATH": str(SOURCE)}
        ) as process,
    ):
        assert process.stdin
        wait_for(lambda: path.read_text() == "one\n", 10, "it is written")
        path.rename(tmp_path / "understudyd.log.1")
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.wait(10) == 0
    assert path.read_text() == "two\nthree\n"


def test_a_log_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    """A pipe that nobody reads stands for a disk that does not answer; its end frees the thread."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    log = Lines(str(path))
    began = time.monotonic()
    for _ in range(3 * MOST_BYTES // 1000):
        log.write("x" * 999 + "\n")
    log.close(0.1)
    assert time.monotonic() - began < 5
    with path.open("rb") as reader:
        first = reader.readline()
    assert first == b"x" * 999 + b"\n" or b"lines before this one are lost" in first


def test_a_full_disk_is_survived_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    """/dev/full says what a full disk says."""
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    log = Lines(str(path))
    log.write("lost\n")
    wait_for(lambda: log._lost == 1, 5, "it could not be written")
    path.unlink()
    log.write("kept\n")
    wait_for(lambda: path.exists() and path.read_text().endswith("kept\n"), 5, "there is room again")
    log.close()
    assert path.read_text() == "1 lines before this one are lost: No space left on device\nkept\n"


def test_a_log_begins_anew_before_it_is_too_long(tmp_path: Path) -> None:
    """And keeps the one before it: a disk is not filled by a log, whatever fills the log."""
    path = tmp_path / "alert.log"
    log = LogFile(str(path), most_bytes=1000)
    for number in range(100):
        log.write(b"%03d %s\n" % (number, b"x" * 95))
    sizes = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert sizes == {"alert.log": 1000, "alert.log.1": 1000}
    assert path.read_bytes().startswith(b"090 ")
    assert (tmp_path / "alert.log.1").read_bytes().startswith(b"080 ")


def test_a_line_longer_than_a_log_may_be_is_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(str(path), most_bytes=10)
    log.write(b"x" * 20 + b"\n")
    log.write(b"next\n")
    assert (path.read_bytes(), (tmp_path / "log.1").read_bytes()) == (b"next\n", b"x" * 20 + b"\n")


def test_a_log_that_cannot_be_renamed_goes_on(tmp_path: Path) -> None:
    """A folder in the place of the old one."""
    path = tmp_path / "log"
    (tmp_path / "log.1" / "full").mkdir(parents=True)
    log = LogFile(str(path), most_bytes=10)
    for _ in range(3):
        log.write(b"123456789\n")
    assert path.read_bytes() == b"123456789\n" * 3


def test_a_device_is_no_log_to_begin_anew(tmp_path: Path) -> None:
    """Nor is what a link leads to: somebody has put it there on purpose."""
    path = tmp_path / "log"
    path.symlink_to("/dev/null")
    log = LogFile(str(path), most_bytes=10)
    for _ in range(3):
        log.write(b"123456789\n")
    assert [file.name for file in tmp_path.iterdir()] == ["log"]
