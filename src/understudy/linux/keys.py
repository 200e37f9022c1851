"""The key file of a cluster: one reader with one policy for all processes. Must never print a key."""

import errno
import os
import stat

from understudy.errors import BadSettings
from understudy.linux.files import read_whole

KEY_BYTES = 32


def read_key(path: str, where: str = "[guard] key") -> bytes:
    """The cluster's key: 64 hex digits that only root can read. BadSettings says what is wrong with the file, and what cures it."""
    try:
        mode = os.stat(path).st_mode
        text = read_whole(path)
    except OSError as error:
        cure = f"; it is the same on every server, and made once by: openssl rand -hex {KEY_BYTES}" if error.errno == errno.ENOENT else ""
        raise BadSettings(f"{where}: {path} cannot be read: {error.strerror}{cure}") from None
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadSettings(f"{where}: {path} must hold {2 * KEY_BYTES} hex digits, and nothing else")
    if stat.S_IMODE(mode) & 0o077:
        raise BadSettings(f"{where}: {path} can be read by others: chmod 0600 {path}")
    return key
