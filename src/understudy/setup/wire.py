"""What is said over a join connection: one request, one answer, each a JSON object; pure.

`POST /v1/join` in three forms, each with what the one before has not: empty (who are you?), with the token's secret (what would I be?),
with name and signing request (let me in). Called by `ask.py`, `judge.py` and `daemon/enrol.py`. Must never repeat a secret in an error.
"""

import re
from typing import TypeVar

import msgspec

from understudy.errors import BadInput
from understudy.model.tables import NAME

PATH = "/v1/join"
RENEWAL_PATH = "/v1/renew"
"""For who has a certificate already, and proves itself by it: another one, which lasts longer."""
VOTER_PATH = "/v1/voter"
"""Where a server of the cluster that becomes a voter gets the authority's key, against its certificate."""
NEW, KNOWN, NO_MEMBER = "new", "known", "none"
"""Of the joining server's member of etcd: it begins with the others; it has run before; it has none, or its daemon sets it up."""
LARGEST_REQUEST = 16 << 10
LARGEST_ANSWER = 512 << 10
"""Bytes: the settings of 64 servers, and the keys."""
_LONGEST_CSR = 8 << 10
_SECRET = re.compile(r"[0-9a-f]{32}")
T = TypeVar("T", bound=msgspec.Struct)


class JoinRequest(msgspec.Struct, frozen=True):
    """What the joining server says."""

    secret: str = ""
    """The token's, in hexadecimal digits."""
    server: str = ""
    """Which of the servers it is."""
    csr: str = ""
    """The request for its certificate, as the text of a PEM file."""
    has_member: bool | None = None
    """Whether the data of its member of etcd is on its disk; None: a version that does not say."""

    def __repr__(self) -> str:
        return f"JoinRequest(server={self.server!r})"


class RenewalRequest(msgspec.Struct, frozen=True):
    """What a server says that shows its certificate."""

    csr: str
    """The request for its next one, as the text of a PEM file."""


class JoinAnswer(msgspec.Struct, frozen=True):
    """What it is answered; empty: not asked for."""

    authority: str
    """The certificate of the cluster's authority."""
    settings: str = ""
    """understudy.toml of the server that answers."""
    certificate: str = ""
    """The joining server's own."""
    guard_key: str = ""
    authority_key: str = ""
    """For voters, which let others join in their turn."""
    etcd: str = NEW
    """What is known of its member of etcd, if it votes."""

    def __repr__(self) -> str:
        return "JoinAnswer()"


class JoinRefusal(msgspec.Struct, frozen=True):
    """In place of an answer."""

    error: str
    code: int = 0
    """Of the message, if it has a number."""


def request_bytes(request: JoinRequest | RenewalRequest) -> bytes:
    """As it is sent."""
    return msgspec.json.encode(request)


def answer_bytes(answer: JoinAnswer | JoinRefusal) -> bytes:
    """As it is sent."""
    return msgspec.json.encode(answer)


def parse_request(raw: bytes) -> JoinRequest:
    """BadInput: it is none."""
    if len(raw) > LARGEST_REQUEST:
        raise BadInput(f"the request has more than {LARGEST_REQUEST >> 10} KiB")
    try:
        request = msgspec.json.decode(raw, type=JoinRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadInput("the request cannot be read") from None
    if request.secret and not _SECRET.fullmatch(request.secret):
        raise BadInput("the secret of the request is none")
    if request.server and (len(request.server) > 63 or not NAME.fullmatch(request.server)):
        raise BadInput("the name in the request is none")
    if len(request.csr) > _LONGEST_CSR or (request.csr and not (request.secret and request.server)):
        raise BadInput("the signing request is too long, or comes without secret and name")
    return request


def parse_renewal(raw: bytes) -> RenewalRequest:
    """BadInput: it is none."""
    try:
        request = msgspec.json.decode(raw[: LARGEST_REQUEST + 1], type=RenewalRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadInput("the request cannot be read") from None
    if len(request.csr) > _LONGEST_CSR:
        raise BadInput("the signing request is too long")
    return request


def parse_answer(raw: bytes) -> JoinAnswer:
    """BadInput: it is none."""
    return _parsed(raw, JoinAnswer)


def parse_refusal(raw: bytes) -> JoinRefusal:
    """BadInput: it is none."""
    return _parsed(raw, JoinRefusal)


def _parsed(raw: bytes, kind: type[T]) -> T:
    if len(raw) > LARGEST_ANSWER:
        raise BadInput("it is longer than any")
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadInput("it cannot be read") from None
