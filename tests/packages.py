"""The package understudy as tests install it: made quickly, for its bytes are of no interest."""

from pathlib import Path

from makepackage import deb, project, understudy, units
from makepackage.deb import DebianTree

NEXT = "next1"
"""What the version of a later build has behind it."""


def packed(tree: DebianTree, target: Path, *, later_s: int = 0) -> Path:
    """A package of what was put together."""
    return deb.build(tree, target, project.epoch() + later_s, compression=deb.QUICK)


def made(folder: Path, version: str, unit_folder: Path = units.FOLDER) -> Path:
    """A package of this checkout that says that it is of a version."""
    tree = understudy.put_together(folder / "tree", print, version=version, unit_folder=unit_folder)
    return packed(tree, folder / f"understudy_{version}.deb", later_s=int(version != project.version()))
