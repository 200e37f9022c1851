"""The guard's lease, as the executor sees it: a file that is read, never written.

Asked before every action that changes anything (S4). Must err on the side of no lease: a file that cannot be read is none.
"""

import struct
import time
from dataclasses import dataclass
from pathlib import Path

_LEASE = struct.Struct("<16sqqq")
SIZE = 64


@dataclass(frozen=True, slots=True)
class Lease:
    """What the file said at one instant."""

    incarnation: str
    """32 hex digits."""
    boottime_end_ns: int
    raw_end_ns: int

    def valid(self, boottime_ns: int, raw_ns: int) -> bool:
        """Whether it has not ended on either clock: one of them may stand still where the other does not."""
        return self.boottime_end_ns > boottime_ns and self.raw_end_ns > raw_ns


def read_lease(path: Path) -> Lease | None:
    """The lease in this file; None if there is none."""
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    if len(raw) < _LEASE.size:
        return None
    incarnation, boottime_end_ns, raw_end_ns, _ = _LEASE.unpack_from(raw)
    return Lease(incarnation.hex(), boottime_end_ns, raw_end_ns)


def why_not(path: Path, incarnation: str | None) -> str | None:
    """Why no action may begin now under this incarnation (None: whichever holds the lease); None if one may."""
    lease = read_lease(path)
    if lease is None or not lease.valid(time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)):
        return "no lease: nothing may begin on this server"
    if incarnation is not None and incarnation != lease.incarnation:
        return f"the lease is of incarnation {lease.incarnation}, the action is for {incarnation}"
    return None
