"""Who stands at the registry's door: connections that have proved nothing yet, few at a time, and what is said of those sent away.

Owned by the server, which asks whom to drop when another comes. A flood of connections must not take the place of a daemon that begins:
each address has few places, the oldest of it goes when one more comes, and an address of which somebody has proved the key goes last.
Must never touch a connection that has proved itself.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

from understudy.guard.log import log
from understudy.model import logevents

EACH_MOST = 16
"""Connections from one address that have proved nothing."""
ALL_MOST = 128
KNOWN_MOST = 256
"""Addresses whose clients have proved themselves; more than any cluster has."""
SAY_EVERY_S = 60.0
REASONS_MOST = 256

Visitor = TypeVar("Visitor", bound=Hashable)


class Door(Generic[Visitor]):
    """Connections that have proved nothing yet, the oldest first, by their address."""

    def __init__(self) -> None:
        self._waiting: dict[Visitor, str] = {}
        self._known: dict[str, None] = {}

    def came(self, visitor: Visitor, address: str) -> list[Visitor]:
        """One more; those that go for it."""
        self._waiting[visitor] = address
        mine = [waiting for waiting, other in self._waiting.items() if other == address]
        gone = mine[: max(0, len(mine) - EACH_MOST)]
        surplus = len(self._waiting) - len(gone) - ALL_MOST
        if surplus > 0:
            left = [waiting for waiting in self._waiting if waiting not in gone and waiting is not visitor]
            left.sort(key=lambda waiting: self._waiting[waiting] in self._known)  # stable: strangers first, the oldest of them first
            gone += left[:surplus]
        for surplus_visitor in gone:
            del self._waiting[surplus_visitor]
        return gone

    def proved(self, visitor: Visitor) -> None:
        """It holds the key."""
        address = self._waiting.pop(visitor, None)
        if address is not None:
            self._known.pop(address, None)
            self._known[address] = None
            if len(self._known) > KNOWN_MOST:
                del self._known[next(iter(self._known))]

    def left(self, visitor: Visitor) -> None:
        """It has gone; harmless if it was not there."""
        self._waiting.pop(visitor, None)


class SaidOnce:
    """Lines of the log about others, each of them once a minute: whoever knocks again and again fills no disk."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, str], tuple[float, int]] = {}
        """Address and what was said -> when, and how often since."""

    def say(self, address: str, what: str, now_s: float) -> None:
        """Into the log, unless it was there within the minute."""
        last_s, since = self._at.get((address, what), (None, 0))
        if last_s is not None and now_s - last_s < SAY_EVERY_S:
            self._at[address, what] = (last_s, since + 1)
            return
        self._at.pop((address, what), None)
        self._at[address, what] = (now_s, 0)
        if len(self._at) > REASONS_MOST:
            del self._at[next(iter(self._at))]
        log(logevents.CLIENT_REFUSED, address=address, why=what, not_logged=since or None)
