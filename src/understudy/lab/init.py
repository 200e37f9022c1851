"""First process of a lab host: brings up the links, starts and restarts the services, reaps orphans; or becomes systemd, which does that.

Started by `hosts.py` as `python3 -IS init.py` with its order, JSON, in the environment; standard library only, and
nothing of ours, so that it starts fast and stays small. Each service runs in a control group of its own,
`/system/NAME`. A service whose name stands in /run/lab/off is not started again until it is taken out and this process
gets SIGHUP; one that needs a file, not before the file is there. Never ends: the lab's power switch ends it.
"""

import fcntl
import json
import os
import signal
import socket
import struct
import time
from pathlib import Path

CGROUPS = "/sys/fs/cgroup"
SWITCHED_OFF = "/run/lab/off"
LOGS = "/var/log/understudy"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
}
_HANDLED = {signal.SIGCHLD, signal.SIGHUP}
_PAUSE_MIN_S = 0.05
_PAUSE_MAX_S = 2.0
_SETTLED_S = 5.0
_IDLE_S = 3600.0
_LOOK_S = 0.3
"""How often it is looked whether a file is there that a service needs."""
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
_IFF_UP = 0x1
_SYSTEMD = "/lib/systemd/systemd"
_NOTIFY = "/run/lab/notify"


class Supervised:
    """A service of this host, and the process that runs it now."""

    def __init__(self, name: str, command: list[str], cleanup: list[str], needs: str) -> None:
        self.name = name
        self.needs = needs
        self.command = command
        self.cleanup = cleanup
        self.pid = 0
        """0: not running."""
        self.cleaning = False
        """The process is not the service but what clears up after it."""
        self.quick_ends = 0
        """How often in a row it ended soon after its start."""
        self.started_s = 0.0
        self.due_s = 0.0

    def start(self, now_s: float) -> None:
        """Start it."""
        self.started_s = now_s
        self.pid = _spawn(self.name, self.command)

    def ended(self, now_s: float) -> None:
        """Its process has ended: clear up after it, then let it be started again after a pause."""
        self.pid = 0
        if self.cleanup and not self.cleaning:
            self.cleaning = True
            self.pid = _spawn(self.name, self.cleanup)
            return
        self.cleaning = False
        if now_s - self.started_s >= _SETTLED_S:
            self.quick_ends = 0
        self.due_s = now_s + min(_PAUSE_MIN_S * 2**self.quick_ends, _PAUSE_MAX_S)
        self.quick_ends += 1


def main(order: str) -> None:
    """Boot, then supervise without end."""
    wanted = json.loads(order)
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    socket.sethostname(wanted["hostname"])
    os.makedirs(SWITCHED_OFF)
    for interface, (address, address6) in {"lo": ("", ""), **wanted["links"]}.items():
        _bring_up(interface, address)
        if address6:
            _add_ipv6(interface, address6)
    if wanted["init"] == "systemd":
        _become_systemd(wanted["say"])
    _enter_group("init")
    os.write(wanted["say"], b"booted\n")
    os.close(wanted["say"])
    _supervise([Supervised(service["name"], service["command"], service["cleanup"], service["needs"]) for service in wanted["services"]])


def _become_systemd(say: int) -> None:
    """Let systemd go on as the first process; a child says when it has booted, and ends."""
    announced = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    announced.bind(_NOTIFY)
    if os.fork() == 0:
        while b"READY=1" not in announced.recv(4096).split(b"\n"):
            pass
        os.write(say, b"booted\n")
        os._exit(0)
    os.close(say)
    announced.close()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
    # `container` keeps systemd from what belongs to the machine: clocks, devices, kernel settings
    os.execve(_SYSTEMD, [_SYSTEMD, "--unit=multi-user.target"], {**ENVIRONMENT, "container": "lab", "NOTIFY_SOCKET": _NOTIFY})


def _supervise(services: list[Supervised]) -> None:
    while True:
        now_s = time.monotonic()
        waiting = [process for process in services if process.pid == 0 and not os.path.exists(f"{SWITCHED_OFF}/{process.name}")]
        lacking = [process for process in waiting if process.needs and not os.path.exists(process.needs)]
        waiting = [process for process in waiting if process not in lacking]
        for service in waiting:
            if service.due_s <= now_s:
                service.start(now_s)
        next_s = min((process.due_s - now_s for process in waiting if process.pid == 0), default=_LOOK_S if lacking else _IDLE_S)
        signal.sigtimedwait(_HANDLED, max(0.0, next_s))
        for pid in _reap():
            for service in services:
                if service.pid == pid:
                    service.ended(time.monotonic())


def _reap() -> list[int]:
    """Every process that has ended, orphans included."""
    ended: list[int] = []
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append(pid)


def _spawn(name: str, command: list[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        os.setsid()
        _enter_group(f"system/{name}")
        os.makedirs(LOGS, exist_ok=True)
        log = os.open(f"{LOGS}/{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open("/dev/null", os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.execvpe(command[0], command, ENVIRONMENT)
    except OSError as error:
        os.write(2, f"{command[0]} cannot be started: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _enter_group(name: str) -> None:
    os.makedirs(f"{CGROUPS}/{name}", exist_ok=True)
    Path(f"{CGROUPS}/{name}/cgroup.procs").write_text("0")


def _bring_up(interface: str, address: str) -> None:
    """Give the interface its address and switch it on; IPv6 addresses need no waiting time here, nobody else has them."""
    for setting in ("accept_dad", "dad_transmits"):
        try:
            Path(f"/proc/sys/net/ipv6/conf/{interface}/{setting}").write_text("0")
        except FileNotFoundError:
            pass  # a kernel without IPv6
    name = interface.encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        if address:
            for request, value in ((_SIOCSIFADDR, address), (_SIOCSIFNETMASK, "255.255.255.0")):
                fcntl.ioctl(handle, request, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(value)))
        flags = struct.unpack("16sH14x", fcntl.ioctl(handle, _SIOCGIFFLAGS, struct.pack("16sH14x", name, 0)))[1]
        fcntl.ioctl(handle, _SIOCSIFFLAGS, struct.pack("16sH14x", name, flags | _IFF_UP))


def _add_ipv6(interface: str, address: str) -> None:
    """The same ioctl as for IPv4, in the form of the other family."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as handle:
        request = struct.pack("=16sIi", socket.inet_pton(socket.AF_INET6, address), 64, socket.if_nametoindex(interface))
        fcntl.ioctl(handle, _SIOCSIFADDR, request)


if __name__ == "__main__":
    main(os.environ["LAB_ORDER"])
