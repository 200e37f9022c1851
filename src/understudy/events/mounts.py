"""Notices that something was mounted or unmounted, from the kernel's own word on the mount table.

Runs in the daemon's loop. It only wakes: whoever is called asks the agent. Must never wait; a table that cannot be read wakes for all.
"""

import asyncio
import os
import select
from collections.abc import Callable

from understudy.linux.mounts import TABLE, read_mounts


class MountEvents:
    """Calls back whenever the mount table of this process has changed, and with each watched point where something came or went."""

    def __init__(self, changed: Callable[[], None], at: Callable[[str], None] = lambda _: None, table: str = TABLE) -> None:
        self._changed = changed
        self._at = at
        self._watched: dict[str, bool] = {}
        """Point to whether anything was mounted there when it was last looked at."""
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
        self._look()

    def watch(self, point: str) -> None:
        """Call back for this point from now on."""
        self._watched[point] = point in self._points()

    def _look(self) -> None:
        if not self._watched:
            return
        try:
            points = self._points()
        except OSError:  # no descriptor to be had: each may have changed
            points = None
        for point, before in list(self._watched.items()):
            if points is None or (point in points) is not before:
                self._watched[point] = before if points is None else point in points
                self._at(point)

    def _points(self) -> frozenset[str]:
        return frozenset(mount.point for mount in read_mounts(self._table))
