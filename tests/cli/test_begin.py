"""How the processes begin: with settings and a key that can be used, or with one line and exit status 2, all alike."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.guard.configured import raise_limit, soft_limit

ROOT = Path(__file__).parents[2]
PROGRAMS = ("understudyd", "understudy-exec", "understudy-guard")
TEXT = (
    '[cluster]\nname = "lab"\n[server]\nname = "ctr1"\nrun_dir = "{folder}/run"\nstate_dir = "{folder}/state"\nlog_dir = "{folder}/log"\n'
    '[servers.ctr1]\naddresses = ["127.0.0.1"]\n[guard]\nkey = "{folder}/key"\n[executor]\ncgroup = "{folder}/no/cgroup"\n'
)


def begun(program: str, config: Path) -> "subprocess.CompletedProcess[bytes]":
    """The process, which is not to last."""
    command = [sys.executable, "-IS", str(ROOT / "bin" / program), "--config", str(config)]
    return subprocess.run(command, capture_output=True, timeout=30, check=False)


def refused(program: str, config: Path, said: str) -> None:
    """Exit status 2, and one line that says this."""
    ended = begun(program, config)
    text = ended.stderr.decode()
    assert ended.returncode == 2, text
    assert text.startswith(f"{program}: ")
    assert said in text
    assert text.count("\n") == 1, text
    assert len(text) < 500


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'[cluster]\nname = "\xff"\n', "understudy.toml is no UTF-8 text: byte 18 is 0xff"),
        (b"x = " + b"[" * 2000, "understudy.toml: it cannot be read: brackets within brackets without end"),
        (TEXT.replace("[guard]", "[guard]\nport = 'x'").encode(), "understudy.toml: [guard] port is 'x' (a text); write a whole number"),
        (TEXT.replace('"lab"', '"lab"\npause_tolerance = 0.1').encode(), "understudy.toml: [cluster] pause_tolerance is 0.1"),
        (b"#" * (2 << 20), "understudy.toml has more than 1 MiB"),
        (None, "understudy.toml cannot be read: No such file or directory"),
    ],
    ids=["no text", "brackets", "a wrong type", "out of bounds", "too large", "not there"],
)
def test_a_file_that_cannot_be_used_is_one_line_of_each(program: str, raw: bytes | None, said: str, tmp_path: Path) -> None:
    config = tmp_path / "understudy.toml"
    if raw is not None:
        config.write_bytes(raw)
    refused(program, config, said)


@pytest.mark.parametrize("program", ["understudyd", "understudy-guard"])
@pytest.mark.parametrize(
    ("key", "mode", "said"),
    [
        (None, 0o600, "cannot be read: No such file or directory; it is the same on every server, and made once by: openssl rand -hex 32"),
        ("ab" * 8, 0o600, "must hold 64 hex digits"),
        ("ab" * 32, 0o644, "can be read by others: chmod 0600"),
    ],
    ids=["missing", "too short", "too open"],
)
def test_a_key_that_cannot_be_used_is_an_error_everywhere(program: str, key: str | None, mode: int, said: str, tmp_path: Path) -> None:
    config = tmp_path / "understudy.toml"
    config.write_text(TEXT.format(folder=tmp_path))
    if key is not None:
        (tmp_path / "key").write_text(key)
        (tmp_path / "key").chmod(mode)
    refused(program, config, f"[guard] key: {tmp_path}/key {said}")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_run_directory_that_cannot_be_made_is_one_line(program: str, tmp_path: Path) -> None:
    config = tmp_path / "understudy.toml"
    config.write_text(TEXT.format(folder=tmp_path))
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text("ab" * 32)
    (tmp_path / "run").write_text("in the way")
    refused(program, config, f"[server] run_dir: {tmp_path}/run cannot be made: File exists")


def test_a_control_group_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "understudy.toml"
    config.write_text(TEXT.format(folder=tmp_path))
    (tmp_path / "no").write_text("in the way")
    refused("understudy-exec", config, f"[executor] cgroup: {tmp_path}/no/cgroup cannot be made: Not a directory")


@pytest.mark.parametrize("program", [*PROGRAMS, "understudy-registry"])
def test_help_has_an_example(program: str) -> None:
    ended = subprocess.run([sys.executable, "-IS", str(ROOT / "bin" / program), "--help"], capture_output=True, timeout=30, check=True)
    assert b"example" in ended.stdout


def test_a_process_that_serves_takes_all_the_files_it_may_have(tmp_path: Path) -> None:
    """And what it begins gets what it was given itself."""
    script = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))\n" + (
        "from understudy.guard.configured import raise_limit, soft_limit; print(raise_limit(), soft_limit(), resource.getrlimit(7))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True, env=environment)
    assert resource.RLIMIT_NOFILE == 7
    assert ended.stdout == "512 256 (512, 512)\n"


@pytest.mark.parametrize("name", ["daemon", "executor", "guard", "registry/sqlite"])
def test_each_of_them_does(name: str) -> None:
    """Said in their mains, after the settings were read."""
    assert "    raise_limit()\n" in (ROOT / "src/understudy" / name / "main.py").read_text()
    assert raise_limit.__module__ == soft_limit.__module__
