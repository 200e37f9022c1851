"""A secret for one server alone, as text that others may see: sealed for the key of its certificate, which it never gave away.

ECDH on P-256 with a key of one use, HKDF-SHA256, AES-256-GCM. Called by `daemon/keystore.py` and `daemon/verbs/rotate.py`. Must never
repeat a secret in an error.
"""

import base64
import binascii
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from understudy.errors import BadInput
from understudy.linux.keys import key_id
from understudy.model.names import ServerName
from understudy.security.certificates import new_key, parse_key

_POINT, _NONCE, _KEY = 65, 12, 32
"""Bytes: of a public key on P-256, of a nonce, of the key between them."""
_LABEL = b"understudy: sealed for a server"


def seal_of(key: str) -> str:
    """For what others seal: the public half of a private key in PEM form, in base64. BadInput."""
    return base64.b64encode(_raw(parse_key(key).public_key())).decode()


def seal(public: str, secret: bytes, about: str) -> str:
    """The secret, for the holder of that key alone. `about`: what it is, which has to be the same when it is opened. BadInput."""
    once = new_key()
    sealed = _raw(once.public_key())
    nonce = os.urandom(_NONCE)
    shared = once.exchange(ec.ECDH(), _public(public))
    return base64.b64encode(sealed + nonce + AESGCM(_derived(shared, sealed)).encrypt(nonce, secret, about.encode())).decode()


def seal_for_each(key: bytes, seals: Mapping[ServerName, str]) -> dict[ServerName, str]:
    """A key of the guards, for each server that has said for what to seal. BadInput."""
    return {server: seal(public, key, key_id(key)) for server, public in seals.items() if public}


def unseal(key: str, sealed: str, about: str) -> bytes:
    """The secret. BadInput: it is sealed for another key, about something else, or none."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        point, nonce, text = raw[:_POINT], raw[_POINT : _POINT + _NONCE], raw[_POINT + _NONCE :]
        shared = parse_key(key).exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))
        return AESGCM(_derived(shared, point)).decrypt(nonce, text, about.encode())
    except (ValueError, InvalidTag):
        raise BadInput("it is not sealed for the key of this server's certificate") from None


def _derived(shared: bytes, point: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=_KEY, salt=None, info=_LABEL + point).derive(shared)


def _raw(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _public(text: str) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        raise BadInput("this is no public key of a server") from None
