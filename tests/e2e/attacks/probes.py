"""The witness's own process: probes an address and reads the process tables of all hosts every few milliseconds, from outside.

Started as `python -IS probes.py ORDER` by `witness.py` with the order as JSON; standard library only, nothing of the product. Its output:
`watching`, and when a line comes in on its input all it saw, as JSON. It believes nobody, and never says that something was there at an
instant at which it may not have been: a stretch begins when its first proof was in hand and ends when the request for its last one left.

Each round sends, from the client's network, an ARP request (IPv6: neighbour solicitation) to all, and to each server's MAC an ICMP echo
request and a TCP SYN: also who has the address without being asked for it is seen. These travel one hop at most, so that no server answers
for another.
"""

import contextlib
import ctypes
import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator
from typing import TypedDict

_CLONE_NEWNET = 0x40000000
_ARP, _IP, _IP6 = 0x0806, 0x0800, 0x86DD
_ARP_REQUEST = 1
_ICMP, _TCP, _ICMP6 = 1, 6, 58
_ECHO, _ECHO_REPLY, _ECHO6, _ECHO6_REPLY = 8, 0, 128, 129
_SOLICIT, _ADVERTISE = 135, 136
_IDENTITY = 0x5EE0
_NOBODY = bytes.fromhex("0275730000ee")
_PORTS = 20_000
"""SYNs leave from this port and the next 20,000."""
_REMEMBERED = 4096
"""Rounds whose answers are still distinguished."""
_BRIDGED = 2
"""So many rounds without an answer do not end a stretch: a packet may be late."""
_NEW_GROUPS_EVERY = 5
"""Rounds between two looks for new control groups and new names of processes."""


class Order(TypedDict):
    """What is to be watched, and from where."""

    namespace: str
    """Path of the network namespace of the client."""
    interface: str
    own: str
    """The client's address there."""
    address: str
    port: int
    macs: dict[str, str]
    """MAC -> server."""
    groups: dict[str, str]
    """Server -> its control group."""
    marks: dict[str, str]
    """Name -> the word on a command line by which a process is known."""
    interval_s: float


class ProbeSeen(TypedDict):
    """What was seen: for each stretch what, who, since and until (CLOCK_MONOTONIC)."""

    seen: list[tuple[str, str, float, float]]
    rounds: int
    longest_gap_s: float
    """Between two looks."""


class Stretches:
    """When who was seen doing what, without a break."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str, float, float]] = []
        self._open: dict[tuple[str, str], list[float]] = {}
        """What and who: the last round, since when for certain, until when for certain."""

    def seen(self, what: str, who: str, turn: int, left: float, came: float) -> None:
        """In this round; between the leaving of the question and the coming of the answer."""
        span = self._open.get((what, who))
        if span is not None and turn - span[0] <= 1 + _BRIDGED:
            span[0], span[2] = max(span[0], turn), max(span[2], left)
            return
        if span is not None:
            self.ended.append((what, who, span[1], span[2]))
        self._open[what, who] = [turn, came, left]

    def all(self) -> list[tuple[str, str, float, float]]:
        """What was seen up to now."""
        return self.ended + [(what, who, span[1], span[2]) for (what, who), span in self._open.items()]


class Ip4:
    """Questions and answers in IPv4. An answer names the round of its question; one to the question to all does not."""

    kinds = (_ARP, _IP)

    def __init__(self, own: str, address: str, port: int, mac: bytes) -> None:
        self._own, self._address = socket.inet_aton(own), socket.inet_aton(address)
        self._port = port
        self._mac = mac

    def to_all(self) -> bytes:
        """Who has it? As a duplicate-address probe asks, from a MAC that no host has: no host's table learns from question or answer."""
        asked = struct.pack("!HHBBH", 1, _IP, 6, 4, _ARP_REQUEST) + _NOBODY + bytes(4) + bytes(6) + self._address
        return b"\xff" * 6 + _NOBODY + struct.pack("!H", _ARP) + asked

    def to_one(self, mac: bytes, turn: int) -> list[bytes]:
        """Echo request and SYN to one server."""
        echo = struct.pack("!BBHHHI", _ECHO, 0, 0, _IDENTITY, turn & 0xFFFF, turn)
        syn = _syn(turn, self._port)
        pseudo = self._own + self._address + struct.pack("!BBH", 0, _TCP, len(syn))
        head = mac + self._mac + struct.pack("!H", _IP)
        return [head + self._packet(_ICMP, _summed(echo, 2)), head + self._packet(_TCP, _summed(syn, 16, pseudo))]

    def answer(self, frame: bytes) -> tuple[str, int | None] | None:
        """What this frame answers, and which round; None if it is no answer of the address."""
        if frame[12:14] == b"\x08\x06":
            return ("arp", None) if frame[20:22] == b"\0\x02" and frame[28:32] == self._address else None
        if frame[26:30] != self._address:
            return None
        body = frame[14 + 4 * (frame[14] & 15) :]
        if frame[23] == _ICMP and body[0] == _ECHO_REPLY:
            return _echoed(body)
        return _answered(body) if frame[23] == _TCP else None

    def _packet(self, protocol: int, body: bytes) -> bytes:
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0x4000, 1, protocol, 0, self._own, self._address)
        return _summed(head, 10) + body


