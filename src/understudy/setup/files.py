"""Files that are written whole or not at all, and are on the disk when that is said; modes are right from the first moment.

Called by `begin.py`, `enter.py`, `tokens.py`. Must never: leave half of a file under its name, or let others read a key for a moment.
"""

import contextlib
import os
import secrets
from dataclasses import dataclass, field

from understudy.linux.files import read_whole


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
    beside = f"{file.path}.{secrets.token_hex(4)}.new"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(file.content.encode())
            stream.flush()
            os.fchmod(descriptor, file.mode)
            os.fsync(descriptor)
        os.replace(beside, file.path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    _sync(os.path.dirname(file.path))
    return True


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
