"""What truly runs on a server, and the daemon's way to it.

`MachineServices` is FakeExecutor that reports every change of the truth; `ExecutorPort` is what a daemon holds: requests run in the
executor's own place, so that they go on when the daemon dies, and end with the executor. Called by `sim/machine.py`. Must never decide.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from understudy.errors import Unreachable
from understudy.executor.fake import FakeExecutor, FakeService
from understudy.model.names import Incarnation, ResourceName
from understudy.ports import ActionName, ActionOutcome, ActionProgress, ActionRequest
from understudy.sim.loop import Place, VirtualLoop

if TYPE_CHECKING:
    from understudy.sim.machine import Machine

PING_S = 3.0
"""As daemon/execlink.py."""
RETURN_S = 10.0
"""As daemon/execlink.py: how long an executor may be away."""
TOOK_S: dict[ActionName, float] = {"start": 0.02, "stop": 0.01, "check": 0.002, "clean": 0.005, "abort": 0.002}
"""How long actions take if nothing else is said."""
GONE = ActionOutcome(observed=None, evidence="silent", unanswered="executor-away", output=("understudy-exec ended during the action",))


class SimService(FakeService):
    """A service whose start and death are reported at the instant they happen."""

    def __init__(self, changed: Callable[[bool], None]) -> None:
        object.__setattr__(self, "_changed", changed)
        super().__init__()

    def __setattr__(self, name: str, value: Any) -> None:
        before = name == "alive" and getattr(self, "alive", False)
        super().__setattr__(name, value)
        if name == "alive" and value != before:
            self._changed(value)  # type: ignore[attr-defined]


class MachineServices(FakeExecutor):
    """Everything that runs on one machine; it outlives daemon and executor, not a power loss."""

    def __init__(
        self,
        lease: Callable[[], Incarnation | None],
        begins: Callable[[ActionRequest], None],
        ended: Callable[[ActionRequest, ActionOutcome | None], None],
        changed: Callable[[ResourceName, bool], None],
        starts_take_s: Mapping[ResourceName, float],
    ) -> None:
        super().__init__(lease=lease)
        self._begins = begins
        self._ended = ended
        self._changed = changed
        self._starts_take_s = starts_take_s
        self.in_action: dict[ResourceName, list[ActionRequest]] = {}
        """What is being done to each resource now."""

    def service(self, resource: ResourceName) -> FakeService:
        """See FakeExecutor."""
        if resource not in self.services:
            self.services[resource] = service = SimService(lambda alive: self._changed(resource, alive))
            service.took_s = {**TOOK_S, "start": self._starts_take_s.get(resource, TOOK_S["start"])}
        return self.services[resource]

    def active(self, resource: ResourceName) -> bool:
        """Whether anything of it may be running: it is alive, or is being started."""
        service = self.services.get(resource)
        if service is not None and service.alive:
            return True
        return any(request.action == "start" for request in self.in_action.get(resource, ()))

    def starting(self) -> list[ResourceName]:
        """What is being started now."""
        return [name for name, requests in self.in_action.items() if any(request.action == "start" for request in requests)]

    async def _act(self, flight: Any) -> ActionOutcome:
        request: ActionRequest = flight.request
        self.in_action.setdefault(request.resource, []).append(request)
        self._begins(request)
        outcome = None
        try:
            outcome = await super()._act(flight)
            return outcome
        finally:
            self.in_action[request.resource].remove(request)
            self._ended(request, outcome)


class ExecutorProcess:
    """understudy-exec: dies and comes back; what it left in flight ends with it."""

    def __init__(self, loop: VirtualLoop, services: MachineServices, name: str) -> None:
        self.services = services
        self.place = Place(f"{name}/exec")
        self._loop = loop
        self._answers: set[asyncio.Future[ActionOutcome]] = set()

    async def run(self, request: ActionRequest) -> ActionOutcome:
        """On behalf of a daemon."""
        answer: asyncio.Future[ActionOutcome] = self._loop.create_future()
        self._answers.add(answer)
        task = self._loop.create_task(self.services.run(request), context=self.place.context())
        task.add_done_callback(lambda done: _hand_over(done, answer))
        try:
            return await answer
        finally:
            self._answers.discard(answer)

    def kill(self) -> None:
        """It ends; whoever waits is answered `GONE`. What it had seen of services that run no more is forgotten with it."""
        for service in self.services.services.values():
            service.seen_living = service.seen_living and service.alive
        self.place.kill()


def _hand_over(done: "asyncio.Task[ActionOutcome]", answer: "asyncio.Future[ActionOutcome]") -> None:
    if not answer.done():
        answer.set_result(GONE if done.cancelled() else done.result())


class ExecutorPort:
    """The Executor port of one daemon."""

    def __init__(self, machine: "Machine", place: Place) -> None:
        self._machine = machine
        self._services = machine.services
        self._place = place

    async def run(self, request: ActionRequest) -> ActionOutcome:
        """See ports.Executor."""
        self._machine.truth.asked(self._machine, request)
        try:
            outcome = await (await self._connected()).run(request)
            if outcome is GONE and request.action == "check":
                outcome = await (await self._connected()).run(request)  # as daemon/execlink.py: it changes nothing
        except Unreachable as error:
            outcome = replace(GONE, output=(str(error),))
        if outcome.unanswered != "executor-away":
            return outcome
        return replace(outcome, housed=True if self._services.service(request.resource).housed else None)

    async def kill(self, resource: ResourceName, activity: str = "") -> bool:
        """See ports.Executor."""
        await self._connected()
        return await self._services.kill(resource)

    async def empty(self, resource: ResourceName) -> bool:
        """See ports.Executor."""
        await self._connected()
        empty = await self._services.empty(resource)
        await self._machine.hesitates()
        return empty

    async def running(self) -> tuple[ResourceName, ...]:
        """See ports.Executor."""
        await self._connected()
        return await self._services.running()

    async def abandon(self) -> None:
        """See ports.Executor."""
        await self._connected()
        await self._services.abandon()

    async def ping(self) -> str:
        """See ports.Executor: answered in the executor's own place, so not by one that hangs; one that begins meanwhile answers."""
        if self._place.dead:
            raise asyncio.CancelledError
        process = self._machine.executor
        try:
            async with asyncio.timeout(PING_S):
                while process is None or process.place.frozen:
                    await asyncio.sleep(0.02)
                    process = self._machine.executor
        except TimeoutError:
            raise Unreachable("the executor does not answer") from None
        return self._services.nothing_begins

    async def next_event(self) -> ResourceName | ActionProgress:
        """See ports.Executor."""
        return await self._services.next_event()

    async def _connected(self) -> ExecutorProcess:
        if self._place.dead:
            raise asyncio.CancelledError
        await self._machine.hesitates()
        process = self._machine.executor
        try:
            async with asyncio.timeout(RETURN_S):
                while process is None or process.place.frozen:
                    await asyncio.sleep(0.02)
                    process = self._machine.executor
        except TimeoutError:
            raise Unreachable("understudy-exec does not answer") from None
        return process
