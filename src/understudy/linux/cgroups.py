"""Control groups of version 2: where they are, what runs in one, and its end.

`Group` holds a group's files open: to freeze and kill all that runs in one, and to see that nothing does, when nothing can be opened any
more. Called by: guard, keeper and second line (which hold groups), executor, agents and event sources (which ask by path), the lab.
Must never: take "it cannot be looked at" for "it is empty"; only a group that is gone is empty unseen.
"""

import contextlib
import errno
import os

from understudy.errors import BadSettings
from understudy.linux.mounts import TABLE, read_mounts

PARENT_NAME = "understudy"
DELEGATED = "understudy.slice/understudy-resources.service"
"""Below the mount, while that unit runs: what systemd leaves to us, whatever becomes of our other units."""
_USUAL_MOUNT = "/sys/fs/cgroup"

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV)
"""ENODEV: removed while it was open, or between open and read."""
_FILES = {"cgroup.kill": os.O_WRONLY, "cgroup.freeze": os.O_WRONLY, "cgroup.events": os.O_RDONLY}
_HURRIED = 1
"""Lowest real-time priority: above all that is not real time, below keeper and guard."""


class Group:
    """One control group and all below it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._number: int | None = None
        self._files: dict[str, int] = {}
        self.unchecked: str | None = None
        """Why its files cannot be opened although it is there."""
        self.look()

    def look(self) -> None:
        """Open its files if they are not, or if the group was recreated since."""
        try:
            number = os.stat(self.path).st_ino
        except OSError as error:
            if error.errno in _GONE:
                self.close()
                self.unchecked = None
            return
        if number != self._number or len(self._files) < len(_FILES):
            self._open(number)

    @property
    def there(self) -> bool:
        """Whether its files are open: it was there when it was last looked at."""
        return bool(self._files)

    def close(self) -> None:
        """Let go of its files."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()
        self._number = None

    def kill(self) -> None:
        """End all that runs in it. Frozen first: whatever an action forked before its executor died, and enters late, cannot run in it."""
        self._write("cgroup.freeze", b"1")
        self._write("cgroup.kill", b"1")

    def thaw(self) -> None:
        """For a new incarnation, once it is empty."""
        self._write("cgroup.freeze", b"0")

    def empty(self) -> bool | None:
        """Whether nothing runs in it; None: it is not known (`unchecked` says why)."""
        for _ in range(2):
            events = self._files.get("cgroup.events")
            try:
                if events is not None:
                    return b"populated 0" in os.pread(events, 4096, 0)
            except OSError as error:
                if error.errno not in _GONE:
                    self.unchecked = f"cannot be read: {error.strerror}"
                    return None
            self.look()  # it is gone, or was recreated
            if not self._files and self.unchecked is None:
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
            self.unchecked = None if error.errno in _GONE else f"cannot be read: {error.strerror}"
            return
        self._number, self.unchecked = number, None

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


def populated(path: str) -> bool:
    """Whether anything runs in this group or below it; False when there is no such group. OSError: it cannot be read."""
    try:
        with open(f"{path}/cgroup.events", "rb", buffering=0) as file:
            return b"populated 1" in file.read(256)
    except OSError as error:
        if error.errno in _GONE:
            return False
        raise


def processes(path: str) -> list[int]:
    """Ids of the processes in this group and those below it."""
    found: list[int] = []
    for folder, _, _ in os.walk(path):
        with contextlib.suppress(OSError), open(f"{folder}/cgroup.procs", "rb", buffering=0) as file:  # removed meanwhile
            while part := file.read(1 << 16):
                found += [int(line) for line in part.split()]
    return found


def kill(path: str) -> None:
    """Tell the kernel to end everything in this group and below; no harm if there is none."""
    try:
        with open(f"{path}/cgroup.kill", "wb", buffering=0) as file:
            file.write(b"1")
    except (FileNotFoundError, NotADirectoryError):
        pass


def version_2_mount(table: str = TABLE) -> str | None:
    """Where this process sees control groups of version 2; None: nowhere."""
    return next((mount.point for mount in read_mounts(table) if mount.kind == "cgroup2"), None)


def find_parent(configured: str = "", *, table: str = TABLE) -> str:
    """The one parent control group of all resources: as configured, else `understudy` below the group that systemd delegates, else below
    the mount. BadSettings: nothing is mounted."""
    if configured:
        return configured
    mount = version_2_mount(table)
    if mount is None:
        raise BadSettings("no cgroup v2 is mounted here: mount one, or write [executor] cgroup in understudy.toml")
    delegated = os.path.join(mount, DELEGATED)
    return os.path.join(delegated if os.path.isdir(delegated) else mount, PARENT_NAME)


def likely_parent(configured: str = "", *, table: str = TABLE) -> str:
    """For who must end what is there, and cannot refuse: `find_parent`, or where it would be on any Linux of today."""
    try:
        return find_parent(configured, table=table)
    except (OSError, BadSettings):
        return os.path.join(_USUAL_MOUNT, PARENT_NAME)


def unit_groups(unit: str) -> list[str]:
    """systemd's groups of a unit. It removes the group of a unit that has ended, so none means that nothing runs."""
    mount = version_2_mount() or _USUAL_MOUNT
    usual = os.path.join(mount, "system.slice", unit)
    if os.path.isdir(usual):
        return [usual]
    return [os.path.join(path, unit) for path, names, _ in os.walk(mount) if unit in names]
