"""Talking to the neighbours on a network about an address: does anybody have it, and: I have it now.

Owns the frames (ARP for IPv4, neighbour discovery for IPv6), made by hand and sent raw: a process per announcement (`arping`) takes 33 ms
to its first frame. The address agent calls it; the daemon too, to refuse a virtual address that is in use. Changes nothing on this server.
"""

import asyncio
import contextlib
import functools
import ipaddress
import socket
import struct
from collections.abc import Iterator

from understudy.linux.interfaces import Link

PROBE_GAPS_S = (0.015, 0.015)
"""Two probes, and the wait after each: 30 ms in all."""
ANNOUNCE_AT_S = (0.0, 0.1, 0.3, 0.7, 1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0, 192.0, 300.0)
"""An address is announced so long after it came, or after a link came up: a switch may take its time before it forwards anything."""
ASK_AGAIN_S = 2.0
"""While a stranger has the address: he is asked again this often."""
_ARP, _IP6 = 0x0806, 0x86DD
_BROADCAST, _NOBODY = b"\xff" * 6, b"\0" * 6
_ARP_REQUEST, _ARP_REPLY = 1, 2
_NEIGHBOUR_SOLICITATION, _NEIGHBOUR_ADVERTISEMENT = 135, 136
_OVERRIDE = 0x20000000
_ICMP6 = 58
_FRAME = 2048

IPv4 = ipaddress.IPv4Address
IPv6 = ipaddress.IPv6Address


async def owner_of(address: str, link: Link) -> str | None:
    """The MAC of another machine on this link that has the address, or None if nobody says so within 30 ms. OSError: cannot ask."""
    wanted = ipaddress.ip_address(address)
    loop = asyncio.get_running_loop()
    protocol = _ARP if wanted.version == 4 else _IP6
    listening = _raw_socket()
    try:
        # only now with a protocol: a socket made with one would first listen everywhere, and the kernel takes 20 ms to stop that
        listening.bind((link.name, protocol))
        for gap_s in PROBE_GAPS_S:
            listening.send(probe(wanted, link.mac))
            end = loop.time() + gap_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end):
                    while True:
                        owner = claimed_by(await loop.sock_recv(listening, _FRAME), wanted)
                        if owner and owner != link.mac:
                            return owner.hex(":")
    finally:
        loop.run_in_executor(None, listening.close)  # in a thread: the kernel waits for all its processors, 10 to 30 ms
    return None


def announce(address: str, link: Link) -> None:
    """Tell all neighbours that the address is here. OSError: the link is down or gone."""
    own = ipaddress.ip_address(address)
    protocol = _ARP if own.version == 4 else _IP6
    for frame in announcements(own, link.mac):
        _sending_socket().sendto(frame, (link.name, protocol))


def probe(wanted: IPv4 | IPv6, mac: bytes) -> bytes:
    """The frame that asks who has an address, without claiming it (sender 0.0.0.0 or ::, so that no cache is changed)."""
    if isinstance(wanted, IPv4):
        return _arp(_ARP_REQUEST, mac, bytes(4), _NOBODY, wanted.packed)
    group = ipaddress.IPv6Address(b"\xff\x02" + bytes(9) + b"\x01\xff" + wanted.packed[13:])
    body = struct.pack("!BBHI", _NEIGHBOUR_SOLICITATION, 0, 0, 0) + wanted.packed
    return _ipv6(mac, bytes(16), group.packed, body)


def announcements(own: IPv4 | IPv6, mac: bytes) -> Iterator[bytes]:
    """The frames that say where an address is: gratuitous ARP, as request and as reply (neighbours heed the one or the other), or an
    advertisement."""
    if isinstance(own, IPv4):
        yield _arp(_ARP_REQUEST, mac, own.packed, _NOBODY, own.packed)
        yield _arp(_ARP_REPLY, mac, own.packed, _BROADCAST, own.packed)
        return
    option = b"\x02\x01" + mac
    body = struct.pack("!BBHI", _NEIGHBOUR_ADVERTISEMENT, 0, 0, _OVERRIDE) + own.packed + option
    yield _ipv6(mac, own.packed, ipaddress.IPv6Address("ff02::1").packed, body)


def claimed_by(frame: bytes, wanted: IPv4 | IPv6) -> bytes | None:
    """The MAC that says in this frame that it has the address."""
    if isinstance(wanted, IPv4):
        if len(frame) >= 42 and frame[12:14] == b"\x08\x06" and frame[28:32] == wanted.packed:
            return frame[22:28]
        return None
    icmp = frame[54:]
    if len(icmp) < 24 or frame[12:14] != b"\x86\xdd" or frame[20] != _ICMP6 or icmp[0] != _NEIGHBOUR_ADVERTISEMENT:
        return None
    return frame[6:12] if icmp[8:24] == wanted.packed else None


@functools.cache
def _sending_socket() -> socket.socket:
    """One for all announcements, never closed: closing one takes the kernel 10 to 30 ms."""
    return _raw_socket()


def _raw_socket() -> socket.socket:
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)


def _arp(operation: int, mac: bytes, sender: bytes, target_mac: bytes, target: bytes) -> bytes:
    ethernet = _BROADCAST + mac + struct.pack("!H", _ARP)
    return ethernet + struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + mac + sender + target_mac + target


def _ipv6(mac: bytes, source: bytes, target: bytes, icmp: bytes) -> bytes:
    pseudo = source + target + struct.pack("!II", len(icmp), _ICMP6)
    checked = icmp[:2] + struct.pack("!H", _checksum(pseudo + icmp)) + icmp[4:]
    multicast_mac = b"\x33\x33" + target[12:]
    header = struct.pack("!IHBB", 0x60000000, len(icmp), _ICMP6, 255) + source + target
    return multicast_mac + mac + struct.pack("!H", _IP6) + header + checked


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
