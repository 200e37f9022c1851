"""Notices that something was mounted or unmounted, from the kernel's own word on the mount table.

Runs in the daemon's loop. It only wakes; what is mounted is nobody's business here. Must never wait.
"""

import asyncio
import os
import select
from collections.abc import Callable


class MountEvents:
    """Calls back whenever the mount table of this process has changed."""

    def __init__(self, changed: Callable[[], None], table: str = "/proc/self/mountinfo") -> None:
        self._changed = changed
        self._table = table
        self._fd = -1
        self._poll: select.epoll | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._fd = os.open(self._table, os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.epoll()
        self._poll.register(self._fd, select.EPOLLPRI | select.EPOLLERR)
        self._poll.poll(0)
        # the loop itself watches for what can be read, and this file always can: so it watches the one who watches for changes
        asyncio.get_running_loop().add_reader(self._poll.fileno(), self._read)

    def close(self) -> None:
        """End."""
        if self._poll is not None:
            asyncio.get_running_loop().remove_reader(self._poll.fileno())
            self._poll.close()
            os.close(self._fd)
            self._poll = None

    def _read(self) -> None:
        """That the loop was woken is the event: its look at the table has already taken note of the change."""
        assert self._poll is not None
        self._poll.poll(0)
        self._changed()
