"""What the kernel says of this machine's memory and processors. Read once, when a daemon begins; what it does not say is 0.

Called by: `daemon/main.py`. Must never: fail because a file of the kernel is not there or says something else.
"""

import os
from typing import NamedTuple

_MEMORY = "/proc/meminfo"
_PROCESSORS = "/proc/cpuinfo"
_FASTEST = "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"
_THREADS = "/sys/devices/system/cpu/smt/active"
_LARGEST = 1 << 20


class Hardware(NamedTuple):
    """Memory and processors."""

    memory_mb: int
    cpus: int
    clock_mhz: int
    hyperthreading: bool


def read_hardware(root: str = "") -> Hardware:
    """`root`: where /proc and /sys are, if not at /."""
    fastest_khz = _number(_first(f"{root}{_FASTEST}"))
    return Hardware(
        memory_mb=_number(_field(f"{root}{_MEMORY}", "MemTotal")) // 1024,
        cpus=os.cpu_count() or 0,
        clock_mhz=fastest_khz // 1000 or _number(_field(f"{root}{_PROCESSORS}", "cpu MHz")),
        hyperthreading=_first(f"{root}{_THREADS}") == "1",
    )


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST).decode(errors="replace")
    except OSError:
        return ""


def _first(path: str) -> str:
    return _text(path).partition("\n")[0].strip()


def _field(path: str, name: str) -> str:
    """The value of the first `name: value`."""
    for line in _text(path).splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _number(text: str) -> int:
    """The whole number that a text begins with; 0 if it begins with none."""
    digits = text.split(" ")[0].partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else 0
