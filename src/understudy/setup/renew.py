"""A server's certificate is renewed before it ends: for the same name and key, by a voter that has the authority's key, or by itself.

Called by `daemon/renewal.py`, beside the loop. The server proves itself by the certificate that it still has, so it needs no token. Must
never write anything but the certificate's own file, and that only whole.
"""

from datetime import UTC, datetime

from understudy.errors import BadInput, Refused
from understudy.model.messages import words
from understudy.model.settings import Settings
from understudy.security.authority import Authority
from understudy.security.certificates import look, request_for, why_not_pair
from understudy.security.keyfiles import PUBLIC, KeyFiles
from understudy.setup.ask import Issuer
from understudy.setup.files import NewFile, read_text, write_file
from understudy.setup.wire import RenewalRequest

RENEWED_AT = 2 / 3
"""Of its life: of two years eight months are left to notice that nobody can sign."""


def is_ours(settings: Settings, keys: KeyFiles) -> bool:
    """Whether this server's certificate is of the cluster's own authority: one that was made by hand is not renewed."""
    tls = settings.registry_tls
    return tls is not None and tls.certificate == keys.certificate and tls.key == keys.key and tls.ca == keys.authority


def is_due(keys: KeyFiles, now: datetime | None = None) -> bool:
    """Whether it is time. OSError; BadInput: it is no certificate."""
    found = look(read_text(keys.certificate))
    return (now or datetime.now(UTC)) >= found.ends - found.lasts * (1 - RENEWED_AT)


def renew(settings: Settings, keys: KeyFiles) -> None:
    """Get another one and write it. OSError; BadInput, Refused: nobody has given one that can be used, and why."""
    key, authority = read_text(keys.key), read_text(keys.authority)
    request = request_for(key, settings.server)
    certificate = _signed_here(settings, keys, request) or _asked(settings, keys, RenewalRequest(csr=request))
    if why := why_not_pair(certificate, key, authority):
        raise BadInput(why)
    write_file(NewFile(keys.certificate, certificate, PUBLIC))


def _signed_here(settings: Settings, keys: KeyFiles, request: str) -> str:
    """By this server, if it has the authority's key; else empty."""
    if not (own := read_text(keys.authority_key)):
        return ""
    return Authority.load(read_text(keys.authority), own).sign(request, settings.server, settings.peer(settings.server).addresses)


def _asked(settings: Settings, keys: KeyFiles, request: RenewalRequest) -> str:
    """By the first voter that gives one."""
    failures = []
    own = settings.peer(settings.server).addresses
    for voter in map(settings.peer, settings.voters):
        for here, there in zip(own, voter.addresses, strict=False):
            try:
                answer = Issuer(there, settings.join_port, read_text(keys.authority)).renew(request, here, (keys.certificate, keys.key))
                return answer.certificate
            except Refused as error:
                failures.append(str(error))
    raise Refused(words(20275, "; ".join(failures) or "there is no voter"), code=20275)
