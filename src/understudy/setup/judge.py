"""What a request to join is answered, by the server that was asked: it looks at the token, at where the request came from, and signs.

Called by `daemon/enrol.py`, beside the loop, with a whole request. Whoever has no good token learns nothing but the certificate of the
authority, which is no secret. A token is used up, on disk, before anything is given for it.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from understudy.errors import BadInput, UnderstudyError
from understudy.model.messages import words
from understudy.model.settings import ServerSettings, Settings
from understudy.security.authority import Authority
from understudy.security.keyfiles import KeyFiles
from understudy.setup.files import read_text
from understudy.setup.tokens import TokenStore, TokenVerdict
from understudy.setup.wire import KNOWN, NEW, NO_MEMBER, JoinAnswer, JoinRefusal, JoinRequest, RenewalRequest, answer_bytes
from understudy.setup.written import settings_text

HIGHEST_PORT_OF_ROOT = 1023
"""A connection from a port up to this one was made by root: no other user of the joining server can use a token that he sees there."""
_REFUSED, _FAILED = 403, 500


class Comer(NamedTuple):
    """Where a request came from."""

    address: str
    port: int
    name: str = ""
    """In its certificate, if it has one of the cluster's authority."""


class ClusterNow(NamedTuple):
    """What the server that is asked knows of the cluster."""

    settings: Settings
    voting: frozenset[str]
    """Servers that have the authority's key, or are to have it."""
    begun: frozenset[str] = frozenset()
    """Servers whose member of etcd has run before."""
    without: frozenset[str] = frozenset()
    """Voters that have no member of etcd, or one that their daemon sets up."""


def made_with(settings: Settings) -> ClusterNow:
    """While nothing is known but the settings."""
    return ClusterNow(settings, frozenset(settings.voters))


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinJudgement:
    """The answer, and what the log says about it."""

    status: int = 200
    body: bytes = field(repr=False)
    refused: str = ""
    """Why, as it was answered."""
    joined: str = ""
    """The server that was given a certificate."""
    renewed: str = ""
    """The server that was given another one."""


def judge(request: JoinRequest, comer: Comer, cluster: ClusterNow, store: TokenStore, now: float) -> JoinJudgement:
    """Whatever is asked. `now`: seconds since the epoch. OSError is answered as a failure of this server, without its words."""
    settings = cluster.settings
    keys = KeyFiles(_folder(settings))
    try:
        authority = read_text(keys.authority)
        if not request.secret:
            return JoinJudgement(body=answer_bytes(JoinAnswer(authority=authority)))
        secret = bytes.fromhex(request.secret)
        verdict = store.look(secret, now)
        if verdict is not TokenVerdict.GOOD:
            return _refused(verdict.value)
        if not request.csr:  # no secret: it only says which servers there are, so that its bearer finds out which he is
            return JoinJudgement(body=answer_bytes(JoinAnswer(authority=authority, settings=settings_text(settings))))
        found = _server_at(comer, settings)
        if found is None:
            return _refused(_not_from_here(comer, settings))
        if request.server != found.name:
            return _refused(
                f"{request.server} has other addresses ([servers.{request.server}]) than the one that this came from, {comer.address}"
            )
        return _admit(request, secret, found, _Means(cluster, keys, store, now))
    except (OSError, UnderstudyError) as error:
        why = f"{getattr(error, 'filename', None) or ''} {getattr(error, 'strerror', None) or error}".strip()
        refusal = JoinRefusal("that server cannot let anybody join at present: see the log of understudyd there")
        return JoinJudgement(status=_FAILED, body=answer_bytes(refusal), refused=why)


