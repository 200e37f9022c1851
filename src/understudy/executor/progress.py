"""CRS_PROGRESS lines of an action, sent to the daemon while it runs: whoever waits for it sees how far it is.

Made by the runner for each command but checks, of which nobody waits for one. Must never hold up an action, or tell without a bound.
"""

import asyncio
from collections.abc import Callable

from understudy.agents.output import read_output
from understudy.executor.capture import Capture
from understudy.ports import ActionRequest

EVERY_S = 0.5
MOST = 10
"""Lines of one action; the rest stands in its output."""
LONGEST = 240
"""Characters of one."""


class ProgressLines:
    """Of one command, from its beginning to `end`."""

    def __init__(self, request: ActionRequest, capture: Capture, tell: Callable[[ActionRequest, str], None]) -> None:
        self._request, self._capture, self._tell = request, capture, tell
        self._sent: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        if request.action != "check":
            self._later()

    def end(self) -> None:
        """It has ended: what it said last is sent as well."""
        if self._timer is not None:
            self._timer.cancel()
            self._look()

    def _later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._look_again)

    def _look_again(self) -> None:
        self._look()
        if len(self._sent) < MOST:
            self._later()

    def _look(self) -> None:
        try:
            said = read_output(self._capture.text()).progress
        except OSError:
            return  # no descriptor to be had: the next time
        for text in said:
            if text not in self._sent and len(self._sent) < MOST:
                self._sent.append(text)
                self._tell(self._request, text[:LONGEST])
