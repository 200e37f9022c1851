"""Notices that an address or its link came, changed or went, from the kernel's own events.

Runs in the daemon's loop. It only wakes: whoever is called asks the agent. Never waits; when the kernel dropped events it wakes for all.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Literal

from understudy.linux import interfaces

LinkNews = Literal["network", "link"]
_GROUP_LINK, _GROUP_IPV4, _GROUP_IPV6 = 0x1, 0x10, 0x100
_PACKET = 65536
_BUFFER = 1 << 20


class NetlinkEvents:
    """Calls back with each watched address or interface that may have changed; `around` with "network" when anything else has, and with
    "link" when a link came up."""

    def __init__(self, changed: Callable[[str], None], around: Callable[[LinkNews], None] = lambda _: None) -> None:
        self._changed = changed
        self._around = around
        self._up: dict[int, bool] = {}
        self._watched: dict[str, set[int]] = {}
        """Address to the interfaces it was seen on, so that a link event finds its addresses."""
        self._watched_links: set[str] = set()
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._socket.bind((0, _GROUP_LINK | _GROUP_IPV4 | _GROUP_IPV6))
        self._up = {link.index: link.up for link in interfaces.links().values()}
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        """End."""
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def watch(self, address: str) -> None:
        """Call back for this address from now on."""
        self._watched[address] = {found.index for found in interfaces.present(address)}

    def watch_link(self, interface: str) -> None:
        """Call back for this interface too."""
        self._watched_links.add(interface)

    def unwatch(self, address: str) -> None:
        """No longer."""
        self._watched.pop(address, None)

    def _read(self) -> None:
        assert self._socket is not None
        try:
            packet = self._socket.recv(_PACKET)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self._wake({*self._watched, *self._watched_links})  # events were lost
            self._around("network")
            self._around("link")
            return
        touched = set()
        for change in interfaces.changes(packet):
            self._pass_on(change)
            if change.link is not None:
                touched |= {address for address, indices in self._watched.items() if change.index in indices}
                touched |= self._watched_links & {change.link}
            elif change.address in self._watched:
                if not change.gone:
                    self._watched[change.address].add(change.index)
                touched.add(change.address)
        self._wake(touched)

    def _pass_on(self, change: interfaces.LinkChange) -> None:
        """An address that is watched comes and goes by our own doing: that is nothing that anybody waits for."""
        if change.link is None:
            if change.address not in self._watched:
                self._around("network")
            return
        was_up = self._up.pop(change.index, False)
        if not change.gone:
            self._up[change.index] = change.up
        if change.up != was_up:
            self._around("link" if change.up else "network")

    def _wake(self, touched: set[str]) -> None:
        for interface in sorted(touched):
            self._changed(interface)
