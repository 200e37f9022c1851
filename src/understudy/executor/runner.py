"""Which action may run now, and what becomes of those in flight.

Owns the table of actions in flight: one per resource, except that a check gives way to any other action and an abort runs beside what it
aborts. Called by the executor's server. Sees to what must hold before a start (S4): the kill list is written, then the lease is read, then
the action begins. Never decides what comes next; never waits without a bound.
"""

import asyncio
import contextlib
import dataclasses
import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from understudy.agents.catalogue import AGENTS, ANNOUNCES
from understudy.agents.contract import Agent, Ended, refusal, silence
from understudy.agents.groups import Groups, group_name, kill_and_see, resource_of, terminate_and_see
from understudy.agents.neighbours import ANNOUNCE_AT_S
from understudy.executor.beside import gives_way, in_the_way
from understudy.executor.capture import GROWN, Capture, cut
from understudy.executor.children import Children
from understudy.executor.command import ABORT_S, SURVIVOR_S, run_command
from understudy.executor.gate import open_gate, shut_gate, shut_out
from understudy.executor.held import as_the_kernel_names, end_all, is_here
from understudy.executor.held import why_not as why_not_held
from understudy.executor.lease import holder, needs_lease, why_not
from understudy.executor.limits import in_words, is_scarce
from understudy.executor.outside import Outside
from understudy.executor.pressure import Pressure
from understudy.executor.progress import ProgressLines
from understudy.executor.rooms import Rooms
from understudy.executor.scriptlooks import ScriptLooks
from understudy.executor.siteplaces import SitePlaces
from understudy.executor.trial import Trial
from understudy.executor.waits import AgentQuestions
from understudy.holdings.listing import KillListFile
from understudy.kinds.catalogue import KINDS
from understudy.kinds.kind import ResourceKind
from understudy.kinds.observed import Observed
from understudy.linux.cgroups import populated, processes
from understudy.ports import ActionOutcome, ActionRequest

_STARTING, _STARTED = ".starting", ".out"
_MOST_NAMED = 8
_KILL_S = 5.0
"""The kill verb's bound: longer than an action's, for a service with much memory to give back."""


class InFlight:
    """One action that runs now; what agents see of the executor."""

    def __init__(self, runner: "Runner", request: ActionRequest, agent: Agent) -> None:
        self.request = request
        self.agent = agent
        self.halted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._runner = runner

    def halt(self) -> None:
        """End the action as soon as can be."""
        if not self.halted.done():
            self.halted.set_result(None)

    async def command(self, request: ActionRequest, argv: Sequence[str]) -> Ended:
        """See contract.Context."""
        runner = self._runner
        abort = self._abort if request.action in ("start", "stop") and self.agent.abort else None
        try:
            capture = runner.capture_for(request)
            progress = ProgressLines(request, capture, runner.progressed)
            try:
                return await run_command(
                    request, argv, groups=runner.groups, children=runner.children, looks=runner.looks,
                    capture=capture, halted=self.halted, abort=abort,
                    begun=functools.partial(runner.outside.starts, request.resource),
                )  # fmt: skip
            finally:
                progress.end()
                runner.captured(request, capture)
        except OSError as error:
            return Ended(status=None, unanswered="not-begun", text=f"{request.action} cannot be begun: {in_words(error)}\n")

    async def _abort(self) -> None:
        assert self.agent.abort is not None
        await self.agent.abort(dataclasses.replace(self.request, action="abort", timeout_s=ABORT_S), self)

    def housed(self, resource: str) -> bool | None:
        """See contract.Context."""
        return self._runner.housed(resource)

    def processes(self, resource: str) -> tuple[int, ...]:
        """See contract.Context."""
        return tuple(processes(self._runner.groups.run(resource)))

    async def end(self, request: ActionRequest, *, gently: bool) -> bool:
        """See contract.Context."""
        group = self._runner.groups.run(request.resource)
        if not gently:
            return await kill_and_see(group, request.timeout_s)
        return await terminate_and_see(group, request.timeout_s, self.halted)

    def moved_out(self, resource: str) -> None:
        """See contract.Context."""
        self._runner.moved_out(resource)

    async def gate(self, addresses: Sequence[str]) -> str | None:
        """See contract.Context."""
        return await open_gate(self._runner.guard_socket, addresses, self.request.incarnation)

    async def shut(self, addresses: Sequence[str]) -> None:
        """See contract.Context."""
        await shut_gate(self._runner.guard_socket, addresses)

    async def shut_out(self, addresses: Sequence[str]) -> frozenset[str]:
        """See contract.Context."""
        return await shut_out(self._runner.guard_socket, addresses)

    def repeat(self, resource: str, delays_s: Sequence[float], call: Callable[[], None]) -> None:
        """See contract.Context."""
        self._runner.repeat(resource, delays_s, call)

    def wait_for(self, resource: str, every_s: float, asked: Callable[[], Awaitable[bool]]) -> None:
        """See contract.Context."""
        self._runner.waits.wait_for(resource, every_s, asked)


