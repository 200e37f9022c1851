"""The verbs of the attacks, beside those of the other stories: what root, disks and strangers do to a cluster.

What is asserted about safety is exact; outages have bounds of ten times what an idle machine needs.
"""

import contextlib
import fcntl
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from e2e import audits, service
from e2e.attacks.witness import ADDRESS, INTERVAL_S, AttackWitness, Stretch, Twice
from e2e.harness import Cluster
from support import stopped, wait_for
from understudy.lab import SYSTEMD, Lab, units

SETTINGS = "/etc/understudy/understudy.toml"
WEB = f"{service.HOME}/web.py"
"""The word by which the trio's service is known."""
_FREEZE, _THAW = 0xC0045877, 0xC0045878
_SECOND_LINE = "understudy-guard stopped nothing"
_FREEZER = Path("/sys/fs/cgroup/freezer")

_HANG = """
import ctypes, os, signal, sys
door = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={door},rootmode=40000,user_id=0,group_id=0"
mounted = ctypes.CDLL(None).mount(b"gone.example.com:/scripts", sys.argv[1].encode(), b"fuse", 0, options.encode())
print("mounted" if mounted == 0 else "refused", flush=True)
signal.pause()
"""

AUX_TEXT = f"""#!/bin/sh
# A story may put a script of its own, {service.HOME}/NAME-ACTION, in the place of one action.
me={service.HOME}/$_CRS_NAME.py
[ ! -x {service.HOME}/$_CRS_NAME-$1 ] || exec {service.HOME}/$_CRS_NAME-$1
case $1 in
start)
    [ -e $me ] || ln -s /bin/sleep $me
    $me 100000 </dev/null >/dev/null 2>&1 &
    while ! pgrep -f "$me 100000" >/dev/null; do sleep 0.02; done ;; # the check comes next
check) pgrep -f "$me 100000" >/dev/null ;;
stop | abort | clean) pkill -9 -f "$me 100000"; while pgrep -f "$me 100000" >/dev/null; do sleep 0.02; done; exit 0 ;;
esac
"""


