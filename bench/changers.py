"""Who changes the intent of a cluster under load: commands on every server, at a steady rate, and what each of them was answered.

Used by `load.py`. Each resource is changed by one command at a time, so what it must be in the end is known: the last change that was
acknowledged, or a later one whose answer was lost.
"""

import contextlib
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from understudy.errors import LabError
from understudy.intent.whole import Intent
from understudy.lab.lab import Lab
from understudy.model.names import ResourceName

_ENDS_S = 120.0
_A_SERVER = 3
"""Commands at once on each server."""
_TARGET_EVERY = 10
"""One change in so many is of what is wanted."""
_WORKER = """
import io, contextlib, sys, time
sys.path.insert(0, "/opt/understudy/src")
from understudy.cli import client
for line in sys.stdin:
    verb, name, value = line.split()
    body = {"names": [name], "attr": "DESCRIPTION=" + value} if verb == "modify-resource" else {"names": [name]}
    begun, said = time.monotonic(), io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = client.run(verb, body)
    except Exception as error:
        status, said = 99, io.StringIO(repr(error))
    print(status, "%.6f" % (time.monotonic() - begun), " ".join(said.getvalue().split())[:300], flush=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One command, and its answer."""

    what: str
    name: str
    value: str
    server: str
    seconds: float
    acknowledged: bool
    said: str


@dataclass(slots=True)
class KnownIntent:
    """What a resource may be: of each property the last value that was acknowledged, and those tried since whose answer was lost."""

    description: list[str] = field(default_factory=lambda: [""])
    target: list[str] = field(default_factory=lambda: ["ONLINE"])

    def tried(self, what: str, value: str) -> None:
        """A command begins: from now on it may be this."""
        self._of(what).append(value)

    def done(self, what: str, value: str) -> None:
        """It was acknowledged: it is nothing else."""
        self._of(what)[:] = [value]

    def missing(self, name: str, there: Intent) -> list[str]:
        """What the registry says that it cannot be."""
        definition, target = there.definitions.get(ResourceName(name)), there.targets.get(ResourceName(name))
        if definition is None or target is None:
            return [f"{name} is not registered"]
        found = {"description": definition.attributes.get("DESCRIPTION", ""), "target": target.target.value}
        known = {"description": self.description, "target": self.target}
        return [f"{name}: {what} is {found[what]!r}; it can be {known[what]}" for what in known if found[what] not in known[what]]

    def _of(self, what: str) -> list[str]:
        return self.description if what == "modify" else self.target


class Changers:
    """All of them; a context. `stop` lets what has begun come to its end."""

    Narrate = Callable[[str], None]

    def __init__(self, lab: Lab, names: Sequence[str], per_minute: int) -> None:
        self._lab = lab
        self._pause_s = 60.0 / per_minute
        self._lock = threading.Lock()
        self._idle = list(names)
        self._known = {name: KnownIntent() for name in names}
        self._count = 0
        self._due = time.monotonic()
        self._over = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self._failed: list[BaseException] = []
        self.changes: list[Change] = []
        servers = [server for server in lab.servers for _ in range(_A_SERVER)]
        self._threads = [threading.Thread(target=self._guarded, args=(server,), daemon=True) for server in servers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End them; LabError if one of them failed by itself."""
        self._over.set()
        for thread in self._threads:
            thread.join(120)
        if self._failed:
            raise LabError(f"a changer failed: {self._failed[0]!r}")

    def await_moment(self, moment: float) -> None:
        """Let them work until then (CLOCK_MONOTONIC)."""
        self._over.wait(max(0.0, moment - time.monotonic()))

    @property
    def acknowledged(self) -> int:
        """How many changes were acknowledged."""
        return sum(change.acknowledged for change in list(self.changes))

    @contextlib.contextmanager
    def paused(self) -> Iterator[dict[str, KnownIntent]]:
        """While no command is under way: of each resource, what it may be. LabError: one did not end."""
        self._go.clear()
        try:
            deadline = time.monotonic() + _ENDS_S
            while len(self._idle) < len(self._known):
                if time.monotonic() > deadline:
                    raise LabError(f"a command did not end within {_ENDS_S:g} s: on {sorted(set(self._known) - set(self._idle))}")
                time.sleep(0.01)
            yield self._known
        finally:
            self._go.set()

    def _guarded(self, server: str) -> None:
        try:
            while not self._over.is_set():
                self._work(server)
        except BaseException as error:  # noqa: BLE001  raised again where the run ends
            self._failed.append(error)

    def _work(self, server: str) -> None:
        """With one process on a server, until it ends or the time is over."""
        if not (self._lab.is_on(server) and self._ready(server)):
            self._over.wait(0.2)
            return
        try:
            worker = self._lab.popen(server, ["python3", "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        except LabError:
            return  # it has just lost its power
        try:
            while not self._over.is_set() and self._change(server, worker):
                pass
        finally:
            _end(worker)

    def _ready(self, server: str) -> bool:
        try:
            return self._lab.is_ready(server)
        except LabError:
            return False

    def _change(self, server: str, worker: "subprocess.Popen[str]") -> bool:
        """The next change; whether the process lives on."""
        with self._lock:
            self._due = max(self._due + self._pause_s, time.monotonic() - 1.0)
            due = self._due
        self.await_moment(due)
        self._go.wait()
        with self._lock:
            if self._over.is_set() or not self._idle or not self._go.is_set():
                return True
            name = self._idle.pop(random.randrange(len(self._idle)))
            known = self._known[name]
            self._count += 1
            what, verb, value = self._next(known)
            known.tried(what if what == "modify" else "target", value)
        begun = time.monotonic()
        status, seconds, said = _ask(worker, f"{verb} {name} {value}\n")
        took = seconds or time.monotonic() - begun
        with self._lock:
            if status == 0:
                known.done(what if what == "modify" else "target", value)
            self._idle.append(name)
            self.changes.append(Change(what=what, name=name, value=value, server=server, seconds=took, acknowledged=status == 0, said=said))
        return status is not None

    def _next(self, known: KnownIntent) -> tuple[str, str, str]:
        """What is changed, by which verb, to what."""
        if self._count % _TARGET_EVERY:
            return "modify", "modify-resource", str(self._count)
        if known.target[-1] == "ONLINE":
            return "stop", "stop-resource", "OFFLINE"
        return "start", "start-resource", "ONLINE"


def _end(worker: "subprocess.Popen[str]") -> None:
    """At the end of its input it ends; on a server without power it has ended, and has not read all."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    with contextlib.suppress(OSError):
        worker.stdin.close()
    worker.wait(_ENDS_S)
    worker.stdout.close()


def _ask(worker: "subprocess.Popen[str]", line: str) -> tuple[int | None, float, str]:
    """Status, seconds and words of one command; status None: its server was lost."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(line)
        worker.stdin.flush()
        answer = worker.stdout.readline()
    except OSError:
        answer = ""
    if not answer.endswith("\n"):
        return None, 0.0, "its server was lost"
    status, seconds, *said = answer.split(maxsplit=2)
    return int(status), float(seconds), " ".join(said).strip()
