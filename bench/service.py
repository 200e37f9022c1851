"""The service that every system keeps available in the side-by-side benchmarks, and the client that asks for it.

One address, a data directory (a file that says it is mounted) and a web server that answers with the host's name, a word it drew at its
start and the moment of that start. The same two scripts serve as action scripts of ours and as OCF agents of Pacemaker's; neither sleeps
longer than 5 ms, so that what is seen is the clusterware's share. Used by `outage.py` and `systems/`; knows no clusterware.
"""

import subprocess
import threading
import time
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Self

from understudy.errors import LabError
from understudy.lab.lab import Lab
from understudy.linux.cgroups import processes

ADDRESS = "10.10.10.50"
NETWORK = "management"
INTERFACE = "eth1"
PORT = 8080
SERVERS = ("ctr1", "ctr2")
"""Where the service may run, whatever other servers there are."""
DIRECTORY = "/opt/bench"
_GAP_S = 0.1

WEB_SERVER = f"""
import os, secrets, socket, sys, time
born = time.monotonic()
word = f"{{os.uname().nodename}} {{secrets.token_hex(8)}} {{born:.6f}}\\n".encode()
listening = socket.create_server((sys.argv[1], {PORT}), backlog=256)
with open("/run/web.pid", "w") as file: file.write(str(os.getpid()) + "\\n")
while True:
    peer, _ = listening.accept()
    try:
        peer.settimeout(0.2); peer.recv(1024)
        peer.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(word) + word)
    except OSError:
        pass
    peer.close()
"""

_ABOUT_AGENT = """<?xml version="1.0"?>
<resource-agent name="bench" version="1.0"><version>1.0</version>
<longdesc lang="en">bench</longdesc><shortdesc lang="en">bench</shortdesc><parameters/>
<actions><action name="start" timeout="20s"/><action name="stop" timeout="20s"/>
<action name="monitor" timeout="20s" interval="10s"/><action name="meta-data" timeout="5s"/></actions>
</resource-agent>"""

WEB = f"""#!/bin/sh
# The smallest honest service: it is up when its pid file names a living process.
alive() {{ read -r pid </run/web.pid 2>/dev/null && [ -d "/proc/$pid" ]; }}
case $1 in
start) alive && exit 0
    rm -f /run/web.pid
    setsid python3 -IS {DIRECTORY}/web.py {ADDRESS} </dev/null >/dev/null 2>&1 &
    n=0; until [ -s /run/web.pid ]; do n=$((n+1)); [ $n -gt 400 ] && exit 1; sleep 0.005; done ;;
stop|clean) alive && kill -9 "$pid"; rm -f /run/web.pid; exit 0 ;;
check) alive ;;
monitor) alive || exit 7 ;;
abort) exit 0 ;;
meta-data) cat <<'XML'
{_ABOUT_AGENT}
XML
;;
*) exit 3 ;;
esac
"""

DATA = f"""#!/bin/sh
# Stands for a data directory: a file that says it is mounted.
case $1 in
start) : >/run/web-data ;;
stop|clean) rm -f /run/web-data ;;
check) [ -e /run/web-data ] ;;
monitor) [ -e /run/web-data ] || exit 7 ;;
meta-data) cat <<'XML'
{_ABOUT_AGENT}
XML
;;
*) exit 3 ;;
esac
"""

_CLIENT = """
import select, socket, sys, time
address, port, interval, patience = sys.argv[1], int(sys.argv[2]), 0.005, 0.25
poll, live, due = select.epoll(), {}, time.monotonic()
def done(number, text):
    one = live.pop(number); poll.unregister(number); one[0].close()
    sys.stdout.write(text)
while True:
    now = time.monotonic()
    if now >= due:
        due = max(due + interval, now - 0.1)
        one = socket.socket(); one.setblocking(False)
        try: one.connect((address, port))
        except BlockingIOError: pass
        except OSError: one.close(); continue
        live[one.fileno()] = [one, now, False]; poll.register(one.fileno(), select.EPOLLOUT)
    for number, _ in poll.poll(max(0.0, min(due - time.monotonic(), 0.05))):
        one = live.get(number)
        if one is None: continue
        try:
            if not one[2]: one[0].send(b"GET / HTTP/1.0\\r\\n\\r\\n"); one[2] = True; poll.modify(number, select.EPOLLIN)
            else:
                head, _, body = one[0].recv(4096).partition(b"\\r\\n\\r\\n")
                done(number, "%.6f %s\\n" % (time.monotonic(), body.decode().strip()) if b" 200 " in head and body else "")
        except OSError: done(number, "")
    now = time.monotonic()
    for number in [n for n, one in live.items() if now - one[1] > patience]: done(number, "")
    sys.stdout.flush()
"""


