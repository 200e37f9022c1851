"""Two packages of the same sources, one newer than the other: for the demo on real servers, and for stories of upgrades.

Called by `understudy demo --real` where none are named. Needs a checkout: an installed package has no sources of packages.
"""

import os
import subprocess
import sys
from pathlib import Path

from understudy.errors import LabError
from understudy.lab.places import project_root

NEWER = "next1"
_MAKE_S = 600.0


def make(folder: Path) -> tuple[Path, Path]:
    """The package of this checkout, and one that upgrades it, in a directory; half a minute. LabError: what to do instead."""
    if not (project_root() / "packaging/makepackage").is_dir():
        raise LabError("there are no sources of packages here: name two packages with --package and --newer")
    return _make(folder / "present"), _make(folder / "newer", "--local", NEWER)


def _make(output: Path, *options: str) -> Path:
    """What it says comes on the error output of this process."""
    command = [sys.executable, "-m", "makepackage.main", "--only", "understudy", "--quick", "--output", str(output), *options]
    paths = os.pathsep.join(str(project_root() / part) for part in ("src", "packaging"))
    try:
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, check=False, timeout=_MAKE_S)
    except subprocess.TimeoutExpired:
        raise LabError(f"the package was not made within {_MAKE_S:.0f} s: try ./run package") from None
    if done.returncode != 0:
        raise LabError("the package could not be made: see above")
    (made,) = output.glob("*.deb")
    return made
