"""How a registry connection is set up, the same at both ends.

Called by server and client. Must never be the only way by which a dead link is noticed: that is what pings are for.
"""

import asyncio
import socket

_KEEPALIVE_IDLE_S = 5
_KEEPALIVE_PROBES = 3


def tune(transport: asyncio.Transport, *, dead_after_s: float) -> None:
    """Send small messages at once, and let the kernel give up a peer that acknowledges nothing for so long."""
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(dead_after_s * 1000))
    # An idle peer whose cable was cut never answers a FIN: without these its session would never end.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, int(dead_after_s) // _KEEPALIVE_PROBES))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)
