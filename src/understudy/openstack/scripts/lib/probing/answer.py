"""What a probe answers, and the sockets it asks by: every wait ends at a deadline (time.monotonic)."""

import socket
import time

YES, NO, UNCLEAR, PARTIAL, SILENT = 0, 1, 3, 4, 124
"""Exit statuses."""
CONNECT_S = 3.0
MOST = 1 << 20
"""Bytes of any answer that are read."""


class ProbeAnswer(Exception):
    """The answer to the question: exit status, and what to print."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status, self.text = status, text


def connect(host: str, port: int, deadline: float) -> socket.socket:
    """A connection whose every wait ends at the deadline."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection = socket.create_connection((host, port), min(left, CONNECT_S))
    connection.settimeout(max(0.01, deadline - time.monotonic()))
    return connection


def receive(connection: socket.socket, size: int) -> bytes:
    """Exactly so many bytes. EOFError: the other side has closed."""
    found = b""
    while len(found) < size:
        part = connection.recv(min(65536, size - len(found)))
        if not part:
            raise EOFError
        found += part
    return found


def in_words(error: BaseException) -> str:
    """Why something did not answer."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, EOFError):
        return "it closed the connection"
    return getattr(error, "strerror", None) or str(error)
