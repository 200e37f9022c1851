"""Files that are written whole or not at all, and are on the disk when that is said; modes are right from the first moment.

Called by `begin.py`, `enter.py`, `tokens.py`. Must never: leave half of a file under its name, or let others read a key for a moment. What
a writer that was killed has left beside a file goes with the next writing of it, and when the daemon begins: a living writer has it locked.
"""

import contextlib
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from understudy.linux.files import read_whole

_BESIDE = re.compile(r"(.+)\.[0-9a-f]{8}\.new")
"""Names of files that are written to take another's place."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file as it is to be."""

    path: str
    content: str = field(repr=False)
    mode: int


def write_file(file: NewFile) -> bool:
    """Write it, unless it is there just so; whether it was written. OSError."""
    if _is_so(file):
        return False
    folder, name = os.path.split(file.path)
    remove_leftovers(folder, name)
    with _beside(file.path) as (beside, descriptor):
        with os.fdopen(descriptor, "wb", closefd=False) as stream:
            stream.write(file.content.encode())
        os.fchmod(descriptor, file.mode)
        os.fsync(descriptor)
        os.replace(beside, file.path)
    _sync(folder)
    return True


def remove_leftovers(folder: str, name: str = "") -> None:
    """Remove what writers that were killed have left beside files in this folder, or beside the one of this name. Never raises: what cannot
    be removed now can be next time."""
    with contextlib.suppress(OSError):
        for found in os.listdir(folder or "."):
            if (left := _BESIDE.fullmatch(found)) and name in ("", left[1]):
                with contextlib.suppress(OSError):
                    _remove_if_left(os.path.join(folder, found))


def _remove_if_left(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _beside(path: str) -> Iterator[tuple[str, int]]:
    """A new file beside it, locked; it is removed if it has not taken the other's place."""
    while True:
        beside = f"{path}.{secrets.token_hex(4)}.new"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if _lock(descriptor):
                yield beside, descriptor
                return
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether it is ours: somebody may have taken it for a leftover before it was locked. A file system without locks has no such."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return os.fstat(descriptor).st_nlink > 0


def make_folder(path: str, mode: int) -> None:
    """A folder, closed as it should be also if it was there before. OSError."""
    os.makedirs(path, mode=mode, exist_ok=True)
    if os.stat(path).st_mode & 0o777 != mode:
        os.chmod(path, mode)


def read_text(path: str) -> str:
    """What a file says; empty: there is none. OSError; BadSettings: it is too large to be one of ours."""
    try:
        return read_whole(path).decode(errors="replace")
    except FileNotFoundError:
        return ""


def _is_so(file: NewFile) -> bool:
    try:
        found = os.lstat(file.path)
    except FileNotFoundError:
        return False
    return found.st_mode & 0o170777 == 0o100000 | file.mode and found.st_uid == os.geteuid() and read_text(file.path) == file.content


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
