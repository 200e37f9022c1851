"""The witness: watches from outside, every 10 ms, which servers are active for an address and the resources behind it.

*Active* means: answers for the address (ARP, asked from the client's network), or has a runnable process of one of the resources (in their
control groups, on a host that is neither frozen nor switched off: what has been killed takes its time to go, and runs no more). A process
of its own, so that nothing else delays it; started by `Witness`, which reads what it saw. It believes nobody: no word of the cluster's own
is used.
"""

import contextlib
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from understudy.errors import LabError
from understudy.lab.lab import Lab
from understudy.lab.places import child_environment

INTERVAL_S = 0.010
SAME_INSTANT_S = 0.1
"""A look that took longer does not count: an answer of before a server was lost and a process of after it were never there together."""
_ARP_REQUEST, _ARP_REPLY = 1, 2
_CLONE_NEWNET = 0x40000000
_ETHERTYPE_ARP = 0x0806
_LONGEST = 256
"""Bytes of a file of flags."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One instant at which the set of active servers changed."""

    at: float
    """CLOCK_MONOTONIC, seconds: the same clock in every host of the lab."""
    answering: tuple[str, ...]
    running: tuple[str, ...]

    @property
    def active(self) -> tuple[str, ...]:
        """Servers that answer or run something."""
        return tuple(sorted({*self.answering, *self.running}))


class Witness:
    """Watches one address and the resources behind it, from `start` to `stop`; without an address, the resources alone."""

    def __init__(self, lab: Lab, address: str | None, resources: Sequence[str]) -> None:
        self._order = {
            "namespace": str(lab.network_namespace("client")),
            "interface": "eth1",
            "address": address,
            "macs": {macs["management"]: host for host, macs in _management_macs(lab).items()},
            "groups": {server: [str(_group(lab, server, resource)) for resource in resources] for server in lab.servers},
            "freezers": {server: str(lab.host_cgroup(server) / "cgroup.events") for server in lab.servers},
            "switches": {server: str(lab.power_file(server)) for server in lab.servers},
        }
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._sights: list[Sighting] = []
        self.samples = 0
        self.longest_gap_s = 0.0
        """The longest time between two looks: what the witness may have missed."""

    def __enter__(self) -> Self:
        argv = [sys.executable, "-m", "understudy.lab.witness", json.dumps(self._order)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=child_environment())
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it has begun
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), name="witness", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End watching and take in what was seen. LabError: who watched had ended before."""
        if self._process is None or self._reader is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write("stop\n")
        status = process.wait(30)
        self._reader.join(30)
        process.stdout.close()
        if status != 0:
            raise LabError(f"who watched {self._order['address'] or 'resources'} ended with status {status}: what was active is not known")

    def _read(self, stream: IO[str]) -> None:
        """All along, and by the reader that has read the first line: what came with that line is in it; and a pipe that nobody empties
        would stop who watches."""
        for line in stream:
            seen = json.loads(line)
            if "samples" in seen:
                self.samples, self.longest_gap_s = seen["samples"], seen["longest_gap_s"]
            else:
                self._sights.append(Sighting(seen["at"], tuple(seen["answering"]), tuple(seen["running"])))

    def most_active(self, since: float = 0.0, until: float = float("inf")) -> int:
        """The largest number of servers that were active at one instant between two."""
        return max((len(sight.active) for sight in self.sights(since, until)), default=0)

    def sights(self, since: float = 0.0, until: float = float("inf")) -> list[Sighting]:
        """What was seen between two instants, with what held at the first."""
        before = [sight for sight in self._sights if sight.at <= since]
        return before[-1:] + [sight for sight in self._sights if since < sight.at <= until]


def _management_macs(lab: Lab) -> Mapping[str, Mapping[str, str]]:
    named: dict[str, dict[str, str]] = {}
    for mac, (host, network) in lab.macs.items():
        named.setdefault(host, {})[network] = mac
    return {host: macs for host, macs in named.items() if "management" in macs}


def _group(lab: Lab, server: str, resource: str) -> Path:
    return lab.resources_cgroup(server) / resource.replace("%", "%25").replace("/", "%2F")


# --- the watching process -------------------------------------------------------------------------------------------


class _Arp:
    """Asks who has the address, as a duplicate-address probe does: no host's cache is touched."""

    def __init__(self, interface: str, address: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHERTYPE_ARP))
        self._socket.bind((interface, _ETHERTYPE_ARP))
        self._socket.setblocking(False)
        mac = self._socket.getsockname()[4]
        self._wanted = socket.inet_aton(address)
        self._frame = (
            b"\xff" * 6 + mac + struct.pack("!HHHBBH", _ETHERTYPE_ARP, 1, 0x0800, 6, 4, _ARP_REQUEST)
            + mac + bytes(4) + bytes(6) + self._wanted
        )  # fmt: skip

    def ask(self) -> None:
        """Send one probe."""
        with contextlib.suppress(OSError):
            self._socket.send(self._frame)

    def answers(self) -> set[str]:
        """MACs that have answered since the last call."""
        found: set[str] = set()
        while True:
            try:
                frame = self._socket.recv(128)
            except BlockingIOError:
                return found
            operation = int.from_bytes(frame[20:22], "big")
            if operation == _ARP_REPLY and frame[28:32] == self._wanted:
                found.add(frame[22:28].hex(":"))


