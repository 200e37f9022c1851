"""What the guard needs of Linux and Python 3.11 does not offer: priority, locked memory, death signals.

Called by: keeper, guard process, kill. Must never: fail the guard because the machine refuses real-time priority; the refusal
is returned as a sentence, for `status`.
"""

import ctypes
import gc
import os
import signal
import time

from understudy.linux.journal import LONGEST_PREFIX, prefix
from understudy.linux.libc import libc
from understudy.linux.logline import LONGEST, head, line
from understudy.model.logevents import LINES_LOST, LogEvent

_LOCK_CURRENT_AND_FUTURE = 3
_DEATH_SIGNAL = 1
_REBOOT_NOW = 0x01234567

PROCESS = "understudy-guard"
"""What keeper and guard are called in the log; the number of the process says which of them it is."""
LOST_BYTES = 512
"""Of a line that says how many were dropped: it goes to the pipe together with the next one, both or neither."""
_dropped = [0]
"""Lines that the pipe did not take."""
_prefixed = [False]
"""Whether the scribe writes to the journal: lines say how bad they are before they begin."""

GUARD_PRIORITY = 98
KEEPER_PRIORITY = 99
"""The highest there are: whatever spins above the guard ends this server's lease, and the guard needs next to nothing of a processor.
The keeper is above the guard: it must be able to end one that spins. Not SCHED_DEADLINE, which alone would be above both: who has it
cannot fork, it is throttled when it needs longer than planned, as at a lapse, and it is refused where processors are set apart. What is
left above: a loop at 99 that has every processor, and what the kernel does for itself."""


def become_real_time(priority: int, *, children_too: bool = False) -> str:
    """Take SCHED_RR and lock all memory; "rr", or a sentence that says what was refused.

    `children_too` is for the keeper: a successor that had to win the processor at normal priority first could wait longer
    for it than the lease lasts.
    """
    refused = []
    try:
        policy = os.SCHED_RR if children_too else os.SCHED_RR | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except OSError as error:
        refused.append(f"normal priority, real time refused: {error.strerror}")
    if libc.mlockall(_LOCK_CURRENT_AND_FUTURE) != 0:
        refused.append(f"memory not locked: {os.strerror(ctypes.get_errno())}")
    # A garbage collection walks all objects; there is nothing cyclic to collect in these loops.
    gc.collect()
    gc.freeze()
    gc.disable()
    return "; ".join(refused) or "rr"


def die_with(parent: int) -> None:
    """Be killed when `parent` ends; nothing else would stop a guard whose keeper was killed."""
    if libc.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0) != 0 or os.getppid() != parent:
        os._exit(1)


def reboot_now() -> None:
    """End this machine (or this lab host's process namespace) without another word: no sync, no shutdown."""
    libc.reboot(_REBOOT_NOW)


def to_the_journal(prefixed: bool) -> None:
    """Where the lines of this process, and of those that it forks, end up."""
    _prefixed[0] = prefixed


def before(event: LogEvent) -> bytes:
    """What stands before a line of this event."""
    return prefix(event.level) if _prefixed[0] else b""


def say(event: LogEvent, **fields: object) -> None:
    """One line of JSON on standard error, which is the scribe's pipe: it takes the line at once or not at all. What it did not take is
    counted, and said with the next line that it takes. Never raises: between the end of a lease and the end of the kill nothing may."""
    try:
        now_s, pid = time.time(), os.getpid()
        given = {name: value for name, value in fields.items() if value not in (None, "")}
        own = head(event.name, event.level, PROCESS, pid=pid, at=now_s)
        written = before(event) + line({**own, **given}, most=LONGEST - LOST_BYTES - LONGEST_PREFIX)
        if _dropped[0]:
            lost = head(LINES_LOST.name, LINES_LOST.level, PROCESS, pid=pid, at=now_s)
            also = line({**lost, "lost": _dropped[0], "why": "the log did not take them"}, most=LOST_BYTES - LONGEST_PREFIX)
            written = before(LINES_LOST) + also + written
        os.write(2, written)
    except Exception:  # noqa: BLE001 - an OSError of the pipe as a rule; whatever it is, the caller has other things to do
        _dropped[0] += 1
    else:
        _dropped[0] = 0
