"""Links and addresses of this network namespace, straight from the kernel over route netlink.

Owns the few messages we need of it. By hand because a call takes 0.03 ms, against 0.2 ms and an import of 0.15 s with a library, or a
process per question with `ip`. Called by: agents and event sources, which open a socket per question; guard, keeper and second line, which
hold theirs (`Addresses`), as nothing may be opened at a lapse.
Must never: wait, call an address gone that a dump did not show to be gone, or take a list that changed meanwhile for a whole one.
"""

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from understudy.linux.netlink import ACK, attribute, attributes, dump, message, messages, open_socket, talk

NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19
NEWADDR, DELADDR, GETADDR = 20, 21, 22
_EXCL, _CREATE = 0x200, 0x400
_IFLA_ADDRESS, _IFLA_IFNAME = 1, 3
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_CACHEINFO = 1, 2, 4, 6
_IFA_F_NODAD = 0x02
_NEVER_PREFERRED = struct.pack("=IIII", 0, 0xFFFFFFFF, 0, 0)
"""Lifetimes, preferred and valid: it answers without end, but the kernel takes no other connection of this server from it."""
_IFF_UP, _IFF_LOOPBACK, _IFF_LOWER_UP = 0x1, 0x8, 0x10000
_LINK, _ADDR = struct.Struct("=BxHiII"), struct.Struct("=BBBBI")
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_GONE = (errno.EADDRNOTAVAIL, errno.ENODEV)


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface."""

    index: int
    name: str
    mac: bytes
    up: bool
    """Switched on, and with a carrier."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address on an interface."""

    index: int
    """The interface's number."""
    address: str
    prefix: int


@dataclass(frozen=True, slots=True)
class LinkChange:
    """One netlink event: a link or an address came, changed or went."""

    index: int
    gone: bool
    link: str | None = None
    """The link's name, if it is about a link."""
    address: str | None = None
    up: bool = False
    """Of a link: switched on, and with a carrier."""


class Addresses:
    """This network namespace's addresses, over a socket that is held."""

    def __init__(self) -> None:
        self._wire = open_socket(socket.NETLINK_ROUTE)

    def close(self) -> None:
        """Let go of the socket."""
        self._wire.close()

    def present(self, among: Collection[str]) -> list[Address]:
        """Where these are now. OSError: the kernel was not understood."""
        return [found for found in _addresses(self._wire) if found.address in among]

    def remove(self, which: Collection[str]) -> list[str]:
        """Take these away, on whatever interface and under whatever prefix length they are; what cannot be read or is still there
        afterwards, as sentences."""
        if not which:
            return []
        try:
            for found in self.present(which):
                try:
                    _delete(self._wire, found)
                except PermissionError:
                    pass  # the second dump says that it is still there
            return [f"{found.address} cannot be removed from interface {_name(found.index)}" for found in self.present(which)]
        except OSError as error:
            return [f"the addresses of this server cannot be read: {error.strerror}"]


def links() -> dict[str, Link]:
    """All interfaces, by name. OSError."""
    with open_socket(socket.NETLINK_ROUTE) as wire:
        found = [_link(body) for kind, body in dump(wire, message(GETLINK, 0, _LINK.pack(0, 0, 0, 0, 0))) if kind == NEWLINK]
    return {link.name: link for link in found}


def up_links(wire: socket.socket) -> list[int]:
    """The numbers of the interfaces that are switched on, without the loopback, in the network namespace of this socket. OSError."""
    found = (_LINK.unpack_from(body) for kind, body in dump(wire, message(GETLINK, 0, _LINK.pack(0, 0, 0, 0, 0))) if kind == NEWLINK)
    return [index for _, _, index, flags, _ in found if flags & _IFF_UP and not flags & _IFF_LOOPBACK]


