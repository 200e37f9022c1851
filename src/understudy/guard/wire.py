"""Messages between guards as bytes, under an HMAC; pure.

Called by: `guard/process.py`. Must never: let a message through whose every field, common settings and direction included, is not
covered by the key: a packet of another cluster, of a guard with other settings or of another direction must not become a grant. What
differs is read all the same, so that it can be said.
"""

import hashlib
import hmac
import struct
from functools import lru_cache

from understudy.guard.core.common import CommonSettings
from understudy.guard.core.messages import (
    Body,
    BootNumber,
    Census,
    CensusAnswer,
    Differs,
    Envelope,
    FarewellMessage,
    Grant,
    GrantedLife,
    Lost,
    NotSilent,
    Pulse,
    Query,
    Renew,
    Silent,
)
from understudy.linux.reading import Reading
from understudy.model.position import Position

MAGIC = b"US2"
"""Messages in another format are ignored: all servers are upgraded together."""
MAC_LENGTH = 32
LONGEST = 1200
"""Fits any network's packet."""

_HEAD = struct.Struct("!3sB16sH")
_LENGTH = struct.Struct("!H")
_HEADS_KNOWN = 256
"""Of so many pairs of servers and kinds of message all but the body is known by sight: of 16 servers a voter has some 90."""
_BLOCK = 64
"""Of SHA-256."""
_COMMON = struct.Struct("!IIIIB")
_STAMPED = struct.Struct("!qqqQ")
_NONCE = struct.Struct("!Q")
_PULSE = struct.Struct("!?I")
_LONGEST_MS = (1 << 32) - 1
_NUMBERED = struct.Struct("!qQ")
_SAID = struct.Struct("!QQ")
_POSITION = struct.Struct("!IQQ")
_LIFE = struct.Struct("!16sIQQ")
_KNOWN = struct.Struct("!QIBBB")

_KINDS: dict[type[Body], int] = {
    Renew: 1, Grant: 2, Lost: 3, Query: 4, Silent: 5, NotSilent: 6, FarewellMessage: 7,
    Pulse: 8, Census: 9, CensusAnswer: 10, Differs: 11, BootNumber: 12,
}  # fmt: skip


class BadMessage(ValueError):
    """Not a message of this cluster; dropped."""


def encode(envelope: Envelope, *, key: bytes) -> bytes:
    """The datagram of a message."""
    common, sender, incarnation, receiver, body = envelope
    text = _pack_head(_KINDS[type(body)], common, sender, incarnation, receiver) + _pack(body)
    return text + _code(key, text)


def decode(datagram: bytes, *, key: bytes) -> Envelope:
    """The message of a datagram; BadMessage if it is not one, or not under our key."""
    text, mac = datagram[:-MAC_LENGTH], datagram[-MAC_LENGTH:]
    if len(datagram) > LONGEST or not hmac.compare_digest(mac, _code(key, text)):
        raise BadMessage("wrong key or length")
    try:
        at = _after_head(text)
        kind, common, sender, incarnation, receiver = _unpack_head(text[:at])
        return Envelope(common, sender, incarnation, receiver, _unpack(kind, text[at:]))
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise BadMessage(f"malformed: {error}") from None


def _code(key: bytes, text: bytes) -> bytes:
    """HMAC with SHA-256 (RFC 2104). Half of it is of the key alone, and is worked out once for each key."""
    inner, outer = _of_key(key)
    inside, outside = inner.copy(), outer.copy()
    inside.update(text)
    outside.update(inside.digest())
    return outside.digest()


