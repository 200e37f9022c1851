"""Control groups whose files are held open: to freeze and kill all that lives in one, and to see that nothing does.

Called by: `guard/means.py` (opens), `guard/kill.py` (kills, sees), the second line (`guard/lapse.py`).
Must never: take "it cannot be looked at" for "it is empty"; only a group that is gone is empty unseen.
"""

import contextlib
import errno
import os
import re

from understudy.model.settings import Settings

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV)
"""ENODEV: removed while it was open."""
_FILES = {"cgroup.kill": os.O_WRONLY, "cgroup.freeze": os.O_WRONLY, "cgroup.events": os.O_RDONLY}
_HURRIED = 1
"""Lowest real-time priority: above all that is not real time, below keeper and guard."""


class Group:
    """One control group and all below it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._number: int | None = None
        self._files: dict[str, int] = {}
        self.untold: str | None = None
        """Why its files cannot be opened although it is there."""
        self.look()

    def look(self) -> None:
        """Open its files if they are not, or if the group was made anew since."""
        try:
            number = os.stat(self.path).st_ino
        except OSError as error:
            if error.errno in _GONE:
                self.close()
                self.untold = None
            return
        if number != self._number or len(self._files) < len(_FILES):
            self._open(number)

    def close(self) -> None:
        """Let go of its files."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()
        self._number = None

    def kill(self) -> None:
        """End all that lives in it. Frozen first: whatever an action forked before its executor died, and enters late, cannot run in it."""
        self._write("cgroup.freeze", b"1")
        self._write("cgroup.kill", b"1")

    def thaw(self) -> None:
        """For a new incarnation, once it is empty."""
        self._write("cgroup.freeze", b"0")

    def empty(self) -> bool | None:
        """Whether nothing lives in it; None: it cannot be told (`untold` says why)."""
        for _ in range(2):
            events = self._files.get("cgroup.events")
            try:
                if events is not None:
                    return b"populated 0" in os.pread(events, 4096, 0)
            except OSError as error:
                if error.errno not in _GONE:
                    self.untold = f"cannot be looked at: {error.strerror}"
                    return None
            self.look()  # it is gone, or was made anew
            if not self._files and self.untold is None:
                return True  # no group, no process
        return None

    def hurry(self) -> None:
        """Let the processor first go to those that are to die: under load one of them would wait for its last turn for long."""
        for folder, _, _ in os.walk(self.path):
            with contextlib.suppress(OSError), open(f"{folder}/cgroup.threads", "rb", buffering=0) as file:
                for line in file.read(65536).split():
                    with contextlib.suppress(OSError):
                        os.sched_setscheduler(int(line), os.SCHED_RR, os.sched_param(_HURRIED))

    @property
    def events(self) -> int | None:
        """The descriptor that tells of changes, for poll."""
        return self._files.get("cgroup.events")

    def _open(self, number: int) -> None:
        self.close()
        try:
            for name, how in _FILES.items():
                self._files[name] = os.open(os.path.join(self.path, name), how | os.O_CLOEXEC)
        except OSError as error:
            self.close()
            self.untold = None if error.errno in _GONE else f"cannot be looked at: {error.strerror}"
            return
        self._number, self.untold = number, None

    def _write(self, name: str, value: bytes) -> None:
        for _ in range(2):
            descriptor = self._files.get(name)
            if descriptor is not None:
                try:
                    os.write(descriptor, value)
                    return
                except OSError as error:
                    if error.errno not in _GONE:
                        return  # that it is empty is seen, not assumed
            self.look()


def find_cgroup(settings: Settings, *, mountinfo: str = "/proc/self/mountinfo") -> str:
    """The one parent control group of all resources."""
    return settings.cgroup or os.path.join(find_cgroup_mount(mountinfo), "understudy")


def find_cgroup_mount(mountinfo: str = "/proc/self/mountinfo") -> str:
    """Where control groups of version 2 are mounted."""
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.split(" ")
            if fields[fields.index("-") + 1] == "cgroup2":
                return re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), fields[4])
    return "/sys/fs/cgroup"


def unit_groups(unit: str) -> list[str]:
    """systemd's groups of a unit. It removes the group of a unit that has ended, so none means that nothing runs."""
    mount = find_cgroup_mount()
    usual = os.path.join(mount, "system.slice", unit)
    if os.path.isdir(usual):
        return [usual]
    return [os.path.join(path, unit) for path, names, _ in os.walk(mount) if unit in names]
