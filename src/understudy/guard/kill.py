"""End everything on this server, asking nobody: what a lapse means (S4; design: Lapse).

Owns: the kill list's format as it is read, the order of the steps, and the verification.
Called by: the guard at its lapse or farewell, the keeper when the guard could not, `understudy-guard --kill-all`.
Must never: start a process for what a system call can do, trust a pid without its start time, or call something ended that
was not seen to be.

The order matters: the daemon and the executor first, for they start things; then the groups, then the addresses.
"""

import contextlib
import errno
import json
import os
import select
import signal
import time
from dataclasses import dataclass
from typing import Any

from understudy.guard import filesystems
from understudy.guard.addresses import remove_address
from understudy.guard.gate import Gate
from understudy.model.settings import Settings

STARTERS = ("understudyd", "understudy-exec")
"""Names of the pid files of those who start things."""
STARTER_WITHIN_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class KillList:
    """What to end."""

    cgroup: str
    addresses: tuple[tuple[str, int, str], ...] = ()
    """Address, prefix length, interface."""
    units: tuple[str, ...] = ()
    filesystems: tuple[str, ...] = ()
    readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What `end_everything` has seen."""

    groups_empty: bool
    """Nothing runs that could be a resource: a new incarnation may begin."""
    left: tuple[str, ...]
    """What could not be ended or verified, as sentences; empty: a farewell is true."""


def find_cgroup(settings: Settings, *, mountinfo: str = "/proc/self/mountinfo") -> str:
    """The one parent control group of all resources."""
    return settings.cgroup or os.path.join(find_cgroup_mount(mountinfo), "understudy")


def find_cgroup_mount(mountinfo: str = "/proc/self/mountinfo") -> str:
    """Where control groups of version 2 are mounted."""
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.split(" ")
            if fields[fields.index("-") + 1] == "cgroup2":
                return fields[4]
    return "/sys/fs/cgroup"


def read_kill_list(settings: Settings) -> KillList:
    """The list as the executor last wrote it; without one, what the settings say."""
    cgroup = find_cgroup(settings)
    try:
        with open(os.path.join(settings.run_dir, "kill-list.json"), encoding="utf-8") as file:
            raw: dict[str, Any] = json.load(file)
        return KillList(
            cgroup=raw.get("cgroup") or cgroup,
            addresses=tuple((one["address"], int(one["prefix"]), one["interface"]) for one in raw["addresses"]),
            units=tuple(raw.get("units", ())),
            filesystems=tuple(dict.fromkeys((*raw.get("filesystems", ()), *settings.filesystems))),
        )
    except FileNotFoundError:
        return KillList(cgroup=cgroup, filesystems=settings.filesystems)
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return KillList(cgroup=cgroup, filesystems=settings.filesystems, readable=False)


def end_everything(
    settings: Settings, *, within_s: float, after_a_lease: bool = True, file_systems: bool = True
) -> Ended:
    """Kill, remove, verify.

    `after_a_lease=False`, at a keeper's first start: the daemon and the executor that run were never under a lease, and a
    file system that is mounted is nobody's of the cluster; both are left alone. `file_systems=False`, at a leave in order: what used
    them was stopped, so they are clean, and go on.
    """
    deadline = time.monotonic() + within_s
    what = read_kill_list(settings)
    left: list[str] = []
    starters = [kill_process(settings.run_dir, name) for name in STARTERS] if after_a_lease else []
    # One in an uninterruptible call dies later, but runs no line of its own any more: the groups need not wait for it.
    for starter in starters:
        starter.wait(min(deadline, time.monotonic() + STARTER_WITHIN_S))
    groups = _groups(what)
    for group in groups:
        _kill_group(group)
    still = [group for group in groups if not _wait_empty(group, deadline)]
    left += [f"{group} is not empty" for group in still]
    alive = [starter.name for starter in starters if not starter.wait(deadline)]
    left += [f"{name} does not die" for name in alive]
    left += _remove_addresses(what)
    if after_a_lease and file_systems:
        left += [refusal for refusal in map(filesystems.shut_down, what.filesystems) if refusal is not None]
    if not what.readable:
        left.append("kill-list.json cannot be read: addresses are behind the gate, but may be there")
    _close_gate(left)
    for starter in starters:
        starter.let_go()
    return Ended(groups_empty=not alive and not still, left=tuple(left))


def allow_again(settings: Settings) -> None:
    """Thaw the emptied groups, for a new incarnation."""
    for group in _groups(read_kill_list(settings)):
        _write(os.path.join(group, "cgroup.freeze"), "0")


class Killed:
    """A process that was sent SIGKILL, by pidfd; None: it was not there."""

    def __init__(self, name: str, descriptor: int | None) -> None:
        self.name = name
        self._descriptor = descriptor

    def wait(self, deadline: float) -> bool:
        """Until it is dead or time is up; True when it is dead."""
        return self._descriptor is None or _readable(self._descriptor, deadline - time.monotonic())

    def let_go(self) -> None:
        """Watch it no longer."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def kill_process(run_dir: str, name: str) -> Killed:
    """Kill the process of a pid file, if it still is the one that wrote it."""
    try:
        with open(os.path.join(run_dir, f"{name}.pid"), encoding="ascii") as file:
            pid, started = (int(word) for word in file.read().split())
        descriptor = os.pidfd_open(pid)
    except (OSError, ValueError):
        return Killed(name, None)
    # Read after the pidfd is open: the number cannot be reused between the two.
    if start_time(pid) != started:
        os.close(descriptor)
        return Killed(name, None)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    return Killed(name, descriptor)


def start_time(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat; the name in field 2 may hold blanks and brackets."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError):
        return None


def _kill_group(group: str) -> None:
    # Frozen first: whatever an action forked before its executor died, and enters the group late, cannot run in it.
    _write(os.path.join(group, "cgroup.freeze"), "1")
    _write(os.path.join(group, "cgroup.kill"), "1")


def _groups(what: KillList) -> list[str]:
    return [what.cgroup, *(group for unit in what.units for group in _unit_groups(unit))]


def _unit_groups(unit: str) -> list[str]:
    """systemd's groups of a unit. It removes the group of a unit that has ended, so none means that nothing runs."""
    mount = find_cgroup_mount()
    usual = os.path.join(mount, "system.slice", unit)
    if os.path.isdir(usual):
        return [usual]
    return [os.path.join(path, unit) for path, names, _ in os.walk(mount) if unit in names]


def _wait_empty(group: str, deadline: float) -> bool:
    try:
        descriptor = os.open(os.path.join(group, "cgroup.events"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True  # no group, no process
    poll = select.poll()
    poll.register(descriptor, select.POLLPRI)
    try:
        while b"populated 0" not in os.pread(descriptor, 4096, 0):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            poll.poll(min(left_s, 0.005) * 1000)
            _write(os.path.join(group, "cgroup.kill"), "1")
        return True
    except OSError:
        return True  # removed meanwhile
    finally:
        os.close(descriptor)


def _remove_addresses(what: KillList) -> list[str]:
    return [f"{address} cannot be removed" for address, prefix, device in what.addresses if not remove_address(address, prefix, device)]


def _close_gate(left: list[str]) -> None:
    try:
        gate = Gate()
        try:
            gate.close()
        finally:
            gate.close_socket()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP):
            return  # no table, or a kernel without any: no cluster address was ever allowed
        left.append(f"gate cannot be closed: {error.strerror}")


def _readable(descriptor: int, within_s: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(within_s, 0) * 1000))


def _write(path: str, text: str) -> None:
    with contextlib.suppress(OSError):  # the group may not exist; emptiness is verified, not assumed
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