class AttackedCluster(Cluster):
    """A lab, and who does it harm."""

    def __init__(self, lab: Lab, watching: contextlib.ExitStack) -> None:
        super().__init__(lab, watching)
        self.witnesses: list[AttackWitness] = []
        self._not_prevented: list[Stretch] = []
        self._stricken_guards = 0

    # The witness

    def watch(self, address: str, marks: Mapping[str, str] | None = None, own: str | None = None) -> AttackWitness:
        """Watch an address and the marked processes until the end of the test, or `stop`. The trio's are marked."""
        witness = AttackWitness(self.lab, address, {service.SERVICE: WEB} if marks is None else marks, own=own)
        self.watching.enter_context(witness)
        self.witnesses.append(witness)
        return witness

    def watch_trio(self) -> None:
        """See Cluster."""
        self.watch(service.ADDRESS)

    def watch_aux(self, *names: str) -> AttackWitness:
        """Watch resources made by `aux`, and the trio's address."""
        return self.watch(service.ADDRESS, {name: f"{service.HOME}/{name}.py" for name in names})

    @property
    def thaw_window_s(self) -> float:
        """For so long after the thaw of a frozen server its processes may exist beside their successors: S1 of docs/safety.md."""
        return self.limits.pace.lateness_s + self.limits.pace.kill_s

    def twice(self) -> list[Twice]:
        """All that was seen twice, apart from the stated window after a thaw, in which nothing may answer, and what is `not_prevented`."""
        return [double for witness in self.witnesses for double in witness.twice() if not self._in_a_window(double)]

    def breaches(self) -> list[str]:
        """See Cluster."""
        return list(map(str, self.twice()))

    def accounts(self) -> Iterator[str]:
        """See Cluster."""
        return (witness.account() for witness in self.witnesses)

    def figures(self) -> Iterator[str]:
        """How long the address was silent at most."""
        return (f"longest silence of the address: {witness.longest_silence():.2f} s" for witness in self.witnesses)

    def not_prevented(self, what: str, server: str, since: float, until: float) -> None:
        """Between these instants this server did what nothing can prevent, by the story's own doing: docs/attacks.md says so."""
        self._not_prevented.append(Stretch(what, server, since, until + 2 * INTERVAL_S))

    def _in_a_window(self, double: Twice) -> bool:
        these = [other for other in self._not_prevented if other.what == double.what and other.server in double.servers]
        if any(other.since <= double.since and double.until <= other.until for other in these):
            return True
        window_s = self.thaw_window_s + 2 * INTERVAL_S
        until = [thaw.done + window_s for thaw in self.thaws if thaw.server in double.servers and thaw.ordered <= double.since]
        return double.what != ADDRESS and any(double.until <= end for end in until)

    def odd_lines(self) -> list[str]:
        """See Cluster."""
        found = audits.odd_lines(self.lab.name, self.expected)
        true = [line for line in found if _SECOND_LINE in line]
        # where the story struck a guard, that daemon and executor ended everything is right: once each
        return [line for line in found if line not in true] + true[2 * self._stricken_guards :]

    # Resources

    def aux(self, name: str, *pool: str, start: bool = True, **attributes: object) -> None:
        """Register a resource of a ten-line script around a `sleep`, for a pool of its own, and start it on the pool's first server."""
        self.put(f"{service.HOME}/aux.scr", AUX_TEXT, self.lab.servers)
        self.run("crsctl", "add", "serverpool", f"{name}_sp", "-attr", f"PARENT_POOLS=Generic, SERVER_NAMES={' '.join(pool)}")
        given: dict[str, object] = {"PLACEMENT": "restricted", "SERVER_POOLS": f"{name}_sp", "CHECK_INTERVAL": 1}
        own = ",".join(f"{key}={value}" for key, value in (given | attributes).items())
        self.run("crsctl", "add", "resource", name, "-type", "cluster_resource", "-attr", f"ACTION_SCRIPT={service.HOME}/aux.scr,{own}")
        if start:
            self.run("crsctl", "start", "resource", name, "-n", pool[0])

    def marked(self, server: str, name: str) -> list[int]:
        """Processes of a resource on a server, in whatever control group, as the machine sees them."""
        mark = f"{service.HOME}/{name}.py".encode()
        pids = []
        for path in self.lab.host_cgroup(server).rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                pids += [int(pid) for pid in path.read_text().split() if mark in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
        return pids

    # What can be seen by who is not asked for

    def told(self, *words: str, on: str) -> bool:
        """Whether a server's alert log, or the history as it shows it, has a line with all these words."""
        lines = [str(event) for event in self.history(ask=on)]
        with contextlib.suppress(OSError):
            lines += self.alerts(on).splitlines()
        return any(all(word in line for word in words) for line in lines)

    # Harm to settings and processes

    def edit_settings(self, server: str, change: Callable[[str], str]) -> None:
        """Edit understudy.toml on a server."""
        path = self.lab.host_path(server, SETTINGS)
        before = path.read_text()
        after = change(before)
        assert after != before
        path.write_text(after)

    def restart_guard(self, server: str) -> None:
        """Kill the keeper, so that all begins anew on this server, with the settings of now."""
        self._stricken_guards += 1
        keeper, guard = self.keeper_and_guard(server)
        os.kill(keeper, signal.SIGKILL)
        wait_for(lambda: not Path(f"/proc/{guard}").exists(), 30, f"the guard of {server} is gone")

    def stop_service(self, server: str, name: str) -> None:
        """Let a service of the host's init be away until `start_service`."""
        if self.lab.plan.host(server).init == SYSTEMD:
            self.run("systemctl", "stop", units.unit_of(name), on=server)
            return
        self.lab.host_path(server, f"/run/lab/off/{name}").touch()
        for pid in self.lab.service_pids(server, name):
            os.kill(pid, signal.SIGKILL)

    def start_service(self, server: str, name: str) -> None:
        """Let it be started again."""
        if self.lab.plan.host(server).init == SYSTEMD:
            self.run("systemctl", "start", units.unit_of(name), on=server)
            return
        self.lab.host_path(server, f"/run/lab/off/{name}").unlink()
        os.kill(self.lab.first_process(server), signal.SIGHUP)

    @contextlib.contextmanager
    def stood_still(self, *pids: int) -> Iterator[None]:
        """Processes that are stopped (SIGSTOP) meanwhile."""
        self._stricken_guards += 1
        with stopped(*pids):
            yield

    @contextlib.contextmanager
    def unkillable(self, *pids: int) -> Iterator[None]:
        """Processes in a freezer of control groups version 1: they neither run nor die meanwhile."""
        if not (_FREEZER / "tasks").exists():
            pytest.skip("this machine has no freezer of control groups version 1")
        self._stricken_guards += 1
        group = _FREEZER / f"{self.lab.name}-freezer"
        group.mkdir()
        try:
            for pid in pids:
                (group / "cgroup.procs").write_text(str(pid))
            (group / "freezer.state").write_text("FROZEN")
            wait_for(lambda: (group / "freezer.state").read_text() == "FROZEN\n", 10, "they stand still")
            yield
        finally:
            (group / "freezer.state").write_text("THAWED")
            for pid in pids:
                with contextlib.suppress(OSError):
                    (_FREEZER / "cgroup.procs").write_text(str(pid))
            _remove_directory(group)

    def passes(self, seconds: float) -> None:
        """Let a stretch of time go by: what must not happen meanwhile is the witness's to see."""
        until = time.monotonic() + seconds
        wait_for(lambda: time.monotonic() > until, seconds + 30, "the time goes by")

    def begins_anew(self, server: str, after: str) -> None:
        """Wait until a server has a guard of another life than `after`, whether or not it gets a lease."""

        def another() -> bool:
            with contextlib.suppress(OSError, ValueError):
                return self.incarnation(server) != after and len(self.keeper_and_guard(server)) == 2
            return False

        wait_for(another, 30, f"{server} begins a new life")

    def reboot(self, server: str) -> None:
        """Power off and on; wait until it has joined."""
        self.lab.crash(server)
        self.lab.boot(server)
        self.lab.ready(30, [server])

    # Harm to the network

    def flush_rules(self, server: str) -> None:
        """`nft flush ruleset` on a server, also on one that is frozen."""

        def flush() -> None:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as wire:
                edge = struct.pack("!BBH", 0, 0, 10)
                steps = [(16, edge), (10 << 8 | 2, struct.pack("!BBH", 0, 0, 0)), (17, edge)]
                wire.send(b"".join(struct.pack("=IHHII", 20, kind, 1, at, 0) + body for at, (kind, body) in enumerate(steps)))

        self.lab.inside_network(server, flush)

    # Disks

    @contextlib.contextmanager
    def hung_file_system(self, server: str, where: str) -> Iterator[None]:
        """Meanwhile a directory of a server lies on a file system that answers nobody, as of a file server that is gone."""
        with self.lab.popen(server, ["python3", "-IS", "-c", _HANG, where], stdout=subprocess.PIPE) as hanging:
            assert hanging.stdout is not None
            assert hanging.stdout.readline() == b"mounted\n"
            try:
                yield
            finally:
                self.run("umount", "-l", where, on=server)
                hanging.kill()

    def disk(self, server: str, where: str, folder: Path) -> "AttackedDisk":
        """A small disk of its own, mounted at a directory of a server."""
        disk = AttackedDisk(self, server, where, folder)
        self.watching.callback(disk.thaw)
        return disk


class AttackedDisk:
    """An ext4 file system in a file, mounted on one server, that can be made to hang."""

    def __init__(self, cluster: Cluster, server: str, where: str, folder: Path) -> None:
        if not Path("/dev/loop-control").exists():
            pytest.skip("this machine has no loop devices")
        file = folder / f"{server}-{Path(where).name}.disk"
        subprocess.run(["truncate", "-s", "16M", str(file)], check=True)
        subprocess.run(["mkfs.ext4", "-q", str(file)], check=True)
        device = subprocess.run(["losetup", "-f", "--show", str(file)], check=True, capture_output=True, text=True).stdout.strip()
        number = os.stat(device)
        inside = cluster.lab.host_path(server, f"/dev/{Path(device).name}")
        if not inside.exists():
            os.mknod(inside, number.st_mode, number.st_rdev)
        cluster.run("mkdir", "-p", where, on=server)
        cluster.run("mount", "-t", "ext4", device, where, on=server)
        subprocess.run(["losetup", "-d", device], check=True)  # it goes with its last mount
        self._door = os.open(cluster.lab.host_path(server, where), os.O_RDONLY | os.O_DIRECTORY)
        self._frozen = False

    def freeze(self) -> None:
        """From now on whoever writes to it waits."""
        fcntl.ioctl(self._door, _FREEZE, 0)
        self._frozen = True

    def thaw(self) -> None:
        """Let them go on."""
        if self._frozen:
            fcntl.ioctl(self._door, _THAW, 0)
            self._frozen = False
        if self._door >= 0:
            os.close(self._door)
            self._door = -1


def _remove_directory(path: Path) -> None:
    def gone() -> bool:
        with contextlib.suppress(OSError):
            path.rmdir()
        return not path.exists()

    wait_for(gone, 10, f"{path} can be removed")
