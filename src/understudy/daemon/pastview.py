"""What was at a time: the View that this server's copy of the registry was then, and how exact that is.

Called beside the loop by `verbs/then.py`, and by `replayed.py`. Reads files; decides nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.daemon.entries import Entries
from understudy.daemon.pastfile import PastBase, PastChanges, PastPart, PastReach, walk
from understudy.daemon.times import shown_wall
from understudy.errors import BadInput
from understudy.model.messages import words
from understudy.model.view import View
from understudy.registry import wire


@dataclass(frozen=True, slots=True, kw_only=True)
class PastFound:
    """What was at a time."""

    view: View
    wall: float
    """When the last change before it was seen here."""
    doubt: str = ""
    """Why it may have been otherwise; empty: it is what this server's daemon saw."""
    until: float | None = None
    """When the next change was seen; None: none yet."""

    @property
    def exactness(self) -> str:
        """From what it is known, in words."""
        text = f"revision {self.view.revision} of the registry, seen at {shown_wall(self.wall)}"
        if self.doubt:
            return f"{text}, and {self.doubt}"
        return f"{text}; nothing has changed since" if self.until is None else f"{text}; the next change came at {shown_wall(self.until)}"


def at(parts: Sequence[PastPart], wall: float, now: float) -> PastFound:
    """What was then. BadInput: it is not known."""
    if wall > now:
        raise not_known(wall, "it has not come yet")
    earlier = [number for number, part in enumerate(parts) if part.begins <= wall]
    if not earlier:
        raise not_known(wall, f"it knows what was since {shown_wall(parts[0].begins)}" if parts else "nothing is kept here yet")
    state: Mapping[str, bytes] = {}
    seen, last, revision, doubt, until = 0.0, 0.0, 0, "", None
    for entry, held in walk(parts[earlier[-1] :], wall):
        state = held
        if entry.wall > wall:
            until = entry.wall
            if isinstance(entry, PastBase) and not entry.follows and entry.entries != state:
                doubt = f"what changed between {shown_wall(last)} and {shown_wall(until)} was not kept: no daemon ran, or its disk was full"
            break
        last = entry.wall
        if isinstance(entry, PastReach):
            doubt = "" if entry.reachable else f"the registry was not reached from here since {shown_wall(last)}"
        elif isinstance(entry, PastBase | PastChanges):
            seen, revision, doubt = last, entry.revision, ""
    if not seen:
        raise not_known(wall, "what was kept of it cannot be read")
    return PastFound(view=view_of(state, revision), wall=seen, doubt=doubt, until=until)


def view_of(held: Mapping[str, bytes], revision: int) -> View:
    """The View of these values; what this version cannot read is left out."""
    records: list[tuple[str, Any]] = []
    for key, value in sorted(held.items()):
        try:
            records.append((key, wire.decode(key, value)))
        except wire.Unreadable:
            continue
    return Entries().taken(View(), revision, records)[0]


def not_known(wall: float, why: str) -> BadInput:
    """What was then."""
    return BadInput(words(20731, shown_wall(wall), why), code=20731)
