"""Looks at files of this server, and changes of them, for `understudy openstack` on another: in a process of its own, with a deadline.

Storage that is dead holds up that process alone. Which places may be asked for, the daemon says; how a place is changed, the program that
is begun here. Called by the executor's server. Must never wait without a bound, nor for more processes than a few.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import understudy
from understudy.agents.scriptfile import PATH
from understudy.errors import BadInput
from understudy.executor.capture import Capture
from understudy.executor.children import Children

HANDS = Path(understudy.__file__).parent / "openstack" / "hands.py"
LONGEST_ANSWER = 960 << 10
"""Bytes: with what is around it a line of exec.sock."""
MOST = 4
"""Processes at a time; those count that were ended and still wait in the kernel for storage."""


class SitePlaces:
    """What is asked of `hands.py` here."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._living = 0

    async def perform(self, request: Mapping[str, Any], within_s: float) -> dict[str, Any]:
        """Its answer, which may be that it refuses. BadInput: there is none, and why."""
        if self._living >= MOST:
            raise BadInput(f"{self._living} requests for files have not ended: storage that does not answer holds them up, perhaps")
        try:
            with contextlib.closing(Capture.in_memory()) as given, contextlib.closing(Capture.in_memory()) as capture:
                os.write(given.fd, json.dumps({**request, "most": LONGEST_ANSWER - 4096}).encode() + b"\n")
                os.lseek(given.fd, 0, os.SEEK_SET)
                return await self._run(given.fd, capture, within_s)
        except OSError as error:
            raise BadInput(f"no process can be begun for it: {error.strerror or error}") from None

    async def _run(self, given: int, capture: Capture, within_s: float) -> dict[str, Any]:
        words = (sys.executable, "-I", str(HANDS))
        child = self._children.spawn(words, environment={"PATH": PATH, "LC_ALL": "C.UTF-8"}, output=capture.fd, given=given)
        self._living += 1
        child.ended.add_done_callback(self._ended)
        await asyncio.wait({child.ended}, timeout=within_s)
        if not child.ended.done():
            child.kill(session=True)
            raise BadInput(f"it has not answered for {within_s:.0f} s (a dead mount, perhaps)")
        return _answer(capture.fd, child.ended.result())

    def idle(self) -> bool:
        """Whether nothing of it lives."""
        return self._living == 0

    def _ended(self, _: asyncio.Future[int]) -> None:
        self._living -= 1


def _answer(fd: int, status: int) -> dict[str, Any]:
    size = os.fstat(fd).st_size
    if size > LONGEST_ANSWER:
        raise BadInput(f"the answer has {size} bytes, {LONGEST_ANSWER} are allowed")
    lines = os.pread(fd, size, 0).decode(errors="replace").splitlines() or [""]
    try:
        found = json.loads(lines[-1])
    except (ValueError, RecursionError):
        raise BadInput(f"the process for it ended with status {status}: {lines[-1][:200]}") from None
    if not isinstance(found, dict):
        raise BadInput("the answer is no object")
    return found
