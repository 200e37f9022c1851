"""The checkout that is packaged: where its files are, its version, and the time that everything in a package bears.

Read by all other modules. Only files that git knows are packaged, so that nothing that lies about gets in; without git (an unpacked archive
of the sources) it is every file but bytecode.
"""

import os
import re
import subprocess
from pathlib import Path

from understudy.errors import UnderstudyError

ROOT = Path(__file__).resolve().parents[2]
SUMMARY = "active-passive high-availability clusterware"


class PackageError(UnderstudyError):
    """A package cannot be made; str() says why and what to do."""


def version() -> str:
    """The one that `understudy --version` prints."""
    found = re.search(r'^__version__ = "([\w.+~]+)"$', (ROOT / "src/understudy/__init__.py").read_text(), re.MULTILINE)
    if found is None:
        raise PackageError('UND-0260: src/understudy/__init__.py has no line __version__ = "NUMBER": write it')
    return found[1]


def local_version(word: str) -> str:
    """The version of a build of one's own: newer than that of the sources, older than the next one. PackageError."""
    if not re.fullmatch(r"[a-z0-9]+(\.[a-z0-9]+)*", word):
        raise PackageError(f"UND-0345: {word!r} cannot stand behind a version: write lower-case letters and digits, with dots between them")
    return f"{version()}+{word}"


def epoch() -> int:
    """The time that all files of a package bear, in seconds: SOURCE_DATE_EPOCH, else that of the commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given:
        if not given.isdecimal():
            raise PackageError(f"UND-0261: SOURCE_DATE_EPOCH is {given!r}: write a number of seconds since 1970, or unset it")
        return int(given)
    try:
        return int(_git("log", "-1", "--format=%ct"))
    except (OSError, subprocess.CalledProcessError):
        raise PackageError("UND-0262: this is no git checkout: set SOURCE_DATE_EPOCH to the time that the files shall bear") from None


def files(folder: str) -> list[str]:
    """The files below a folder of the checkout, relative to it, in order."""
    try:
        listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder).split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if not path.is_dir()]
    names = {name.removeprefix(f"{folder}/") for name in listed if name and os.path.lexists(ROOT / name)}
    return sorted(name for name in names if "__pycache__" not in name and not name.endswith(".pyc"))


def changed() -> list[str]:
    """What differs from the commit: a package of that cannot be made again by others."""
    try:
        return [line[3:] for line in _git("status", "--porcelain").splitlines()]
    except (OSError, subprocess.CalledProcessError):
        return []


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout
