"""A backup of a cluster as a file: its intent, and the epochs above which every later one has to be.

    {"what": "understudy backup", "format": 1, "sha256": "...", "content": {"made": 1764245648.0, "intent": {...}, "epochs": {...}, ...}}

Owns the format of the file and its checksum; the value is `intent/backup.py`, the intent in it is written by `registry/intent.py`. Made by
`understudy cluster backup`, read by `understudy cluster restore`. Must never hold a key, an assignment or a report: what runs is found
again.
"""

import hashlib

import msgspec

from understudy import __version__
from understudy.errors import BadInput
from understudy.intent.backup import Backup
from understudy.model.names import ResourceName
from understudy.registry import intent as intent_file

WHAT = "understudy backup"
FORMAT = 1
"""Grows when the meaning of what is there changes; the records have a number of their own."""
LARGEST = 64 << 20
"""Bytes of a file that is read at all: twenty thousand resources have about twenty million."""
MAKE_IT = "understudy cluster backup FILE makes such a file"


class _BackupFile(msgspec.Struct, kw_only=True):
    what: str
    format: int
    sha256: str
    content: msgspec.Raw


class _Content(msgspec.Struct, kw_only=True):
    made: float
    made_by: str
    version: str = ""
    revision: int = 0
    read_s_ago: float = 0.0
    epochs: dict[str, int] = {}
    intent: msgspec.Raw


def encode(backup: Backup) -> bytes:
    """The file's bytes: one line of JSON."""
    content = msgspec.json.encode(
        _Content(
            made=backup.made,
            made_by=backup.made_by,
            version=__version__,
            revision=backup.revision,
            read_s_ago=backup.read_s_ago,
            epochs=dict(sorted(backup.epochs.items())),
            intent=msgspec.Raw(intent_file.encode(backup.intent, indent=0).encode()),
        )
    )
    return msgspec.json.encode(_BackupFile(what=WHAT, format=FORMAT, sha256=_sum(content), content=msgspec.Raw(content))) + b"\n"


def decode(text: bytes) -> Backup:
    """The backup in a file's bytes. BadInput says what is wrong with it, and what to do."""
    if len(text) > LARGEST:
        raise BadInput(f"it has {len(text)} bytes, and no backup has more than {LARGEST}")
    try:
        found = msgspec.json.decode(text, type=_BackupFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{error}; {MAKE_IT}") from None
    if found.what != WHAT:
        raise BadInput(f"it calls itself {found.what!r}, not {WHAT!r}; {MAKE_IT}")
    if found.format != FORMAT:
        raise BadInput(f"it has format {found.format}, and this version reads {FORMAT}: restore it with the version that made it, or newer")
    content = bytes(found.content)
    if _sum(content) != found.sha256:
        raise BadInput("its checksum is wrong: it was changed or damaged since it was made; use another one")
    try:
        said = msgspec.json.decode(content, type=_Content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{error}; {MAKE_IT}") from None
    return Backup(
        intent=intent_file.read(bytes(said.intent)),
        epochs={ResourceName(name): epoch for name, epoch in said.epochs.items()},
        made=said.made,
        made_by=said.made_by,
        revision=said.revision,
        read_s_ago=said.read_s_ago,
    )


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
