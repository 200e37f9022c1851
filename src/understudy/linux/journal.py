"""How a line says to systemd's journal how bad it is: `<3>` before it, which the journal takes away again.

Called by whoever writes a log to standard error. Else `journalctl -p err` would show nothing of ours: all that a unit prints has one
priority. Standard library only.
"""

import os

_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3}
LONGEST_PREFIX = 3
"""Bytes."""


def is_journal(descriptor: int) -> bool:
    """Whether what is written there goes to the journal and nowhere else: systemd says which stream is its own."""
    try:
        there = os.fstat(descriptor)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM", "") == f"{there.st_dev}:{there.st_ino}"


def prefix(level: str) -> bytes:
    """What stands before a line of this level."""
    return b"<%d>" % _PRIORITY.get(level, 6)
