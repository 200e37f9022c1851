"""The file with an administrator's certificate: certificate, key, the authority's certificate, and where the servers are.

Called by `cli/understudy/cluster_certificate.py`; `cli/place.py` reads it. Must never write over a file, nor let others read one.
"""

import os
from datetime import UTC, datetime, timedelta

from understudy.errors import BadInput
from understudy.model.messages import words
from understudy.model.settings import Settings
from understudy.security.authority import Authority
from understudy.security.keyfiles import PRIVATE, KeyFiles
from understudy.security.users import why_no_user
from understudy.setup.files import NewFile, read_text, write_file


def new_user_file(name: str, lasts: timedelta, settings: Settings, keys: KeyFiles, path: str) -> NewFile:
    """As it is to be written. BadInput: the name cannot be one, or this server has not the authority's key."""
    if why := why_no_user(name):
        raise BadInput(words(20331, why), code=20331)
    if name in {server.name for server in settings.servers}:
        raise BadInput(words(20331, f"'{name}' is a server of this cluster"), code=20331)
    certificate, key = read_text(keys.authority), read_text(keys.authority_key)
    if not certificate or not key:
        raise BadInput(words(20278, " or ".join(voter for voter in settings.voters if voter != settings.server)), code=20278)
    issued = Authority.load(certificate, key).issue_to_user(name, lasts)
    until = (datetime.now(UTC) + lasts).strftime("%Y-%m-%d")
    head = [
        f"# Understudy: user {name} of cluster {settings.cluster}. With this file anybody is that user: keep it for yourself.",
        f"# until {until}",
    ]
    for server in settings.servers:
        where = (f"[{address}]:{settings.api_port}" if ":" in address else f"{address}:{settings.api_port}" for address in server.addresses)
        head.append(f"# server {server.name} {' '.join(where)}")
    return NewFile(path, "\n".join([*head, issued.certificate + issued.key + certificate]), PRIVATE)


def write_new(file: NewFile) -> None:
    """Whole, or not at all. BadInput: something of that name is there. OSError."""
    if os.path.lexists(file.path):
        raise BadInput(words(20283, file.path, "it is there already; remove it, or name another with --out"), code=20283)
    write_file(file)
