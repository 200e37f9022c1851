"""The wheel: for those who bring their own Python. Made by hatchling, which is fetched by the hashes in requirements/build.txt."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from makepackage import libraries, project
from makepackage.project import ROOT, PackageError

_REQUIREMENTS = ROOT / "requirements/build.txt"


def build(into: Path, progress: Callable[[str], None]) -> Path:
    """Make `understudy-VERSION-py3-none-any.whl` in a directory. PackageError."""
    builder = _builder(progress)
    progress("the wheel ...")
    into.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(builder), "SOURCE_DATE_EPOCH": str(project.epoch())}
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into.resolve())]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackageError(f"UND-0269: hatchling cannot make the wheel; it says:\n{done.stderr.strip()[-2000:]}")
    return into / f"understudy-{project.version()}-py3-none-any.whl"


def _builder(progress: Callable[[str], None]) -> Path:
    """hatchling, in a directory of its own."""
    ready = libraries.CACHE / f"hatchling-{hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:16]}"
    if not ready.is_dir():
        progress("hatchling, by the hashes in requirements/build.txt ...")
        beside = ready.with_suffix(".new")
        shutil.rmtree(beside, ignore_errors=True)
        libraries.install(_REQUIREMENTS, beside)
        beside.rename(ready)
    return ready
