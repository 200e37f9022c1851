"""The command lines: what is wrong is said in one line with its number, before anything is looked at or changed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.cli.understudy import cluster_setup
from understudy.setup.token import JoinToken, token_text

ROOT = Path(__file__).parents[2]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit status, output, errors."""
    status = cluster_setup.main(list(words))
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("init", "prod"), "UND-0285: --server: name each server of the cluster"),
        (("init", "prod", "--server", "ctr1"), "UND-0285: --server: 'ctr1' is no server; write NAME=ADDRESS"),
        (("init", "prod", "--server", "a=10.9.9.1", "--server", "b=10.9.9.2"), "UND-0277: Two servers have one voter: when a is lost"),
        (("init", "prod", "--server", "a=10.9.9.1", "--network", "x"), "UND-0285: --network: 'x' is no network"),
        (("init", "prod", "--server", "a=10.9.9.1", "--engine", "sqlite", "--endpoint", "x"), "UND-0285: --endpoint: 'x' (a text)"),
        (("join", "und1abc"), "UND-0271: This is no token: it has letters or digits"),
        (("join", "hello"), "UND-0271: This is no token: it begins with und1"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    status, out, err = run(capsys, *words)
    assert (status, out) == (1, "")
    assert err.startswith(said)
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [("init",), ("token", "--expires", "soon"), ("init", "prod", "--pause-tolerance", "x"), ("nothing",)])
def test_a_command_line_that_is_none_ends_with_status_2(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        cluster_setup.main(list(words))
    assert ended.value.code == 2
    assert "usage: understudy cluster" in capsys.readouterr().err


def test_servers_that_are_elsewhere_are_refused_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole table is there, as JSON too; nothing was changed."""
    words = ("init", "prod", *(f"--server=ctr{number}=198.51.100.{number}" for number in (1, 2, 3)), "--json", "--dry-run")
    status, out, err = run(capsys, *words)
    found = json.loads(out)
    assert (status, found["exit"]) == (1, 1)
    (server,) = [check for check in found["checks"] if check["check"] == "server"]
    assert server["result"] == "failed"
    assert "ip address" in server["advice"]
    assert err.endswith("UND-0270: Nothing was changed: what failed above has to be mended first.\n")


def test_a_token_is_read_from_standard_input_too() -> None:
    """Where the command line can be seen by others: nobody answers at that address, which is as far as it gets."""
    token = token_text(JoinToken(endpoints=(("127.0.0.1", 1),), pin=bytes(32), secret=bytes(16)))
    done = subprocess.run(
        [sys.executable, "-IS", ROOT / "bin/understudy", "cluster", "join"],
        input=token,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(("UND-0275: No answer from the server that made the token: 127.0.0.1:1: Connection refused", "UND-0280"))


def test_the_commands_are_found_among_those_of_the_cluster() -> None:
    done = subprocess.run([ROOT / "bin/understudy", "cluster", "-h"], capture_output=True, text=True, timeout=60, check=False)
    assert "understudy cluster init | join | token | check" in done.stdout
    wrong = subprocess.run([ROOT / "bin/understudy", "cluster", "inti"], capture_output=True, text=True, timeout=60, check=False)
    assert (wrong.returncode, "cluster init" in wrong.stderr) == (1, True)
