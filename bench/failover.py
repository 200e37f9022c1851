"""How long a service is away: process kill, power loss, cut, planned relocation; a trivial HTTP server, so that the clusterware's share shows.

    ./run bench failover [--trials 20] [--pause-tolerance 2 0.5 0.25] [--act kill power-loss cut relocation] [--json FILE]

A lab of four servers for each pause tolerance. A client on a fifth host opens a new connection every 5 ms whatever the others do. The outage
is the time from the end of the last good answer of the old instance to the end of the first one of the next; instances draw a word at their
start. Prints min, median, p99 and max in milliseconds beside the bound that model/limits.py derives, and the load of the machine.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from understudy.errors import LabError
from understudy.lab.lab import Lab
from understudy.model.limits import derive

ADDRESS = "10.10.10.50"
PORT = 8080
GROUP = ("webVIP", "web-data", "web")
QUIET_S = 0.6
"""Answers must have come without a gap for this long before the next blow."""

SERVER = f"""
import os, secrets, socket
word = (os.uname().nodename + " " + secrets.token_hex(8)).encode() + b"\\n"
listening = socket.create_server(("{ADDRESS}", {PORT}), reuse_port=False, backlog=256)
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

WEB = """#!/bin/sh
# The smallest honest service: it is up when its pid file names a living process.
alive() { read -r pid </run/web.pid 2>/dev/null && [ -d "/proc/$pid" ]; }
case $1 in
start) rm -f /run/web.pid; python3 -IS /opt/openstack-ha/web.py </dev/null >/dev/null 2>&1 &
    n=0; until [ -s /run/web.pid ]; do n=$((n+1)); [ $n -gt 400 ] && exit 1; sleep 0.005; done ;;
stop|clean) alive && kill -9 "$pid"; rm -f /run/web.pid; exit 0 ;;
check) alive ;;
abort) exit 0 ;;
esac
"""

DATA = """#!/bin/sh
# Stands for a data directory: a file that says it is mounted.
case $1 in
start) : >/run/web-data ;;
stop|clean) rm -f /run/web-data ;;
check) [ -e /run/web-data ] ;;
esac
"""

PROBE = """
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
                answer = one[0].recv(4096)
                done(number, "%.6f %s\\n" % (time.monotonic(), answer.split(b"\\r\\n\\r\\n")[1].decode().strip()) if b" 200 " in answer else "")
        except OSError: done(number, "")
    now = time.monotonic()
    for number in [n for n, one in live.items() if now - one[1] > patience]: done(number, "")
    sys.stdout.flush()
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer: when it ended, from which server, from which life of the service."""

    at: float
    server: str
    word: str


class Probe:
    """The client and what it was answered."""

    def __init__(self, lab: Lab) -> None:
        argv = ["python3", "-ISc", PROBE, ADDRESS, str(PORT)]
        self._process: subprocess.Popen[str] = lab.popen("client", argv, stdout=subprocess.PIPE, text=True)
        self.answers: list[Answer] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at, server, word = line.split()
            self.answers.append(Answer(float(at), server, word))

    def steady(self, within_s: float = 60.0) -> Answer:
        """Wait for QUIET_S of unbroken answers of one life; the last of them."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            now = time.monotonic()
            recent = [one for one in self.answers[-1000:] if one.at > now - QUIET_S]
            gaps = [later.at - earlier.at for earlier, later in zip(recent, recent[1:], strict=False)]
            if len(recent) > QUIET_S * 50 and max(gaps) < 0.1 and len({one.word for one in recent}) == 1 and now - recent[-1].at < 0.1:
                return recent[-1]
            time.sleep(0.02)
        raise LabError("the service does not answer steadily")

    def outage_s(self, before: Answer, within_s: float = 60.0) -> float:
        """From the last answer of the old life to the first of the next."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            fresh = [one for one in self.answers[-4000:] if one.at > before.at and one.word != before.word]
            if fresh:
                last = max(one.at for one in self.answers if one.word == before.word)
                return fresh[0].at - last
            time.sleep(0.01)
        raise LabError("the service did not come back")

    def close(self) -> None:
        """End the client."""
        self._process.terminate()
        self._process.wait()


Blow = Callable[[Lab, str], Callable[[], None]]


def kill(lab: Lab, server: str) -> Callable[[], None]:
    """SIGKILL to every process of the service."""
    group = lab.host_cgroup(server) / "understudy" / "web" / "run" / "cgroup.procs"
    for pid in group.read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    return lambda: None


