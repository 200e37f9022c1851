"""The verbs of the stories: a real cluster in a lab, as its operators, its users and its bad luck see it.

Everything that waits has a deadline, ten times what an idle machine needs; what is asserted about safety is exact.
"""

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e import service
from e2e.asker import Asker
from support import wait_for
from understudy.errors import LabError
from understudy.lab import SYSTEMD, Lab, units
from understudy.lab.plan import REGISTRY_PROCESS
from understudy.model.engines import DEFAULT_ENGINE
from understudy.model.limits import Limits, derive

SOON_S = 30.0
"""Within this what needs a second or two must have happened."""
ONLOOKER = "ctr4"
"""The server that is asked, unless a test says otherwise: seldom struck, and nothing runs there."""


@dataclass(frozen=True)
class ShownStatus:
    """What `crsctl stat res NAME` says."""

    target: str
    state: str
    server: str | None


@dataclass(frozen=True)
class Thaw:
    """A server that runs on: somewhen between these two instants (CLOCK_MONOTONIC)."""

    server: str
    ordered: float
    done: float


class Cluster(ABC):
    """One lab that is up; whoever watches it is another kind of cluster's."""

    def __init__(self, lab: Lab, watching: contextlib.ExitStack) -> None:
        self.lab = lab
        self.thaws: list[Thaw] = []
        self.onlooker = ONLOOKER
        self.expected: list[str] = []
        """Words of log lines that would be odd in any other story."""
        self.watching = watching

    @property
    def limits(self) -> Limits:
        """The bounds of this cluster."""
        return derive(self.lab.plan.pause_tolerance)

    # As an operator

    def run(self, *argv: str, on: str | None = None, check: bool = True) -> str:
        """What a command says on a server; with `check` it must end well."""
        done = self.lab.exec(on or self.onlooker, argv, check=check, timeout_s=120)
        return done.stdout + done.stderr

    @contextlib.contextmanager
    def meanwhile(self, *argv: str, on: str | None = None) -> Iterator[None]:
        """While a command runs on a server; it is ended afterwards if it has not ended by itself."""
        with self.lab.popen(on or self.onlooker, argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            try:
                yield
            finally:
                running.terminate()

    def status(self, resource: str, ask: str | None = None) -> ShownStatus:
        """TARGET, STATE and server of a resource."""
        text = self.run("crsctl", "stat", "res", resource, on=ask)
        found = _status_in(text)
        assert found is not None, text
        return found

    def runs(self, *resources: str, on: str, within_s: float = SOON_S, ask: str | None = None) -> None:
        """Wait until crsctl says that these are ONLINE on a server."""
        for resource in resources:
            self.reaches(resource, ShownStatus("ONLINE", "ONLINE", on), within_s, ask)

    def reaches(self, resource: str, wanted: ShownStatus, within_s: float = SOON_S, ask: str | None = None) -> None:
        """Wait until crsctl says so of a resource."""
        shown = functools.partial(self.run, "crsctl", "stat", "res", resource, on=ask, check=False)
        # who is asked may know nothing for a moment: its daemon has just begun, and etcd elects a leader
        wait_for(lambda: _status_in(shown()) == wanted, within_s, f"{resource} is {wanted}")

    def acts(self, server: str, within_s: float = SOON_S) -> None:
        """Wait until no server says any more that this one cannot act."""
        wait_for(lambda: "cannot act" not in self.run("crsctl", "stat", "server", server, "-f"), within_s, f"{server} can act")

    def says(self, text: str, on: str, within_s: float = SOON_S) -> None:
        """Wait until `check cluster` on a server says this."""
        wait_for(lambda: text in self.run("crsctl", "check", "cluster", on=on, check=False), within_s, f"{on} says {text}")

    def explain(self, resource: str, ask: str | None = None) -> str:
        """What `understudy explain` says."""
        return self.run("understudy", "explain", resource, on=ask)

    def history(self, *kinds: str, resource: str | None = None, on: str | None = None, ask: str | None = None) -> list[dict[str, Any]]:
        """What happened, oldest first: only these kinds, this resource, this server."""
        lines = self.lab.exec(ask or self.onlooker, ["understudy", "history", "-n", "1000", "--json"]).stdout.splitlines()
        return [
            event
            for event in map(json.loads, lines)
            if (not kinds or event["kind"] in kinds) and resource in (None, event["resource"]) and on in (None, event["on"])
        ]

    def tells(self, kind: str, within_s: float = SOON_S, **about: Any) -> None:
        """Wait until the history shows such an event."""
        wait_for(lambda: self.history(kind, **about), within_s, f"the history tells {kind} of {about}")

    def leader(self, ask: str | None = None) -> str:
        """Who leads, by the history."""
        return str(self.history("leader", ask=ask)[-1]["on"])

    # As who stands before the machines

    def alerts(self, server: str) -> str:
        """The alert log of a server."""
        return self.lab.host_path(server, "/var/log/understudy/alert.log").read_text()

    def log(self, server: str, lab_service: str) -> str:
        """What a service of the host's init has written."""
        if self.lab.plan.host(server).init == SYSTEMD:
            return self.run("journalctl", "--output", "cat", "--unit", units.unit_of(lab_service), on=server)
        return self.lab.host_path(server, f"/var/log/understudy/{lab_service}.log").read_text()

    def put(self, path: str, text: str, on: Iterable[str]) -> None:
        """Write an executable file on servers; nothing half written is ever seen."""
        for server in on:
            new = self.lab.host_path(server, f"{path}.new")
            new.write_text(text)
            new.chmod(0o755)
            new.rename(self.lab.host_path(server, path))

    def story(self, action: str, text: str, *on: str) -> None:
        """Let the service's script do this for one of its actions."""
        self.put(f"{service.HOME}/web-{action}", f"#!/bin/sh\n{text}\n", on)

    def processes(self, server: str, resource: str) -> list[int]:
        """What runs of a resource on a server, as the machine sees it."""
        group = self.lab.resources_cgroup(server) / resource
        pids: list[int] = []
        for path in group.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                pids += map(int, path.read_text().split())
        return pids

    def kill(self, resource: str, on: str) -> None:
        """kill -9 all that runs of a resource."""
        pids = self.processes(on, resource)
        assert pids, f"nothing of {resource} runs on {on}"
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def runs_anything(self, server: str) -> bool:
        """Whether any process of any resource exists on a server."""
        try:
            return "populated 1" in (self.lab.resources_cgroup(server) / "cgroup.events").read_text()
        except OSError:
            return False  # off, or nothing ever ran there

    def holds_address(self, server: str, address: str = service.ADDRESS) -> bool:
        """Whether the address is on one of a server's interfaces, whether it answers or not."""
        return f" {address}/" in self.run("ip", "-o", "addr", on=server)

    def stopped(self, server: str, within_s: float = SOON_S) -> None:
        """Wait until nothing of the trio runs or answers on a server: no process, no address."""
        wait_for(lambda: not self.runs_anything(server), within_s, f"no process is left on {server}")
        wait_for(lambda: not self.holds_address(server), within_s, f"the address is off {server}")

    def empty(self, server: str, within_s: float = SOON_S) -> None:
        """Wait until nothing at all of the trio is left on a server: no process, no address, no mount."""
        self.stopped(server, within_s)
        mounts = self.lab.host_path(server, "/proc/1/mounts")
        wait_for(lambda: "/var/lib/mysql" not in mounts.read_text(), within_s, f"nothing is mounted on {server}")

    def incarnation(self, server: str) -> str:
        """The incarnation whose lease this server's guard holds."""
        return self.lab.host_path(server, "/run/understudy/lease").read_bytes()[:16].hex()

    def rejoins(self, server: str, after: str, within_s: float = SOON_S) -> None:
        """Wait until a server has joined as another incarnation than `after`."""

        def joined() -> bool:
            with contextlib.suppress(OSError, LabError):  # it may just be off, and boot
                return self.incarnation(server) != after and self.lab.is_ready(server)
            return False

        wait_for(joined, within_s, f"{server} joins as a new incarnation")

    def keeper_and_guard(self, server: str) -> tuple[int, int]:
        """Their pids: the keeper is the guard's parent."""
        pids = self.lab.service_pids(server, "understudy-guard")
        parents = {pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in pids}
        (guard,) = [pid for pid, parent in parents.items() if parent in parents]
        return parents[guard], guard

    def replaced(self, server: str, pid: int, within_s: float = SOON_S) -> None:
        """Wait until this process is gone, and keeper, guard, executor and daemon are all there, and the daemon says that it has joined."""

        def whole() -> bool:
            ours = [name for name in self.lab.plan.host(server).services if name.name != REGISTRY_PROCESS]
            pids = [self.lab.service_pids(server, lab_service.name) for lab_service in ours]
            # keeper, guard and their scribe
            return [len(found) for found in pids] == [3, 1, 1] and not any(pid in found for found in pids) and self.lab.is_ready(server)

        wait_for(whole, within_s, f"process {pid} of {server} is replaced")

    # As bad luck

    def strike(self, server: str, process: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to `understudyd`, `understudy-exec`, `guard` or `keeper` of a server; the pid that was struck."""
        match process:
            case "keeper" | "guard":
                pid = self.keeper_and_guard(server)[process == "guard"]
            case _:
                (pid,) = self.lab.service_pids(server, process)
        os.kill(pid, number)
        return pid

    def thaw(self, server: str) -> float:
        """Let a frozen server run on; how long something of its resources still existed then, in seconds."""
        ordered = time.monotonic()
        last = at = self.lab.thaw(server)
        self.thaws.append(Thaw(server, ordered, at))
        while self.runs_anything(server):
            last = time.monotonic()
            assert last < at + SOON_S, f"the resources of {server} still exist long after the thaw"
        return last - at

    # Harm to the registry

    def copy_registry(self) -> bytes:
        """A copy of the registry's store, taken while its process is down; with what that had not moved into the file, should it have been
        killed."""
        self.lab.registry_stop()
        with tempfile.TemporaryDirectory() as folder:
            for part in self.store.parent.glob(f"{self.store.name}*"):
                shutil.copy(part, folder)
            with contextlib.closing(sqlite3.connect(Path(folder) / self.store.name)) as store:
                copy = store.serialize()
        self.lab.registry_start()
        self.registry_answers()
        return copy

    def set_registry_back(self, copy: bytes | None) -> None:
        """Put a copy in the place of the registry's store; None: begin with an empty one."""
        self.lab.registry_stop()
        for beside in self.store.parent.glob(f"{self.store.name}*"):
            beside.unlink()
        if copy is not None:
            self.store.write_bytes(copy)
        self.lab.registry_start()

    def registry_answers(self) -> None:
        """Wait until a daemon has reached the registry."""
        wait_for(lambda: "does not answer" not in self.run("crsctl", "stat", "server", check=False), 30, "the registry answers")

    @property
    def store(self) -> Path:
        """The registry's file."""
        if self.lab.plan.engine != DEFAULT_ENGINE:
            pytest.skip(f"a registry in {self.lab.plan.engine} is no file")
        return self.lab.host_path("registry", "/var/lib/understudy/registry.db")

    # What watches, and what is looked at after the story

    @abstractmethod
    def watch_trio(self) -> None:
        """Watch the trio until the end of the test."""

    @abstractmethod
    def breaches(self) -> list[str]:
        """What was seen twice and is not excused."""

    @abstractmethod
    def odd_lines(self) -> list[str]:
        """What no log should say, or not that often."""

    @abstractmethod
    def accounts(self) -> Iterator[str]:
        """All that each witness has seen."""

    def figures(self) -> Iterator[str]:
        """What is printed at the end of every story, however it went."""
        return iter(())


def _status_in(text: str) -> ShownStatus | None:
    """What `crsctl stat res NAME` says; None: nothing of it."""
    target = re.search(r"^TARGET=(\S+)", text, re.MULTILINE)
    state = re.search(r"^STATE=(\S+)(?: on (\S+))?", text, re.MULTILINE)
    return None if target is None or state is None else ShownStatus(target[1], state[1], state[2])


class Trio:
    """The light trio on a cluster: running, watched from outside, and asked by a client."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._asker: Asker | None = None

    @property
    def asker(self) -> Asker:
        """Who asks for it."""
        assert self._asker is not None
        return self._asker

    def register(self, pool: tuple[str, ...] = ("ctr1", "ctr2"), **attributes: object) -> None:
        """The guide's commands."""
        cluster = self.cluster
        cluster.put(f"{service.HOME}/web.py", service.SERVER_TEXT, pool)
        cluster.put(service.ACTION_SCRIPT, service.SCRIPT_TEXT, pool)
        for command in (service.pool_command(pool), *service.trio_commands(**attributes)):
            cluster.run(*command, on=pool[0])

    def watch(self, patience_s: float = 0.3) -> None:
        """Watch it from before its first start on, and have a client ask for it."""
        self.cluster.watch_trio()
        self._asker = Asker(self.cluster.lab, patience_s)
        self.cluster.watching.callback(self._asker.close)

    def start(self, on: str = "ctr1", patience_s: float = 0.3) -> None:
        """Watched, and started on a server."""
        self.watch(patience_s)
        self.cluster.run("crsctl", "start", "resource", *service.TRIO, "-n", on)
        self.asker.served(by=on)

    def run(self, on: str = "ctr1", pool: tuple[str, ...] = ("ctr1", "ctr2")) -> None:
        """Registered, and running on a server."""
        self.register(pool)
        self.start(on)

    def follows(self, to: str | None = None, within_s: float = SOON_S) -> str:
        """Wait until another server (any, if none is named) serves the client, and all three are reported there; its name."""
        server = self.asker.served(by=to, within_s=within_s).server
        assert server is not None
        self.cluster.runs(*service.TRIO, on=server)
        return server
