"""What the packages hold: all that is promised, from the one place where it is written, and nothing else."""

import ast
import gzip
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from makepackage import copyright, libraries, oracle, project, typed, units
from makepackage.deb import DebianTree
from makepackage.project import ROOT, PackageError
from makepackage.understudy import HOME
from understudy import __version__
from understudy.cli import appvipcfg, crsctl, understudy
from understudy.lab import image

FORBIDDEN = re.compile(r"(^|/)(tests?|testing|__pycache__|pip|setuptools|pytest|mypy|RECORD|direct_url\.json)(/|$)|\.pyc$|/lib/bin/")


def page(tree: DebianTree, name: str) -> str:
    """A manual page as somebody reads it who looks into the file."""
    text = gzip.decompress((tree.root / f"usr/share/man/man{name[-1]}/{name}.gz").read_bytes()).decode()
    return text.replace("\\-", "-").replace("\\(aq", "'")


def test_every_command_is_there_and_has_a_page(tree: DebianTree) -> None:
    """The launcher's commands, those of the wheel, and those in /usr/bin are the same; each is in the manual and is completed."""
    launcher = ast.parse((ROOT / "bin/launch").read_text())
    table = next(node for node in ast.walk(launcher) if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict))
    modules = ast.literal_eval(table.value)
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {name: f"{module}:main" for name, module in modules.items()} == scripts
    assert {path.name for path in (tree.root / "usr/bin").iterdir()} == set(modules)
    for program in typed.programs():
        assert (tree.root / "usr/bin" / program.name).resolve() == tree.root / HOME / "bin/launch"
        assert program.name in page(tree, f"{program.name}.{program.section}")
        assert (tree.root / "usr/share/bash-completion/completions" / program.name).resolve().is_file()
    assert set(modules) == {program.name for program in typed.programs()}


def test_the_manual_says_what_the_commands_say(tree: DebianTree) -> None:
    """Every command of the guide's page of commands, with each of its options; every setting in its page."""
    pages = {name: page(tree, f"{name}.1") for name in ("crsctl", "appvipcfg", "understudy")}
    for part in (ROOT / "docs/guide/commands.md").read_text().split("\n## ")[1:]:
        title = part.partition("\n")[0]
        section = pages[title.split()[0]].partition(f'.SS "{title}"\n')[2].partition("\n.SS ")[0]
        assert section, title
        for option in re.findall(r"^  (-[\w-]+)", part, re.MULTILINE):
            assert f"\\fB{option}\\fR" in section or option in ("-h", "--"), (title, option)
    settings = page(tree, "understudy.toml.5")
    for name in re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/guide/settings.md").read_text(), re.MULTILINE):
        assert f"\\fB{name}\\fR" in settings


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff on this machine; the long tests ask Debian's")
def test_groff_has_no_complaint_about_a_page(tree: DebianTree) -> None:
    """Every page, with all warnings on."""
    for path in sorted((tree.root / "usr/share/man").rglob("*.gz")):
        text = gzip.decompress(path.read_bytes())
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=text, capture_output=True, check=True)
        assert done.stderr == b"", path.name


def test_nothing_is_in_it_that_does_not_run(tree: DebianTree) -> None:
    """No tests, no tools, no bytecode; no file that others may write to; all that is executable begins as a script does."""
    names = tree.files()
    assert [name for name in names if FORBIDDEN.search(name.removeprefix("usr/"))] == []
    for name in names:
        path = tree.root / name
        mode = path.lstat().st_mode & 0o7777
        assert path.is_symlink() or mode in (0o644, 0o755), (name, oct(mode))
        if not path.is_symlink() and mode == 0o755:
            assert path.read_bytes().startswith(b"#!"), name
    tops = {"/".join(name.split("/")[:3]) for name in names}
    assert all(top.startswith(("usr/lib/understudy", "usr/bin/", "usr/share/", "lib/systemd/system")) for top in tops), tops
    assert {path.name for path in (tree.root / HOME).iterdir()} == {"bin", "lib", "maintain.py", "requirements", "src"}


def test_whoever_looks_for_a_file_of_the_source_finds_it(tree: DebianTree) -> None:
    """All that git has below src, with the same bytes; scripts can be run."""
    for name in project.files("src"):
        assert (tree.root / HOME / "src" / name).read_bytes() == (ROOT / "src" / name).read_bytes()
    folder = tree.root / HOME / "src/understudy/openstack/scripts"
    scripts = [*folder.glob("*.scr"), folder / "lib/broker.sh", folder / "lib/keys.sh"]
    assert {script.name for script in scripts} >= {"mysqld.scr", "openstack-keystone.scr", "neutron-l3-agent.scr"}
    assert all(os.access(script, os.X_OK) for script in scripts)
    assert (folder / "lib/services/zed").is_file()


