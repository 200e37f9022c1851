"""Just enough netlink: pack attributes, send, see the kernel's answer.

Called by: `linux/interfaces.py`, the guard's gate. Must never: wait. The kernel answers a netlink request before `send`
returns, so every answer is already there.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence

NESTED = 0x8000
REQUEST, ACK = 0x1, 0x4
_DUMP, _INTERRUPTED = 0x300, 0x10

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_MESSAGE_ERROR, _MESSAGE_DONE = 2, 3
_LONGEST_ANSWER = 32768
"""What is longer is divided by the kernel; and so much memory a process need not ask the system for, each time."""
_TRIES = 5
"""A dump that the kernel calls inconsistent, because something changed meanwhile, is made again."""


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


def with_flags(made: bytes, flags: int) -> bytes:
    """The same message with these flags as well."""
    length, kind, had, sequence, port = _HEADER.unpack_from(made)
    return _HEADER.pack(length, kind, had | flags, sequence, port) + made[_HEADER.size :]


def ask(wire: socket.socket, question: bytes) -> list[bytes]:
    """Send what is not a list's request; all packets that the kernel answers with."""
    _drain(wire)
    wire.send(question)
    return list(_answers(wire))


def talk(wire: socket.socket, messages: Sequence[bytes]) -> None:
    """Send messages as one packet; OSError with the kernel's first refusal."""
    wire.send(b"".join(messages))
    refusal = 0
    for answer in _answers(wire):
        refusal = refusal or _first_error(answer)
    if refusal:
        raise OSError(refusal, os.strerror(refusal))


def _answers(wire: socket.socket) -> Iterator[bytes]:
    try:
        while True:
            yield wire.recv(_LONGEST_ANSWER)
    except BlockingIOError:
        return


def dump(wire: socket.socket, asked: bytes) -> list[tuple[int, bytes]]:
    """All that the kernel has to list for a request: kind and body of each message. OSError with the kernel's refusal.

    EAGAIN if it kept changing meanwhile: a half-read list must not pass for a whole one.
    """
    length, kind, flags, _, _ = _HEADER.unpack_from(asked)
    for sequence in range(1, _TRIES + 1):
        _drain(wire)
        wire.send(_HEADER.pack(length, kind, flags | _DUMP, sequence, 0) + asked[_HEADER.size :])
        found = _listed(wire)
        if found is not None:
            return found
    raise OSError(errno.EAGAIN, "the list kept changing")


def attributes(body: bytes, at: int) -> dict[int, bytes]:
    """The attributes of a message from an offset on."""
    found = {}
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = body[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def each(body: bytes) -> Iterator[bytes]:
    """The values of a list of attributes that are all of one kind."""
    at = 0
    while at + _ATTRIBUTE.size <= len(body):
        length, _ = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size:
            return
        yield body[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


def messages(packet: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, flags and body of each message of a packet."""
    at = 0
    while at + _HEADER.size <= len(packet):
        length, kind, flags, _, _ = _HEADER.unpack_from(packet, at)
        if length < _HEADER.size:
            return
        yield kind, flags, packet[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _listed(wire: socket.socket) -> list[tuple[int, bytes]] | None:
    """One whole dump; None if it is inconsistent. Each part is made ready by the kernel before the one before it was read."""
    found: list[tuple[int, bytes]] = []
    whole = True
    while True:
        for kind, flags, body in messages(wire.recv(_LONGEST_ANSWER)):
            whole = whole and not flags & _INTERRUPTED
            if kind == _MESSAGE_DONE:
                return found if whole else None
            if kind == _MESSAGE_ERROR:
                code = -_ERROR.unpack_from(body)[0]
                raise OSError(code, os.strerror(code))
            found.append((kind, body))


def _drain(wire: socket.socket) -> None:
    try:
        while wire.recv(1 << 16):
            pass
    except BlockingIOError:
        return


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
