"""understudy lab, ./run and the launchers, as they are typed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cutting import exchange_value
from understudy.cli.understudy import lab as command
from understudy.lab import Lab
from understudy.lab.places import project_root

ROOT = project_root()
VERBS = ("image", "up", "down", "status", "exec", "client", "crash", "boot", "freeze", "thaw", "cut", "heal", "registry")


def understudy_lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "understudy.cli.understudy.lab", *arguments]
    return subprocess.run(line, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=False)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_command_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main([verb, "--help"])
    assert ended.value.code == 0
    assert f"example: understudy lab {verb}" in capsys.readouterr().out


@pytest.mark.lab
def test_a_lab_by_hand(lab_name: str) -> None:
    """Bring it up, look at it, run a command, break it, take it down."""
    name = ("--name", lab_name)
    assert understudy_lab("up", *name, "--servers", "ctr1", "--no-wait").returncode == 0
    done = understudy_lab("exec", *name, "ctr1", "--", "sh", "-c", "hostname; exit 9")
    assert (done.stdout, done.returncode) == ("ctr1\n", 9)
    assert understudy_lab("client", *name, "--", "hostname").stdout == "client\n"
    assert understudy_lab("cut", *name, "ctr1", "--one-way", "in").returncode == 0
    assert understudy_lab("freeze", *name, "ctr1").returncode == 0
    header, ctr1, *_ = understudy_lab("status", *name).stdout.splitlines()
    assert header.split()[:4] == ["HOST", "POWER", "STATE", "CUT"]
    assert ctr1.split()[:5] == ["ctr1", "on", "frozen", "all:in", "10.10.10.1"]
    assert understudy_lab("crash", *name, "ctr1").returncode == 0
    assert json.loads(understudy_lab("status", *name, "--json").stdout)["ctr1"]["power"] == "off"
    done = understudy_lab("exec", *name, "ctr1", "--", "true")
    assert (done.returncode, done.stderr) == (255, "understudy lab: ctr1 is off: understudy lab boot ctr1\n")
    assert understudy_lab("down", *name).returncode == 0
    done = understudy_lab("status", *name)
    assert (done.returncode, done.stderr) == (1, f"understudy lab: there is no lab {lab_name}: understudy lab up --name {lab_name}\n")


@pytest.mark.lab
def test_a_terminal_passes_through(lab: Lab) -> None:
    line = lab.command("ctr1", ["sh", "-c", "test -t 0 && stty size"])
    quoted = " ".join(f"'{word}'" for word in line)
    done = subprocess.run(["script", "-qec", f"stty rows 33 cols 99; {quoted}", "/dev/null"], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("33 99", 0)


@pytest.mark.lab
@pytest.mark.parametrize("arguments", [("run", "demo"), ("run", "lab", "up")])
def test_without_root_one_sentence_says_so(arguments: tuple[str, ...]) -> None:
    program, *rest = arguments
    script = (ROOT / program).read_text()
    # The script comes on standard input: another user need not be able to read the checkout.
    done = subprocess.run(["sh", "-s", "--", *rest], input=script, capture_output=True, text=True, user=65534, cwd="/", check=False)
    assert done.returncode == 2
    assert "needs root" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_run_alone_prints_its_usage() -> None:
    done = subprocess.run([ROOT / "run"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "examples:" in done.stdout
    assert subprocess.run([ROOT / "run", "nonsense"], capture_output=True, check=False).returncode == 2


def test_a_launcher_calls_its_module_s_main(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "bin/launch", tmp_path / "bin/launch")
    for name in ("crsctl", "nonsense"):
        (tmp_path / "bin" / name).symlink_to("launch")
    module = tmp_path / "src/understudy/cli/crsctl.py"
    module.parent.mkdir(parents=True)
    module.write_text("import sys\ndef main(argv):\n    print(argv, 'site' in sys.modules)\n    return 3\n")
    done = subprocess.run([tmp_path / "bin/crsctl", "stat", "res"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("['stat', 'res'] False\n", 3)
    assert subprocess.run([tmp_path / "bin/nonsense"], capture_output=True, check=False).returncode == 2


def test_there_is_a_launcher_for_every_command() -> None:
    names = {path.name for path in (ROOT / "bin").iterdir()} - {"launch"}
    assert names == {"understudyd", "understudy-exec", "understudy-guard", "understudy-registry", "crsctl", "appvipcfg", "understudy"}
    assert all(os.access(ROOT / "bin" / name, os.X_OK) for name in names)


@pytest.mark.lab
@pytest.mark.long
def test_two_makers_of_an_image_do_not_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both get the same whole image, and nothing half-made stays beside it."""
    from concurrent.futures import ThreadPoolExecutor

    from understudy.lab import image

    exchange_value(monkeypatch, image, "CACHE", tmp_path)
    said: list[str] = []
    with ThreadPoolExecutor() as makers:
        first, second = makers.map(lambda _: image.ensure(said.append), range(2))
    assert first == second
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([first.name, "lock"])
    assert sum("complete after" in line for line in said) == 1
    assert not list((first / "var/cache/apt").rglob("*.deb"))
    shutil.rmtree(first)


@pytest.mark.lab
def test_a_lab_is_down_after_its_with_even_when_the_test_fails(lab_name: str) -> None:
    def fail() -> None:
        with Lab(lab_name, ("ctr1",), services=()) as lab:
            lab.up()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert understudy_lab("status", "--name", lab_name).returncode == 1
