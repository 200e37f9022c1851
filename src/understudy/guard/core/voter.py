"""Whom this server grants, and when it says silent: the voter's side; pure.

Called by: `core/guard.py` on every server that is a voter.
Must never: forget an incarnation it was silent about, or speak sooner than `silent_after` on its slower clock.

Memory: one entry per incarnation seen, for as long as this guard runs; a lapse makes one, so it stays small.
"""

from typing import NamedTuple

from understudy.guard.core.messages import PUSHED, Grant, Lost, Reading, Renew, Silent, least_elapsed

NEVER = 1 << 62


class Seen(NamedTuple):
    """The last renew of an incarnation that refreshed it."""

    server: str
    sequence: int
    at: Reading


class Voter:
    """One guard's memory as a voter; a restarted guard begins a new one."""

    def __init__(self, started: Reading, *, silent_after_ns: int) -> None:
        self._started = started
        self._muted = True
        self._silent_after_ns = silent_after_ns
        self._seen: dict[bytes, Seen] = {}
        self._said: dict[bytes, str] = {}
        self._dead: set[bytes] = set()
        self._due_boot_ns = NEVER

    def mute(self, now: Reading) -> bool:
        """After its own start a voter neither grants nor says silent for `silent_after`.

        What its predecessor granted has run out by then, and what it was silent about has lapsed.
        """
        if self._muted:
            self._muted = least_elapsed(self._started, now) < self._silent_after_ns
        return self._muted

    def renew(self, server: str, incarnation: bytes, renew: Renew, now: Reading) -> Grant | Lost | Silent | None:
        """Answer a renew; `now` was read after it was received, so the silence is counted from late, never from early."""
        if incarnation in self._dead:
            return Lost(incarnation)
        if self.refuses(incarnation):
            return Silent(PUSHED, server, incarnation)  # it may not know: one that never held a lease would ask for ever
        known = self._seen.get(incarnation)
        if known is not None and renew.sequence <= known.sequence:
            return None  # only a higher sequence refreshes: a late or doubled packet is no sign of life
        self._seen[incarnation] = Seen(server, renew.sequence, self.stamp(now))
        self._due_boot_ns = min(self._due_boot_ns, now.boot_ns + self._silent_after_ns)
        if self.mute(now):
            return None
        return Grant(incarnation, renew.sequence, renew.stamp)

    def stamp(self, now: Reading) -> Reading:
        """The time a grant counts from: after the renew was received."""
        return now

    def refuses(self, incarnation: bytes) -> bool:
        """Having said silent about an incarnation a voter never grants it again (S5)."""
        return incarnation in self._said

    def told_dead(self, incarnations: tuple[bytes, ...]) -> None:
        """The registry says that these are lost, fenced or evicted. It stops grants; it is not silence."""
        self._dead.update(incarnations)

    def says_silent(self, server: str, incarnation: bytes, now: Reading) -> bool:
        """Answer a query; a yes is remembered before it is said."""
        if self.mute(now):
            return False
        if incarnation in self._said:
            return True
        known = self._seen.get(incarnation)
        # Of one never heard we only know that we have not granted it since our own start.
        since = known.at if known is not None else self._started
        if least_elapsed(since, now) < self._silent_after_ns:
            return False
        self._said[incarnation] = known.server if known is not None else server
        self._seen.pop(incarnation, None)
        return True

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

    def _due(self, seen: Seen, now: Reading) -> int:
        heard_ns, own_ns = least_elapsed(seen.at, now), least_elapsed(self._started, now)
        return now.boot_ns + max(self._silent_after_ns - min(heard_ns, own_ns), 1)
