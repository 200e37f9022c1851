"""Owns HTTP/1.1 on a unix socket: each request knows which user asks, as the kernel says.

Called by `api.py`. Uses uvicorn's protocol class on this loop's own socket server, without uvicorn's Server: it would install signal
handlers and wake ten times a second. Must never decide what a caller may do.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState


class PeerProtocol(H11Protocol):
    """Puts the caller's uid and gid where the application finds them (`request.state`)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn does, and read SO_PEERCRED."""
        peer: socket.socket = transport.get_extra_info("socket")
        _, uid, gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        self.app_state = {**self.app_state, "uid": uid, "gid": gid}
        super().connection_made(transport)


@contextlib.asynccontextmanager
async def listening(app: ASGIApp, path: str) -> AsyncIterator[None]:
    """Serve `app` on a unix socket that everybody may connect to; who may do what is the application's business."""
    config = Config(app, http=PeerProtocol, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    nothing: dict[str, Any] = {}
    server = await loop.create_unix_server(lambda: PeerProtocol(config, state, nothing, loop), path)
    os.chmod(path, 0o666)
    try:
        yield
    finally:
        server.close()
        tasks = list(state.tasks)
        for connection in list(state.connections):
            connection.shutdown()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