def set_down(wire: socket.socket, links_up: Collection[int]) -> None:
    """Switch all of these off in the network namespace of this socket; no harm if one is gone. OSError: the first refusal, at the end."""
    refusal: OSError | None = None
    for index in links_up:
        try:
            talk(wire, [message(SETLINK, ACK, _LINK.pack(0, 0, index, 0, _IFF_UP))])
        except OSError as error:
            refusal = refusal or (error if error.errno != errno.ENODEV else None)
    if refusal is not None:
        raise refusal


def addresses() -> list[Address]:
    """All addresses of this server. OSError."""
    with open_socket(socket.NETLINK_ROUTE) as wire:
        return list(_addresses(wire))


def present(address: str) -> list[Address]:
    """Where this address is now. OSError."""
    return [found for found in addresses() if found.address == address]


def add(link: Link, address: str, prefix: int) -> None:
    """Add an address; no harm if it is there. IPv6 without the kernel's own duplicate detection (it takes a second, and we probed), and
    not as the source of what this server itself connects to: that would break when the address moves, and IPv6 knows no secondaries.
    OSError."""
    family, packed = _packed(address)
    body = _ADDR.pack(family, prefix, _IFA_F_NODAD if family == socket.AF_INET6 else 0, 0, link.index)
    body += attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)
    if family == socket.AF_INET6:
        body += attribute(_IFA_CACHEINFO, _NEVER_PREFERRED)
    elif prefix < 31:
        broadcast = int.from_bytes(packed, "big") | (1 << (32 - prefix)) - 1
        body += attribute(_IFA_BROADCAST, broadcast.to_bytes(4, "big"))
    with open_socket(socket.NETLINK_ROUTE) as wire:
        try:
            talk(wire, [message(NEWADDR, ACK | _CREATE | _EXCL, body)])
        except FileExistsError:
            pass


def remove(found: Address) -> None:
    """Remove an address; no harm if it is not there. OSError."""
    with open_socket(socket.NETLINK_ROUTE) as wire:
        _delete(wire, found)


def changes(packet: bytes) -> list[LinkChange]:
    """The links and addresses that this packet of events is about."""
    found = []
    for kind, _, body in messages(packet):
        if kind in (NEWLINK, DELLINK):
            link = _link(body)
            found.append(LinkChange(link.index, kind == DELLINK, link=link.name, up=link.up and kind == NEWLINK))
        elif kind in (NEWADDR, DELADDR):
            address = _address(body)
            if address is not None:
                found.append(LinkChange(address.index, kind == DELADDR, address=address.address))
    return found


def _addresses(wire: socket.socket) -> Iterator[Address]:
    for kind, body in dump(wire, message(GETADDR, 0, _ADDR.pack(0, 0, 0, 0, 0))):
        if kind == NEWADDR and (found := _address(body)) is not None:
            yield found


def _delete(wire: socket.socket, found: Address) -> None:
    """By its own address alone: on a point-to-point link the kernel knows the other end's as well, and would compare that."""
    family, packed = _packed(found.address)
    head = _ADDR.pack(family, found.prefix, 0, 0, found.index)
    try:
        talk(wire, [message(DELADDR, ACK, head + attribute(_IFA_LOCAL, packed))])
    except OSError as error:
        if error.errno not in _GONE:
            raise


def _link(body: bytes) -> Link:
    _, _, index, flags, _ = _LINK.unpack_from(body)
    found = attributes(body, _LINK.size)
    name = found.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="surrogateescape")  # the kernel takes any bytes
    return Link(index, name, found.get(_IFLA_ADDRESS, b""), bool(flags & _IFF_UP) and bool(flags & _IFF_LOWER_UP))


def _address(body: bytes) -> Address | None:
    family, prefix, _, _, index = _ADDR.unpack_from(body)
    found = attributes(body, _ADDR.size)
    # on a point-to-point link IFA_ADDRESS is the other end: IFA_LOCAL, where given, is always ours
    raw = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS)
    return Address(index, socket.inet_ntop(family, raw), prefix) if raw is not None and family in _FAMILIES else None


def _packed(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


def _name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return os.strerror(errno.ENODEV)
