"""Whether an action could be begun now: tried, not reckoned, as what is used up shows in nothing else.

Owns the trial: the mark of a start, a file for what is printed, a process, as every action needs them. Called by the executor's server when
the daemon asks whether it can act. Must never touch a resource or its group, nor wait for longer than a daemon waits for the answer.
"""

import asyncio
import contextlib
import os
import time
from pathlib import Path

from understudy.executor.capture import Capture
from understudy.executor.children import Children

TRY_EVERY_S = 3.0
"""How often it is tried while it succeeds; when it did not, at each question."""
ENDS_S = 2.0
"""A process that was begun and does not end within this is ended: it could be begun, and the machine is slow."""
COMMAND = ("/bin/sh", "-c", ":")
_MARK = ".trial"


class Trial:
    """An action that does nothing."""

    def __init__(self, children: Children, marks: Path) -> None:
        self._children = children
        self._mark = marks / _MARK
        self._well_until = 0.0

    async def why_not(self) -> str:
        """Why no action can be begun, in a few words; empty: one can."""
        if time.monotonic() < self._well_until:
            return ""
        try:
            await self._begin()
        except OSError as error:
            return error.strerror or str(error)
        self._well_until = time.monotonic() + TRY_EVERY_S
        return ""

    async def _begin(self) -> None:
        self._mark.touch()
        self._mark.unlink()
        with contextlib.closing(Capture.in_memory()) as capture:
            child = self._children.spawn(COMMAND, environment={"PATH": os.defpath}, output=capture.fd)
            await asyncio.wait({child.ended}, timeout=ENDS_S)
            child.kill()
