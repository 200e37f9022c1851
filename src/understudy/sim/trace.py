"""The timeline of a run: one line per thing that happened, in columns of fixed width; the end of it is shown when a run fails.

Called by everything in `sim/`. Must never influence what happens.
"""

from collections import deque
from collections.abc import Callable
from typing import ClassVar

LINES_KEPT = 2_000


class Trace:
    """Writes lines; `time` is virtual."""

    echo: ClassVar[Callable[[str], object] | None] = None
    """Where every line goes at once, for one who wants to read along."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)

    def say(self, where: str, what: str) -> None:
        """`where` is a server, `registry`, `network`, `operator` or `world`."""
        line = f"{self._time():10.4f}  {where:<9}{what}"
        self._lines.append(line)
        if Trace.echo is not None:
            Trace.echo(line)

    def last(self, count: int = 50) -> str:
        """The last lines."""
        return "\n".join(list(self._lines)[-count:])

    def all(self) -> str:
        """As much as is kept."""
        return "\n".join(self._lines)
