"""The daemon's end of exec.sock: the Executor port over a connection that may break at any time.

Wired in `daemon/main.py`, on the daemon's loop. An executor that dies takes its actions with it: they come back as silent, and its
successor ends what they left before it listens. Also gathers the event sources that run in the daemon. Must never raise for what an action
does, nor wait without a bound.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from understudy.agents.groups import Groups
from understudy.correlator import Correlator
from understudy.errors import BadInput, TooManyWaiting, Unreachable
from understudy.events.cgroup import CgroupEvents
from understudy.events.mounts import MountEvents
from understudy.events.netlink import NetlinkEvents
from understudy.executor.command import ABORT_S
from understudy.executor.lines import Overlong, read_line
from understudy.executor.wire import LONGEST_LINE, TOO_LONG, decode, encode, outcome_from_wire, request_to_wire
from understudy.kinds.catalogue import KINDS
from understudy.linux.cgroups import find_parent, populated
from understudy.model.names import ResourceName
from understudy.model.settings import Settings
from understudy.model.shown import one_line
from understudy.ports import ActionOutcome, ActionProgress, ActionRequest, Surroundings

RETURN_S = 10.0
"""How long an executor may be away before it counts as unreachable."""
PING_S = 3.0
"""In what time an executor answers that has nothing to do for it, on a busy machine too."""
MOST_SAID = 256
"""Lines of progress that wait for the daemon's loop; older ones go."""
_AGAIN_S = 0.02
_GATHER_S = 0.2
_LADDER_S = ABORT_S + 5.0
"""What an overrunning action may take beyond its deadline: abort, kill, look. Longer than that, and it is the executor that hangs."""


