"""The servers as the rest sees them: something that looks at places and changes them, wherever they are.

`ServerGround` is the port; `Tree` is a directory in which a server's files are prepared, `Worker` a process of `hands.py` on this server
or, over ssh, on another. They pass the same contract test. A look at dead storage may never end: a worker that does not answer in time is
killed, and that is an answer too. `Elsewhere` asks the daemon of a server of the cluster, whose executor does the same there.
"""

import json
import os
import select
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from understudy.errors import UnderstudyError
from understudy.openstack import hands
from understudy.openstack.core.named import MOST_PLACES
from understudy.openstack.core.states import PlaceState, from_json, to_json

ANSWER_S = 30.0
"""For one request: reading some files, or writing one."""
CONNECT_S = 10
LONGEST_REQUEST = 900 << 10
"""Bytes that go through a daemon at a time."""
AskPlaces = Callable[[dict[str, object]], tuple[int, str]]
"""The verb `site-places` with its arguments: its exit status, and what it said. NotReached."""
_LONGEST_ANSWER = 64 << 20
_BOOTSTRAP = "import sys;n=int(sys.stdin.readline());exec(compile(sys.stdin.read(n),'hands','exec'))"


class NotReached(UnderstudyError):
    """A server cannot be reached; str() says why."""


class NotDone(UnderstudyError):
    """A change was refused where the place is; nothing was changed. str() says why, and what to do."""


class ServerGround(Protocol):
    """One server's places."""

    def look(self, places: Sequence[tuple[str, bool]]) -> dict[str, PlaceState]:
        """What is there. NotReached."""
        ...

    def put(self, place: str, before: PlaceState, after: PlaceState) -> bool:
        """From one to the other; False: it was so already. NotReached (it may have happened), NotDone."""
        ...

    def settle(self) -> None:
        """What must be reloaded after changes is reloaded. NotReached, NotDone."""
        ...

    def close(self) -> None:
        """Nothing more is asked."""
        ...


class _Asking:
    """The port in terms of one question and its answer."""

    def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        raise NotImplementedError

    def look(self, places: Sequence[tuple[str, bool]]) -> dict[str, PlaceState]:
        """Of ServerGround."""
        answer = self.ask({"do": "look", "places": [list(place) for place in places]})
        return {place: from_json(state) for (place, _), state in zip(places, answer["states"], strict=True)}

    def put(self, place: str, before: PlaceState, after: PlaceState) -> bool:
        """Of ServerGround."""
        return bool(self.ask({"do": "put", "place": place, "expect": to_json(before), "state": to_json(after)})["done"])

    def settle(self) -> None:
        """Of ServerGround."""
        self.ask({"do": "settle"})

    def close(self) -> None:
        """Of ServerGround."""


