"""The timeline of a run: one line per thing that happened, in columns of fixed width; the end of it is shown when a run fails.

Called by everything in `sim/`. Must never influence what happens.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import ClassVar, NamedTuple

LINES_KEPT = 2_000


class TraceLine(NamedTuple):
    """One thing that happened."""

    at: float
    where: str
    """A server, `registry`, `network`, `operator`, `fault` or `world`."""
    what: str

    def as_text(self) -> str:
        """As it is printed."""
        return f"{self.at:10.4f}  {self.where:<9}{self.what}"


class Trace:
    """Writes lines; `time` is virtual."""

    echo: ClassVar[Callable[[str], object] | None] = None
    """Where every line goes at once, for one who wants to read along."""

    def __init__(self, time: Callable[[], float]) -> None:
        self.listener: Callable[[TraceLine], object] | None = None
        """Called with every line at its instant, for one who repeats them in other words."""
        self._time = time
        self._lines: deque[TraceLine] = deque(maxlen=LINES_KEPT)

    def say(self, where: str, what: str) -> None:
        """See `TraceLine`."""
        line = TraceLine(self._time(), where, what)
        self._lines.append(line)
        if self.listener is not None:
            self.listener(line)
        if Trace.echo is not None:
            Trace.echo(line.as_text())

    def last(self, count: int = 50) -> str:
        """The last lines."""
        return "\n".join(line.as_text() for line in islice(self._lines, max(len(self._lines) - count, 0), None))

    def all(self) -> str:
        """As much as is kept."""
        return self.last(LINES_KEPT)
