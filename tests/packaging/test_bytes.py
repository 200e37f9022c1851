"""Whole builds: the same bytes from the same sources, and a wheel that works."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from makepackage import libraries, project, understudy, wheel

pytestmark = pytest.mark.long


def test_two_builds_are_alike(tmp_path: Path, unit_folder: Path) -> None:
    """The package as it is published, made in two places."""
    first, second = (
        understudy.build(tmp_path / name, tmp_path / name, print, version="1.0", unit_folder=unit_folder).read_bytes()
        for name in ("first", "second")
    )
    assert first == second


def test_the_wheel_is_pure_and_its_commands_work(tmp_path: Path) -> None:
    """Installed by pip, beside dependencies that are there."""
    libraries.CACHE.mkdir(parents=True, exist_ok=True)
    made = wheel.build(tmp_path / "first", print)
    assert made.name == f"understudy-{project.version()}-py3-none-any.whl"
    assert made.read_bytes() == wheel.build(tmp_path / "second", print).read_bytes()
    names = zipfile.ZipFile(made).namelist()
    assert {f"understudy/{name.removeprefix('understudy/')}" for name in project.files("src")} <= set(names)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(tmp_path / "site"), str(made)]
    subprocess.run(pip, check=True)
    paths = os.pathsep.join([str(tmp_path / "site"), str(libraries.installed(print))])
    for name in ("crsctl", "understudy", "understudyd", "understudy-exec", "understudy-guard", "understudy-registry"):
        command = [str(tmp_path / "site/bin" / name), "--help"]
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True)
        assert name in done.stdout.lower()
