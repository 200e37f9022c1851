"""The key file of a cluster: one reader with one policy for all processes. Must never print a key.

It holds one key, and two while they are exchanged: messages are sent under the first, and accepted under either.
"""

import errno
import hmac
import os
import stat

from understudy.errors import BadSettings
from understudy.linux.files import read_whole

KEY_BYTES = 32
MOST_KEYS = 2
Keys = tuple[bytes, ...]
"""One or two: the first is sent with, each is accepted."""


def read_keys(path: str, where: str = "[guard] key") -> Keys:
    """The cluster's keys: 64 hex digits on a line each, that only root can read. BadSettings says what is wrong with the file, and what
    cures it."""
    try:
        mode = os.stat(path).st_mode
        text = read_whole(path)
    except OSError as error:
        cure = f"; it is the same on every server, and made once by: openssl rand -hex {KEY_BYTES}" if error.errno == errno.ENOENT else ""
        raise BadSettings(f"{where}: {path} cannot be read: {error.strerror}{cure}") from None
    found = parse_keys(text)
    if not found:
        raise BadSettings(f"{where}: {path} must hold {2 * KEY_BYTES} hex digits, and nothing else")
    if stat.S_IMODE(mode) & 0o077:
        raise BadSettings(f"{where}: {path} can be read by others: chmod 0600 {path}")
    return found


def read_key(path: str, where: str = "[guard] key") -> bytes:
    """That which is sent with. BadSettings."""
    return read_keys(path, where)[0]


def parse_keys(text: bytes) -> Keys:
    """What a key file says; empty: it is none."""
    try:
        found = tuple(bytes.fromhex(line) for line in text.decode("ascii").split())
    except ValueError:
        return ()
    whole = 0 < len(found) <= MOST_KEYS and all(len(key) == KEY_BYTES for key in found)
    return found if whole else ()


def keys_text(keys: Keys) -> str:
    """As the file has them."""
    return "".join(f"{key.hex()}\n" for key in keys)


def key_id(key: bytes) -> str:
    """By what a key may be named without being given away."""
    return hmac.digest(key, b"understudy: the name of this key", "sha256").hex()[:16]
