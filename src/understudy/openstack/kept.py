"""What was there before the first change of each place, and how it is taken back: files in a directory that only root reads.

A former version is on the disk before its place is changed, so there is no moment at which it could be lost. Called by `work.py`.
Must never: replace a former version by a later one.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from understudy.errors import BadInput
from understudy.openstack.core.plan import PlaceStep
from understudy.openstack.core.registered import RegistryStep
from understudy.openstack.core.states import KeysState, PlaceState, digest, from_json, to_json
from understudy.setup.files import NewFile, write_file

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """A place as it was before the first change. `written`: digest of what we last made of it; `foreign`: somebody else changed it in
    between."""

    number: int
    server: str
    place: str
    before: PlaceState
    written: str
    foreign: bool
    keys: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerRegistered:
    """Something that was commanded, and the command that takes it back."""

    number: int
    name: str
    undo: tuple[str, ...]


class FormerStates:
    """The directory. One run at a time holds it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: int | None = None
        """The highest number that was given; None: not looked yet."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """By this run alone. BadInput: another run has it; OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(self._folder, 0o700)
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise BadInput(f"another run of understudy openstack holds {self._folder}; wait until it has ended") from None
        finally:
            os.close(descriptor)

    def keep(self, step: PlaceStep) -> None:
        """Before the step is carried out. OSError."""
        there = self._load(self._file(step.server, step.place))
        before, after = digest(step.before), digest(step.after)
        if isinstance(there, Former):
            foreign = there.foreign or before not in (there.written, digest(there.before))
            self._write(replace(there, written=after, foreign=foreign))
            return
        keys = isinstance(step.before, KeysState) or isinstance(step.after, KeysState)
        former = Former(
            number=self._next(), server=step.server, place=step.place, before=step.before, written=after, foreign=False, keys=keys
        )
        self._write(former)

    def follow(self, step: PlaceStep) -> None:
        """Before a step that is not to be taken back: what is noted of the place, if anything, is taken along. OSError."""
        if self._file(step.server, step.place).exists():
            self.keep(step)

    def keep_registered(self, step: RegistryStep) -> None:
        """Before the command is given. A thing that we made is deleted by its undoing, whatever was changed since."""
        if not self._file("", " ".join(step.undo)).exists():
            self._write(FormerRegistered(number=self._next(), name=step.name, undo=step.undo))

    def formers(self) -> tuple[Former | FormerRegistered, ...]:
        """All, the latest first. BadInput: one cannot be read."""
        found = [self._load(path) for path in self._folder.glob("*.json")]
        return tuple(sorted((former for former in found if former is not None), key=lambda former: -former.number))

    def forget(self, former: Former | FormerRegistered) -> None:
        """It was taken back."""
        self._path_of(former).unlink(missing_ok=True)

    def _path_of(self, former: Former | FormerRegistered) -> Path:
        return self._file(former.server, former.place) if isinstance(former, Former) else self._file("", " ".join(former.undo))

    def _file(self, server: str, place: str) -> Path:
        return self._folder / f"{hashlib.sha256(f'{server} {place}'.encode()).hexdigest()[:40]}.json"

    def _next(self) -> int:
        if self._last is None:
            self._last = max((former.number for former in self.formers()), default=0)
        self._last += 1
        return self._last

    def _write(self, former: Former | FormerRegistered) -> None:
        value: dict[str, object] = {"format": FORMAT, "number": former.number}
        if isinstance(former, Former):
            value |= {"server": former.server, "place": former.place, "before": to_json(former.before), "keys": former.keys}
            value |= {"written": former.written, "foreign": former.foreign}
        else:
            value |= {"name": former.name, "undo": list(former.undo)}
        write_file(NewFile(str(self._path_of(former)), json.dumps(value) + "\n", 0o600))

    def _load(self, path: Path) -> Former | FormerRegistered | None:
        try:
            raw = json.loads(path.read_text())
            if raw["format"] != FORMAT:
                raise ValueError(f"format {raw['format']}")
            if "undo" in raw:
                return FormerRegistered(number=int(raw["number"]), name=str(raw["name"]), undo=tuple(map(str, raw["undo"])))
            return Former(
                number=int(raw["number"]),
                server=str(raw["server"]),
                place=str(raw["place"]),
                before=from_json(raw["before"]),
                written=str(raw["written"]),
                foreign=bool(raw["foreign"]),
                keys=bool(raw["keys"]),
            )
        except FileNotFoundError:
            return None
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"{path} is damaged ({error}); move it away, and take back by hand what it was about") from None
