"""The joining side of a join: finds the server that made the token, makes sure of it, then asks.

Called by `understudy cluster join`. It trusts nobody before it has seen an authority's certificate whose SHA-256 the token names: until
then it sends an empty request and nothing else; after that, TLS with that authority alone, to the very address. Each request is a
connection of its own, from a port that only root has.
"""

import contextlib
import errno
import http.client
import random
import ssl
from collections.abc import Collection
from dataclasses import dataclass, field

from understudy.errors import BadInput, Refused
from understudy.model.messages import words
from understudy.model.servers import ServerRecord
from understudy.model.settings import Settings
from understudy.model.shown import shown
from understudy.security.certificates import fingerprint
from understudy.security.keyfiles import KeyFiles
from understudy.setup.judge import HIGHEST_PORT_OF_ROOT
from understudy.setup.token import JoinToken
from understudy.setup.wire import (
    LARGEST_ANSWER,
    PATH,
    RENEWAL_PATH,
    VOTER_PATH,
    JoinAnswer,
    JoinRequest,
    RenewalRequest,
    parse_answer,
    parse_refusal,
    request_bytes,
)

CONNECT_S = 10.0
_LOWEST_PORT = 600
"""Below are ports of well-known services."""
_PORTS_TRIED = 20


@dataclass(frozen=True, slots=True)
class Issuer:
    """The server that made the token, and the authority that the token names."""

    address: str
    port: int
    authority: str

    @property
    def named(self) -> str:
        """As it is shown."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def ask(self, request: JoinRequest, source: str = "") -> JoinAnswer:
        """Over verified TLS; `source`: from which of our addresses. Refused: it says no, and why, or does not answer."""
        return self._ask(PATH, request_bytes(request), source, None)

    def renew(self, request: RenewalRequest, source: str, own: tuple[str, str]) -> JoinAnswer:
        """The same, and we prove ourselves: `own` are the paths of our certificate and its key. Refused."""
        return self._ask(RENEWAL_PATH, request_bytes(request), source, own)

    def _ask(self, path: str, body: bytes, source: str, own: tuple[str, str] | None) -> JoinAnswer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(cadata=self.authority)
        try:
            if own is not None:
                context.load_cert_chain(*own)
            answer = _post(_Way(self.address, self.port, source, context), path, body)
        except (OSError, http.client.HTTPException) as error:
            raise Refused(words(20275, f"{self.named}: {_why(error)}"), code=20275) from None
        try:
            if answer.status != 200:
                refusal = parse_refusal(answer.body)
                raise Refused(shown(refusal.error), code=refusal.code if refusal.code in (20272, 20313) else 20275)
            return parse_answer(answer.body)
        except Refused:
            raise
        except BadInput as error:
            raise Refused(words(20282, self.named, error), code=20282) from None


def find_issuer(token: JoinToken) -> Issuer:
    """The first of the token's addresses where the cluster's authority is shown. Refused: nobody answers, or somebody else does."""
    failures = []
    for address, port in token.endpoints:
        issuer = Issuer(address, port, "")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # nothing is sent over it, and nothing that it says is believed before its hash was compared
        try:
            answer = _post(_Way(address, port, "", context), PATH, request_bytes(JoinRequest()))
            if answer.status != 200:
                failures.append(f"{issuer.named}: {shown(parse_refusal(answer.body).error)}")
                continue
            authority = parse_answer(answer.body).authority
            pin = fingerprint(authority)
        except (OSError, http.client.HTTPException, BadInput) as error:
            failures.append(f"{issuer.named}: {_why(error)}")
            continue
        if pin != token.pin:
            raise Refused(words(20276, issuer.named), code=20276)
        return Issuer(address, port, authority)
    raise Refused(words(20275, "; ".join(failures)), code=20275)


def voters_key(settings: Settings, keys: KeyFiles, voters: Collection[ServerRecord]) -> str:
    """The authority's key, which a server of the cluster is given that becomes a voter, by the first voter that answers. Refused."""
    failures = []
    own = settings.peer(settings.server).addresses
    for voter in voters:
        for ours, theirs in zip(own, voter.addresses, strict=False):
            context = ssl.create_default_context(cafile=keys.authority)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            try:
                context.load_cert_chain(keys.certificate, keys.key)
                answer = _post(_Way(theirs, settings.join_port, ours, context), VOTER_PATH, request_bytes(JoinRequest()))
                if answer.status == 200:
                    return parse_answer(answer.body).authority_key
                failures.append(f"{voter.server}: {shown(parse_refusal(answer.body).error)}")
            except (OSError, http.client.HTTPException, BadInput) as error:
                failures.append(f"{voter.server} at {theirs}: {_why(error)}")
    raise Refused(words(20275, "; ".join(failures) or "there is no other voter"), code=20275)


@dataclass(frozen=True, slots=True)
class _Way:
    address: str
    port: int
    source: str
    context: ssl.SSLContext
    path: str = PATH


@dataclass(frozen=True, slots=True)
class _HttpAnswer:
    status: int
    body: bytes = field(repr=False)


def _post(line: _Way, path: str, body: bytes) -> _HttpAnswer:
    ports = random.sample(range(_LOWEST_PORT, HIGHEST_PORT_OF_ROOT + 1), _PORTS_TRIED)
    for number, port in enumerate(ports, 1):
        try:
            return _post_from(line, port, path, body)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or number == len(ports):
                raise
    raise AssertionError("the last port either answers or raises")


def _post_from(line: _Way, port: int, path: str, sent: bytes) -> _HttpAnswer:
    connection = http.client.HTTPSConnection(
        line.address, line.port, timeout=CONNECT_S, context=line.context, source_address=(line.source, port)
    )
    with contextlib.closing(connection):
        connection.request("POST", path, sent, {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            body = response.read(LARGEST_ANSWER + 1)
            return _HttpAnswer(response.status, body)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
