"""What `understudy cluster join` writes on the server that joins.

Called by `cli/understudy/cluster_setup.py`: first `terms` (who the cluster is, what this server would be), then the checks, then
`admitted`, which uses the token up. The server's own key is made here and never leaves it.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from understudy.errors import BadInput, BadSettings, Refused
from understudy.linux.keys import parse_keys
from understudy.model.messages import words
from understudy.model.settings import Settings, parse_settings
from understudy.security.authority import Authority
from understudy.security.certificates import fingerprint, new_request, why_not_pair
from understudy.security.keyfiles import PRIVATE, PUBLIC, KeyFiles
from understudy.setup.ask import Issuer, find_issuer
from understudy.setup.begin import server_files
from understudy.setup.files import NewFile, read_text
from understudy.setup.places import SetupPlaces
from understudy.setup.state import HereNow, is_whole
from understudy.setup.token import JoinToken
from understudy.setup.wanted import for_server, is_voter, own_name
from understudy.setup.wire import KNOWN, NEW, JoinAnswer, JoinRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTerms:
    """What this server would be."""

    settings: Settings
    issuer: Issuer | None
    """Who lets it in; None: it is in already, and there is nothing to ask for."""
    not_a_server: str = ""
    """Why it is none of the servers; empty: it is one."""
    source: str = ""
    """From which of its addresses it asks."""
    secret: bytes = field(default=b"", repr=False)


def terms(token: JoinToken, here: HereNow, places: SetupPlaces) -> JoinTerms:
    """Ask what this server would be; the token stays good. Refused; BadInput: keys of another cluster are here."""
    keys = KeyFiles(places.keys)
    authority = read_text(keys.authority)
    if authority and _fingerprint(authority) != token.pin:
        why = "it is of another cluster than the token. Move the folder away if this server is to join that one"
        raise BadInput(words(20283, keys.authority, why), code=20283)
    if here.settings is not None and authority and is_whole(here.settings, places):
        return JoinTerms(settings=here.settings, issuer=None)
    issuer = find_issuer(token)
    answer = issuer.ask(JoinRequest(secret=token.secret.hex()))
    try:
        theirs = parse_settings(answer.settings)
    except BadSettings as error:
        raise Refused(words(20282, issuer.named, error), code=20282) from None
    name, why = own_name(theirs.servers, here.addresses)
    settings = for_server(theirs, name or theirs.server, places)
    return JoinTerms(
        settings=settings, issuer=issuer, not_a_server=why, source=_source(theirs, name, issuer) if name else "", secret=token.secret
    )


@contextlib.contextmanager
def using_token(found: JoinTerms) -> Iterator[None]:
    """From the use of the token until everything that it gave is on the disk. BadInput: that was interrupted, or cannot be written; the
    same command may not go on from there."""
    try:
        yield
    except KeyboardInterrupt:
        if found.issuer is None:
            raise
        raise BadInput(words(20400), code=20400) from None
    except BadInput as error:
        if found.issuer is None or error.code != 20284:
            raise
        raise BadInput(f"{error}. {words(20400)}", code=error.code) from None


def admitted(found: JoinTerms, places: SetupPlaces) -> list[NewFile]:
    """Use the token, and what is to be written, in that order; nothing, if this server is in already. Refused."""
    if found.issuer is None:
        return []
    settings = found.settings
    key, csr = new_request(settings.server)
    has_member = _has_member(settings)
    answer = found.issuer.ask(JoinRequest(secret=found.secret.hex(), server=settings.server, csr=csr, has_member=has_member), found.source)
    if why := _unusable(answer, key, found):
        raise Refused(words(20282, found.issuer.named, why), code=20282)
    keys = KeyFiles(places.keys)
    files = [NewFile(keys.authority, found.issuer.authority, PUBLIC)]
    if answer.authority_key:
        files.append(NewFile(keys.authority_key, answer.authority_key, PRIVATE))
    etcd = answer.etcd == NEW and is_voter(settings)
    return [*files, *server_files(settings, places, (answer.guard_key, answer.certificate, key), etcd=etcd)]


def would_write(settings: Settings, places: SetupPlaces) -> list[str]:
    """The files of a server that joins, for `--dry-run`."""
    keys = KeyFiles(places.keys)
    first = [keys.authority, *([keys.authority_key] if is_voter(settings) else [])]
    return [*first, *(file.path for file in server_files(settings, places, ("", "", "")))]


def _unusable(answer: JoinAnswer, key: str, found: JoinTerms) -> str:
    """Why what was given cannot be written; empty: it can."""
    assert found.issuer is not None
    member = found.settings.server
    if answer.etcd == KNOWN and not _has_member(found.settings):  # a version that lets us in all the same
        raise Refused(words(20313, member, member), code=20313)
    if answer.authority != found.issuer.authority:
        return "the authority is another than before"
    if why := why_not_pair(answer.certificate, key, answer.authority):
        return why
    if not parse_keys(answer.guard_key.encode(errors="replace")):
        return "it has no key of the guards"
    try:
        if answer.authority_key:
            Authority.load(answer.authority, answer.authority_key)
    except BadInput as error:
        return str(error)
    return ""


def _has_member(settings: Settings) -> bool:
    """Whether a member of etcd has run on this server, and has its data."""
    return os.path.isdir(f"{settings.state_dir}/etcd/member")


def _source(theirs: Settings, name: str, issuer: Issuer) -> str:
    """Our address on the network on which the other server is asked."""
    there = theirs.peer(theirs.server).addresses
    own = theirs.peer(name).addresses
    place = there.index(issuer.address) if issuer.address in there else 0
    return own[min(place, len(own) - 1)]


def _fingerprint(authority: str) -> bytes:
    try:
        return fingerprint(authority)
    except BadInput:
        return b""
