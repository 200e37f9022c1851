"""What every process reads at its start, alike: the settings; and what it says, in one line, when they (or the key) cannot be used.

Called by the mains of guard, executor, daemon and registry. Standard library only.
"""

import os
import resource
import sys

from understudy.errors import BadSettings, UnderstudyError
from understudy.guard import serverfile
from understudy.linux.files import read_whole
from understudy.model.settings import Settings, parse_settings

UNUSABLE = 2
"""Exit status of every process whose settings, or key, cannot be used: beginning again does not help, mending them does."""

_given: list[int] = []


def read_settings(path: str) -> Settings:
    """The settings of a file, with the servers that the registry last named to this server. BadSettings names the file, the setting, what
    it is and what to write."""
    return serverfile.merged(written_settings(path))


def written_settings(path: str) -> Settings:
    """What the file says, whatever the registry does. BadSettings, as above."""
    try:
        text = read_whole(path).decode()
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path} is no UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}") from None
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror}") from None
    try:
        return parse_settings(text)
    except BadSettings as error:
        raise BadSettings(f"{path}: {error}") from None


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
