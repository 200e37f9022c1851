"""Certificates, keys and signing requests as texts of PEM files: read, looked at, compared.

Owns what a text must hold to be one of ours (keys on the curve P-256 alone). Called by `authority.py` and by `setup/`. Must never read or
write a file, nor repeat a key in an error.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from understudy.errors import BadInput

LONGEST = 16 << 10
"""Characters of a text that is read at all: ours have about a thousand."""
_DAMAGED = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What comes of reading what is none: only the first of them is a ValueError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLook:
    """What a certificate says."""

    name: str
    """Whose it is; of an authority, its cluster's."""
    addresses: frozenset[str]
    ends: datetime
    """UTC."""
    lasts: timedelta
    """From its first moment to its last."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """A private key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_text(key: ec.EllipticCurvePrivateKey) -> str:
    """As the text of a PEM file, without a password."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def new_request(name: str) -> tuple[str, str]:
    """A new key, and the request for a certificate of it: both as texts."""
    key = key_text(new_key())
    return key, request_for(key, name)


def request_for(key: str, name: str) -> str:
    """The request for a certificate of a key that there is. BadInput."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    return builder.sign(parse_key(key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def parse_certificate(text: str) -> x509.Certificate:
    """BadInput: it is none."""
    try:
        found = x509.load_pem_x509_certificate(_bytes(text))
        _ = found.subject, found.issuer, found.not_valid_after_utc, found.public_key()  # read only when they are asked for
        return found
    except _DAMAGED:
        raise BadInput("this is no certificate in PEM form") from None


def parse_key(text: str) -> ec.EllipticCurvePrivateKey:
    """BadInput: it is no private key of ours."""
    try:
        key = serialization.load_pem_private_key(_bytes(text), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadInput("this is no private key in PEM form without a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadInput("this is no private key on the curve P-256")
    return key


def parse_request(text: str) -> ec.EllipticCurvePublicKey:
    """The key that a signing request is about, and that has signed it. BadInput."""
    try:
        request = x509.load_pem_x509_csr(_bytes(text))
        key, signed = request.public_key(), request.is_signature_valid
    except _DAMAGED:
        raise BadInput("this is no signing request in PEM form") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadInput("the signing request is not about a key on the curve P-256")
    if not signed:
        raise BadInput("the signing request is not signed by its own key")
    return key


def fingerprint(certificate: str) -> bytes:
    """SHA-256 of a certificate: by this a token names the authority. BadInput."""
    return hashlib.sha256(parse_certificate(certificate).public_bytes(serialization.Encoding.DER)).digest()


def look(text: str) -> CertificateLook:
    """What a certificate says. BadInput."""
    certificate = parse_certificate(text)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = frozenset(str(address) for address in names.get_values_for_type(x509.IPAddress))
    except (x509.ExtensionNotFound, *_DAMAGED):
        addresses = frozenset()
    subject = certificate.subject
    named = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME) or subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return CertificateLook(
        name=str(named[0].value) if named else "",
        addresses=addresses,
        ends=certificate.not_valid_after_utc.astimezone(UTC),
        lasts=certificate.not_valid_after_utc - certificate.not_valid_before_utc,
    )


def why_not_pair(certificate: str, key: str, authority: str) -> str:
    """Why these are no certificate of this authority and its key; empty: they are."""
    try:
        found, issuer, private = parse_certificate(certificate), parse_certificate(authority), parse_key(key)
        if found.public_key() != private.public_key():
            return "the key is not that of the certificate"
        found.verify_directly_issued_by(issuer)
    except BadInput as error:
        return str(error)
    except (ValueError, TypeError, InvalidSignature):
        return "the certificate is not of this authority"
    return ""


def _bytes(text: str) -> bytes:
    if len(text) > LONGEST:
        raise ValueError("longer than any of ours")
    return text.encode()
