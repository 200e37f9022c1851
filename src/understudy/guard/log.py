"""The log of daemon, executor and registry: one line of JSON for each event, on standard error, written by a thread (`lines.py`).

Owns: which process this is, and where its lines go. What is logged before it has begun, or where nobody has begun (in the simulator), goes
nowhere. Keeper and guard have `system.say`, which writes the same lines. Faults that nobody handles, and what libraries say through
`logging`, come as such lines too.
Called by: whoever logs. Must never: block or raise.
"""

import contextlib
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

from understudy.guard.lines import standard_error
from understudy.linux.journal import is_journal, prefix
from understudy.linux.logline import LEVELS, head, line
from understudy.model import logevents
from understudy.model.logevents import Level, LogEvent

LONGEST = 16 * 1024
"""Bytes of a line; a traceback needs more than the guard's pipe takes at once."""
FRAMES = 12
"""Of a fault's trace, the innermost; and of each fault that it came from."""


def _nothing() -> None:
    """There is nothing to wait for."""


@dataclass(slots=True)
class _Log:
    """Of this process."""

    process: str = ""
    server: str = ""
    write: Callable[[bytes], object] | None = None
    least: int = 0
    prefixed: bool = False
    """It is the journal: each line says how bad it is before it begins."""
    flush: Callable[[], None] = _nothing


_log = _Log()


def begin(process: str, write: Callable[[bytes], object], *, server: str = "", least: Level = "info") -> None:
    """From now on what is logged is written. `server`: whose process it is, if it is a server's."""
    _log.process, _log.server, _log.write, _log.least = process, server, write, LEVELS.index(least)


def end() -> None:
    """From now on it goes nowhere. What was logged is waited for, for a moment."""
    _log.write, _log.prefixed = None, False
    _log.flush()
    _log.flush = _nothing


def log(event: LogEvent, *, level: Level | None = None, **fields: object) -> None:
    """Log it. Fields are named after what they are; empty ones are left out."""
    level = level or event.level
    if _log.write is None or LEVELS.index(level) < _log.least:
        return
    own = head(event.name, level, _log.process, pid=os.getpid(), at=time.time())
    if _log.server:
        own["server"] = _log.server
    given = {name: value for name, value in fields.items() if value is not None and value != "" and name not in own}
    written = line({**own, **given}, most=LONGEST)
    _log.write(prefix(level) + written if _log.prefixed else written)


def fault(error: BaseException, what: str) -> None:
    """Log a fault of ours: what failed, and where."""
    log(logevents.FAULT, what=what, why=f"{type(error).__name__}: {error}", traceback=trace(error))


def trace(error: BaseException) -> str:
    """Where it happened, with the faults that it came from."""
    with contextlib.suppress(Exception):  # an error that cannot be shown: its kind and text are logged all the same
        return "".join(traceback.format_exception(error, limit=-FRAMES)).rstrip()
    return ""


@contextlib.contextmanager
def running(process: str, *, server: str = "", least: Level = "info") -> Iterator[None]:
    """While this process runs: its log is standard error. A fault that nobody handles is logged, and ends it with status 1."""
    lines = standard_error(process)
    begin(process, lines.put, server=server, least=least)
    _log.flush, _log.prefixed = lines.close, is_journal(2)
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    handler = _Libraries()
    logging.basicConfig(handlers=[handler], level=least.upper())
    sys.excepthook = _unhandled
    threading.excepthook = lambda found: fault(found.exc_value or found.exc_type(), f"the thread {found.thread and found.thread.name}")
    sys.unraisablehook = lambda found: fault(found.exc_value or found.exc_type(), found.err_msg or "something while it was taken away")
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the process ends of it, as without this
        fault(error, process)
        raise SystemExit(1) from None
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        logging.getLogger().removeHandler(handler)
        end()


def _unhandled(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    fault(error, _log.process)


class _Libraries(logging.Handler):
    """What is logged by others in this process."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line of ours."""
        with contextlib.suppress(Exception):
            found = record.exc_info[1] if record.exc_info else None
            level: Level = "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else "info"
            why = f"{type(found).__name__}: {found}" if found else ""
            log(logevents.LIBRARY, level=level, logger=record.name, message=record.getMessage(), why=why, traceback=found and trace(found))
