"""What the guard needs of Linux and Python 3.11 does not offer: priority, locked memory, death signals.

Called by: keeper, guard process, kill. Must never: fail the guard because the machine refuses real-time priority; the refusal
is returned as a sentence, for `status`.
"""

import ctypes
import gc
import os
import signal

from understudy.linux.libc import libc

_LOCK_CURRENT_AND_FUTURE = 3
_DEATH_SIGNAL = 1
_REBOOT_NOW = 0x01234567

_dropped = [0]
"""Lines that the pipe did not take."""

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


def say(sentence: str) -> None:
    """One line on standard error, which is the scribe's pipe: it takes the line at once or not at all. What it did not take is counted, and
    said with the next line that it takes."""
    lines = f"understudy-guard: {sentence}\n"
    if _dropped[0]:
        lines = f"understudy-guard: {_dropped[0]} lines were dropped here: the log did not take them\n{lines}"
    try:
        os.write(2, lines.encode()[:2048])
    except OSError:
        _dropped[0] += 1
    else:
        _dropped[0] = 0
