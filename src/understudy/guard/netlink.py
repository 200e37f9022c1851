"""Just enough netlink for the guard: pack attributes, send, see the kernel's answer; standard library only.

Called by: `guard/gate.py`, `guard/addresses.py`. Must never: wait. The kernel answers a netlink request before `send`
returns, so every answer is already there.
"""

import errno
import os
import socket
import struct
from collections.abc import Sequence

NESTED = 0x8000
REQUEST, ACK = 0x1, 0x4

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_MESSAGE_ERROR = 2


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    return _ATTRIBUTE.pack(len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute made of attributes."""
    return attribute(kind | NESTED, b"".join(parts))


def text(kind: int, value: str) -> bytes:
    """A string attribute."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """A 32-bit attribute in network order."""
    return attribute(kind, struct.pack("!I", value & 0xFFFFFFFF))


def message(kind: int, flags: int, payload: bytes, sequence: int = 0) -> bytes:
    """One netlink message."""
    return _HEADER.pack(_HEADER.size + len(payload), kind, flags | REQUEST, sequence, 0) + payload


def open_socket(family: int) -> socket.socket:
    """A netlink socket that never blocks."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, family)


def talk(wire: socket.socket, messages: Sequence[bytes]) -> None:
    """Send messages as one packet; OSError with the kernel's first refusal."""
    wire.send(b"".join(messages))
    refusal = 0
    while True:
        try:
            answer = wire.recv(65536)
        except BlockingIOError:
            break
        refusal = refusal or _first_error(answer)
    if refusal:
        raise OSError(refusal, os.strerror(refusal))


def _first_error(answer: bytes) -> int:
    at = 0
    while at + _HEADER.size <= len(answer):
        length, kind, _, _, _ = _HEADER.unpack_from(answer, at)
        if kind == _MESSAGE_ERROR:
            code: int = -_ERROR.unpack_from(answer, at + _HEADER.size)[0]
            if code:
                return code
        if length < _HEADER.size:
            return errno.EBADMSG
        at += (length + 3) & ~3
    return 0
