"""Take an address away with one netlink message; standard library only, no subprocess.

Called by: `guard/kill.py`. Must never: take longer than a system call.
"""

import errno
import ipaddress
import socket
import struct

from understudy.guard.netlink import ACK, attribute, message, open_socket, talk

_DELETE_ADDRESS = 21
_LOCAL = 2
_GONE = {errno.EADDRNOTAVAIL, errno.ENODEV}


def remove_address(address: str, prefix: int, interface: str) -> bool:
    """True when the address is not there any more."""
    parsed = ipaddress.ip_address(address)
    try:
        index = socket.if_nametoindex(interface)
    except OSError:
        return True  # no interface, no address
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    head = struct.pack("=BBBBI", family, prefix, 0, 0, index)
    wire = open_socket(socket.NETLINK_ROUTE)
    try:
        talk(wire, [message(_DELETE_ADDRESS, ACK, head + attribute(_LOCAL, parsed.packed))])
    except OSError as error:
        return error.errno in _GONE
    finally:
        wire.close()
    return True
