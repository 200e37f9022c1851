"""What the tests of the packages share: each is put together once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import packages
from debianroot import SYSTEMD, DebianRoot
from makepackage import oracle, project, understudy, units
from makepackage.deb import DebianTree

_UNIT = """[Unit]
PartOf=understudy.target
ConditionPathExists=/etc/understudy/understudy.toml
{relations}
[Service]
ExecStart={command}
{more}
"""
_RESOURCES = "[Service]\nType=oneshot\nExecStart=/usr/bin/true\nRemainAfterExit=yes\nDelegate=yes\n"
_TARGET = """[Unit]
Wants=understudy-resources.service understudy-guard.service understudy-exec.service understudyd.service
[Install]
WantedBy=multi-user.target
"""
_GUARD = "ExecStopPost=/usr/bin/understudy-guard --kill-all\nKillMode=mixed\nRestart=always\nTimeoutStopSec=60"
_AGAIN = "KillMode=mixed\nRestart=always\nRestartSec=100ms"


def _units(folder: Path) -> Path:
    """The project's units; where there are none, the least that stands in for them."""
    if units.units():
        return units.FOLDER
    folder.mkdir()
    after = "After=understudy-exec.service understudyd.service"
    for name, command, relations, more in (
        ("understudy-guard", "/usr/bin/understudy-guard", after, _GUARD),
        ("understudy-exec", "/usr/bin/understudy-exec", "", _AGAIN),
        ("understudyd", "/usr/bin/understudyd", "", _AGAIN),
    ):
        (folder / f"{name}.service").write_text(_UNIT.format(command=command, relations=relations, more=more))
    (folder / "understudy-resources.service").write_text(_RESOURCES)
    (folder / "understudy.target").write_text(_TARGET)
    return folder


@pytest.fixture(scope="session")
def unit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the units are that the packages of the tests have."""
    return _units(tmp_path_factory.mktemp("units") / "systemd")


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory, unit_folder: Path) -> DebianTree:
    """All that the package understudy installs, in a directory."""
    root = tmp_path_factory.mktemp("tree") / "understudy"
    return understudy.put_together(root, print, version=project.version(), unit_folder=unit_folder)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory, tree: DebianTree) -> Path:
    """The package understudy, as it would be made."""
    return packages.packed(tree, tmp_path_factory.mktemp("package") / "understudy.deb")


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory, unit_folder: Path) -> Path:
    """The same of a later version."""
    return packages.made(tmp_path_factory.mktemp("newer"), "99.0", unit_folder)


@pytest.fixture(scope="session")
def oracle_paths(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package understudy-oracle-paths."""
    folder = tmp_path_factory.mktemp("oracle")
    return oracle.build(folder, folder, print, version=project.version())


@pytest.fixture(scope="module")
def ready(package: Path) -> Iterator[DebianRoot]:
    """A Debian with the package, for tests that only look."""
    with DebianRoot() as root:
        root.install(package)
        yield root


@pytest.fixture
def debian() -> Iterator[DebianRoot]:
    """A Debian without an init system that runs."""
    with DebianRoot() as root:
        yield root


@pytest.fixture
def booted() -> Iterator[DebianRoot]:
    """A Debian whose first process is systemd."""
    with DebianRoot(SYSTEMD) as root:
        root.wait(lambda: root.tried("systemctl", "is-active", "multi-user.target").returncode == 0, "systemd has booted")
        yield root
