"""An event loop on virtual time: nobody waits, the clock jumps to the next timer; and places, which are the processes of the false world.

Owns the order of everything: (time, then the order in which things were asked for). Called by `sim/world.py`; the daemon's loops run on it
unchanged. A callback belongs to the place in whose context it was asked for: it is put aside while that place is frozen, and a killed
place's tasks are cancelled. Must never: read a clock, wait, open a socket or start a thread.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any, NoReturn, Protocol, TypeVar, TypeVarTuple

Args = TypeVarTuple("Args")
Result = TypeVar("Result")
PLACE: ContextVar["Place | None"] = ContextVar("place", default=None)
AT_ONCE_MAX = 50_000
"""Callbacks at one instant: beyond this somebody spins without time passing."""


class Deadlock(AssertionError):
    """Everything waits without end."""


class Spinning(AssertionError):
    """Something runs without end and no time passes."""


class PlaceClock(Protocol):
    """The clock by which a place measures time."""

    def monotonic(self) -> float:
        """Its reading."""
        ...

    def reaches_at(self, shown: float) -> float:
        """The true instant at which it shows this."""
        ...


class Place:
    """Where code runs: a process of a simulated server. Its callbacks wait while it is frozen; killed, its tasks end."""

    def __init__(self, name: str, clock: PlaceClock | None = None) -> None:
        self.name = name
        self.clock = clock
        """As on a real machine, what it waits for is measured by the clock that it reads; None: by true time."""
        self.frozen = False
        self.dead = False
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.waiting: list[Callable[[], None]] = []
        self._context = Context()
        self._context.run(PLACE.set, self)

    def context(self) -> Context:
        """A fresh context that belongs to this place."""
        return self._context.copy()

    def freeze(self) -> None:
        """Nothing of it runs from now on; what becomes due waits, in order."""
        self.frozen = True

    def thaw(self) -> None:
        """It goes on, late: first what became due meanwhile."""
        self.frozen = False
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()

    def kill(self) -> None:
        """It ends here and now. Its tasks are cancelled; whatever they still try must find its ports closed (`dead`)."""
        self.dead = True
        for task in list(self.tasks):
            task.cancel()
        self.thaw()


class _Timer(asyncio.TimerHandle):
    """A timer that knows how to enter the queue."""

    def __call__(self) -> None:
        loop: VirtualLoop = self._loop  # type: ignore[attr-defined]
        if not self.cancelled():
            loop.ready.append(self)


class VirtualLoop(asyncio.AbstractEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ready: deque[asyncio.Handle] = deque()
        self.trouble: list[dict[str, Any]] = []
        """What asyncio reported: exceptions that nobody took."""
        self.failure: BaseException | None = None
        """Set by whoever sees that something is wrong: the run ends there and then."""
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._at_once = 0
        self._closed = False

    # --- the run ----------------------------------------------------------------------------------------------------

    def advance(self, until: float) -> None:
        """Let everything happen up to an instant. Deadlock: nothing is left to happen before it, or ever."""
        asyncio._set_running_loop(self)
        try:
            self._drain()
            if self.failure is not None:
                raise self.failure
            while self._timers and self._timers[0][0] <= until:
                self._step()
            if not self._timers:
                raise Deadlock(f"at {self.now:.6f} everything waits without end")
            self.now = until
        finally:
            asyncio._set_running_loop(None)

    def advance_what_is_ready(self) -> None:
        """What can happen without time passing: the last words of what was killed."""
        asyncio._set_running_loop(self)
        try:
            self._drain()
        finally:
            asyncio._set_running_loop(None)

    def run_until_complete(self, future: Any) -> Any:
        """Run until this is done; Deadlock if it never can be."""
        task: asyncio.Future[Any] = asyncio.ensure_future(future, loop=self)
        asyncio._set_running_loop(self)
        try:
            self._drain()
            while not task.done():
                if not self._timers:
                    raise Deadlock(f"at {self.now:.6f} everything waits without end")
                self._step()
        finally:
            asyncio._set_running_loop(None)
        return task.result()

    def post(self, when: float, call: Callable[[], None]) -> None:
        """Have something happen in the world (in no place) at an instant: cheaper than a timer, and cannot be taken back."""
        self._count += 1
        heapq.heappush(self._timers, (max(when, self.now), self._count, call))

    def jump(self, to: float) -> None:
        """Time passes in which nothing is run; what was to happen meanwhile happens at its end."""
        assert to >= self.now, "time goes on"
        self.now = to

    def passes(self, seconds: float) -> asyncio.Future[None]:
        """To be awaited: so much true time. Cheaper than asyncio.sleep."""
        future: asyncio.Future[None] = asyncio.Future(loop=self)

        def over() -> None:
            if not future.done():
                future.set_result(None)

        self.post(self.now + seconds, over)
        return future

    def _step(self) -> None:
        when, _, call = heapq.heappop(self._timers)
        if when > self.now:
            self.now, self._at_once = when, 0
        else:
            self._at_once += 1
            if self._at_once > AT_ONCE_MAX:
                raise Spinning(f"at {self.now:.6f} more than {AT_ONCE_MAX} things happen without time passing, the last of them {call!r}")
        call()
        if self.ready:
            self._drain()
        if self.failure is not None:
            raise self.failure

    def _drain(self) -> None:
        ready, left = self.ready, AT_ONCE_MAX
        while ready:
            handle = ready.popleft()
            if handle.cancelled():
                continue
            place = handle._context.get(PLACE)  # type: ignore[attr-defined]
            if place is not None and place.frozen:
                place.waiting.append(lambda handle=handle: ready.append(handle))
                continue
            handle._run()
            if self.failure is not None:
                return  # the trace ends with what led to it
            left -= 1
            if left < 0:
                self._spins(handle)

    def _spins(self, handle: asyncio.Handle) -> NoReturn:
        around = [repr(ready) for ready in [handle, *list(self.ready)[:10]]]
        raise Spinning(f"at {self.now:.6f} more than {AT_ONCE_MAX} callbacks without time passing:\n" + "\n".join(around))

    # --- what asyncio asks of a loop --------------------------------------------------------------------------------

    def time(self) -> float:
        """By the clock of the place that asks; in no place, true seconds since the beginning of the world."""
        place = PLACE.get()
        return self.now if place is None or place.clock is None else place.clock.monotonic()

    def call_soon(self, callback: Callable[[*Args], object], *args: *Args, context: Context | None = None) -> asyncio.Handle:
        """See asyncio."""
        handle = asyncio.Handle(callback, args, self, context)
        self.ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Args], object], *args: *Args, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See asyncio."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Args], object], *args: *Args, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See asyncio."""
        timer = _Timer(when, callback, args, self, context)
        place = PLACE.get()
        if place is not None and place.clock is not None:
            when = place.clock.reaches_at(when)
        self.post(when, timer)
        return timer

    def create_future(self) -> asyncio.Future[Any]:
        """See asyncio."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Result], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Result]:
        """See asyncio. The task belongs to the place of its context."""
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        place = PLACE.get() if context is None else context.get(PLACE)
        if place is not None:
            place.tasks[task] = None
            task.add_done_callback(place.tasks.pop, context=Context())
            if place.dead:
                task.cancel()
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Kept, for the world to complain about."""
        self.trouble.append(context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def get_debug(self) -> bool:
        """Never: it would cost what the speed is for."""
        return False

    def is_running(self) -> bool:
        """Whether it is the running one."""
        return asyncio._get_running_loop() is self

    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """Forget everything that was going to happen."""
        self._closed = True
        self._timers.clear()
        self.ready.clear()
