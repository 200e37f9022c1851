"""Calls that may wait for storage or servers that are not ours (users' files, scripts, logs), made beside the loop and with a deadline.

Used by executor and daemon. A call that never comes back costs a thread until its storage answers; only so many may hang at a time, and
none of them holds up the end of the process. Must never block the loop.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from understudy.errors import UnderstudyError

T = TypeVar("T")
MOST = 16
"""Calls of one kind that may hang at a time; more are not made."""
_hanging: set[threading.Thread] = set()


async def aside(call: Callable[[], T], *, within_s: float, kind: str = "aside") -> T:
    """What the call answers, or its OSError, LookupError, ValueError or what it says on purpose. TimeoutError: no answer within this time,
    or too many of its kind hang."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(result)  # type: ignore[arg-type]
        else:
            answer.set_exception(error)

    def work() -> None:
        result, failed = None, None
        try:
            result = call()
        except (OSError, LookupError, ValueError, UnderstudyError) as error:
            failed = error
        finally:
            _hanging.discard(threading.current_thread())  # also of one that broke, which is said as any fault
        try:
            loop.call_soon_threadsafe(deliver, result, failed)
        except RuntimeError:
            pass  # the loop has ended meanwhile

    if sum(call.name == kind for call in _hanging) >= MOST:
        raise TimeoutError(f"{MOST} calls before it have not come back")
    thread = threading.Thread(target=work, daemon=True, name=kind)
    _hanging.add(thread)
    thread.start()
    async with asyncio.timeout(within_s):
        return await answer
