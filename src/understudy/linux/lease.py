"""The lease file: what every process on this server may read to know whether it may act (S4).

Layout: `<16s q q q>`: incarnation, lease end on CLOCK_BOOTTIME, lease end on CLOCK_MONOTONIC_RAW, writes so far.
Called by: the guard (writer), daemon and executor (`read_lease`, just before every action).
Must never: be replaced by another file (readers keep it mapped), or show an end that no majority granted. Each 8-byte field
is written at once; ends only grow within an incarnation and are zero while the incarnation changes, so that a reader
between two writes sees a lease that is too short, never one too long.
"""

import mmap
import os
from typing import NamedTuple

from understudy.linux.clocks import read_clocks
from understudy.linux.reading import Reading

SIZE = 64
_BOOT, _RAW, _WRITES = 2, 3, 4
NOBODY = bytes(16)


class LeaseEntry(NamedTuple):
    """What the file says."""

    incarnation: bytes
    until: Reading

    def left_s(self, now: Reading | None = None) -> float:
        """Seconds until it ends on the clock that runs ahead; 0 when there is none."""
        at = now or read_clocks()
        if 0 in self.until:
            return 0.0
        return max(min(self.until.boot_ns - at.boot_ns, self.until.raw_ns - at.raw_ns), 0) / 1e9


class LeaseFile:
    """The mapped file; made by the keeper before it forks, so that a successor writes the same one."""

    def __init__(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)  # a hole would be filled at the first store, and on a full /run that is the end of us
            self._map = mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)
        self._fields = memoryview(self._map).cast("q")

    def clear(self) -> None:
        """No lease: from now on no action begins."""
        self._fields[_BOOT] = 0
        self._fields[_RAW] = 0
        self._fields[_WRITES] += 1

    def begin(self, incarnation: bytes) -> None:
        """A new incarnation, without a lease yet."""
        self.clear()
        self._map[:16] = incarnation

    def extend(self, until: Reading) -> None:
        """A majority granted."""
        self._fields[_BOOT] = until.boot_ns
        self._fields[_RAW] = until.raw_ns
        self._fields[_WRITES] += 1

    def read(self) -> LeaseEntry:
        """What it says now."""
        return LeaseEntry(bytes(self._map[:16]), Reading(self._fields[_BOOT], self._fields[_RAW]))


class LeaseReader:
    """The file, mapped by one who must read it when nothing can be opened any more."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._number = 0
        self._map: mmap.mmap | None = None
        self.look()

    def look(self) -> None:
        """Map it if it is there and is not mapped yet."""
        try:
            number = os.stat(self._path).st_ino
            if number == self._number:
                return
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            self._map = mmap.mmap(descriptor, SIZE, prot=mmap.PROT_READ)
            self._number = number
        except (OSError, ValueError):
            return  # it is being made
        finally:
            os.close(descriptor)

    def read(self) -> LeaseEntry:
        """What it says now; without a file nobody holds it."""
        if self._map is None:
            return LeaseEntry(NOBODY, Reading(0, 0))
        fields = memoryview(self._map).cast("q")
        return LeaseEntry(bytes(self._map[:16]), Reading(fields[_BOOT], fields[_RAW]))


def read_lease(path: str) -> LeaseEntry:
    """The lease for one who does not keep the file mapped; none if there is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raw = b""
    else:
        try:
            raw = os.read(descriptor, SIZE)
        finally:
            os.close(descriptor)
    fields = memoryview(raw.ljust(SIZE, b"\0")).cast("q")
    return LeaseEntry(raw[:16].ljust(16, b"\0"), Reading(fields[_BOOT], fields[_RAW]))
