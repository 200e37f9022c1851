"""Whom this server grants, and when it says silent: the voter's side; pure.

Called by: `core/guard.py` on every server that is a voter.
Must never: forget an incarnation it was silent about while a round may still count that, or speak sooner than `silent_after` on its slower
clock.

Memory: one entry per incarnation seen. A lapse makes one; the oldest words are forgotten beyond `WORDS_MAX` of them, which no round lasts
long enough to see.
"""

from typing import Any, NamedTuple

from understudy.guard.core.messages import NO_BOOT, PUSHED, BootNumber, Grant, GrantedLife, Keep, Lost, Renew, Silent
from understudy.linux.reading import Reading, least_elapsed
from understudy.model.position import Position

NEVER = 1 << 62
WORDS_MAX = 256
DEAD_MAX = 4096


class LastRenew(NamedTuple):
    """The last renew of an incarnation that refreshed it."""

    server: str
    sequence: int
    at: Reading
    position: Position | None = None
    """What it has acted on, as that renew said. None: carried over from a predecessor, which did not keep it."""


class VoterMemory(NamedTuple):
    """What a voter must not forget. A keeper may carry it to its next guard; what it did not carry begins anew, with another number."""

    boot: int
    """The boot number: 64 random bits."""
    started: Reading
    """When this memory began."""
    seen: tuple[tuple[bytes, LastRenew], ...] = ()
    said: tuple[tuple[bytes, str], ...] = ()


class Voter:
    """Grants and words; `changes` is what has to be kept before an answer leaves."""

    def __init__(self, memory: VoterMemory, *, silent_after_ns: int) -> None:
        assert memory.boot != NO_BOOT, "a voter draws a boot number"
        self.boot = memory.boot
        self.changes: list[Keep] = []
        self._started = memory.started
        self._muted = True
        self._silent_after_ns = silent_after_ns
        # what they act on may have changed since: they say it again with their next renew
        self._seen = {incarnation: seen._replace(position=None) for incarnation, seen in memory.seen}
        self._said = dict(memory.said)
        self._dead: dict[bytes, None] = {}
        self._due_boot_ns = memory.started.boot_ns if memory.seen else NEVER

    def memory(self) -> VoterMemory:
        """All of it."""
        return VoterMemory(self.boot, self._started, tuple(self._seen.items()), tuple(self._said.items()))

    def mute(self, now: Reading) -> bool:
        """After its memory began a voter does not grant for `silent_after`, nor (`unheard_since`) say silent.

        What was granted before has run out by then, and what was called silent has lapsed.
        """
        if self._muted:
            self._muted = least_elapsed(self._started, now) < self._silent_after_ns
        return self._muted

    def renew(self, server: str, incarnation: bytes, renew: Renew, now: Reading) -> Grant | Lost | Silent | BootNumber | None:
        """Answer a renew; `now` was read after it was received, so the silence is counted from late, never from early."""
        if incarnation in self._dead:
            return Lost(incarnation)
        if self.refuses(incarnation):
            return Silent(PUSHED, server, incarnation, self.boot)  # it may not know: one that never held a lease would ask without end
        if self.is_from_before(renew):
            return BootNumber(incarnation, renew.sequence, self.boot)
        known = self._seen.get(incarnation)
        if known is not None and self.is_old(renew, known):
            return None  # only a higher sequence refreshes: a late or doubled packet is no sign of life
        self._seen[incarnation] = seen = LastRenew(server, renew.sequence, self.stamp(now), renew.position)
        self.changes.append(Keep(server, incarnation, seen.sequence, seen.at, False))
        self._due_boot_ns = min(self._due_boot_ns, now.boot_ns + self._silent_after_ns)
        if self.mute(now):
            return None
        return Grant(incarnation, renew.sequence, renew.stamp, self.boot)

    def is_from_before(self, renew: Renew) -> bool:
        """Perhaps recorded before this memory began, when no sequence was known here that would show how old it is."""
        return renew.echo != self.boot

    def is_old(self, renew: Renew, known: LastRenew) -> bool:
        """Late, doubled, or recorded since this memory began."""
        return renew.sequence <= known.sequence

    def stamp(self, now: Reading) -> Reading:
        """The time a grant counts from: after the renew was received."""
        return now

    def refuses(self, incarnation: bytes) -> bool:
        """Having said silent about an incarnation a voter never grants it again (S5)."""
        return incarnation in self._said

    def knows(self, incarnation: bytes) -> bool:
        """Whether this memory says anything of an incarnation."""
        return incarnation in self._seen or incarnation in self._said

    def note_gone(self, incarnations: tuple[bytes, ...]) -> None:
        """The registry says that these are lost, fenced or evicted. It stops grants; it is not silence."""
        for incarnation in incarnations:
            self._dead.pop(incarnation, None)
            self._dead[incarnation] = None
        _forget_oldest(self._dead, DEAD_MAX)

    def says_silent(self, server: str, incarnation: bytes, now: Reading) -> bool:
        """Answer a query; a yes is remembered before it is said."""
        if incarnation in self._said:
            return True
        known = self._seen.get(incarnation)
        since = self.unheard_since(known)
        if least_elapsed(since, now) < self._silent_after_ns:
            return False
        whose = known.server if known is not None else server
        self._said[incarnation] = whose
        self._seen.pop(incarnation, None)
        _forget_oldest(self._said, WORDS_MAX)
        self.changes.append(Keep(whose, incarnation, 0 if known is None else known.sequence, since, True))
        return True

    def unheard_since(self, known: LastRenew | None) -> Reading:
        """Of one that sent no renew we only know that it has no grant since this memory began: so a voter that restarted says nothing."""
        return known.at if known is not None else self._started

    def census(self, now: Reading) -> tuple[GrantedLife, ...] | None:
        """Everyone whom this voter may have granted a lease that is not over yet, by incarnation. None: it cannot tell."""
        if self.mute(now):
            return None
        granted = []
        for incarnation, seen in sorted(self._seen.items()):
            if seen.position is None:
                return None  # it says so with its next renew, or falls silent
            granted.append(GrantedLife(seen.server, incarnation, seen.position))
        return tuple(granted)

    def newly_silent(self, now: Reading, soon_ns: int = 0) -> list[tuple[str, bytes]]:
        """Incarnations whose time is up: (server, incarnation), each once.

        What is due first is known only roughly while renews come in; once it may be due within `soon_ns` it is worked out, so that a voter
        whose holders are all well is not woken between its beats.
        """
        if now.boot_ns < self._due_boot_ns - soon_ns:
            return []
        words = [
            (seen.server, incarnation) for incarnation, seen in list(self._seen.items()) if self.says_silent(seen.server, incarnation, now)
        ]
        self._due_boot_ns = min((self._due(seen, now) for seen in self._seen.values()), default=NEVER)
        return words

    def due_boot_ns(self) -> int:
        """When to ask `newly_silent` again, on the boot clock."""
        return self._due_boot_ns

    def _due(self, seen: LastRenew, now: Reading) -> int:
        last_message_ns, own_ns = least_elapsed(seen.at, now), least_elapsed(self._started, now)
        return now.boot_ns + max(self._silent_after_ns - min(last_message_ns, own_ns), 1)


def _forget_oldest(memory: dict[bytes, Any], most: int) -> None:
    while len(memory) > most:
        del memory[next(iter(memory))]
