"""Owns who may take how much of this daemon: connections and unread bytes, per user and in all, with a reserve that is root's alone.

Called by `peers.py` for connections and by `api.py` for answers. Decides only whether there is room; never touches a socket.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from understudy.guard.log import fault, log
from understudy.model import logevents

ROOT = 0
MOST_CONNECTIONS = 1024
SENTENCES = 5
"""Lines of the log for one user in `EVERY_S`; what is beyond is counted, and the count is said with the next line."""
EVERY_S = 60.0
MOST_USERS = 64
"""Of whom complaints are counted one by one."""
LONGEST = 300
"""Characters of a complaint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The bounds. Everybody but root shares what `others` allow; what is left of `connections` is root's."""

    connections: int = MOST_CONNECTIONS
    others: int = 256
    one_user: int = 32
    unread: int = 32 << 20
    """Bytes of answers to others that wait for their readers; beyond it nothing more is begun for them."""
    unread_one_user: int = 8 << 20

    @classmethod
    def within(cls, files: int) -> "Room":
        """The bounds of a process that may open so many files: callers take half of them at most."""
        connections = max(4, min(MOST_CONNECTIONS, files // 2))
        return cls(connections=connections, others=connections // 4, one_user=max(1, connections // 32))


class Complaints:
    """One line of the log for a bad request, each once, and no more than a few a minute for one user."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: seconds, monotonic."""
        self._now = now
        self._since = now()
        self._said: dict[int, set[str]] = {}
        self._kept_back = 0

    def say(self, uid: int, sentence: str) -> bool:
        """Log it, if there is room; whether there was."""
        if self._now() - self._since > EVERY_S:
            self._since = self._now()
            self._said.clear()
        sentence = sentence[:LONGEST]
        whose = uid if uid in self._said or len(self._said) < MOST_USERS else -1
        said = self._said.setdefault(whose, set())
        if len(said) >= SENTENCES or sentence in said:
            self._kept_back += 1
            return False
        said.add(sentence)
        log(logevents.REQUEST_REFUSED, user=uid, why=sentence, not_logged=self._kept_back or None)
        self._kept_back = 0
        return True

    def failed(self, uid: int, what: str, error: BaseException) -> None:
        """A fault of ours that a request has brought to light: the line, and where it was, for whoever mends it."""
        if self.say(uid, f"{what} failed in understudyd itself: {type(error).__name__}: {error}"):
            fault(error, what)


@dataclass(slots=True)
class Callers:
    """What is taken at present."""

    room: Room = field(default_factory=Room)
    connections: Counter[int] = field(default_factory=Counter)
    """By user id."""
    unread: Counter[int] = field(default_factory=Counter)
    """Bytes by user id."""
    complaints: Complaints = field(default_factory=Complaints)

    def come(self, uid: int) -> str:
        """Count a connection; or why there is no room for it."""
        others = self.connections.total() - self.connections[ROOT]
        if self.connections.total() >= self.room.connections:
            return f"{self.room.connections} connections are open, more are not taken: end commands that wait or follow"
        if uid != ROOT and self.connections[uid] >= self.room.one_user:
            return f"this user has {self.room.one_user} connections open, more are not taken: end commands that wait or follow"
        if uid != ROOT and others >= self.room.others:
            return f"users other than root have {others} connections open, more are not taken: run the command as root, or later"
        self.connections[uid] += 1
        return ""

    def go(self, uid: int) -> None:
        """The connection has ended."""
        _less(self.connections, uid, 1)

    def busy(self, uid: int) -> str:
        """Why nothing more is begun for a user whose answers wait for their readers; empty: there is room."""
        others = self.unread.total() - self.unread[ROOT]
        if uid == ROOT:
            return ""
        if self.unread[uid] > self.room.unread_one_user:
            return f"{self.unread[uid] >> 20} MiB of answers to this user wait to be read: read them, or end those commands"
        if others > self.room.unread:
            return f"{others >> 20} MiB of answers to users other than root wait to be read: run the command as root, or later"
        return ""

    def hold(self, uid: int, size: int) -> None:
        """So many bytes wait for a reader."""
        self.unread[uid] += size

    def drop(self, uid: int, size: int) -> None:
        """They were taken, or nobody will."""
        _less(self.unread, uid, size)


def _less(counter: Counter[int], uid: int, number: int) -> None:
    counter[uid] -= number
    if counter[uid] <= 0:
        del counter[uid]
