"""What a well-formed commit is, the same for every engine.

Called by the store, the server and the client, each at its own border. Must never know an engine or a connection.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from understudy.ports import Condition, Write

KEY_BYTES_MAX = 4096
COMMIT_BYTES_MAX = 16 * 1024 * 1024
"""Of all values of one commit: it is held in memory whole, and sent in one frame."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What one caller wants written, and under which conditions."""

    conditions: tuple[Condition, ...]
    writes: tuple[Write, ...]


def checked(conditions: Sequence[Condition], writes: Sequence[Write]) -> Commit:
    """The commit, if it is well formed; ValueError otherwise (a mistake in the program, not of an operator)."""
    written = set()
    size = 0
    for write in writes:
        if write.key in written:
            raise ValueError(f"a commit writes {write.key!r} twice")
        written.add(write.key)
        size += len(write.value or b"")
    if size > COMMIT_BYTES_MAX:
        raise ValueError(f"a commit of {size} bytes; at most {COMMIT_BYTES_MAX}")
    for key in (*written, *(one.key for one in conditions)):
        if not key or "\0" in key or len(key.encode()) > KEY_BYTES_MAX:
            raise ValueError(f"{key!r} is no key: 1 to {KEY_BYTES_MAX} bytes of UTF-8 without NUL")
    return Commit(tuple(conditions), tuple(writes))