class Ip6:
    """The same in IPv6: neighbour discovery in the place of ARP."""

    kinds = (_IP6,)

    def __init__(self, own: str, address: str, port: int, mac: bytes) -> None:
        self._own, self._address = (socket.inet_pton(socket.AF_INET6, text) for text in (own, address))
        self._port = port
        self._mac = mac

    def to_all(self) -> bytes:
        """Who has it? From a neighbour that is nobody."""
        group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + self._address[13:]
        nobody = socket.inet_pton(socket.AF_INET6, "fe80::5ee")
        asked = struct.pack("!BBHI", _SOLICIT, 0, 0, 0) + self._address + b"\x01\x01" + _NOBODY
        pseudo = nobody + group + struct.pack("!II", len(asked), _ICMP6)
        head = struct.pack("!IHBB", 6 << 28, len(asked), _ICMP6, 255) + nobody + group
        return b"\x33\x33" + group[12:] + _NOBODY + struct.pack("!H", _IP6) + head + _summed(asked, 2, pseudo)

    def to_one(self, mac: bytes, turn: int) -> list[bytes]:
        """Echo request and SYN to one server."""
        echo = struct.pack("!BBHHHI", _ECHO6, 0, 0, _IDENTITY, turn & 0xFFFF, turn)
        return [self._frame(mac, _ICMP6, echo), self._frame(mac, _TCP, _syn(turn, self._port))]

    def answer(self, frame: bytes) -> tuple[str, int | None] | None:
        """What this frame answers, and which round; None if it is no answer of the address."""
        body = frame[54:]
        if frame[20] == _ICMP6 and body[0] == _ADVERTISE:
            return ("arp", None) if body[8:24] == self._address else None
        if frame[22:38] != self._address:
            return None
        if frame[20] == _ICMP6 and body[0] == _ECHO6_REPLY:
            return _echoed(body)
        return _answered(body) if frame[20] == _TCP else None

    def _frame(self, mac: bytes, protocol: int, body: bytes) -> bytes:
        pseudo = self._own + self._address + struct.pack("!II", len(body), protocol)
        head = struct.pack("!IHBB", 6 << 28, len(body), protocol, 1) + self._own + self._address
        return mac + self._mac + struct.pack("!H", _IP6) + head + _summed(body, 16 if protocol == _TCP else 2, pseudo)


class Packets:
    """Asks the network, and notes who answers."""

    def __init__(self, order: Order, stretches: Stretches) -> None:
        interface, address = order["interface"], order["address"]
        family = Ip6 if ":" in address else Ip4
        self.sockets = [_raw_socket(interface, kind) for kind in family.kinds]
        self._language = family(order["own"], address, order["port"], self.sockets[0].getsockname()[4])
        self._names = {bytes.fromhex(mac.replace(":", "")): who for mac, who in order["macs"].items()}
        self._stretches = stretches
        self._left = [0.0] * _REMEMBERED
        self._turn = 0

    def ask(self) -> None:
        """One round of questions."""
        self._turn += 1
        self._left[self._turn % _REMEMBERED] = time.monotonic()
        questions = [self._language.to_all()]
        for mac in self._names:
            questions += self._language.to_one(mac, self._turn)
        for question in questions:
            with contextlib.suppress(OSError):  # a queue is full: then it was not asked
                self.sockets[0].send(question)

    def take(self, connection: socket.socket) -> None:
        """Receive what came in on a socket."""
        while True:
            try:
                frame = connection.recv(256)
            except BlockingIOError:
                return
            came, who = time.monotonic(), self._names.get(frame[6:12])
            found = None if who is None else self._language.answer(frame)
            if who is None or found is None:
                continue
            what, turn = found
            # an answer that names no question is to one of the last two
            answered, left = (self._turn, self._turn - 1) if turn is None else (turn, turn)
            if self._turn - _REMEMBERED < answered <= self._turn:
                self._stretches.seen(what, who, answered, self._left[left % _REMEMBERED], came)


