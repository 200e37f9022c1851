"""Both clocks that leases go by, and a timer on the one that goes on during suspend.

Called by: guard, keeper, second line, whoever reads the lease file.
"""

import ctypes
import os
import struct
import time

from understudy.linux.libc import libc
from understudy.linux.reading import Reading

_ABSOLUTE = 1
_TIMER = struct.Struct("@qqqq")
_SECOND_NS = 1_000_000_000


def read_clocks() -> Reading:
    """Both clocks, now."""
    return Reading(time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW))


class Timer:
    """An absolute timer on CLOCK_BOOTTIME, which goes on during suspend (3.11 has no os.timerfd)."""

    def __init__(self) -> None:
        self._descriptor: int = libc.timerfd_create(time.CLOCK_BOOTTIME, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def fileno(self) -> int:
        """For poll."""
        return self._descriptor

    def set(self, boot_ns: int) -> None:
        """Be readable from then on; setting it again clears it."""
        at = max(boot_ns, 1)
        when = _TIMER.pack(0, 0, at // _SECOND_NS, at % _SECOND_NS)
        if libc.timerfd_settime(self._descriptor, _ABSOLUTE, when, None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
