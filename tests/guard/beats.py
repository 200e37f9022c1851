"""A resource that says how long it lived, on the very clock that its lease is counted on: `beats.py LEASE_FILE EVIDENCE_FILE`.

It reads the clock and the lease file about every half millisecond and writes down the reading, the furthest end of a lease that it has
seen, and how long it slept at most. So a test need not be quick to see whether something outlived its lease: what lived after the end has
said so itself. Run by `hosts.py`; read by `last_beat`.
"""

import os
import sys
import time
from pathlib import Path
from struct import Struct
from typing import NamedTuple

PAUSE_S = 0.0005
_EVIDENCE = Struct("<qqq")
_END = slice(16, 24)
"""Where the lease file has the end on CLOCK_BOOTTIME, in nanoseconds."""


class LifeBeat(NamedTuple):
    """The last sign of life. All in nanoseconds, on CLOCK_BOOTTIME."""

    at: int
    lease_end: int
    """The furthest that was seen."""
    longest_pause: int
    """Between two beats since the lease was last extended: a witness that was kept from beating saw less."""


def last_beat(path: Path) -> LifeBeat:
    """What the resource wrote last."""
    return LifeBeat(*_EVIDENCE.unpack(path.read_bytes()))


def _beat(lease: int, evidence: int) -> None:
    before, end, longest = time.clock_gettime_ns(time.CLOCK_BOOTTIME), 0, 0
    while True:
        seen = int.from_bytes(os.pread(lease, 64, 0)[_END], "little", signed=True)
        if seen > end:
            end, longest = seen, 0
        at = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        longest, before = max(longest, at - before), at
        os.pwrite(evidence, _EVIDENCE.pack(at, end, longest), 0)
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    _beat(os.open(sys.argv[1], os.O_RDONLY), os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT))
