"""The past on a server's disk: what this server's copy of the registry was, change by change, and what its leader decided, in files of a
bounded size; the oldest goes first.

    <state_dir>/past/0000000007-001764245648123.past      frames: 4 bytes of length, then as many of zlib of msgpack of a list of entries

A file begins with everything that was known (`PastBase`); then come changes. The end of one may be torn, where a machine lost its power:
what is whole counts. Made by `past.py`, which calls it beside the loop; read by commands. Readable by root alone. Must never hold a key.
"""

import os
import re
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

FOLDER, ENDING = "past", ".past"
MOST_BYTES = 32 << 20
"""Of all files of one server."""
FILE_BYTES = 1 << 20
"""A file that is larger than this, and than three times what it began with, is followed by another."""
BASE_BYTES = MOST_BYTES // 4
"""Of what a file begins with: of a cluster for which that is too little nothing is kept."""
FREE_BYTES = 64 << 20
"""So much room is left on the disk for others."""
FRAME_BYTES = 256 << 20
"""Of one frame, unpacked: more is no frame."""
LEVEL = 1
"""Of the compression: a twentieth of the text is left, and it costs a tenth of what the next levels do."""
_LENGTH = struct.Struct(">I")
_NAME = re.compile(rf"(\d{{10,}})-(\d{{15,}}){re.escape(ENDING)}")


class PastBase(msgspec.Struct, tag="base", array_like=True, frozen=True):
    """All that the registry held. `follows`: nothing is missing between what stands before it and this."""

    wall: float
    """Seconds since the epoch, on this server's clock."""
    revision: int
    entries: dict[str, bytes]
    follows: bool = False


class PastChanges(msgspec.Struct, tag="changes", array_like=True, frozen=True):
    """One commit, as it came: key -> value, None: deleted."""

    wall: float
    revision: int
    entries: dict[str, bytes | None]


class PastReach(msgspec.Struct, tag="reach", array_like=True, frozen=True):
    """The registry went away, or came back."""

    wall: float
    reachable: bool


class PastDecision(msgspec.Struct, tag="decided", array_like=True, frozen=True):
    """What this server decided as leader, from what the registry held at this place in the file."""

    wall: float
    term: int
    revision: int
    now: float
    """On the leader's monotonic clock."""
    memory: dict[str, Any]
    """`policy/plan.py`: Memory."""
    unable: dict[str, Any]
    """Of the View: what guards said of servers that cannot act."""
    writes: dict[str, bytes | None]
    """What was to be written."""
    notes: list[tuple[str, str, str]]
    """Kind, resource and server of what the history was to say."""
    whole: bool = True
    """Whether all that there was to decide was decided at once."""

    @property
    def activity(self) -> str:
        """As history and logs call it."""
        return f"t{self.term}r{self.revision}"


PastEntry = PastBase | PastChanges | PastReach | PastDecision
_decoder = msgspec.msgpack.Decoder(list[PastEntry])


@dataclass(frozen=True, slots=True)
class PastPart:
    """One of the files."""

    path: Path
    number: int
    begins: float
    """When its first entry was made, in seconds since the epoch."""

    def entries(self) -> Iterator[PastEntry]:
        """What is whole of it, in order; nothing where it is gone, or cannot be read."""
        try:
            with self.path.open("rb") as file:
                while len(head := file.read(_LENGTH.size)) == _LENGTH.size:
                    packed = file.read(_LENGTH.unpack(head)[0])
                    yield from _unpacked(packed)
        except (OSError, zlib.error, ValueError, msgspec.DecodeError):
            return


class PastFiles:
    """Those of one server. Calls may block."""

    def __init__(self, folder: Path, *, most: int = MOST_BYTES, file_bytes: int = FILE_BYTES) -> None:
        self.folder = folder
        self._most, self._file_bytes = most, file_bytes
        self._lock = threading.Lock()
        self._path: Path | None = None
        """The file that is written; None: none yet."""
        self._began_with = 0

    def parts(self) -> list[PastPart]:
        """All, the oldest first."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        matches = (match for name in names if (match := _NAME.fullmatch(name)))
        return sorted((PastPart(self.folder / m[0], int(m[1]), int(m[2]) / 1000.0) for m in matches), key=lambda part: part.number)

    def write(self, entries: Sequence[PastEntry]) -> bool:
        """Add these; a base begins another file. Whether it is time for another. OSError: nothing of it counts, so begin with a base."""
        with self._lock:
            for group in _divided(entries):
                packed = _packed(group)
                self._make_room(len(packed))
                if isinstance(group[0], PastBase):
                    if len(packed) > BASE_BYTES:
                        raise OSError(0, f"what is registered takes {len(packed) >> 20} MiB, and {BASE_BYTES >> 20} are kept")
                    number = 1 + max((part.number for part in self.parts()), default=0)
                    self._path = self.folder / f"{number:010d}-{int(group[0].wall * 1000):015d}{ENDING}"
                    self._began_with = len(packed)
                self._append(packed)
            return self._size() > max(self._file_bytes, 3 * self._began_with)

    def _size(self) -> int:
        try:
            return 0 if self._path is None else self._path.stat().st_size
        except OSError:
            return 0

    def _append(self, packed: bytes) -> None:
        if self._path is None:
            raise OSError(0, "nothing was begun")
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            before = os.fstat(descriptor).st_size
            if os.write(descriptor, packed) < len(packed):
                os.ftruncate(descriptor, before)
                raise OSError(28, "No space left on device")
        finally:
            os.close(descriptor)

    def _make_room(self, size: int) -> None:
        """Without the oldest files there is room for so many bytes. OSError: the disk is full."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sizes = {part: part.path.stat().st_size for part in self.parts()}
        for part in [part for part in sizes if part.path != self._path]:
            if sum(sizes.values()) + size <= self._most:
                break
            part.path.unlink(missing_ok=True)
            del sizes[part]
        room = os.statvfs(self.folder)
        if room.f_bavail * room.f_frsize < FREE_BYTES + size:
            raise OSError(28, f"less than {FREE_BYTES >> 20} MiB are free")


def _divided(entries: Iterable[PastEntry]) -> Iterator[list[PastEntry]]:
    """A base stands first in its file."""
    group: list[PastEntry] = []
    for entry in entries:
        if isinstance(entry, PastBase) and group:
            yield group
            group = []
        group.append(entry)
    if group:
        yield group


def _packed(entries: Sequence[PastEntry]) -> bytes:
    packed = zlib.compress(msgspec.msgpack.encode(entries), LEVEL)
    return _LENGTH.pack(len(packed)) + packed


def _unpacked(packed: bytes) -> list[PastEntry]:
    unpack = zlib.decompressobj()
    text = unpack.decompress(packed, FRAME_BYTES)
    if not unpack.eof:
        raise ValueError("it ends in the middle, or is no frame")
    return _decoder.decode(text)


def walk(parts: Iterable[PastPart], until: float = float("inf")) -> Iterator[tuple[PastEntry, Mapping[str, bytes]]]:
    """Every entry in order, with all that the registry held once it had come. The first that is later than `until` is the last, with what
    was held before it."""
    held: dict[str, bytes] = {}
    for part in parts:
        known = False
        for entry in part.entries():
            if entry.wall > until:
                yield entry, held
                return
            if isinstance(entry, PastBase):
                held, known = dict(entry.entries), True
            elif isinstance(entry, PastChanges):
                held.update({key: value for key, value in entry.entries.items() if value is not None})
                for key in [key for key, value in entry.entries.items() if value is None]:
                    held.pop(key, None)
            if known:
                yield entry, held
