"""A cluster's own certificate authority: who has a certificate of it belongs to the cluster, on either side of a connection.

Called by the lab, which makes one for each cluster, by `understudy cluster init`, and by the daemon of a server that lets others join.
Must never write a file: who calls says where a key may stand.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from understudy.errors import BadInput
from understudy.security.certificates import key_text, new_key, parse_certificate, parse_key, parse_request

AUTHORITY_LASTS = timedelta(days=3650)
CERTIFICATE_LASTS = timedelta(days=730)
CLOCKS_DIFFER = timedelta(days=1)
"""So long before it was made a certificate is valid: a server whose clock is behind must not refuse it."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key, as the text of PEM files."""

    certificate: str
    key: str = field(repr=False)


class Authority:
    """Signs for one cluster. Its key lives in this object, and where its caller has stored it."""

    def __init__(
        self, cluster: str, now: datetime | None = None, *, stored: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
    ) -> None:
        """`now`: UTC, from when everything is valid that this authority makes. `stored`: not a new one (see `load`)."""
        self._now = now or datetime.now(UTC)
        if stored is not None:
            self._certificate, self._key = stored
            self._name = self._certificate.subject
            return
        self._key = new_key()
        self._name = x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, cluster), x509.NameAttribute(NameOID.COMMON_NAME, "Understudy authority")]
        )
        self._certificate = (
            self._builder(self._name, self._key.public_key(), AUTHORITY_LASTS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @classmethod
    def load(cls, certificate: str, key: str, now: datetime | None = None) -> Self:
        """From what `certificate` and `key` of another said. BadInput: they are none, or do not belong together."""
        found, private = parse_certificate(certificate), parse_key(key)
        if found.public_key() != private.public_key():
            raise BadInput("the authority's key is not that of its certificate")
        return cls("", now, stored=(found, private))

    @property
    def certificate(self) -> str:
        """What everybody trusts, as the text of a PEM file."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key(self) -> str:
        """Its private key as the text of a PEM file: whoever has it can make himself a server of the cluster."""
        return key_text(self._key)

    def issue(self, name: str, addresses: Iterable[str]) -> Certificate:
        """For a server of this name at these addresses, as a server and as a client."""
        key = new_key()
        return Certificate(self._signed(key.public_key(), name, addresses), key_text(key))

    def issue_to_user(self, name: str, lasts: timedelta) -> Certificate:
        """For an administrator: as a client alone, so that nobody can be a server by it; it names no address, so that it is of use from
        anywhere."""
        key = new_key()
        return Certificate(self._signed(key.public_key(), name, None, lasts), key_text(key))

    def sign(self, request: str, name: str, addresses: Iterable[str]) -> str:
        """A certificate for the key of a signing request. Whatever else the request says is not looked at: name and addresses are what the
        caller knows to be right. BadInput: it is no request that is signed by its own key, on the curve of all our keys."""
        return self._signed(parse_request(request), name, addresses)

    def _signed(
        self, key: ec.EllipticCurvePublicKey, name: str, addresses: Iterable[str] | None, lasts: timedelta = CERTIFICATE_LASTS
    ) -> str:
        """`addresses`: of a server; None: it is for no server."""
        uses = (
            [ExtendedKeyUsageOID.CLIENT_AUTH] if addresses is None else [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        )
        builder = (
            self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, lasts)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        )
        if addresses is not None:
            names = [x509.DNSName(name), *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePublicKey, lasts: timedelta) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - CLOCKS_DIFFER)
            .not_valid_after(self._now + lasts)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