class Tree(_Asking):
    """A directory that stands for a server's file system, with its own etc/passwd and etc/group."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """In this process."""
        try:
            # as a worker would read it
            answer: Mapping[str, Any] = json.loads(json.dumps(hands.perform(json.loads(json.dumps(request)), self._root)))
        except hands.PlaceRefused as error:
            raise NotDone(str(error)) from None
        except OSError as error:
            raise NotDone(f"{error.filename or self._root}: {error.strerror or error}") from None
        return answer


class Worker(_Asking):
    """A process of `hands.py`, begun at the first question."""

    def __init__(self, command: Sequence[str], name: str, *, answer_s: float = ANSWER_S) -> None:
        self._command, self._name, self._answer_s = list(command), name, answer_s
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Over its pipes."""
        process = self._begun()
        try:
            self._send(process, json.dumps(request).encode() + b"\n")
            answer = json.loads(self._line(process))
        except (OSError, ValueError) as error:
            self.close()
            raise NotReached(f"{self._name} cannot be reached: {error}") from None
        if "refused" in answer:
            raise NotDone(str(answer["refused"]))
        return answer  # type: ignore[no-any-return]

    def _begun(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            source = Path(hands.__file__).read_bytes()
            try:
                self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            except OSError as error:
                raise NotReached(f"{self._name} cannot be reached: {self._command[0]}: {error.strerror}") from None
            self._rest = b""
            try:
                self._send(self._process, b"%d\n" % len(source.decode()) + source)
            except OSError as error:
                self.close()
                raise NotReached(f"{self._name} cannot be reached: {error}") from None
        return self._process

    def _send(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(data)
            process.stdin.flush()
        except BrokenPipeError:
            raise OSError(self._why(process)) from None

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        while b"\n" not in self._rest:
            if not select.select([process.stdout], [], [], self._answer_s)[0]:
                raise OSError(f"it has not answered for {self._answer_s:.0f} s (a dead mount, perhaps)")
            more = os.read(process.stdout.fileno(), 1 << 16)
            if not more:
                raise OSError(self._why(process))
            self._rest += more
            if len(self._rest) > _LONGEST_ANSWER:
                raise OSError("its answer is too long")
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _why(self, process: subprocess.Popen[bytes]) -> str:
        """What it said before it ended."""
        assert process.stderr is not None
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        said = os.read(process.stderr.fileno(), 4096).decode(errors="replace").strip().splitlines()
        return said[-1][:200] if said else f"it ended with status {process.returncode}"

    def close(self) -> None:
        """Of ServerGround."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    pass  # what was not sent is lost with it
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            pass  # it waits in the kernel, for storage that is dead; it ends with that


class Elsewhere(_Asking):
    """A server of the cluster, through its daemon: each request a verb over mutual TLS, whose answer has a bound."""

    def __init__(self, name: str, ask: AskPlaces) -> None:
        """`ask`: the verb `site-places` of that server's daemon."""
        self._name, self._ask = name, ask

    def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """As one verb."""
        body: dict[str, object] = {"request": request}
        if (size := len(json.dumps(body))) > LONGEST_REQUEST:
            why = f"this change has {size} bytes; through the daemon of {self._name} at most {LONGEST_REQUEST} go"
            raise NotDone(f"{why}: write [servers.{self._name}] ssh for it")
        status, said = self._ask(body)
        try:
            answer = json.loads(said) if status == 0 else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise NotReached(said.strip()[:500] or f"the daemon of {self._name} gives no answer")
        if "refused" in answer:
            raise NotDone(str(answer["refused"]))
        return answer

    def look(self, places: Sequence[tuple[str, bool]]) -> dict[str, PlaceState]:
        """Of ServerGround. As many requests as it takes: each answers as many as fit into it."""
        found: list[PlaceState] = []
        while len(found) < len(places):
            asked = places[len(found) : len(found) + MOST_PLACES]
            answer = self.ask({"do": "look", "places": [list(place) for place in asked]})
            states = [from_json(state) for state in answer["states"][: len(asked)]]
            if not states:
                raise NotReached(f"the daemon of {self._name} says nothing of {asked[0][0]}")
            found += states
        return {place: state for (place, _), state in zip(places, found, strict=True)}

    def put(self, place: str, before: PlaceState, after: PlaceState) -> bool:
        """Of ServerGround. What is expected goes as a fingerprint: a request has a bound."""
        expected = to_json(before)
        expect = {"kind": expected["kind"], "fingerprint": hands.fingerprint(expected)}
        return bool(self.ask({"do": "put", "place": place, "expect": expect, "state": to_json(after)})["done"])


class Nowhere(_Asking):
    """A server that cannot be reached from here at all."""

    def __init__(self, why: str) -> None:
        self._why = why

    def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Never."""
        raise NotReached(self._why)


def this_server(name: str) -> Worker:
    """The server that this runs on; a process of its own, so that dead storage does not hold us up."""
    return Worker([sys.executable, "-I", "-c", _BOOTSTRAP], name)


def by_ssh(name: str, target: str, key: str, *, program: str = "ssh") -> Worker:
    """Another server. Never asks for anything: what needs a password fails."""
    options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_S}", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]
    identity = ["-i", key, "-o", "IdentitiesOnly=yes"] if key else []
    return Worker([program, *options, *identity, "--", target, f"python3 -I -c {shlex.quote(_BOOTSTRAP)}"], name)
