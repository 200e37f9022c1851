"""Rows of the vocabulary that are true of a machine alone: files, scripts on disks, servers that go and come back. One lab for all."""

import re

import pytest

from e2e.harness import SOON_S, Cluster
from e2e.teller import well
from support import wait_for
from vocabulary.rows import VocabularyRow, rows
from vocabulary.stage import afterwards, compared

pytestmark = [pytest.mark.lab, pytest.mark.long]

SERVERS = ["ctr1", "ctr2", "ctr3", "ctr4"]
HOME = "/opt/v"
SCRIPTS = {
    "ok.scr": """#!/bin/sh
pid=/run/$_CRS_NAME.pid
case $1 in
start) setsid sleep 100000 </dev/null >/dev/null 2>&1 & echo $! >$pid ;;
stop|clean) [ ! -e $pid ] || kill -9 $(cat $pid); rm -f $pid ;;
check) [ -e $pid ] && kill -0 $(cat $pid) ;;
esac
""",
    "dos.scr": "#!/bin/sh\r\nexit 0\r\n",
    "wrong.scr": "#!/usr/bin/no-such-shell\nexit 0\n",
    "empty.scr": "",
    "loud.scr": "#!/bin/sh\nprintf '\\033[2J\\007bell\\r\\n'\ncase $1 in start|check) exit 1 ;; esac\n",
}


@pytest.fixture
def engine() -> str:
    """The guards' key can be exchanged where the registry has another."""
    return "etcd"


def test_what_is_typed_does_what_its_row_says(cluster: Cluster) -> None:
    """On ctr1, or where a step says so; all of them are played, and what was otherwise is said together."""
    for name, text in SCRIPTS.items():
        cluster.put(f"{HOME}-{name}", text, SERVERS)
    for server in ("ctr1", cluster.onlooker):
        wait_for(well(cluster, server), SOON_S, f"{server} finds that all is well")
    wrong: list[str] = []
    played = [row for row in rows() if row.lab]
    for row in played:
        wrong += [f"{row}\n    {trouble}" for trouble in _play(cluster, row)]
    assert played
    assert not wrong, "\n".join(wrong)


def _play(cluster: Cluster, row: VocabularyRow) -> list[str]:
    for step in row.given:
        _do(cluster, row, step)
    done = [_do(cluster, row, step) for step in row.do]
    found = list(compared(row, "\n".join(text for text, _ in done if text), done[-1][1]))
    if row.then:
        found += afterwards(row, "\n".join(_do(cluster, row, step)[0] for step in row.then) + "\n")
    return found


def _do(cluster: Cluster, row: VocabularyRow, step: str) -> tuple[str, int]:
    """What a shell on a server says, and its exit status; `% until CONDITION; ...` waits for the condition first."""
    host, command = row.on, step
    if typed := re.match(r"(ctr\d): (.*)", step, re.DOTALL):
        host, command = typed[1], typed[2]
    if command.startswith("% until "):
        condition, _, command = command.removeprefix("% until ").partition("; ")
        try:
            wait_for(lambda: _shell(cluster, host, condition)[1] == 0, SOON_S, condition)
        except AssertionError as error:  # said with all that is otherwise
            return f"{error}\n{_shell(cluster, host, command)[0]}", 1
    return _shell(cluster, host, command)


def _shell(cluster: Cluster, host: str, command: str) -> tuple[str, int]:
    done = cluster.lab.exec(host, ["sh", "-c", f"{{ {command}\n}} 2>&1"], check=False, timeout_s=120)
    return done.stdout.rstrip("\n"), done.returncode
