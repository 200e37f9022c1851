"""The scripts as texts: both shells can read them, each is one screen, and every release says what is behind every name."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from openstack.scripts.machine import SCRIPTS
from understudy.lab.places import project_root

ALL = sorted(SCRIPTS.glob("*.scr"))
LIBRARY = SCRIPTS / "lib"
SHELL = [*ALL, *sorted(LIBRARY.glob("*.sh")), *sorted((LIBRARY / "services").iterdir())]
OF_THE_GUIDE = """
mysql-data mysqld rabbitmq-data rabbitmq-server openstack-keystone openstack-cinder-api openstack-cinder-backup openstack-cinder-scheduler
openstack-cinder-volume glance-data openstack-glance-api openstack-glance-registry openstack-glance-scrubber openstack-swift-proxy
openstack-nova-api openstack-nova-cert openstack-nova-conductor openstack-nova-console openstack-nova-consoleauth
openstack-nova-metadata-api openstack-nova-novncproxy openstack-nova-scheduler openstack-nova-spicehtml5proxy openstack-nova-xvpvncproxy
neutron-server neutron-openvswitch-agent neutron-dhcp-agent neutron-l3-agent neutron-metadata-agent neutron-lbaas-agent
"""
SHELLCHECK = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
"""Of the Python environment, or else of this machine."""
ONE_SCREEN = 60
"""Lines; the database's own script is the exception: it has no library to itself."""


def test_every_name_of_the_guide_has_its_script() -> None:
    assert {path.stem for path in ALL} == {*OF_THE_GUIDE.split(), "memcached", "placement-api", "openstack-keys"}


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_both_shells_can_read_it(path: Path) -> None:
    for shell in ("dash", "bash"):
        done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), shell


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_a_script_without_its_library_cannot_tell(path: Path, tmp_path: Path) -> None:
    """As in the middle of a deployment: any other status would restart what runs."""
    alone = shutil.copy(path, tmp_path)
    for shell in ("dash", "bash"):
        assert subprocess.run([shell, alone, "check"], capture_output=True).returncode == 3


@pytest.mark.skipif(SHELLCHECK is None, reason="no shellcheck for this architecture in requirements/dev.txt, nor on this machine")
@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_shellcheck_has_no_complaint(path: Path) -> None:
    """Sourced files are looked at by themselves, so their variables seem unused or unset."""
    leave = "--exclude=SC1090,SC1091,SC2034,SC2154"
    done = subprocess.run([str(SHELLCHECK), "--shell=sh", "--severity=warning", leave, str(path)], capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.parametrize("path", [path for path in ALL if path.stem != "mysqld"], ids=lambda path: path.name)
def test_a_script_is_one_screen(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= ONE_SCREEN


@pytest.mark.parametrize("release", sorted(path.name for path in (LIBRARY / "services").iterdir()))
@pytest.mark.parametrize("script", sorted(path.stem for path in ALL if "service.sh" in path.read_text()))
def test_a_release_says_what_is_behind_a_name(script: str, release: str) -> None:
    """A daemon of the right form, or why there is none."""
    asks = f'lib={LIBRARY}; . "$lib/common.sh"; . "$lib/service.sh"; service={script} OPENSTACK_RELEASE={release}; describe || exit 9; '
    done = subprocess.run(["dash", "-euc", f'{asks} echo "$gone"; echo "$daemons"'], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    gone, *daemons = done.stdout.splitlines()
    daemons = [line for line in daemons if line]
    assert bool(gone) != bool(daemons)
    for line in daemons:
        _unit, user, word, command = line.split("|")
        assert user
        assert word
        assert command.startswith("/")


def test_the_page_names_every_script() -> None:
    """In full, or by what distinguishes it from the one before."""
    page = (project_root() / "docs/openstack/scripts.md").read_text()
    missing = [path.stem for path in ALL if not any(f"`{name}`" in page for name in endings(path.stem))]
    assert missing == []


def endings(name: str) -> list[str]:
    """`openstack-nova-api`, `-nova-api`, `-api`."""
    parts = name.split("-")
    return [name, *(f"-{'-'.join(parts[start:])}" for start in range(1, len(parts)))]
