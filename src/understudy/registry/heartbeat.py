"""The heartbeat of a connection to the registry: who hangs accepts requests and answers none, and no protocol below notices soon enough.

Used by the engines' links. Pings are counted, not seconds, so that a client that was itself paused, and has the answers waiting in its
socket, does not blame the other end.
"""

import asyncio
from collections.abc import Callable

PING_S = 0.2
PINGS_UNANSWERED_MAX = 4
"""A connection on which nothing arrives between so many pings is given up: noticed within 0.8 to 1.0 s."""


class Heartbeat:
    """Of one connection; runs from `begin` to `end`."""

    def __init__(self, ping: Callable[[], None], silent: Callable[[str], None]) -> None:
        """`ping` asks for a sign of life; `silent` is called once with the reason when there is none, and nothing is asked after it."""
        self._ping = ping
        self._silent = silent
        self._received = True
        self._unanswered = 0
        self._timer: asyncio.TimerHandle | None = None

    def received(self) -> None:
        """Something has arrived."""
        self._received = True

    def begin(self) -> None:
        """Ask from now on."""
        self._unanswered = 0 if self._received else self._unanswered + 1
        if self._unanswered >= PINGS_UNANSWERED_MAX:
            self._silent(f"{PINGS_UNANSWERED_MAX} pings were not answered")
            return
        self._received = False
        self._timer = asyncio.get_running_loop().call_later(PING_S, self.begin)
        self._ping()

    def end(self) -> None:
        """Nothing more is asked."""
        if self._timer is not None:
            self._timer.cancel()
