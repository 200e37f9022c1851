"""Who asked for what, and what came of it: each command that changes something leaves events in the history, refused ones, too.

Asked by `api.py`, through which every verb passes, whoever calls and from wherever; `verbs/world.py` writes the beginning with the first
commit of a command, so that no effect is there without its cause. What changes nothing is bounded: a user in a loop fills no history.
Must never delay or refuse a command.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from understudy.daemon.typed import typed
from understudy.daemon.verbs.world import Caller, CommandTrail
from understudy.model import events
from understudy.model.given import MOST_NAMED, GivenCommand

EACH, OTHERS, ROOTS = 20, 60, 200
"""Commands that changed nothing, of which each has a line: of one user, verb and outcome; of all users but root; of root. In HOUR_S."""
HOUR_S = 3600.0
COUNTED_S = 60.0
"""Those beyond it are counted, and the count is written so long after the first of them;"""
SELDOM_S = 600.0
"""and then so long after."""
MOST_COUNTS = 64
"""Of users and verbs of which something is counted apart; the rest is counted together."""
ALSO_OTHERWISE = frozenset({"add-voter", "join-server", "remove-voter", "replace-voter", "site-places"})
"""Verbs that act not only by commits: of these nobody knows that nothing was changed."""
_NUMBER = re.compile(r"((?:CRS|UND)-\d{4}): ")
_ENDS = "CRS-4000"
"""Says only that a command failed."""
CountKey = tuple[str, str, str]


@dataclass(slots=True)
class _Count:
    """Of one kind of command that changed nothing."""

    since: float
    written: int = 0
    more: int = 0
    """Since the last line."""
    last: "EndedCommand | None" = None
    waits: bool = False
    """Whether the count is about to be written."""
    pause_s: float = COUNTED_S


@dataclass(frozen=True, slots=True)
class EndedCommand:
    """A command that has ended, for its line."""

    kind: str
    trail: CommandTrail
    ms: float


RecordEvent = Callable[..., None]
"""`daemon/history.py`: `History.record`."""
CallLater = Callable[[float, Callable[[], None]], object]
"""Call this after so many seconds."""


@dataclass(slots=True)
class Audit:
    """Of one daemon."""

    server: str
    record: RecordEvent
    now: Callable[[], float]
    """Seconds, monotonic."""
    later: CallLater
    token: Callable[[], str]
    _counts: dict[CountKey, _Count] = field(default_factory=dict)
    _hour: tuple[float, int, int] = (0.0, 0, 0)
    """When the present hour began; lines for others than root, and for root, since."""

    def begins(self, verb: str, body: Mapping[str, Any], caller: Caller) -> CommandTrail:
        """A command is about to be carried out."""
        names = body.get("names")
        named = tuple(name[:256] for name in names[:MOST_NAMED] if isinstance(name, str)) if isinstance(names, list) else ()
        uid = None if caller.place else caller.uid
        given = GivenCommand(user=caller.user, uid=uid, verb=verb, place=caller.place, names=named)
        return CommandTrail(id=f"c{self.token()[:12]}", typed=typed(verb, body), given=given, began=self.now())

    def ended(self, trail: CommandTrail, status: int) -> None:
        """It has ended with this exit status."""
        kind = events.COMMAND_DONE
        if status:
            acted = trail.wrote or (trail.begun and trail.given.verb in ALSO_OTHERWISE)
            kind = events.COMMAND_FAILED if acted else events.COMMAND_REFUSED
        end = EndedCommand(kind, trail, round((self.now() - trail.began) * 1000.0, 1))
        if trail.wrote or self._has_room(end):
            self._write(end)

    def _write(self, end: EndedCommand, more: int = 0) -> None:
        trail, by = end.trail, end.trail.given.by(self.server)
        message = trail.message if end.kind != events.COMMAND_DONE else ""
        number = _NUMBER.match(message)
        cause = f"by {by}{f': {message}' if message else ''}"
        self.record(
            end.kind,
            ms=None if more else end.ms,
            cause=f"{more} more like it {cause}; this is the last" if more else cause,
            text=trail.typed if more or not trail.wrote else "",
            command=trail.id,
            given=replace(trail.given, message=number[1] if number else "", more=more),
        )

    def _has_room(self, end: EndedCommand) -> bool:
        """Of a command that changed nothing: whether it has a line of its own; else it is counted."""
        now, user = self.now(), end.trail.given.user
        count = self._count((user, end.trail.given.verb, end.kind), now)
        began, others, roots = self._hour if now - self._hour[0] < HOUR_S else (now, 0, 0)
        root = user == "root"
        if count.written < EACH and (roots < ROOTS if root else others < OTHERS):
            count.written += 1
            self._hour = (began, others + (not root), roots + root)
            return True
        self._hour = (began, others, roots)
        count.more, count.last = count.more + 1, end
        if not count.waits:
            count.waits = True
            self.later(count.pause_s, lambda: self._say(count))
        return False

    def _count(self, key: CountKey, now: float) -> _Count:
        if key not in self._counts and len(self._counts) >= MOST_COUNTS:
            over = [known for known, count in self._counts.items() if not count.waits and now - count.since >= HOUR_S]
            for known in over:
                del self._counts[known]
            key = key if over else ("", "", key[2])
        count = self._counts.setdefault(key, _Count(now))
        if now - count.since >= HOUR_S and not count.waits:
            count.since, count.written, count.pause_s = now, 0, COUNTED_S
        return count

    def _say(self, count: _Count) -> None:
        """The line about those that were counted."""
        count.waits, count.pause_s = False, SELDOM_S
        more, count.more = count.more, 0
        if count.last is not None and more:
            self._write(count.last, more)


def said(trail: CommandTrail, text: str) -> None:
    """A line that the command prints: the last with a number is why it failed, of what is refused the first."""
    found = _NUMBER.match(text)
    if found and found[1] != _ENDS and not (trail.message and not trail.wrote):
        trail.message = text.partition("\n")[0][:300]
