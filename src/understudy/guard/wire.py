"""Messages between guards as bytes, under an HMAC; pure.

Called by: `guard/process.py`. Must never: let a message through whose every field, cluster and direction included, is not
covered by the key: a packet of another cluster, another voter set's number or another direction must not become a grant.
"""

import hashlib
import hmac
import struct

from understudy.guard.core.messages import (
    Body,
    Envelope,
    Farewell,
    Grant,
    Heard,
    Lost,
    Pulse,
    Query,
    Reading,
    Renew,
    Silent,
)

MAGIC = b"US1"
MAC_LENGTH = 32
LONGEST = 1200
"""Fits any network's packet."""

_HEAD = struct.Struct("!3sBI16s")
_STAMPED = struct.Struct("!qqq")
_NONCE = struct.Struct("!Q")
_PULSE = struct.Struct("!?I")
_LONGEST_MS = (1 << 32) - 1

_KINDS: dict[type[Body], int] = {Renew: 1, Grant: 2, Lost: 3, Query: 4, Silent: 5, Heard: 6, Farewell: 7, Pulse: 8}


class BadMessage(ValueError):
    """Not a message of this cluster; dropped."""


def encode(envelope: Envelope, *, cluster: str, key: bytes) -> bytes:
    """The datagram of a message."""
    body = envelope.body
    text = b"".join(
        (
            _HEAD.pack(MAGIC, _KINDS[type(body)], envelope.voter_set, envelope.incarnation),
            _name(envelope.sender),
            _name(envelope.receiver),
            _pack(body),
        )
    )
    return text + _mac(text, cluster, key)


def decode(datagram: bytes, *, cluster: str, key: bytes) -> Envelope:
    """The message of a datagram; BadMessage if it is not one, or not under our key."""
    text, mac = datagram[:-MAC_LENGTH], datagram[-MAC_LENGTH:]
    if len(datagram) > LONGEST or not hmac.compare_digest(mac, _mac(text, cluster, key)):
        raise BadMessage("wrong key, cluster or length")
    try:
        magic, kind, voter_set, incarnation = _HEAD.unpack_from(text)
        if magic != MAGIC:
            raise BadMessage("another version")
        sender, at = _read_name(text, _HEAD.size)
        receiver, at = _read_name(text, at)
        return Envelope(voter_set, sender, incarnation, receiver, _unpack(kind, text[at:]))
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise BadMessage(f"malformed: {error}") from None


def _mac(text: bytes, cluster: str, key: bytes) -> bytes:
    return hmac.digest(key, hashlib.sha256(cluster.encode()).digest() + text, "sha256")


def _pack(body: Body) -> bytes:
    match body:
        case Renew(sequence, stamp):
            return _STAMPED.pack(sequence, *stamp)
        case Grant(incarnation, sequence, stamp):
            return incarnation + _STAMPED.pack(sequence, *stamp)
        case Lost(incarnation):
            return incarnation
        case Query(nonce, server, incarnation) | Silent(nonce, server, incarnation):
            return _NONCE.pack(nonce) + incarnation + _name(server)
        case Heard(nonce, incarnation):
            return _NONCE.pack(nonce) + incarnation
        case Farewell():
            return b""
        case Pulse(able, why, for_ms):
            return _PULSE.pack(able, min(for_ms, _LONGEST_MS)) + _name(why)


def _unpack(kind: int, text: bytes) -> Body:
    match kind:
        case 1:
            return Renew(*_stamped(text))
        case 2:
            return Grant(text[:16], *_stamped(text[16:]))
        case 3:
            return Lost(text[:16])
        case 4 | 5:
            server, _ = _read_name(text, 24)
            return (Query if kind == 4 else Silent)(_NONCE.unpack_from(text)[0], server, text[8:24])
        case 6:
            return Heard(_NONCE.unpack_from(text)[0], text[8:24])
        case 7:
            return Farewell()
        case 8:
            able, for_ms = _PULSE.unpack_from(text)
            return Pulse(able, _read_name(text, _PULSE.size)[0], for_ms)
    raise BadMessage(f"unknown kind {kind}")


def _stamped(text: bytes) -> tuple[int, Reading]:
    sequence, boot_ns, raw_ns = _STAMPED.unpack_from(text)
    return sequence, Reading(boot_ns, raw_ns)


def _name(name: str) -> bytes:
    raw = name.encode()
    return bytes((len(raw),)) + raw


def _read_name(text: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + text[at]
    if end > len(text):
        raise BadMessage("name cut short")
    return text[at + 1 : end].decode(), end
