"""When a guard sends its next renews; pure.

A beat is every `beat_s`. What was not granted, or not answered, is not waited for that long: it is said again every `repeat_s`, so that a
cluster in which nothing is lost sends few messages, and one that loses some loses no time (`model/limits.py`: r).
Guards join each other's beats: then most messages arrive while their receiver is awake anyway, and the machine sleeps longer at a stretch.
A voter does at a renew that it has just granted, who is no voter at another's word of its ability, which goes out with a beat.
Called by: `core/guard.py`, with readings of the boot clock in nanoseconds. Must never: put a beat off. One that is made early asks no more
of a lease than one in time.
"""


class Beats:
    """One guard's beats."""

    def __init__(self, *, beat_ns: int, repeat_ns: int, now_ns: int) -> None:
        self._beat_ns, self._repeat_ns = beat_ns, repeat_ns
        self._next_ns = now_ns
        self._last_ns = now_ns - beat_ns
        self._said_ns = now_ns
        """When the last beat or repetition was made."""

    @property
    def number(self) -> int:
        """The place of the next beat, in beats since the machine was booted: grows with time, missed beats included."""
        return self._next_ns // self._beat_ns

    def begin(self, now_ns: int) -> bool:
        """Whether a beat is due; if so, it is made now. Missed beats are skipped, not made up for."""
        if now_ns < self._next_ns:
            return False
        self._next_ns += self._beat_ns * ((now_ns - self._next_ns) // self._beat_ns + 1)
        self._last_ns = self._said_ns = now_ns
        return True

    def repeat(self, now_ns: int) -> bool:
        """Whether what is open since the last beat is to be said again; if so, it is said now."""
        if now_ns < self._said_ns + self._repeat_ns:
            return False
        self._said_ns = now_ns
        return True

    def join(self, now_ns: int) -> None:
        """Another guard beats now. Who has not done so for half a beat does it at once: so of two whose beats lie apart one joins the
        other, and neither beats more often than twice as fast."""
        if now_ns - self._last_ns >= self._beat_ns // 2:
            self._next_ns = min(self._next_ns, now_ns)

    def hasten(self) -> None:
        """There is something new to say: half a beat after the last one, or at once if that is over."""
        self._next_ns = min(self._next_ns, self._last_ns + self._beat_ns // 2)

    def wake_ns(self, *, open_: bool) -> int:
        """When the next of them is due. `open_`: something waits to be granted or answered."""
        return min(self._next_ns, self._said_ns + self._repeat_ns) if open_ else self._next_ns
