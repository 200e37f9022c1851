"""Lab: a whole cluster on one machine, as commands, demo and tests use it.

Each method is one thing that can be done to a lab; LabError says in a sentence what to do instead. `Lab` holds no state
beyond its name: any process can attach to a lab that another one brought up. Never reaches into a host except through
`enter.py`, a file below its /proc/PID/root or its network namespace.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from understudy.errors import LabError
from understudy.lab import PLAIN, SYSTEMD, bytecode, cgroups, disk, image, kernel, machine, orders, remains, storage, units
from understudy.lab.places import child_environment, make_directory, places_of, project_root, read_plan, read_process
from understudy.lab.plan import (
    CLIENT,
    NETWORKS,
    REGISTRY_PROCESS,
    SERVER_SERVICES,
    SWITCH,
    LabPlan,
    LabService,
    make_plan,
    plan_text,
)
from understudy.linux.cgroups import DELEGATED, PARENT_NAME
from understudy.model.engines import DEFAULT_ENGINE, ENGINES

T = TypeVar("T")
CutWay = Literal["in", "out"]
DEFAULT_SERVERS = ("ctr1", "ctr2", "ctr3", "ctr4")
_ENTER = Path(__file__).with_name("enter.py")
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
_END_S = 5.0
_POLL_S = 0.02


class Lab:
    """One lab, by name."""

    def __init__(
        self,
        name: str = "lab",
        servers: Sequence[str] = DEFAULT_SERVERS,
        pause_tolerance: float = 2.0,
        services: tuple[LabService, ...] = SERVER_SERVICES,
        packages: Sequence[str] = (),
        *,
        ipv6: bool = False,
        engine: str = DEFAULT_ENGINE,
        bare: bool = False,
        empty: bool = False,
        init: str = PLAIN,
    ) -> None:
        """`services`: what the servers' init starts; with none, the servers boot bare and there is no registry process.

        `packages`: Debian packages that the hosts have besides the usual ones. `ipv6`: both families on all links, a second network for
        IPv6 addresses (on the management one), and IPv6 between guards and to the registry. `bare`: servers without settings and keys.
        `empty`: bare, with systemd, and nothing of Understudy is installed: for packages.
        """
        self.name = name
        self._packages = tuple(packages)
        self._wanted = make_plan(name, servers, pause_tolerance, services, ipv6=ipv6, engine=engine, bare=bare, empty=empty, init=init)
        self._places = places_of(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.down()

    # The whole lab

    @property
    def plan(self) -> LabPlan:
        """What the lab consists of: hosts with their addresses, MAC addresses, switch ports."""
        return read_plan(self._places)

    @property
    def servers(self) -> tuple[str, ...]:
        """The names of its servers."""
        return self.plan.servers

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of all its hosts: servers, client, and the registry's if it has one of its own."""
        return tuple(host.name for host in self.plan.hosts)

    def up(self, *, progress: Callable[[str], None] = lambda text: None, ready_within_s: float | None = 30.0) -> None:
        """Bring the lab up: make the image if need be, boot all hosts, wait until the servers have joined (None: do not wait for that).

        What an interrupted run of the same name has left is removed first; a lab that is up is refused.
        """
        machine.require()
        root_file_system = image.ensure(progress, self._packages)
        with remains.claim(self._places, plan_text(self._wanted)):
            try:
                self._make(root_file_system)
                self._start_power(root_file_system)
                self.order("boot", names=[host.name for host in self._wanted.hosts])
            except BaseException:
                remains.remove(self._places)
                raise
        if ready_within_s is not None and not self._wanted.bare and self._has_daemon():
            self.ready(ready_within_s)

    def down(self) -> None:
        """Remove the lab and everything of it, in whatever state it is; nothing happens if there is none."""
        remains.remove(self._places)

    def ready(self, timeout_s: float, servers: Iterable[str] | None = None) -> None:
        """Return when the daemons of these servers (default: all) say that they have joined the cluster."""
        deadline = time.monotonic() + timeout_s
        for server in self.servers if servers is None else servers:
            while not self.is_ready(server):
                if time.monotonic() > deadline:
                    raise LabError(f"{server} has not joined within {timeout_s:g} s: see /var/log/understudy/*.log there")
                time.sleep(_POLL_S)

    def is_ready(self, server: str) -> bool:
        """The daemon of this server says that it has joined."""
        api = f"/proc/{self.first_process(server)}/root/run/understudy/api.sock"
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1.0)
                connection.connect(api)
                connection.sendall(b"GET /v1/ready HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
                return connection.recv(12).endswith(b" 200")
        except OSError:
            return False

    def status(self) -> dict[str, Any]:
        """For each host: power, frozen, cut, pid of its first process, addresses, pids of its services as the machine sees them."""
        state: dict[str, Any] = self.order("status")["hosts"]
        for host in self.plan.hosts:
            state[host.name]["addresses"] = {link.network: link.address for link in host.links}
            state[host.name]["services"] = {service.name: list(self.service_pids(host.name, service.name)) for service in host.services}
        return state

    # Commands inside

    def exec(
        self, host: str, argv: Sequence[str], *, check: bool = True, timeout_s: float | None = 60.0, input: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a host; LabError if `check` and it failed, or if it took longer than `timeout_s`."""
        source = subprocess.DEVNULL if input is None else subprocess.PIPE
        with self.popen(host, argv, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
            try:
                out, err = run.communicate(input, timeout_s)
            except subprocess.TimeoutExpired:
                _kill_command(run)
                raise LabError(f"{host}: {' '.join(argv)}: no end after {timeout_s:g} s") from None
        if check and run.returncode != 0:
            raise LabError(f"{host}: {' '.join(argv)}: exit status {run.returncode}: {(err or out).strip()}")
        return subprocess.CompletedProcess(list(argv), run.returncode, out, err)

    def client(self, argv: Sequence[str], *, check: bool = True, timeout_s: float | None = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command on the client: a host that is no server, where users of the services sit."""
        return self.exec(CLIENT, argv, check=check, timeout_s=timeout_s)

    def popen(self, host: str, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a command on a host; options as for subprocess.Popen. Signals sent to it (SIGKILL apart) reach the command."""
        return subprocess.Popen(self.command(host, argv), **options)

    def command(self, host: str, argv: Sequence[str], environment: Mapping[str, str] | None = None, directory: str = "/root") -> list[str]:
        """The command line that runs `argv` on a host."""
        order = {
            "host": host,
            "pid": self.first_process(host),
            "group": str(self.host_cgroup(host) / "exec"),
            "directory": directory,
            "environment": json.dumps({**_ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb"), **(environment or {})}),
        }
        return [sys.executable, "-IS", str(_ENTER), json.dumps(order), *argv]

    # The hardware; each returns the moment (time.monotonic) at which it had happened

    def crash(self, host: str) -> float:
        """Power loss: links and processes are gone at the moment returned; the disk stays."""
        return float(self.order("crash", name=host)["at"])

    def boot(self, *hosts: str) -> float:
        """Switch hosts on that are off, all at once; they boot from the disk they had."""
        return float(self.order("boot", names=list(hosts))["at"])

    def freeze(self, host: str) -> float:
        """Stop every process of the host; its kernel still answers, as on a machine that hangs."""
        return float(self.order("freeze", name=host)["at"])

    def thaw(self, host: str) -> float:
        """Let a frozen host run on."""
        return float(self.order("thaw", name=host)["at"])

    def cut(self, host: str, one_way: CutWay | None = None, networks: Iterable[str] | None = None) -> float:
        """Cut the host off; `one_way`: only what it sends (`out`) or only what is sent to it (`in`). A reboot does not heal."""
        directions = [one_way] if one_way else ["in", "out"]
        return float(self.order("cut", name=self._checked(host), networks=self._networks(networks), directions=directions)["at"])

    def heal(self, host: str, networks: Iterable[str] | None = None) -> float:
        """Repair the host's cables."""
        return float(self.order("heal", name=self._checked(host), networks=self._networks(networks))["at"])

    # The registry's processes

    def registry_stop(self, host: str | None = None) -> None:
        """End the registry, or its process on one host; it stays down until `registry_start`."""
        hosts = self._registry_on(host)
        for name in [name for name in hosts if self._has_systemd(name)]:
            self.exec(name, ["systemctl", "stop", units.unit_of(REGISTRY_PROCESS)])
        hosts = tuple(name for name in hosts if not self._has_systemd(name))
        for name in hosts:
            self._switched_off(name).touch()
        deadline = time.monotonic() + _END_S
        number = signal.SIGTERM
        while pids := [pid for name in hosts for pid in self.service_pids(name, REGISTRY_PROCESS)]:
            if time.monotonic() > deadline:
                number = signal.SIGKILL
            for pid in pids:
                _send(pid, number)
            time.sleep(_POLL_S)

    def registry_start(self, host: str | None = None) -> None:
        """Start it again, on the same store."""
        for name in self._registry_on(host):
            if self._has_systemd(name):
                self.exec(name, ["systemctl", "start", units.unit_of(REGISTRY_PROCESS)])
                continue
            self._switched_off(name).unlink(missing_ok=True)
            os.kill(self.first_process(name), signal.SIGHUP)

    def registry_pause(self, host: str | None = None) -> None:
        """Pause it (SIGSTOP): it answers nobody."""
        for name in self._registry_on(host):
            for pid in self.service_pids(name, REGISTRY_PROCESS):
                _send(pid, signal.SIGSTOP)

    def registry_resume(self, host: str | None = None) -> None:
        """Let a paused registry run on."""
        for name in self._registry_on(host):
            for pid in self.service_pids(name, REGISTRY_PROCESS):
                _send(pid, signal.SIGCONT)

    # For watchers outside

    def power_file(self, host: str) -> Path:
        """It is there while the host is on, and gone at the moment of a power loss, before its processes are."""
        return self._places.first_process(host)

    def first_process(self, host: str) -> int:
        """The pid, on the machine, of the host's first process."""
        self.plan.host(host)
        pid = read_process(self._places.first_process(host))
        if pid is None:
            raise LabError(f"{host} is off: understudy lab boot {host}")
        return pid

    def is_on(self, host: str) -> bool:
        """Whether the host has power."""
        return read_process(self._places.first_process(host)) is not None

    def host_cgroup(self, host: str) -> Path:
        """The control group, on the machine, of everything on the host; to the host it is /sys/fs/cgroup."""
        return cgroups.group_of(self.name, host)

    def resources_cgroup(self, server: str) -> Path:
        """The control group, on the machine, of all resources of a server."""
        below = DELEGATED if self._has_systemd(server) else ""
        return self.host_cgroup(server) / below / PARENT_NAME

    def service_pids(self, host: str, service: str) -> tuple[int, ...]:
        """The pids, on the machine, of a service that the host's init started."""
        group = units.group_of(service) if self._has_systemd(host) else f"system/{service}"
        return cgroups.members(self.host_cgroup(host) / group)

    def host_path(self, host: str, path: str) -> Path:
        """Where the machine sees a path of a host that is on: for reading a file or connecting to a socket."""
        return Path(f"/proc/{self.first_process(host)}/root/{path.lstrip('/')}")

    def network_namespace(self, host: str) -> Path:
        """The network namespace of a host, or of the `switch` with its bridges and ports."""
        pid = read_process(self._places.power_pid) if host == SWITCH else self.first_process(host)
        if pid is None:
            raise LabError(f"lab {self.name} is not up: understudy lab up --name {self.name}")
        return Path(f"/proc/{pid}/ns/net")

    def inside_network(self, host: str, work: Callable[[], T]) -> T:
        """Call `work` in a thread inside the network namespace of a host or the `switch`; sockets it opens belong there for good."""
        results: list[T] = []
        errors: list[BaseException] = []

        def visit() -> None:
            try:
                with self.network_namespace(host).open() as door:
                    kernel.setns(door.fileno(), kernel.CLONE_NEWNET)
                results.append(work())
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                errors.append(error)

        thread = threading.Thread(target=visit, name=f"inside-{host}")
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    @property
    def macs(self) -> dict[str, tuple[str, str]]:
        """MAC address -> (host, network): who sent a frame."""
        return {link.mac: (host.name, link.network) for host in self.plan.hosts for link in host.links}

    # Helpers

    def order(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have the lab's hardware do something; its answer."""
        return orders.send(self._places, do, **arguments)

    def _make(self, root_file_system: Path) -> None:
        guard_key = secrets.token_hex(32)
        authority = None
        if ENGINES[self._wanted.engine].tls and not self._wanted.bare:
            from understudy.security.authority import Authority  # a tenth of a second that other orders need not wait

            authority = Authority(self.name)
        storage.make_exports(self._places, root_file_system)
        for host in self._wanted.hosts:
            for part in ("upper", "work", "root"):
                (self._places.host(host.name) / part).mkdir(parents=True)
            disk.write_disk(self._wanted, host, self._places, guard_key, authority)
        bytecode.compile_project()

    def _start_power(self, root_file_system: Path) -> None:
        make_directory(cgroups.group_of(self.name, "power"))
        command = [sys.executable, "-m", "understudy.lab.power", self.name, str(root_file_system)]
        said, say = os.pipe()
        try:
            files = [
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, say, 1),
                (os.POSIX_SPAWN_OPEN, 2, str(self._places.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            ]
            pid = os.posix_spawn(command[0], command, child_environment(), file_actions=files)
        finally:
            os.close(say)
        with os.fdopen(said) as answers:
            text = answers.read()
        if text != "ready":
            os.waitpid(pid, 0)
            raise LabError(f"the hardware of lab {self.name} cannot be started: {text or self._places.log.read_text().strip()[-500:]}")

    def _has_daemon(self) -> bool:
        return (
            any(service.name == "understudyd" for host in self.plan.hosts for service in host.services)
            and (project_root() / "src/understudy/daemon/main.py").exists()
        )

    def _registry_on(self, host: str | None) -> tuple[str, ...]:
        hosts = self.plan.registry_hosts
        if host is not None and host not in hosts:
            raise LabError(f"the registry does not run on {host!r}; it runs on {', '.join(hosts) or 'no host'}")
        return (host,) if host is not None else tuple(name for name in hosts if self.is_on(name))

    def _has_systemd(self, host: str) -> bool:
        return self.plan.host(host).init == SYSTEMD

    def _switched_off(self, host: str) -> Path:
        return self.host_path(host, f"/run/lab/off/{REGISTRY_PROCESS}")

    def _checked(self, host: str) -> str:
        return self.plan.host(host).name

    def _networks(self, networks: Iterable[str] | None) -> list[str]:
        known = [network.name for network in NETWORKS]
        wanted = known if networks is None else list(networks)
        for network in wanted:
            if network not in known:
                raise LabError(f"there is no network {network!r}; the networks are {', '.join(known)}")
        return wanted


def _kill_command(run: subprocess.Popen[Any]) -> None:
    """Kill the command that enter.py started, so that enter.py reaps it and ends; SIGKILL for enter.py itself would leave it to others."""
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    for pid in children or [str(run.pid)]:
        _send(int(pid), signal.SIGKILL)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has just ended
