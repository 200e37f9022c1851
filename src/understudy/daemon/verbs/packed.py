"""Owns the reading of a file that a client sends with a command: compressed, for a large one is longer than a request may be."""

import base64
import binascii
import zlib

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.errors import BadInput


def unpacked(arguments: Arguments, largest: int, what: str) -> bytes:
    """Its bytes. BadInput: it is not packed as our clients do, or has more than `largest` bytes; `what` names the sort of file."""
    packed = arguments.text("content") or ""
    try:
        unpack = zlib.decompressobj()
        text = unpack.decompress(base64.b64decode(packed, validate=True), largest + 1)
    except (binascii.Error, ValueError, zlib.error):
        raise bad("content must be the file, compressed and in base64") from None
    if len(text) > largest:
        raise BadInput(f"it has more than {largest} bytes, and no {what} has")
    return text
