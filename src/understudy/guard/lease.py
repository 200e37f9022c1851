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

from understudy.guard.core.messages import Reading
from understudy.guard.system import read_clocks

SIZE = 64
_BOOT, _RAW, _WRITES = 2, 3, 4
NOBODY = bytes(16)


class Lease(NamedTuple):
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
            os.ftruncate(descriptor, SIZE)
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

    def read(self) -> Lease:
        """What it says now."""
        return Lease(bytes(self._map[:16]), Reading(self._fields[_BOOT], self._fields[_RAW]))


def read_lease(path: str) -> Lease:
    """The lease for one who does not keep the file mapped; none if there is no file."""
    try:
        with open(path, "rb") as file:
            raw = file.read(SIZE)
    except FileNotFoundError:
        raw = b""
    fields = memoryview(raw.ljust(SIZE, b"\0")).cast("q")
    return Lease(raw[:16].ljust(16, b"\0"), Reading(fields[_BOOT], fields[_RAW]))
