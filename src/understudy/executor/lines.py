"""Lines off exec.sock, of which one that is too long costs itself alone: both ends read by this.

Whoever hangs up over one line stops every action of the server with it. Must never keep more than a line's worth in memory.
"""

import asyncio
import re
from dataclasses import dataclass

_ID = re.compile(rb'\{"id":(\d{1,18})[,}]')


@dataclass(frozen=True, slots=True)
class Overlong:
    """A line beyond the reader's limit: it was skipped."""

    id: int | None
    """What it asks or answers, if it says so first, as ours do."""


async def read_line(reader: asyncio.StreamReader) -> bytes | Overlong | None:
    """The next line; None at the end of the stream. ConnectionError: the other end is gone."""
    head = b""
    while True:
        try:
            line = await reader.readuntil(b"\n")
            return _overlong(head) if head else line
        except asyncio.IncompleteReadError as error:
            if head:
                return _overlong(head)
            return error.partial or None
        except asyncio.LimitOverrunError as error:
            part = await reader.readexactly(error.consumed)
            head = head or part[:64]


def _overlong(head: bytes) -> Overlong:
    found = _ID.match(head)
    return Overlong(int(found[1]) if found else None)
