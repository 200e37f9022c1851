"""A service's data onto its share, once: mounted beside, copied, compared, renamed into place, and the local directory set aside.

What comes next is decided in `core/moving.py`, from both sides, before every phase; so an interruption anywhere is taken up again by the
same command. Must never: delete data, begin while something uses it, or go on where both sides hold some.
"""

import json
import os
import pwd
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from understudy.errors import UnderstudyError
from understudy.linux.mounts import read_mounts
from understudy.openstack.core.moving import (
    ASIDE,
    MARKER,
    OF_THE_FILE_SYSTEM,
    STAGING,
    DataMove,
    MoveMarker,
    MovePhase,
    MoveSeen,
    data_of,
    marker_from_json,
    marker_to_json,
    next_phase,
)
from understudy.openstack.trees import CopyProgress, copy, count, listing, walk

MOUNT_S = 60
AT = "/run/understudy-openstack"
"""Below it the exports are mounted while data moves."""
_LARGEST_MARKER = 1 << 20


class MoveRefused(UnderstudyError):
    """Data is not moved, or no further; str() says why and what to do. The same command goes on when the cause is gone."""


@dataclass(frozen=True, slots=True)
class DataMoved:
    """What has come of it. Nothing was to be moved: no file."""

    files: int = 0
    size: int = 0
    remarks: tuple[str, ...] = ()


class MountsPort(Protocol):
    """Mounting, for real or in a tree."""

    def source(self, path: str) -> str:
        """What is mounted at this very path; empty: nothing is."""
        ...

    def mount(self, move: DataMove) -> Path:
        """Its export, beside. MoveRefused."""
        ...

    def unmount(self, move: DataMove) -> None:
        """No more."""
        ...


class LinuxMounts:
    """The kernel's, by mount(8), with a time limit."""

    def source(self, path: str) -> str:
        """Of the port."""
        found = [line.source for line in read_mounts() if line.point == path]
        return found[-1] if found else ""

    def mount(self, move: DataMove) -> Path:
        """Of the port."""
        at = Path(AT) / move.name
        at.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.source(str(at)):  # of a run that was interrupted, perhaps with another site
            self._run(["umount", str(at)])
        options = [*(["-t", move.type] if move.type else []), *(["-o", move.options] if move.options else [])]
        self._run(["mount", *options, "--", move.export, str(at)])
        return at

    def unmount(self, move: DataMove) -> None:
        """Of the port."""
        at = f"{AT}/{move.name}"
        if self.source(at):
            with suppress(MoveRefused):  # it stays, and is the next run's
                self._run(["umount", at])

    def _run(self, words: Sequence[str]) -> None:
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=MOUNT_S, check=False, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError) as error:
            raise MoveRefused(f"{' '.join(words)}: {getattr(error, 'strerror', None) or f'no answer in {MOUNT_S} s'}") from None
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
            raise MoveRefused(f"{' '.join(words)}: {said[-1][:200]}")


def users_of(move: DataMove) -> tuple[str, ...]:
    """Processes of the data's owner, and those with a file of it open or as their directory."""
    try:
        uid = pwd.getpwnam(move.owner).pw_uid
    except KeyError:
        raise MoveRefused(f"there is no user {move.owner} here: install the package that makes it") from None
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            with suppress(OSError):
                if (uid and _user(process) == uid) or _holds(process, move.path):
                    found.append(f"{(process / 'comm').read_text().strip()} (process {process.name})")
    return tuple(sorted(found))


def _user(process: Path) -> int:
    lines = (process / "status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Uid:")).split()[1])


def _holds(process: Path, path: str) -> bool:
    below = f"{os.path.realpath(path)}/"
    links = [process / "cwd", *(process / "fd").iterdir()]
    return any(f"{target}/".startswith(below) for link in links if (target := _read_link(link)))