def test_places_of_the_operator_are_there_and_empty(tree: DebianTree) -> None:
    """Keys are for root alone, and no settings are installed that somebody has to remove."""
    assert {name: (tree.root / name).stat().st_mode & 0o777 for name in ("etc/understudy", "etc/understudy/keys")} == {
        "etc/understudy": 0o755,
        "etc/understudy/keys": 0o700,
    }
    assert not [name for name in tree.files() if name.startswith(("etc/", "var/", "opt/"))]


def test_the_control_file_says_what_it_needs(tree: DebianTree) -> None:
    """Debian 12's Python and no other, for compiled parts are in it; a C library that is new enough for them."""
    control = (tree.root / "DEBIAN/control").read_text()
    assert f"Version: {__version__}\n" in control
    assert "python3 (>= 3.11), python3 (<< 3.12)" in control
    assert re.search(r"libc6 \(>= 2\.(1\d|2\d|3[0-6])\)", control), "Debian 12 has 2.36"
    assert "Recommends: etcd-server\n" in control
    assert "@" not in control.replace(copyright.MAINTAINER, "")
    sums = [line.split("  ") for line in (tree.root / "DEBIAN/md5sums").read_text().splitlines()]
    assert {name for _, name in sums} == {name for name in tree.files() if not (tree.root / name).is_symlink()}


def test_the_units_are_those_of_the_project(tree: DebianTree, unit_folder: Path) -> None:
    """All that there are; a removal stops each that may be stopped by hand."""
    installed = {path.name for path in (tree.root / "lib/systemd/system").iterdir()}
    assert installed == {path.name for path in units.units(unit_folder)}
    prerm = (tree.root / "DEBIAN/prerm").read_text()
    stopped = re.search(r'^units="(.*)"$', prerm, re.MULTILINE)
    assert stopped is not None
    assert {"understudy.target", "understudy-guard.service", "understudyd.service"} <= set(stopped[1].split()) <= installed


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_maintainer_scripts_are_whole(tree: DebianTree, script: str) -> None:
    """Every placeholder is filled in, sh can read it, and the first failure ends it."""
    path = tree.root / "DEBIAN" / script
    assert subprocess.run(["sh", "-n", str(path)], capture_output=True, check=True).stderr == b""
    assert re.search(r"^set -e$", path.read_text(), re.MULTILINE)
    assert not re.search(r"@[A-Z]+@", path.read_text())


def test_licences_of_all_that_is_in_it_are_named(tree: DebianTree) -> None:
    """Each dependency with version, authors and licence, and the text of the licence unless Debian has it."""
    text = (tree.root / "usr/share/doc/understudy/copyright").read_text()
    found = libraries.distributions(tree.root / HOME / "lib")
    assert {distribution.name.lower().replace("_", "-") for distribution in found} == set(
        re.findall(r"^([\w-]+)==", libraries.REQUIREMENTS.read_text(), re.MULTILINE)
    )
    for distribution in found:
        assert f"Comment: {distribution.name} {distribution.version}, {distribution.licence}" in text
        assert all((tree.root / HOME / "lib" / part).exists() for part in distribution.parts)
    known = {f"{HOME}/lib/{part}" for distribution in found for part in distribution.parts}
    alone = {path for path in (tree.root / HOME / "lib").iterdir() if path.suffix != ".dist-info" and path.name != "google"}
    assert {path.relative_to(tree.root).as_posix() for path in alone} <= known


def test_a_lab_of_the_package_has_its_libraries(tree: DebianTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`understudy lab` works where there is no pip and no package index for Python."""
    monkeypatch.setattr(image, "project_root", lambda: tree.root / HOME)
    image._install_libraries(tmp_path)
    assert (tmp_path / "opt/understudy/lib/grpc/__init__.py").is_file()
    assert image._requirements().read_bytes() == libraries.REQUIREMENTS.read_bytes()


def test_the_wheel_asks_for_what_the_product_imports() -> None:
    """pyproject.toml and requirements/runtime.in name the same packages."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    asked = {re.split(r"[<>=]", name)[0] for name in named}
    assert asked == set((ROOT / "requirements/runtime.in").read_text().split())


@pytest.mark.parametrize("main", [crsctl.main, appvipcfg.main, understudy.main])
def test_every_command_says_its_version(main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]) -> None:
    """The one that the package has."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"understudy {project.version()}\n"


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    """Wherever and whenever, and whatever the umask is."""
    made = []
    for name, mask in (("first", 0o022), ("second", 0o077)):
        former = os.umask(mask)
        try:
            made.append(oracle.build(tmp_path / name, tmp_path / name, print, version="1.0").read_bytes())
        finally:
            os.umask(former)
    assert made[0] == made[1]


def test_a_bad_epoch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to write."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(PackageError, match="UND-0261: SOURCE_DATE_EPOCH is 'yesterday': write a number"):
        project.epoch()
