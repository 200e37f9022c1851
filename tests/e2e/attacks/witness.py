"""The witness of the attacks: says exactly when two servers answered for an address, or ran what is marked, and for how long."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from e2e.attacks.probes import Order, ProbeSeen
from understudy.lab import Lab

INTERVAL_S = 0.005
ANSWERS = ("arp", "icmp", "tcp")
ADDRESS = "address"
"""What `Twice` calls two servers of which each answers for the address, in whichever way."""
_PROBES = Path(__file__).with_name("probes.py")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time (CLOCK_MONOTONIC) in which a server answered in one way, or ran what is marked, without a break."""

    what: str
    server: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Twice:
    """A time in which two servers did what only one may do. The truth may be longer by two intervals at each end, never shorter."""

    what: str
    servers: tuple[str, str]
    since: float
    until: float

    @property
    def seconds(self) -> float:
        """How long."""
        return self.until - self.since

    def __str__(self) -> str:
        return f"{self.what} on {' and '.join(self.servers)} for {self.seconds * 1000:.0f} ms, from {self.since:.3f}"


class AttackWitness:
    """Watches one address and what is marked, from `with` to `stop`."""

    def __init__(self, lab: Lab, address: str, marks: Mapping[str, str], *, port: int = 8080, own: str | None = None) -> None:
        """`marks`: a name, and the word on its command line by which a process is known. `own`: the client's address, if it is IPv6."""
        client = lab.plan.host("client")
        link = next(cable for cable in client.links if cable.network == "management")
        self._order: Order = {
            "namespace": str(lab.network_namespace("client")),
            "interface": link.interface,
            "own": own or link.address,
            "address": address,
            "port": port,
            "macs": {mac: host for mac, (host, network) in lab.macs.items() if network == "management" and host in lab.servers},
            "groups": {server: str(lab.host_cgroup(server)) for server in lab.servers},
            "marks": dict(marks),
            "interval_s": INTERVAL_S,
        }
        self._process: subprocess.Popen[str] | None = None
        self.stretches: list[Stretch] = []
        self.rounds = 0
        self.longest_gap_s = 0.0
        """The longest time between two looks: what it may have missed."""

    def __enter__(self) -> Self:
        argv = [sys.executable, "-IS", str(_PROBES), json.dumps(self._order)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "watching\n"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End watching and take in what was seen."""
        if self._process is None:
            return
        said, _ = self._process.communicate("stop\n", timeout=30)
        self._process = None
        seen: ProbeSeen = json.loads(said)
        self.rounds, self.longest_gap_s = seen["rounds"], seen["longest_gap_s"]
        self.stretches = [Stretch(*row) for row in seen["seen"] if row[3] > row[2]]

    def twice(self, since: float = 0.0) -> list[Twice]:
        """All that two servers did at one time, after an instant."""
        ways = {stretch.what for stretch in self.stretches}
        groups = {ADDRESS: [stretch for stretch in self.stretches if stretch.what in ANSWERS]}
        groups |= {way: [stretch for stretch in self.stretches if stretch.what == way] for way in sorted(ways.difference(ANSWERS))}
        return [double for what, stretches in groups.items() for double in doubled(what, stretches) if double.until > since]

    def longest(self, what: str, server: str) -> float:
        """The longest stretch of a server doing this, in seconds."""
        return max(
            (stretch.until - stretch.since for stretch in self.stretches if (stretch.what, stretch.server) == (what, server)), default=0.0
        )

    def did(self, server: str, what: Iterable[str], since: float = 0.0) -> bool:
        """Whether a server did any of these after an instant."""
        return any(stretch.server == server and stretch.what in what and stretch.until > since for stretch in self.stretches)

    def longest_silence(self) -> float:
        """The longest time between two stretches in which anybody accepted or refused a connection to the address, in seconds."""
        longest, until = 0.0, None
        for stretch in sorted((stretch for stretch in self.stretches if stretch.what == "tcp"), key=lambda stretch: stretch.since):
            longest = longest if until is None else max(longest, stretch.since - until)
            until = stretch.until if until is None else max(until, stretch.until)
        return longest

    def account(self) -> str:
        """All that was seen, a line for each stretch."""
        lines = [
            f"{stretch.since:.3f} {stretch.until:.3f} {stretch.server} {stretch.what}"
            for stretch in sorted(self.stretches, key=lambda stretch: stretch.since)
        ]
        return "\n".join([*lines, f"{self.rounds} rounds, longest gap {self.longest_gap_s * 1000:.1f} ms", *map(str, self.twice()), ""])


def doubled(what: str, stretches: Iterable[Stretch]) -> list[Twice]:
    """Where stretches of two servers overlap, overlaps of the same two joined."""
    found: list[Twice] = []
    ordered = sorted(stretches, key=lambda stretch: stretch.since)
    for at, stretch in enumerate(ordered):
        for other in ordered[at + 1 :]:
            if other.since >= stretch.until:
                break
            if other.server != stretch.server:
                servers = tuple(sorted((stretch.server, other.server)))
                found.append(Twice(what, (servers[0], servers[1]), other.since, min(stretch.until, other.until)))
    return _joined(found)


def _joined(found: list[Twice]) -> list[Twice]:
    joined: list[Twice] = []
    for double in sorted(found, key=lambda double: (double.servers, double.since)):
        last = joined[-1] if joined else None
        if last is not None and last.servers == double.servers and double.since <= last.until + 4 * INTERVAL_S:
            joined[-1] = Twice(double.what, double.servers, last.since, max(last.until, double.until))
        else:
            joined.append(double)
    return sorted(joined, key=lambda double: double.since)