class ExecutorLink:
    """Runs actions through understudy-exec. `start` first, `close` last."""

    def __init__(self, socket_path: Path, *, parent: str, return_s: float = RETURN_S) -> None:
        self._path = socket_path
        self._return_s = return_s
        self._writer: asyncio.StreamWriter | None = None
        self._connecting: asyncio.Task[asyncio.StreamWriter] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._requests: Correlator[dict[str, Any]] = Correlator()
        self._woken: dict[ResourceName, None] = {}
        """Resources to look at, each once, oldest first."""
        self._wake = asyncio.Event()
        self._places: dict[str, ResourceName] = {}
        self._kernel = Groups(parent)
        self._groups = CgroupEvents(parent, lambda resource, alive: None if alive else self._note(ResourceName(resource)))
        self._links = NetlinkEvents(lambda place: self._note(self._places[place]), self._around)
        self._mounts = MountEvents(lambda: self._around("mounts"), lambda point: self._note(self._places[point]))
        self._said: deque[ActionProgress] = deque(maxlen=MOST_SAID)
        """What actions say of how far they are."""
        self._changed: dict[Surroundings, None] = {}
        """What around the resources has changed, each once."""
        self._gathering: set[str] = set()

    @classmethod
    def of(cls, settings: Settings) -> "ExecutorLink":
        """For this server."""
        return cls(Path(settings.run_dir) / "exec.sock", parent=find_parent(settings.cgroup))

    async def start(self) -> None:
        """Begin to listen to events. The executor itself is reached when it is first needed."""
        self._groups.start()
        self._links.start()
        self._mounts.start()

    async def close(self) -> None:
        """End; actions in flight go on until another daemon says hello."""
        self._groups.close()
        self._links.close()
        self._mounts.close()
        for task in (self._connecting, self._reading):
            if task and not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._hang_up()

    async def run(self, request: ActionRequest) -> ActionOutcome:
        """See ports.Executor."""
        self._follow(request)
        began = asyncio.get_running_loop().time()
        try:
            outcome = outcome_from_wire(await self._ask_for(request), request.action)
            if outcome.unanswered != "not-begun" or outcome.housed is not None:
                return outcome
            # an executor without a descriptor cannot ask the kernel either; we can
            return replace(outcome, housed=self._populated(request))
        except Unreachable as error:
            why = f"{error}: nothing can be started, stopped or checked here until it does"
        except ConnectionError:
            why = "understudy-exec ended during the action"
        except TimeoutError:
            why = "understudy-exec does not answer: it hangs"
        return ActionOutcome(
            observed=None,
            evidence="silent",
            unanswered="executor-away",
            output=(why,),
            duration_s=asyncio.get_running_loop().time() - began,
            housed=self._populated(request),
        )

    def _populated(self, request: ActionRequest) -> bool | None:
        """True: processes of it live in its group. Whether any did before only the executor remembers."""
        try:
            return True if populated(self._kernel.run(request.resource)) else None
        except OSError:
            return None

    async def _ask_for(self, request: ActionRequest) -> dict[str, Any]:
        """A check that its executor took with it is asked of the successor: it changes nothing."""
        within_s = request.timeout_s + _LADDER_S
        try:
            return await self._ask(request_to_wire(request), within_s=within_s)
        except ConnectionError:
            if request.action != "check":
                raise
        return await self._ask(request_to_wire(request), within_s=within_s)

    async def kill(self, resource: ResourceName, activity: str = "") -> bool:
        """See ports.Executor."""
        return await self._is_empty("kill", resource, activity=activity)

    async def empty(self, resource: ResourceName) -> bool:
        """See ports.Executor."""
        return await self._is_empty("empty", resource)

    async def running(self) -> tuple[ResourceName, ...]:
        """See ports.Executor."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            answer = await self._ask({"op": "running"}, within_s=PING_S)
            if "running" in answer:  # else it could not look
                return tuple(ResourceName(str(name)) for name in answer["running"])
        raise Unreachable("the executor does not answer")

    async def abandon(self) -> None:
        """See ports.Executor."""
        with contextlib.suppress(ConnectionError, TimeoutError):  # then it has ended, and its actions with it
            await self._ask({"op": "hello"}, within_s=_LADDER_S)

    async def ping(self) -> str:
        """See ports.Executor."""
        try:
            async with asyncio.timeout(PING_S):
                return str((await self._ask({"op": "ping"}, within_s=PING_S)).get("cannot", ""))
        except (ConnectionError, TimeoutError):
            raise Unreachable("the executor does not answer") from None

    async def site_places(self, request: Mapping[str, Any], within_s: float) -> dict[str, Any]:
        """See `daemon/verbs/site_places.py`."""
        message = {"op": "site-places", "request": request, "timeout_s": within_s}
        try:
            found = await self._ask(message, within_s=within_s + _LADDER_S)
        except ConnectionError:
            raise Unreachable("understudy-exec ended meanwhile; it may have been done") from None
        except TimeoutError:
            raise Unreachable("understudy-exec does not answer: it hangs") from None
        if str(error := found.get("error", "")).startswith("op is "):
            raise Unreachable("understudy-exec there is of an older version: systemctl restart understudy-exec, when it suits")
        if error or not isinstance(answer := found.get("answer"), dict):
            raise Unreachable(str(error or "understudy-exec gives no answer"))
        return answer

    async def next_event(self) -> ResourceName | Surroundings | ActionProgress:
        """See ports.Executor."""
        while not self._woken and not self._changed and not self._said:
            self._wake.clear()
            await self._wake.wait()
        if self._said:
            return self._said.popleft()
        if not self._woken:
            change = next(iter(self._changed))
            del self._changed[change]
            return change
        resource = next(iter(self._woken))
        del self._woken[resource]
        return resource

    async def _is_empty(self, op: str, resource: ResourceName, **more: str) -> bool:
        try:
            answer = await self._ask({"op": op, "resource": resource, **more}, within_s=2 * _LADDER_S)
        except (ConnectionError, TimeoutError):
            return False  # not seen: ask again
        return answer.get("empty") is True

    async def _ask(self, message: Mapping[str, Any], *, within_s: float) -> dict[str, Any]:
        """One request and its answer. Unreachable: never sent. ConnectionError, TimeoutError: sent, no answer."""
        writer = await self._connected()

        async def send(number: int) -> None:
            writer.write(encode({"id": number, **message}))

        try:
            return await self._requests.ask(send, until=asyncio.get_running_loop().time() + within_s)
        except TooManyWaiting as error:
            raise Unreachable(f"understudy-exec is behind: {error}") from None

    async def _connected(self) -> asyncio.StreamWriter:
        if self._writer is not None:
            return self._writer
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())  # one for all who wait, each with a bound of its own
        try:
            async with asyncio.timeout(self._return_s):
                return await asyncio.shield(self._connecting)
        except TimeoutError:
            raise Unreachable(f"understudy-exec does not answer on {self._path}") from None

    async def _connect(self) -> asyncio.StreamWriter:
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self._path, limit=LONGEST_LINE)
            except OSError:
                await asyncio.sleep(_AGAIN_S)
                continue
            writer.write(encode({"id": 0, "op": "hello"}))
            with contextlib.suppress(OSError):
                if await read_line(reader) is not None:
                    self._writer = writer
                    self._reading = asyncio.create_task(self._read(reader))
                    return writer
            writer.close()  # the executor closed the connection
            await asyncio.sleep(_AGAIN_S)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, BadInput):
            while line := await read_line(reader):
                answer = {"id": line.id, "error": TOO_LONG} if isinstance(line, Overlong) else decode(line)
                if answer.get("event") == "neighbour":
                    self._change(Surroundings("neighbour", ResourceName(str(answer.get("resource")))))
                    continue
                if answer.get("event") == "progress":
                    self._progress(answer)
                    continue
                number = answer.get("id")
                if isinstance(number, int):
                    self._requests.answer(number, answer)
        self._hang_up()

    def _progress(self, event: Mapping[str, Any]) -> None:
        resource, text, activity = (one_line(str(event.get(key, ""))) for key in ("resource", "text", "activity"))
        self._said.append(ActionProgress(ResourceName(resource), text, activity))
        self._wake.set()

    def _hang_up(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None
        self._requests.fail(lambda: ConnectionResetError("the executor closed the connection"))

    def _around(self, kind: Literal["network", "link", "mounts"]) -> None:
        """Changes come in swarms (containers come and go): a moment's are one."""
        if kind not in self._gathering:
            self._gathering.add(kind)
            asyncio.get_running_loop().call_later(_GATHER_S, self._change, Surroundings(kind))

    def _change(self, change: Surroundings) -> None:
        self._gathering.discard(change.kind)
        self._changed[change] = None
        self._wake.set()

    def _note(self, resource: ResourceName) -> None:
        self._woken[resource] = None
        self._wake.set()

    def _follow(self, request: ActionRequest) -> None:
        """Watch what wakes a resource, as its kind says, from its first action on (a check counts: what is adopted is watched too)."""
        kind = KINDS.get(request.agent)
        for wake in () if kind is None else kind.wakes(request.parameters):
            if self._places.get(wake.place) == request.resource:
                continue
            self._places[wake.place] = request.resource
            match wake.sort:
                case "address":
                    self._links.watch(wake.place)
                case "link":
                    self._links.watch_link(wake.place)
                case "mount":
                    self._mounts.watch(wake.place)
