"""One trial of a side-by-side benchmark: a blow to the server that holds the service, and how long the client got no answer.

For a cut it also measures how long two servers were active at once, from within each of them, because nobody outside can see a server
that is cut off: the kernel reports when an address comes and goes and when a process ends. Knows no particular clusterware.
"""

import os
import random
import select
import signal
import socket
import struct
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any, Self

from bench import service
from bench.service import Gap, ServiceAnswer, ServiceClient
from bench.systems.base import System

from understudy.lab.lab import Lab

RELEASE_S = 5.0
"""Two servers that are both active for this long after the takeover stay so for as long as the cut lasts."""
_ADDRESS_GROUP = 0x10
_ADDED, _REMOVED = 20, 21


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageTrial:
    """What one blow led to."""

    system: str
    act: str
    load: float
    outage_ms: float | None
    """None: the trial failed, and `note` says how."""
    begun_ms: float | None = None
    """From the last good answer until the system began to start the service elsewhere, by its own record: what its bounds speak of. The
    rest of the outage is the service's start. None: it does not say."""
    both_ms: float | None = None
    """A cut: how long both servers were active; negative when the old one had let go before the new one took over."""
    both_lasts: bool = False
    """They still were when the trial ended."""
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the file."""
        return {key: round(value, 1) if isinstance(value, float) and key != "load" else value for key, value in asdict(self).items()}


def one_trial(system: System, lab: Lab, client: ServiceClient, act: str) -> OutageTrial:
    """Wait until all is well, strike, measure, repair."""
    before = _quiet_moment(system, lab, client, act)
    load = os.getloadavg()[0]
    with _OutageWatch(lab, before.server, act == "cut") as watch:
        strike(system, lab, act, before.server)
        gap = client.gap(before)
        both_ms, lasts = watch.both_active_ms(gap, system.moves_service) if act == "cut" else (None, False)
    begun = system.begun(lab, gap.first.server, gap.last.at) if act in ("power-loss", "cut") else None
    begun_ms = None if begun is None else (begun - gap.last.at) * 1000
    repair(system, lab, act, gap)
    return OutageTrial(
        system=system.title, act=act, load=load, outage_ms=gap.seconds * 1000, begun_ms=begun_ms, both_ms=both_ms, both_lasts=lasts
    )


def _quiet_moment(system: System, lab: Lab, client: ServiceClient, act: str) -> ServiceAnswer:
    """A random moment at which all has been well for a while; the last answer before it."""
    while True:
        system.whole(lab)
        steady = client.steady(system.settle_s)
        time.sleep(random.uniform(0.0, system.phase_s(act)))
        if last := client.still(steady):
            return last


def strike(system: System, lab: Lab, act: str, server: str) -> None:
    """The blow."""
    if act == "kill":
        for pid in service.web_pids(lab, server):
            os.kill(pid, signal.SIGKILL)
    elif act == "power-loss":
        lab.crash(server)
    elif act == "cut":
        lab.cut(server)
    else:
        (other,) = (name for name in service.SERVERS if name != server)
        system.relocate(lab, server, other)


def repair(system: System, lab: Lab, act: str, gap: Gap) -> None:
    """Undo what the blow did to the hardware."""
    server = gap.last.server
    if act == "power-loss":
        lab.boot(server)
        system.start(lab, server)
    elif act == "cut":
        lab.heal(server)
    elif act == "relocation":
        system.relocated(lab, gap.first.server)


class _OutageWatch:
    """Follows, in the servers themselves, who has the address, and when the web server of the old one ends."""

    def __init__(self, lab: Lab, old: str, wanted: bool) -> None:
        self._lab = lab
        self._old = old
        self._wanted = wanted
        self._poll = select.epoll()
        self._sockets: dict[int, tuple[socket.socket, str]] = {}
        self._processes: list[int] = []
        self._gained: dict[str, float] = {}
        self._lost: dict[str, float] = {}
        self._ended: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        if self._wanted:
            for server in service.SERVERS:
                news = self._lab.inside_network(server, _address_news)
                self._sockets[news.fileno()] = (news, server)
                self._poll.register(news, select.EPOLLIN)
            for pid in service.web_pids(self._lab, self._old):
                self._processes.append(os.pidfd_open(pid))
                self._poll.register(self._processes[-1], select.EPOLLIN)
            self._thread.start()
        return self

    def __exit__(self, *ignored: object) -> None:
        if self._wanted:
            self._over.set()
            self._thread.join()
        for news, _ in self._sockets.values():
            news.close()
        for process in self._processes:
            os.close(process)
        self._poll.close()

    def both_active_ms(self, gap: Gap, moves_service: bool) -> tuple[float, bool]:
        """How long both had the address or, where the system starts and stops it, ran the service; and whether they still do."""
        new, end = gap.first.server, time.monotonic() + RELEASE_S
        while time.monotonic() < end and not (self._old in self._lost and (not moves_service or self._all_ended())):
            time.sleep(0.02)
        now = time.monotonic()
        spans = [self._lost.get(self._old, now) - self._gained.get(new, gap.first.at)]
        lasts = self._old not in self._lost
        if moves_service:
            spans.append((max(self._ended) if self._all_ended() else now) - gap.first.born)
            lasts = lasts or not self._all_ended()
        return max(spans) * 1000, lasts

    def _all_ended(self) -> bool:
        return len(self._ended) == len(self._processes)

    def _follow(self) -> None:
        while not self._over.is_set():
            for number, _ in self._poll.poll(0.1):
                now = time.monotonic()
                if number in self._sockets:
                    self._note(now, *self._sockets[number])
                else:
                    self._ended.append(now)
                    self._poll.unregister(number)

    def _note(self, now: float, news: socket.socket, server: str) -> None:
        text = news.recv(65536)
        while len(text) >= 16:
            length, kind = struct.unpack_from("=IH", text)
            if socket.inet_aton(service.ADDRESS) in text[24:length]:
                if kind == _ADDED:
                    self._gained.setdefault(server, now)
                elif kind == _REMOVED:
                    self._lost.setdefault(server, now)
            text = text[(length + 3) & ~3 :]


def _address_news() -> socket.socket:
    news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    news.bind((0, _ADDRESS_GROUP))
    return news
