"""What every process reads at its start, alike: the settings and the key; and what it says, in one line, when they cannot be used.

Called by the mains of guard, executor, daemon and registry. Standard library only. Must never print a key.
"""

import errno
import os
import resource
import stat
import sys

from understudy.errors import BadSettings, UnderstudyError
from understudy.model.settings import Settings, parse_settings

CONFIG = "/etc/understudy/understudy.toml"
UNUSABLE = 2
"""Exit status of every process whose settings, or key, cannot be used: beginning again does not help, mending them does."""
LARGEST = 1 << 20
"""Bytes of a file that people write."""
KEY_BYTES = 32

_given: list[int] = []


def read_settings(path: str) -> Settings:
    """The settings of a file. BadSettings names the file, the setting, what it is and what to write."""
    try:
        text = _read(path).decode()
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path} is no UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}") from None
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror}") from None
    try:
        return parse_settings(text)
    except BadSettings as error:
        raise BadSettings(f"{path}: {error}") from None


def read_key(path: str, where: str = "[guard] key") -> bytes:
    """The cluster's key: 64 hex digits that only root can read. BadSettings says what is wrong with the file, and what cures it."""
    try:
        mode = os.stat(path).st_mode
        text = _read(path)
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


def make_run_dir(settings: Settings) -> None:
    """Where sockets and lease are. BadSettings; OSError where it is only full, which may pass."""
    try:
        os.makedirs(settings.run_dir, mode=0o755, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise BadSettings(f"[server] run_dir: {settings.run_dir} cannot be made: {error.strerror}") from None


def unusable(program: str, error: UnderstudyError) -> int:
    """Say why nothing begins; the exit status."""
    print(f"{program}: {error}", file=sys.stderr)
    return UNUSABLE


def soft_limit() -> int:
    """How many files this process might open when it began: programs that use select() break above 1,024, so nothing inherits more."""
    if not _given:
        _given.append(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    return _given[0]


def raise_limit() -> int:
    """Take all the files that we may have: the soft limit that a service manager gives (1,024) is used up by a thousand connections; how
    many that is. Called once, at the start of each process that serves."""
    soft_limit()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        found = file.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise BadSettings(f"{path} has more than {LARGEST >> 20} MiB")
    return found