def power_loss(lab: Lab, server: str) -> Callable[[], None]:
    """The host is gone at once."""
    lab.crash(server)
    return lambda: (lab.boot(server), lab.ready(60, [server]))[0] and None


def cut(lab: Lab, server: str) -> Callable[[], None]:
    """All networks, both ways."""
    lab.cut(server)
    return lambda: (lab.heal(server), lab.ready(60, [server]))[0] and None


def relocation(lab: Lab, server: str) -> Callable[[], None]:
    """The operator moves it."""
    other = "ctr2" if server == "ctr1" else "ctr1"
    lab.exec(server, ["crsctl", "relocate", "resource", "web", "-n", other, "-f"])
    return lambda: None


ACTS: dict[str, Blow] = {"kill": kill, "power-loss": power_loss, "cut": cut, "relocation": relocation}


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    arguments = _parser().parse_args(argv)
    results = []
    for tolerance in arguments.pause_tolerance:
        with Lab(name="bench", pause_tolerance=tolerance) as lab:
            lab.up()
            _register(lab)
            probe = Probe(lab)
            try:
                for act in arguments.act:
                    results.append(_measure(lab, probe, act, tolerance, arguments.trials))
            finally:
                probe.close()
    print()
    print(_table(results))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="outages of a trivial service in a lab", epilog="example: ./run bench failover --trials 5 --pause-tolerance 0.5"
    )
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--pause-tolerance", type=float, nargs="+", default=[2.0, 0.5, 0.25])
    parser.add_argument("--act", nargs="+", choices=list(ACTS), default=list(ACTS))
    parser.add_argument("--json", help="also write every single outage to this file")
    return parser


def _register(lab: Lab) -> None:
    for server in ("ctr1", "ctr2"):
        for name, text in (("web.scr", WEB), ("web-data.scr", DATA), ("web.py", SERVER)):
            lab.exec(server, ["sh", "-c", f"cat >/opt/openstack-ha/{name}; chmod 755 /opt/openstack-ha/{name}"], input=text)
    common = "PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=1000"
    lab.exec("ctr1", ["crsctl", "add", "serverpool", "controller_sp", "-attr", "PARENT_POOLS=Generic, SERVER_NAMES=ctr1 ctr2"])
    lab.exec("ctr1", ["appvipcfg", "create", "-network=1", f"-ip={ADDRESS}", "-vipname=webVIP", "-user=root"])
    for name, needs in (("web-data", "webVIP"), ("web", "webVIP,web-data")):
        attributes = f"ACTION_SCRIPT=/opt/openstack-ha/{name}.scr,{common},START_DEPENDENCIES=hard({needs}),STOP_DEPENDENCIES=hard({needs})"
        lab.exec("ctr1", ["crsctl", "add", "resource", name, "-type", "cluster_resource", "-attr", attributes])
    lab.exec("ctr1", ["crsctl", "start", "resource", *GROUP, "-n", "ctr1"])


def _measure(lab: Lab, probe: Probe, act: str, tolerance: float, trials: int) -> dict[str, object]:
    outages, loads = [], []
    for trial in range(trials):
        before = probe.steady()
        loads.append(os.getloadavg()[0])
        repair = ACTS[act](lab, before.server)
        outage = probe.outage_s(before)
        outages.append(outage * 1000)
        repair()
        print(f"P={tolerance:<4} {act:<10} {trial + 1:3}/{trials}  {outages[-1]:7.0f} ms", flush=True)
    return {"tolerance": tolerance, "act": act, "outages_ms": outages, "load": statistics.median(loads), "bound_ms": _bound_ms(act, tolerance)}


def _bound_ms(act: str, tolerance: float) -> float | None:
    return derive(tolerance).outage_s * 1000 if act in ("power-loss", "cut") else None


def _table(results: list[dict[str, object]]) -> str:
    lines = [f"{'pause tolerance':>15}  {'act':<10}  {'n':>3}  {'min':>6}  {'median':>6}  {'p99':>6}  {'max':>6}  {'bound':>6}  {'load':>4}   (ms)"]
    lines.append("-" * len(lines[0]))
    for one in results:
        values = sorted(one["outages_ms"])  # type: ignore[call-overload]
        p99 = values[min(len(values) - 1, round(0.99 * (len(values) - 1)))]
        bound = "" if one["bound_ms"] is None else f"{one['bound_ms']:.0f}"
        lines.append(
            f"{one['tolerance']:>15}  {one['act']:<10}  {len(values):>3}  {values[0]:>6.0f}  {statistics.median(values):>6.0f}  "
            f"{p99:>6.0f}  {values[-1]:>6.0f}  {bound:>6}  {one['load']:>4.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