def _read_link(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


class DataMover:
    """One service's. `report`: files and bytes that are more, of copying and of comparing; `step`: is called before each change."""

    def __init__(
        self,
        move: DataMove,
        server: str,
        mounts: MountsPort,
        *,
        users: Callable[[DataMove], tuple[str, ...]] = users_of,
        report: CopyProgress = lambda files, size: None,
        step: Callable[[str], None] = lambda what: None,
        numbers: Callable[[DataMove], tuple[int, int]] | None = None,
    ) -> None:
        self._move, self._server, self._mounts = move, server, mounts
        self._users, self._report, self._step = users, report, step
        self._numbers = numbers or _numbers
        self._path, self._aside = Path(move.path), Path(move.path + ASIDE)

    def run(self) -> DataMoved:
        """Until nothing is to be done. MoveRefused, OSError."""
        if there := self._mounts.source(self._move.path):
            if there == self._move.export:
                return DataMoved(remarks=(f"{self._move.export} is mounted at {self._move.path}: the service's data is there",))
            raise MoveRefused(f"{there} is mounted at {self._move.path}, not {self._move.export}: umount {self._move.path}")
        if not self._path.is_dir() and not self._aside.is_dir():
            raise MoveRefused(f"{self._move.path} is not there: install the package that makes it")
        share = self._mounts.mount(self._move)
        try:
            return self._on(share)
        finally:
            self._mounts.unmount(self._move)

    def _on(self, share: Path) -> DataMoved:
        moved = DataMoved()
        while True:
            seen = self._seen(share)
            phase = next_phase(seen)
            match phase:
                case MovePhase.COPY:
                    moved = self._copy(share, seen)
                case MovePhase.TAKE_BACK:
                    self._take_back(share, seen)
                case MovePhase.RENAME:
                    self._rename(share, seen)
                case MovePhase.SET_ASIDE:
                    self._set_aside()
                case MovePhase.FORGET:
                    self._forget(share)
                case MovePhase.NOTHING:
                    self._own(share)
                    self._make_path()
                    return moved
                case _:
                    raise MoveRefused(phase)

    def _seen(self, share: Path) -> MoveSeen:
        if mounted := self._mounts.source(self._move.path):
            raise MoveRefused(f"{mounted} was mounted at {self._move.path} meanwhile: stop what mounted it")
        staging = share / f"{STAGING}{self._server}"
        there = self._path.is_dir()
        return MoveSeen(
            server=self._server,
            path=self._move.path,
            export=self._move.export,
            local=data_of(tuple(sorted(os.listdir(self._path)))) if there else (),
            share=tuple(sorted(os.listdir(share))),
            staged=tuple(sorted(os.listdir(staging))) if staging.is_dir() else (),
            marker=self._marker(share),
            listing=listing(self._path, OF_THE_FILE_SYSTEM) if there else "",
            aside=self._aside.is_dir(),
            running=self._users(self._move),
        )

    def _marker(self, share: Path) -> MoveMarker | None:
        path = share / MARKER
        try:
            with path.open("rb") as file:
                return marker_from_json(json.loads(file.read(_LARGEST_MARKER)))
        except FileNotFoundError:
            return None
        except (KeyError, TypeError, ValueError) as error:
            raise MoveRefused(f"{MARKER} on {self._move.export} is damaged ({error}): look what is there, and delete it") from None

    def _copy(self, share: Path, seen: MoveSeen) -> DataMoved:
        staging = share / f"{STAGING}{self._server}"
        needed, free = sum(state.st_blocks * 512 for _, state in walk(self._path, OF_THE_FILE_SYSTEM)), os.statvfs(share)
        done = sum(state.st_blocks * 512 for _, state in walk(staging)) if staging.is_dir() else 0
        if (left := free.f_bavail * free.f_frsize) < needed - done:
            raise MoveRefused(f"{self._move.export} has {left} bytes free, and {needed - done} are needed")
        self._step(f"copy to {staging.name}")
        with self._trusted():
            staging.mkdir(mode=0o700, exist_ok=True)
            not_taken = copy(self._path, staging, self._report, OF_THE_FILE_SYSTEM)
        self._step("compare")
        ours, theirs = count(self._path, self._report, OF_THE_FILE_SYSTEM), count(staging, self._report)
        if listing(self._path, OF_THE_FILE_SYSTEM) != seen.listing:
            raise MoveRefused(f"{self._move.path} was changed while it was copied: stop what writes there, and give the same command again")
        if (ours.files, ours.size, ours.digest) != (theirs.files, theirs.size, theirs.digest):
            what = f"{ours.files} files with {ours.size} bytes here, {theirs.files} with {theirs.size} there"
            raise MoveRefused(f"the copy is not the same ({what}): delete {staging.name} on the share, and give the same command again")
        self._write_marker(share, MoveMarker(server=self._server, names=_names(staging), listing=seen.listing))
        remarks = [f"{len(ours.skipped)} sockets were left out"] if ours.skipped else []
        remarks += [f"the share does not take {', '.join(sorted(not_taken))}"] if not_taken else []
        return DataMoved(ours.files, ours.size, tuple(remarks))

    @contextmanager
    def _trusted(self) -> Iterator[None]:
        """For what root alone may do on the share."""
        try:
            yield
        except PermissionError as error:
            why = "it does not let root write and set owners (root_squash, perhaps): export it with no_root_squash"
            raise MoveRefused(f"{self._move.export}: {error.strerror}: {why}") from None

    def _write_marker(self, share: Path, marker: MoveMarker) -> None:
        self._step("note that it was compared")
        new = share / f"{MARKER}.new"
        with new.open("w") as file:
            json.dump(marker_to_json(marker), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, share / MARKER)
        _flush(share)

    def _rename(self, share: Path, seen: MoveSeen) -> None:
        staging = share / f"{STAGING}{self._server}"
        for name in seen.staged:
            self._step(f"rename {name}")
            os.rename(staging / name, share / name)
        _flush(share)

    def _take_back(self, share: Path, seen: MoveSeen) -> None:
        staging = share / f"{STAGING}{self._server}"
        staging.mkdir(mode=0o700, exist_ok=True)
        assert seen.marker is not None, "next_phase has looked"
        for name in seen.marker.names:
            if name in seen.share:
                self._step(f"take back {name}")
                os.rename(share / name, staging / name)
        self._step("forget that it was compared")
        (share / MARKER).unlink()
        _flush(share)

    def _set_aside(self) -> None:
        self._step(f"rename {self._path} to {self._aside}")
        os.rename(self._path, self._aside)
        _flush(self._path.parent)
        self._step(f"make {self._path}")
        self._make_path()

    def _make_path(self) -> None:
        """Empty, as it was: the share is mounted there."""
        if not self._path.is_dir():
            state = os.stat(self._aside)
            os.mkdir(self._path, 0o700)
            os.chown(self._path, state.st_uid, state.st_gid)
            os.chmod(self._path, stat.S_IMODE(state.st_mode))
            _flush(self._path.parent)

    def _forget(self, share: Path) -> None:
        self._step("forget the copy beside")
        with suppress(FileNotFoundError):
            (share / f"{STAGING}{self._server}").rmdir()
        (share / MARKER).unlink()
        _flush(share)

    def _own(self, share: Path) -> None:
        uid, gid = self._numbers(self._move)
        state, mode = os.stat(share), int(self._move.mode, 8)
        if (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) != (uid, gid, mode):
            self._step("set the owner of the export's top")
            with self._trusted():
                os.chown(share, uid, gid)
                os.chmod(share, mode)


def _names(folder: Path) -> tuple[str, ...]:
    """In order."""
    return tuple(sorted(os.listdir(folder)))


def _numbers(move: DataMove) -> tuple[int, int]:
    import grp

    return pwd.getpwnam(move.owner).pw_uid, grp.getgrnam(move.group).gr_gid


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
