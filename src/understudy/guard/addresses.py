"""Take cluster addresses away, on whatever interface and under whatever prefix length they are; standard library only, no subprocess.

Owns: one netlink socket, opened beforehand. What is there is read from the kernel (one dump), what is to go is deleted, and a second dump
says what is left. Called by: `guard/kill.py`, the guard before its first lease, the second line (`guard/lapse.py`).
Must never: wait, or call an address gone that a dump did not show to be gone.
"""

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterator
from typing import NamedTuple

from understudy.guard.netlink import ACK, attribute, attributes, dump, message, open_socket, talk

_NEW_ADDRESS, _DELETE_ADDRESS, _GET_ADDRESS = 20, 21, 22
_ADDRESS, _LOCAL = 1, 2
_HEAD = struct.Struct("=BBBBI")
_GONE = {errno.EADDRNOTAVAIL, errno.ENODEV}


class Present(NamedTuple):
    """One address on one interface."""

    address: str
    prefix: int
    interface: int
    """Its number."""


class Addresses:
    """This network namespace's addresses, over a socket that is held."""

    def __init__(self) -> None:
        self._wire = open_socket(socket.NETLINK_ROUTE)

    def close(self) -> None:
        """Let go of the socket."""
        self._wire.close()

    def present(self, among: Collection[str]) -> list[Present]:
        """Where these are now. OSError: the kernel was not understood."""
        return [one for one in self._all() if one.address in among]

    def remove(self, which: Collection[str]) -> list[str]:
        """Take these away; what cannot be told or is still there afterwards, as sentences."""
        if not which:
            return []
        try:
            for one in self.present(which):
                self._delete(one)
            return [f"{one.address} cannot be removed from interface {_name(one.interface)}" for one in self.present(which)]
        except OSError as error:
            return [f"the addresses of this server cannot be read: {error.strerror}"]

    def _all(self) -> Iterator[Present]:
        for kind, body in dump(self._wire, message(_GET_ADDRESS, 0, _HEAD.pack(socket.AF_UNSPEC, 0, 0, 0, 0))):
            if kind != _NEW_ADDRESS:
                continue
            family, prefix, _, _, index = _HEAD.unpack_from(body)
            found = attributes(body, _HEAD.size)
            # on a point-to-point link IFA_ADDRESS is the other end: IFA_LOCAL, where given, is always ours
            raw = found.get(_LOCAL) or found.get(_ADDRESS)
            if raw is not None and family in (socket.AF_INET, socket.AF_INET6):
                yield Present(socket.inet_ntop(family, raw), prefix, index)

    def _delete(self, one: Present) -> None:
        family = socket.AF_INET6 if ":" in one.address else socket.AF_INET
        head = _HEAD.pack(family, one.prefix, 0, 0, one.interface)
        try:
            talk(self._wire, [message(_DELETE_ADDRESS, ACK, head + attribute(_LOCAL, socket.inet_pton(family, one.address)))])
        except OSError as error:
            if error.errno not in _GONE | {errno.EPERM}:  # not allowed: the second dump says that it is still there
                raise


def _name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return os.strerror(errno.ENODEV)
