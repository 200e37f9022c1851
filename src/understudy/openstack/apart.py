"""Work on storage that may be dead, in a process of its own: it is given up when it makes no progress for too long.

Called by `understudy openstack move-data`. A process that waits in the kernel for storage ends when that answers, whatever is sent to it;
so it is not waited for. Must never: begin with other threads running.
"""

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from understudy.errors import UnderstudyError

END_S = 10.0
"""For an end in good order, after an interruption; for one that was killed a fifth of it."""
_PART = 65536
WorkReport = dict[str, Any]


class Stalled(UnderstudyError):
    """It makes no progress; str() says for how long."""


def apart(work: Callable[[Callable[[WorkReport], None]], WorkReport], received: Callable[[WorkReport], None], stall_s: float) -> WorkReport:
    """The result of `work`, which is called in a child with a function by which it reports; `received` gets each report, here. Stalled: it
    has reported nothing for `stall_s`, or ended without a result."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _in_child(work, writing)
    os.close(writing)
    try:
        with open(reading, "rb", buffering=0) as stream:
            result = _result(stream.fileno(), received, stall_s)
    except Stalled:
        _end(child, signal.SIGKILL, END_S / 5)
        raise
    except BaseException:
        _end(child, signal.SIGINT, END_S)
        raise
    os.waitpid(child, 0)
    return result


def _in_child(work: Callable[[Callable[[WorkReport], None]], WorkReport], writing: int) -> NoReturn:
    def say(said: WorkReport) -> None:
        os.write(writing, json.dumps(said).encode() + b"\n")

    signal.signal(signal.SIGINT, signal.default_int_handler)  # it ends by that; a command in the background of a shell ignores it
    status = 1
    try:
        say({"result": work(say)})
        status = 0
    finally:
        error = sys.exception()
        if error is not None and not isinstance(error, KeyboardInterrupt):  # of an interruption whoever waits knows
            traceback.print_exception(error)
        os._exit(status)


def _result(reading: int, received: Callable[[WorkReport], None], stall_s: float) -> WorkReport:
    rest = b""
    while True:
        if not select.select([reading], [], [], stall_s)[0]:
            raise Stalled(f"no progress for {stall_s:.0f} s")
        more = os.read(reading, _PART)
        if not more:
            raise Stalled("its process ended before it was done")
        *lines, rest = (rest + more).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "result" in said:
                return dict(said["result"])
            received(said)


def _end(child: int, by: signal.Signals, within_s: float) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, by)
    end = time.monotonic() + within_s
    while os.waitpid(child, os.WNOHANG)[0] == 0 and time.monotonic() < end:
        time.sleep(0.02)
