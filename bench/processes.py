"""What processes on a lab host have used: processor time and memory, as the kernel counts them.

Used by `idle.py` and `scale.py`. Knows no particular clusterware: which processes are whose is for the caller to say.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from understudy.linux.cgroups import processes

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Of some processes."""

    cpu_s: float
    """Since they began, without what their children have used."""
    memory_mib: float
    """PSS: what is shared is shared out."""


def used(pids: Iterable[int]) -> Used:
    """What these processes have used; one that has ended counts for nothing."""
    cpu_s = memory_kib = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        cpu_s += (int(fields[11]) + int(fields[12])) / _TICKS
        memory_kib += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return Used(cpu_s=cpu_s, memory_mib=memory_kib / 1024)


def exact_cpu_s(pids: Iterable[int]) -> float:
    """Processor time of all threads that these processes have now, to the nanosecond: `used` counts in hundredths of a second."""
    found = 0
    for pid in pids:
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                found += int(file.read_text().split()[0])
            except OSError:
                continue
    return found / 1e9


def host_cpu_s(group: Path) -> float:
    """All that was ever run on a lab host, by its control group: processes, and what they began."""
    usage = next(line for line in (group / "cpu.stat").read_text().splitlines() if line.startswith("usage_usec"))
    return int(usage.split()[1]) / 1e6


def named(group: Path, names: Iterable[str]) -> Mapping[str, tuple[int, ...]]:
    """Process ids on the machine of the processes of these names within a control group."""
    wanted = set(names)
    found: dict[str, tuple[int, ...]] = dict.fromkeys(sorted(wanted), ())
    for pid in processes(str(group)):
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            continue
        if name in wanted:
            found[name] = (*found[name], pid)
    return found


def guard_and_keeper(pids: Iterable[int]) -> dict[str, tuple[int, ...]]:
    """The processes of the guard's service apart: the guard is the keeper's child, and the scribe is a child of none of them."""
    parents: dict[int, int] = {}
    for pid in pids:
        try:
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    guards = tuple(pid for pid, parent in parents.items() if parent in parents)
    keepers = tuple({parents[pid] for pid in guards})
    scribes = tuple(pid for pid in parents if pid not in (*guards, *keepers))
    return {"guard": guards, "keeper": keepers, "scribe of both": scribes}
