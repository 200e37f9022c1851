"""Copies of directory trees with everything on them, and their comparison: for `moving.py`.

Owner, mode, times, extended attributes, symbolic links and holes come along; sockets do not, as nobody listens on a copy. A file is written
beside its place and renamed, so what is there is whole, and a copy that was interrupted goes on. Must never: follow a symbolic link.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PART = 1 << 20
_SECOND = 1_000_000_000
HALF = ".understudy-half"
"""Ends the name of a file that is not whole."""
CopyProgress = Callable[[int, int], None]
"""Is called with files and bytes that are more."""


@dataclass(slots=True)
class TreeCount:
    """What a tree has. `digest`: of all names, owners, modes and contents."""

    files: int = 0
    size: int = 0
    digest: str = ""
    skipped: list[str] = field(default_factory=list)
    """Sockets, by their paths within the tree."""


def walk(top: Path, leave_out: frozenset[str] = frozenset()) -> Iterator[tuple[str, os.stat_result]]:
    """Everything below, in order, each directory before what is in it: path within the tree, and its state. `leave_out`: names on top."""
    for name in sorted(set(os.listdir(top)) - leave_out):
        found = os.lstat(top / name)
        yield name, found
        if stat.S_ISDIR(found.st_mode):
            yield from ((f"{name}/{below}", state) for below, state in walk(top / name))


def listing(top: Path, leave_out: frozenset[str] = frozenset()) -> str:
    """A digest of names, kinds, sizes and times: another one says that somebody has written. Empty: nothing is there."""
    made, found = hashlib.sha256(), False
    for name, state in walk(top, leave_out):
        found = True
        times = 0 if stat.S_ISDIR(state.st_mode) else state.st_mtime_ns
        size = 0 if stat.S_ISDIR(state.st_mode) else state.st_size
        made.update(f"{name}\0{state.st_mode}\0{state.st_uid}\0{state.st_gid}\0{size}\0{times}\n".encode(errors="surrogateescape"))
    return made.hexdigest() if found else ""


def count(top: Path, progress: CopyProgress, leave_out: frozenset[str] = frozenset()) -> TreeCount:
    """Read every byte of it."""
    made, seen = hashlib.sha256(), TreeCount()
    for name, state in walk(top, leave_out):
        if stat.S_ISSOCK(state.st_mode):
            seen.skipped.append(name)
            continue
        made.update(f"{name}\0{state.st_mode}\0{state.st_uid}\0{state.st_gid}\0".encode(errors="surrogateescape"))
        if stat.S_ISREG(state.st_mode):
            content, size = _digest(top / name, progress)
            made.update(content)
            seen.files, seen.size = seen.files + 1, seen.size + size
            progress(1, 0)
        elif stat.S_ISLNK(state.st_mode):
            made.update(os.fsencode(os.readlink(top / name)))
    seen.digest = made.hexdigest()
    return seen


def _digest(path: Path, progress: CopyProgress) -> tuple[bytes, int]:
    made, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:
        with suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # from the storage, not from what was just written
        while part := file.read(PART):
            made.update(part)
            size += len(part)
            progress(0, len(part))
    return made.digest(), size


def copy(source: Path, target: Path, progress: CopyProgress, leave_out: frozenset[str] = frozenset()) -> list[str]:
    """Make the target as the source; what it has already is not copied again, what is too much goes. Names of extended attributes that the
    target does not take. OSError."""
    not_taken: dict[str, None] = {}
    wanted = dict(walk(source, leave_out))
    for name, state in wanted.items():
        if not stat.S_ISSOCK(state.st_mode):
            _copy_one(source / name, target / name, state, progress, not_taken)
    for name, state in reversed(list(walk(target))):
        if name not in wanted or stat.S_ISSOCK(wanted[name].st_mode):
            (os.rmdir if stat.S_ISDIR(state.st_mode) else os.unlink)(target / name)
    for name, state in reversed(wanted.items()):
        if stat.S_ISDIR(state.st_mode):  # after what is in it: writing there changes its times, and its mode may forbid it
            _dress(source / name, target / name, state, not_taken)
            _flush(target / name)
    _flush(target)
    return list(not_taken)


def _copy_one(source: Path, target: Path, state: os.stat_result, progress: CopyProgress, not_taken: dict[str, None]) -> None:
    there = _lstat(target)
    if there is not None and stat.S_IFMT(there.st_mode) != stat.S_IFMT(state.st_mode):
        _remove(target, there)
        there = None
    if stat.S_ISDIR(state.st_mode):
        if there is None:
            os.mkdir(target, 0o700)
        return
    half = target.with_name(target.name + HALF)
    with suppress(FileNotFoundError):
        os.unlink(half)
    if stat.S_ISREG(state.st_mode):
        if there is not None and _same(there, state):
            progress(1, state.st_size)
            return
        _copy_content(source, half, progress)
    elif stat.S_ISLNK(state.st_mode):
        os.symlink(os.readlink(source), half)
    else:
        os.mknod(half, state.st_mode, state.st_rdev)
    _dress(source, half, state, not_taken)
    os.replace(half, target)
    progress(1 if stat.S_ISREG(state.st_mode) else 0, 0)


def _same(there: os.stat_result, wanted: os.stat_result) -> bool:
    """A file is renamed into place only when it is whole and dressed; its bytes are compared later in any case."""

    def looked_at(state: os.stat_result) -> tuple[int, ...]:
        return state.st_mode, state.st_uid, state.st_gid, state.st_size

    seconds = wanted.st_mtime_ns // _SECOND * _SECOND  # some file systems keep no less
    return looked_at(there) == looked_at(wanted) and there.st_mtime_ns in (wanted.st_mtime_ns, seconds)


def _copy_content(source: Path, target: Path, progress: CopyProgress) -> None:
    """With its holes: an image of a disk may be much larger than what is in it."""
    given = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            size, at = os.fstat(given).st_size, 0
            os.ftruncate(made, size)
            while at < size:
                begin, end = _next_data(given, at, size)
                progress(0, begin - at)
                for start in range(begin, end, PART):
                    part = os.pread(given, min(PART, end - start), start)
                    _write(made, part, start)
                    progress(0, len(part))
                at = end
            os.fsync(made)
        finally:
            os.close(made)
    finally:
        os.close(given)


def _write(descriptor: int, part: bytes, at: int) -> None:
    while part:
        written = os.pwrite(descriptor, part, at)
        part, at = part[written:], at + written


def _next_data(descriptor: int, at: int, size: int) -> tuple[int, int]:
    """Where data begins and ends from there on."""
    try:
        begin = os.lseek(descriptor, at, os.SEEK_DATA)
        return begin, os.lseek(descriptor, begin, os.SEEK_HOLE)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size, size  # a hole to the end
        if error.errno in (errno.EINVAL, errno.ENOTSUP):
            return at, size  # this file system does not say
        raise


def _dress(source: Path, target: Path, state: os.stat_result, not_taken: dict[str, None]) -> None:
    """Owner first: it takes bits of the mode away."""
    os.lchown(target, state.st_uid, state.st_gid)
    for name in _attributes(source):
        try:
            os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=False), follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.ENODATA):
                raise
            not_taken[name] = None
    if not stat.S_ISLNK(state.st_mode):
        os.chmod(target, stat.S_IMODE(state.st_mode))
    os.utime(target, ns=(state.st_atime_ns, state.st_mtime_ns), follow_symlinks=False)


def _attributes(path: Path) -> list[str]:
    try:
        return os.listxattr(path, follow_symlinks=False)
    except OSError:
        return []


def _remove(path: Path, state: os.stat_result) -> None:
    if stat.S_ISDIR(state.st_mode):
        for name, below in reversed(list(walk(path))):
            (os.rmdir if stat.S_ISDIR(below.st_mode) else os.unlink)(path / name)
        os.rmdir(path)
    else:
        os.unlink(path)


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
