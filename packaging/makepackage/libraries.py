"""The dependencies of run time, as they go into the package.

Installed by pip into a directory of their own, by the hashes in requirements/runtime.txt, for Debian 12's Python whatever runs this; kept
in .cache/package under the hash of that file. What pip adds that differs from machine to machine, and what nobody needs at run time
(commands, test data), is left out.
"""

import email.parser
import fcntl
import hashlib
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from makepackage.project import ROOT, PackageError

PYTHON = "3.11"
"""Of Debian 12: libraries with compiled parts are for exactly one."""
REQUIREMENTS = ROOT / "requirements/runtime.txt"
CACHE = ROOT / ".cache/package"
_LEFT_OUT = ("bin", "google/protobuf/testdata", "google/protobuf/testing")
_OF_PIP = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "entry_points.txt", "sboms")
_RECIPE = 1
"""Grows when what is left out changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A dependency, as the file `copyright` names it."""

    name: str
    version: str
    authors: str
    licence: str
    texts: tuple[str, ...]
    """Of its licence."""
    home: str
    parts: tuple[str, ...]
    """Files and directories at the top of the libraries."""


def installed(progress: Callable[[str], None]) -> Path:
    """The directory of the dependencies, made now if it is not in the cache."""
    recipe = f"{_RECIPE} {PYTHON} {platform.machine()} {_LEFT_OUT} {_OF_PIP}".encode() + REQUIREMENTS.read_bytes()
    ready = CACHE / f"libraries-{hashlib.sha256(recipe).hexdigest()[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that are made at once: the second waits, and finds what the first one made
        if not ready.is_dir():
            progress("dependencies, by the hashes in requirements/runtime.txt ...")
            _make(ready)
    return ready


def _make(ready: Path) -> None:
    beside = ready.with_suffix(".new")
    shutil.rmtree(beside, ignore_errors=True)
    install(REQUIREMENTS, beside, "--python-version", PYTHON)
    for name in _LEFT_OUT:
        shutil.rmtree(beside / name, ignore_errors=True)
    for information in beside.glob("*.dist-info"):
        (information / "top_level.txt").write_text("\n".join(_parts(information)) + "\n")
        for name in _OF_PIP:
            _remove(information / name)
    beside.rename(ready)


def install(requirements: Path, into: Path, *options: str) -> None:
    """Have pip put what is required into a directory, and nothing whose hash is not written there. PackageError."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps"]
    command += ["--only-binary", ":all:", "--require-hashes", "--target", str(into), *options, "-r", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackageError(f"UND-0263: pip cannot fetch {requirements.name}; it says:\n{done.stderr.strip()[-2000:]}")


def _parts(information: Path) -> list[str]:
    """What belongs to it at the top of the libraries, by its own list of files."""
    lines = (information / "RECORD").read_text().splitlines()
    names = {line.split(",")[0] for line in lines if not line.startswith(("..", "bin/"))}
    tops = {"/".join(name.split("/")[: 2 if name.startswith("google/") else 1]) for name in names}
    return sorted(top for top in tops if not top.endswith(".dist-info"))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def distributions(libraries: Path) -> list[Distribution]:
    """Every dependency in a directory of them, by name."""
    return [_distribution(path) for path in sorted(libraries.glob("*.dist-info"), key=lambda path: path.name.lower())]


def _distribution(information: Path) -> Distribution:
    # not email.message_from_string with its policies: METADATA is UTF-8, and its body is of no interest
    fields = email.parser.HeaderParser().parsestr((information / "METADATA").read_text())
    texts = sorted(path for path in information.rglob("*") if path.is_file() and re.match("(?i)licen[cs]e|copying", path.name))
    homes = [url.partition(",")[2].strip() for url in fields.get_all("Project-URL", []) if re.match("(?i)(home|source)", url)]
    authors = str(fields["Author"] or re.sub(r"\s*<[^>]*>", "", str(fields["Author-email"] or "")) or f"the authors of {fields['Name']}")
    return Distribution(
        name=str(fields["Name"]),
        version=str(fields["Version"]),
        authors=authors.replace('"', ""),
        licence=str(fields["License-Expression"] or fields["License"]),
        texts=tuple(path.read_text() for path in texts),
        home=str(fields["Home-page"] or (homes or [""])[0]),
        parts=tuple((information / "top_level.txt").read_text().split()),
    )


def least_libc(libraries: Path) -> str:
    """The oldest C library on which every compiled part runs: the newest of its versions that any asks for."""
    asked = {
        (int(major), int(minor))
        for path in libraries.rglob("*.so")
        for major, minor in re.findall(rb"\0GLIBC_(\d+)\.(\d+)(?=[\0.])", path.read_bytes())
    }
    return ".".join(map(str, max(asked)))