class Processes:
    """Reads which marked processes exist on which server, in whatever control group, on hosts that are not frozen."""

    def __init__(self, order: Order, stretches: Stretches) -> None:
        self._groups = order["groups"]
        self._marks = {name: mark.encode() for name, mark in order["marks"].items()}
        self._stretches = stretches
        self._files: dict[str, dict[str, int]] = {server: {} for server in self._groups}
        self._marked: dict[str, str | None] = {}
        self._turn = 0

    def look(self) -> None:
        """One look at all hosts."""
        self._turn += 1
        anew = self._turn % _NEW_GROUPS_EVERY == 1
        if anew:
            self._marked = {pid: mark for pid, mark in self._marked.items() if mark is not None and os.path.exists(f"/proc/{pid}")}
        for server, root in self._groups.items():
            if anew:
                self._find_groups(server, root)
            began = time.monotonic()
            found = {mark for pid in self._pids(server) if (mark := self._mark(pid)) is not None}
            ended = time.monotonic()
            if found and not _is_frozen(root):
                for mark in found:
                    self._stretches.seen(mark, server, self._turn, began, ended)

    def _find_groups(self, server: str, root: str) -> None:
        files, there = self._files[server], set(_directories(root))
        for path in set(files) - there:
            os.close(files.pop(path))
        for path in there - set(files):
            with contextlib.suppress(OSError):
                files[path] = os.open(f"{path}/cgroup.procs", os.O_RDONLY | os.O_CLOEXEC)

    def _pids(self, server: str) -> Iterator[str]:
        for descriptor in self._files[server].values():
            with contextlib.suppress(OSError):  # the group has just gone
                yield from os.pread(descriptor, 1 << 16, 0).decode().split()

    def _mark(self, pid: str) -> str | None:
        if pid not in self._marked:
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read()
            except OSError:
                return None
            self._marked[pid] = next((name for name, mark in self._marks.items() if mark in words.split(b"\0")), None)
        return self._marked[pid]


def _directories(root: str) -> Iterator[str]:
    if os.path.isdir(root):
        for path, _, _ in os.walk(root):
            yield path


def _is_frozen(group: str) -> bool:
    try:
        with open(f"{group}/cgroup.events", encoding="ascii") as file:
            return "frozen 1" in file.read()
    except OSError:
        return True  # the host is off


def _syn(turn: int, port: int) -> bytes:
    return struct.pack("!HHIIBBHHH", _PORTS + turn % _PORTS, port, turn, 0, 0x50, 0x02, 1024, 0, 0)


def _echoed(body: bytes) -> tuple[str, int] | None:
    return ("icmp", int.from_bytes(body[8:12], "big")) if int.from_bytes(body[4:6], "big") == _IDENTITY else None


def _answered(body: bytes) -> tuple[str, int] | None:
    """Accepted or refused, the acknowledgement names the SYN."""
    turn = int.from_bytes(body[8:12], "big") - 1
    ours = body[13] & 0x10 and int.from_bytes(body[2:4], "big") == _PORTS + turn % _PORTS
    return ("tcp", turn) if ours else None


def _summed(body: bytes, at: int, pseudo: bytes = b"") -> bytes:
    """With the checksum in its place."""
    data = pseudo + body
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return body[:at] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + body[at + 2 :]


def _raw_socket(interface: str, kind: int) -> socket.socket:
    connection = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
    connection.bind((interface, kind))
    connection.setblocking(False)
    return connection


def _enter(namespace: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with open(namespace, encoding="ascii") as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "cannot enter the client's network")


def watch(order: Order) -> ProbeSeen:
    """Until a line comes in."""
    _enter(order["namespace"])
    with contextlib.suppress(OSError):  # below every guard, above what is not real-time
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    stretches = Stretches()
    packets, processes = Packets(order, stretches), Processes(order, stretches)
    interval_s = order["interval_s"]
    print("watching", flush=True)
    rounds, longest_s, last = 0, 0.0, time.monotonic()
    while True:
        packets.ask()
        due = max(last + interval_s, time.monotonic() + interval_s / 4)
        while (left_s := due - time.monotonic()) > 0:
            ready, _, _ = select.select([sys.stdin, *packets.sockets], [], [], left_s)
            if sys.stdin in ready:
                return {"seen": stretches.all(), "rounds": rounds, "longest_gap_s": longest_s}
            for source in packets.sockets:
                if source in ready:
                    packets.take(source)
        processes.look()
        now = time.monotonic()
        longest_s, last, rounds = max(longest_s, now - last), now, rounds + 1


if __name__ == "__main__":
    print(json.dumps(watch(json.loads(sys.argv[1]))), flush=True)
