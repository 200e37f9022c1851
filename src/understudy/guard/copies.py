"""Which messages were taken in already: every one comes over each network, and the same again refreshes nothing.

Called by: `guard/process.py`, with whole datagrams. Must never: know one that was not proved to be under the key (else noise would push out
what is real), or take one for another that differs from it in a single bit.
"""

COPIES_KNOWN = 64
"""More than arrive between a message and its copy over another network; a copy that comes later is read like any other message."""


class Copies:
    """The last messages, oldest first."""

    def __init__(self, most: int = COPIES_KNOWN) -> None:
        self._most = most
        self._known: dict[bytes, None] = {}

    def __contains__(self, datagram: bytes) -> bool:
        """Whether this very message was taken in a moment ago."""
        return datagram in self._known

    def note(self, datagram: bytes) -> None:
        """It was taken in; the oldest is forgotten when there are too many."""
        self._known[datagram] = None
        if len(self._known) > self._most:
            del self._known[next(iter(self._known))]
