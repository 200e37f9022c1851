"""A token: what an operator carries from a server of the cluster to one that is to join; pure.

Owns its form: a version, the addresses of the join listener, the SHA-256 of the authority's certificate, a secret of 128 bits, and a
checksum, in letters and digits that no font confuses. A mistyped one is noticed before anything is connected.
"""

import base64
import binascii
import hashlib
import ipaddress
import struct
from dataclasses import dataclass, field

from understudy.errors import BadInput
from understudy.model.messages import words

HEAD = "und1"
"""What every token of this form begins with."""
SECRET_BYTES, PIN_BYTES = 16, 32
_CHECK_BYTES = 5
MOST_ENDPOINTS = 4
LONGEST = 400
"""Characters of what is looked at: a token of four addresses of IPv6 has about 220."""
_PORT = struct.Struct("!H")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinToken:
    """What a token says."""

    endpoints: tuple[tuple[str, int], ...]
    """Address and port of the join listener, in the order in which they are tried."""
    pin: bytes
    """SHA-256 of the certificate of the cluster's authority."""
    secret: bytes = field(repr=False)


def token_text(token: JoinToken) -> str:
    """On one line, to be copied or typed."""
    assert 1 <= len(token.endpoints) <= MOST_ENDPOINTS
    assert (len(token.pin), len(token.secret)) == (PIN_BYTES, SECRET_BYTES)
    parts = [bytes([len(token.endpoints)])]
    for address, port in token.endpoints:
        packed = ipaddress.ip_address(address).packed
        parts += [bytes([len(packed)]), packed, _PORT.pack(port)]
    body = b"".join([*parts, token.pin, token.secret])
    return HEAD + base64.b32encode(body + _checksum(body)).decode().rstrip("=").lower()


def parse_token(text: str) -> JoinToken:
    """BadInput: it was mistyped, cut off, or is none."""
    written = "".join(text.split()).lower()
    if not written.startswith(HEAD):
        raise _no_token(f"it begins with {HEAD}, and this does not")
    if len(written) > LONGEST:
        raise _no_token("it is longer than any")
    letters = written.removeprefix(HEAD)
    try:
        raw = base64.b32decode(letters.upper() + "=" * (-len(letters) % 8))
    except (binascii.Error, ValueError):
        raise _no_token("it has letters or digits that a token never has (it has a to z and 2 to 7), or was cut off") from None
    body, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
    if len(raw) <= _CHECK_BYTES or _checksum(body) != check:
        raise _no_token("it was mistyped, or is not whole: copy it again")
    return _parsed(body)


def _parsed(body: bytes) -> JoinToken:
    """What has a right checksum was made by some version of ours."""
    try:
        count, at, endpoints = body[0], 1, []
        for _ in range(count):
            length = body[at]
            address = ipaddress.ip_address(body[at + 1 : at + 1 + length])
            (port,) = _PORT.unpack_from(body, at + 1 + length)
            endpoints.append((str(address), port))
            at += 1 + length + _PORT.size
    except (IndexError, ValueError, struct.error):
        raise _no_token("it is of another version of Understudy") from None
    rest = body[at:]
    if not 1 <= count <= MOST_ENDPOINTS or len(rest) != PIN_BYTES + SECRET_BYTES:
        raise _no_token("it is of another version of Understudy")
    return JoinToken(endpoints=tuple(endpoints), pin=rest[:PIN_BYTES], secret=rest[PIN_BYTES:])


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(HEAD.encode() + body).digest()[:_CHECK_BYTES]


def _no_token(why: str) -> BadInput:
    return BadInput(words(20271, why), code=20271)
