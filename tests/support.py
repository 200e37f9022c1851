"""What many tests need. No test sleeps: it waits for a condition, with a deadline and a reason."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from hypothesis import settings

Answer = TypeVar("Answer")
_PAUSE_S = 0.005


def wait_for(condition: Callable[[], object], within_s: float, why: str) -> None:
    """Wait until the condition holds; fail with `why` if it does not in time."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not within {within_s:g} s: {why}"
        time.sleep(_PAUSE_S)


async def wait_until(condition: Callable[[], object], within_s: float, why: str) -> None:
    """`wait_for` on an event loop (its time counts)."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while not condition():
        assert loop.time() < end, f"not within {within_s:g} s: {why}"
        await asyncio.sleep(_PAUSE_S)


async def wait_for_answer(question: Callable[[], Awaitable[Answer]], within_s: float, why: str) -> Answer:
    """Ask again and again until the answer is a yes (or anything that counts as one), and give it back."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while not (answer := await question()):
        assert loop.time() < end, f"not within {within_s:g} s: {why}"
        await asyncio.sleep(_PAUSE_S)
    return answer


def times(factor: float) -> settings:
    """So many times as many examples of a property as others have in this run."""
    present = settings.get_profile(settings.get_current_profile_name())
    return settings(max_examples=round(present.max_examples * factor))


def open_to_all(folder: Path) -> None:
    """Let every user reach what is in one of pytest's folders: those on the way are closed to others, and how many there are differs."""
    for path in (folder, *folder.parents):
        if path == Path(tempfile.gettempdir()):
            return
        path.chmod(0o755)


@contextlib.contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """These processes are paused meanwhile (SIGSTOP)."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
