"""The package `understudy`: every file that it installs, and where.

/usr/lib/understudy/{bin,src}   the project     /usr/lib/understudy/lib    its dependencies, and nothing of the machine's own Python
/usr/bin                        the commands    /lib/systemd/system        the units
/usr/share/{man,doc}, completion for bash and zsh; /etc/understudy and the directories of its state
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from makepackage import completion, copyright, deb, libraries, manpages, project, units
from makepackage.deb import DebianTree
from makepackage.project import ROOT
from makepackage.typed import programs

HOME = "usr/lib/understudy"
DOCS = "usr/share/doc/understudy"
_DEBIAN = ROOT / "packaging/debian"
_SCRIPTS = ("postinst", "prerm", "postrm")
_DIRECTORIES = {"etc/understudy": 0o755, "etc/understudy/keys": 0o700, "var/lib/understudy": 0o755, "var/log/understudy": 0o755}


def build(
    into: Path,
    workshop: Path,
    progress: Callable[[str], None],
    *,
    version: str,
    unit_folder: Path = units.FOLDER,
    compression: Sequence[str] = deb.USUAL,
) -> Path:
    """Make `understudy_VERSION_ARCHITECTURE.deb` in a directory. PackageError."""
    tree = put_together(workshop / "understudy", progress, version=version, unit_folder=unit_folder)
    progress("the package understudy ...")
    return deb.build(tree, into / f"understudy_{version}_{deb.architecture()}.deb", project.epoch(), compression=compression)


def put_together(root: Path, progress: Callable[[str], None], *, version: str, unit_folder: Path = units.FOLDER) -> DebianTree:
    """The directory of which it is made, with its control files."""
    dependencies = libraries.installed(progress)
    found = units.units(unit_folder)
    tree = DebianTree(root)
    _project(tree, version)
    for path in sorted(path for path in dependencies.rglob("*") if path.is_file()):
        tree.write(f"{HOME}/lib/{path.relative_to(dependencies)}", path.read_bytes())
    _commands(tree)
    for unit in found:
        tree.write(f"lib/systemd/system/{unit.name}", unit.read_bytes())
    _documents(tree, copyright.copyright_file(libraries.distributions(dependencies)), version)
    for name, mode in _DIRECTORIES.items():
        tree.directory(name, mode)
    names = {"VERSION": version, "ARCHITECTURE": deb.architecture(), "MAINTAINER": copyright.MAINTAINER}
    names["LIBC"] = libraries.least_libc(dependencies)
    words = {"UNITS": units.stopped(found), "ENABLED": units.enabled(found)}
    scripts = {name: _filled((_DEBIAN / name).read_text(), words) for name in _SCRIPTS}
    tree.finish(_filled((_DEBIAN / "control").read_text(), names), scripts)
    return tree


def _project(tree: DebianTree, version: str) -> None:
    for folder in ("src", "bin"):
        for name in project.files(folder):
            path = ROOT / folder / name
            if path.is_symlink():
                tree.link(f"{HOME}/{folder}/{name}", path.readlink().as_posix())
            else:
                tree.copy(path, f"{HOME}/{folder}/{name}")
    said = f"{HOME}/src/understudy/__init__.py"
    tree.write(said, (tree.root / said).read_text().replace(f'"{project.version()}"', f'"{version}"'))  # as --version prints it
    tree.copy(libraries.REQUIREMENTS, f"{HOME}/requirements/{libraries.REQUIREMENTS.name}")  # of the hosts of a lab
    tree.copy(_DEBIAN / "maintain.py", f"{HOME}/maintain.py")


def _commands(tree: DebianTree) -> None:
    names = [program.name for program in programs()]
    for name in names:
        tree.link(f"usr/bin/{name}", f"../lib/understudy/bin/{name}")
    tree.write("usr/share/bash-completion/completions/understudy", completion.bash())
    for name in names:
        if name != "understudy":
            tree.link(f"usr/share/bash-completion/completions/{name}", "understudy")
    tree.write("usr/share/zsh/vendor-completions/_understudy", completion.zsh())
    for page, text in manpages.pages().items():
        tree.compress(f"usr/share/man/man{page[-1]}/{page}", text)


def _documents(tree: DebianTree, licences: str, version: str) -> None:
    tree.write(f"{DOCS}/copyright", licences)
    tree.compress(f"{DOCS}/changelog", copyright.changelog("understudy", version, project.epoch()))
    tree.compress(f"{DOCS}/CHANGELOG.md", (ROOT / "CHANGELOG.md").read_bytes())
    tree.copy(ROOT / "README.md", f"{DOCS}/README.md")
    for name in project.files("docs"):
        if not name.endswith(".py"):
            tree.copy(ROOT / "docs" / name, f"{DOCS}/docs/{name}")
    tree.copy(_DEBIAN / "lintian-overrides", "usr/share/lintian/overrides/understudy")


def _filled(text: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        text = text.replace(f"@{name}@", value)
    return text
