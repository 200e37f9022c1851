"""The machine's clock: what it counts by, how it is corrected, and by how much its time service may correct it. Reads only."""

import contextlib
import ctypes
import glob
import os
import struct

from understudy.linux.libc import libc
from understudy.setup.readings import ClockReading

_SOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
_TIMEX = struct.Struct("@IllllilllllL")
"""modes, offset, freq, maxerror, esterror, status, constant, precision, tolerance, seconds, microseconds, tick: the first fields of the
kernel's `struct timex`, as C lays them out."""
_ROOM = 512
_USUAL_TICK_US, _PPM_PER_TICK = 10_000, 100.0
_FREQUENCY_UNIT = 65536.0
_UNSYNCHRONISED = 0x40
_CHRONY = ("/etc/chrony/chrony.conf", "/etc/chrony/conf.d/*.conf", "/etc/chrony.conf")
_CHRONYD = ("/usr/sbin/chronyd",)
_CHRONY_SLEW_PPM = 83333.333
"""chrony's own default."""


def read_clock() -> ClockReading:
    """What the kernel and the files of the time service say."""
    source = ""
    with contextlib.suppress(OSError), open(_SOURCE, encoding="ascii") as file:
        source = file.read().strip()
    rate, synchronised = _kernel()
    permitted = chrony_slew(_chrony_text()) if any(map(os.path.exists, _CHRONYD)) else None
    return ClockReading(
        source=source, rate_ppm=rate, synchronised=synchronised, permitted_ppm=permitted, permitted_by="chrony" if permitted else ""
    )


def chrony_slew(text: str) -> float:
    """The largest correction, in millionths, that chrony's configuration permits."""
    for line in text.splitlines():
        found = line.split()
        if len(found) >= 2 and found[0].lower() == "maxslewrate":
            with contextlib.suppress(ValueError):
                return float(found[1])
    return _CHRONY_SLEW_PPM


def _kernel() -> tuple[float | None, bool]:
    """By how much the clock is corrected now, in millionths, and whether something keeps it right. Nothing is changed: modes is 0."""
    room = ctypes.create_string_buffer(_ROOM)
    if libc.adjtimex(ctypes.byref(room)) < 0:
        return None, True
    fields = _TIMEX.unpack_from(room.raw)
    frequency, status, tick = fields[2], fields[5], fields[11]
    return frequency / _FREQUENCY_UNIT + (tick - _USUAL_TICK_US) * _PPM_PER_TICK, not status & _UNSYNCHRONISED


def _chrony_text() -> str:
    texts = []
    for pattern in _CHRONY:
        for path in sorted(glob.glob(pattern)):
            with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
                texts.append(file.read())
    return "\n".join(texts)
