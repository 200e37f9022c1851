"""An executor in memory: the same answers as the real one, for the simulator and for daemons in tests.

Runs on whatever loop it is awaited on, so in virtual time too. It passes the same contract test as the real executor. A service here can
be set to misbehave (fail, hang, lie, refuse to die); whether it truly runs is in `FakeService.alive`: invariants are judged by that.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from understudy.agents.catalogue import AGENTS
from understudy.agents.contract import silence
from understudy.agents.output import read_output
from understudy.executor.beside import gives_way, in_the_way
from understudy.executor.lease import needs_lease, why_not
from understudy.kinds.catalogue import KINDS
from understudy.kinds.script import PARTIAL, read_status
from understudy.model.actions import Unanswered
from understudy.model.names import Incarnation, ResourceName
from understudy.ports import ActionName, ActionOutcome, ActionProgress, ActionRequest, Evidence

_DOWN = 1


@dataclass(slots=True, kw_only=True)
class FakeService:
    """What one resource truly is on this server, and how it behaves."""

    alive: bool = False
    took_s: dict[ActionName, float] = field(default_factory=dict)
    """How long each action takes; 0 if not said."""
    fails: dict[ActionName, int] = field(default_factory=dict)
    """Actions that do nothing and answer with this status."""
    hangs: set[ActionName] = field(default_factory=set)
    """Actions that never answer (a check on dead storage, a stop that waits without end)."""
    pretends: set[ActionName] = field(default_factory=set)
    """Actions that do nothing and answer 0."""
    botches: dict[ActionName, int] = field(default_factory=dict)
    """Actions that do what they are for and answer with this status: a start that fails and leaves processes behind."""
    says: dict[ActionName, tuple[str, ...]] = field(default_factory=dict)
    """What actions print."""
    check_says: int | None = None
    """A status that check answers whatever is true."""
    partly: bool = False
    """While it runs the check finds it partly online."""
    signals: bool = False
    """The check ends by a signal."""
    unbegun: dict[ActionName, Unanswered] = field(default_factory=dict)
    """Actions that cannot be begun: `not-begun` or `no-script`."""
    astray: bool = False
    """What runs of it has left its control group; it is found by its mark."""
    undying: bool = False
    """Survives even SIGKILL: waiting in the kernel for dead storage."""
    outside: bool = False
    """Runs in a unit of its own: its group is empty, and to kill the group does not end it. Its scripts, and a lapse, do."""
    seen_living: bool = False

    @property
    def populates(self) -> bool:
        """Whether something of it runs in its group."""
        return self.alive and not self.outside

    def behave(self) -> None:
        """Everything works from now on; what runs keeps running."""
        self.fails, self.hangs, self.pretends, self.botches = {}, set(), set(), {}
        self.check_says, self.undying, self.signals, self.unbegun, self.partly = None, False, False, {}, False

    @property
    def behaves(self) -> bool:
        """Whether everything works."""
        odd = self.fails or self.hangs or self.pretends or self.botches or self.undying or self.signals or self.unbegun or self.partly
        return not odd and self.check_says is None

    @property
    def housed(self) -> bool | None:
        """As the kernel would say it."""
        if self.alive and not self.astray:
            self.seen_living = True
            return True
        return False if self.seen_living and not self.alive else None


@dataclass(slots=True, eq=False)
class _InFlight:
    request: ActionRequest
    halted: asyncio.Future[None]
    ended: asyncio.Future[None]


class FakeExecutor:
    """The Executor port, in memory."""

    def __init__(self, *, lease: Callable[[], Incarnation | None] | None = None) -> None:
        self._lease = lease
        self.services: dict[ResourceName, FakeService] = {}
        self.done: list[tuple[float, ResourceName, ActionName, int | None]] = []
        """Every action that ended: loop time, resource, action, status."""
        self.nothing_begins = ""
        """Why no action can be begun: no process, no descriptor, no room."""
        self._in_flight: dict[ResourceName, list[_InFlight]] = {}
        self._woken: dict[ResourceName, None] = {}
        self._said: list[ActionProgress] = []
        self._wake = asyncio.Event()

    def service(self, resource: ResourceName) -> FakeService:
        """The service behind this resource, whose behaviour can be set."""
        return self.services.setdefault(resource, FakeService())

    def die(self, resource: ResourceName) -> None:
        """The service dies by itself; the kernel says so."""
        service = self.service(resource)
        if service.alive:
            service.alive = False
            self.wake(resource)

    def wake(self, resource: ResourceName) -> None:
        """An event source says that something may have changed."""
        self._woken[resource] = None
        self._wake.set()

    async def run(self, request: ActionRequest) -> ActionOutcome:
        """See ports.Executor."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        why_not = self._unfit(request) or await self._make_way(request) or self._unleased(request)
        if why_not:
            return why_not
        flight = _InFlight(request, loop.create_future(), loop.create_future())
        self._in_flight.setdefault(request.resource, []).append(flight)
        try:
            outcome = await self._act(flight)
        finally:
            self._in_flight[request.resource].remove(flight)
            if not self._in_flight[request.resource]:
                del self._in_flight[request.resource]
            flight.ended.set_result(None)
        self.done.append((loop.time(), request.resource, request.action, outcome.status))
        service = self.service(request.resource)
        strays = ("service (pid 7)",) if service.alive and service.astray else ()
        return replace(outcome, duration_s=loop.time() - began, housed=service.housed, strays=strays)

    async def kill(self, resource: ResourceName, activity: str = "") -> bool:
        """See ports.Executor."""
        flights = list(self._in_flight.get(resource, ()))
        for flight in flights:
            _halt(flight)
        for flight in flights:
            await flight.ended
        if self.service(resource).populates:
            self._end(resource)
        return not self.service(resource).populates

    async def empty(self, resource: ResourceName) -> bool:
        """See ports.Executor."""
        return resource not in self._in_flight and not self.service(resource).populates

    async def running(self) -> tuple[ResourceName, ...]:
        """See ports.Executor."""
        return tuple(sorted(name for name, service in self.services.items() if service.populates))

    async def abandon(self) -> None:
        """See ports.Executor."""
        flights = [flight for several in self._in_flight.values() for flight in several]
        for flight in flights:
            _halt(flight)
        for flight in flights:
            await flight.ended

    async def ping(self) -> str:
        """See ports.Executor."""
        return self.nothing_begins

    async def next_event(self) -> ResourceName | ActionProgress:
        """See ports.Executor."""
        while not self._woken and not self._said:
            self._wake.clear()
            await self._wake.wait()
        if self._said:
            return self._said.pop(0)
        resource = next(iter(self._woken))
        del self._woken[resource]
        return resource

    async def _act(self, flight: _InFlight) -> ActionOutcome:
        request, service = flight.request, self.service(flight.request.resource)
        wanted_s = float("inf") if request.action in service.hangs else service.took_s.get(request.action, 0.0)
        lived_before = service.alive
        said = read_output("\n".join(service.says.get(request.action, ()))).progress if request.action != "check" else ()
        if said:
            self._said += [ActionProgress(request.resource, text, request.activity) for text in said]
            self._wake.set()
        await asyncio.wait({flight.halted}, timeout=min(wanted_s, request.timeout_s))
        if flight.halted.done() or wanted_s > request.timeout_s:
            overran = not flight.halted.done()
            if request.action == "start" and (overran or not lived_before):
                self._end(request.resource)
            why: Unanswered = "overran" if overran else "halted"
            return ActionOutcome(observed=None, evidence="silent", unanswered=why, killed=not service.undying)
        if silent := _silence(request, service):
            return silent
        status, evidence = self._answer(request, service)
        observed, output = read_status(request.action, status), service.says.get(request.action, ())
        return ActionOutcome(observed=observed, status=status, evidence=evidence, output=output)

    def _answer(self, request: ActionRequest, service: FakeService) -> tuple[int, Evidence]:
        if request.action in service.fails:
            return service.fails[request.action], "answered"
        if request.action in service.pretends:
            return 0, "answered"
        status, evidence = self._do(request, service)
        return service.botches.get(request.action, status), evidence

    def _do(self, request: ActionRequest, service: FakeService) -> tuple[int, Evidence]:
        if KINDS[request.agent].only_looked_at and request.action in ("stop", "clean"):
            return 0, "answered"  # it is only looked at
        match request.action:
            case "start":
                service.alive, service.astray = True, service.astray and service.alive
                service.seen_living = True
            case "stop" | "clean":
                self._end(request.resource)
                service.seen_living = service.alive
                return (_DOWN if service.alive else 0), "answered"
            case "check":
                if service.check_says is not None:
                    return service.check_says, "answered"
                if service.alive and service.partly:
                    return PARTIAL, "answered"
                if not service.alive:
                    return _DOWN, "gone" if service.seen_living or not KINDS[request.agent].housed else "answered"
        return 0, "answered"

    def _end(self, resource: ResourceName) -> None:
        if not self.service(resource).undying:
            self.die(resource)

    def _unfit(self, request: ActionRequest) -> ActionOutcome | None:
        agent = AGENTS.get(request.agent)
        if agent and agent.action(request.action):
            return silence("not-begun", f"{request.action} cannot be begun: {self.nothing_begins}") if self.nothing_begins else None
        return silence("not-begun", f"agent {request.agent} has no action {request.action}")

    def _unleased(self, request: ActionRequest) -> ActionOutcome | None:
        if self._lease is None or not needs_lease(request, leased=not KINDS[request.agent].only_looked_at):
            return None
        unleased = why_not(self._lease(), request.incarnation)
        return silence("refused", unleased) if unleased else None

    async def _make_way(self, request: ActionRequest) -> ActionOutcome | None:
        while others := [other for other in self._in_flight.get(request.resource, ()) if in_the_way(request.action, other.request.action)]:
            for other in others:
                if not gives_way(request.action, other.request.action):
                    return silence("refused", f"{request.action} of {request.resource} refused: its {other.request.action} is in flight")
            _halt(others[0])
            await others[0].ended
        return None


def _silence(request: ActionRequest, service: FakeService) -> ActionOutcome | None:
    """What stands in place of an answer."""
    if request.action in service.unbegun:
        return silence(service.unbegun[request.action], f"{request.action} cannot be begun")
    if service.signals and request.action == "check":
        return silence("signal", "ended by signal 9 (Killed)")
    return None


def _halt(flight: _InFlight) -> None:
    if not flight.halted.done():
        flight.halted.set_result(None)
