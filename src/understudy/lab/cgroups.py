"""The lab's control groups: where they are, freezing, killing, removing them; standard library only.

The tree is `<cgroup v2 mount>/understudy-lab/LAB/HOST`; all processes of a lab are below it, so that ending the lab is
one write. Called by `lab.py` and `power.py`; never touches a group outside that tree.
"""

import os
import select
import time
from pathlib import Path

from understudy.errors import LabError
from understudy.linux import cgroups

_TREE = "understudy-lab"
_SETTLE_S = 5.0


def version_2_mount() -> Path:
    """Where this machine mounts cgroup v2: /sys/fs/cgroup, or a directory below it where v1 is in use as well."""
    mount = cgroups.version_2_mount()
    if mount is not None:
        return Path(mount)
    raise LabError("a lab needs cgroup v2, and /proc/self/mountinfo shows no cgroup2 mount: mount one at /sys/fs/cgroup/unified")


def group_of(lab: str, host: str = "") -> Path:
    """The group of a lab, or of one of its hosts."""
    return version_2_mount() / _TREE / lab / host


def join(group: Path) -> None:
    """Move this process into the group."""
    (group / "cgroup.procs").write_text("0")


def freeze(group: Path) -> None:
    """Freeze all processes below the group; returns when they are frozen."""
    (group / "cgroup.freeze").write_text("1")
    _wait_for_event(group, "frozen", "1")


def thaw(group: Path) -> None:
    """Let the processes below the group run on; returns when they do."""
    (group / "cgroup.freeze").write_text("0")
    _wait_for_event(group, "frozen", "0")


def kill(group: Path) -> None:
    """Kill every process below the group, frozen or not; does not wait."""
    (group / "cgroup.kill").write_text("1")


def wait_until_empty(group: Path) -> None:
    """Return when the last process below the group has died."""
    _wait_for_event(group, "populated", "0")


def remove(group: Path) -> None:
    """Remove an empty group, the groups below it, and the common parent of all labs if this was the last."""
    for directory, _, _ in os.walk(group, topdown=False):
        _remove_one(Path(directory))
    if group.parent.name == _TREE and not any(entry.is_dir() for entry in group.parent.iterdir()):
        try:
            group.parent.rmdir()
        except OSError:
            pass  # another lab has come up meanwhile: the parent is its


def members(group: Path) -> tuple[int, ...]:
    """The processes directly in this group; empty if it does not exist."""
    try:
        return tuple(int(line) for line in (group / "cgroup.procs").read_text().split())
    except (FileNotFoundError, OSError):
        return ()


def _remove_one(group: Path) -> None:
    deadline = time.monotonic() + _SETTLE_S
    while True:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:  # a process that has just died leaves its group a moment later
            if time.monotonic() > deadline:
                raise LabError(f"control group {group} cannot be removed: {error.strerror}") from None
            time.sleep(0.002)
        else:
            return


def _wait_for_event(group: Path, key: str, value: str) -> None:
    deadline = time.monotonic() + _SETTLE_S
    with (group / "cgroup.events").open() as events:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        while f"{key} {value}" not in events.read():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise LabError(f"control group {group} did not become {key} {value} within {_SETTLE_S:.0f} s")
            poll.poll(left_s * 1000)
            events.seek(0)
