"""What `understudy cluster init` writes: the cluster's authority, its keys, this server's certificate, settings and member of etcd.

Called by `cli/understudy/cluster_setup.py`, after all checks have passed. What is there already and right is kept, so that an `init` that
was interrupted goes on when it is typed again: understudy.toml comes last, and only then does the server count as configured.
"""

import os
import secrets
from collections.abc import Callable

from understudy.errors import BadInput, UnderstudyError
from understudy.linux.keys import KEY_BYTES, parse_keys
from understudy.model.messages import words
from understudy.model.settings import Settings, TlsFiles
from understudy.security.authority import Authority
from understudy.security.certificates import fingerprint, look
from understudy.security.keyfiles import PRIVATE, PUBLIC, KeyFiles
from understudy.setup.files import NewFile, make_folder, read_text, write_file
from understudy.setup.places import SetupPlaces, tokens_file
from understudy.setup.state import wrong_certificate
from understudy.setup.token import MOST_ENDPOINTS, JoinToken, token_text
from understudy.setup.tokens import TokenStore
from understudy.setup.wanted import is_voter
from understudy.setup.written import etcd_text, settings_text


def new_files(settings: Settings, places: SetupPlaces) -> list[NewFile]:
    """All files of the first server, in the order in which they are written; those that are there and right with what they hold. BadInput:
    keys of something else are in the way. OSError."""
    keys = KeyFiles(places.keys)
    authority = _authority(settings, keys)
    guard_key = read_text(keys.guard)
    if not parse_keys(guard_key.encode(errors="replace")):
        if guard_key:
            raise BadInput(words(20283, keys.guard, "it holds no key of a guard; move it away"), code=20283)
        guard_key = f"{secrets.token_hex(KEY_BYTES)}\n"
    certificate, key = read_text(keys.certificate), read_text(keys.key)
    own = TlsFiles(ca=keys.authority, certificate=keys.certificate, key=keys.key)
    if authority.certificate != read_text(keys.authority) or wrong_certificate(settings, own):
        issued = authority.issue(settings.server, settings.peer(settings.server).addresses)
        certificate, key = issued.certificate, issued.key
    files = [NewFile(keys.authority_key, authority.key, PRIVATE), NewFile(keys.authority, authority.certificate, PUBLIC)]
    return [*files, *server_files(settings, places, (guard_key, certificate, key))]


def server_files(settings: Settings, places: SetupPlaces, given: tuple[str, str, str], *, etcd: bool = True) -> list[NewFile]:
    """What every server has; `given`: the guards' key, its certificate, its key; `etcd`: with its member, if it votes. Settings that an
    operator has changed since stay, and so does the configuration of a member that is there."""
    keys = KeyFiles(places.keys)
    guard_key, certificate, key = given
    files = [NewFile(keys.guard, guard_key, PRIVATE), NewFile(keys.key, key, PRIVATE), NewFile(keys.certificate, certificate, PUBLIC)]
    configured = os.path.lexists(places.etcd) and os.path.lexists(places.config)
    if etcd and settings.engine == "etcd" and is_voter(settings) and not configured:
        files.append(NewFile(places.etcd, etcd_text(settings), PUBLIC))
    if settings.engine == "sqlite" and settings.registry[0].startswith("127."):
        files.append(NewFile(places.registry, f"LISTEN={settings.registry[0]}\n", PUBLIC))
    if not os.path.lexists(places.config):
        files.append(NewFile(places.config, settings_text(settings), PUBLIC))
    return files


def write_all(files: list[NewFile], places: SetupPlaces, state_dir: str, progress: Callable[[str], None]) -> None:
    """Write them, each whole and on the disk before the next. BadInput says which cannot be written, and what was written stays: the same
    command goes on from there."""
    at = places.folder
    try:
        for at, mode in ((places.folder, 0o755), (places.keys, 0o700), (state_dir, 0o755)):
            make_folder(at, mode)
        for file in files:
            at = file.path
            if write_file(file):
                progress(f"written: {file.path}")
    except OSError as error:
        raise BadInput(words(20284, at, error.strerror), code=20284) from None


def new_token(settings: Settings, keys: KeyFiles, lasts_s: float, now: float) -> str:
    """A token of this server, as text. BadInput: it cannot make any, and why."""
    authority = read_text(keys.authority)
    if not authority or not read_text(keys.authority_key):
        others = [name for name in settings.voters if name != settings.server]
        raise BadInput(words(20278, " or ".join(others) or settings.voters[0]), code=20278)
    store = TokenStore(tokens_file(settings.state_dir))
    endpoints = tuple((address, settings.join_port) for address in settings.peer(settings.server).addresses[:MOST_ENDPOINTS])
    try:
        secret = store.issue(lasts_s, now)
    except OSError as error:
        raise BadInput(words(20284, tokens_file(settings.state_dir), error.strerror), code=20284) from None
    return token_text(JoinToken(endpoints=endpoints, pin=fingerprint(authority), secret=secret))


def _authority(settings: Settings, keys: KeyFiles) -> Authority:
    """The one that is here, or a new one."""
    certificate, key = read_text(keys.authority), read_text(keys.authority_key)
    if not certificate:
        return Authority(settings.cluster)  # a key alone has signed nothing that anybody has seen
    try:
        if not key:
            raise BadInput("the key of that authority is not here: this server has joined a cluster, or was about to")
        cluster = look(certificate).name
        if cluster != settings.cluster:
            raise BadInput(f"it is the authority of cluster {cluster}")
        return Authority.load(certificate, key)
    except UnderstudyError as error:
        why = f"{error}. Move {keys.folder} away if this server is to be set up anew"
        raise BadInput(words(20283, keys.authority, why), code=20283) from None
