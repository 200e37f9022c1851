"""Owns what a command that waits says of it: for what, within seconds, and again when that changes; and when to wait no more.

Called by `follow.py`, once a second at most. The causes are `policy/waits.py`'s, the words of `understudy explain`.
"""

from collections.abc import Callable, Iterable

from understudy.model.names import ResourceName
from understudy.model.view import View
from understudy.policy.waits import Cause, waits

LOOK_EVERY_S = 1.0
SAY_AFTER_S = 2.0
"""What passes sooner is not worth a line."""
STANDSTILL_S = 15.0
"""So long nobody has been at work on what is waited for: it would not come about by waiting. Longer than an UNKNOWN one takes to be looked
at again."""
MOST_ASKED = 50
"""Of thousands that wait, so many are asked whether anybody is at work."""
MOST_NAMED = 10
"""Of many that wait for as many things, so many are named."""


class Patience:
    """What one waiting command has seen of what it waits for. Times are seconds of its loop."""

    def __init__(self, say: Callable[[ResourceName, str], None], now: float) -> None:
        self._say = say
        self._looked_at = now  # most are done before anybody has to look
        self._causes: dict[ResourceName, tuple[Cause, ...]] = {}
        self._since: dict[ResourceName, float] = {}
        self._said: dict[ResourceName, str] = {}
        self._moved_at = now
        self._happened = 0
        self._enough = False
        """Whether so many were looked at that it is known that nobody is at work."""

    def look(self, view: View, names: Iterable[ResourceName], *, happened: int, now: float) -> None:
        """Take in what is waited for now, and say what has to be said. `happened`: how many events the history has brought so far."""
        if happened != self._happened:
            self._happened, self._moved_at = happened, now
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        asked = waits(view)
        known = [name for name in names if name in asked.ground.view.resources]
        # in a mass start a few show what the others wait for; a command that is about to give up asks more of them
        causes = {name: asked.of(name) for name in known[: MOST_ASKED if self._stands(now) else MOST_NAMED]}
        self._enough = len(causes) >= min(len(known), MOST_ASKED)
        for name, found in causes.items():
            if name not in self._causes:
                self._since[name] = now
            elif self._causes[name] != found:
                self._since[name] = self._moved_at = now
        self._causes = causes
        for name in list(causes)[:MOST_NAMED]:
            text = self.why(name)
            idle = not all(cause.under_way for cause in causes[name])
            if text and idle and text != self._said.get(name) and now - self._since[name] >= SAY_AFTER_S:
                self._said[name] = text
                self._say(name, text)

    def over(self, now: float) -> bool:
        """Whether nothing has moved for long, and nobody is at work on what is waited for."""
        known = [found for found in self._causes.values() if found]
        stands = bool(known) and not any(cause.passing for found in known for cause in found)
        return stands and self._enough and self._stands(now)

    def _stands(self, now: float) -> bool:
        return now - self._moved_at >= STANDSTILL_S

    def why(self, name: ResourceName) -> str:
        """What it waits for; empty: that is not known."""
        return "; and for ".join(cause.text for cause in self._causes.get(name, ()))
