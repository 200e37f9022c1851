"""The cluster's authority: it is kept and loaded, and signs for a key that it never sees."""

import base64
import textwrap
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import BadInput
from understudy.security.authority import CERTIFICATE_LASTS, Authority
from understudy.security.certificates import fingerprint, look, new_request, parse_certificate, parse_key, parse_request, why_not_pair

OURS = Authority("prod")


def test_a_kept_authority_signs_as_before() -> None:
    loaded = Authority.load(OURS.certificate, OURS.key)
    issued = loaded.issue("ctr1", ["10.10.20.1"])

    assert loaded.certificate == OURS.certificate
    assert why_not_pair(issued.certificate, issued.key, OURS.certificate) == ""


def test_a_request_gets_the_name_and_addresses_that_the_authority_knows() -> None:
    """Whatever it says of itself."""
    key, request = new_request("root-of-everything")
    now = datetime.now(UTC).replace(microsecond=0)
    certificate = Authority.load(OURS.certificate, OURS.key, now).sign(request, "ctr2", ["10.10.20.2", "fd00::2"])
    said = look(certificate)

    assert (said.name, said.addresses) == ("ctr2", frozenset({"10.10.20.2", "fd00::2"}))
    assert said.ends == now + CERTIFICATE_LASTS
    assert why_not_pair(certificate, key, OURS.certificate) == ""


def test_a_key_of_another_certificate_is_refused() -> None:
    other = Authority("prod")
    with pytest.raises(BadInput, match="not that of its certificate"):
        Authority.load(OURS.certificate, other.key)
    assert fingerprint(OURS.certificate) != fingerprint(other.certificate)
    issued = other.issue("ctr1", ["10.10.20.1"])
    assert why_not_pair(issued.certificate, issued.key, OURS.certificate) == "the certificate is not of this authority"
    assert why_not_pair(issued.certificate, OURS.key, other.certificate) == "the key is not that of the certificate"


def test_a_request_with_another_kind_of_key_is_refused() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ctr1")]))
    request = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(BadInput, match="not about a key on the curve P-256"):
        OURS.sign(request, "ctr1", ["10.10.20.1"])


def test_a_request_that_another_key_has_signed_is_refused() -> None:
    """A bit of it is turned: nobody gets a certificate for a key that he does not have."""
    _, request = new_request("ctr1")
    lines = request.splitlines()
    middle = lines[len(lines) // 2]
    turned = request.replace(middle, middle[:-1] + ("A" if middle[-1] != "A" else "B"))
    with pytest.raises(BadInput):
        OURS.sign(turned, "ctr1", ["10.10.20.1"])


@given(st.text(max_size=200) | st.sampled_from([OURS.certificate, OURS.key, new_request("x")[1]]).map(lambda text: text[:-40]))
def test_whatever_is_no_pem_file_is_refused_in_a_sentence(text: str) -> None:
    """And never repeated."""
    for parse in (parse_certificate, parse_key, parse_request):
        with pytest.raises(BadInput, match="this is no"):
            parse(text)


def test_no_key_is_shown() -> None:
    """Where an object is printed, in a traceback for one."""
    issued = OURS.issue("ctr1", ["10.10.20.1"])
    assert "PRIVATE" not in repr(issued)
    assert "PRIVATE" not in repr(OURS)


@pytest.mark.parametrize(
    ("before", "after", "none"),
    [
        (b"\x0c\x04ctr1", b"\x0d\x04ctr1", True),  # its subject is of no kind of text that there is
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x6a", True),  # its version is none
        (b"\x06\x03\x55\x1d\x23", b"\x06\x03\x55\x1d\x0e", False),  # it has one extension twice
    ],
)
def test_a_certificate_that_is_damaged_is_none_or_names_no_address(before: bytes, after: bytes, none: bool) -> None:
    """It is read only when it is asked for what it says; that is asked at once."""
    text = Authority("prod").issue("ctr1", ["10.0.0.1"]).certificate
    der = base64.b64decode("".join(text.splitlines()[1:-1])).replace(before, after)
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    damaged = "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
    if none:
        with pytest.raises(BadInput, match="no certificate"):
            look(damaged)
    else:
        assert look(damaged).addresses == frozenset()
