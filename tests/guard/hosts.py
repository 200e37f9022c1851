"""Three servers' guards on this machine for tests: each its own network namespace, run directory and control group.

Smaller than a lab host (no image, no daemon): real guards, real kernel, one bridge between them. The bridge has a
namespace of its own, so the machine's network is never touched, and everything is gone when the test ends.
"""

import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from pyroute2 import NetNS, netns

from support import wait_for
from understudy.linux.cgroups import version_2_mount
from understudy.linux.keys import Keys, read_keys
from understudy.linux.mounts import cut_off, read_mounts
from understudy.linux.processes import status

ROOT = Path(__file__).resolve().parents[2]
_DROP_CAPABILITY = 24
VIRTUAL = "10.77.0.100"
_libc = ctypes.CDLL(None, use_errno=True)
Result = TypeVar("Result")
GuardLog = IO[bytes] | int | None


def find_cgroup_root() -> str:
    """Where control groups of version 2 are mounted."""
    mount = version_2_mount()
    assert mount is not None, "no cgroup v2"
    return mount


class GuardHost:
    """One server: its guard, its resources' control group, its clients."""

    def __init__(self, pool: "Hosts", name: str, number: int) -> None:
        self.pool = pool
        self.name = name
        self.number = number
        self.address = f"10.77.0.{number}"
        self.namespace = f"{pool.tag}-{name}"
        self.directory = pool.directory / name
        self.run_dir = self.directory / "run"
        self.run_dir.mkdir(parents=True)
        self.config = self.directory / "understudy.toml"
        self.group = f"{pool.group}/{name}"
        self.resources = f"{self.group}/resources"
        self.guards = f"{self.group}/guards"
        for group in (self.group, self.resources, self.guards):
            os.mkdir(group)
        self.log = self.directory / "log"
        self.keeper: subprocess.Popen[bytes] | None = None
        self.started: list[subprocess.Popen[bytes]] = []

    # Verbs.

    def start(self, without: tuple[int, ...] = ()) -> None:
        """Start keeper and guard, perhaps without some of root's capabilities."""
        command = [sys.executable, "-IS", str(ROOT / "bin/understudy-guard"), "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.keeper = self.run(command, log, without=without)

    def run(
        self, command: list[str], log: GuardLog = None, group: str | None = None, without: tuple[int, ...] = ()
    ) -> subprocess.Popen[bytes]:
        """A process on this server."""
        inside = os.open(f"/run/netns/{self.namespace}", os.O_RDONLY)
        procs = f"{group or self.guards}/cgroup.procs"

        def enter() -> None:
            Path(procs).write_text("0")
            assert _libc.setns(inside, 0) == 0
            for capability in without:
                assert _libc.prctl(_DROP_CAPABILITY, capability, 0, 0, 0) == 0

        try:
            process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=enter)
        finally:
            os.close(inside)
        self.started.append(process)
        return process

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`understudy-guard` with other arguments, to its end."""
        command = [sys.executable, "-IS", str(ROOT / "bin/understudy-guard"), "--config", str(self.config), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    def inside(self, action: Callable[[], Result]) -> Result:
        """Do something in this server's network namespace, in a thread-free way: go there and come back."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.namespace}", os.O_RDONLY)
        try:
            assert _libc.setns(there, 0) == 0
            return action()
        finally:
            assert _libc.setns(home, 0) == 0
            os.close(home)
            os.close(there)

    def resource(self, name: str = "db") -> subprocess.Popen[bytes]:
        """A service in its own control group."""
        group = f"{self.resources}/{name}/run"
        os.makedirs(group, exist_ok=True)
        return self.run(["sleep", "1000"], subprocess.DEVNULL, group)

    def beating_resource(self) -> tuple[subprocess.Popen[bytes], Path]:
        """A service that writes down how long it runs (`guard/beats.py`), and where."""
        group, evidence = f"{self.resources}/beats/run", self.directory / "beats"
        os.makedirs(group, exist_ok=True)
        command = [sys.executable, "-IS", str(ROOT / "tests/guard/beats.py"), str(self.run_dir / "lease"), str(evidence)]
        process = self.run(command, subprocess.DEVNULL, group)
        wait_for(evidence.exists, 5, "it beats")
        return process, evidence

    def starter(self, name: str = "understudyd") -> subprocess.Popen[bytes]:
        """Something that stands for the daemon or the executor, with its pid file."""
        process = self.run(["sleep", "1000"], subprocess.DEVNULL, self.guards)
        (self.run_dir / f"{name}.pid").write_text(f"{process.pid} {status(process.pid).started}\n")
        return process

    def virtual_address(self) -> None:
        """Protect the address, put it on the kill list, add it: the order of every start."""
        assert self.ask("gate", addresses=[VIRTUAL])["ok"] is True
        address = {"address": VIRTUAL, "prefix": 24, "interface": "eth0"}
        listed = {"format": 1, "cgroup": self.resources, "addresses": [address], "units": [], "filesystems": []}
        (self.run_dir / "kill-list.json").write_text(json.dumps(listed))
        with NetNS(self.namespace) as kernel:
            kernel.addr("add", index=kernel.link_lookup(ifname="eth0")[0], address=VIRTUAL, prefixlen=24)

    def has_virtual_address(self) -> bool:
        """Whether the kernel of this server has it."""
        with NetNS(self.namespace) as kernel:
            return any(message.get_attr("IFA_ADDRESS") == VIRTUAL for message in kernel.get_addr(family=socket.AF_INET))

    def cut(self, away: bool = True) -> None:
        """Take the cable out, or put it back."""
        with NetNS(self.pool.bridge) as kernel:
            kernel.link("set", index=kernel.link_lookup(ifname=self.name)[0], state="down" if away else "up")

    def freeze(self, still: bool = True) -> None:
        """Freeze (or thaw) everything on it, as if the machine were paused; the kernel goes on."""
        Path(self.group, "cgroup.freeze").write_text("1" if still else "0")
        want = f"frozen {int(still)}"
        wait_for(lambda: want in Path(self.group, "cgroup.events").read_text(), 5, f"{self.name}: {want}")

    # Facts.

    def connect(self, role: str = "tool") -> socket.socket:
        """A client of guard.sock that said hello; the answer is read by `ask`."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.settimeout(5)
        client.connect(str(self.run_dir / "guard.sock"))
        client.send(json.dumps({"op": "hello", "role": role}).encode())
        return client

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """One request, one answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(5)
            client.connect(str(self.run_dir / "guard.sock"))
            client.send(json.dumps({"op": op, **fields}).encode())
            answer: dict[str, Any] = json.loads(client.recv(1 << 20))
            return answer

    def holds(self) -> bool:
        """Whether its guard says that it holds a lease."""
        with contextlib.suppress(OSError):
            return bool(self.ask("state")["held"])
        return False

    def guard_pid(self) -> int | None:
        """The keeper's only child."""
        assert self.keeper is not None
        children = Path(f"/proc/{self.keeper.pid}/task/{self.keeper.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def replace_guard(self) -> int:
        """Kill the guard, and wait until a successor answers under the same lease; the process id of the one that was killed."""
        old = self.guard_pid()
        kill(old)
        wait_for(lambda: self.guard_pid() not in (None, old) and self.holds(), 2, "a successor answers")
        assert old is not None
        return old

    def runs_anything(self) -> bool:
        """Whether any process of a resource is left."""
        return "populated 1" in Path(self.resources, "cgroup.events").read_text()


class Hosts:
    """All of them, and the bridge between them."""

    def __init__(self, directory: Path) -> None:
        """Nothing is there yet, so that `close` can follow whatever `make` comes to."""
        self.directory = directory
        self.tag = f"usg{secrets.token_hex(3)}"
        self.bridge = f"{self.tag}-bridge"
        self.group = f"{find_cgroup_root()}/{self.tag}"
        self.all: list[GuardHost] = []

    def make(self, count: int, pause_tolerance: float) -> None:
        """The bridge, and the servers on it."""
        os.mkdir(self.group)
        netns.create(self.bridge)
        with NetNS(self.bridge) as kernel:
            kernel.link("add", ifname="bridge", kind="bridge")
            kernel.link("set", ifname="bridge", state="up")
        for number in range(1, count + 1):
            self.all.append(GuardHost(self, f"ctr{number}", number))
        self._settings(pause_tolerance)
        for host in self.all:
            self._wire(host)

    def __getitem__(self, number: int) -> GuardHost:
        """By the number in its name."""
        return self.all[number - 1]

    def start(self) -> None:
        """Start all guards and wait until each holds a lease."""
        for host in self.all:
            host.start()
        for host in self.all:
            wait_for(host.holds, 10, f"{host.name} holds a lease; its log: {host.log.read_text()}")

    @property
    def keys(self) -> Keys:
        """Of the guards' messages, as they begin."""
        return read_keys(str(self.directory / "guard.key"))

    def close(self) -> None:
        """Leave nothing behind: each step is done, also when one before it fails."""
        with contextlib.ExitStack() as steps:
            for step in (self._remove_namespaces, self._remove_groups, self._cut_off_mounts, self._end_processes):
                steps.callback(step)  # the last one first

    def _end_processes(self) -> None:
        groups = [host.group for host in self.all] + [host.resources for host in self.all]
        for group in filter(os.path.isdir, groups):
            Path(group, "cgroup.freeze").write_text("0")
        if not os.path.isdir(self.group):
            return
        Path(self.group, "cgroup.kill").write_text("1")
        for host in self.all:
            for process in host.started:
                process.wait(5)
        wait_for(lambda: "populated 0" in Path(self.group, "cgroup.events").read_text(), 5, "all processes of the test gone")

    def _cut_off_mounts(self) -> None:
        """What an executor's actions printed to, and what they mounted."""
        left = [cut_off(mount.point) for mount in reversed(read_mounts()) if mount.point.startswith(f"{self.directory}/")]
        assert not any(left), left

    def _remove_groups(self) -> None:
        for path, _, _ in os.walk(self.group, topdown=False):
            os.rmdir(path)

    def _remove_namespaces(self) -> None:
        there = netns.listnetns()
        for name in (self.bridge, *(host.namespace for host in self.all)):
            if name in there:
                netns.remove(name)

    def _settings(self, pause_tolerance: float) -> None:
        key = self.directory / "guard.key"
        key.write_text(secrets.token_hex(32))
        key.chmod(0o600)
        servers = "".join(f'[servers.{host.name}]\naddresses = ["{host.address}"]\n' for host in self.all)
        for host in self.all:
            host.config.write_text(
                f'[cluster]\nname = "{self.tag}"\npause_tolerance = {pause_tolerance}\n'
                f'[server]\nname = "{host.name}"\nrun_dir = "{host.run_dir}"\nstate_dir = "{host.directory}/state"\n'
                f'[guard]\nkey = "{key}"\n[executor]\ncgroup = "{host.resources}"\n{servers}'
            )

    def _wire(self, host: GuardHost) -> None:
        netns.create(host.namespace)
        with NetNS(self.bridge) as kernel:
            kernel.link("add", ifname=host.name, kind="veth", peer={"ifname": "eth0", "net_ns_fd": host.namespace})
            port = kernel.link_lookup(ifname=host.name)[0]
            kernel.link("set", index=port, master=kernel.link_lookup(ifname="bridge")[0], state="up")
        with NetNS(host.namespace) as kernel:
            for name in ("lo", "eth0"):
                kernel.link("set", index=kernel.link_lookup(ifname=name)[0], state="up")
            kernel.addr("add", index=kernel.link_lookup(ifname="eth0")[0], address=host.address, prefixlen=24)


@contextlib.contextmanager
def hosts(directory: Path, count: int = 3, pause_tolerance: float = 0.5) -> Iterator[Hosts]:
    """Servers for one test."""
    made = Hosts(directory)
    try:
        made.make(count, pause_tolerance)
        yield made
    finally:
        made.close()


def kill(process_id: int | None, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process that must be there."""
    assert process_id is not None
    os.kill(process_id, number)
