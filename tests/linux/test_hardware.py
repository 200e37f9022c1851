"""Memory and processors, as the kernel says it or does not."""

from pathlib import Path

import pytest

from understudy.linux.hardware import read_hardware

FILES = {
    "proc/meminfo": "MemTotal:       16323064 kB\nMemFree: 1 kB\n",
    "proc/cpuinfo": "processor\t: 0\ncpu MHz\t\t: 2394.454\n",
    "sys/devices/system/cpu/smt/active": "1\n",
}


def written(root: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def test_it_is_what_the_kernel_says(tmp_path: Path) -> None:
    """In megabytes and megahertz."""
    found = read_hardware(written(tmp_path, FILES))

    assert (found.memory_mb, found.clock_mhz, found.hyperthreading) == (15940, 2394, True)
    assert found.cpus >= 1


def test_the_fastest_clock_counts_where_it_is_known(tmp_path: Path) -> None:
    """The present one changes by the moment."""
    fastest = {"sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "3600000\n"}

    assert read_hardware(written(tmp_path, FILES | fastest)).clock_mhz == 3600


@pytest.mark.parametrize("text", ["", "MemTotal", "MemTotal: much kB", "MemTotal: -1 kB", "MemTotal: ² kB", f"MemTotal: {'9' * 99} kB"])
def test_what_is_not_said_is_0(tmp_path: Path, text: str) -> None:
    """Nothing fails for it."""
    found = read_hardware(written(tmp_path, {"proc/meminfo": text}))

    assert (found.memory_mb, found.clock_mhz, found.hyperthreading) == (0, 0, False)
