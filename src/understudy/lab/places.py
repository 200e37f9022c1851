"""Where a lab keeps its files, and who the processes found there are; standard library only.

Called by the commands outside the lab hosts. A process is named by its pid and its start time, so that a reused pid is
never taken for it.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import LabError
from understudy.lab.plan import LabPlan, parse_plan
from understudy.linux.mounts import mount_over, read_mounts
from understudy.linux.processes import status

_DISKS = Path("/var/lib/understudy-lab")
_DISKS_ELSEWHERE = Path("/dev/shm/understudy-lab")
_TRIES = 20
_ENDED = ("Z", "X")


def labs_root() -> Path:
    """The directory that holds one directory per lab; on a file system that an overlay can write to."""
    return _DISKS_ELSEWHERE if _file_system_of(_DISKS.parent) == "overlay" else _DISKS


def project_root() -> Path:
    """The checkout (or installation) whose src/ and bin/ the lab hosts see."""
    return Path(__file__).resolve().parents[3]


def child_environment() -> dict[str, str]:
    """For a Python process of the lab's own: it finds what this one finds, however this one was started."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def make_directory(path: Path) -> None:
    """Make a directory of a lab below the one that all labs share, which the end of another lab may remove at any moment."""
    for attempt in range(_TRIES, 0, -1):
        try:
            path.mkdir(parents=True)
        except FileNotFoundError:
            if attempt == 1:
                raise
        else:
            return


def _file_system_of(path: Path) -> str:
    """Type of the file system that a path is on."""
    mount = mount_over(str(path), read_mounts())
    return mount.kind if mount else ""


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one lab."""

    root: Path

    @property
    def plan(self) -> Path:
        """What the lab consists of; written by `up`."""
        return self.root / "lab.json"

    @property
    def socket(self) -> Path:
        """Where the power process takes orders."""
        return self.root / "power.sock"

    @property
    def log(self) -> Path:
        """What the power process had to say."""
        return self.root / "power.log"

    @property
    def power_pid(self) -> Path:
        """Process id and start time of the power process."""
        return self.root / "power.pid"

    @property
    def exports(self) -> Path:
        """Shared storage: one directory per export."""
        return self.root / "exports"

    @property
    def shares(self) -> Path:
        """Where the power process mounts the exports, once for all hosts."""
        return self.root / "shares"

    def host(self, name: str) -> Path:
        """The directory of one host: its disk (`upper`), its console."""
        return self.root / "hosts" / name

    def disk(self, name: str) -> Path:
        """The part of a host's root file system that is its own and survives a crash."""
        return self.host(name) / "upper"

    def first_process(self, name: str) -> Path:
        """Process id and start time of the host's first process; absent while it is off."""
        return self.host(name) / "pid"


def places_of(lab: str) -> Places:
    """The files of the lab of this name, whether or not it exists."""
    return Places(labs_root() / lab)


def read_plan(places: Places) -> LabPlan:
    """The plan of a lab that is up; LabError if there is none."""
    try:
        return parse_plan(places.plan.read_text())
    except FileNotFoundError:
        raise LabError(f"there is no lab {places.root.name}: understudy lab up --name {places.root.name}") from None


def write_process(path: Path, pid: int) -> None:
    """Note a process so that `read_process` finds it."""
    beside = path.with_suffix(".new")
    beside.write_text(f"{pid} {status(pid).started}")
    os.replace(beside, path)


def read_process(path: Path, *, ended: bool = False) -> int | None:
    """The pid noted at `path`, if that very process still runs; with `ended`, also if it has ended and its parent has not yet noticed."""
    try:
        pid, started = path.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    now = status(pid)
    return int(pid) if now.started == started and (ended or now.state not in _ENDED) else None
