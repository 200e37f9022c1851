"""The package `understudy-oracle-paths`: the two commands where scripts and fingers know them from Oracle Clusterware 12.1."""

from collections.abc import Callable
from pathlib import Path

from makepackage import copyright, deb, project
from makepackage.deb import DebianTree
from makepackage.project import ROOT

GRID_HOME = "u01/app/12.1.0/grid/bin"
COMMANDS = ("crsctl", "appvipcfg")
_NAME = "understudy-oracle-paths"
_DEBIAN = ROOT / "packaging/debian"


def build(into: Path, workshop: Path, progress: Callable[[str], None], *, version: str) -> Path:
    """Make `understudy-oracle-paths_VERSION_all.deb` in a directory. PackageError."""
    progress(f"the package {_NAME} ...")
    tree = DebianTree(workshop / _NAME)
    for name in COMMANDS:
        tree.link(f"{GRID_HOME}/{name}", f"/usr/bin/{name}")
    tree.write(f"usr/share/doc/{_NAME}/copyright", copyright.copyright_file())
    tree.compress(f"usr/share/doc/{_NAME}/changelog", copyright.changelog(_NAME, version, project.epoch()))
    tree.copy(_DEBIAN / "oracle-lintian-overrides", f"usr/share/lintian/overrides/{_NAME}")
    control = (_DEBIAN / "oracle-control").read_text().replace("@VERSION@", version).replace("@MAINTAINER@", copyright.MAINTAINER)
    tree.finish(control, {})
    return deb.build(tree, into / f"{_NAME}_{version}_all.deb", project.epoch())