@lru_cache(maxsize=8)
def _of_key(key: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    block = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    return inner, outer


@lru_cache(maxsize=_HEADS_KNOWN)
def _pack_head(kind: int, common: CommonSettings, sender: str, incarnation: bytes, receiver: str) -> bytes:
    """All but the body: the same in every message of its kind from one server to another."""
    raw = pack_common(common)
    return b"".join((_HEAD.pack(MAGIC, kind, incarnation, len(raw)), raw, _name(sender), _name(receiver)))


def _after_head(text: bytes) -> int:
    """Where the body begins, if all before it is what it says."""
    at: int = _HEAD.size + _LENGTH.unpack_from(text, _HEAD.size - _LENGTH.size)[0]
    at += 1 + text[at]
    return at + 1 + text[at]


@lru_cache(maxsize=_HEADS_KNOWN)
def _unpack_head(head: bytes) -> tuple[int, CommonSettings, str, bytes, str]:
    """The other way round: kind, common settings, sender, its incarnation, receiver. Of what was under the key alone."""
    magic, kind, incarnation, length = _HEAD.unpack_from(head)
    if magic != MAGIC:
        raise BadMessage("another version")
    at = _HEAD.size + length
    common = unpack_common(head[_HEAD.size : at])
    sender, at = _read_name(head, at)
    receiver, at = _read_name(head, at)
    return kind, common, sender, incarnation, receiver


@lru_cache(maxsize=16)
def pack_common(common: CommonSettings) -> bytes:
    """The common settings as every message carries them."""
    _, voters, voter_set, pause_tolerance_ms, lease_us, silent_after_us, old_voters = common
    numbers = _COMMON.pack(voter_set, pause_tolerance_ms, lease_us, silent_after_us, len(voters))
    # while the voters change, the old ones follow: a guard that knows of no change passes over them
    old = (bytes((len(old_voters),)), *map(_name, old_voters)) if old_voters else ()
    return b"".join((numbers, _name(common.cluster), *map(_name, voters), *old))


@lru_cache(maxsize=16)
def unpack_common(text: bytes) -> CommonSettings:
    """The other way round; of equal ones the same value, so that comparing them is quick."""
    voter_set, pause_tolerance_ms, lease_us, silent_after_us, count = _COMMON.unpack_from(text)
    names, at = [], _COMMON.size
    for _ in range(count + 1):
        name, at = _read_name(text, at)
        names.append(name)
    old: list[str] = []
    for _ in range(text[at] if at < len(text) else 0):
        name, at = _read_name(text, at + (not old))
        old.append(name)
    return CommonSettings(names[0], tuple(names[1:]), voter_set, pause_tolerance_ms, lease_us, silent_after_us, tuple(old))


def _pack(body: Body) -> bytes:
    match body:
        case Renew(sequence, stamp, echo, position):
            return _STAMPED.pack(sequence, *stamp, echo) + _POSITION.pack(*position)
        case Grant(incarnation, sequence, stamp, boot):
            return incarnation + _STAMPED.pack(sequence, *stamp, boot)
        case BootNumber(incarnation, sequence, boot):
            return incarnation + _NUMBERED.pack(sequence, boot)
        case Lost(incarnation):
            return incarnation
        case Query(nonce, server, incarnation):
            return _NONCE.pack(nonce) + incarnation + _name(server)
        case Silent(nonce, server, incarnation, boot):
            return _SAID.pack(nonce, boot) + incarnation + _name(server)
        case NotSilent(nonce, incarnation, boot):
            return _SAID.pack(nonce, boot) + incarnation
        case Census(nonce):
            return _NONCE.pack(nonce)
        case CensusAnswer(nonce, answer, part, parts, granted):
            each = (_LIFE.pack(life.incarnation, *life.position) + _name(life.server) for life in granted)
            return _KNOWN.pack(nonce, answer, part, parts, len(granted)) + b"".join(each)
        case FarewellMessage() | Differs():
            return b""
        case Pulse(able, why, for_ms):
            return _PULSE.pack(able, min(for_ms, _LONGEST_MS)) + _name(why)


def _unpack(kind: int, text: bytes) -> Body:
    match kind:
        case 1:
            return Renew(*_stamped(text), Position(*_POSITION.unpack_from(text, _STAMPED.size)))
        case 2:
            return Grant(text[:16], *_stamped(text[16:]))
        case 3:
            return Lost(text[:16])
        case 4:
            return Query(_NONCE.unpack_from(text)[0], _read_name(text, 24)[0], text[8:24])
        case 5:
            nonce, boot = _SAID.unpack_from(text)
            return Silent(nonce, _read_name(text, 32)[0], text[16:32], boot)
        case 6:
            nonce, boot = _SAID.unpack_from(text)
            return NotSilent(nonce, text[16:32], boot)
        case 7:
            return FarewellMessage()
        case 8:
            able, for_ms = _PULSE.unpack_from(text)
            return Pulse(able, _read_name(text, _PULSE.size)[0], for_ms)
        case 9:
            return Census(_NONCE.unpack_from(text)[0])
        case 10:
            return _known(text)
        case 11:
            return Differs()
        case 12:
            return BootNumber(text[:16], *_NUMBERED.unpack_from(text, 16))
    raise BadMessage(f"unknown kind {kind}")


def _known(text: bytes) -> CensusAnswer:
    nonce, answer, part, parts, count = _KNOWN.unpack_from(text)
    granted, at = [], _KNOWN.size
    for _ in range(count):
        incarnation, *position = _LIFE.unpack_from(text, at)
        server, at = _read_name(text, at + _LIFE.size)
        granted.append(GrantedLife(server, incarnation, Position(*position)))
    return CensusAnswer(nonce, answer, part, parts, tuple(granted))


def _stamped(text: bytes) -> tuple[int, Reading, int]:
    sequence, boot_ns, raw_ns, number = _STAMPED.unpack_from(text)
    return sequence, Reading(boot_ns, raw_ns), number


def _name(name: str) -> bytes:
    raw = name.encode()
    return bytes((len(raw),)) + raw


def _read_name(text: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + text[at]
    if end > len(text):
        raise BadMessage("name cut short")
    return text[at + 1 : end].decode(), end
