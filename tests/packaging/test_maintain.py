"""What a removal finds out before it goes on: leases, processes of resources, processes of the package."""

import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from makepackage.project import ROOT
from support import wait_for
from understudy.linux.clocks import read_clocks
from understudy.linux.lease import LeaseFile
from understudy.linux.reading import Reading
from understudy.model.settings import Settings


@pytest.fixture
def maintain() -> dict[str, Any]:
    """The functions of the file that the package's scripts call."""
    return runpy.run_path(str(ROOT / "packaging/debian/maintain.py"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a server whose places are all in a directory of the test."""
    (tmp_path / "run").mkdir()
    return Settings(cluster="c", server="ctr1", servers=(), voters=(), run_dir=str(tmp_path / "run"), cgroup=str(tmp_path / "group"))


def test_a_lease_holds_up_a_removal(maintain: dict[str, Any], settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """As long as it lasts, whoever may or may not run; without one there is no reason."""
    assert maintain["holds"](settings) == 0
    lease = LeaseFile(f"{settings.run_dir}/lease")
    lease.begin(bytes(range(16)))
    assert maintain["holds"](settings) == 0
    now = read_clocks()
    lease.extend(Reading(now.boot_ns + 60 * 10**9, now.raw_ns + 60 * 10**9))
    assert maintain["holds"](settings) == 1
    said = capsys.readouterr().err
    assert "UND-0266" in said
    assert "understudy server leave" in said
    lease.clear()
    assert maintain["holds"](settings) == 0


def test_processes_of_resources_hold_up_a_removal(maintain: dict[str, Any], settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Also without a lease: something may be left that could not be ended."""
    folder = Path(settings.cgroup) / "db"
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text("12\n13\n")
    assert maintain["holds"](settings) == 1
    assert f"UND-0267: 2 processes of resources run here, in {settings.cgroup}" in capsys.readouterr().err


def test_only_who_wrote_the_pid_file_is_asked_to_end(maintain: dict[str, Any], settings: Settings) -> None:
    """A process that has the number of a daemon of long ago goes on."""
    with subprocess.Popen(["sleep", "600"]) as daemon, subprocess.Popen(["sleep", "600"]) as stranger:
        try:
            for name, process, started in (("understudyd", daemon, None), ("understudy-exec", stranger, "1")):
                text = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
                Path(f"{settings.run_dir}/{name}.pid").write_text(f"{process.pid} {started or text}\n")
            assert maintain["restart"](settings) == 0
            wait_for(lambda: daemon.poll() is not None, 10, "the daemon has ended")
            assert stranger.poll() is None
        finally:
            daemon.kill()
            stranger.kill()


def test_a_word_that_it_does_not_know_is_refused(maintain: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """With those it knows."""
    main: Callable[[list[str]], int] = maintain["main"]
    assert main(["purge"]) == 2
    assert "holds, runs, clear, restart" in capsys.readouterr().err
