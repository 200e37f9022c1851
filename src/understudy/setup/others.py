"""Which other servers belong to a cluster already: those whose join listener takes connections."""

import concurrent.futures
import socket

from understudy.model.settings import ServerSettings, Settings

REACHING_S = 1.0


def answering(settings: Settings) -> tuple[str, ...]:
    """Their names. Only voters listen, so of others nothing is known by this."""
    if not settings.join_port:
        return ()
    asked = [server for server in settings.servers if server.name != settings.server]
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, len(asked))) as together:
        found = list(together.map(lambda server: _answers(server, settings.join_port), asked))
    return tuple(server.name for server, there in zip(asked, found, strict=True) if there)


def _answers(server: ServerSettings, port: int) -> bool:
    return any(_connects(address, port) for address in server.addresses)


def _connects(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), REACHING_S):
            return True
    except OSError:
        return False