def _watch(order: dict[str, object], stdin: IO[str], stdout: IO[str]) -> None:
    _enter(str(order["namespace"]))
    arp = _Arp(str(order["interface"]), str(order["address"])) if order["address"] else None
    macs: dict[str, str] = order["macs"]  # type: ignore[assignment]
    groups: dict[str, list[str]] = order["groups"]  # type: ignore[assignment]
    freezers: dict[str, str] = order["freezers"]  # type: ignore[assignment]
    switches: dict[str, str] = order["switches"]  # type: ignore[assignment]
    flags = _Flags()
    with contextlib.suppress(OSError):  # as many processes may be busy as it watches: it would see them too seldom
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    print("watching", file=stdout, flush=True)
    os.set_blocking(stdin.fileno(), False)
    before: tuple[list[str], list[str]] | None = None
    samples, longest, last = 0, 0.0, time.monotonic()
    due = last
    while not stdin.readline():
        asked = time.monotonic()
        if arp:
            arp.ask()
        due = max(due + INTERVAL_S, asked)
        time.sleep(max(0.0, due - time.monotonic()))
        answering = sorted(macs.get(mac, mac) for mac in (arp.answers() if arp else ()))
        running = sorted(server for server, paths in groups.items() if _runs(flags, paths, freezers[server], switches[server]))
        now = time.monotonic()
        if now - asked > SAME_INSTANT_S:
            continue
        longest, last, samples = max(longest, now - last), now, samples + 1
        if (answering, running) != before:
            before = (answering, running)
            print(json.dumps({"at": now, "answering": answering, "running": running}), file=stdout, flush=True)
    longest = max(longest, time.monotonic() - last)
    print(json.dumps({"samples": samples, "longest_gap_s": round(longest, 4)}), file=stdout, flush=True)


class _Flags:
    """What files of control groups say, kept open: a look at dozens of them must not take the time of what it watches."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

    def has(self, path: str, name: str) -> bool:
        """Whether this flag is set; not, if there is no such group: the host is off, or the resource was never started there."""
        for _ in range(2):  # one that was removed and made again is another file
            try:
                descriptor = self._open.get(path)
                if descriptor is None:
                    descriptor = self._open[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                return f"{name} 1".encode() in os.pread(descriptor, _LONGEST, 0)
            except OSError:
                if (descriptor := self._open.pop(path, None)) is None:
                    return False
                os.close(descriptor)
        return False


def _runs(flags: _Flags, groups: list[str], freezer: str, switch: str) -> bool:
    """Whether one of the groups has a process, on a host that can run it now; `switch`: a file that is there while the host is on."""
    populated = any(flags.has(f"{group}/run/cgroup.events", "populated") for group in groups)
    return populated and os.path.exists(switch) and not flags.has(freezer, "frozen")


def _enter(namespace: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with open(namespace) as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "cannot enter the client's network")


if __name__ == "__main__":
    _watch(json.loads(sys.argv[1]), sys.stdin, sys.stdout)