def install(lab: Lab, server: str) -> None:
    """Put the scripts and the web server on a server's disk."""
    for name, text in (("web", WEB), ("data", DATA), ("web.py", WEB_SERVER)):
        write(lab, server, f"{DIRECTORY}/{name}", text, "755")


def write(lab: Lab, server: str, path: str, text: str, mode: str = "644") -> None:
    """Write a file on a server."""
    lab.exec(server, ["sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1" && chmod "$2" "$1"', "write", path, mode], input=text)


def web_pids(lab: Lab, server: str) -> list[int]:
    """The processes of the web server on a server, as the machine sees them; whoever started them."""
    found = [pid for pid in processes(str(lab.host_cgroup(server))) if f"{DIRECTORY}/web.py".encode() in _command_line(pid)]
    if not found:
        raise LabError(f"{server} answers, but no process of the web server is found there")
    return found


def runs(lab: Lab, server: str) -> bool:
    """Whether a process of the web server is there."""
    return any(f"{DIRECTORY}/web.py".encode() in _command_line(pid) for pid in processes(str(lab.host_cgroup(server))))


def _command_line(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return []
    return words if words[0].endswith(b"python3") else []


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """One good answer: when it ended, from which server, from which life of the service, when that began."""

    at: float
    server: str
    word: str
    born: float


@dataclass(frozen=True, slots=True)
class Gap:
    """An outage: the last answer of one life, the first of the next."""

    last: ServiceAnswer
    first: ServiceAnswer

    @property
    def seconds(self) -> float:
        """How long nobody answered."""
        return self.first.at - self.last.at


class ServiceClient:
    """Opens a new connection every 5 ms whatever the others do, gives each 250 ms, and remembers every good answer."""

    def __init__(self, lab: Lab) -> None:
        argv = ["nice", "-n", "-5", "python3", "-ISc", _CLIENT, ADDRESS, str(PORT)]
        self._process: subprocess.Popen[str] = lab.popen("client", argv, stdout=subprocess.PIPE, text=True)
        self._answers: list[ServiceAnswer] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at, server, word, born = line.split()
            self._answers.append(ServiceAnswer(float(at), server, word, float(born)))

    def steady(self, for_s: float, within_s: float = 90.0) -> ServiceAnswer:
        """Wait for unbroken answers of one life for this long from now on; the last of them."""
        begun = time.monotonic()
        while time.monotonic() < begun + within_s:
            time.sleep(max(0.0, begun + for_s - time.monotonic()))
            recent = self._since(time.monotonic() - for_s)
            if len(recent) > for_s * 50 and len({answer.word for answer in recent}) == 1 and self._unbroken(recent):
                return recent[-1]
            time.sleep(0.02)
        raise LabError(f"the service does not answer steadily within {within_s:g} s")

    def still(self, before: ServiceAnswer) -> ServiceAnswer | None:
        """The last good answer, if it and all since `before` are of the same life and came without a break."""
        recent = [before, *self._since(before.at)]
        return recent[-1] if len({answer.word for answer in recent}) == 1 and self._unbroken(recent) else None

    def gap(self, before: ServiceAnswer, within_s: float = 60.0) -> Gap:
        """From the last answer of the old life to the first of the next."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            answers = self._since(before.at - 1.0)
            first = next((answer for answer in answers if answer.at > before.at and answer.word != before.word), None)
            if first:
                last = max(
                    (answer for answer in answers if answer.word == before.word and answer.at < first.at), key=lambda answer: answer.at
                )
                return Gap(last, first)
            time.sleep(0.01)
        raise LabError(f"the service did not come back within {within_s:g} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _since(self, moment: float) -> list[ServiceAnswer]:
        return list(takewhile(lambda answer: answer.at > moment, reversed(self._answers)))[::-1]

    @staticmethod
    def _unbroken(answers: list[ServiceAnswer]) -> bool:
        gaps = [later.at - earlier.at for earlier, later in pairwise(answers)]
        return max(gaps, default=_GAP_S) < _GAP_S and time.monotonic() - answers[-1].at < _GAP_S