class Runner:
    """All actions of this server."""

    def __init__(self, *, run_dir: Path, groups: Groups, kill_list: KillListFile, keep: tuple[str, ...] = ()) -> None:
        self.run_dir = run_dir
        self.guard_socket = run_dir / "guard.sock"
        self.groups = groups
        self.children = Children()
        self.looks = ScriptLooks()
        self.outside = Outside(groups, self.children.began)
        self._kill_list = kill_list
        self._keep = keep
        """Places that are never unmounted."""
        self._pressure = Pressure()
        self._in_flight: dict[str, list[InFlight]] = {}
        self._seen_housed: set[str] = set()
        self._printing: list[Capture] = []
        self.waits = AgentQuestions()
        self.progressed: Callable[[ActionRequest, str], None] = lambda request, text: None
        """Told what actions say of how far they are."""
        self._repeats: dict[str, list[asyncio.TimerHandle]] = {}
        self._repeated: dict[str, tuple[Sequence[float], Callable[[], None]]] = {}
        self._actions = run_dir / "actions"
        self._actions.mkdir(mode=0o700, exist_ok=True)
        self.rooms = Rooms(run_dir / "output")
        self.trial = Trial(self.children, self._actions)
        self.site_places = SitePlaces(self.children)

    async def adopt(self) -> None:
        """At the executor's own start: end what the former one left in flight (actions, and half-done starts), keep the services."""
        self.children.begin(self.outside.reaped)
        self.outside.begin()
        for path in self._actions.glob(f"*{_STARTING}"):
            await kill_and_see(self.groups.group(resource_of(path.stem)), SURVIVOR_S)
            await self.outside.end(resource_of(path.stem), SURVIVOR_S)
            path.unlink()
        for resource in self.groups.resources():
            await kill_and_see(self.groups.act(resource), SURVIVOR_S)
        self.groups.sweep()
        for path in (*self.rooms.files(), *self._actions.glob(f"*{_STARTED}")):  # those in _actions: of versions without rooms
            if populated(self.groups.run(resource_of(path.stem))):
                self._seen_housed.add(resource_of(path.stem))
            else:
                path.unlink()
        for resource, holdings in self._kill_list.held().items():  # the former executor may have ended in the middle of its announcements
            for holding in holdings:
                announce = ANNOUNCES.get(type(holding))
                if announce is not None and is_here(holding):
                    self.repeat(resource, ANNOUNCE_AT_S, functools.partial(announce, holding))

    async def run(self, request: ActionRequest) -> ActionOutcome:
        """Run one action to its end or deadline."""
        began = time.monotonic()
        outcome = await self._run(request)
        pressure = self._pressure.now() if request.action == "check" else {}
        outside = self.outside.look(request.resource)[:_MOST_NAMED]
        return dataclasses.replace(
            outcome,
            duration_s=time.monotonic() - began,
            pressure=pressure,
            housed=self.housed(request.resource),
            strays=tuple(stray.description() for stray in outside),
        )

    async def _run(self, request: ActionRequest) -> ActionOutcome:
        agent, kind = AGENTS.get(request.agent), KINDS.get(request.agent)
        action = agent.action(request.action) if agent else None
        if agent is None or kind is None or action is None:
            return silence("not-begun", f"agent {request.agent} has no action {request.action}")
        busy = await self._make_way(request)
        if busy:
            return silence("refused", busy)
        flight = InFlight(self, request, agent)
        self._in_flight.setdefault(request.resource, []).append(flight)
        begun = False
        try:
            if request.action == "start":
                self.waits.stop(request.resource)
                holdings = await as_the_kernel_names(kind.holdings(request.parameters))
                if never := why_not_held(holdings, self._keep):
                    return refusal(request, never)
                self._kill_list.add(request.resource, holdings)
            if needs_lease(request, leased=not kind.only_looked_at):
                unleased = why_not(holder(self.run_dir / "lease"), request.incarnation)
                if unleased:
                    return silence("refused", unleased)
            begun = True
            outcome = await action(request, flight)
        except (OSError, ValueError) as error:
            # a check that could not look has seen nothing; anything else has failed, unless nothing was to be had to begin it with
            if isinstance(error, OSError) and is_scarce(error) and not begun:
                return silence("not-begun", f"{request.action} cannot be begun: {in_words(error)}")
            text = f"{request.action} of {request.resource}: {error}"
            return silence("not-begun", text) if request.action == "check" else refusal(request, text)
        finally:
            await self._leave(flight)
        await self._remember(request, kind, outcome)
        return outcome

    async def kill(self, resource: str) -> bool:
        """End everything of this resource: actions, service, what it holds; True when all of it is gone."""
        flights = list(self._in_flight.get(resource, ()))
        for flight in flights:
            flight.halt()
        if flights:
            await asyncio.wait({flight.ended for flight in flights}, timeout=_KILL_S)
        emptied = await kill_and_see(self.groups.group(resource), _KILL_S)
        emptied = await self.outside.end(resource, _KILL_S) and emptied
        self.repeat(resource, (), lambda: None)
        self.waits.stop(resource)
        holdings = self._kill_list.of(resource)
        left = await end_all(holdings, guard_socket=self.guard_socket, keep=self._keep)
        self._kill_list.keep(resource, left)
        return emptied and not left and self.empty(resource)

    async def abandon(self) -> None:
        """End every action in flight; services go on."""
        flights = [flight for several in self._in_flight.values() for flight in several]
        for flight in flights:
            flight.halt()
        if flights:
            await asyncio.wait({flight.ended for flight in flights}, timeout=2 * SURVIVOR_S + ABORT_S)

    def empty(self, resource: str) -> bool:
        """Nothing runs in its group or has left it, no action is in flight, nothing that it held is here."""
        if resource in self._in_flight or populated(self.groups.group(resource)):
            return False
        return not self.outside.look(resource) and not any(map(is_here, self._kill_list.of(resource)))

    def busy(self) -> bool:
        """Whether any action is in flight."""
        return bool(self._in_flight)

    def running(self) -> list[str]:
        """Resources of which something is here: a process or a holding."""
        housed = [resource for resource in self.groups.resources() if populated(self.groups.group(resource))]
        holding = [resource for resource, held in self._kill_list.held().items() if any(map(is_here, held))]
        return sorted({*housed, *holding, *self.outside.resources()})

    def trim(self) -> None:
        """Cut down what has been printed; to be called every now and then."""
        with contextlib.suppress(OSError):  # no descriptor to be had: the next time
            self._trim()

    def _trim(self) -> None:
        most = 0 if self.rooms.crowded() else GROWN
        for capture in self._printing:
            capture.trim(most)
        self.rooms.trim()
        for path in self._actions.glob(f"*{_STARTED}"):  # of versions that had no rooms
            cut(path)

    def housed(self, resource: str) -> bool | None:
        """See contract.Context."""
        try:
            occupied = populated(self.groups.run(resource))
        except OSError:
            return None  # no descriptor to be had: it was not looked
        if occupied:
            self._seen_housed.add(resource)
            return True
        return False if resource in self._seen_housed else None

    def moved_out(self, resource: str) -> None:
        """See contract.Context."""
        self._seen_housed.discard(resource)

    def repeat(self, resource: str, delays_s: Sequence[float], call: Callable[[], None]) -> None:
        """See contract.Context."""
        for handle in self._repeats.pop(resource, ()):
            handle.cancel()
        self._repeated.pop(resource, None)
        loop = asyncio.get_running_loop()
        if delays_s:
            self._repeated[resource] = delays_s, call
            self._repeats[resource] = [loop.call_later(delay_s, self._say_again, call) for delay_s in delays_s]

    def link_came_up(self) -> None:
        """Whoever is behind it has not received what was said meanwhile."""
        for resource, (delays_s, call) in list(self._repeated.items()):
            self.repeat(resource, delays_s, call)

    def _say_again(self, call: Callable[[], None]) -> None:
        """S4: a server that wakes up late must not announce an address that others have by now; the gate does not see raw frames."""
        if holder(self.run_dir / "lease") is not None:
            _or_not(call)

    def capture_for(self, request: ActionRequest) -> Capture:
        """Where this action prints to. Of a start there is a mark until it has ended, so that a successor knows."""
        if request.action != "start":
            capture = self.rooms.passing(request.user)
        else:
            mark = self._mark(request.resource)
            mark.touch()
            try:
                capture = self.rooms.started(request.user, f"{group_name(request.resource)}{_STARTED}")
            except OSError:
                mark.unlink(missing_ok=True)
                raise
        self._printing.append(capture)
        return capture

    def _mark(self, resource: str) -> Path:
        return self._actions / f"{group_name(resource)}{_STARTING}"

    def captured(self, request: ActionRequest, capture: Capture) -> None:
        """The action has ended; what a start left behind may go on printing."""
        self._printing.remove(capture)
        if request.action == "start":
            self._mark(request.resource).unlink(missing_ok=True)
        capture.close()  # what was started goes on printing; it is cut down by its name

    async def _make_way(self, request: ActionRequest) -> str | None:
        """Why this action may not begin beside what is in flight; a check in its way is ended."""
        while others := [other for other in self._in_flight.get(request.resource, ()) if in_the_way(request.action, other.request.action)]:
            for other in others:
                if not gives_way(request.action, other.request.action):
                    return f"{request.action} of {request.resource} refused: its {other.request.action} is in flight"
            others[0].halt()
            await asyncio.wait({others[0].ended})  # bounded by the kill ladder
        return None

    async def _leave(self, flight: InFlight) -> None:
        """An action has ended: what it left in its group (not the service) ends with it."""
        resource = flight.request.resource
        if self._in_flight[resource] == [flight]:
            with contextlib.suppress(OSError):  # no descriptor to be had: what is left is found by whoever looks next
                # before the next may begin: it would be killed with the rest
                await kill_and_see(self.groups.act(resource), SURVIVOR_S)
        self._in_flight[resource].remove(flight)
        if not self._in_flight[resource]:
            del self._in_flight[resource]
            with contextlib.suppress(OSError):
                # of thousands that run elsewhere, or nowhere, the kernel would else keep groups here, and the watches of these
                if not populated(self.groups.run(resource)):
                    self.groups.remove(resource)
        flight.ended.set_result(None)

    async def _remember(self, request: ActionRequest, kind: ResourceKind, outcome: ActionOutcome) -> None:
        resource = request.resource
        if request.action == "start":
            self.housed(resource)
        elif request.action in ("stop", "clean") and outcome.observed is Observed.DONE:
            self._seen_housed.discard(resource)
            # what it left all the same stays on the list: neither is the resource gone, nor would a lapse find it
            self._kill_list.keep(resource, tuple(holding for holding in self._kill_list.of(resource) if is_here(holding)))
        elif outcome.observed in (Observed.ONLINE, Observed.PARTIAL):  # it may have been started by a version that listed less
            found = [holding for holding in kind.holdings(request.parameters) if holding not in self._kill_list.of(resource)]
            if found:
                here = [holding for holding in await as_the_kernel_names(found) if is_here(holding)]
                self._kill_list.found(resource, tuple(here))


def _or_not(call: Callable[[], None]) -> None:
    try:
        call()
    except OSError:
        pass  # the link went down meanwhile: the next check says so
