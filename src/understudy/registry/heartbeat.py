"""The heartbeat of a connection to the registry: who hangs accepts requests and answers none, and no protocol below notices soon enough.

Used by the engines' links. While anything arrives nobody is asked. Pings are counted, not seconds, so that a client that was itself paused,
and has the answers waiting in its socket, does not blame the other end.
"""

import asyncio
from collections.abc import Callable

CALM_S = 0.6
"""So long after the last sign of life another is asked for."""
AGAIN_S = 0.1
"""And so long after that one again."""
BUSY_S = 0.2
"""While an answer is waited for, signs of life are asked for so often, whatever arrives."""
PINGS_UNANSWERED_MAX = 4
"""A connection on which nothing arrives between so many pings is given up: noticed within 1.0 s."""


class Heartbeat:
    """Of one connection; runs from `begin` to `end`."""

    def __init__(self, ping: Callable[[], None], silent: Callable[[str], None], *, busy: Callable[[], bool] = lambda: False) -> None:
        """`ping` asks for a sign of life; `silent` is called once with the reason when there is none, and nothing is asked after it.
        `busy`: whether an answer is waited for."""
        self._ping = ping
        self._silent = silent
        self._busy = busy
        self._received_at = 0.0
        self._pinged_at: float | None = None
        """None: nothing was asked since something arrived."""
        self._unanswered = 0
        self._timer: asyncio.TimerHandle | None = None

    def received(self) -> None:
        """Something has arrived. While something does now and then, this puts off the look: nobody wakes for that alone."""
        self._received_at = now = asyncio.get_running_loop().time()
        self._pinged_at = None
        if self._timer is not None and self._timer.when() < now + CALM_S / 2 and not self._busy():
            self._look_in(CALM_S)

    def asked(self) -> None:
        """An answer is waited for from now on."""
        if self._timer is not None and self._timer.when() > asyncio.get_running_loop().time() + BUSY_S:
            self._look_in(BUSY_S)

    def begin(self) -> None:
        """Look after it from now on."""
        self.received()
        self._look_in(CALM_S)

    def end(self) -> None:
        """Nothing more is asked."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Whatever has arrived meanwhile was taken in before this."""
        now, busy = asyncio.get_running_loop().time(), self._busy()
        calm_s = self._received_at + CALM_S - now
        if self._pinged_at is None:
            self._unanswered = 0
            if calm_s > 0 and not busy:
                self._look_in(calm_s)
                return
        elif calm_s <= 0:
            self._unanswered += 1
            if self._unanswered >= PINGS_UNANSWERED_MAX:
                self._timer = None
                self._silent(f"{PINGS_UNANSWERED_MAX} pings were not answered")
                return
        self._pinged_at = now
        self._look_in(AGAIN_S if calm_s <= 0 else BUSY_S)
        self._ping()