def judge_renewal(request: RenewalRequest, comer: Comer, cluster: ClusterNow) -> JoinJudgement:
    """What a server is answered that asks for another certificate, by the one that it has. It gets one for the same name alone, and only
    from its own address."""
    settings = cluster.settings
    keys = KeyFiles(_folder(settings))
    found = _addresses(settings).get(comer.address)
    if found is None or found.name != comer.name:
        return _refused(f"it came from {comer.address}, without a certificate for the server at that address")
    try:
        authority = Authority.load(read_text(keys.authority), read_text(keys.authority_key))
        certificate = authority.sign(request.csr, found.name, found.addresses)
    except (OSError, UnderstudyError) as error:
        return _refused(str(error))
    return JoinJudgement(body=answer_bytes(JoinAnswer(authority=authority.certificate, certificate=certificate)), renewed=found.name)


def judge_voter(comer: Comer, cluster: ClusterNow) -> JoinJudgement:
    """A server that becomes a voter asks for the authority's key: by its certificate, from its address, as root."""
    settings = cluster.settings
    found = _server_at(comer, settings)
    if found is None or comer.name != found.name or found.name not in cluster.voting:
        return _refused(f"{comer.name or 'somebody without a certificate'} at {comer.address} is no server that becomes a voter")
    keys = KeyFiles(_folder(settings))
    try:
        answer = JoinAnswer(authority=read_text(keys.authority), authority_key=read_text(keys.authority_key))
    except (OSError, UnderstudyError) as error:
        return JoinJudgement(status=_FAILED, body=answer_bytes(JoinRefusal("the key cannot be read there")), refused=str(error))
    return JoinJudgement(body=answer_bytes(answer))


class _Means(NamedTuple):
    cluster: ClusterNow
    keys: KeyFiles
    store: TokenStore
    now: float


def _admit(request: JoinRequest, secret: bytes, server: ServerSettings, means: _Means) -> JoinJudgement:
    """Everything that can fail comes before the token is used up."""
    keys = means.keys
    key = read_text(keys.authority_key)
    authority, guard_key = Authority.load(read_text(keys.authority), key), read_text(keys.guard)
    try:
        certificate = authority.sign(request.csr, server.name, server.addresses)
    except BadInput as error:
        return _refused(str(error))
    member = _member_of(server.name, means.cluster)
    if member == KNOWN and request.has_member is False:
        said = words(20313, server.name, server.name)
        return JoinJudgement(status=_REFUSED, body=answer_bytes(JoinRefusal(said, 20313)), refused=said)
    verdict = means.store.use(secret, server.name, means.now)
    if verdict is not TokenVerdict.GOOD:
        return _refused(verdict.value)
    answer = JoinAnswer(
        authority=authority.certificate,
        settings=settings_text(means.cluster.settings),
        certificate=certificate,
        guard_key=guard_key,
        authority_key=key if server.name in means.cluster.voting else "",
        etcd=member,
    )
    return JoinJudgement(body=answer_bytes(answer), joined=server.name)


def _member_of(name: str, cluster: ClusterNow) -> str:
    if name in cluster.without:
        return NO_MEMBER
    return KNOWN if name in cluster.begun else NEW


def _server_at(comer: Comer, settings: Settings) -> ServerSettings | None:
    """Which server this is, as the network and its port say: another one than this."""
    if comer.port > HIGHEST_PORT_OF_ROOT:
        return None
    return _addresses(settings).get(comer.address)


def _addresses(settings: Settings) -> Mapping[str, ServerSettings]:
    others = [server for server in settings.servers if server.name != settings.server]
    return {str(ipaddress.ip_address(address)): server for server in others for address in server.addresses}


def _not_from_here(comer: Comer, settings: Settings) -> str:
    if comer.address in _addresses(settings):
        return f"it came from {comer.address}, but not from root there"
    return (
        f"it came from {comer.address}, which is no address of another server of this cluster: `understudy cluster add-server` on "
        f"{settings.server} makes it one"
    )


def _refused(why: str) -> JoinJudgement:
    said = words(20272, why)
    return JoinJudgement(status=_REFUSED, body=answer_bytes(JoinRefusal(said, 20272)), refused=said)


def _folder(settings: Settings) -> str:
    """The keys stand beside the guards'."""
    return settings.guard_key.rpartition("/")[0] or "/"
